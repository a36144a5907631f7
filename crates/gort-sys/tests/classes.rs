//! Which way into the kernel the calls take, and when that depends on their arguments.
//!
//! # Safety
//!
//! `Noted` is the bare trap, and writes down how it was called.

#![allow(unsafe_code)]

use gort_sys::fd::AsFd;
use gort_sys::types::*;
use gort_sys::{Class as By, Entry, Raw, Regs, call, nr, raw};
use std::cell::Cell;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Class {
    Sys,
    SysBlock,
    SysNb,
}
use Class::{Sys, SysBlock, SysNb};

thread_local! {
    static LAST: Cell<Option<Class>> = const { Cell::new(None) };
}

enum Noted {}

// SAFETY: each method is the trap.
unsafe impl Entry for Noted {
    unsafe fn sys(nr: usize, regs: Regs) -> usize {
        LAST.set(Some(Sys));
        // SAFETY: the caller's contract, passed on.
        unsafe { Raw::sys(nr, regs) }
    }

    unsafe fn sysblock(nr: usize, regs: Regs) -> usize {
        LAST.set(Some(SysBlock));
        // SAFETY: the caller's contract, passed on.
        unsafe { Raw::sysblock(nr, regs) }
    }

    unsafe fn sysnb(nr: usize, regs: Regs) -> usize {
        LAST.set(Some(SysNb));
        // SAFETY: the caller's contract, passed on.
        unsafe { Raw::sysnb(nr, regs) }
    }
}

/// The class of the one call that `calls` makes.
fn class<T>(calls: impl FnOnce() -> T) -> Class {
    LAST.set(None);
    calls();
    LAST.get().expect("a call was made")
}

type E = Noted;

#[test]
fn fixed_classes() {
    let file = raw::memfd_create(c"x", MemfdFlags::CLOEXEC).unwrap();
    assert_eq!(class(|| call::read::<E>(&file, &mut [])), Sys);
    assert_eq!(class(|| call::fstat::<E>(&file)), Sys);
    assert_eq!(class(|| call::dup::<E>(&file)), SysNb);
    assert_eq!(class(|| call::fcntl_getfl::<E>(&file)), SysNb);
    assert_eq!(class(|| call::fcntl_setfl::<E>(&file, OFlags::APPEND)), Sys);
    assert_eq!(class(|| call::eventfd2::<E>(0, EventfdFlags::CLOEXEC)), SysNb);
    assert_eq!(class(|| call::getcwd::<E>(&mut [0; 8])), SysNb);
    assert_eq!(class(|| call::mmap_anonymous::<E>(0, Prot::empty())), Sys);
    // Wrapped ones are of the class of what they wrap.
    assert_eq!(class(|| call::stat::<E>("/")), Sys);
    assert_eq!(class(|| call::rename::<E>("/missing/a", "/missing/b")), Sys);
    assert_eq!(class(|| call::close::<E>(file)), Sys);
}

#[test]
fn a_path_that_cannot_be_passed_makes_no_call() {
    LAST.set(None);
    assert!(call::stat::<E>("a\0b").is_err());
    assert_eq!(LAST.get(), None);
}

#[test]
fn waiting_depends_on_the_arguments() {
    let file = raw::memfd_create(c"x", MemfdFlags::CLOEXEC).unwrap();
    let shared = FlockOperation::SHARED;
    assert_eq!(class(|| call::flock::<E>(&file, shared)), SysBlock);
    assert_eq!(class(|| call::flock::<E>(&file, shared | FlockOperation::NONBLOCK)), Sys);
    assert_eq!(class(|| call::flock::<E>(&file, FlockOperation::UNLOCK)), Sys);
    let lock = FileLock::new(LockKind::READ, Extent { offset: 0, len: 0 });
    assert_eq!(class(|| call::fcntl_setlk::<E>(&file, &lock)), Sys);
    assert_eq!(class(|| call::fcntl_setlkw::<E>(&file, &lock)), SysBlock);
    assert_eq!(class(|| call::fcntl_ofd_setlkw::<E>(&file, &lock)), SysBlock);

    let epoll = raw::epoll_create1(DupFlags::CLOEXEC).unwrap();
    let events = &mut [EpollEvent::default()];
    assert_eq!(class(|| call::epoll_wait::<E>(&epoll, events, 0)), Sys);
    assert_eq!(class(|| call::epoll_wait::<E>(&epoll, events, 1)), SysBlock);
    assert_eq!(class(|| call::epoll_pwait::<E>(&epoll, events, 0, None)), Sys);
    assert_eq!(class(|| call::epoll_pwait::<E>(&epoll, events, 1, None)), SysBlock);
    let (now, soon) = (Timespec::default(), Timespec { sec: 0, nsec: 1 });
    assert_eq!(class(|| call::epoll_pwait2::<E>(&epoll, events, Some(&now), None)), Sys);
    assert_eq!(class(|| call::epoll_pwait2::<E>(&epoll, events, Some(&soon), None)), SysBlock);
    let fds = &mut [PollFd::new(file.as_fd(), PollFlags::IN)];
    assert_eq!(class(|| call::poll::<E>(fds, 0)), Sys);
    assert_eq!(class(|| call::poll::<E>(fds, -1)), SysBlock);
    assert_eq!(class(|| call::ppoll::<E>(fds, Some(&mut now.clone()), None)), Sys);
    assert_eq!(class(|| call::ppoll::<E>(fds, None, None)), SysBlock);
    let select = |mut timeout: Timespec| {
        class(|| call::pselect6::<E>(0, None, None, None, Some(&mut timeout), None))
    };
    assert_eq!((select(now), select(soon)), (Sys, SysBlock));
    let enter = |complete| {
        // SAFETY: not a ring.
        class(|| unsafe {
            let none = IoUringEnterFlags::empty();
            call::io_uring_enter::<E>(&file, 0, complete, none, std::ptr::null(), 0)
        })
    };
    assert_eq!((enter(0), enter(1)), (Sys, SysBlock));
}

/// By the number alone: what all declarations of the number say, or that it may wait.
#[test]
fn classes_of_numbers() {
    let all = [
        (nr::GETPID, By::SysNb),
        (nr::DUP, By::SysNb),
        (nr::CLONE, By::SysNb),
        (nr::READ, By::Sys),
        (nr::CLOSE, By::Sys),
        (nr::PAUSE, By::SysBlock),
        (nr::NANOSLEEP, By::SysBlock),
        // It depends on the arguments.
        (nr::FLOCK, By::Sys),
        (nr::EPOLL_WAIT, By::Sys),
        (nr::FCNTL, By::Sys),
        (nr::FUTEX, By::Sys),
        // There are none.
        (511, By::Sys),
        (512, By::Sys),
        (usize::MAX, By::Sys),
    ];
    for (number, class) in all {
        assert_eq!(By::of(number), class, "{number}");
    }
}
