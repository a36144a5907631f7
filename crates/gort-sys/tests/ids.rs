//! Who a process is.
//!
//! # Safety
//!
//! Unsafe code is libc's functions on the arguments of ours.

#![allow(unsafe_code)]

mod support;

use gort_sys::types::*;
use gort_sys::{Errno, raw};
use support::{c, child_holds, in_child};

#[test]
fn ids_are_libcs() {
    let number = |id: u32| Ok(i64::from(id));
    assert_eq!(Ok(i64::from(raw::getpid().0)), c!(libc::getpid()));
    assert_eq!(Ok(i64::from(raw::getppid().0)), c!(libc::getppid()));
    assert_eq!(Ok(i64::from(raw::gettid().0)), c!(libc::gettid()));
    assert_eq!(Ok(i64::from(raw::getpgrp().0)), c!(libc::getpgrp()));
    assert_eq!(number(raw::getuid().0), c!(libc::getuid()));
    assert_eq!(number(raw::geteuid().0), c!(libc::geteuid()));
    assert_eq!(number(raw::getgid().0), c!(libc::getgid()));
    assert_eq!(number(raw::getegid().0), c!(libc::getegid()));
    for pid in [0, 1, std::process::id() as i32, i32::MAX, -1] {
        let ours = raw::getpgid(Pid(pid)).map(|group| i64::from(group.0));
        assert_eq!(ours, c!(libc::getpgid(pid)), "{pid}");
        let ours = raw::getsid(Pid(pid)).map(|session| i64::from(session.0));
        assert_eq!(ours, c!(libc::getsid(pid)), "{pid}");
    }
    let (mut r, mut e, mut s) = (0, 0, 0);
    c!(libc::getresuid(&mut r, &mut e, &mut s)).unwrap();
    assert_eq!(raw::getresuid(), Ok((Uid(r), Uid(e), Uid(s))));
    c!(libc::getresgid(&mut r, &mut e, &mut s)).unwrap();
    assert_eq!(raw::getresgid(), Ok((Gid(r), Gid(e), Gid(s))));
    let _other_thread = std::thread::spawn(|| assert_ne!(raw::gettid(), raw::getpid())).join();
}

#[test]
fn groups_and_sessions_of_processes() {
    child_holds(|| {
        let me = raw::getpid();
        raw::setpgid(Pid::SELF, Pid::SELF).unwrap();
        assert_eq!(raw::getpgrp(), me);
        assert_eq!(raw::setsid(), Err(Errno::EPERM), "a group's leader cannot");
        assert_eq!(raw::setpgid(Pid::SELF, Pid(-1)), Err(Errno::EINVAL));
        assert_eq!(raw::setpgid(Pid(i32::MAX), Pid::SELF), Err(Errno::ESRCH));
    });
    child_holds(|| {
        let me = raw::getpid();
        assert_eq!(raw::setsid(), Ok(me));
        assert_eq!((raw::getsid(Pid::SELF), raw::getpgrp()), (Ok(me), me));
    });
    // A signal to the group reaches the group.
    let code = in_child(|| {
        raw::setpgid(Pid::SELF, Pid::SELF).unwrap();
        raw::kill(raw::getpid().group(), Signal::KILL).unwrap();
        3
    });
    assert_eq!(code, None);
}

#[test]
fn supplementary_groups() {
    let mut theirs = vec![0; 128];
    let count = c!(libc::getgroups(128, theirs.as_mut_ptr())).unwrap() as usize;
    let mut ours = vec![Gid(0); 128];
    assert_eq!(raw::getgroups(&mut ours), Ok(count));
    assert_eq!(raw::getgroups(&mut []), Ok(count));
    assert!(ours[..count].iter().map(|group| group.0).eq(theirs[..count].iter().copied()));
    child_holds(|| {
        let set = raw::setgroups(&[Gid(7), Gid(5), Gid(6)]);
        if raw::geteuid() == Uid::ROOT {
            set.unwrap();
            let mut groups = [Gid(0); 4];
            assert_eq!(raw::getgroups(&mut groups), Ok(3));
            let mut sorted = groups[..3].to_vec();
            sorted.sort();
            assert_eq!(sorted, [Gid(5), Gid(6), Gid(7)]);
            assert_eq!(raw::getgroups(&mut groups[..2]), Err(Errno::EINVAL));
            raw::setgroups(&[]).unwrap();
            assert_eq!(raw::getgroups(&mut groups), Ok(0));
        } else {
            assert_eq!(set, Err(Errno::EPERM));
        }
        let many = raw::setgroups(&vec![Gid(1); 65537]);
        assert!(matches!(many, Err(Errno::EINVAL | Errno::EPERM)), "{many:?}");
    });
}

#[test]
fn users_and_groups_are_set() {
    let (a, b, c, root) = (Uid(1001), Uid(1002), Uid(1003), raw::geteuid() == Uid::ROOT);
    let (x, y, z) = (Gid(2001), Gid(2002), Gid(2003));
    child_holds(|| {
        let sets = [raw::setregid(Gid::KEEP, x), raw::setresgid(x, y, z), raw::setresuid(a, b, c)];
        if !root {
            return assert_eq!(sets, [Err(Errno::EPERM); 3]);
        }
        assert_eq!(sets, [Ok(()); 3]);
        assert_eq!(raw::getresgid(), Ok((x, y, z)));
        assert_eq!(raw::getresuid(), Ok((a, b, c)));
        // No longer the superuser: only among the three.
        raw::setreuid(b, a).unwrap();
        assert_eq!((raw::getuid(), raw::geteuid()), (b, a));
        assert_eq!(raw::setuid(Uid(9)), Err(Errno::EPERM));
        assert_eq!(raw::setgid(Gid(9)), Err(Errno::EPERM));
        assert_eq!(raw::setresuid(Uid(9), Uid::KEEP, Uid::KEEP), Err(Errno::EPERM));
        assert_eq!(raw::setresgid(Gid(9), Gid::KEEP, Gid::KEEP), Err(Errno::EPERM));
        assert_eq!(raw::setreuid(Uid(9), Uid::KEEP), Err(Errno::EPERM));
        assert_eq!(raw::setregid(Gid(9), Gid::KEEP), Err(Errno::EPERM));
        assert_eq!(raw::setgroups(&[x]), Err(Errno::EPERM));
    });
    child_holds(|| {
        // The call tells what was, whether it was allowed or not.
        let old = (raw::geteuid(), raw::getegid());
        assert_eq!((raw::setfsuid(a), raw::setfsgid(x)), old);
        let new = if root { (a, x) } else { old };
        assert_eq!((raw::setfsuid(Uid::KEEP), raw::setfsgid(Gid::KEEP)), new);
        if root {
            raw::setgid(x).unwrap();
            raw::setuid(a).unwrap();
            assert_eq!((raw::getresuid(), raw::getresgid()), (Ok((a, a, a)), Ok((x, x, x))));
        }
    });
    // To the kernel, ids are a thread's: another thread keeps its own.
    child_holds(|| {
        if root {
            let there = std::thread::spawn(move || raw::setresuid(a, a, a).map(|()| raw::getuid()));
            assert_eq!(there.join().unwrap(), Ok(a));
            assert_eq!(raw::getuid(), Uid::ROOT);
        }
    });
}

#[test]
fn capabilities() {
    // The second 32 are in the status file's upper half.
    let seen =
        |data: [CapData; 2]| u64::from(data[0].effective) | u64::from(data[1].effective) << 32;
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:\t")).unwrap();
    let now = raw::capget(Pid::SELF).unwrap();
    assert_eq!(seen(now), u64::from_str_radix(line, 16).unwrap());
    assert_eq!(raw::capget(raw::gettid()), Ok(now));
    assert_eq!(raw::capget(Pid(i32::MAX)), Err(Errno::ESRCH));
    assert_eq!(raw::capget(Pid(-1)), Err(Errno::EINVAL));
    child_holds(|| {
        raw::capset(Pid::SELF, &[CapData::default(); 2]).unwrap();
        assert_eq!(seen(raw::capget(Pid::SELF).unwrap()), 0);
        let all = [CapData { effective: !0, permitted: !0, inheritable: 0 }; 2];
        assert_eq!(raw::capset(Pid::SELF, &all), Err(Errno::EPERM));
    });
}
