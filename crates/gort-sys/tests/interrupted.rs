//! A signal in the middle of a call that waits: the raw functions return `EINTR`.
//!
//! # Safety
//!
//! The handler does nothing; libc's functions get plain arguments.

#![allow(unsafe_code)]

mod support;

use gort_sys::types::*;
use gort_sys::{Errno, Result, raw};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use support::{c, target, watchdog};

extern "C" fn nothing(_: i32) {}

/// Sends this thread signals, without `SA_RESTART`, until `call` has returned.
fn interrupt<T>(call: impl FnOnce() -> Result<T>) -> Result<T> {
    watchdog();
    // SAFETY: all zero is a value of libc's structure.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = nothing as extern "C" fn(i32) as usize;
    c!(libc::sigaction(libc::SIGUSR2, &action, std::ptr::null_mut())).unwrap();
    let (process, thread, done) = (raw::getpid(), raw::gettid(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(SeqCst) {
                raw::tgkill(process, thread, Signal::USR2).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
        });
        let result = call();
        done.store(true, SeqCst);
        result
    })
}

const LONG: Timespec = Timespec { sec: 1000, nsec: 0 };

#[test]
fn sleeps_say_what_is_left() {
    let mut left = Timespec::default();
    assert_eq!(interrupt(|| raw::nanosleep(&LONG, Some(&mut left))), Err(Errno::EINTR));
    assert!((1..=LONG.sec).contains(&left.sec), "{left:?}");
    let mut left = Timespec::default();
    let clock = ClockId::MONOTONIC;
    let slept =
        interrupt(|| raw::clock_nanosleep(clock, TimerFlags::empty(), &LONG, Some(&mut left)));
    assert_eq!(slept, Err(Errno::EINTR));
    assert!((1..=LONG.sec).contains(&left.sec), "{left:?}");
}

#[test]
fn sockets() {
    let local = std::net::Ipv4Addr::LOCALHOST;
    let udp = std::net::UdpSocket::bind((local, 0)).unwrap();
    let empty = RecvFlags::empty();
    assert_eq!(interrupt(|| raw::recv(&udp, &mut [0; 8], empty)), Err(Errno::EINTR));
    assert_eq!(interrupt(|| raw::recvfrom(&udp, &mut [0; 8], empty, None)), Err(Errno::EINTR));
    let (mut bytes, tcp) = ([0; 8], std::net::TcpListener::bind((local, 0)).unwrap());
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let mut message = RecvMsg::new(&mut parts);
    assert_eq!(interrupt(|| raw::recvmsg(&udp, &mut message, empty)), Err(Errno::EINTR));
    assert_eq!(interrupt(|| raw::accept(&tcp, None)).err(), Some(Errno::EINTR));
    assert_eq!(
        interrupt(|| raw::accept4(&tcp, None, SockFlags::CLOEXEC)).err(),
        Some(Errno::EINTR)
    );

    // A full pipe of a socket: sending waits too.
    let [a, _b] = raw::socketpair(Domain::UNIX, SockType::STREAM, Protocol::DEFAULT).unwrap();
    while raw::send(&a, &[0; 4096], SendFlags::DONTWAIT).is_ok() {}
    assert_eq!(interrupt(|| raw::send(&a, &[0; 4096], SendFlags::empty())), Err(Errno::EINTR));
}

#[test]
fn waits() {
    let child = target();
    let none = WaitOptions::empty();
    assert_eq!(interrupt(|| raw::wait4(child, None, none, None)), Err(Errno::EINTR));
    let who = WaitFor::Process(child);
    assert_eq!(interrupt(|| raw::waitid(who, None, WaitOptions::EXITED, None)), Err(Errno::EINTR));
    assert_eq!(interrupt(raw::pause), Err(Errno::EINTR));
    assert_eq!(interrupt(|| raw::rt_sigsuspend(&SigSet::EMPTY)), Err(Errno::EINTR));
    let set = SigSet::EMPTY.with(Signal(42));
    let taken = interrupt(|| raw::rt_sigtimedwait(&set, None, Some(&LONG)));
    assert_eq!(taken, Err(Errno::EINTR));
}

#[test]
fn futexes() {
    // With a time, so that the kernel does not begin again by itself.
    let word = AtomicU32::new(0);
    assert_eq!(interrupt(|| raw::futex_wait(&word, 0, Some(&LONG))), Err(Errno::EINTR));
    let deadline = Timespec { sec: i64::MAX / 2_000_000_000, nsec: 0 };
    assert_eq!(interrupt(|| raw::futex_wait_until(&word, 0, Some(&deadline))), Err(Errno::EINTR));
}
