//! Locks on gort, and the uncontended one of parking_lot.

use crate::measure;
use gort::sync::{Mutex, RwLock, WaitGroup};
use std::hint::black_box;

/// Lockings of one lock.
const LOCKS: u64 = 8_000_000;
/// Goroutines that want it.
const RIVALS: u64 = 8;

/// Runs a workload by name, on a goroutine.
pub(crate) fn run(workload: &str) -> Option<f64> {
    Some(match workload {
        "mutex" => {
            rivals(LOCKS / 10);
            measure(LOCKS, || rivals(LOCKS))
        }
        "uncontended" => uncontended(&Mutex::new(0)),
        "rwlock" => {
            readers(LOCKS / 10);
            measure(LOCKS, || readers(LOCKS))
        }
        "waitgroup" => {
            groups(LOCKS / 100);
            measure(LOCKS / 8, || groups(LOCKS / 8))
        }
        _ => return None,
    })
}

/// As far as there is a comparison.
pub(crate) fn run_parking_lot(workload: &str) -> Option<f64> {
    (workload == "uncontended").then(|| uncontended(&parking_lot::Mutex::new(0)))
}

fn rivals(times: u64) {
    let count = Mutex::new(0);
    gort::scope(|s| {
        for _ in 0..RIVALS {
            s.go(|| {
                for _ in 0..times / RIVALS {
                    *count.lock() += 1;
                }
            });
        }
    });
    assert_eq!(count.into_inner(), times);
}

/// One in ten writes.
fn readers(times: u64) {
    let count = RwLock::new(0);
    gort::scope(|s| {
        for _ in 0..RIVALS {
            s.go(|| {
                let mut seen = 0;
                for n in 0..times / RIVALS {
                    if n % 10 == 0 {
                        *count.write() += 1;
                    } else {
                        seen += *count.read();
                    }
                }
                black_box(seen);
            });
        }
    });
    assert_eq!(count.into_inner(), times / 10);
}

/// So many goroutines, a few at a time.
fn groups(times: u64) {
    for _ in 0..times / RIVALS {
        let group = WaitGroup::new();
        for _ in 0..RIVALS {
            group.go(|| {});
        }
        group.wait();
    }
}

fn uncontended<R: lock_api::RawMutex>(lock: &lock_api::Mutex<R, u64>) -> f64 {
    let work = || {
        for _ in 0..LOCKS {
            *lock.lock() += 1;
        }
    };
    work();
    measure(LOCKS, work)
}
