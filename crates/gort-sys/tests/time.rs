//! Clocks, sleeps and timers.
//!
//! # Safety
//!
//! Unsafe code is libc's functions on the arguments of ours.

#![allow(unsafe_code)]

mod support;

use gort_sys::types::*;
use gort_sys::{Errno, Result, raw};
use proptest::prelude::*;
use std::time::Duration;
use support::{c, child_holds, watchdog};

fn theirs(time: libc::timespec) -> Timespec {
    Timespec { sec: time.tv_sec, nsec: time.tv_nsec }
}

fn libc_time(f: impl FnOnce(*mut libc::timespec) -> Result<i64>) -> Result<Timespec> {
    let mut time = libc::timespec { tv_sec: -1, tv_nsec: -1 };
    f(&mut time).map(|_| theirs(time))
}

#[test]
fn every_clock() {
    let me = raw::getpid();
    let mut clocks: Vec<ClockId> = (-40..30).map(ClockId).collect();
    clocks.extend([ClockId::of_process(me), ClockId::of_thread(raw::gettid())]);
    for clock in clocks {
        let before = raw::clock_gettime(clock);
        let libc = libc_time(|time| c!(libc::clock_gettime(clock.0, time)));
        let after = raw::clock_gettime(clock);
        match (before, libc, after) {
            (Ok(before), Ok(libc), Ok(after)) => {
                assert!((before..=after).contains(&libc), "{clock:?}");
            }
            (before, libc, after) => {
                assert_eq!((before.err(), after.err()), (libc.err(), libc.err()), "{clock:?}");
            }
        }
        // The real call: the vDSO answers for auxiliary clocks even when they are off.
        let number = libc::SYS_clock_getres;
        let libc = libc_time(|time| c!(libc::syscall(number, clock.0, time)));
        assert_eq!(raw::clock_getres(clock), libc, "{clock:?}");
    }
    let mut process = 0;
    // SAFETY: `process` is valid for writing.
    assert_eq!(unsafe { libc::clock_getcpuclockid(me.0, &mut process) }, 0);
    assert_eq!(ClockId::of_process(me).0, process);
}

#[test]
fn the_wall_clock() {
    let seconds = raw::time();
    let now = raw::gettimeofday().unwrap();
    let mut libc = libc::timeval { tv_sec: 0, tv_usec: 0 };
    c!(libc::gettimeofday(&mut libc, std::ptr::null_mut())).unwrap();
    assert!(Timeval { sec: libc.tv_sec, usec: libc.tv_usec } >= now);
    assert!(now.sec >= seconds && (0..1_000_000).contains(&now.usec));
    // The machine's clock is not the tests' to set: only what is refused.
    let bad = Timeval { sec: 0, usec: 1_000_001 };
    assert_eq!(raw::settimeofday(&bad), Err(Errno::EINVAL));
    let bad = Timespec { sec: 0, nsec: -1 };
    assert_eq!(raw::clock_settime(ClockId::REALTIME, &bad), Err(Errno::EINVAL));
    assert_eq!(raw::clock_settime(ClockId::MONOTONIC, &Timespec::default()), Err(Errno::EINVAL));
    child_holds(|| {
        if raw::getuid() == Uid::ROOT {
            raw::setresuid(Uid(65534), Uid(65534), Uid(65534)).unwrap();
        }
        let now = raw::clock_gettime(ClockId::REALTIME).unwrap();
        assert_eq!(raw::clock_settime(ClockId::REALTIME, &now), Err(Errno::EPERM));
        assert_eq!(raw::settimeofday(&Timeval { sec: now.sec, usec: 0 }), Err(Errno::EPERM));
        let mut set = Timex { modes: libc::ADJ_TICK, tick: 10_000, ..Timex::default() };
        assert_eq!(raw::adjtimex(&mut set), Err(Errno::EPERM));
    });
}

#[test]
fn the_clocks_discipline() {
    let mut ours = Timex::default();
    // SAFETY: all zero is a value of libc's structure.
    let mut theirs: libc::timex = unsafe { std::mem::zeroed() };
    let state = raw::adjtimex(&mut ours);
    assert_eq!(state.map(i64::from), c!(libc::adjtimex(&mut theirs)));
    assert_eq!(
        (ours.tick, ours.freq, ours.precision),
        (theirs.tick, theirs.freq, theirs.precision)
    );
    assert_eq!(
        (ours.tolerance, ours.tai, ours.status),
        (theirs.tolerance, theirs.tai, theirs.status)
    );
    assert!(ours.time.sec > 0 && ours.tick > 0);
    let mut again = Timex::default();
    assert_eq!(raw::clock_adjtime(ClockId::REALTIME, &mut again), state);
    assert_eq!(again.tick, ours.tick);
    assert_eq!(raw::clock_adjtime(ClockId::MONOTONIC, &mut again), Err(Errno::EOPNOTSUPP));
    assert_eq!(raw::clock_adjtime(ClockId(99), &mut again), Err(Errno::EINVAL));
}

#[test]
fn sleeps_sleep() {
    watchdog();
    let clock = ClockId::MONOTONIC;
    let span = Timespec { sec: 0, nsec: 3_000_000 };
    let before = raw::clock_gettime(clock).unwrap();
    assert_eq!(raw::nanosleep(&span, None), Ok(()));
    let middle = raw::clock_gettime(clock).unwrap();
    assert_eq!(raw::clock_nanosleep(clock, TimerFlags::empty(), &span, None), Ok(()));
    let after = raw::clock_gettime(clock).unwrap();
    let duration = |time: Timespec| Duration::try_from(time).unwrap();
    assert!(duration(middle) - duration(before) >= Duration::from_millis(3));
    assert!(duration(after) - duration(middle) >= Duration::from_millis(3));
    let until = Timespec::from(duration(after) + Duration::from_millis(3));
    assert_eq!(raw::clock_nanosleep(clock, TimerFlags::ABSTIME, &until, None), Ok(()));
    assert!(raw::clock_gettime(clock).unwrap() >= until);
}

#[test]
fn timers() {
    watchdog();
    let second = Timespec { sec: 1000, nsec: 0 };
    let timer = raw::timer_create(ClockId::MONOTONIC, Some(&Sigevent::NONE)).unwrap();
    assert_eq!(raw::timer_gettime(timer), Ok(Itimerspec::default()));
    let set = Itimerspec { interval: second, value: second };
    let none = TimerFlags::empty();
    assert_eq!(raw::timer_settime(timer, none, &set), Ok(Itimerspec::default()));
    let now = raw::timer_gettime(timer).unwrap();
    assert!(now.interval == second && now.value <= second && now.value > Timespec::default());
    let old = raw::timer_settime(timer, none, &Itimerspec::default()).unwrap();
    assert!(old.interval == second && old.value <= now.value);
    assert_eq!(raw::timer_getoverrun(timer), Ok(0));
    let bad = Itimerspec { value: Timespec { sec: 0, nsec: -1 }, ..set };
    assert_eq!(raw::timer_settime(timer, none, &bad), Err(Errno::EINVAL));
    assert_eq!(raw::timer_delete(timer), Ok(()));
    assert_eq!(raw::timer_gettime(timer), Err(Errno::EINVAL));
    assert_eq!(raw::timer_delete(timer), Err(Errno::EINVAL));
    assert_eq!(raw::timer_getoverrun(timer), Err(Errno::EINVAL));
    assert_eq!(raw::timer_create(ClockId(99), None), Err(Errno::EINVAL));
}

/// A timer with this event goes off, and its signal of `set` is taken.
fn fire(set: &SigSet, event: Option<&Sigevent>) -> (Signal, usize) {
    let timer = raw::timer_create(ClockId::MONOTONIC, event).unwrap();
    let soon = Itimerspec { interval: Timespec::default(), value: Timespec { sec: 0, nsec: 1 } };
    raw::timer_settime(timer, TimerFlags::empty(), &soon).unwrap();
    let mut info = SigInfo::EMPTY;
    let signal = raw::rt_sigtimedwait(set, Some(&mut info), None).unwrap();
    assert_eq!((info.signal(), info.code()), (signal, libc::SI_TIMER));
    raw::timer_delete(timer).unwrap();
    (signal, info.value())
}

#[test]
fn timers_send_their_signal_with_its_value() {
    watchdog();
    let signal = Signal(40);
    let set = SigSet::EMPTY.with(signal);
    let old = raw::rt_sigprocmask(SigHow::BLOCK, Some(&set)).unwrap();
    let value = 0x1234_5678_9abc_usize;
    assert_eq!(
        fire(&set, Some(&Sigevent::signal_thread(signal, value, raw::gettid()))),
        (signal, value)
    );
    raw::rt_sigprocmask(SigHow::SETMASK, Some(&old)).unwrap();
}

#[test]
fn the_processs_own_timers() {
    child_holds(|| {
        let alrm = SigSet::EMPTY.with(Signal::ALRM);
        raw::rt_sigprocmask(SigHow::BLOCK, Some(&alrm)).unwrap();
        let set = alrm.with(Signal(43));
        raw::rt_sigprocmask(SigHow::BLOCK, Some(&set)).unwrap();
        assert_eq!(fire(&set, Some(&Sigevent::signal(Signal(43), 9))), (Signal(43), 9));
        assert_eq!(fire(&set, None).0, Signal::ALRM);
        raw::alarm(100);
        assert!((1..=100).contains(&raw::alarm(0)));
        assert_eq!(raw::alarm(0), 0);
        let value = Timeval { sec: 50, usec: 0 };
        let set = Itimerval { interval: value, value };
        assert_eq!(raw::setitimer(Itimer::REAL, &set), Ok(Itimerval::default()));
        let now = raw::getitimer(Itimer::REAL).unwrap();
        assert!(now.interval == value && now.value <= value);
        let soon = Itimerval { interval: Timeval::default(), value: Timeval { sec: 0, usec: 1 } };
        assert_eq!(raw::setitimer(Itimer::REAL, &soon).unwrap().interval, value);
        assert_eq!(raw::rt_sigtimedwait(&alrm, None, None), Ok(Signal::ALRM));
        assert_eq!(raw::getitimer(Itimer::REAL), Ok(Itimerval::default()));
        let bad = Itimerval { value: Timeval { sec: 0, usec: -1 }, ..set };
        assert_eq!(raw::setitimer(Itimer::REAL, &bad), Err(Errno::EINVAL));
        assert_eq!(raw::getitimer(Itimer(9)), Err(Errno::EINVAL));
        for which in [Itimer::VIRTUAL, Itimer::PROF] {
            assert_eq!(raw::setitimer(which, &set), Ok(Itimerval::default()));
            assert_eq!(raw::getitimer(which).unwrap().interval, value);
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every time is refused or over at once: spans are short, points are past, and no clock is one
    /// of CPU time, which stands still while everybody sleeps.
    #[test]
    fn sleeps(
        sec in prop_oneof![Just(0i64), -3..0i64, Just(i64::MIN)],
        nsec in prop_oneof![0..2_000i64, -3..0i64, 1_000_000_000..1_000_000_003i64, Just(i64::MAX), Just(i64::MIN)],
        clock in prop_oneof![0..2i32, 3..20i32, Just(i32::MAX)],
        flags in prop_oneof![Just(0), Just(1), Just(2), Just(-1)],
    ) {
        watchdog();
        let (ours, libc) = (Timespec { sec, nsec }, libc::timespec { tv_sec: sec, tv_nsec: nsec });
        let null = std::ptr::null_mut();
        prop_assert_eq!(raw::nanosleep(&ours, None).err(), c!(libc::nanosleep(&libc, null)).err());
        let number = libc::SYS_clock_nanosleep;
        let slept = raw::clock_nanosleep(ClockId(clock), TimerFlags::from_bits_retain(flags), &ours, None);
        let theirs = c!(libc::syscall(number, clock, flags, &libc, std::ptr::null::<u8>()));
        prop_assert_eq!(slept.err(), theirs.err());
    }

    #[test]
    fn spans_convert(secs: u64, nanos in 0..1_000_000_000u32) {
        let span = Duration::new(secs, nanos);
        let (spec, val) = (Timespec::from(span), Timeval::from(span));
        if i64::try_from(secs).is_ok_and(|secs| secs < i64::MAX) {
            prop_assert_eq!(Duration::try_from(spec), Ok(span));
            let rounded = Duration::try_from(val).unwrap();
            prop_assert!(rounded >= span && rounded - span < Duration::from_micros(1));
        } else {
            prop_assert_eq!(spec.sec, i64::MAX);
            prop_assert_eq!(val.sec, i64::MAX);
        }
        prop_assert!((0..1_000_000).contains(&val.usec));
    }

    #[test]
    fn bad_times_are_no_spans(sec: i64, part: i64) {
        let good = sec >= 0 && (0..1_000_000_000).contains(&part);
        prop_assert_eq!(Duration::try_from(Timespec { sec, nsec: part }).is_ok(), good);
        let good = sec >= 0 && (0..1_000_000).contains(&part);
        prop_assert_eq!(Duration::try_from(Timeval { sec, usec: part }).is_ok(), good);
    }
}
