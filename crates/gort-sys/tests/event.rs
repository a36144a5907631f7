//! Counters, timers, signals, file watches, processes, rings.
//!
//! # Safety
//!
//! Unsafe code is libc's functions on the arguments of ours, and a ring that is given no work.

#![allow(unsafe_code)]

mod scratch;
mod support;

use gort_sys::fd::{AsFd, AsRawFd, OwnedFd};
use gort_sys::types::*;
use gort_sys::{Errno, raw};
use scratch::Scratch;
use std::time::Duration;
use support::{REFUSED, allowed, c, child_holds, closed, interrupted, watchdog};

fn word(fd: impl AsFd) -> gort_sys::Result<u64> {
    let mut buf = [0; 8];
    assert_eq!(raw::read(fd, &mut buf)?, 8);
    Ok(u64::from_ne_bytes(buf))
}

#[test]
fn counters() {
    let fd = raw::eventfd2(3, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC).unwrap();
    assert_eq!(raw::write(&fd, &4u64.to_ne_bytes()), Ok(8));
    assert_eq!(word(&fd), Ok(7));
    assert_eq!(word(&fd), Err(Errno::EAGAIN));
    let fd = raw::eventfd2(2, EventfdFlags::SEMAPHORE).unwrap();
    assert_eq!((word(&fd), word(&fd)), (Ok(1), Ok(1)));
    let unknown = EventfdFlags::from_bits_retain(2);
    assert_eq!(raw::eventfd2(0, unknown).unwrap_err(), Errno::EINVAL);
}

#[test]
fn timers() {
    watchdog();
    let fd = raw::timerfd_create(ClockId::MONOTONIC, TimerfdFlags::CLOEXEC).unwrap();
    let hour = Itimerspec {
        interval: Duration::from_secs(9).into(),
        value: Timespec { sec: 3600, nsec: 5 },
    };
    let none = TimerfdTimerFlags::empty();
    assert_eq!(raw::timerfd_settime(&fd, none, &hour), Ok(Itimerspec::default()));
    let left = raw::timerfd_gettime(&fd).unwrap();
    assert_eq!(left.interval, hour.interval);
    assert!(Timespec::default() < left.value && left.value <= hour.value, "{left:?}");
    // SAFETY: zero is a valid value of every field.
    let mut theirs: libc::itimerspec = unsafe { std::mem::zeroed() };
    c!(libc::timerfd_gettime(fd.as_raw_fd(), &mut theirs)).unwrap();
    assert_eq!(theirs.it_interval.tv_sec, 9);
    assert!((0..=3600).contains(&theirs.it_value.tv_sec));
    // A point that has passed: it expires at once.
    let past = Itimerspec { value: Timespec { sec: 0, nsec: 1 }, ..Itimerspec::default() };
    let old = raw::timerfd_settime(&fd, TimerfdTimerFlags::ABSTIME, &past).unwrap();
    assert_eq!(old.interval, hour.interval);
    assert_eq!(word(&fd), Ok(1));

    let bad = Itimerspec { value: Timespec { sec: 0, nsec: 1_000_000_000 }, ..hour };
    assert_eq!(raw::timerfd_settime(&fd, none, &bad), Err(Errno::EINVAL));
    assert_eq!(raw::timerfd_settime(closed(), none, &hour), Err(Errno::EBADF));
    assert_eq!(raw::timerfd_gettime(closed()), Err(Errno::EBADF));
    let counter = raw::eventfd2(0, EventfdFlags::empty()).unwrap();
    assert_eq!(raw::timerfd_gettime(&counter), Err(Errno::EINVAL));
    for clock in -2..16 {
        let ours = raw::timerfd_create(ClockId(clock), TimerfdFlags::empty()).map(drop);
        let theirs = c!(libc::timerfd_create(clock, 0)).map(|fd| {
            c!(libc::close(fd as i32)).unwrap();
        });
        assert_eq!(ours, theirs, "clock {clock}");
    }
}

#[test]
fn signals_read_from_a_descriptor() {
    child_holds(|| {
        let mask = SigSet::EMPTY.with(Signal::USR1).with(Signal::USR2);
        // SAFETY: zero is a valid value of every field, and both functions write to it.
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigaddset(&mut set, libc::SIGUSR1);
            libc::sigaddset(&mut set, libc::SIGUSR2);
            libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
        }
        let flags = SignalfdFlags::NONBLOCK | SignalfdFlags::CLOEXEC;
        let fd = raw::signalfd4(&mask, flags).unwrap();
        let mut buf = [0; 128];
        assert_eq!(raw::read(&fd, &mut buf), Err(Errno::EAGAIN));
        c!(libc::raise(libc::SIGUSR2)).unwrap();
        assert_eq!(raw::read(&fd, &mut buf), Ok(128));
        assert_eq!(buf[..4], libc::SIGUSR2.to_ne_bytes());
        assert_eq!(raw::signalfd4_set(&fd, &SigSet::EMPTY.with(Signal::USR1)), Ok(()));
        c!(libc::raise(libc::SIGUSR2)).unwrap();
        assert_eq!(raw::read(&fd, &mut buf), Err(Errno::EAGAIN));
        let unknown = SignalfdFlags::from_bits_retain(1);
        assert_eq!(raw::signalfd4(&mask, unknown).unwrap_err(), Errno::EINVAL);
        assert_eq!(raw::signalfd4_set(closed(), &mask), Err(Errno::EBADF));
        let counter = raw::eventfd2(0, EventfdFlags::empty()).unwrap();
        assert_eq!(raw::signalfd4_set(&counter, &mask), Err(Errno::EINVAL));
    });
}

#[test]
fn file_watches() {
    let scratch = Scratch::new();
    let fd = raw::inotify_init1(InotifyFlags::NONBLOCK | InotifyFlags::CLOEXEC).unwrap();
    let watch = raw::inotify_add_watch(&fd, scratch.path(""), InotifyMask::CREATE).unwrap();
    drop(scratch.file("new", b""));
    let mut buf = [0; 256];
    assert_eq!(raw::read(&fd, &mut buf), Ok(32));
    assert_eq!(buf[..4], watch.0.to_ne_bytes());
    assert_eq!(buf[4..8], InotifyMask::CREATE.bits().to_ne_bytes());
    assert_eq!(buf[16..20], *b"new\0");
    assert_eq!(raw::inotify_rm_watch(&fd, watch), Ok(()));
    assert_eq!(raw::inotify_rm_watch(&fd, watch), Err(Errno::EINVAL));
    let missing = raw::inotify_add_watch(&fd, scratch.path("missing"), InotifyMask::OPEN);
    assert_eq!(missing, Err(Errno::ENOENT));
    let nothing = raw::inotify_add_watch(&fd, scratch.path(""), InotifyMask::empty());
    assert_eq!(nothing, Err(Errno::EINVAL));
    assert_eq!(raw::inotify_rm_watch(closed(), watch), Err(Errno::EBADF));
    let unknown = InotifyFlags::from_bits_retain(1);
    assert_eq!(raw::inotify_init1(unknown).unwrap_err(), Errno::EINVAL);
}

#[test]
fn processes() {
    watchdog();
    let mut child = std::process::Command::new("sleep").arg("100").spawn().unwrap();
    let fd = raw::pidfd_open(Pid(child.id() as i32), PidfdFlags::NONBLOCK).unwrap();
    let got = raw::pidfd_getfd(&fd, 0);
    if allowed("pidfd_getfd", &got, REFUSED) {
        let theirs = c!(libc::syscall(libc::SYS_pidfd_getfd, fd.as_raw_fd(), 9999, 0));
        assert_eq!(raw::pidfd_getfd(&fd, 9999).map(drop), theirs.map(drop));
    }
    assert_eq!(raw::pidfd_send_signal(&fd, Signal::NONE), Ok(()));
    assert_eq!(raw::pidfd_send_signal(&fd, Signal(999)), Err(Errno::EINVAL));
    assert_eq!(raw::pidfd_send_signal(&fd, Signal::KILL), Ok(()));
    let status = child.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(libc::SIGKILL));
    assert_eq!(raw::pidfd_send_signal(&fd, Signal::NONE), Err(Errno::ESRCH));
    let no_process = raw::pidfd_open(Pid(i32::MAX), PidfdFlags::empty());
    assert_eq!(no_process.unwrap_err(), Errno::ESRCH);
    assert_eq!(raw::pidfd_open(Pid(0), PidfdFlags::empty()).unwrap_err(), Errno::EINVAL);
    assert_eq!(raw::pidfd_send_signal(closed(), Signal::NONE), Err(Errno::EBADF));
    assert_eq!(raw::pidfd_getfd(closed(), 0).unwrap_err(), Errno::EBADF);
}

fn ring() -> gort_sys::Result<(OwnedFd, IoUringParams)> {
    let mut params = IO_URING_PARAMS;
    // SAFETY: no flags, so neither memory of ours nor an index instead of a descriptor.
    unsafe { raw::io_uring_setup(3, &mut params) }.map(|fd| (fd, params))
}

#[test]
fn rings() {
    watchdog();
    let none = IoUringEnterFlags::empty();
    let null = std::ptr::null();
    let ring = ring();
    if !allowed("io_uring_setup", &ring, REFUSED) {
        return;
    }
    let mut params = IO_URING_PARAMS;
    // SAFETY: none of these gives the kernel anything to do, or memory.
    unsafe {
        assert_eq!(raw::io_uring_setup(0, &mut params).unwrap_err(), Errno::EINVAL);
        assert_eq!(raw::io_uring_enter(closed(), 0, 0, none, null, 0), Err(Errno::EBADF));
        let register = raw::io_uring_register(closed(), 1, std::ptr::null_mut(), 0);
        assert_eq!(register, Err(Errno::EBADF));
    }
    let (fd, params) = ring.unwrap();
    assert_eq!((params.sq_entries, params.cq_entries), (4, 8));
    // SAFETY: as above: nothing has been put into the ring.
    unsafe {
        assert_eq!(raw::io_uring_enter(&fd, 0, 0, none, null, 0), Ok(0));
        let unknown = IoUringEnterFlags::from_bits_retain(1 << 30);
        assert_eq!(raw::io_uring_enter(&fd, 0, 0, unknown, null, 0), Err(Errno::EINVAL));
        let wait = || {
            let flags = IoUringEnterFlags::GETEVENTS;
            raw::io_uring_enter(&fd, 0, 1, flags, std::ptr::null(), 0)
        };
        assert_eq!(interrupted(wait), Err(Errno::EINTR));
        let no_op = raw::io_uring_register(&fd, 9999, std::ptr::null_mut(), 0);
        assert_eq!(no_op, Err(Errno::EINVAL));
        // IORING_UNREGISTER_BUFFERS, where none are registered.
        let none_there = raw::io_uring_register(&fd, 1, std::ptr::null_mut(), 0);
        assert_eq!(none_there, Err(Errno::ENXIO));
        // IORING_REGISTER_EVENTFD reads a descriptor's number.
        let counter = raw::eventfd2(0, EventfdFlags::empty()).unwrap();
        let mut number = counter.as_raw_fd();
        let done = raw::io_uring_register(&fd, 4, (&raw mut number).cast(), 1);
        assert_eq!(done, Ok(0));
    }
}
