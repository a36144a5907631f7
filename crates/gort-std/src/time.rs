//! Sleeping: the goroutine parks on its timer. It is never interrupted by a signal, so it always sleeps for the
//! whole time.
//!
//! # Safety
//!
//! Times are read where the caller says they are.

#![allow(unsafe_code)]

use crate::taken::take_over;
use crate::words::{answer, kernel};
use gort_sys::{Errno, nr};
use libc::{c_int, c_uint, clockid_t, timespec};

const SECOND: u64 = 1_000_000_000;

/// As nanoseconds, if it is a time at all. What does not fit is for ever.
pub(crate) fn nanos(time: &timespec) -> Result<u64, Errno> {
    if time.tv_sec < 0 || !(0..SECOND as i64).contains(&time.tv_nsec) {
        return Err(Errno::EINVAL);
    }
    Ok((time.tv_sec as u64).saturating_mul(SECOND).saturating_add(time.tv_nsec as u64))
}

/// What a clock says now, if it is one that goes on by itself.
pub(crate) fn now(clock: clockid_t) -> Result<u64, Errno> {
    let mut time = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes there. Of libc's vDSO.
    if unsafe { libc::clock_gettime(clock, &mut time) } != 0 {
        return Err(Errno::EINVAL);
    }
    nanos(&time)
}

/// As C has it.
pub(crate) fn time(nanos: u64) -> timespec {
    timespec { tv_sec: (nanos / SECOND) as i64, tv_nsec: (nanos % SECOND) as i64 }
}

/// Parks; without memory for a timer the thread sleeps.
fn sleep_for(nanos: u64) {
    if gort_rt::timer::sleep(nanos).is_err() {
        let time = time(nanos);
        // SAFETY: reads there.
        unsafe { blocking(nr::NANOSLEEP, [time.at(), 0]) };
    }
}

/// Sleeps by a clock, for a time or until it says so.
fn sleep_by(clock: clockid_t, absolute: bool, time: u64) -> Result<(), Errno> {
    if !absolute {
        sleep_for(time);
        return Ok(());
    }
    // A clock that is set meanwhile is asked again.
    loop {
        let now = now(clock)?;
        if now >= time {
            return Ok(());
        }
        sleep_for(time - now);
    }
}

take_over! {
    /// Parks for the time.
    fn nanosleep(time: *const timespec, left: *mut timespec) -> c_int = NANOSLEEP => {
        // SAFETY: the caller's contract.
        match unsafe { nanos(&*time) } {
            Ok(time) => {
                sleep_for(time);
                0
            }
            Err(errno) => crate::words::fail(errno),
        }
    }

    /// Parks for the time, or until the clock says so.
    fn clock_nanosleep(clock: clockid_t, flags: c_int, time: *const timespec, left: *mut timespec) -> c_int else {
        // Its result is the error itself.
        // SAFETY: the caller's contract.
        unsafe { -(kernel(nr::CLOCK_NANOSLEEP, [clock as usize, flags as usize, time.expose_provenance(), left.expose_provenance()]) as c_int) }
    } => {
        let usual = [libc::CLOCK_REALTIME, libc::CLOCK_MONOTONIC, libc::CLOCK_BOOTTIME, libc::CLOCK_TAI];
        if !usual.contains(&clock) {
            // SAFETY: the caller's contract.
            return unsafe { -(kernel(nr::CLOCK_NANOSLEEP, [clock as usize, flags as usize, time.expose_provenance(), left.expose_provenance()]) as c_int) };
        }
        // SAFETY: the caller's contract.
        let slept = unsafe { nanos(&*time) }.and_then(|time| sleep_by(clock, flags & libc::TIMER_ABSTIME != 0, time));
        slept.map_or_else(|errno| errno.raw(), |()| 0)
    }

    /// Parks for so many microseconds.
    fn usleep(micros: c_uint) -> c_int else {
        let micros = u64::from(micros);
        let time = timespec { tv_sec: (micros / 1_000_000) as i64, tv_nsec: (micros % 1_000_000 * 1_000) as i64 };
        // SAFETY: reads there.
        answer(unsafe { kernel(nr::NANOSLEEP, [(&raw const time).expose_provenance(), 0]) })
    } => {
        sleep_for(u64::from(micros) * 1_000);
        0
    }

    /// Parks for so many seconds.
    fn sleep(seconds: c_uint) -> c_uint else {
        let time = timespec { tv_sec: seconds.into(), tv_nsec: 0 };
        let mut left = timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: reads and writes there.
        let result = unsafe { kernel(nr::NANOSLEEP, [(&raw const time).expose_provenance(), (&raw mut left).expose_provenance()]) };
        if result == 0 { 0 } else { (left.tv_sec + i64::from(left.tv_nsec >= SECOND as i64 / 2)) as c_uint }
    } => {
        sleep_for(u64::from(seconds) * SECOND);
        0
    }

    /// Lets other goroutines go first.
    fn sched_yield() -> c_int = SCHED_YIELD => {
        gort_rt::gosched();
        0
    }
}
