//! `gort-bench PEER WORKLOAD`: runs one workload on one peer and prints nanoseconds per operation.
//!
//! Peers: `gort`, `tokio`, `may`, and for channels, on threads, crossbeam-channel and flume, for
//! sockets a loop around epoll_wait, for files and sleeping std; Go's programs are in `bench/go`. `bench/compare.sh` runs them side by side, interleaved, and prints the ratios. GOMAXPROCS says how many workers there are.

mod calls;
mod channels;
mod defers;
mod echo;
mod files;
mod futures;
mod go;
mod locks;
mod may_peer;
mod thread_peer;
mod timers;
mod tokio_channels;
mod tokio_peer;

use std::time::Instant;

/// How many goroutines a burst has, and how often the other workloads repeat.
pub const BURST: u64 = 1_000_000;
/// See [`BURST`].
pub const TIMES: u64 = 200_000;
/// Skynet's leaves.
pub const LEAVES: u64 = 1_000_000;
/// Values that go through channels.
pub const VALUES: u64 = 3_000_000;
/// The buffer of those that have one.
pub const BUFFER: usize = 128;

/// Runs `work`, which does `count` operations, and returns nanoseconds for each.
pub fn measure(count: u64, work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_nanos() as f64 / count as f64
}

/// How many workers to use.
pub fn procs() -> usize {
    std::env::var("GOMAXPROCS").ok().and_then(|text| text.parse().ok()).unwrap_or(2)
}

fn main() {
    let mut args = std::env::args().skip(1);
    let (peer, workload) = (args.next().unwrap_or_default(), args.next().unwrap_or_default());
    let nanos = match peer.as_str() {
        "gort" => go::run(&workload),
        "tokio" => tokio_peer::run(&workload),
        "may" => may_peer::run(&workload),
        "crossbeam" => thread_peer::run_crossbeam(&workload),
        "flume" => thread_peer::run_flume(&workload),
        "parking_lot" => locks::run_parking_lot(&workload),
        "epoll" => echo::run_epoll(&workload),
        "std" => timers::run_std(&workload)
            .or_else(|| files::run_std(&workload))
            .or_else(|| defers::run_std(&workload)),
        _ => None,
    };
    match nanos {
        Some(nanos) => println!("{nanos:.1}"),
        None => {
            eprintln!("usage: gort-bench PEER WORKLOAD (see bench/compare.sh)");
            std::process::exit(2);
        }
    }
}
