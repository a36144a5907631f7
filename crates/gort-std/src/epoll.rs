//! `epoll_wait` and its kin, of the user's own epoll descriptors.
//!
//! # Safety
//!
//! Events are written, and times read, where the caller says.

#![allow(unsafe_code)]

use crate::poll::{SET_SIZE, copy, millis};
use crate::taken::take_over;
use crate::watch::{Look, left, limit, until};
use crate::words::{answer, blocking, kernel};
use gort_sys::nr;
use gort_sys::types::EpollFlags;
use libc::{c_int, epoll_event, sigset_t, timespec};

/// What the kernel answers at once.
///
/// # Safety
///
/// That of `epoll_wait`.
unsafe fn look(epoll: c_int, events: *mut epoll_event, most: c_int) -> usize {
    // SAFETY: the caller's contract.
    unsafe {
        kernel(nr::EPOLL_WAIT, [epoll as usize, events.expose_provenance(), most as usize, 0])
    }
}

/// On a goroutine: waits until there are events, or an error, for at most so many nanoseconds.
///
/// # Safety
///
/// That of `epoll_wait`.
unsafe fn wait(epoll: c_int, events: *mut epoll_event, most: c_int, nanos: Option<u64>) -> usize {
    // SAFETY: the caller's contract, here and below.
    let found = unsafe { look(epoll, events, most) };
    if found != 0 || nanos == Some(0) {
        return found;
    }
    let limit = limit(nanos);
    let ask = || {
        // SAFETY: as above.
        Some(unsafe { look(epoll, events, most) }).filter(|found| *found != 0)
    };
    // It is an epoll descriptor, for the kernel has answered.
    match until([Look { fd: epoll, events: EpollFlags::IN }].into_iter(), limit, ask) {
        Ok(found) => found.unwrap_or(0),
        Err(_) => {
            // In milliseconds, as kernels before 5.11 have it; rather too long than too short.
            let millis = left(limit)
                .map_or(-1, |nanos| nanos.div_ceil(1_000_000).min(i32::MAX as u64) as i32);
            let words =
                [epoll as usize, events.expose_provenance(), most as usize, millis as usize];
            // SAFETY: as above.
            unsafe { blocking(nr::EPOLL_WAIT, words) }
        }
    }
}

take_over! {
    /// Parks until there are events, or the time is up.
    fn epoll_wait(epoll: c_int, events: *mut epoll_event, most: c_int, timeout: c_int) -> c_int = EPOLL_WAIT => {
        // SAFETY: the caller's contract.
        answer(unsafe { wait(epoll, events, most, millis(timeout)) })
    }

    /// Parks until there are events, or the time is up; with a signal mask the thread waits.
    fn epoll_pwait(
        epoll: c_int, events: *mut epoll_event, most: c_int, timeout: c_int, mask: *const sigset_t,
    ) -> c_int else {
        // SAFETY: the caller's contract.
        answer(unsafe { kernel(nr::EPOLL_PWAIT, pwait(epoll, events, most, timeout as usize, mask)) })
    } => {
        if mask.is_null() {
            // SAFETY: as above.
            return answer(unsafe { wait(epoll, events, most, millis(timeout)) });
        }
        // SAFETY: as above.
        answer(unsafe { blocking(nr::EPOLL_PWAIT, pwait(epoll, events, most, timeout as usize, mask)) })
    }

    /// Parks until there are events, or the time is up; with a signal mask the thread waits.
    fn epoll_pwait2(
        epoll: c_int, events: *mut epoll_event, most: c_int, time: *const timespec, mask: *const sigset_t,
    ) -> c_int else {
        // SAFETY: the caller's contract.
        answer(unsafe { kernel(nr::EPOLL_PWAIT2, pwait(epoll, events, most, time.expose_provenance(), mask)) })
    } => {
        // SAFETY: as above.
        let nanos = unsafe { copy(time) }.as_ref().map(crate::time::nanos).transpose();
        match nanos {
            // SAFETY: as above.
            Ok(nanos) if mask.is_null() => answer(unsafe { wait(epoll, events, most, nanos) }),
            // SAFETY: as above.
            _ => answer(unsafe { blocking(nr::EPOLL_PWAIT2, pwait(epoll, events, most, time.expose_provenance(), mask)) }),
        }
    }
}

fn pwait(
    epoll: c_int,
    events: *mut epoll_event,
    most: c_int,
    time: usize,
    mask: *const sigset_t,
) -> [usize; 6] {
    let (events, mask) = (events.expose_provenance(), mask.expose_provenance());
    [epoll as usize, events, most as usize, time, mask, SET_SIZE]
}
