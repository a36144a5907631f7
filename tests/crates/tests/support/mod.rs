//! What the tests share: two Ps, a watchdog, and how many threads there are.

#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of it")]

use gort_std as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// After that a test hangs.
const PATIENCE: Duration = Duration::from_secs(120);
/// More threads than this has no test of goroutines on two Ps. It would be fewer on a machine that has nothing else
/// to do: whose thread is not run for a while, in a call that does not wait, has its P taken by another.
const FEW: usize = 24;

/// How many threads this process has.
pub fn threads() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc is mounted");
    let count = status.lines().find_map(|line| line.strip_prefix("Threads:"));
    count.expect("the kernel counts threads").trim().parse().expect("a number")
}

/// Runs `test` on a goroutine with two Ps. The process never has more than [`FEW`] threads beside those that are
/// there without goroutines and the `own` ones that the crate makes.
pub fn few_threads(own: usize, test: impl FnOnce() + Send) {
    static ONE: Mutex<()> = Mutex::new(());
    static WITHOUT: OnceLock<usize> = OnceLock::new();
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (peak, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let without = std::thread::scope(|s| {
        s.spawn(|| {
            let start = Instant::now();
            while !over.load(Ordering::Relaxed) {
                peak.fetch_max(threads(), Ordering::Relaxed);
                if start.elapsed() > PATIENCE {
                    let _ = writeln!(std::io::stderr(), "it hangs: {:?}", gort::runtime::stats());
                    std::process::abort();
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let without = *WITHOUT.get_or_init(threads);
        let _over = Over(&over);
        gort::runtime::gomaxprocs(Some(2));
        gort::run(test);
        without
    });
    let peak = peak.into_inner();
    println!("{peak} threads at most, {without} without goroutines, {own} of the crate's own");
    assert!(peak < without + own + FEW, "{peak} threads");
}

/// The test is over, even if it has panicked.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs `body(i)` on so many goroutines at a time, and waits for all.
pub fn all(count: usize, body: impl Fn(usize) + Sync) {
    gort::scope(|s| {
        for i in 0..count {
            let body = &body;
            s.go(move || body(i));
        }
    });
}

/// Serves each connection by `serve` on a goroutine, for ever, and says where. `serve` returns when the
/// connection is over.
pub fn server(serve: impl Fn(BufReader<TcpStream>) + Send + Sync + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there are ports");
    let addr = listener.local_addr().expect("it has an address");
    gort::go(move || {
        for stream in listener.incoming() {
            let (stream, serve) = (stream.expect("it can accept"), serve.clone());
            gort::go(move || serve(BufReader::new(stream)));
        }
    });
    addr
}

/// A line without its end, or none at the end.
pub fn line(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    let bytes = reader.read_line(&mut line).expect("text");
    (bytes > 0).then(|| line.trim_end().to_owned())
}
