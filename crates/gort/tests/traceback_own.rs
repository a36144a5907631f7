//! The walk over one's own stack, against libgcc's.
//!
//! Shown to fail: a walk that leaves rbp out, one without the frames of handlers whose return has no table,
//! one without expressions, and one that does not know what a call to nowhere has left.
//!
//! # Safety
//!
//! libgcc's functions are called as `unwind.h` declares them; the handler's signal is raised where the
//! handler may do what it does.

#![allow(unsafe_code)]

mod support;

use gort_rt::traceback::{Pc, callers};
use gort_sys::context::sigframe;
use gort_sys::raw;
use gort_sys::types::{SaFlags, SigAction, SigSet, Signal};
use std::ffi::{c_int, c_void};
use std::hint::black_box;
use support::{Child, is_child, stderr};

unsafe extern "C" {
    fn _Unwind_Backtrace(
        f: unsafe extern "C" fn(*mut c_void, *mut c_void) -> c_int,
        arg: *mut c_void,
    ) -> c_int;
    safe fn _Unwind_GetIP(context: *mut c_void) -> usize;
}

#[inline(never)]
fn theirs() -> Vec<usize> {
    unsafe extern "C" fn one(context: *mut c_void, found: *mut c_void) -> c_int {
        // SAFETY: what `theirs` hands over.
        let found = unsafe { &mut *found.cast::<Vec<usize>>() };
        found.push(_Unwind_GetIP(context));
        if found.len() < 4000 { 0 } else { 5 }
    }
    let mut found = Vec::<usize>::new();
    // SAFETY: `one` takes `found`, and returns before this does.
    unsafe { _Unwind_Backtrace(one, (&raw mut found).cast()) };
    found.retain(|pc| *pc != 0);
    found
}

#[inline(never)]
fn ours() -> Vec<usize> {
    let mut out = vec![Pc::default(); 4000];
    let count = callers(&mut out);
    out[..count].iter().map(|pc| pc.pc).collect()
}

/// Both ways, from the same frame: what is above it is the same, and at least `least` frames.
#[inline(never)]
fn compare(least: usize) {
    let (ours, theirs) = (black_box(ours()), black_box(theirs()));
    let same = ours.iter().rev().zip(theirs.iter().rev()).take_while(|(a, b)| a == b).count();
    assert!(
        same >= least && ours.len() - same <= 4 && theirs.len() - same <= 4,
        "{same} frames are the same:\n{ours:x?}\n{theirs:x?}"
    );
}

#[repr(align(256))]
struct Aligned([u8; 256]);

#[inline(never)]
fn aligned(then: fn(usize), least: usize) {
    let mut local = Aligned([1; 256]);
    black_box(&mut local.0);
    then(least + 1);
    black_box(&local);
}

#[inline(never)]
fn large(then: fn(usize), least: usize) {
    let mut local = [1u8; 50_000];
    black_box(&mut local);
    then(least + 1);
    black_box(&local);
}

/// Uses every register that is kept across calls.
#[inline(never)]
fn busy(then: fn(usize), least: usize) {
    let v: [usize; 12] = std::array::from_fn(black_box);
    let [a, b, c, d, e, f, g, h, i, j, k, l] = v;
    then(black_box(least + 1));
    black_box((a ^ b, b ^ c, c ^ d, d ^ e, e ^ f, f ^ g, g ^ h, h ^ i, i ^ j, j ^ k, k ^ l));
}

#[inline(never)]
fn deep(depth: usize, least: usize) {
    if depth == 0 {
        compare(least)
    } else {
        deep(depth - 1, least + 1)
    }
    black_box(depth);
}

fn all() {
    compare(1);
    aligned(compare, 1);
    large(compare, 1);
    busy(compare, 1);
    deep(300, 1);
    aligned(|least| large(|least| busy(|least| aligned(compare, least), least), least), 1);
    let mut sorted = [3, 1, 2];
    sorted.sort_by(|a, b| {
        compare(2);
        a.cmp(b)
    });
}

#[test]
fn on_a_goroutine() {
    gort::run(all);
}

/// On a stack that nobody has told of.
#[test]
fn on_a_thread() {
    gort::run(|| ());
    all();
}

#[test]
fn in_c() {
    gort::run(|| {
        gort::ffi::call_with(all);
        // Through C and back, to the goroutine's own frames.
        gort::ffi::call_with(|| {
            gort::ffi::callback(|| {
                all();
                gort::ffi::call_with(all);
            });
        });
    });
}

#[test]
fn in_a_handler() {
    extern "C" fn handler(_: c_int) {
        compare(3);
        let mut out = [Pc::default(); 100];
        let count = callers(&mut out);
        // Where this stands, and what was interrupted.
        assert_eq!(out[..count].iter().filter(|pc| pc.exact).count(), 2);
    }
    let handler: extern "C" fn(c_int) = handler;
    // SAFETY: a handler's signature.
    unsafe { libc::signal(libc::SIGUSR1, handler as *const () as usize) };
    // libc's return has a table, the runtime's has none.
    let action = SigAction {
        handler: handler as *const () as usize,
        flags: SaFlags::RESTORER,
        restorer: sigframe::restorer(),
        mask: SigSet::EMPTY,
    };
    // SAFETY: a handler's signature.
    unsafe { raw::rt_sigaction(Signal(libc::SIGUSR2), Some(&action), None) }.unwrap();
    gort::run(|| ());
    for signal in [libc::SIGUSR1, libc::SIGUSR2] {
        let raise = || {
            // SAFETY: has no conditions.
            unsafe { libc::raise(signal) };
        };
        raise();
        gort::run(|| {
            raise();
            gort::ffi::call_with(raise);
        });
    }
}

/// A call to where there is no code: who made it is on top of the stack.
#[test]
fn nowhere() {
    extern "C" fn handler(_: c_int) {
        let mut out = [Pc::default(); 100];
        let count = callers(&mut out);
        let at = calls_nothing as *const () as usize;
        let found = out[..count].iter().any(|pc| (at..at + 256).contains(&pc.pc));
        raw::exit_group(if found { 7 } else { 8 });
    }
    #[inline(never)]
    fn calls_nothing() {
        // SAFETY: the handler of the fault ends the process.
        let f = unsafe { std::mem::transmute::<usize, extern "C" fn()>(black_box(8)) };
        f();
        black_box(());
    }
    let output = Child::new("nowhere", || {
        gort::run(|| ());
        let handler: extern "C" fn(c_int) = handler;
        // SAFETY: a handler's signature.
        unsafe { libc::signal(libc::SIGSEGV, handler as *const () as usize) };
        calls_nothing();
    })
    .run();
    if !is_child() {
        assert_eq!(output.status.code(), Some(7), "{:?} {}", output.status, stderr(&output));
    }
}
