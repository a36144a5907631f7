//! Another stack, to leave the interrupted code for.
//!
//! # Safety
//!
//! Each thread has its own other stack, on which nothing is but during [`away`].

#![allow(unsafe_code)]

use gort_sys::context::preempt::Saved;
use gort_sys::context::{slot, switch};
use std::cell::Cell;
use std::hint::black_box;

thread_local! {
    /// The other stack's end.
    static TOP: Cell<usize> = const { Cell::new(0) };
    /// Whether the next call stays here.
    static STAY: Cell<bool> = const { Cell::new(false) };
}

/// The other stack, while it lives.
pub(crate) struct Elsewhere {
    _stack: Vec<u8>,
}

impl Elsewhere {
    pub(crate) fn new() -> Elsewhere {
        const LEN: usize = 64 << 10;
        let stack = vec![0u8; LEN];
        TOP.set((stack.as_ptr().expose_provenance() + LEN) & !15);
        Elsewhere { _stack: stack }
    }
}

/// Who went there.
struct Trip {
    sp: usize,
    thread_pointer: usize,
}

/// A hook: every second time, to the other stack and back.
pub(crate) fn away(_: &mut Saved) {
    STAY.set(!STAY.get());
    if STAY.get() {
        return;
    }
    let mut trip = Trip { sp: 0, thread_pointer: slot::thread_pointer() };
    let address = (&raw mut trip).expose_provenance();
    // SAFETY: the other stack is empty, and `back` resumes this one, once, with its own pointers.
    unsafe {
        let there = switch::prepare(TOP.get(), back);
        switch::switch(&raw mut trip.sp, there, trip.thread_pointer, address);
    }
}

/// Begins there and goes back.
unsafe extern "C" fn back(trip: usize) -> ! {
    let scratch = black_box([trip; 64]);
    // SAFETY: `away` waits for this with its `Trip` on its stack.
    unsafe {
        let trip = &*std::ptr::with_exposed_provenance::<Trip>(scratch[63]);
        switch::gogo(trip.sp, trip.thread_pointer, 0)
    }
}
