//! Deferred work and panics: gort's forms, and std's for the same.

use crate::timed;
use gort::panic::{Defers, deferred, recover, recovered};
use std::hint::black_box;
use std::panic::{catch_unwind, set_hook};

/// Calls of a function that has something to do at its end.
const CALLS: u64 = 200_000_000;
/// What a loop defers, and how often there is one.
const LOOP: u64 = 16;
/// See [`LOOP`].
const LOOPS: u64 = 2_000_000;
/// Panics that are caught.
const PANICS: u64 = 200_000;

/// Runs a workload by name, on a goroutine.
pub(crate) fn run(workload: &str) -> Option<f64> {
    Some(match workload {
        "defer" => calls(deferring),
        "defers" => loops(defers),
        "recover" => panics(|| assert!(recover(fails).is_err())),
        // std's on a goroutine.
        "catch" => panics(|| assert!(catch_unwind(fails).is_err())),
        "deferred" => panics(|| {
            let value = deferred(|d| {
                d.push(|| assert!(recovered().is_some()));
                fails()
            });
            assert_eq!(value, None);
        }),
        _ => return None,
    })
}

/// What there is without gort: a call at the end of the block, boxed closures, `catch_unwind`.
pub(crate) fn run_std(workload: &str) -> Option<f64> {
    Some(match workload {
        "defer" => calls(calling),
        "defers" => loops(boxed),
        "recover" | "deferred" => panics(|| assert!(catch_unwind(fails).is_err())),
        _ => return None,
    })
}

fn calls(mut call: impl FnMut(u64) -> u64) -> f64 {
    timed(CALLS, |count| (0..count).for_each(|n| _ = black_box(call(n))))
}

fn loops(each: fn(u64)) -> f64 {
    timed(LOOP * LOOPS, |count| (0..count / LOOP).for_each(each))
}

#[inline(never)]
fn at_the_end(n: u64) {
    black_box(n);
}

#[inline(never)]
fn deferring(n: u64) -> u64 {
    gort::defer!(at_the_end(n));
    black_box(n)
}

#[inline(never)]
fn calling(n: u64) -> u64 {
    let result = black_box(n);
    at_the_end(n);
    result
}

#[inline(never)]
fn defers(n: u64) {
    let defers = Defers::new();
    for i in 0..LOOP {
        defers.push(move || at_the_end(n + i));
    }
}

#[inline(never)]
fn boxed(n: u64) {
    let mut all: Vec<Box<dyn FnOnce()>> = Vec::new();
    for i in 0..LOOP {
        all.push(Box::new(move || at_the_end(n + i)));
    }
    while let Some(last) = all.pop() {
        last();
    }
}

#[inline(never)]
fn fails() {
    if black_box(true) {
        panic!("a panic");
    }
}

fn panics(mut one: impl FnMut()) -> f64 {
    set_hook(Box::new(|_| {}));
    timed(PANICS, |count| (0..count).for_each(|_| one()))
}
