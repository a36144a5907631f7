//! The workloads on may. A million coroutines at once is more than its guard pages allow, so it has
//! no burst and no skynet.
//!
//! # Safety
//!
//! may's spawn is unsafe because its coroutines share their thread's thread-locals; none of these
//! use any.

#![allow(unsafe_code)]

use crate::{TIMES, measure, procs};
use may::coroutine;

/// Runs a workload by name.
pub(crate) fn run(workload: &str) -> Option<f64> {
    may::config().set_workers(procs());
    Some(match workload {
        "join" => {
            join(TIMES / 10);
            measure(TIMES / 10, || join(TIMES / 10))
        }
        "yield" => {
            yields(TIMES);
            measure(10 * TIMES, || yields(10 * TIMES))
        }
        _ => return crate::echo::run_may(workload),
    })
}

fn join(times: u64) {
    // SAFETY: uses no thread-locals.
    let all = unsafe {
        coroutine::spawn(move || {
            for _ in 0..times {
                coroutine::spawn(|| {}).join().unwrap();
            }
        })
    };
    all.join().unwrap();
}

fn yields(times: u64) {
    let pair: Vec<_> = (0..2)
        .map(|_| {
            // SAFETY: uses no thread-locals.
            unsafe {
                coroutine::spawn(move || {
                    for _ in 0..times / 2 {
                        coroutine::yield_now();
                    }
                })
            }
        })
        .collect();
    for one in pair {
        one.join().unwrap();
    }
}
