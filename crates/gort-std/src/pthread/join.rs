//! Waiting for threads.
//!
//! The kernel says that a thread is over, at a word of libc's, so whoever waits for one waits in libc: the goroutine on
//! its thread, the P going to others first.
//!
//! # Safety
//!
//! As in `mutex.rs`.

#![allow(unsafe_code)]

use crate::real::real;
use crate::taken::take_over;
use libc::{c_int, c_void, clockid_t, pthread_t, timespec};

type Value = *mut *mut c_void;

unsafe fn real_join(thread: pthread_t, value: Value) -> c_int {
    // SAFETY: the caller's contract, here and below; libc's types.
    unsafe { real!(pthread_join(thread, value): fn(pthread_t, Value) -> c_int) }
}

unsafe fn real_join_until(
    thread: pthread_t,
    value: Value,
    clock: clockid_t,
    at: *const timespec,
) -> c_int {
    // SAFETY: as above.
    unsafe {
        real!(pthread_clockjoin_np(thread, value, clock, at): fn(pthread_t, Value, clockid_t, *const timespec) -> c_int)
    }
}

take_over! {
    /// Waits in libc, without a P.
    fn pthread_join(thread: pthread_t, value: Value) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { real_join(thread, value) }
    } => {
        // SAFETY: the caller's contract.
        gort::ffi::call_blocking(|| unsafe { real_join(thread, value) })
    }

    /// Waits in libc, without a P.
    fn pthread_timedjoin_np(thread: pthread_t, value: Value, at: *const timespec) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { real_join_until(thread, value, libc::CLOCK_REALTIME, at) }
    } => {
        // SAFETY: the caller's contract.
        gort::ffi::call_blocking(|| unsafe { real_join_until(thread, value, libc::CLOCK_REALTIME, at) })
    }

    /// Waits in libc, without a P.
    fn pthread_clockjoin_np(thread: pthread_t, value: Value, clock: clockid_t, at: *const timespec) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { real_join_until(thread, value, clock, at) }
    } => {
        // SAFETY: the caller's contract.
        gort::ffi::call_blocking(|| unsafe { real_join_until(thread, value, clock, at) })
    }
}
