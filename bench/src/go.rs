//! The workloads on gort.
//!
//! # Safety
//!
//! The goroutines that share their thread's storage wait and do nothing else. What is called as C takes
//! any argument.

#![allow(unsafe_code)]

use crate::parked::{WAITING, WOKEN, count, parked};
use crate::{BURST, LEAVES, TIMES, again, number, procs, timed};
use gort::chan::{Receiver, Sender, bounded};
use std::ffi::c_void;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Runs a workload by name.
pub(crate) fn run(workload: &str) -> Option<f64> {
    let workload = workload.to_owned();
    gort::run(move || {
        Some(match workload.as_str() {
            "burst" => again(BURST, burst),
            "join" => timed(TIMES, join),
            "yield" => timed(10 * TIMES, yields),
            "skynet" => again(LEAVES, |leaves| {
                assert_eq!(skynet(0, leaves), leaves * (leaves - 1) / 2);
            }),
            "ccall" => timed(10 * TIMES, ccalls),
            "callback" => timed(10 * TIMES, |count| gort::ffi::call_with(|| callbacks(count))),
            "stopworld" => timed(TIMES / 20, stop_world),
            "preempt" => crate::turns::preempt(),
            "idle" => {
                gort::time::sleep(crate::NOTHING);
                0.0
            }
            _ => {
                return crate::calls::run(&workload)
                    .or_else(|| parked(&workload))
                    .or_else(|| crate::channels::run(&workload))
                    .or_else(|| crate::defers::run(&workload))
                    .or_else(|| crate::files::run(&workload))
                    .or_else(|| crate::futures::run(&workload))
                    .or_else(|| crate::locks::run(&workload))
                    .or_else(|| crate::timers::run(&workload))
                    .or_else(|| crate::echo::run_gort(&workload));
            }
        })
    })
}

/// To the caller it is C.
#[inline(never)]
pub(crate) unsafe extern "C" fn nothing(arg: *mut c_void) {
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

fn burst(count: u64) {
    // As in Go, whose goroutines have a plain pointer to the counter: none that is counted.
    let (done, all) = bounded::<()>(0);
    let left = Box::leak(Box::new((AtomicU64::new(count), done)));
    for _ in 0..count {
        let left = &*left;
        gort::go(move || {
            if left.0.fetch_sub(1, Ordering::AcqRel) == 1 {
                left.1.close();
            }
        });
    }
    assert!(all.recv().is_err());
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

/// Does not yield until it is told to end, and does not pause either, which Go's loop has no word for.
pub(crate) fn spin(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        black_box(());
    }
}

/// Stops the world, beside a goroutine that does not yield.
fn stop_world(times: u64) {
    let stop = AtomicBool::new(false);
    gort::scope(|s| {
        s.go(|| spin(&stop));
        let procs = procs();
        for n in 0..times {
            gort::runtime::gomaxprocs(Some(procs + 1 - n as usize % 2));
        }
        stop.store(true, Ordering::Relaxed);
    });
}

/// Resident bytes for each of those that are parked, with a TLS block of their own or without.
fn parked(workload: &str) -> Option<f64> {
    let shared = number(workload, "sharedtls");
    let total = shared.or_else(|| number(workload, "parked"))?;
    let spawn = |(_, event): &(Sender<()>, Receiver<()>)| {
        let event = event.clone();
        let body = move || {
            count(&WAITING);
            let _ = event.recv();
            count(&WOKEN);
        };
        if shared.is_some() {
            // SAFETY: uses no thread-locals.
            drop(unsafe { gort::Builder::new().spawn_shared_tls(body) }.unwrap());
        } else {
            drop(gort::go(body));
        }
    };
    let wake = |(event, _): &(Sender<()>, Receiver<()>)| event.close();
    Some(parked!(total, bounded(0), spawn, wake, gort::gosched()))
}
