//! System calls made by goroutines: what waits is the goroutine, and what the kernel answers arrives.
//!
//! # Safety
//!
//! Calls by number get buffers of the length they are told, or nothing that could do harm.

#![allow(unsafe_code)]

mod support;

use gort::runtime::stats;
use gort::syscall::fd::{AsFd, OwnedFd};
use gort::syscall::types::{
    ClockId, Domain, DupFlags, EpollEvent, EpollFlags, EpollOp, Pid, PipeFlags, PollFd, PollFlags,
    Protocol, RecvFlags, Rusage, SendFlags, SockType, TimerFlags, Timespec, WaitOptions,
    WaitStatus,
};
use gort::syscall::{self, Errno, nr, raw};
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use support::{all, matrix, serial, spin, threads_in, watchdog};

const SHORT: Timespec = Timespec { sec: 0, nsec: 50_000 };
const MILLISECOND: Timespec = Timespec { sec: 0, nsec: 1_000_000 };

/// 1000 goroutines read a byte each of an empty pipe, which fills ten at a time; meanwhile one that
/// makes no calls goes on.
fn progress_together(read: impl Fn(&OwnedFd, &mut [u8]) -> syscall::Result<usize> + Sync) {
    let readers = 1000;
    let pipe = syscall::pipe2(PipeFlags::CLOEXEC).unwrap();
    let (inside, got, spun) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicU64::new(0));
    gort::scope(|s| {
        for _ in 0..readers {
            s.go(|| {
                let mut buf = [0; 2];
                inside.fetch_add(1, Ordering::Relaxed);
                assert_eq!(read(&pipe.reader, &mut buf[..1]), Ok(1));
                assert_eq!(buf, *b"x\0");
                got.fetch_add(1, Ordering::Relaxed);
            });
        }
        s.go(|| {
            while got.load(Ordering::Relaxed) < readers {
                spin(1000);
                spun.fetch_add(1, Ordering::Relaxed);
            }
        });
        // Sleeps, for one that only yields would wait for the spinning one's slices.
        while inside.load(Ordering::Relaxed) < readers {
            syscall::nanosleep(&SHORT, None).unwrap();
        }
        // Some may have been pre-empted just before.
        while threads_in(nr::READ) < readers {
            syscall::nanosleep(&MILLISECOND, None).unwrap();
        }
        // No reader has come back before, and the spinning one goes on from batch to batch.
        for batch in (0..readers).step_by(10) {
            let before = spun.load(Ordering::Relaxed);
            while spun.load(Ordering::Relaxed) == before || got.load(Ordering::Relaxed) < batch {
                syscall::nanosleep(&SHORT, None).unwrap();
            }
            assert_eq!(got.load(Ordering::Relaxed), batch);
            assert_eq!(syscall::write(&pipe.writer, &[b'x'; 10]), Ok(10));
        }
    });
}

#[test]
fn readers_of_an_empty_pipe_cost_no_p() {
    matrix(|procs| {
        let before = stats();
        progress_together(|fd, buf| syscall::read(fd, buf));
        let calls = stats().retaken_calls - before.retaken_calls;
        // One whose thread has had to wait for a CPU before its call is rescued from at once.
        let rescues = stats().rescues - before.rescues;
        assert!(calls + rescues + procs >= 1000, "{calls} of 1000 calls were taken the P of");
        assert!(calls > rescues, "{rescues} were rescued from, and {calls} taken the P of");
    });
}

#[test]
fn unannounced_reads_keep_the_p_until_the_rescue() {
    matrix(|procs| {
        let before = stats();
        progress_together(|fd, buf| raw::read(fd, buf));
        let rescues = stats().rescues - before.rescues;
        assert!(rescues + procs >= 1000, "{rescues} of 1000 readers were rescued from");
    });
}

#[test]
fn calls_that_wait_give_the_p_away_at_once() {
    matrix(|_| {
        let before = stats();
        all(100, |_| {
            for _ in 0..3 {
                syscall::nanosleep(&MILLISECOND, None).unwrap();
                let now = syscall::clock_nanosleep(
                    ClockId::MONOTONIC,
                    TimerFlags::empty(),
                    &MILLISECOND,
                    None,
                );
                now.unwrap();
            }
        });
        assert_eq!(stats().handed_off - before.handed_off, 600);
    });
}

/// A call of class `sysblock` with nothing to wait for does not.
#[test]
fn calls_that_only_look_keep_the_p() {
    matrix(|_| {
        let pipe = syscall::pipe2(PipeFlags::CLOEXEC).unwrap();
        let before = stats().handed_off;
        let mut fds = [PollFd::new(pipe.reader.as_fd(), PollFlags::IN)];
        assert_eq!(syscall::poll(&mut fds, 0), Ok(0));
        let none = syscall::wait4(raw::getpid(), None, WaitOptions::NOHANG, None);
        assert_eq!(none, Err(Errno::ECHILD));
        assert_eq!(stats().handed_off, before);
    });
}

/// Calls that come back late, when the P has long been taken: each gets all that the kernel writes.
#[test]
fn results_and_out_parameters_arrive() {
    matrix(|procs| {
        let count = 4 * procs.min(4);
        let ends: Vec<_> = (0..count)
            .map(|_| {
                let pair = syscall::socketpair(Domain::UNIX, SockType::DGRAM, Protocol::DEFAULT);
                (pair.unwrap(), syscall::pipe2(PipeFlags::CLOEXEC).unwrap())
            })
            .collect();
        let late = AtomicUsize::new(0);
        gort::scope(|s| {
            for (i, ([end, _], pipe)) in ends.iter().enumerate() {
                let late = &late;
                s.go(move || {
                    let mut buf = [0; 4];
                    let len = syscall::recv(end, &mut buf, RecvFlags::empty());
                    assert_eq!((len, buf), (Ok(2), [b'm', i as u8, 0, 0]));
                });
                s.go(move || {
                    let mut fds = [PollFd::new(pipe.reader.as_fd(), PollFlags::IN)];
                    assert_eq!(syscall::poll(&mut fds, -1), Ok(1));
                    assert_eq!(fds[0].found(), PollFlags::IN);
                });
                s.go(move || {
                    let epoll = syscall::epoll_create1(DupFlags::CLOEXEC).unwrap();
                    let wanted = EpollEvent { events: EpollFlags::IN, data: 40 + i as u64 };
                    syscall::epoll_ctl(&epoll, EpollOp::ADD, &pipe.reader, Some(&wanted)).unwrap();
                    let mut events = [EpollEvent::default(); 2];
                    assert_eq!(syscall::epoll_wait(&epoll, &mut events, -1), Ok(1));
                    assert_eq!(events, [wanted, EpollEvent::default()]);
                });
                s.go(move || {
                    let status = exit_status(i as u8 + 1);
                    assert_eq!(status.exit_code(), Some(i as i32 + 1));
                    late.fetch_add(1, Ordering::Relaxed);
                });
                // An error that comes at once, and one that comes late.
                s.go(move || {
                    let word = AtomicU32::new(7);
                    assert_eq!(syscall::futex_wait(&word, 8, None), Err(Errno::EAGAIN));
                    let result = syscall::futex_wait(&word, 7, Some(&MILLISECOND));
                    assert_eq!(result, Err(Errno::ETIMEDOUT));
                    late.fetch_add(1, Ordering::Relaxed);
                });
            }
            while late.load(Ordering::Relaxed) < 2 * count {
                gort::gosched();
            }
            for (i, ([_, end], pipe)) in ends.iter().enumerate() {
                assert_eq!(syscall::send(end, &[b'm', i as u8], SendFlags::empty()), Ok(2));
                assert_eq!(syscall::write(&pipe.writer, b"!"), Ok(1));
            }
        });
    });
}

/// Of a child that exits with `code`, by wait4.
fn exit_status(code: u8) -> WaitStatus {
    let script = format!("read nothing; exit {code}");
    let mut command = Command::new("sh");
    let child = command.args(["-c", &script]).stdin(Stdio::piped()).spawn().unwrap();
    let pid = Pid(child.id().cast_signed());
    drop(child);
    let (mut status, mut usage) = (WaitStatus(0), Rusage::default());
    let result = syscall::wait4(pid, Some(&mut status), WaitOptions::empty(), Some(&mut usage));
    assert_eq!(result, Ok(pid));
    assert!(usage.maxrss > 0);
    status
}

#[test]
fn calls_by_number() {
    matrix(|_| {
        let pipe = syscall::pipe2(PipeFlags::CLOEXEC).unwrap();
        let (reader, writer) = (pipe.reader.as_raw_fd() as usize, pipe.writer.as_raw_fd() as usize);
        gort::scope(|s| {
            s.go(|| {
                let mut buf = [0u8; 4];
                let into = buf.as_mut_ptr().expose_provenance();
                // SAFETY: `buf` has that many bytes.
                let result = unsafe { syscall::syscall(nr::READ, reader, into, buf.len()) };
                assert_eq!((result, &buf), ((3, 0, Errno::NONE), b"abc\0"));
            });
            gort::gosched();
            let text = b"abc";
            let from = text.as_ptr().expose_provenance();
            // SAFETY: as many bytes as there are.
            let result = unsafe { syscall::syscall(nr::WRITE, writer, from, text.len()) };
            assert_eq!(result, (3, 0, Errno::NONE));
        });
        // SAFETY: there is no such descriptor, and no mapping is asked for.
        unsafe {
            let bad = syscall::syscall(nr::CLOSE, usize::MAX, 0, 0);
            assert_eq!(bad, (usize::MAX, 0, Errno::EBADF));
            let bad = syscall::syscall6(nr::MMAP, 0, 0, 0, 0x22, usize::MAX, 0);
            assert_eq!(bad, (usize::MAX, 0, Errno::EINVAL));
            assert_eq!(*libc::__errno_location(), 0);
        }
    });
}

syscall::sys! { unsafe extern "kernel" {
    /// Our own process group, without waiting.
    sysnb getpgrp() -> Pid;
    /// Goes to disk.
    sys fdatasync(fd: impl AsFd) -> syscall::Result<()>;
    /// By its number, and in order to wait.
    sysblock nap(time: &Timespec, const 0) -> syscall::Result<()> = nr::NANOSLEEP;
} }

#[test]
fn calls_that_a_program_declares() {
    matrix(|_| {
        // SAFETY: takes nothing.
        assert_eq!(getpgrp().0, unsafe { libc::getpgrp() });
        let pipe = syscall::pipe2(PipeFlags::CLOEXEC).unwrap();
        assert_eq!(fdatasync(&pipe.reader), Err(Errno::EINVAL));
        let before = stats();
        assert_eq!(nap(&MILLISECOND), Ok(()));
        assert_eq!(stats().handed_off, before.handed_off + 1);
        assert_eq!(nap(&Timespec { sec: -1, nsec: 0 }), Err(Errno::EINVAL));
    });
    assert_eq!(nap(&MILLISECOND), Ok(()), "on an ordinary thread");
}

/// Threads that have waited in the kernel are there for the next call.
#[test]
fn threads_are_used_again() {
    let _one = serial();
    let _watchdog = watchdog();
    gort::runtime::gomaxprocs(Some(2));
    let round = || {
        gort::run(|| {
            let pipe = syscall::pipe2(PipeFlags::CLOEXEC).unwrap();
            let inside = AtomicUsize::new(0);
            gort::scope(|s| {
                for _ in 0..300 {
                    s.go(|| {
                        inside.fetch_add(1, Ordering::Relaxed);
                        assert_eq!(syscall::read(&pipe.reader, &mut [0]), Ok(1));
                    });
                }
                while inside.load(Ordering::Relaxed) < 300 {
                    gort::gosched();
                }
                assert_eq!(syscall::write(&pipe.writer, &[0; 300]), Ok(300));
            });
        });
        while stats().idle_threads < stats().threads {
            std::thread::yield_now();
        }
        stats().threads
    };
    let first = round();
    assert!(first >= 300, "{first} threads for 300 calls at a time");
    let second = round();
    assert!(second <= first + 10, "first {first} threads, then {second}");
}
