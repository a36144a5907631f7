//! Numbers of descriptors that are closed, used again, duplicated and passed on while goroutines wait.
//!
//! # Safety
//!
//! Descriptors are closed by their numbers only where nobody owns them any more.

#![allow(unsafe_code)]

use gort_std as _;

#[path = "../../gort/tests/support/mod.rs"]
mod support;

use gort_sys::raw;
use gort_sys::types::{DupFlags, EpollEvent, EpollFlags, EpollOp};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;
use support::{all, matrix};

const SHORT: Duration = Duration::from_millis(5);

fn pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().unwrap()
}

/// Reads by a number that somebody else owns.
fn read(number: RawFd, buf: &mut [u8]) -> std::io::Result<usize> {
    // SAFETY: writes there.
    let got = unsafe { libc::recv(number, buf.as_mut_ptr().cast(), buf.len(), 0) };
    usize::try_from(got).map_err(|_| std::io::Error::last_os_error())
}

fn close(number: RawFd) {
    // SAFETY: nobody owns it.
    assert_eq!(unsafe { libc::close(number) }, 0);
}

/// A goroutine that waits to read a byte by this number.
fn reader(number: RawFd) -> gort::JoinHandle<Result<(usize, u8), Option<i32>>> {
    let reader = gort::go(move || {
        let mut buf = [0];
        read(number, &mut buf).map(|got| (got, buf[0])).map_err(|error| error.raw_os_error())
    });
    std::thread::sleep(SHORT);
    reader
}

#[test]
fn closing_wakes_who_waits() {
    matrix(|_| {
        for _ in 0..20 {
            let (mut a, b) = pair();
            let number = b.into_raw_fd();
            // One waits, the others wait for it.
            let readers: Vec<_> = (0..3).map(|_| reader(number)).collect();
            close(number);
            for reader in readers {
                assert_eq!(reader.join().unwrap(), Err(Some(libc::EBADF)));
            }
            assert_eq!(a.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
            // The number's next file is another.
            let (mut c, d) = pair();
            let next = reader(d.as_raw_fd());
            c.write_all(b"y").unwrap();
            assert_eq!(next.join().unwrap(), Ok((1, b'y')));
        }
    });
}

#[test]
fn a_thread_closes() {
    matrix(|_| {
        let (_a, b) = pair();
        let number = b.into_raw_fd();
        let waits = reader(number);
        std::thread::spawn(move || close(number));
        assert_eq!(waits.join().unwrap(), Err(Some(libc::EBADF)));
    });
}

#[test]
fn dup2_over_a_number_in_use() {
    matrix(|_| {
        let ((_a, b), (mut c, d)) = (pair(), pair());
        let number = b.into_raw_fd();
        let waits = reader(number);
        // SAFETY: numbers of this test's.
        unsafe {
            assert_eq!(libc::dup2(c_max(), number), -1);
            assert_eq!(libc::dup2(number, number), number);
            assert_eq!(libc::dup2(d.as_raw_fd(), number), number);
        }
        assert_eq!(waits.join().unwrap(), Err(Some(libc::EBADF)));
        let waits = reader(number);
        c.write_all(b"1").unwrap();
        assert_eq!(waits.join().unwrap(), Ok((1, b'1')));
        // SAFETY: as above.
        unsafe { assert_eq!(libc::dup3(c.as_raw_fd(), number, libc::O_CLOEXEC), number) };
        let waits = reader(number);
        (&d).write_all(b"2").unwrap();
        assert_eq!(waits.join().unwrap(), Ok((1, b'2')));
        close(number);
    });
}

/// A number that is never open.
fn c_max() -> RawFd {
    RawFd::MAX
}

#[test]
fn each_duplicate_waits_for_itself() {
    matrix(|_| {
        let (mut a, b) = pair();
        let other = b.try_clone().unwrap();
        let (first, second) = (reader(b.as_raw_fd()), reader(other.as_raw_fd()));
        let number = b.into_raw_fd();
        close(number);
        assert_eq!(first.join().unwrap(), Err(Some(libc::EBADF)));
        a.write_all(b"z").unwrap();
        assert_eq!(second.join().unwrap(), Ok((1, b'z')));
        // The file is registered under the number that is closed no more.
        let (mut c, d) = pair();
        let waits = reader(d.as_raw_fd());
        a.write_all(b"not for d").unwrap();
        c.write_all(b"d").unwrap();
        assert_eq!(waits.join().unwrap(), Ok((1, b'd')));
        drop(other);
    });
}

#[test]
fn closed_behind_our_back() {
    matrix(|_| {
        for _ in 0..20 {
            let ((a, b), (mut c, d)) = (pair(), pair());
            // Far from the numbers that others make.
            let high = |from: &UnixStream| {
                // SAFETY: a new number, and nobody's.
                unsafe { libc::fcntl(from.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 800) }
            };
            let number = high(&b);
            let waits = reader(number);
            (&a).write_all(b"1").unwrap();
            assert_eq!(waits.join().unwrap(), Ok((1, b'1')));
            // SAFETY: not by libc's name; nobody uses it any more.
            unsafe { gort_sys::raw_syscall(gort_sys::nr::CLOSE, number as usize, 0, 0) };
            drop((a, b));
            assert_eq!(high(&d), number);
            let waits = reader(number);
            c.write_all(b"2").unwrap();
            assert_eq!(waits.join().unwrap(), Ok((1, b'2')));
            close(number);
        }
    });
}

#[test]
fn close_range_closes() {
    matrix(|_| {
        let ((_a, b), (c, d)) = (pair(), pair());
        // SAFETY: numbers of this test's, far from all others.
        let (first, last) = unsafe {
            let first = libc::fcntl(b.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 700);
            (first, libc::fcntl(d.as_raw_fd(), libc::F_DUPFD_CLOEXEC, first + 1))
        };
        let waits = (reader(first), reader(last));
        // SAFETY: as above.
        assert_eq!(unsafe { libc::close_range(first as u32, last as u32, 0) }, 0);
        assert_eq!(waits.0.join().unwrap(), Err(Some(libc::EBADF)));
        assert_eq!(waits.1.join().unwrap(), Err(Some(libc::EBADF)));
        let waits = reader(d.as_raw_fd());
        (&c).write_all(b"c").unwrap();
        assert_eq!(waits.join().unwrap(), Ok((1, b'c')));
    });
}

/// Nobody else has numbers that high.
#[test]
fn closefrom_closes() {
    unsafe extern "C" {
        fn closefrom(first: std::ffi::c_int);
    }
    matrix(|_| {
        let ((a, b), (c, d)) = (pair(), pair());
        // SAFETY: numbers of this test's, and no others are as high.
        let high = unsafe {
            let high = libc::fcntl(b.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 15_000);
            let waits = reader(high);
            closefrom(high);
            assert_eq!(waits.join().unwrap(), Err(Some(libc::EBADF)));
            assert_eq!(libc::fcntl(d.as_raw_fd(), libc::F_DUPFD_CLOEXEC, high), high);
            high
        };
        let waits = reader(high);
        (&c).write_all(b"c").unwrap();
        assert_eq!(waits.join().unwrap(), Ok((1, b'c')));
        close(high);
        drop(a);
    });
}

/// Many open, use and close numbers that are always the same few.
#[test]
fn numbers_are_used_again_at_once() {
    matrix(|procs| {
        all(8, |_| {
            for round in 0..if procs > 4 { 60 } else { 150 } {
                let (mut a, mut b) = pair();
                let echo = gort::go(move || {
                    let mut buf = [0; 4];
                    b.read_exact(&mut buf).unwrap();
                    b.write_all(&buf).unwrap();
                });
                let said = (round as u32).to_ne_bytes();
                a.write_all(&said).unwrap();
                let mut back = [0; 4];
                a.read_exact(&mut back).unwrap();
                assert_eq!(back, said);
                echo.join().unwrap();
            }
        });
    });
}

/// Who closes and who begins to wait are at it at the same time.
#[test]
fn closing_while_others_begin() {
    matrix(|_| {
        for round in 0..200 {
            let (a, b) = pair();
            let number = b.into_raw_fd();
            let waits = gort::go(move || read(number, &mut [0]));
            for _ in 0..round % 8 {
                gort::gosched();
            }
            close(number);
            // It fails, or it has been too late, and begins with another file, which ends as well.
            drop(a);
            let _ = waits.join().unwrap();
        }
        let (mut c, d) = pair();
        let waits = reader(d.as_raw_fd());
        c.write_all(b"c").unwrap();
        assert_eq!(waits.join().unwrap(), Ok((1, b'c')));
    });
}

#[test]
fn descriptors_in_messages() {
    matrix(|_| {
        let (a, b) = pair();
        let (mut c, d) = pair();
        let receiver = gort::go(move || {
            let mut byte = [0];
            let mut control = [0u64; 8];
            let mut list = [libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 }];
            // SAFETY: a message of what is here.
            unsafe {
                let mut message: libc::msghdr = std::mem::zeroed();
                (message.msg_iov, message.msg_iovlen) = (list.as_mut_ptr(), 1);
                message.msg_control = control.as_mut_ptr().cast();
                message.msg_controllen = size_of_val(&control);
                assert_eq!(libc::recvmsg(b.as_raw_fd(), &mut message, 0), 1);
                let header = libc::CMSG_FIRSTHDR(&message);
                let number = libc::CMSG_DATA(header).cast::<RawFd>().read_unaligned();
                UnixStream::from_raw_fd(number)
            }
        });
        std::thread::sleep(SHORT);
        let mut control = gort_sys::types::SendControl::<4>::new();
        control.descriptors(&[std::os::fd::AsFd::as_fd(&d)]).unwrap();
        let parts = [gort_sys::types::IoSlice::new(b"!")];
        let message = gort_sys::types::SendMsg::new(&parts).control(&control);
        raw::sendmsg(&a, &message, gort_sys::types::SendFlags::empty()).unwrap();
        let received = receiver.join().unwrap();
        assert_ne!(received.as_raw_fd(), d.as_raw_fd());
        let waits = reader(received.as_raw_fd());
        c.write_all(b"5").unwrap();
        assert_eq!(waits.join().unwrap(), Ok((1, b'5')));
        drop(d);
    });
}

#[test]
fn a_goroutine_and_a_thread() {
    matrix(|_| {
        let (mut a, b) = pair();
        let theirs = b.try_clone().unwrap();
        let number = theirs.as_raw_fd();
        let thread = std::thread::spawn(move || read(number, &mut [0]).unwrap());
        let goroutine = reader(number);
        // Each of the two gets one.
        a.write_all(b"q").unwrap();
        std::thread::sleep(SHORT);
        a.write_all(b"q").unwrap();
        assert_eq!(goroutine.join().unwrap(), Ok((1, b'q')));
        assert_eq!(gort::ffi::call_blocking(|| thread.join().unwrap()), 1);
        drop(theirs);
    });
}

#[test]
fn a_queue_of_events_of_the_programs_own() {
    matrix(|_| {
        let (mut a, b) = pair();
        let queue = raw::epoll_create1(DupFlags::CLOEXEC).unwrap();
        let event = EpollEvent { events: EpollFlags::IN | EpollFlags::ET, data: 7 };
        raw::epoll_ctl(&queue, EpollOp::ADD, &b, Some(&event)).unwrap();
        let waits = reader(b.as_raw_fd());
        a.write_all(b"ab").unwrap();
        assert_eq!(waits.join().unwrap(), Ok((1, b'a')));
        let mut events = [EpollEvent::default(); 2];
        assert_eq!(raw::epoll_wait(&queue, &mut events, 1000).unwrap(), 1);
        assert_eq!({ events[0].data }, 7);
        let number = b.into_raw_fd();
        close(number);
        assert_eq!(raw::epoll_wait(&queue, &mut events, 0).unwrap(), 0);
    });
}

/// A child has numbers of its own, and its parent's goroutines wait on.
#[test]
fn a_child_after_fork() {
    matrix(|_| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut a = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let b = listener.accept().unwrap().0;
        let number = b.as_raw_fd();
        let waits = reader(number);
        let (mut word, mut to_parent) = std::io::pipe().unwrap();
        // SAFETY: the child makes system calls only.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let told = to_parent.write(b"child").is_ok_and(|count| count == 5);
            // SAFETY: the child's own number; it ends here.
            unsafe { libc::_exit(if libc::close(number) == 0 && told { 0 } else { 1 }) };
        }
        drop(to_parent);
        let mut text = String::new();
        word.read_to_string(&mut text).unwrap();
        assert_eq!(text, "child");
        let mut status = 0;
        // SAFETY: writes there.
        gort::ffi::call_blocking(|| unsafe { libc::waitpid(child, &mut status, 0) });
        assert_eq!(status, 0);
        a.write_all(b"6").unwrap();
        assert_eq!(waits.join().unwrap(), Ok((1, b'6')));
    });
}
