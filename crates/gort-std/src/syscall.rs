//! Calls by their numbers.
//!
//! `std` waits at futexes by way of `syscall`. What has a function of its own that is taken over is what that is on a
//! goroutine; the rest is announced to the scheduler by its class.
//!
//! # Safety
//!
//! The arguments go where the caller wants them to.

#![allow(unsafe_code)]

use crate::futex::futex;
use crate::taken::take_over;
use crate::words::{announced, answer, blocking, give, kernel};
use gort_sys::{Class, Errno, nr};
use libc::{CLONE_VM, c_int, c_long};
use std::ptr::{with_exposed_provenance as at, with_exposed_provenance_mut as at_mut};

// SAFETY: a C function with a variable list of arguments is called as one with the longest list of words: what the
// caller has not passed is whatever happens to be in its registers and on its stack.
take_over! {
    /// Parks at futexes; other calls are as their own functions, or announced by their class.
    fn syscall(number: c_long, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> c_long else {
        let words = [a, b, c, d, e, f];
        // SAFETY: the caller's contract.
        unsafe {
            match number as usize {
                nr::FUTEX => give(futex(words, false)),
                nr => answer(bare(nr, words)),
            }
        }
    } => {
        let words = [a, b, c, d, e, f];
        // SAFETY: the caller's contract.
        unsafe {
            match number as usize {
                nr::FUTEX => give(futex(words, true)),
                nr => on_goroutine(nr, words),
            }
        }
    }
}

/// Any other call.
///
/// # Safety
///
/// That of the call.
#[inline(never)]
unsafe fn on_goroutine(nr: usize, words: [usize; 6]) -> c_long {
    let [a, b, c, d, e, f] = words;
    // SAFETY: the caller's contract. Each is the function for the call; libc's names are this crate's functions,
    // where they are taken over.
    unsafe {
        match nr {
            nr::SCHED_YIELD => libc::sched_yield().into(),
            nr::NANOSLEEP => libc::nanosleep(at(a), at_mut(b)).into(),
            nr::CLOCK_NANOSLEEP => {
                match libc::clock_nanosleep(a as c_int, b as c_int, at(c), at_mut(d)) {
                    0 => 0,
                    error => give(Err(Errno::from_raw(error))),
                }
            }
            nr::READ => libc::read(a as c_int, at_mut(b), c) as c_long,
            nr::READV => libc::readv(a as c_int, at(b), c as c_int) as c_long,
            nr::WRITE => libc::write(a as c_int, at(b), c) as c_long,
            nr::WRITEV => libc::writev(a as c_int, at(b), c as c_int) as c_long,
            nr::PREADV2 => {
                libc::preadv2(a as c_int, at(b), c as c_int, d as c_long, f as c_int) as c_long
            }
            nr::PWRITEV2 => {
                libc::pwritev2(a as c_int, at(b), c as c_int, d as c_long, f as c_int) as c_long
            }
            nr::CLOSE => libc::close(a as c_int).into(),
            nr::CLOSE_RANGE => libc::close_range(a as u32, b as u32, c as c_int).into(),
            nr::DUP => libc::dup(a as c_int).into(),
            nr::DUP2 => libc::dup2(a as c_int, b as c_int).into(),
            nr::DUP3 => libc::dup3(a as c_int, b as c_int, c as c_int).into(),
            nr::POLL => libc::poll(at_mut(a), b as libc::nfds_t, c as c_int).into(),
            nr::SOCKET => libc::socket(a as c_int, b as c_int, c as c_int).into(),
            nr::ACCEPT => libc::accept(a as c_int, at_mut(b), at_mut(c)).into(),
            nr::ACCEPT4 => libc::accept4(a as c_int, at_mut(b), at_mut(c), d as c_int).into(),
            nr::CONNECT => libc::connect(a as c_int, at(b), c as u32).into(),
            nr::RECVFROM => {
                libc::recvfrom(a as c_int, at_mut(b), c, d as c_int, at_mut(e), at_mut(f)) as c_long
            }
            nr::SENDTO => libc::sendto(a as c_int, at(b), c, d as c_int, at(e), f as u32) as c_long,
            nr::RECVMSG => libc::recvmsg(a as c_int, at_mut(b), c as c_int) as c_long,
            nr::SENDMSG => libc::sendmsg(a as c_int, at(b), c as c_int) as c_long,
            nr::SETSOCKOPT => {
                libc::setsockopt(a as c_int, b as c_int, c as c_int, at(d), e as u32).into()
            }
            nr::WAIT4 => libc::wait4(a as c_int, at_mut(b), c as c_int, at_mut(d)).into(),
            // They do not come back, or in two processes.
            nr::RT_SIGRETURN
            | nr::EXIT
            | nr::EXIT_GROUP
            | nr::CLONE
            | nr::CLONE3
            | nr::FORK
            | nr::VFORK => answer(bare(nr, words)),
            _ => {
                let class = Class::of(nr);
                answer(if class == Class::SysNb {
                    kernel(nr, words)
                } else if class == Class::Sys {
                    announced(nr, words)
                } else {
                    blocking(nr, words)
                })
            }
        }
    }
}

/// The call itself. A child with memory of its own is a forked one, though `fork` has not made it.
///
/// # Safety
///
/// That of the call.
#[inline]
unsafe fn bare(nr: usize, words: [usize; 6]) -> usize {
    // SAFETY: the caller's contract.
    let result = unsafe { kernel(nr, words) };
    let flags = match nr {
        nr::FORK => 0,
        nr::CLONE => words[0],
        // SAFETY: the caller's contract: its first word, which the kernel has read.
        nr::CLONE3 if result == 0 => unsafe { *at(words[0]) },
        _ => return result,
    };
    if result == 0 && flags & CLONE_VM as usize == 0 && gort_rt::procs() != 0 {
        gort_rt::forked();
    }
    result
}
