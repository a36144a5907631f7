//! The least that a program does on smol: a task, and its end.

fn main() {
    smol::block_on(smol::spawn(async { println!("hello") }));
}
