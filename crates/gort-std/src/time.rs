//! Sleeping: the goroutine parks on its timer. It is never interrupted by a signal, so it always sleeps for the
//! whole time.
//!
//! # Safety
//!
//! Times are read where the caller says they are.

#![allow(unsafe_code)]

use crate::taken::take_over;
use crate::words::{Word, answer, blocking, give, kernel};
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

/// What a clock says now.
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
        unsafe { blocking(nr::NANOSLEEP, [(&raw const time).word(), 0]) };
    }
}

/// Sleeps for a time, or until a clock says so.
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

/// Clocks that go on by themselves, whoever runs.
const STEADY: [clockid_t; 4] =
    [libc::CLOCK_REALTIME, libc::CLOCK_MONOTONIC, libc::CLOCK_BOOTTIME, libc::CLOCK_TAI];

/// An error as some functions return it; 0 is none.
fn error(result: Result<usize, Errno>) -> c_int {
    result.map_or_else(|errno| errno.raw(), |_| 0)
}

take_over! {
    /// Parks for the time.
    fn nanosleep(time: *const timespec, left: *mut timespec) -> c_int = NANOSLEEP => {
        // SAFETY: the caller's contract.
        let time = unsafe { time.as_ref() }.ok_or(Errno::EFAULT).and_then(nanos);
        give(time.map(|time| {
            sleep_for(time);
            0
        }))
    }

    /// Parks for the time, or until the clock says so.
    fn clock_nanosleep(clock: clockid_t, flags: c_int, time: *const timespec, left: *mut timespec) -> c_int else {
        if clock == libc::CLOCK_THREAD_CPUTIME_ID {
            return libc::EINVAL;
        }
        let words = [clock.word(), flags.word(), time.word(), left.word()];
        // SAFETY: the caller's contract.
        error(Errno::from_ret(unsafe { kernel(nr::CLOCK_NANOSLEEP, words) }))
    } => {
        if clock == libc::CLOCK_THREAD_CPUTIME_ID {
            return libc::EINVAL;
        }
        if !STEADY.contains(&clock) {
            let words = [clock.word(), flags.word(), time.word(), left.word()];
            // SAFETY: the caller's contract.
            return error(Errno::from_ret(unsafe { blocking(nr::CLOCK_NANOSLEEP, words) }));
        }
        // SAFETY: the caller's contract.
        let time = unsafe { time.as_ref() }.ok_or(Errno::EFAULT).and_then(nanos);
        let absolute = flags & libc::TIMER_ABSTIME != 0;
        error(time.and_then(|time| sleep_by(clock, absolute, time)).map(|()| 0))
    }

    /// Parks for so many microseconds.
    fn usleep(micros: c_uint) -> c_int else {
        let time = time(u64::from(micros) * 1_000);
        // SAFETY: reads there.
        answer(unsafe { kernel(nr::NANOSLEEP, [(&raw const time).word(), 0]) })
    } => {
        sleep_for(u64::from(micros) * 1_000);
        0
    }

    /// Parks for so many seconds.
    fn sleep(seconds: c_uint) -> c_uint else {
        let mut time = time(u64::from(seconds) * SECOND);
        let at = &raw mut time;
        // SAFETY: reads and writes there.
        match answer::<c_int>(unsafe { kernel(nr::NANOSLEEP, [at.word(), at.word()]) }) {
            0 => 0,
            _ => time.tv_sec as c_uint,
        }
    } => {
        sleep_for(u64::from(seconds) * SECOND);
        0
    }

    /// Has the thread wait for a signal, without the P.
    fn pause() -> c_int = PAUSE => {
        // SAFETY: touches no memory.
        answer(unsafe { blocking(nr::PAUSE, []) })
    }

    /// Lets other goroutines go first.
    fn sched_yield() -> c_int = SCHED_YIELD => {
        gort_rt::gosched();
        0
    }
}
