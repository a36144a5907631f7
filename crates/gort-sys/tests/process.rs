//! Making, replacing, ending and waiting for processes.
//!
//! # Safety
//!
//! Children made here run a few calls and end by `exit_group`; libc's functions get the arguments
//! of ours.

#![allow(unsafe_code)]

mod support;

use gort_sys::fd::AsFd;
use gort_sys::types::*;
use gort_sys::{Errno, Result, raw};
use std::ptr::{null, null_mut};
use support::{REFUSED, allowed, c, child_holds, closed, in_child, watchdog};

/// A child that runs `body`, which does not return.
fn child(body: impl FnOnce()) -> Pid {
    // SAFETY: the child does nothing but `body`, and never comes back from here.
    match unsafe { raw::fork() }.unwrap() {
        Pid::SELF => {
            // A test that fails leaves no child behind.
            let _ = raw::prctl_set_pdeathsig(Signal::KILL);
            body();
            raw::exit_group(99)
        }
        pid => pid,
    }
}

fn wait(pid: Pid) -> WaitStatus {
    let mut status = WaitStatus::default();
    assert_eq!(raw::wait4(pid, Some(&mut status), WaitOptions::empty(), None), Ok(pid));
    status
}

#[test]
fn fork_exit_and_wait() {
    watchdog();
    let mut usage = Rusage::default();
    let mut status = WaitStatus::default();
    let pid = child(|| raw::exit_group(7));
    let options = WaitOptions::empty();
    assert_eq!(raw::wait4(pid, Some(&mut status), options, Some(&mut usage)), Ok(pid));
    assert_eq!(
        (status.exit_code(), status.kill_signal(), status.stop_signal()),
        (Some(7), None, None)
    );
    assert!(usage.maxrss > 0, "the child's own use");
    assert_eq!(raw::wait4(pid, None, WaitOptions::NOHANG, None), Err(Errno::ECHILD));

    // `exit` ends a thread; a process with one thread ends with it.
    // SAFETY: nobody else uses the child's stack.
    let pid = child(|| unsafe { raw::exit(9) });
    assert_eq!(wait(pid).exit_code(), Some(9));
}

#[test]
fn wait_statuses_are_those_of_libcs_macros() {
    watchdog();
    let pid = child(|| {
        let _ = raw::kill(raw::getpid(), Signal::STOP);
        let _ = raw::pause();
    });
    let mut status = WaitStatus::default();
    let mut step = |options| {
        assert_eq!(raw::wait4(pid, Some(&mut status), options, None), Ok(pid));
        let WaitStatus(raw) = status;
        assert_eq!(status.exit_code().is_some(), libc::WIFEXITED(raw));
        assert_eq!(
            status.kill_signal().map(|s| s.0),
            libc::WIFSIGNALED(raw).then(|| libc::WTERMSIG(raw))
        );
        assert_eq!(
            status.stop_signal().map(|s| s.0),
            libc::WIFSTOPPED(raw).then(|| libc::WSTOPSIG(raw))
        );
        assert_eq!(status.continued(), libc::WIFCONTINUED(raw));
        assert_eq!(status.core_dumped(), libc::WIFSIGNALED(raw) && libc::WCOREDUMP(raw));
        status
    };
    assert_eq!(step(WaitOptions::UNTRACED).stop_signal(), Some(Signal::STOP));
    raw::kill(pid, Signal::CONT).unwrap();
    assert!(step(WaitOptions::CONTINUED).continued());
    assert_eq!(raw::wait4(pid, None, WaitOptions::NOHANG, None), Ok(Pid::SELF), "nothing yet");
    raw::kill(pid, Signal::KILL).unwrap();
    assert_eq!(step(WaitOptions::empty()).kill_signal(), Some(Signal::KILL));
}

#[test]
fn waitid_tells_who_and_why() {
    watchdog();
    let pid = child(|| raw::exit_group(5));
    let mut info = SigInfo::EMPTY;
    let (who, options) = (WaitFor::Process(pid), WaitOptions::EXITED | WaitOptions::NOWAIT);
    assert_eq!(raw::waitid(who, Some(&mut info), options, None), Ok(()));
    assert_eq!((info.signal(), info.pid(), info.status()), (Signal::CHLD, pid, 5));
    assert_eq!((info.code(), info.uid()), (libc::CLD_EXITED, raw::getuid()));
    // SAFETY: all zero is a value of libc's structure.
    let mut theirs: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let flags = libc::WEXITED | libc::WNOWAIT;
    c!(libc::waitid(libc::P_PID, pid.0 as u32, &mut theirs, flags)).unwrap();
    // SAFETY: libc has filled it for a child.
    let theirs = unsafe { (theirs.si_pid(), theirs.si_uid(), theirs.si_status(), theirs.si_code) };
    assert_eq!(theirs, (info.pid().0, info.uid().0, info.status(), info.code()));
    assert_eq!(raw::waitid(who, None, WaitOptions::EXITED, None), Ok(()));
    assert_eq!(raw::waitid(who, None, WaitOptions::EXITED, None), Err(Errno::ECHILD));
    assert_eq!(raw::waitid(who, None, WaitOptions::empty(), None), Err(Errno::EINVAL));
    let fd = WaitFor::PidFd(closed());
    assert_eq!(raw::waitid(fd, None, WaitOptions::EXITED, None), Err(Errno::EBADF));

    let pid = child(|| assert!(raw::pause().is_err()));
    let mut info = SigInfo::EMPTY;
    let options = WaitOptions::EXITED | WaitOptions::NOHANG;
    assert_eq!(raw::waitid(WaitFor::Process(pid), Some(&mut info), options, None), Ok(()));
    assert_eq!(info.signal(), Signal::NONE, "nothing yet");
    raw::kill(pid, Signal::KILL).unwrap();
    wait(pid);
}

#[test]
fn clone_and_clone3() {
    watchdog();
    let mut tid = Pid(0);
    let flags = CloneFlags::exit_signal(Signal::CHLD) | CloneFlags::PARENT_SETTID;
    // SAFETY: a copy of the process, as by `fork`.
    let pid = unsafe { raw::clone(flags, null_mut(), &mut tid, null_mut(), 0) }.unwrap();
    if pid == Pid::SELF {
        raw::exit_group(3);
    }
    assert_eq!((tid, wait(pid).exit_code()), (pid, Some(3)));
    let bad = CloneFlags::THREAD;
    // SAFETY: a thread without shared signal handlers is refused.
    let refused = unsafe { raw::clone(bad, null_mut(), null_mut(), null_mut(), 0) };
    assert_eq!(refused, Err(Errno::EINVAL));

    let mut pidfd = -1i32;
    let args = CloneArgs {
        flags: CloneFlags::PIDFD,
        pidfd: (&raw mut pidfd).expose_provenance() as u64,
        exit_signal: Signal::CHLD.0 as u64,
        ..CloneArgs::default()
    };
    // SAFETY: a copy of the process, as by `fork`; the address is that of a descriptor's number.
    let result = unsafe { raw::clone3(&args) };
    if result == Ok(Pid::SELF) {
        raw::exit_group(4);
    }
    if allowed("clone3", &result, REFUSED) {
        use std::os::fd::{FromRawFd, OwnedFd};
        // SAFETY: the kernel has just made it.
        let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
        let mut info = SigInfo::EMPTY;
        let who = WaitFor::PidFd(pidfd.as_fd());
        raw::waitid(who, Some(&mut info), WaitOptions::EXITED, None).unwrap();
        assert_eq!((Ok(info.pid()), info.status()), (result, 4));
        // SAFETY: a thread without shared signal handlers is refused.
        let refused = unsafe { raw::clone3(&CloneArgs { flags: bad, ..args }) };
        assert_eq!(refused, Err(Errno::EINVAL));
    }
}

#[test]
fn programs() {
    watchdog();
    let argv = [c"sh".as_ptr(), c"-c".as_ptr(), c"exit $CODE".as_ptr(), null()];
    let envp = [c"CODE=23".as_ptr(), null()];
    let pid = child(|| {
        // SAFETY: arrays of C strings that a null ends.
        let _ = unsafe { raw::execve("/bin/sh", argv.as_ptr(), envp.as_ptr()) };
    });
    assert_eq!(wait(pid).exit_code(), Some(23));
    let file = std::fs::File::open("/bin/sh").unwrap();
    let pid = child(|| {
        let flags = ExecFlags::EMPTY_PATH;
        // SAFETY: as above.
        let _ = unsafe { raw::execveat(&file, c"", argv.as_ptr(), envp.as_ptr(), flags) };
    });
    assert_eq!(wait(pid).exit_code(), Some(23));
    for path in ["/no/such/program", "/", "/dev/null", "a\0b"] {
        // SAFETY: as above; none of these is a program.
        let ours = unsafe { raw::execve(path, argv.as_ptr(), envp.as_ptr()) };
        let expected = match std::ffi::CString::new(path) {
            Ok(path) => c!(libc::execve(path.as_ptr(), argv.as_ptr(), envp.as_ptr())).err(),
            Err(_) => Some(Errno::EINVAL),
        };
        assert_eq!(ours.err(), expected, "{path:?}");
        // SAFETY: as above.
        let ours = unsafe {
            raw::execveat(gort_sys::fd::CWD, path, argv.as_ptr(), envp.as_ptr(), ExecFlags::empty())
        };
        assert_eq!(ours.err(), expected, "{path:?}");
    }
}

#[test]
fn thread_names_and_flags() {
    let name = ThreadName::new(b"fifteen bytes..").unwrap();
    raw::prctl_set_name(&name).unwrap();
    assert_eq!(raw::prctl_get_name(), Ok(name));
    let comm = std::fs::read("/proc/thread-self/comm").unwrap();
    assert_eq!(comm.trim_ascii_end(), name.as_bytes());
    assert_eq!(ThreadName::new(b"sixteen bytes..."), Err(Errno::EINVAL));
    assert_eq!(ThreadName::new(b"a\0b"), Err(Errno::EINVAL));

    raw::prctl_set_pdeathsig(Signal::USR1).unwrap();
    assert_eq!(raw::prctl_get_pdeathsig(), Ok(Signal::USR1));
    raw::prctl_set_pdeathsig(Signal::NONE).unwrap();
    assert_eq!(raw::prctl_set_pdeathsig(Signal(65)), Err(Errno::EINVAL));

    child_holds(|| {
        raw::prctl_set_dumpable(false).unwrap();
        assert_eq!(raw::prctl_get_dumpable(), Ok(0));
        raw::prctl_set_dumpable(true).unwrap();
        assert_eq!(c!(libc::prctl(libc::PR_GET_DUMPABLE)), Ok(1));
        assert_eq!(
            raw::prctl_get_no_new_privs().map(i64::from),
            c!(libc::prctl(libc::PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0))
        );
        raw::prctl_set_no_new_privs().unwrap();
        assert_eq!(raw::prctl_get_no_new_privs(), Ok(1));
    });
    // SAFETY: reads a number; the second does not exist.
    let slack = unsafe { raw::prctl(libc::PR_GET_TIMERSLACK, 0, 0, 0, 0) };
    assert_eq!(
        slack.map(|slack| slack as i64),
        c!(libc::prctl(libc::PR_GET_TIMERSLACK, 0, 0, 0, 0))
    );
    // SAFETY: as above.
    assert_eq!(unsafe { raw::prctl(-1, 0, 0, 0, 0) }, Err(Errno::EINVAL));
}

#[test]
fn namespaces() {
    let null_file = std::fs::File::open("/dev/null").unwrap();
    assert_eq!(raw::setns(&null_file, CloneFlags::empty()), Err(Errno::EINVAL));
    assert_eq!(raw::setns(closed(), CloneFlags::empty()), Err(Errno::EBADF));
    child_holds(|| {
        let uts = || std::fs::read_link("/proc/self/ns/uts").unwrap();
        let (old, before) = (std::fs::File::open("/proc/self/ns/uts").unwrap(), uts());
        // SAFETY: descriptors stay shared.
        let result = unsafe { raw::unshare(CloneFlags::NEWUTS) };
        if allowed("unshare", &result, REFUSED) {
            assert_ne!(uts(), before);
            raw::sethostname(b"gort-test").unwrap();
            raw::setdomainname(b"gort-domain").unwrap();
            let names = raw::uname().unwrap();
            assert_eq!(
                (names.nodename(), names.domainname()),
                (&b"gort-test"[..], &b"gort-domain"[..])
            );
            assert_eq!(raw::sethostname(&[b'x'; 65]), Err(Errno::EINVAL));
            assert_eq!(raw::setdomainname(&[b'x'; 65]), Err(Errno::EINVAL));
            raw::setns(&old, CloneFlags::NEWUTS).unwrap();
            assert_eq!(uts(), before);
        }
        // SAFETY: no flag the kernel knows.
        let refused = unsafe { raw::unshare(CloneFlags::exit_signal(Signal::CHLD)) };
        assert_eq!(refused, Err(Errno::EINVAL));
    });
    assert_eq!(raw::uname().unwrap().sysname(), b"Linux");
}

#[test]
fn tracing() {
    watchdog();
    static VALUE: u64 = 0x1122_3344_5566_7788;
    const TRACEME: u32 = libc::PTRACE_TRACEME;
    let pid = child(|| {
        // SAFETY: takes no addresses.
        let traced = unsafe { raw::ptrace(TRACEME, Pid::SELF, 0, 0) };
        let _ = raw::kill(raw::getpid(), Signal::STOP);
        raw::exit_group(if traced.is_ok() { 6 } else { 8 });
    });
    let mut status = WaitStatus::default();
    raw::wait4(pid, Some(&mut status), WaitOptions::UNTRACED, None).unwrap();
    assert_eq!(status.stop_signal(), Some(Signal::STOP));
    let mut copy = 0u64;
    let address = (&raw const VALUE).expose_provenance();
    // SAFETY: the child is a copy of this process and has the word at the same address.
    let peeked = unsafe {
        raw::ptrace(libc::PTRACE_PEEKDATA, pid, address, (&raw mut copy).expose_provenance())
    };
    // A child that may not be traced says so by its exit code.
    let expected = match peeked {
        Ok(_) => {
            assert_eq!(copy, VALUE);
            // SAFETY: lets the child go on.
            unsafe { raw::ptrace(libc::PTRACE_CONT, pid, 0, 0) }.unwrap();
            6
        }
        Err(errno) => {
            eprintln!("ptrace: refused here with {errno:?}");
            raw::kill(pid, Signal::CONT).unwrap();
            8
        }
    };
    assert_eq!(wait(pid).exit_code(), Some(expected));
    // SAFETY: there is no such process.
    let nobody = unsafe { raw::ptrace(libc::PTRACE_CONT, Pid(i32::MAX), 0, 0) };
    assert_eq!(nobody, Err(Errno::ESRCH));
}

#[test]
fn memory_of_a_process() {
    let (me, from, mut to) = (raw::getpid(), *b"from here", [0; 9]);
    // SAFETY: what is read is not written meanwhile.
    let read = |to: &mut [u8], pid| unsafe {
        raw::process_vm_readv(pid, &[IoSliceMut::new(to)], &IoSlice::new(&from), 1, 0)
    };
    if allowed("process_vm_readv", &read(&mut to, me), REFUSED) {
        assert_eq!(to, from);
        let target = IoSliceMut::new(&mut to);
        let remote = (&raw const target).cast();
        // SAFETY: the remote address is `to`, which is borrowed for it.
        let wrote =
            unsafe { raw::process_vm_writev(me, &[IoSlice::new(b"to there!")], remote, 1, 0) };
        assert_eq!((wrote, &to), (Ok(9), b"to there!"));
    }
    assert_eq!(read(&mut [0; 9], Pid(i32::MAX)), Err(Errno::ESRCH));
    // SAFETY: no flags are known, so nothing is written.
    let flags = unsafe { raw::process_vm_writev(me, &[IoSlice::new(&from)], null(), 0, 1) };
    assert_eq!(flags, Err(Errno::EINVAL));
}

#[test]
fn sameness() {
    let (a, b) =
        (std::fs::File::open("/dev/null").unwrap(), std::fs::File::open("/dev/null").unwrap());
    let (copy, me) = (a.try_clone().unwrap(), raw::getpid());
    let compare = |x: &std::fs::File, y: &std::fs::File| {
        use std::os::fd::AsRawFd;
        raw::kcmp(me, me, KcmpKind::FILE, x.as_raw_fd() as usize, y.as_raw_fd() as usize)
    };
    let same: Result<i32> = compare(&a, &copy);
    if allowed("kcmp", &same, REFUSED) {
        assert_eq!(same, Ok(0));
        assert!(matches!(compare(&a, &b), Ok(1 | 2)), "an order between two that differ");
        assert_eq!(raw::kcmp(me, me, KcmpKind::VM, 0, 0), Ok(0));
        assert_eq!(raw::kcmp(me, me, KcmpKind(99), 0, 0), Err(Errno::EINVAL));
        assert_eq!(raw::kcmp(me, Pid(i32::MAX), KcmpKind::VM, 0, 0), Err(Errno::ESRCH));
    }
}

#[test]
fn a_child_that_fails_is_seen() {
    // The tests above rely on these two.
    assert_eq!(in_child(|| 17), Some(17));
    assert_eq!(in_child(|| c!(libc::raise(libc::SIGKILL)).unwrap() as i32), None);
}
