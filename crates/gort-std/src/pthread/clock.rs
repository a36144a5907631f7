//! The times until which C waits.
//!
//! # Safety
//!
//! Times are read where the caller says they are.

#![allow(unsafe_code)]

use crate::time::{nanos, now};
use gort_sys::Errno;
use libc::{clockid_t, timespec};

/// A moment, by a clock that may be set meanwhile.
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    clock: clockid_t,
    time: u64,
}

impl Deadline {
    /// # Errors
    ///
    /// EINVAL: no clock that libc waits by, or no time.
    ///
    /// # Safety
    ///
    /// There is a time at `at`.
    pub(super) unsafe fn new(clock: clockid_t, at: *const timespec) -> Result<Deadline, Errno> {
        if clock != libc::CLOCK_REALTIME && clock != libc::CLOCK_MONOTONIC {
            return Err(Errno::EINVAL);
        }
        // SAFETY: the caller's contract.
        let at = unsafe { *at };
        // What was before the clock's beginning is over.
        let time = nanos(&timespec { tv_sec: at.tv_sec.max(0), tv_nsec: at.tv_nsec })?;
        Ok(Deadline { clock, time: if at.tv_sec < 0 { 0 } else { time } })
    }

    /// Whether it has come.
    pub(super) fn is_over(self) -> bool {
        now(self.clock).is_ok_and(|now| now >= self.time)
    }

    /// When that is by monotonic time, unless the clock is set.
    pub(super) fn monotonic(self) -> u64 {
        let (Ok(now), Ok(own)) = (now(libc::CLOCK_MONOTONIC), now(self.clock)) else { return 0 };
        now.saturating_add(self.time.saturating_sub(own))
    }
}
