//! Points in time, spans of it, and the clocks and timers that measure them.

use crate::types::{Pid, Signal};
use core::time::Duration;

/// Seconds and nanoseconds: `struct timespec`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct Timespec {
    /// Seconds.
    pub sec: i64,
    /// Nanoseconds, which the kernel wants in 0..1,000,000,000.
    pub nsec: i64,
}

same_layout!(Timespec = general __kernel_timespec { sec tv_sec nsec tv_nsec });

impl Timespec {
    /// A span, or a point in time, in nanoseconds.
    #[inline]
    pub const fn from_nanos(nanos: u64) -> Timespec {
        const SECOND: u64 = 1_000_000_000;
        Timespec { sec: (nanos / SECOND).cast_signed(), nsec: (nanos % SECOND).cast_signed() }
    }
}

/// A span too long for the kernel becomes the longest one it can hold.
impl From<Duration> for Timespec {
    fn from(duration: Duration) -> Timespec {
        Timespec {
            sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
            nsec: i64::from(duration.subsec_nanos()),
        }
    }
}

/// Fails with `EINVAL` for a negative time or nanoseconds out of their range.
impl TryFrom<Timespec> for Duration {
    type Error = crate::Errno;

    fn try_from(time: Timespec) -> crate::Result<Duration> {
        match (u64::try_from(time.sec), u32::try_from(time.nsec)) {
            (Ok(sec), Ok(nsec @ 0..1_000_000_000)) => Ok(Duration::new(sec, nsec)),
            _ => Err(crate::Errno::EINVAL),
        }
    }
}

/// Seconds and microseconds: `struct timeval`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct Timeval {
    /// Seconds.
    pub sec: i64,
    /// Microseconds, which the kernel wants in 0..1,000,000.
    pub usec: i64,
}

same_layout!(Timeval = general __kernel_old_timeval { sec tv_sec usec tv_usec });

/// Rounds up, so that a span never becomes shorter (and a short one never zero, which means "no
/// timeout" to some calls); one too long becomes the longest.
impl From<Duration> for Timeval {
    fn from(duration: Duration) -> Timeval {
        let usec = i64::from(duration.subsec_nanos().div_ceil(1000));
        let sec = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        match usec {
            1_000_000 => Timeval { sec: sec.saturating_add(1), usec: 0 },
            _ => Timeval { sec, usec },
        }
    }
}

/// Fails with `EINVAL` for a negative time or microseconds out of their range.
impl TryFrom<Timeval> for Duration {
    type Error = crate::Errno;

    fn try_from(time: Timeval) -> crate::Result<Duration> {
        match (u64::try_from(time.sec), u32::try_from(time.usec)) {
            (Ok(sec), Ok(usec @ 0..1_000_000)) => Ok(Duration::new(sec, usec * 1000)),
            _ => Err(crate::Errno::EINVAL),
        }
    }
}

numbers! {
    /// A clock.
    ClockId: i32, general {
        REALTIME CLOCK_REALTIME
        MONOTONIC CLOCK_MONOTONIC
        PROCESS_CPUTIME CLOCK_PROCESS_CPUTIME_ID
        THREAD_CPUTIME CLOCK_THREAD_CPUTIME_ID
        MONOTONIC_RAW CLOCK_MONOTONIC_RAW
        REALTIME_COARSE CLOCK_REALTIME_COARSE
        MONOTONIC_COARSE CLOCK_MONOTONIC_COARSE
        BOOTTIME CLOCK_BOOTTIME
        REALTIME_ALARM CLOCK_REALTIME_ALARM
        BOOTTIME_ALARM CLOCK_BOOTTIME_ALARM
        TAI CLOCK_TAI
    }
}

impl ClockId {
    /// The CPU time of a process, as clock_getcpuclockid(3) makes it.
    pub const fn of_process(pid: Pid) -> ClockId {
        ClockId((!pid.0 << 3) | 2)
    }

    /// The CPU time of a thread, as pthread_getcpuclockid(3) makes it.
    pub const fn of_thread(tid: Pid) -> ClockId {
        ClockId((!tid.0 << 3) | 6)
    }
}

flags! {
    /// How a timer or a sleep reads its time.
    TimerFlags: i32, general {
        /// The time is a point on the clock, not a span from now.
        ABSTIME TIMER_ABSTIME
    }
}

/// When a timer expires next, and how often afterwards: `struct itimerspec`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Itimerspec {
    /// The period; zero for a timer that expires once.
    pub interval: Timespec,
    /// Until the next expiry; zero for a timer that is off.
    pub value: Timespec,
}

same_layout!(Itimerspec = general __kernel_itimerspec { interval it_interval value it_value });

/// The same for the timers of `setitimer`: `struct itimerval`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Itimerval {
    /// The period; zero for a timer that expires once.
    pub interval: Timeval,
    /// Until the next expiry; zero for a timer that is off.
    pub value: Timeval,
}

same_layout!(Itimerval = general __kernel_old_itimerval { interval it_interval value it_value });

numbers! {
    /// One of the three timers that every process has.
    Itimer: i32, general {
        /// Real time; sends `SIGALRM`.
        REAL ITIMER_REAL
        /// The process's user time; sends `SIGVTALRM`.
        VIRTUAL ITIMER_VIRTUAL
        /// The process's user and system time; sends `SIGPROF`.
        PROF ITIMER_PROF
    }
}

numbers! {
    /// A timer made by `timer_create`.
    TimerId: i32
}

/// What a timer does when it expires: `struct sigevent`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Sigevent {
    value: usize,
    signal: i32,
    notify: i32,
    thread: i32,
    rest: [i32; 11],
}

same_layout!(Sigevent = general sigevent {
    value sigev_value
    signal sigev_signo
    notify sigev_notify
    thread _sigev_un
});

impl Sigevent {
    const fn new(notify: u32, signal: i32, value: usize, thread: i32) -> Sigevent {
        Sigevent { value, signal, notify: notify as i32, thread, rest: [0; 11] }
    }

    /// Nothing; the timer is asked.
    pub const NONE: Sigevent = Sigevent::new(linux_raw_sys::general::SIGEV_NONE, 0, 0, 0);

    /// Sends the process a signal that carries `value`.
    pub const fn signal(signal: Signal, value: usize) -> Sigevent {
        Sigevent::new(linux_raw_sys::general::SIGEV_SIGNAL, signal.0, value, 0)
    }

    /// Sends one of the process's threads a signal that carries `value`.
    pub const fn signal_thread(signal: Signal, value: usize, thread: Pid) -> Sigevent {
        Sigevent::new(linux_raw_sys::general::SIGEV_THREAD_ID, signal.0, value, thread.0)
    }
}

/// The kernel's clock discipline: `struct timex`. adjtimex(2) says what the fields mean; `modes`
/// says which of them are set rather than read.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
#[allow(missing_docs)]
pub struct Timex {
    pub modes: u32,
    pub offset: i64,
    pub freq: i64,
    pub maxerror: i64,
    pub esterror: i64,
    pub status: i32,
    pub constant: i64,
    pub precision: i64,
    pub tolerance: i64,
    pub time: Timeval,
    pub tick: i64,
    pub ppsfreq: i64,
    pub jitter: i64,
    pub shift: i32,
    pub stabil: i64,
    pub jitcnt: i64,
    pub calcnt: i64,
    pub errcnt: i64,
    pub stbcnt: i64,
    pub tai: i32,
    pub reserved: [i32; 11],
}
