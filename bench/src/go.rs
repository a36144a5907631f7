//! The workloads on gort.
//!
//! # Safety
//!
//! The goroutines that share their thread's storage wait and do nothing else. What is called as C takes
//! any argument.

#![allow(unsafe_code)]

use crate::{BURST, LEAVES, TIMES, measure};
use std::ffi::c_void;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Runs a workload by name.
pub(crate) fn run(workload: &str) -> Option<f64> {
    gort::run(|| {
        Some(match workload {
            "burst" => {
                burst();
                measure(BURST, burst)
            }
            "join" => {
                join(TIMES);
                measure(TIMES, || join(TIMES))
            }
            "yield" => {
                yields(TIMES);
                measure(10 * TIMES, || yields(10 * TIMES))
            }
            "skynet" => {
                skynet(0, LEAVES);
                measure(LEAVES, || assert_eq!(skynet(0, LEAVES), LEAVES * (LEAVES - 1) / 2))
            }
            "ccall" => measure(10 * TIMES, || ccalls(10 * TIMES)),
            "callback" => measure(10 * TIMES, || gort::ffi::call_with(|| callbacks(10 * TIMES))),
            "parked" => parked(false),
            "parked-shared" => parked(true),
            _ => {
                return crate::calls::run(workload)
                    .or_else(|| crate::channels::run(workload))
                    .or_else(|| crate::defers::run(workload))
                    .or_else(|| crate::files::run(workload))
                    .or_else(|| crate::futures::run(workload))
                    .or_else(|| crate::locks::run(workload))
                    .or_else(|| crate::timers::run(workload))
                    .or_else(|| crate::echo::run_gort(workload));
            }
        })
    })
}

/// To the caller it is C.
#[inline(never)]
unsafe extern "C" fn nothing(arg: *mut c_void) {
    black_box(arg);
}

fn ccalls(times: u64) {
    for _ in 0..times {
        // SAFETY: see the module.
        unsafe { gort::ffi::call(nothing, black_box(std::ptr::null_mut())) };
    }
}

/// What C does that calls back.
fn callbacks(times: u64) {
    extern "C" fn answer() {
        gort::ffi::callback(|| black_box(()));
    }
    let answer: extern "C" fn() = black_box(answer);
    for _ in 0..times {
        answer();
    }
}

fn burst() {
    // As in Go, whose goroutines have a plain pointer to the counter: none that is counted.
    let left = Box::leak(Box::new((AtomicU64::new(BURST), gort_rt::Completion::new())));
    for _ in 0..BURST {
        let left = &*left;
        gort::go(move || {
            if left.0.fetch_sub(1, Ordering::AcqRel) == 1 {
                let _ = left.1.complete();
            }
        });
    }
    left.1.wait();
}

fn join(times: u64) {
    for _ in 0..times {
        gort::go(|| {}).join().unwrap();
    }
}

fn yields(times: u64) {
    let pair: Vec<_> = (0..2)
        .map(|_| {
            gort::go(move || {
                for _ in 0..times / 2 {
                    gort::gosched();
                }
            })
        })
        .collect();
    for one in pair {
        one.join().unwrap();
    }
}

fn skynet(number: u64, size: u64) -> u64 {
    if size == 1 {
        return number;
    }
    let size = size / 10;
    let children: Vec<_> =
        (0..10).map(|i| gort::go(move || skynet(number + i * size, size))).collect();
    children.into_iter().map(|child| child.join().unwrap()).sum()
}

/// Resident bytes for each of a million parked goroutines, with a TLS block of their own or without.
fn parked(shared: bool) -> f64 {
    fn resident() -> f64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let field = |name: &str| -> f64 {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
        };
        eprintln!("page tables {:.0} B", field("VmPTE:") / BURST as f64);
        field("VmRSS:")
    }
    let before = resident();
    let mut handles = Vec::new();
    for _ in 0..BURST {
        // Each waits for its own event, like a goroutine that waits for its own connection.
        let event = Arc::new(gort_rt::Completion::new());
        let waits = Arc::clone(&event);
        let body = move || waits.wait();
        if shared {
            // SAFETY: uses no thread-locals.
            drop(unsafe { gort::Builder::new().spawn_shared_tls(body) }.unwrap());
        } else {
            drop(gort::go(body));
        }
        handles.push(event);
    }
    let queued = || {
        let stats = gort::runtime::stats();
        stats.local_queues + stats.global_queue
    };
    while queued() > 0 {
        gort::gosched();
    }
    let bytes = (resident() - before) / BURST as f64;
    let wake = measure(BURST, || {
        for event in &handles {
            let _ = event.complete();
        }
        while gort::runtime::num_goroutine() > 1 {
            gort::gosched();
        }
    });
    eprintln!("wake {wake:.0} ns");
    bytes
}
