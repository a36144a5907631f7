//! System calls on gort.
//!
//! # Safety
//!
//! `getppid` has no arguments; `nanosleep` gets a time that outlives the call.

#![allow(unsafe_code)]

use crate::measure;
use gort::syscall::types::Timespec;
use gort_sys::{nr, raw_syscall};
use std::hint::black_box;

/// How many calls that return at once.
const CALLS: u64 = 5_000_000;
/// How many goroutines wait in the kernel at the same time, and how often each.
const SLEEPERS: u64 = 500;
/// See [`SLEEPERS`].
const SLEEPS: u64 = 10;

/// Runs a workload by name.
pub(crate) fn run(workload: &str) -> Option<f64> {
    Some(match workload {
        // SAFETY: see the module.
        "rawsyscall" => calls(|| unsafe { raw_syscall(nr::GETPPID, 0, 0, 0) }),
        // SAFETY: see the module.
        "syscall" => calls(|| unsafe { gort::syscall::syscall(nr::GETPPID, 0, 0, 0) }),
        "block" => {
            block();
            measure(SLEEPERS * SLEEPS, block)
        }
        _ => return None,
    })
}

fn calls<R>(mut call: impl FnMut() -> R) -> f64 {
    measure(CALLS, || (0..CALLS).for_each(|_| drop(black_box(call()))))
}

/// Sleeps of 10 ms each, in calls that nobody knows to be long.
fn block() {
    let sleepers: Vec<_> = (0..SLEEPERS)
        .map(|_| {
            gort::go(|| {
                for _ in 0..SLEEPS {
                    let time = Timespec { sec: 0, nsec: 10_000_000 };
                    let time = std::ptr::from_ref(&time).expose_provenance();
                    // SAFETY: see the module.
                    let _ = unsafe { gort::syscall::syscall(nr::NANOSLEEP, time, 0, 0) };
                }
            })
        })
        .collect();
    sleepers.into_iter().for_each(|one| one.join().unwrap());
}
