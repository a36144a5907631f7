//! C's arguments and results, as the kernel has them.
//!
//! # Safety
//!
//! [`kernel`] hands the arguments of a function of libc's to the system call that the function is for:
//! the caller's contract is the function's own.

#![allow(unsafe_code)]

use gort_rt::Scheduled;
use gort_sys::{Entry, Errno, Raw, Regs};
use libc::{c_int, c_long, c_uint};

/// What fits a register.
pub(crate) trait Word {
    fn word(self) -> usize;
}

impl<T> Word for *const T {
    #[inline(always)]
    fn word(self) -> usize {
        self.expose_provenance()
    }
}

impl<T> Word for *mut T {
    #[inline(always)]
    fn word(self) -> usize {
        self.expose_provenance()
    }
}

macro_rules! words {
    ($($type:ty)*) => {$(
        impl Word for $type {
            #[inline(always)]
            fn word(self) -> usize {
                self as usize
            }
        }
    )*};
}
// Signed ones keep their sign.
words! { c_int c_uint c_long usize u64 }

/// What a function of libc's returns.
pub(crate) trait Answer: Sized {
    fn of(value: usize) -> Self;
    /// -1: `errno` says why.
    fn failed() -> Self;
}

macro_rules! answers {
    ($($type:ty)*) => {$(
        impl Answer for $type {
            #[inline(always)]
            fn of(value: usize) -> Self {
                value as $type
            }

            #[inline(always)]
            fn failed() -> Self {
                -1
            }
        }
    )*};
}
answers! { c_int c_long isize }

/// The kernel's answer as libc gives it: a value, or -1 and `errno`.
#[inline(always)]
pub(crate) fn answer<A: Answer>(register: usize) -> A {
    give(Errno::from_ret(register))
}

/// The same for a result.
#[inline(always)]
pub(crate) fn give<A: Answer>(result: Result<usize, Errno>) -> A {
    match result {
        Ok(value) => A::of(value),
        Err(errno) => fail(errno),
    }
}

/// -1, and `errno`.
#[cold]
pub(crate) fn fail<A: Answer>(errno: Errno) -> A {
    // SAFETY: always there, and the goroutine's or thread's own.
    unsafe { *libc::__errno_location() = errno.raw() };
    A::failed()
}

/// The call itself; nobody is told.
///
/// # Safety
///
/// That of the call.
#[inline(always)]
pub(crate) unsafe fn kernel<const N: usize>(nr: usize, words: [usize; N]) -> usize {
    // SAFETY: the caller's contract.
    unsafe { Raw::sys(nr, regs(words)) }
}

/// The call, announced to the scheduler: the P goes to others if it lasts. What waits: the thread.
///
/// # Safety
///
/// That of the call.
#[inline]
pub(crate) unsafe fn announced<const N: usize>(nr: usize, words: [usize; N]) -> usize {
    // SAFETY: the caller's contract.
    unsafe { Scheduled::sys(nr, regs(words)) }
}

/// The call, for one that will wait: the P goes to others before it. What waits: the thread.
///
/// # Safety
///
/// That of the call.
#[inline]
pub(crate) unsafe fn blocking<const N: usize>(nr: usize, words: [usize; N]) -> usize {
    // SAFETY: the caller's contract.
    unsafe { Scheduled::sysblock(nr, regs(words)) }
}

#[inline(always)]
pub(crate) fn regs<const N: usize>(words: [usize; N]) -> Regs {
    words.into_iter().fold(Regs::new(), Regs::push)
}
