//! Room for descriptors, before there are so many.
//!
//! The kernel makes a process's table of descriptors larger when the next one does not fit. In a process with threads that
//! takes tens of milliseconds (it waits for every CPU), and whoever makes a descriptor meanwhile sleeps. The runtime
//! would give their Ps to other threads, whose goroutines come to the same place: 5,000 connections that were made at once had
//! a hundred threads afterwards. So the table is made larger while three quarters of it are free, by one thread.
//!
//! # Safety
//!
//! A descriptor is made for a moment, and closed.

#![allow(unsafe_code)]

use crate::words::{blocking, kernel};
use gort_sys::types::{Pid, Resource};
use gort_sys::{Errno, nr, raw};
use libc::{F_DUPFD_CLOEXEC, c_int};
use std::sync::atomic::{AtomicUsize, Ordering};

/// For how many there is room from the beginning, as far as the limit allows: 32 KiB of the kernel's memory.
const FIRST: usize = 4096;

/// A number from which on there should be more.
static FULL: AtomicUsize = AtomicUsize::new(FIRST / 4);

/// Room for the first ones. Before `main`: with one thread it takes no time.
pub(crate) fn begin() {
    if let Some(last) = highest(FIRST) {
        // SAFETY: of standard input, if it is open.
        let made = unsafe { kernel(nr::FCNTL, [0, F_DUPFD_CLOEXEC as usize, last]) };
        close(made);
        FULL.store(last / 4 + 1, Ordering::Relaxed);
    }
}

/// There is a new number, of a goroutine's: more are to come.
#[inline]
pub(super) fn see_to(fd: c_int) {
    let full = FULL.load(Ordering::Relaxed);
    if fd as usize >= full {
        grow(fd, full);
    }
}

#[cold]
fn grow(fd: c_int, full: usize) {
    // One does it.
    if FULL.compare_exchange(full, 4 * full, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        && let Some(last) = highest(16 * full)
    {
        // SAFETY: of a descriptor that the caller has just made.
        let made = unsafe { blocking(nr::FCNTL, [fd as usize, F_DUPFD_CLOEXEC as usize, last]) };
        close(made);
    }
}

/// The highest number of so many, or that the limit allows.
fn highest(count: usize) -> Option<usize> {
    let limit = raw::prlimit64(Pid::SELF, Resource::NOFILE, None).ok()?.current;
    count.min(usize::try_from(limit).unwrap_or(count)).checked_sub(1)
}

fn close(made: usize) {
    if let Ok(fd) = Errno::from_ret(made) {
        // SAFETY: nobody else knows of it.
        unsafe { kernel(nr::CLOSE, [fd]) };
    }
}
