//! A million goroutines in a tree of tens, each adding up what its children return:
//! `cargo run --release --example skynet`.

use std::time::Instant;

fn skynet(number: u64, size: u64) -> u64 {
    if size == 1 {
        return number;
    }
    let size = size / 10;
    let children: Vec<_> =
        (0..10).map(|i| gort::go(move || skynet(number + i * size, size))).collect();
    children.into_iter().map(|child| child.join().unwrap()).sum()
}

#[gort::main]
fn main() {
    let start = Instant::now();
    let sum = skynet(0, 1_000_000);
    let time = start.elapsed();
    let stats = gort::runtime::stats();
    println!(
        "{sum}: {} goroutines on {} threads in {} ms",
        stats.spawned,
        stats.threads,
        time.as_millis()
    );
}
