//! Waiting for threads.
//!
//! The kernel says that a thread is over, at a word of libc's, so whoever waits for one waits in libc: the goroutine on
//! its thread, the P going to others first. A goroutine that is a thread to C is joined as a goroutine.
//!
//! # Safety
//!
//! As in `mutex.rs`.

#![allow(unsafe_code)]

use super::clock::Deadline;
use super::create::{Patience, join};
use super::record;
use crate::real::real;
use crate::taken::take_over;
use libc::{c_int, c_void, clockid_t, pthread_t, timespec};

type Value = *mut *mut c_void;

/// Joins a goroutine, or else does `real`.
unsafe fn join_or(thread: pthread_t, value: Value, real: impl FnOnce() -> c_int) -> c_int {
    match record::of(thread) {
        // SAFETY: the caller's contract.
        Some(record) => unsafe { join(record, value, Patience::Forever) },
        None => real(),
    }
}

/// The same until then.
unsafe fn join_until_or(
    thread: pthread_t,
    value: Value,
    clock: clockid_t,
    at: *const timespec,
    real: impl FnOnce() -> c_int,
) -> c_int {
    let Some(record) = record::of(thread) else { return real() };
    // SAFETY: the caller's contract; without a time it waits for ever.
    unsafe {
        let patience = match at.is_null() {
            true => Patience::Forever,
            false => match Deadline::new(clock, at) {
                Ok(until) => Patience::Until(until),
                Err(errno) => return errno.raw(),
            },
        };
        join(record, value, patience)
    }
}

unsafe fn try_join(thread: pthread_t, value: Value) -> c_int {
    // SAFETY: the caller's contract; libc's types.
    unsafe {
        match record::of(thread) {
            Some(record) => join(record, value, Patience::None),
            None => real!(pthread_tryjoin_np(thread, value): fn(pthread_t, Value) -> c_int),
        }
    }
}

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
    /// Parks for a goroutine; for a thread, waits in libc without a P.
    fn pthread_join(thread: pthread_t, value: Value) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { join_or(thread, value, || real_join(thread, value)) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { join_or(thread, value, || gort::ffi::call_blocking(|| real_join(thread, value))) }
    }

    /// The same, or until then.
    fn pthread_timedjoin_np(thread: pthread_t, value: Value, at: *const timespec) -> c_int else {
        let clock = libc::CLOCK_REALTIME;
        // SAFETY: the caller's contract.
        unsafe { join_until_or(thread, value, clock, at, || real_join_until(thread, value, clock, at)) }
    } => {
        let clock = libc::CLOCK_REALTIME;
        // SAFETY: the caller's contract.
        unsafe { join_until_or(thread, value, clock, at, || gort::ffi::call_blocking(|| real_join_until(thread, value, clock, at))) }
    }

    /// The same, or until then.
    fn pthread_clockjoin_np(thread: pthread_t, value: Value, clock: clockid_t, at: *const timespec) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { join_until_or(thread, value, clock, at, || real_join_until(thread, value, clock, at)) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { join_until_or(thread, value, clock, at, || gort::ffi::call_blocking(|| real_join_until(thread, value, clock, at))) }
    }

    /// Knows goroutines that are threads to C.
    fn pthread_tryjoin_np(thread: pthread_t, value: Value) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { try_join(thread, value) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { try_join(thread, value) }
    }
}
