//! Clocks, sleeps and timers.
//!
//! Sleeps return `EINTR` when a signal handler ran, and are not begun again. A clock's descriptor
//! (`CLOCK_*` made of a PTP device) may make even reading it wait for hardware; the named clocks are
//! read at once, which is what the classes here are about.

/// The list; see `calls/mod.rs`.
#[doc(hidden)]
#[macro_export]
macro_rules! __calls_time {
    ($mode:tt) => {
        $crate::__sys! { $mode
            /// A clock's time, by the real call. The vDSO is faster where it knows the clock.
            /// [clock_gettime(2)]
            ///
            /// [clock_gettime(2)]: https://man7.org/linux/man-pages/man2/clock_gettime.2.html
            sysnb clock_gettime(clock: ClockId, time: out Timespec) -> Result<Timespec>;

            /// Sets a clock. [clock_settime(2)]
            ///
            /// [clock_settime(2)]: https://man7.org/linux/man-pages/man2/clock_settime.2.html
            sysnb clock_settime(clock: ClockId, time: &Timespec) -> Result<()>;

            /// A clock's resolution. [clock_getres(2)]
            ///
            /// [clock_getres(2)]: https://man7.org/linux/man-pages/man2/clock_getres.2.html
            sysnb clock_getres(clock: ClockId, resolution: out Timespec) -> Result<Timespec>;

            /// Sleeps for a span of a clock's time or until a point of it. After `EINTR` what is
            /// left of a span is in `remaining`; a point is simply slept until again. The error
            /// comes as with every call here, not as libc's function of that name returns it.
            /// [clock_nanosleep(2)]
            ///
            /// [clock_nanosleep(2)]: https://man7.org/linux/man-pages/man2/clock_nanosleep.2.html
            sysblock clock_nanosleep(clock: ClockId, flags: TimerFlags, time: &Timespec, remaining: Option<&mut Timespec>) -> Result<()>;

            /// Sleeps. After `EINTR` what is left is in `remaining`. [nanosleep(2)]
            ///
            /// [nanosleep(2)]: https://man7.org/linux/man-pages/man2/nanosleep.2.html
            sysblock nanosleep(time: &Timespec, remaining: Option<&mut Timespec>) -> Result<()>;

            /// The wall clock in microseconds. [gettimeofday(2)]
            ///
            /// [gettimeofday(2)]: https://man7.org/linux/man-pages/man2/gettimeofday.2.html
            sysnb gettimeofday(time: out Timeval, const 0) -> Result<Timeval>;

            /// Sets the wall clock. [settimeofday(2)]
            ///
            /// [settimeofday(2)]: https://man7.org/linux/man-pages/man2/settimeofday.2.html
            sysnb settimeofday(time: &Timeval, const 0) -> Result<()>;

            /// The wall clock in seconds. [time(2)]
            ///
            /// [time(2)]: https://man7.org/linux/man-pages/man2/time.2.html
            sysnb time(const 0) -> i64;

            /// Reads and adjusts the kernel's clock discipline; the result is the clock's state,
            /// `TIME_OK` (0) to `TIME_ERROR` (5). [adjtimex(2)]
            ///
            /// [adjtimex(2)]: https://man7.org/linux/man-pages/man2/adjtimex.2.html
            sysnb adjtimex(timex: &mut Timex) -> Result<i32>;

            /// [`adjtimex`] for any clock. [clock_adjtime(2)]
            ///
            /// [clock_adjtime(2)]: https://man7.org/linux/man-pages/man2/clock_adjtime.2.html
            sysnb clock_adjtime(clock: ClockId, timex: &mut Timex) -> Result<i32>;

            /// Makes a timer, which is off; without an event it sends `SIGALRM`. [timer_create(2)]
            ///
            /// [timer_create(2)]: https://man7.org/linux/man-pages/man2/timer_create.2.html
            sysnb timer_create(clock: ClockId, event: Option<&Sigevent>, timer: out TimerId) -> Result<TimerId>;

            /// Sets a timer, or turns it off, and returns what it was set to. [timer_settime(2)]
            ///
            /// [timer_settime(2)]: https://man7.org/linux/man-pages/man2/timer_settime.2.html
            sysnb timer_settime(timer: TimerId, flags: TimerFlags, new: &Itimerspec, old: out Itimerspec) -> Result<Itimerspec>;

            /// What a timer is set to. [timer_gettime(2)]
            ///
            /// [timer_gettime(2)]: https://man7.org/linux/man-pages/man2/timer_gettime.2.html
            sysnb timer_gettime(timer: TimerId, now: out Itimerspec) -> Result<Itimerspec>;

            /// How many expirations the last signal stands for beyond the first.
            /// [timer_getoverrun(2)]
            ///
            /// [timer_getoverrun(2)]: https://man7.org/linux/man-pages/man2/timer_getoverrun.2.html
            sysnb timer_getoverrun(timer: TimerId) -> Result<i32>;

            /// Ends a timer. [timer_delete(2)]
            ///
            /// [timer_delete(2)]: https://man7.org/linux/man-pages/man2/timer_delete.2.html
            sysnb timer_delete(timer: TimerId) -> Result<()>;

            /// What one of the process's three timers is set to. [getitimer(2)]
            ///
            /// [getitimer(2)]: https://man7.org/linux/man-pages/man2/getitimer.2.html
            sysnb getitimer(which: Itimer, now: out Itimerval) -> Result<Itimerval>;

            /// Sets one of the process's three timers and returns what it was set to.
            /// [setitimer(2)]
            ///
            /// [setitimer(2)]: https://man7.org/linux/man-pages/man2/setitimer.2.html
            sysnb setitimer(which: Itimer, new: &Itimerval, old: out Itimerval) -> Result<Itimerval>;

            /// `SIGALRM` in so many seconds, or never with zero; returns the seconds that were left
            /// before. [alarm(2)]
            ///
            /// [alarm(2)]: https://man7.org/linux/man-pages/man2/alarm.2.html
            sysnb alarm(seconds: u32) -> u32;
        }
    };
}
