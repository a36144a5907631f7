//! Semaphores of C's.
//!
//! `sem_post` is good in a signal's handler, where the runtime's table must not be touched: there a thread is asked to
//! wake whoever waits (`courier.rs`).
//!
//! # Safety
//!
//! As in `mutex.rs`.

#![allow(unsafe_code)]

use super::clock::Deadline;
use super::count::{Waiting, arm, somebody, wake};
use super::{courier, layout};
use crate::here;
use crate::real::real;
use crate::taken::take_over;
use crate::words::{fail, give};
use gort_rt::WaitReason;
use gort_rt::sync::Place;
use gort_sys::Errno;
use gort_sys::context::slot;
use libc::{c_int, clockid_t, sem_t, timespec};

fn key(sem: *const sem_t) -> usize {
    sem.addr() | 2
}

type Limit = Option<(clockid_t, *const timespec)>;

unsafe fn real_wait(sem: *mut sem_t, limit: Limit) -> c_int {
    // SAFETY: the caller's contract; libc's types.
    unsafe {
        match limit {
            None => real!(sem_wait(sem): fn(*mut sem_t) -> c_int),
            Some((clock, at)) => {
                real!(sem_clockwait(sem, clock, at): fn(*mut sem_t, clockid_t, *const timespec) -> c_int)
            }
        }
    }
}

/// Whether it was to be had; libc's own, which is not taken over. `errno` is anything afterwards.
unsafe fn took(sem: *mut sem_t) -> bool {
    // SAFETY: the caller's contract.
    unsafe { libc::sem_trywait(sem) == 0 }
}

unsafe fn wait_parking(sem: *mut sem_t, limit: Limit) -> c_int {
    // SAFETY: the caller's contract, here and below. A wrong time is an error even if nobody waits.
    let until = match limit.map(|(clock, at)| unsafe { Deadline::new(clock, at) }) {
        Some(Err(errno)) => return fail(errno),
        until => until.and_then(Result::ok),
    };
    // SAFETY: as above.
    if unsafe { took(sem) } {
        return 0;
    }
    arm();
    // SAFETY: as above.
    if !unsafe { layout::sem_is_private(sem) } || !courier::is_there() {
        // The error that libc's function leaves is the goroutine's: C runs with its thread-local storage.
        // SAFETY: as above.
        return gort::ffi::call_blocking(|| unsafe { real_wait(sem, limit) });
    }
    let waiting =
        Waiting { key: key(sem), place: Place::Back, reason: WaitReason::Semaphore, until };
    // SAFETY: as above.
    let attempt = || unsafe { took(sem) }.then_some(0);
    give(waiting.until_it_works(attempt).ok_or(Errno::ETIMEDOUT))
}

/// Whether this may be a signal's handler, or within the runtime.
#[inline]
fn is_aside() -> bool {
    slot::locks() != 0 || here::in_handler()
}

unsafe fn post(sem: *mut sem_t) -> c_int {
    // SAFETY: the caller's contract.
    let result = unsafe { real!(sem_post(sem): fn(*mut sem_t) -> c_int) };
    // It may be gone by now.
    let key = key(sem);
    if !is_aside() {
        wake(key, 1);
    } else if somebody(key) {
        courier::send(key);
    }
    result
}

/// What must not be looked for in a handler.
pub(super) fn prepare() {
    let mut sem = std::mem::MaybeUninit::<sem_t>::zeroed();
    // SAFETY: a semaphore of our own.
    unsafe {
        libc::sem_init(sem.as_mut_ptr(), 0, 0);
        post(sem.as_mut_ptr());
    }
}

take_over! {
    /// Parks until the semaphore can be had.
    fn sem_wait(sem: *mut sem_t) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { real_wait(sem, None) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { wait_parking(sem, None) }
    }

    /// Parks until the semaphore can be had, or until then.
    fn sem_timedwait(sem: *mut sem_t, at: *const timespec) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { real_wait(sem, Some((libc::CLOCK_REALTIME, at))) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { wait_parking(sem, Some((libc::CLOCK_REALTIME, at))) }
    }

    /// Parks until the semaphore can be had, or until then.
    fn sem_clockwait(sem: *mut sem_t, clock: clockid_t, at: *const timespec) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { real_wait(sem, Some((clock, at))) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { wait_parking(sem, Some((clock, at))) }
    }

    /// Wakes a goroutine, too.
    fn sem_post(sem: *mut sem_t) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { post(sem) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { post(sem) }
    }
}
