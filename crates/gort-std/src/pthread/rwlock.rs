//! Read-write locks of C's.
//!
//! Who waits to read and who waits to write are found at two addresses. Whoever lets go wakes all readers, and if there
//! are none, a writer: those who read come first, as libc's default is. Readers that are woken and have to go on waiting
//! wait for somebody who will let go, too; and when none of them waits any more, whoever of them lets go wakes a
//! writer.
//!
//! # Safety
//!
//! As in `mutex.rs`.

#![allow(unsafe_code)]

use super::clock::Deadline;
use super::count::{Waiting, arm, wake, wake_next};
use super::layout;
use crate::real::real;
use crate::taken::take_over;
use gort_rt::WaitReason;
use gort_rt::sync::Place;
use libc::{c_int, clockid_t, pthread_rwlock_t, timespec};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

/// Not odd, as those of futexes are.
fn key(lock: *const pthread_rwlock_t, access: Access) -> usize {
    lock.addr() | if access == Access::Read { 2 } else { 6 }
}

type Limit = Option<(clockid_t, *const timespec)>;

unsafe fn real_lock(lock: *mut pthread_rwlock_t, access: Access, limit: Limit) -> c_int {
    // SAFETY: the caller's contract; libc's types.
    unsafe {
        match (access, limit) {
            (Access::Read, None) => {
                real!(pthread_rwlock_rdlock(lock): fn(*mut pthread_rwlock_t) -> c_int)
            }
            (Access::Write, None) => {
                real!(pthread_rwlock_wrlock(lock): fn(*mut pthread_rwlock_t) -> c_int)
            }
            (Access::Read, Some((clock, at))) => {
                real!(pthread_rwlock_clockrdlock(lock, clock, at): fn(*mut pthread_rwlock_t, clockid_t, *const timespec) -> c_int)
            }
            (Access::Write, Some((clock, at))) => {
                real!(pthread_rwlock_clockwrlock(lock, clock, at): fn(*mut pthread_rwlock_t, clockid_t, *const timespec) -> c_int)
            }
        }
    }
}

/// libc's own, which do not wait and are not taken over.
#[inline(always)]
unsafe fn try_lock(lock: *mut pthread_rwlock_t, access: Access) -> c_int {
    // SAFETY: the caller's contract.
    unsafe {
        match access {
            Access::Read => libc::pthread_rwlock_tryrdlock(lock),
            Access::Write => libc::pthread_rwlock_trywrlock(lock),
        }
    }
}

#[inline(always)]
unsafe fn lock_parking(lock: *mut pthread_rwlock_t, access: Access, limit: Limit) -> c_int {
    // A wrong time is an error even if nobody waits.
    if let Some((clock, at)) = limit
        // SAFETY: the caller's contract.
        && let Err(errno) = unsafe { Deadline::new(clock, at) }
    {
        return errno.raw();
    }
    // SAFETY: the caller's contract.
    match unsafe { try_lock(lock, access) } {
        // SAFETY: the caller's contract.
        libc::EBUSY => unsafe { lock_slow(lock, access, limit) },
        result => result,
    }
}

#[cold]
unsafe fn lock_slow(lock: *mut pthread_rwlock_t, access: Access, limit: Limit) -> c_int {
    arm();
    // SAFETY: the caller's contract.
    unsafe {
        if !layout::rwlock_is_private(lock) {
            return gort::ffi::call_blocking(|| real_lock(lock, access, limit));
        }
        if layout::rwlock_writer(lock) == layout::own_id() {
            return libc::EDEADLK;
        }
    }
    // SAFETY: the caller's contract.
    let until = match limit.map(|(clock, at)| unsafe { Deadline::new(clock, at) }) {
        Some(Err(errno)) => return errno.raw(),
        until => until.and_then(Result::ok),
    };
    let reason = match access {
        Access::Read => WaitReason::RwMutexRLock,
        Access::Write => WaitReason::RwMutexLock,
    };
    let waiting = Waiting { key: key(lock, access), place: Place::Back, reason, until };
    // SAFETY: the caller's contract.
    let attempt =
        || Some(unsafe { try_lock(lock, access) }).filter(|result| *result != libc::EBUSY);
    waiting.until_it_works(attempt).unwrap_or(libc::ETIMEDOUT)
}

#[inline(always)]
pub(super) unsafe fn unlock(lock: *mut pthread_rwlock_t) -> c_int {
    // SAFETY: the caller's contract.
    let result = unsafe { real!(pthread_rwlock_unlock(lock): fn(*mut pthread_rwlock_t) -> c_int) };
    if wake(key(lock, Access::Read), usize::MAX) == 0 {
        wake_next(key(lock, Access::Write));
    }
    result
}

take_over! {
    /// Parks until nobody writes.
    fn pthread_rwlock_rdlock(lock: *mut pthread_rwlock_t) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { real_lock(lock, Access::Read, None) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { lock_parking(lock, Access::Read, None) }
    }

    /// Parks until nobody reads or writes.
    fn pthread_rwlock_wrlock(lock: *mut pthread_rwlock_t) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { real_lock(lock, Access::Write, None) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { lock_parking(lock, Access::Write, None) }
    }

    /// Parks until nobody writes, or until then.
    fn pthread_rwlock_timedrdlock(lock: *mut pthread_rwlock_t, at: *const timespec) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { real_lock(lock, Access::Read, Some((libc::CLOCK_REALTIME, at))) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { lock_parking(lock, Access::Read, Some((libc::CLOCK_REALTIME, at))) }
    }

    /// Parks until nobody reads or writes, or until then.
    fn pthread_rwlock_timedwrlock(lock: *mut pthread_rwlock_t, at: *const timespec) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { real_lock(lock, Access::Write, Some((libc::CLOCK_REALTIME, at))) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { lock_parking(lock, Access::Write, Some((libc::CLOCK_REALTIME, at))) }
    }

    /// Parks until nobody writes, or until then.
    fn pthread_rwlock_clockrdlock(lock: *mut pthread_rwlock_t, clock: clockid_t, at: *const timespec) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { real_lock(lock, Access::Read, Some((clock, at))) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { lock_parking(lock, Access::Read, Some((clock, at))) }
    }

    /// Parks until nobody reads or writes, or until then.
    fn pthread_rwlock_clockwrlock(lock: *mut pthread_rwlock_t, clock: clockid_t, at: *const timespec) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { real_lock(lock, Access::Write, Some((clock, at))) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { lock_parking(lock, Access::Write, Some((clock, at))) }
    }

    /// Wakes goroutines, too.
    fn pthread_rwlock_unlock(lock: *mut pthread_rwlock_t) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { unlock(lock) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { unlock(lock) }
    }
}
