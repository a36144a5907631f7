//! A signal in the middle of a call that waits: the raw functions return `EINTR`.

mod support;

use gort_sys::types::*;
use gort_sys::{Errno, raw};
use std::sync::atomic::AtomicU32;
use support::{interrupted, target};

const LONG: Timespec = Timespec { sec: 1000, nsec: 0 };

#[test]
fn sleeps_say_what_is_left() {
    let mut left = Timespec::default();
    assert_eq!(interrupted(|| raw::nanosleep(&LONG, Some(&mut left))), Err(Errno::EINTR));
    assert!((1..=LONG.sec).contains(&left.sec), "{left:?}");
    let mut left = Timespec::default();
    let clock = ClockId::MONOTONIC;
    let slept =
        interrupted(|| raw::clock_nanosleep(clock, TimerFlags::empty(), &LONG, Some(&mut left)));
    assert_eq!(slept, Err(Errno::EINTR));
    assert!((1..=LONG.sec).contains(&left.sec), "{left:?}");
}

#[test]
fn sockets() {
    let local = std::net::Ipv4Addr::LOCALHOST;
    let udp = std::net::UdpSocket::bind((local, 0)).unwrap();
    let empty = RecvFlags::empty();
    assert_eq!(interrupted(|| raw::recv(&udp, &mut [0; 8], empty)), Err(Errno::EINTR));
    assert_eq!(interrupted(|| raw::recvfrom(&udp, &mut [0; 8], empty, None)), Err(Errno::EINTR));
    let (mut bytes, tcp) = ([0; 8], std::net::TcpListener::bind((local, 0)).unwrap());
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let mut message = RecvMsg::new(&mut parts);
    assert_eq!(interrupted(|| raw::recvmsg(&udp, &mut message, empty)), Err(Errno::EINTR));
    assert_eq!(interrupted(|| raw::accept(&tcp, None)).err(), Some(Errno::EINTR));
    assert_eq!(
        interrupted(|| raw::accept4(&tcp, None, SockFlags::CLOEXEC)).err(),
        Some(Errno::EINTR)
    );

    // A full pipe of a socket: sending waits too.
    let [a, _b] = raw::socketpair(Domain::UNIX, SockType::STREAM, Protocol::DEFAULT).unwrap();
    while raw::send(&a, &[0; 4096], SendFlags::DONTWAIT).is_ok() {}
    assert_eq!(interrupted(|| raw::send(&a, &[0; 4096], SendFlags::empty())), Err(Errno::EINTR));
}

#[test]
fn waits() {
    let child = target();
    let none = WaitOptions::empty();
    assert_eq!(interrupted(|| raw::wait4(child, None, none, None)), Err(Errno::EINTR));
    let who = WaitFor::Process(child);
    assert_eq!(
        interrupted(|| raw::waitid(who, None, WaitOptions::EXITED, None)),
        Err(Errno::EINTR)
    );
    assert_eq!(interrupted(raw::pause), Err(Errno::EINTR));
    assert_eq!(interrupted(|| raw::rt_sigsuspend(&SigSet::EMPTY)), Err(Errno::EINTR));
    let set = SigSet::EMPTY.with(Signal(42));
    let taken = interrupted(|| raw::rt_sigtimedwait(&set, None, Some(&LONG)));
    assert_eq!(taken, Err(Errno::EINTR));
}

#[test]
fn futexes() {
    // With a time, so that the kernel does not begin again by itself.
    let word = AtomicU32::new(0);
    assert_eq!(interrupted(|| raw::futex_wait(&word, 0, Some(&LONG))), Err(Errno::EINTR));
    let deadline = Timespec { sec: i64::MAX / 2_000_000_000, nsec: 0 };
    assert_eq!(interrupted(|| raw::futex_wait_until(&word, 0, Some(&deadline))), Err(Errno::EINTR));
}
