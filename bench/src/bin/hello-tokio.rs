//! The least that a program does on tokio: a task, and its end.

#[tokio::main]
async fn main() {
    tokio::spawn(async { println!("hello") }).await.unwrap();
}
