//! The limits: what the machine itself takes.
//!
//! # Safety
//!
//! `getppid` has no arguments, and `getauxval` no conditions. A handler that does nothing may be called
//! anywhere. The stack that is switched to is written by nobody else, and lives as long as the process.

#![allow(unsafe_code)]

use crate::{TIMES, timed};
use gort_sys::context::switch;
use gort_sys::types::Signal;
use gort_sys::{nr, raw};
use std::arch::asm;
use std::ffi::c_void;
use std::hint::black_box;
use std::ptr::null_mut;

/// Runs a workload by name.
pub(crate) fn run(workload: &str) -> Option<f64> {
    Some(match workload {
        "rawsyscall" | "syscall" => timed(25 * TIMES, |count| (0..count).for_each(|_| trap())),
        "ccall" => timed(50 * TIMES, calls),
        "yield" => switches(),
        "preempt" => signals(),
        _ => return None,
    })
}

fn calls(times: u64) {
    let nothing = black_box(crate::go::nothing as unsafe extern "C" fn(*mut c_void));
    for _ in 0..times {
        // SAFETY: it takes any argument.
        unsafe { nothing(black_box(null_mut())) };
    }
}

#[inline(always)]
fn trap() {
    // SAFETY: see the module; the clobbers are the instruction's.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") nr::GETPPID => _,
            lateout("rcx") _, lateout("r11") _,
            options(nostack, preserves_flags),
        );
    }
}

/// Signals that this thread sends to itself.
fn signals() -> f64 {
    extern "C" fn nothing(_: i32) {}
    let handler = nothing as extern "C" fn(i32);
    // SAFETY: see the module.
    unsafe { libc::signal(libc::SIGURG, handler as libc::sighandler_t) };
    let (process, thread) = (raw::getpid(), raw::gettid());
    timed(TIMES, |count| {
        (0..count).for_each(|_| raw::tgkill(process, thread, Signal::URG).unwrap())
    })
}

/// The stack pointers of who is suspended: first who measures, then the other.
static mut SUSPENDED: [usize; 2] = [0; 2];

/// `HWCAP2_FSGSBASE`: see gort's `host/tls/fs.rs`.
const FSGSBASE: u64 = 1 << 1;

/// From stack to stack, with the thread pointer.
fn switches() -> f64 {
    // SAFETY: see the module.
    switch::set_fsgsbase(unsafe { libc::getauxval(libc::AT_HWCAP2) } & FSGSBASE != 0);
    let stack = Box::leak(vec![0_u128; 4096].into_boxed_slice()).as_mut_ptr_range();
    let thread_pointer: usize;
    // SAFETY: the first word of what the thread pointer points to is itself, by the ABI.
    unsafe { asm!("mov {}, fs:0", out(reg) thread_pointer, options(nostack, readonly, pure)) };
    // SAFETY: see the module; only this thread touches the two words.
    unsafe { SUSPENDED[1] = switch::prepare(stack.end.expose_provenance(), other) };
    timed(50 * TIMES, |count| {
        for _ in 0..count / 2 {
            // SAFETY: the other stack is suspended, and so is this one when the other comes back.
            unsafe {
                switch::switch(&raw mut SUSPENDED[0], SUSPENDED[1], thread_pointer, thread_pointer)
            };
        }
    })
}

unsafe extern "C" fn other(thread_pointer: usize) -> ! {
    loop {
        // SAFETY: who has switched to here is suspended.
        unsafe {
            switch::switch(&raw mut SUSPENDED[1], SUSPENDED[0], thread_pointer, thread_pointer)
        };
    }
}
