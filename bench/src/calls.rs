//! System calls on gort.
//!
//! # Safety
//!
//! `getppid` has no arguments; `nanosleep` gets a time that outlives the call.

#![allow(unsafe_code)]

use crate::{TIMES, measure, number, sized, timed};
use gort::syscall::types::Timespec;
use gort_sys::{nr, raw_syscall};
use std::hint::black_box;

/// How often each of those sleeps that wait in the kernel at the same time.
const SLEEPS: u64 = 10;
/// How long, in nanoseconds.
const SLEEP: u64 = 10_000_000;

/// Runs a workload by name.
pub(crate) fn run(workload: &str) -> Option<f64> {
    Some(match workload {
        // SAFETY: see the module.
        "rawsyscall" => calls(|| unsafe { raw_syscall(nr::GETPPID, 0, 0, 0) }),
        "sysnb" => calls(gort::syscall::getppid),
        // SAFETY: see the module.
        "syscall" => calls(|| unsafe { gort::syscall::syscall(nr::GETPPID, 0, 0, 0) }),
        _ => {
            let sleep = if workload.starts_with("sysblock") { sleep_known } else { sleep };
            let sleepers = number(workload, "sysblock").or_else(|| number(workload, "block"))?;
            sleeps(|times| {
                let all: Vec<_> = (0..sleepers)
                    .map(|_| gort::go(move || (0..times).for_each(|_| sleep())))
                    .collect();
                all.into_iter().for_each(|one| one.join().unwrap());
            })
        }
    })
}

fn calls<R>(mut call: impl FnMut() -> R) -> f64 {
    timed(25 * TIMES, |count| (0..count).for_each(|_| drop(black_box(call()))))
}

/// Milliseconds for a sleep of [`SLEEP`], of all those that sleep as many times each as `work` is told.
pub(crate) fn sleeps(mut work: impl FnMut(u64)) -> f64 {
    // There is no tenth of a thread: the divisor makes it fewer sleeps.
    let sleeps = sized(100 * SLEEPS) / 100;
    work(1);
    measure(sleeps.max(2), || work(sleeps.max(2))) / 1e6
}

/// In a call that nobody knows to be long.
fn sleep() {
    let time = Timespec { sec: 0, nsec: SLEEP as _ };
    let time = std::ptr::from_ref(&time).expose_provenance();
    // SAFETY: see the module.
    let _ = unsafe { gort::syscall::syscall(nr::NANOSLEEP, time, 0, 0) };
}

/// In one that is declared to be.
fn sleep_known() {
    let _ = gort::syscall::nanosleep(&Timespec { sec: 0, nsec: SLEEP as _ }, None);
}

/// On std and everything that has its threads.
pub(crate) fn sleep_thread() {
    std::thread::sleep(std::time::Duration::from_nanos(SLEEP));
}
