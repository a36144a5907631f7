//! Waiting for children over the whole argument space, against libc's.
//!
//! A binary of its own: a wait for any child would take those of other tests.
//!
//! # Safety
//!
//! Unsafe code is libc's functions on the arguments of ours.

#![allow(unsafe_code)]

mod support;

use gort_sys::raw;
use gort_sys::types::*;
use proptest::prelude::*;
use support::{c, target, watchdog};

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn waits(
        kind in 0..5u32,
        id in prop_oneof![Just(target().0), Just(0), Just(-1), Just(i32::MAX)],
        options in prop::bits::u32::masked(0x0100_003f | 0xe000_0000),
        info: bool,
    ) {
        watchdog();
        // Nothing waits: the target lives.
        let options = options as i32 | libc::WNOHANG;
        let who = match kind {
            0 => WaitFor::Any,
            1 => WaitFor::Process(Pid(id)),
            2 => WaitFor::Group(Pid(id)),
            _ => WaitFor::PidFd(support::closed()),
        };
        let (libc_kind, libc_id) = match kind {
            0 => (libc::P_ALL, 0),
            1 => (libc::P_PID, id),
            2 => (libc::P_PGID, id),
            _ => (3, { use std::os::fd::AsRawFd; support::closed().as_raw_fd() }),
        };
        let mut ours_info = info.then_some(SigInfo::EMPTY);
        let mut theirs_info = SigInfo::EMPTY;
        let flags = WaitOptions::from_bits_retain(options);
        let ours = raw::waitid(who, ours_info.as_mut(), flags, None);
        let theirs = c!(libc::waitid(
            libc_kind,
            libc_id as u32,
            if info { (&raw mut theirs_info).cast() } else { std::ptr::null_mut() },
            options
        ));
        prop_assert_eq!(ours.err(), theirs.err());
        let shown = |info: SigInfo| (info.signal(), info.pid(), info.status());
        prop_assert_eq!(ours_info.map(shown), info.then(|| shown(theirs_info)));

        let (mut ours_status, mut theirs_status) = (WaitStatus::default(), 0);
        let ours = raw::wait4(Pid(id), Some(&mut ours_status), flags, None);
        let theirs = c!(libc::wait4(id, &mut theirs_status, options, std::ptr::null_mut()));
        prop_assert_eq!(ours.map(|pid| i64::from(pid.0)), theirs);
        prop_assert_eq!(ours_status.0, theirs_status);
    }
}
