//! Conditions of C's.
//!
//! # The problem
//!
//! libc's functions unlock the mutex inside libc, after they have entered the condition's queue. So they cannot be tried
//! first, and a goroutine that waits for the mutex would not be told.
//!
//! # How
//!
//! Goroutines, and threads from the time on when a goroutine has waited for anything of C's, wait in the table by the
//! condition's address, in one order; the mutex is unlocked here (`count.rs` says why no notification is lost).
//! A notification is given to libc, for threads that have begun to wait before that, and to the table. So it may wake
//! two, which POSIX allows. Nothing of the condition is changed or looked at but its clock, so it may be
//! destroyed, statically initialised, or freed by whoever was woken.
//!
//! A thread that waits in libc is counted at its mutex before it looks whether somebody may wait here, so either it
//! waits here, or a goroutine that wants the mutex finds that it may be let go of unseen and waits for it in
//! libc, too, on its thread.
//!
//! A mutex that processes share makes the condition one that they share: both are libc's then.
//!
//! A thread that waits in the table cannot be cancelled.
//!
//! # Safety
//!
//! As in `mutex.rs`.

#![allow(unsafe_code)]

use super::clock::Deadline;
use super::count::{Waiting, arm, is_armed, of, wake};
use super::{layout, mutex};
use crate::real::real;
use crate::taken::take_over;
use gort_rt::WaitReason;
use gort_rt::sync::{Parked, Place};
use libc::{c_int, clockid_t, pthread_cond_t, pthread_mutex_t, timespec};

fn key(cond: *const pthread_cond_t) -> usize {
    cond.addr() | 2
}

/// Until when; the clock may be the condition's own.
type Limit = Option<(Option<clockid_t>, *const timespec)>;

unsafe fn real_wait(cond: *mut pthread_cond_t, mutex: *mut pthread_mutex_t, limit: Limit) -> c_int {
    // SAFETY: the caller's contract; libc's types.
    unsafe {
        match limit {
            None => {
                real!(pthread_cond_wait(cond, mutex): fn(*mut pthread_cond_t, *mut pthread_mutex_t) -> c_int)
            }
            Some((None, at)) => {
                real!(pthread_cond_timedwait(cond, mutex, at): fn(*mut pthread_cond_t, *mut pthread_mutex_t, *const timespec) -> c_int)
            }
            Some((Some(clock), at)) => {
                real!(pthread_cond_clockwait(cond, mutex, clock, at): fn(*mut pthread_cond_t, *mut pthread_mutex_t, clockid_t, *const timespec) -> c_int)
            }
        }
    }
}

/// On a thread.
unsafe fn wait_on_thread(
    cond: *mut pthread_cond_t,
    mutex: *mut pthread_mutex_t,
    limit: Limit,
) -> c_int {
    let count = of(mutex::key(mutex));
    count.hide();
    // SAFETY: the caller's contract.
    unsafe {
        if is_armed() && layout::mutex_is_private(mutex) {
            count.unhide();
            return wait_here(cond, mutex, limit);
        }
        // No guard: a thread that is cancelled here leaves the frame without a destructor, and is counted for good.
        let result = real_wait(cond, mutex, limit);
        count.unhide();
        result
    }
}

/// On a goroutine.
unsafe fn wait_parking(
    cond: *mut pthread_cond_t,
    mutex: *mut pthread_mutex_t,
    limit: Limit,
) -> c_int {
    arm();
    // SAFETY: the caller's contract.
    unsafe {
        if layout::mutex_is_private(mutex) {
            wait_here(cond, mutex, limit)
        } else {
            gort::ffi::call_blocking(|| real_wait(cond, mutex, limit))
        }
    }
}

unsafe fn wait_here(cond: *mut pthread_cond_t, mutex: *mut pthread_mutex_t, limit: Limit) -> c_int {
    let deadline = limit.map(|(clock, at)| {
        // SAFETY: the caller's contract.
        unsafe { Deadline::new(clock.unwrap_or_else(|| layout::cond_clock(cond)), at) }
    });
    let until = match deadline {
        Some(Err(errno)) => return errno.raw(),
        until => until.and_then(Result::ok),
    };
    let waiting =
        Waiting { key: key(cond), place: Place::Back, reason: WaitReason::CondWait, until };
    let count = of(waiting.key);
    let counted = count.enter();
    let sequence = count.sequence();
    // SAFETY: the caller's contract, here and below.
    let unlocked = unsafe { mutex::unlock(mutex) };
    if unlocked != 0 {
        return unlocked;
    }
    // From here on the condition may be gone.
    let parked = loop {
        let parked = waiting.park(sequence);
        let early = matches!(parked, Parked::TimedOut | Parked::TooLate)
            && until.is_some_and(|until| !until.is_over());
        // Its clock has been set back.
        if !early {
            break parked;
        }
    };
    drop(counted);
    // SAFETY: as above.
    match unsafe { mutex::lock(mutex) } {
        0 if matches!(parked, Parked::TimedOut | Parked::TooLate) => libc::ETIMEDOUT,
        result => result,
    }
}

unsafe fn signal(cond: *mut pthread_cond_t) -> c_int {
    // SAFETY: the caller's contract.
    let result = unsafe { real!(pthread_cond_signal(cond): fn(*mut pthread_cond_t) -> c_int) };
    wake(key(cond), 1);
    result
}

unsafe fn broadcast(cond: *mut pthread_cond_t) -> c_int {
    // SAFETY: the caller's contract.
    let result = unsafe { real!(pthread_cond_broadcast(cond): fn(*mut pthread_cond_t) -> c_int) };
    wake(key(cond), usize::MAX);
    result
}

take_over! {
    /// Parks until the condition is signalled.
    fn pthread_cond_wait(cond: *mut pthread_cond_t, mutex: *mut pthread_mutex_t) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { wait_on_thread(cond, mutex, None) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { wait_parking(cond, mutex, None) }
    }

    /// Parks until the condition is signalled, or until then.
    fn pthread_cond_timedwait(cond: *mut pthread_cond_t, mutex: *mut pthread_mutex_t, at: *const timespec) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { wait_on_thread(cond, mutex, Some((None, at))) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { wait_parking(cond, mutex, Some((None, at))) }
    }

    /// Parks until the condition is signalled, or until then.
    fn pthread_cond_clockwait(cond: *mut pthread_cond_t, mutex: *mut pthread_mutex_t, clock: clockid_t, at: *const timespec) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { wait_on_thread(cond, mutex, Some((Some(clock), at))) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { wait_parking(cond, mutex, Some((Some(clock), at))) }
    }

    /// Wakes a goroutine, too.
    fn pthread_cond_signal(cond: *mut pthread_cond_t) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { signal(cond) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { signal(cond) }
    }

    /// Wakes all goroutines, too.
    fn pthread_cond_broadcast(cond: *mut pthread_cond_t) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { broadcast(cond) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { broadcast(cond) }
    }
}
