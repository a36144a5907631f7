//! Waiting for descriptors.
//!
//! # Safety
//!
//! Unsafe code is libc's functions on the arguments of ours.

#![allow(unsafe_code)]

mod scratch;
mod support;

use gort_sys::fd::{AsFd, AsRawFd};
use gort_sys::types::*;
use gort_sys::{Errno, raw};
use scratch::Scratch;
use support::{c, closed, interrupted, watchdog};

const NOW: Timespec = Timespec { sec: 0, nsec: 0 };
const LONG: Timespec = Timespec { sec: 1000, nsec: 0 };

#[test]
fn epoll_reports_what_was_asked_for() {
    watchdog();
    let epoll = raw::epoll_create1(DupFlags::CLOEXEC).unwrap();
    let pipe = raw::pipe2(PipeFlags::CLOEXEC).unwrap();
    let event = |events, data| EpollEvent { events, data };
    let add = |fd: &OwnedFd, e| raw::epoll_ctl(&epoll, EpollOp::ADD, fd, Some(&e));
    assert_eq!(add(&pipe.reader, event(EpollFlags::IN, u64::MAX - 5)), Ok(()));
    assert_eq!(add(&pipe.reader, event(EpollFlags::IN, 0)), Err(Errno::EEXIST));
    let mut found = [EpollEvent::default(); 4];
    assert_eq!(raw::epoll_wait(&epoll, &mut found, 0), Ok(0));
    assert_eq!(add(&pipe.writer, event(EpollFlags::OUT | EpollFlags::ONESHOT, 7)), Ok(()));
    assert_eq!(raw::epoll_wait(&epoll, &mut found, -1), Ok(1));
    assert_eq!(found[0], event(EpollFlags::OUT, 7));
    assert_eq!(raw::write(&pipe.writer, b"x"), Ok(1));
    assert_eq!(raw::epoll_pwait(&epoll, &mut found, -1, Some(&SigSet::FULL)), Ok(1));
    assert_eq!(found[0], event(EpollFlags::IN, u64::MAX - 5));
    let rearmed = event(EpollFlags::OUT, 8);
    assert_eq!(raw::epoll_ctl(&epoll, EpollOp::MODIFY, &pipe.writer, Some(&rearmed)), Ok(()));
    assert_eq!(raw::epoll_pwait2(&epoll, &mut found, Some(&NOW), None), Ok(2));
    assert_eq!(raw::epoll_pwait2(&epoll, &mut found[..1], None, None), Ok(1));
    // libc sees the same ring of events.
    // SAFETY: zero is a valid value of every field.
    let mut theirs: [libc::epoll_event; 4] = unsafe { std::mem::zeroed() };
    assert_eq!(c!(libc::epoll_wait(epoll.as_raw_fd(), theirs.as_mut_ptr(), 4, 0)), Ok(2));
    assert_eq!(raw::epoll_ctl(&epoll, EpollOp::DELETE, &pipe.reader, None), Ok(()));
    assert_eq!(raw::epoll_ctl(&epoll, EpollOp::DELETE, &pipe.reader, None), Err(Errno::ENOENT));
}

#[test]
fn epoll_refuses() {
    watchdog();
    let epoll = raw::epoll_create1(DupFlags::empty()).unwrap();
    let mut found = [EpollEvent::default(); 2];
    let event = EpollEvent { events: EpollFlags::IN, data: 0 };
    let scratch = Scratch::new();
    let file = scratch.file("a", b"");
    let add = |fd| raw::epoll_ctl(&epoll, EpollOp::ADD, fd, Some(&event));
    assert_eq!(add(file.as_fd()), Err(Errno::EPERM));
    assert_eq!(add(epoll.as_fd()), Err(Errno::EINVAL));
    assert_eq!(add(closed()), Err(Errno::EBADF));
    assert_eq!(raw::epoll_ctl(&epoll, EpollOp(9), &file, None), Err(Errno::EFAULT));
    assert_eq!(raw::epoll_wait(&epoll, &mut [], 0), Err(Errno::EINVAL));
    assert_eq!(raw::epoll_wait(&file, &mut found, 0), Err(Errno::EINVAL));
    assert_eq!(raw::epoll_wait(closed(), &mut found, 0), Err(Errno::EBADF));
    assert_eq!(raw::epoll_pwait(closed(), &mut found, 0, None), Err(Errno::EBADF));
    assert_eq!(raw::epoll_pwait2(closed(), &mut found, None, None), Err(Errno::EBADF));
    let bad = Timespec { sec: 0, nsec: -1 };
    let answer = raw::epoll_pwait2(&epoll, &mut found, Some(&bad), None);
    assert_eq!(answer, Err(Errno::EINVAL));
    let unknown = DupFlags::from_bits_retain(1);
    assert_eq!(raw::epoll_create1(unknown).unwrap_err(), Errno::EINVAL);
    let wait = || raw::epoll_wait(&epoll, &mut [EpollEvent::default()], -1);
    assert_eq!(interrupted(wait), Err(Errno::EINTR));
    let wait = || raw::epoll_pwait2(&epoll, &mut [EpollEvent::default()], None, None);
    assert_eq!(interrupted(wait), Err(Errno::EINTR));
}

#[test]
fn poll_and_ppoll() {
    watchdog();
    let pipe = raw::pipe2(PipeFlags::CLOEXEC).unwrap();
    let looked_for = |fd, events| PollFd::new(fd, events);
    let mut fds = [
        looked_for(pipe.reader.as_fd(), PollFlags::IN),
        looked_for(pipe.writer.as_fd(), PollFlags::OUT),
        looked_for(closed(), PollFlags::IN),
    ];
    assert_eq!(raw::poll(&mut fds[..1], 0), Ok(0));
    assert_eq!(raw::poll(&mut fds, -1), Ok(2));
    let found = fds.map(|fd| fd.found());
    assert_eq!(found, [PollFlags::empty(), PollFlags::OUT, PollFlags::NVAL]);
    assert_eq!(raw::write(&pipe.writer, b"x"), Ok(1));
    let mut rest = LONG;
    assert_eq!(raw::ppoll(&mut fds[..1], Some(&mut rest), Some(&SigSet::FULL)), Ok(1));
    assert_eq!(fds[0].found(), PollFlags::IN);
    assert!(Timespec::default() < rest && rest < LONG, "the rest of the time: {rest:?}");
    assert_eq!(raw::ppoll(&mut [], Some(&mut NOW.clone()), None), Ok(0));
    let mut bad = Timespec { sec: -1, nsec: 0 };
    assert_eq!(raw::ppoll(&mut [], Some(&mut bad), None), Err(Errno::EINVAL));
    assert_eq!(interrupted(|| raw::poll(&mut [], -1)), Err(Errno::EINTR));
    assert_eq!(interrupted(|| raw::ppoll(&mut [], None, None)), Err(Errno::EINTR));
    // SAFETY: no arguments.
    let limit = unsafe { libc::sysconf(libc::_SC_OPEN_MAX) } as usize;
    let mut many = vec![looked_for(pipe.writer.as_fd(), PollFlags::OUT); limit + 1];
    assert_eq!(raw::poll(&mut many, 0), Err(Errno::EINVAL));
}

#[test]
fn select_uses_all_six_arguments() {
    watchdog();
    let pipe = raw::pipe2(PipeFlags::CLOEXEC).unwrap();
    let (reader, writer) = (pipe.reader.as_fd(), pipe.writer.as_fd());
    let [mut read, mut write, mut except] = [FdSet::default(); 3];
    assert!(read.insert(reader) && write.insert(writer) && except.insert(reader));
    let mut rest = LONG;
    let mut select = |read: &mut FdSet| {
        let (w, e) = (Some(&mut write), Some(&mut except));
        raw::pselect6(1024, Some(read), w, e, Some(&mut rest), Some(&SigSet::FULL))
    };
    assert_eq!(select(&mut read), Ok(1));
    assert_eq!(read, FdSet::default());
    assert!(read.insert(reader));
    assert_eq!(raw::write(writer, b"x"), Ok(1));
    assert_eq!(select(&mut read), Ok(2));
    assert!(read.contains(reader) && write.contains(writer) && !except.contains(reader));
    assert!(Timespec::default() < rest && rest < LONG, "the rest of the time: {rest:?}");

    // A blocked signal does not interrupt; the mask is the sixth argument, behind a pointer.
    let mut short = Timespec { sec: 0, nsec: 30_000_000 };
    let masked = SigSet::FULL;
    let wait = || raw::pselect6(0, None, None, None, Some(&mut short), Some(&masked));
    assert_eq!(interrupted(wait), Ok(0));
    let wait = || raw::pselect6(0, None, None, None, None, None);
    assert_eq!(interrupted(wait), Err(Errno::EINTR));

    let mut now = NOW;
    let none = || (None, None, None);
    let (r, w, e) = none();
    assert_eq!(raw::pselect6(1025, r, w, e, Some(&mut now), None), Err(Errno::EINVAL));
    let (r, w, e) = none();
    let mut bad = Timespec { sec: 0, nsec: 1_000_000_000 };
    assert_eq!(raw::pselect6(1, r, w, e, Some(&mut bad), None), Err(Errno::EINVAL));
    assert!(!FdSet::default().insert(closed()));
    let mut missing = FdSet::default();
    // A number in the middle of the table, which was open and is not any more.
    let high = raw::fcntl_dupfd_cloexec(reader, 500).unwrap();
    assert!(missing.insert(high.as_fd()));
    raw::close(high).unwrap();
    let answer = raw::pselect6(1024, Some(&mut missing), None, None, Some(&mut now), None);
    assert_eq!(answer, Err(Errno::EBADF));
}
