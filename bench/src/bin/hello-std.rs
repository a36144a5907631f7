//! The least that a program does on std: a thread, and its end.

fn main() {
    std::thread::spawn(|| println!("hello")).join().unwrap();
}
