//! Numbers that become other files: closing, duplicating.
//!
//! # Safety
//!
//! `fcntl` and `ioctl` are variadic in C. Here they are declared with one more argument, of a register: on x86-64
//! whoever calls a variadic function passes integers and addresses in the same registers, and what is not
//! passed is not looked at.

#![allow(unsafe_code)]

use super::table;
use crate::taken::take_over;
use crate::words::{Word, announced, answer, blocking, fail, kernel};
use gort_sys::{Errno, nr};
use libc::{c_int, c_uint, c_ulong};

/// What the kernel has answered with is a new number, if it is one.
pub(crate) fn arrived(register: usize) -> usize {
    if let Ok(fd) = Errno::from_ret(register) {
        table::arrived(fd as c_int);
    }
    register
}

/// Whether it is the number of a file.
fn is_open(fd: c_int) -> bool {
    // SAFETY: no memory.
    Errno::from_ret(unsafe { kernel(nr::FCNTL, [fd.word(), libc::F_GETFD.word()]) }).is_ok()
}

/// Has `to` be `from`'s file by `call`.
fn duplicate(from: c_int, to: c_int, call: impl FnOnce() -> usize) -> c_int {
    if !is_open(from) {
        return fail(Errno::EBADF);
    }
    // Nothing happens to one that is to be itself.
    let _closing = (from != to).then(|| table::closing(to));
    answer(call())
}

/// close_range(2): what is not only to be closed at exec, and not with numbers of this thread's own.
fn close_all(first: c_uint, last: c_uint, flags: c_int) -> c_int {
    if flags == 0 {
        table::closing_all(first as usize, last as usize);
    }
    // SAFETY: the caller's contract, as for `close`.
    answer(unsafe { kernel(nr::CLOSE_RANGE, [first.word(), last.word(), flags.word()]) })
}

/// fcntl(2).
///
/// # Safety
///
/// That of libc's function.
unsafe fn control(fd: c_int, command: c_int, arg: usize, waits: bool) -> c_int {
    let words = [fd.word(), command.word(), arg];
    // SAFETY: the caller's contract.
    unsafe {
        match command {
            libc::F_GETFL | libc::F_SETFL | libc::F_GETFD | libc::F_SETFD => {
                answer(kernel(nr::FCNTL, words))
            }
            libc::F_DUPFD | libc::F_DUPFD_CLOEXEC => answer(arrived(kernel(nr::FCNTL, words))),
            _ if !waits => answer(kernel(nr::FCNTL, words)),
            libc::F_SETLKW | libc::F_OFD_SETLKW => answer(blocking(nr::FCNTL, words)),
            _ => answer(announced(nr::FCNTL, words)),
        }
    }
}

/// pipe2(2), which does not wait.
///
/// # Safety
///
/// That of libc's function.
unsafe fn pipe_of(pair: *mut c_int, flags: c_int) -> c_int {
    // SAFETY: the caller's contract; the kernel has written both.
    unsafe {
        let made = kernel(nr::PIPE2, [pair.word(), flags.word()]);
        if made == 0 {
            table::arrived(*pair);
            table::arrived(*pair.add(1));
        }
        answer(made)
    }
}

take_over! {
    /// Who waits for it is woken.
    fn close(fd: c_int) -> c_int else {
        let _closing = table::closing(fd);
        // SAFETY: the caller's contract.
        answer(unsafe { kernel(nr::CLOSE, [fd.word()]) })
    } => {
        let closing = table::closing(fd);
        // SAFETY: the caller's contract.
        answer(unsafe {
            if closing.had_record() {
                kernel(nr::CLOSE, [fd.word()])
            } else {
                announced(nr::CLOSE, [fd.word()])
            }
        })
    }

    /// Who waits for them is woken.
    fn close_range(first: c_uint, last: c_uint, flags: c_int) -> c_int else {
        close_all(first, last, flags)
    } => {
        close_all(first, last, flags)
    }

    /// Who waits for them is woken.
    fn closefrom(first: c_int) -> () else {
        close_all(first.max(0) as c_uint, c_uint::MAX, 0);
    } => {
        close_all(first.max(0) as c_uint, c_uint::MAX, 0);
    }

    /// Two new numbers.
    fn pipe(pair: *mut c_int) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { pipe_of(pair, 0) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { pipe_of(pair, 0) }
    }

    /// Two new numbers.
    fn pipe2(pair: *mut c_int, flags: c_int) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { pipe_of(pair, flags) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { pipe_of(pair, flags) }
    }

    /// A new number.
    fn dup(fd: c_int) -> c_int else {
        // SAFETY: no memory.
        answer(arrived(unsafe { kernel(nr::DUP, [fd.word()]) }))
    } => {
        // SAFETY: no memory.
        answer(arrived(unsafe { kernel(nr::DUP, [fd.word()]) }))
    }

    /// Who waits for the number that is replaced is woken.
    fn dup2(from: c_int, to: c_int) -> c_int else {
        // SAFETY: the caller's contract, as for `close`.
        duplicate(from, to, || unsafe { kernel(nr::DUP2, [from.word(), to.word()]) })
    } => {
        // SAFETY: the caller's contract, as for `close`.
        duplicate(from, to, || unsafe { announced(nr::DUP2, [from.word(), to.word()]) })
    }

    /// Who waits for the number that is replaced is woken.
    fn dup3(from: c_int, to: c_int, flags: c_int) -> c_int else {
        // SAFETY: the caller's contract, as for `close`.
        duplicate(from, to, || unsafe { kernel(nr::DUP3, [from.word(), to.word(), flags.word()]) })
    } => {
        // SAFETY: the caller's contract, as for `close`.
        duplicate(from, to, || unsafe { announced(nr::DUP3, [from.word(), to.word(), flags.word()]) })
    }

    /// The thread waits for a lock, without its P.
    fn fcntl(fd: c_int, command: c_int, arg: usize) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { control(fd, command, arg, false) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { control(fd, command, arg, true) }
    }

    /// The thread waits for a lock, without its P.
    fn fcntl64(fd: c_int, command: c_int, arg: usize) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { control(fd, command, arg, false) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { control(fd, command, arg, true) }
    }

    /// Announced to the scheduler.
    fn ioctl(fd: c_int, request: c_ulong, arg: usize) -> c_int = IOCTL => {
        let words = [fd.word(), request.word(), arg];
        // SAFETY: the caller's contract.
        answer(unsafe {
            match request {
                libc::FIONBIO | libc::FIONREAD => kernel(nr::IOCTL, words),
                _ => announced(nr::IOCTL, words),
            }
        })
    }
}
