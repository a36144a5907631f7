//! Interrupted calls: threads that sleep are not sent the signal that pre-empts, and where std tries again
//! it does not matter if they are.
//!
//! # Safety
//!
//! `poll` gets as many structures as it is told.

#![allow(unsafe_code)]

mod support;

use gort::runtime::stats;
use gort::syscall::fd::AsFd;
use gort::syscall::types::{DupFlags, EpollEvent, PipeFlags, PollFd, PollFlags, Timespec};
use gort::syscall::{self, Errno, pipe2, raw};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use support::hogs::{Hog, among, turn};
use support::storm::storm;
use support::{all, matrix};

fn poll(fd: RawFd, millis: i32) -> Result<i32, Errno> {
    let mut one = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // SAFETY: see the module.
    match unsafe { libc::poll(&mut one, 1, millis) } {
        0.. => Ok(one.revents.into()),
        _ => Err(Errno::from_raw(std::io::Error::last_os_error().raw_os_error().unwrap())),
    }
}

/// The signal may already be on its way when the thread goes to sleep; nobody can call it back.
fn seldom(interrupted: usize, calls: usize) {
    println!("{interrupted} of {calls} calls were interrupted");
    assert!(interrupted * 10 <= calls, "{interrupted} of {calls} calls were interrupted");
}

/// Short waits, which no retrying hides, next to loops that are pre-empted all the time.
#[test]
fn waiting_calls_are_hardly_ever_interrupted() {
    let (calls, interrupted) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let waiting_is_over = |result: Result<usize, Errno>| {
        calls.fetch_add(1, Ordering::Relaxed);
        match result {
            Ok(0) | Err(Errno::ETIMEDOUT) => {}
            Err(Errno::EINTR) => {
                interrupted.fetch_add(1, Ordering::Relaxed);
            }
            other => panic!("{other:?}"),
        }
    };
    let before = stats().preemptions;
    matrix(|procs| {
        let pipe = pipe2(PipeFlags::CLOEXEC).unwrap();
        let epoll = raw::epoll_create1(DupFlags::CLOEXEC).unwrap();
        among(&vec![turn as Hog; procs + 1], |_| {
            all(6, |i| {
                for round in 0..20 {
                    let millis = 1 + round % 3;
                    let time = Timespec { sec: 0, nsec: i64::from(millis) * 1_000_000 };
                    waiting_is_over(match i {
                        0 | 1 => poll(pipe.reader.as_raw_fd(), millis).map(|_| 0),
                        2 => raw::epoll_wait(&epoll, &mut [EpollEvent::default()], millis),
                        3 => raw::futex_wait(&0.into(), 0, Some(&time)).map(|()| 0),
                        4 => syscall::nanosleep(&time, None).map(|()| 0),
                        _ => {
                            let mut fds = [PollFd::new(pipe.reader.as_fd(), PollFlags::IN)];
                            syscall::poll(&mut fds, millis)
                        }
                    });
                }
            });
        });
    });
    assert!(stats().preemptions - before > 100, "nobody was pre-empted");
    seldom(interrupted.into_inner(), calls.into_inner());
}

/// Who has slept all the time has not been disturbed.
#[test]
fn long_waits_are_not_interrupted() {
    matrix(|procs| {
        let pipe = pipe2(PipeFlags::CLOEXEC).unwrap();
        let interrupted = AtomicUsize::new(0);
        let inside = AtomicUsize::new(0);
        gort::scope(|s| {
            for _ in 0..50 {
                s.go(|| {
                    inside.fetch_add(1, Ordering::Relaxed);
                    while poll(pipe.reader.as_raw_fd(), -1) == Err(Errno::EINTR) {
                        interrupted.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            while inside.load(Ordering::Relaxed) < 50 {
                gort::gosched();
            }
            let before = stats().preemptions;
            among(&vec![turn as Hog; procs + 1], |_| {
                while stats().preemptions < before + 100 {
                    syscall::nanosleep(&Timespec { sec: 0, nsec: 100_000 }, None).unwrap();
                }
            });
            assert_eq!(syscall::write(&pipe.writer, b"!"), Ok(1));
        });
        seldom(interrupted.into_inner(), 50);
    });
}

/// Even if somebody sends the signal to threads that sleep.
#[test]
fn where_std_tries_again_nothing_is_interrupted() {
    matrix(|_| {
        let _storm = storm(Some(1000));
        all(2, |me| {
            let (mut reader, mut writer) = std::io::pipe().unwrap();
            let data: Vec<u8> = (0..300_000u32).map(|i| (i * 7) as u8).collect();
            let sent = data.clone();
            let sender = gort::go(move || writer.write_all(&sent).unwrap());
            let mut got = Vec::new();
            reader.read_to_end(&mut got).unwrap();
            assert!(got == data);
            sender.join().unwrap();

            let start = Instant::now();
            thread::sleep(Duration::from_millis(10));
            thread::park_timeout(Duration::from_millis(2));
            assert!(start.elapsed() >= Duration::from_millis(10));

            let output = Command::new("sh").args(["-c", "sleep 0.01; echo done"]).output().unwrap();
            assert_eq!(output.stdout, b"done\n");

            let (lock, signal) = (Mutex::new(()), Condvar::new());
            let time = Duration::from_millis(5);
            assert!(signal.wait_timeout(lock.lock().unwrap(), time).unwrap().1.timed_out());
            let (sender, receiver) = mpsc::channel::<()>();
            let timeout = Err(mpsc::RecvTimeoutError::Timeout);
            assert_eq!(receiver.recv_timeout(time), timeout);
            drop(sender);

            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let client = gort::go(move || {
                thread::sleep(Duration::from_millis(5));
                let mut stream = TcpStream::connect(address).unwrap();
                thread::sleep(Duration::from_millis(5));
                write!(stream, "hello {me}").unwrap();
            });
            let mut text = String::new();
            listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
            assert_eq!(text, format!("hello {me}"));
            client.join().unwrap();
        });
    });
}
