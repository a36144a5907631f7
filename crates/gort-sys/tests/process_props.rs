//! Calls about processes over their whole argument space, against libc's.
//!
//! # Safety
//!
//! Unsafe code is libc's functions on the arguments of ours.

#![allow(unsafe_code)]

mod support;

use gort_sys::raw;
use gort_sys::types::*;
use proptest::prelude::*;
use support::{Target, c, target, watchdog};

fn config() -> ProptestConfig {
    ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() }
}

/// Signals that a process can block, none at all, and numbers that are no signals.
fn signal() -> impl Strategy<Value = i32> {
    prop_oneof![
        Just(0),
        1..=8i32,
        10..=18i32,
        20..=31i32,
        65..70i32,
        -3..0i32,
        Just(i32::MAX),
        Just(i32::MIN),
    ]
}

/// The target, or nobody: numbers that no process has.
fn victim(target: Pid) -> impl Strategy<Value = i32> {
    prop_oneof![3 => Just(target.0), 1 => Just(i32::MAX), 1 => 5_000_000..5_000_100i32]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn kills(sig in signal(), pid in victim(target())) {
        watchdog();
        let ours = raw::kill(Pid(pid), Signal(sig)).err();
        prop_assert_eq!(ours, c!(libc::kill(pid, sig)).err());
    }

    #[test]
    fn thread_kills(
        sig in signal(),
        pid in prop_oneof![victim(target()), -2..1i32],
        tid in prop_oneof![victim(target()), -2..1i32],
    ) {
        watchdog();
        let ours = raw::tgkill(Pid(pid), Pid(tid), Signal(sig)).err();
        prop_assert_eq!(ours, c!(libc::syscall(libc::SYS_tgkill, pid, tid, sig)).err());
        let ours = raw::tkill(Pid(tid), Signal(sig)).err();
        prop_assert_eq!(ours, c!(libc::syscall(libc::SYS_tkill, tid, sig)).err());
    }

    #[test]
    fn queued_signals(sig in signal(), pid in victim(target()), value: usize) {
        watchdog();
        let info = SigInfo::queue(Signal(sig), raw::getpid(), raw::getuid(), value);
        prop_assert_eq!((info.signal().0, info.value()), (sig, value));
        // SAFETY: the signal goes to another process, or nowhere.
        let ours = unsafe { raw::rt_sigqueueinfo(Pid(pid), Signal(sig), &info) };
        let number = libc::SYS_rt_sigqueueinfo;
        prop_assert_eq!(ours.err(), c!(libc::syscall(number, pid, sig, &raw const info)).err());
        // SAFETY: as above.
        let ours = unsafe { raw::rt_tgsigqueueinfo(Pid(pid), Pid(pid), Signal(sig), &info) };
        let number = libc::SYS_rt_tgsigqueueinfo;
        prop_assert_eq!(ours.err(), c!(libc::syscall(number, pid, pid, sig, &raw const info)).err());
    }

    #[test]
    fn limits(
        resource in 0..20u32,
        current in prop_oneof![0..100u64, any::<u64>(), Just(Rlimit::INFINITY)],
        max in prop_oneof![0..100u64, any::<u64>(), Just(Rlimit::INFINITY)],
    ) {
        watchdog();
        // One target each, so that the second is not already limited.
        let (mine, other) = (Target::new(), Target::new());
        let get = |target: &Target| raw::prlimit64(target.0, Resource(resource), None);
        let before = (get(&mine), get(&other));
        prop_assert_eq!(before.0, before.1);
        let ours = raw::prlimit64(mine.0, Resource(resource), Some(&Rlimit { current, max }));
        let new = libc::rlimit { rlim_cur: current, rlim_max: max };
        let mut old = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        let theirs = c!(libc::prlimit(other.0.0, resource, &new, &mut old))
            .map(|_| Rlimit { current: old.rlim_cur, max: old.rlim_max });
        prop_assert_eq!((ours, get(&mine)), (theirs, get(&other)));
    }

    #[test]
    fn policies(
        policy in prop_oneof![-1..9i32, Just(0x4000_0000), Just(0x4000_0001)],
        priority in prop_oneof![-2..3i32, 97..102i32],
        pid in victim(target()),
    ) {
        let target = Pid(pid);
        let (ours_param, theirs_param) = (SchedParam(priority), libc::sched_param { sched_priority: priority });
        let normal = || raw::sched_setscheduler(target, SchedPolicy::NORMAL, &SchedParam(0));
        let number = libc::SYS_sched_setscheduler;
        let ours = raw::sched_setscheduler(target, SchedPolicy(policy), &ours_param);
        let ours_seen = (raw::sched_getscheduler(target), raw::sched_getparam(target));
        let _ = normal();
        let theirs = c!(libc::syscall(number, pid, policy, &theirs_param));
        let theirs_seen = (raw::sched_getscheduler(target), raw::sched_getparam(target));
        prop_assert_eq!((ours.err(), ours_seen), (theirs.err(), theirs_seen));
        let theirs = c!(libc::sched_getscheduler(pid));
        prop_assert_eq!(raw::sched_getscheduler(target).map(|policy| i64::from(policy.0)), theirs);
        let _ = normal();

        let ours = raw::sched_setparam(target, &ours_param);
        prop_assert_eq!(ours.err(), c!(libc::sched_setparam(pid, &theirs_param)).err());
        for (ours, theirs) in [
            (raw::sched_get_priority_min(SchedPolicy(policy)), c!(libc::sched_get_priority_min(policy))),
            (raw::sched_get_priority_max(SchedPolicy(policy)), c!(libc::sched_get_priority_max(policy))),
        ] {
            prop_assert_eq!(ours.map(i64::from), theirs);
        }
        let mut interval = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let theirs = c!(libc::sched_rr_get_interval(pid, &mut interval))
            .map(|_| Timespec { sec: interval.tv_sec, nsec: interval.tv_nsec });
        prop_assert_eq!(raw::sched_rr_get_interval(target), theirs);
    }
}

#[test]
fn the_target_lives_through_signals() {
    watchdog();
    let pid = target();
    raw::kill(pid, Signal::TERM).unwrap();
    assert_eq!(raw::wait4(pid, None, WaitOptions::NOHANG, None), Ok(Pid::SELF));
}
