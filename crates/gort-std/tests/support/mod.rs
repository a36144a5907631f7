//! What the tests of this directory share: gort's own, and what says that goroutines have waited, not threads.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "each test program uses a part of it"
)]

#[path = "../../../gort/tests/support/mod.rs"]
mod gorts;

pub use gorts::*;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How many threads this process has, by what the kernel says.
pub fn threads() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc is mounted");
    let threads = status.lines().find_map(|line| line.strip_prefix("Threads:"));
    threads.and_then(|number| number.trim().parse().ok()).expect("there are some")
}

/// As many threads as a program with GOMAXPROCS=2 may have, however many of its goroutines wait.
pub const FEW: usize = 12;

/// Runs `test` on a goroutine with GOMAXPROCS=2 in a process of its own, which has few threads all the while.
pub fn on_few_threads<F: FnOnce() + Send>(label: &'static str, test: F) {
    alone(label, || {
        gort::runtime::gomaxprocs(Some(2));
        let over = AtomicBool::new(false);
        let most = gort::run(|| {
            gort::scope(|s| {
                let most = s.go(|| {
                    let mut most = 0;
                    while !over.load(Ordering::Relaxed) {
                        most = most.max(threads());
                        gort::time::sleep(Duration::from_millis(1));
                    }
                    most
                });
                test();
                over.store(true, Ordering::Relaxed);
                most.join().expect("counting does not panic")
            })
        });
        assert!(most < FEW, "{most} threads");
    });
}

/// Runs `test` on the main thread's side of a process of its own, which has to end well.
pub fn alone<F: FnOnce()>(label: &'static str, test: F) {
    with_env(label, &[], test);
}

/// The same with this in its environment.
pub fn with_env<F: FnOnce()>(label: &'static str, env: &[(&'static str, &str)], test: F) {
    let child = Child::new(label, test);
    let child = env.iter().fold(child, |child, (key, value)| child.env(key, value));
    let output = child.run();
    if !is_child() {
        let (out, err) = (stdout(&output), stderr(&output));
        assert!(output.status.success(), "{:?} {out}{err}", output.status);
        assert!(out.contains("running 1 test\n"), "it has not been found: {out}");
    }
}

/// How often goroutines have called a function that is taken over.
pub fn calls(name: &str) -> u64 {
    let entry = gort_std::taken_over().find(|entry| entry.name == name);
    entry.expect("it is taken over").calls
}
