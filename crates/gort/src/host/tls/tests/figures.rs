//! Prints what the operations cost; `--release --nocapture` for figures that mean something.
//!
//! # Safety
//!
//! The slot is the test's own, and nothing but the exit sequence runs with its block.

#![allow(unsafe_code)]

use super::super::fs::call_with;
use super::{SLOT, tls};
use core::ffi::c_void;
use gort_sys::raw;
use gort_sys::types::Prot;
use std::time::Instant;

const ROUNDS: u32 = 100_000;

/// The best of some rounds, in nanoseconds.
fn nanoseconds(mut body: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..10 {
        let start = Instant::now();
        for _ in 0..ROUNDS / 10 {
            body();
        }
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(ROUNDS / 10));
    }
    best
}

unsafe extern "C" fn exit_sequences(result: *mut c_void) {
    // SAFETY: the test passes the address of its figure. It runs with a block that was not used.
    unsafe { *result.cast::<f64>() = nanoseconds(|| tls().exit_sequence()) };
}

#[test]
fn figures() {
    let lo = raw::mmap_anonymous(SLOT, Prot::READ | Prot::WRITE).unwrap() as usize;
    let hi = lo + SLOT;
    // SAFETY: the slot is ours.
    unsafe {
        let fs = tls().build(lo, hi, 4096).unwrap();
        let reset = nanoseconds(|| tls().reset(fs, lo, hi, 4096));
        let mut exit = 0.0;
        call_with(fs, exit_sequences, (&raw mut exit).cast());
        let generation = nanoseconds(|| {
            std::hint::black_box(tls().generation());
        });
        tls().destroy(fs);
        let build = nanoseconds(|| {
            let fs = tls().build(lo, hi, 4096).unwrap();
            tls().destroy(fs);
        });
        println!("build + destroy   {build:6.1} ns");
        println!("reset             {reset:6.1} ns");
        println!("exit_sequence     {exit:6.1} ns, nothing used");
        println!("generation        {generation:6.1} ns");
        println!("reserve           {:6} bytes", tls().reserve());
        raw::munmap(lo as *mut u8, SLOT).unwrap();
    }
}
