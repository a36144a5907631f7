//! `poll` and its kin.
//!
//! # Safety
//!
//! Arrays and times are read and written where the caller says they are.

#![allow(unsafe_code)]

use crate::real::real;
use crate::taken::take_over;
use crate::watch::{Look, left, limit, until};
use crate::words::{answer, blocking, kernel};
use gort_sys::types::EpollFlags;
use gort_sys::{Errno, nr};
use libc::{c_int, nfds_t, pollfd, sigset_t, timespec};
use std::os::fd::RawFd;
use std::ptr::null;

/// The kernel's set of signals, in bytes.
pub(crate) const SET_SIZE: usize = 8;

/// Milliseconds as nanoseconds; none for no end.
pub(crate) fn millis(timeout: c_int) -> Option<u64> {
    u64::try_from(timeout).ok().map(|millis| millis * 1_000_000)
}

/// Where it is, or 0.
pub(crate) fn at<T>(value: Option<&mut T>) -> usize {
    value.map_or(0, |value| std::ptr::from_mut(value).expose_provenance())
}

/// So many nanoseconds.
pub(crate) fn timespec_of(nanos: u64) -> timespec {
    timespec { tv_sec: (nanos / 1_000_000_000) as i64, tv_nsec: (nanos % 1_000_000_000) as i64 }
}

/// What the kernel answers at once.
///
/// # Safety
///
/// That of poll.
pub(crate) unsafe fn look(fds: *mut pollfd, count: nfds_t) -> usize {
    // SAFETY: the caller's contract.
    uninterrupted(|| unsafe { kernel(nr::POLL, [fds.expose_provenance(), count as usize, 0]) })
}

/// What does not wait, again if a signal has come in between: it may be the runtime's own.
pub(crate) fn uninterrupted(mut look: impl FnMut() -> usize) -> usize {
    loop {
        let found = look();
        if Errno::from_ret(found) != Err(Errno::EINTR) {
            return found;
        }
    }
}

/// On a goroutine: waits until there is something, or an error, for at most so many nanoseconds.
///
/// # Safety
///
/// That of poll.
unsafe fn wait(fds: *mut pollfd, count: nfds_t, nanos: Option<u64>) -> usize {
    // SAFETY: the caller's contract, here and below.
    let found = unsafe { look(fds, count) };
    if found != 0 || nanos == Some(0) {
        return found;
    }
    let limit = limit(nanos);
    // An element at a time: others may change theirs.
    let looks = (0..count as usize).filter_map(|i| {
        // SAFETY: within the array.
        let one = unsafe { fds.add(i).read() };
        // The same bits; the rest are options of epoll's.
        let events = EpollFlags::from_bits_retain((one.events as u16).into());
        (one.fd >= 0).then_some(Look { fd: one.fd, events })
    });
    let ask = || {
        // SAFETY: as above.
        Some(unsafe { look(fds, count) }).filter(|found| *found != 0)
    };
    match until(looks, limit, ask) {
        Ok(found) => found.unwrap_or(0),
        Err(_) => {
            let mut time = left(limit).map(timespec_of);
            // SAFETY: as above.
            unsafe { blocking(nr::PPOLL, words(fds, count, &mut time, null())) }
        }
    }
}

/// On a goroutine: waits until one of these events is there, or an error or hang-up. For good if that cannot be
/// found out.
pub(crate) fn ready(fd: RawFd, events: i16) {
    let mut one = pollfd { fd, events, revents: 0 };
    // SAFETY: one element.
    unsafe { wait(&mut one, 1, None) };
}

/// Whether one of them is there now.
pub(crate) fn is_ready(fd: RawFd, events: i16) -> bool {
    let mut one = pollfd { fd, events, revents: 0 };
    // SAFETY: one element.
    Errno::from_ret(unsafe { look(&mut one, 1) }) != Ok(0)
}

/// `ppoll`'s words, with a time that the kernel may change.
fn words(
    fds: *mut pollfd,
    count: nfds_t,
    time: &mut Option<timespec>,
    mask: *const sigset_t,
) -> [usize; 5] {
    [fds.expose_provenance(), count as usize, at(time.as_mut()), mask.expose_provenance(), SET_SIZE]
}

/// The time there, if it is one.
///
/// # Safety
///
/// It is null, or there is one.
pub(crate) unsafe fn copy<T: Copy>(time: *const T) -> Option<T> {
    // SAFETY: the caller's contract.
    unsafe { time.as_ref().copied() }
}

/// Whether the array is as long as it is said to be.
fn fits(count: nfds_t, bytes: usize) -> bool {
    count as usize <= bytes / size_of::<pollfd>()
}

/// # Safety
///
/// That of poll, if it fits.
unsafe fn poll_checked(fds: *mut pollfd, count: nfds_t, timeout: c_int, bytes: usize) -> c_int {
    // SAFETY: the caller's contract. libc's own ends the process.
    unsafe {
        match fits(count, bytes) {
            true => poll(fds, count, timeout),
            false => {
                real!(__poll_chk(fds, count, timeout, bytes): fn(*mut pollfd, nfds_t, c_int, usize) -> c_int)
            }
        }
    }
}

/// # Safety
///
/// That of ppoll, if it fits.
unsafe fn ppoll_checked(
    fds: *mut pollfd,
    count: nfds_t,
    time: *const timespec,
    mask: *const sigset_t,
    bytes: usize,
) -> c_int {
    // SAFETY: as above.
    unsafe {
        match fits(count, bytes) {
            true => ppoll(fds, count, time, mask),
            false => {
                real!(__ppoll_chk(fds, count, time, mask, bytes): fn(*mut pollfd, nfds_t, *const timespec, *const sigset_t, usize) -> c_int)
            }
        }
    }
}

take_over! {
    /// Parks until there is something, or the time is up.
    fn poll(fds: *mut pollfd, count: nfds_t, timeout: c_int) -> c_int = POLL => {
        // SAFETY: the caller's contract.
        answer(unsafe { wait(fds, count, millis(timeout)) })
    }

    /// Parks until there is something, or the time is up; with a signal mask the thread waits.
    fn ppoll(fds: *mut pollfd, count: nfds_t, time: *const timespec, mask: *const sigset_t) -> c_int else {
        // SAFETY: the caller's contract.
        answer(unsafe { kernel(nr::PPOLL, words(fds, count, &mut copy(time), mask)) })
    } => {
        // SAFETY: the caller's contract.
        let mut time = unsafe { copy(time) };
        match time.as_ref().map(crate::time::nanos).transpose() {
            // SAFETY: as above.
            Ok(nanos) if mask.is_null() => answer(unsafe { wait(fds, count, nanos) }),
            // Which tells of a time that is none.
            // SAFETY: as above.
            _ => answer(unsafe { blocking(nr::PPOLL, words(fds, count, &mut time, mask)) }),
        }
    }

    /// `poll` in C that is compiled with `_FORTIFY_SOURCE`.
    fn __poll_chk(fds: *mut pollfd, count: nfds_t, timeout: c_int, bytes: usize) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { poll_checked(fds, count, timeout, bytes) }
    } => {
        // SAFETY: as above.
        unsafe { poll_checked(fds, count, timeout, bytes) }
    }

    /// `ppoll` in C that is compiled with `_FORTIFY_SOURCE`.
    fn __ppoll_chk(
        fds: *mut pollfd, count: nfds_t, time: *const timespec, mask: *const sigset_t, bytes: usize,
    ) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { ppoll_checked(fds, count, time, mask, bytes) }
    } => {
        // SAFETY: as above.
        unsafe { ppoll_checked(fds, count, time, mask, bytes) }
    }
}
