//! The least that a program does on gort: a goroutine, and its end.

#[gort::main]
fn main() {
    gort::go(|| println!("hello")).join().unwrap();
}
