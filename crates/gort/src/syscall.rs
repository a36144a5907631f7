//! System calls, by way of the scheduler.
//!
//! Every call that gort declares is here as a function, and so are Go's four entry points for calls
//! that it does not declare. What waits is the goroutine: a call of class `sys` that lasts gives its P
//! to others after some 20 microseconds, one of class `sysblock` before it begins, and when it is over
//! the goroutine goes on when it has a P. On an ordinary thread all of them are the bare call.
//!
//! In a signal's handler, and for calls that make a process that shares memory (`clone` with
//! `CLONE_VM`), use [`raw`]: there a goroutine's call may have been interrupted half-way.
//!
//! ```
//! use gort::syscall::{pipe2, read, write, types::PipeFlags};
//! gort::run(|| {
//!     let pipe = pipe2(PipeFlags::CLOEXEC).unwrap();
//!     let reader = gort::go(move || {
//!         let mut buf = [0; 5];
//!         // Nobody else has to wait for this.
//!         read(&pipe.reader, &mut buf).map(|_| buf)
//!     });
//!     write(&pipe.writer, b"hello").unwrap();
//!     assert_eq!(reader.join().unwrap(), Ok(*b"hello"));
//! });
//! ```
//!
//! # Safety
//!
//! [`syscall`] and [`syscall6`] hand their arguments to the kernel: the caller answers for what it does
//! with them.

#![allow(unsafe_code)]

#[doc(hidden)]
pub use gort_rt::Scheduled;
use gort_sys::{Entry, Regs, types::*};

#[doc(no_inline)]
pub use gort_sys::{Errno, Result, fd, nr, path, raw, raw_syscall, raw_syscall6, types};

gort_sys::__calls!([forward Scheduled]);

/// Any call with up to three arguments. Returns `(r1, r2, errno)`: on success the result and
/// [`Errno::NONE`], on failure all ones, zero, and the error. libc's `errno` is not touched, nothing
/// is retried. `r2` is 0: no call of Linux has a second result.
///
/// What waits: the goroutine; its P goes to others if the call lasts. Go: `syscall.Syscall`.
///
/// ```
/// use gort::syscall::{nr, syscall};
/// // SAFETY: getppid takes no arguments.
/// let (parent, _, errno) = unsafe { syscall(nr::GETPPID, 0, 0, 0) };
/// assert!(errno.is_none() && parent == std::os::unix::process::parent_id() as usize);
/// ```
///
/// # Safety
///
/// The call may do anything its manual page says, with pointers and descriptors made of these numbers.
#[inline]
pub unsafe fn syscall(nr: usize, a1: usize, a2: usize, a3: usize) -> (usize, usize, Errno) {
    let regs = Regs::new().push(a1).push(a2).push(a3);
    // SAFETY: the caller's contract, passed on.
    decode(unsafe { Scheduled::sys(nr, regs) })
}

/// [`syscall`](fn@syscall) with six arguments. Go: `syscall.Syscall6`.
///
/// # Safety
///
/// As for [`syscall`](fn@syscall).
#[inline]
pub unsafe fn syscall6(
    nr: usize,
    a1: usize,
    a2: usize,
    a3: usize,
    a4: usize,
    a5: usize,
    a6: usize,
) -> (usize, usize, Errno) {
    let regs = Regs::new().push(a1).push(a2).push(a3).push(a4).push(a5).push(a6);
    // SAFETY: the caller's contract, passed on.
    decode(unsafe { Scheduled::sys(nr, regs) })
}

fn decode(register: usize) -> (usize, usize, Errno) {
    match Errno::from_ret(register) {
        Ok(r1) => (r1, 0, Errno::NONE),
        Err(errno) => (usize::MAX, 0, errno),
    }
}

/// Declares calls that gort does not, one line each, to go through the scheduler:
/// [`gort_sys::sys!`] has the form.
///
/// ```
/// use gort::syscall::{Result, fd::AsFd, sys};
/// sys! { unsafe extern "kernel" {
///     /// Waits until the file's data is on disk.
///     sys fdatasync(fd: impl AsFd) -> Result<()>;
/// } }
/// ```
#[doc(inline)]
pub use crate::__gort_sys as sys;

#[doc(hidden)]
#[macro_export]
macro_rules! __gort_sys {
    (unsafe extern "kernel" { $($declarations:tt)* }) => {
        $crate::syscall::__sys! { [fixed $crate::syscall::Scheduled] $($declarations)* }
    };
}

#[doc(hidden)]
pub use gort_sys::__sys;
