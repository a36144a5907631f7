//! `gort-bench PEER WORKLOAD`: runs one workload on one peer and prints its figure, and further ones as
//! `NAME FIGURE` or, for a distribution, `NAME QUANTILE...`. It ends with 2 if the peer does not have it.
//!
//! Each peer has its module, but for sockets and memory, where all are in one; Go's programs are in `bench/go`.
//! `cargo bench-peers` runs them side by side and knows what each of them is. GOMAXPROCS says how many
//! workers there are; BENCH_DIVISOR how many times fewer operations, a power of ten. With BENCH_REPEAT what is
//! measured is done so often, and the figure `operations` says how many that were: what they cost without the
//! program's beginning and end is the difference between two runs.

mod bare;
mod calls;
mod channels;
mod defers;
mod echo;
mod figures;
mod files;
mod futures;
mod go;
mod locks;
mod may_peer;
mod parked;
mod smol_peer;
mod std_echo;
mod std_peer;
mod thread_peer;
mod timers;
mod tokio_channels;
mod tokio_peer;
mod turns;

use figures::{also, asked, distribution, measure, sized};
use std::time::{Duration, Instant};

/// How many goroutines a burst has, and how often the other workloads repeat.
pub(crate) const BURST: u64 = 1_000_000;
/// See [`BURST`].
pub(crate) const TIMES: u64 = 200_000;
/// Skynet's leaves.
pub(crate) const LEAVES: u64 = 1_000_000;
/// Values that go through channels.
pub(crate) const VALUES: u64 = 3_000_000;
/// Values that the sieve begins with.
pub(crate) const SIEVE: u64 = 2_000;
/// The buffer of those that have one.
pub(crate) const BUFFER: usize = 128;
/// Goroutines that wait for one another at a lock.
pub(crate) const RIVALS: u64 = 8;
/// Lockings of one lock.
pub(crate) const LOCKS: u64 = 8_000_000;
/// Timers at a time.
pub(crate) const TIMERS: u64 = 1_000_000;

/// How many threads a pool for calls that wait may have: as many as gort and Go allow.
pub(crate) const POOL: usize = 10_000;

/// How long what is measured takes at most, where it can be cut short.
const LONG: Duration = Duration::from_millis(300);

/// How long there is nothing to do, in the workload of that: the runner ends it.
pub(crate) const NOTHING: Duration = Duration::from_secs(30);

/// Nanoseconds for each of `full` operations, or what that is cut down to, after a tenth to warm up. No more than
/// take [`LONG`]: who is slow has done enough by then.
pub(crate) fn timed(full: u64, mut work: impl FnMut(u64)) -> f64 {
    let mut count = sized(full);
    if asked("BENCH_REPEAT").is_none() {
        let few = (count / 1000).max(10);
        let start = Instant::now();
        work(few);
        let each = start.elapsed().as_nanos() as u64 / few;
        count = (LONG.as_nanos() as u64 / each.max(1)).clamp(few, count);
    }
    work(count / 10);
    measure(count, || work(count))
}

/// The same without that limit, warmed up by doing it all: for what needs as much memory as there are operations,
/// or costs more the more there are.
pub(crate) fn again(full: u64, mut work: impl FnMut(u64)) -> f64 {
    let count = sized(full);
    work(count);
    measure(count, || work(count))
}

/// How many workers to use.
pub(crate) fn procs() -> usize {
    asked("GOMAXPROCS").map_or(2, |count| count as usize)
}

/// The number that ends a workload's name, behind `prefix`.
pub(crate) fn number(workload: &str, prefix: &str) -> Option<u64> {
    workload.strip_prefix(prefix)?.parse().ok()
}

/// What `gort-bench` does.
pub fn run_peer() {
    let mut args = std::env::args().skip(1);
    let (peer, workload) = (args.next().unwrap_or_default(), args.next().unwrap_or_default());
    let figure = match peer.as_str() {
        "gort" => go::run(&workload),
        "tokio" => tokio_peer::run(&workload),
        "may" => may_peer::run(&workload),
        "smol" => smol_peer::run(&workload),
        "crossbeam" => thread_peer::run_crossbeam(&workload),
        "flume" => thread_peer::run_flume(&workload),
        "parking_lot" => locks::run_parking_lot(&workload),
        "epoll" => echo::run_epoll(&workload),
        "std" => std_peer::run(&workload),
        "bare" => bare::run(&workload),
        _ => None,
    };
    print(figure, &peer, &workload);
}

/// std's workloads on goroutines, where libc's functions are taken over, and threads are goroutines: what
/// `gort-std-bench WORKLOAD` does.
pub fn run_std_on_goroutines() {
    let workload = std::env::args().nth(1).unwrap_or_default();
    print(gort::run(|| std_peer::run(&workload)), "std on goroutines", &workload);
}

fn print(figure: Option<f64>, peer: &str, workload: &str) {
    match figure {
        Some(figure) => println!("{figure:.1}"),
        None => {
            eprintln!("{peer} has no {workload}; see cargo bench-peers");
            std::process::exit(2);
        }
    }
}
