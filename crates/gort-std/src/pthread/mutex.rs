//! Mutexes of C's.
//!
//! # Safety
//!
//! Each function has the contract of libc's function of its name; what is called here is libc's own.

#![allow(unsafe_code)]

use super::clock::Deadline;
use super::count::{Waiting, arm, is_armed, of, wake_next};
use super::layout;
use crate::here;
use crate::real::real;
use crate::taken::take_over;
use gort_rt::WaitReason;
use gort_rt::sync::Place;
use libc::{c_int, clockid_t, pthread_mutex_t, timespec};

/// Where who waits for it is found: not where futexes are (1 more) and not where the runtime's own locks are.
pub(super) fn key(mutex: *const pthread_mutex_t) -> usize {
    mutex.addr() | 2
}

/// On a thread.
#[inline(always)]
unsafe fn lock_on_thread(mutex: *mut pthread_mutex_t) -> c_int {
    // SAFETY: the caller's contract.
    unsafe { if parks_too(mutex) { lock_parking(mutex, None) } else { real_lock(mutex) } }
}

/// Whether threads, too, wait for it in the table: where priorities are inherited the kernel looks for the owner,
/// and never wakes who waits for a goroutine.
#[inline(always)]
unsafe fn parks_too(mutex: *mut pthread_mutex_t) -> bool {
    // SAFETY: the caller's contract.
    is_armed() && unsafe { layout::mutex_inherits(mutex) }
}

#[inline(always)]
unsafe fn real_lock(mutex: *mut pthread_mutex_t) -> c_int {
    // SAFETY: the caller's contract, here and below; libc's types.
    unsafe { real!(pthread_mutex_lock(mutex): fn(*mut pthread_mutex_t) -> c_int) }
}

unsafe fn real_lock_until(
    mutex: *mut pthread_mutex_t,
    clock: clockid_t,
    at: *const timespec,
) -> c_int {
    // SAFETY: as above.
    unsafe {
        real!(pthread_mutex_clocklock(mutex, clock, at): fn(*mut pthread_mutex_t, clockid_t, *const timespec) -> c_int)
    }
}

/// Unlocks it, and wakes who waits for it, a thread or a goroutine.
#[inline(always)]
pub(super) unsafe fn unlock(mutex: *mut pthread_mutex_t) -> c_int {
    // SAFETY: as above.
    let result = unsafe { real!(pthread_mutex_unlock(mutex): fn(*mut pthread_mutex_t) -> c_int) };
    // It may be gone by now: its address is all that is needed.
    wake_next(key(mutex));
    result
}

/// Locks it, on a goroutine or a thread.
pub(super) unsafe fn lock(mutex: *mut pthread_mutex_t) -> c_int {
    // SAFETY: the caller's contract.
    unsafe { if here::parks() { lock_parking(mutex, None) } else { lock_on_thread(mutex) } }
}

type Limit = Option<(clockid_t, *const timespec)>;

#[inline(always)]
unsafe fn lock_parking(mutex: *mut pthread_mutex_t, limit: Limit) -> c_int {
    // SAFETY: the caller's contract.
    if unsafe { layout::mutex_inherits(mutex) } {
        // Before it is a goroutine's.
        arm();
    }
    // SAFETY: the caller's contract. libc's own: it is not taken over, as it does not wait.
    match unsafe { libc::pthread_mutex_trylock(mutex) } {
        // SAFETY: the caller's contract.
        libc::EBUSY => unsafe { lock_slow(mutex, limit) },
        result => result,
    }
}

#[cold]
unsafe fn lock_slow(mutex: *mut pthread_mutex_t, limit: Limit) -> c_int {
    arm();
    // SAFETY: the caller's contract.
    unsafe {
        if !layout::mutex_is_plain(mutex) || of(key(mutex)).hides() {
            return gort::ffi::call_blocking(|| match limit {
                None => real_lock(mutex),
                Some((clock, at)) => real_lock_until(mutex, clock, at),
            });
        }
        if layout::mutex_checks(mutex) && layout::mutex_owner(mutex) == layout::own_id() {
            return libc::EDEADLK;
        }
    }
    // SAFETY: the caller's contract.
    let until = match limit.map(|(clock, at)| unsafe { Deadline::new(clock, at) }) {
        Some(Err(errno)) => return errno.raw(),
        until => until.and_then(Result::ok),
    };
    let waiting =
        Waiting { key: key(mutex), place: Place::Back, reason: WaitReason::MutexLock, until };
    let attempt = || {
        // SAFETY: the caller's contract.
        let result = unsafe { libc::pthread_mutex_trylock(mutex) };
        (result != libc::EBUSY).then_some(result)
    };
    waiting.until_it_works(attempt).unwrap_or(libc::ETIMEDOUT)
}

take_over! {
    /// Parks until the mutex is unlocked.
    fn pthread_mutex_lock(mutex: *mut pthread_mutex_t) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { lock_on_thread(mutex) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { lock_parking(mutex, None) }
    }

    /// Parks until the mutex is unlocked, or until then.
    fn pthread_mutex_timedlock(mutex: *mut pthread_mutex_t, at: *const timespec) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe {
            if parks_too(mutex) {
                return lock_parking(mutex, Some((libc::CLOCK_REALTIME, at)));
            }
            real!(pthread_mutex_timedlock(mutex, at): fn(*mut pthread_mutex_t, *const timespec) -> c_int)
        }
    } => {
        // SAFETY: the caller's contract.
        unsafe { lock_parking(mutex, Some((libc::CLOCK_REALTIME, at))) }
    }

    /// Parks until the mutex is unlocked, or until then.
    fn pthread_mutex_clocklock(mutex: *mut pthread_mutex_t, clock: clockid_t, at: *const timespec) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe {
            if parks_too(mutex) {
                return lock_parking(mutex, Some((clock, at)));
            }
            real_lock_until(mutex, clock, at)
        }
    } => {
        // SAFETY: the caller's contract.
        unsafe { lock_parking(mutex, Some((clock, at))) }
    }

    /// Wakes a goroutine that waits for it, too.
    fn pthread_mutex_unlock(mutex: *mut pthread_mutex_t) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { unlock(mutex) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { unlock(mutex) }
    }
}
