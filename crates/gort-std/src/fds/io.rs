//! Reading and writing: sockets, pipes and the like, and files.
//!
//! # Safety
//!
//! Buffers are where the caller of libc's function says they are.

#![allow(unsafe_code)]

use super::recv::{receive, receive_message};
use super::send::{Rest, total, transmit, transmit_message};
use super::table::{self, Kind};
use super::wait;
use crate::taken::take_over;
use crate::words::{Word, announced, blocking, give, kernel};
use gort_sys::{Errno, nr};
use libc::{c_int, c_void, iovec, msghdr};
use std::mem::zeroed;
use std::ptr::{null, null_mut};

/// As many buffers as the kernel takes (`UIO_MAXIOV`).
const BUFFERS: c_int = 1024;

/// Calls `nr`, preadv2(2) or pwritev2(2), so that it does not wait, for a file that has no offsets. `None` if the file does
/// not know that.
///
/// # Safety
///
/// That of the call.
unsafe fn at_once(nr: usize, fd: c_int, list: usize, count: usize) -> Option<usize> {
    let words = [fd.word(), list, count, usize::MAX, usize::MAX, libc::RWF_NOWAIT.word()];
    // SAFETY: the caller's contract.
    let result = unsafe { kernel(nr, words) };
    match Errno::from_ret(result) {
        Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => {
            table::is_polled(fd);
            None
        }
        _ => Some(result),
    }
}

/// read(2) or readv(2), `nr` with `words`, of what is not a socket; the buffers are at `list`.
///
/// # Safety
///
/// That of the call.
unsafe fn read_from(
    kind: Kind,
    nr: usize,
    words: [usize; 3],
    list: *const iovec,
    count: usize,
) -> Result<usize, Errno> {
    let fd = words[0] as c_int;
    // SAFETY: the caller's contract.
    unsafe {
        if kind == Kind::File {
            return Errno::from_ret(announced(nr, words));
        }
        let mut polled = kind == Kind::Polled;
        wait::read(fd, 0, 0, |_, waits| {
            if waits {
                return blocking(nr, words);
            }
            if !polled && let Some(result) = at_once(nr::PREADV2, fd, list.word(), count) {
                return result;
            }
            polled = true;
            wait::if_ready(fd, libc::POLLIN, || announced(nr, words))
        })
    }
}

/// The same for write(2) or writev(2).
///
/// # Safety
///
/// That of the call.
unsafe fn write_to(
    kind: Kind,
    nr: usize,
    words: [usize; 3],
    list: *const iovec,
    count: usize,
) -> Result<usize, Errno> {
    let fd = words[0] as c_int;
    // SAFETY: the caller's contract.
    unsafe {
        if kind == Kind::File {
            return Errno::from_ret(announced(nr, words));
        }
        let mut polled = kind == Kind::Polled;
        wait::write(fd, total(list, count), |done, waits| {
            let rest = Rest::of(list, count, done);
            let [at, left] = if done == 0 { [list.word(), count] } else { rest.words() };
            let (nr, words) =
                if done == 0 { (nr, words) } else { (nr::WRITEV, [fd.word(), at, left]) };
            if waits {
                return blocking(nr, words);
            }
            if !polled && let Some(result) = at_once(nr::PWRITEV2, fd, at, left) {
                return result;
            }
            polled = true;
            wait::if_ready(fd, libc::POLLOUT, || announced(nr, words))
        })
    }
}

/// What a socket has answered, or `again`: the number was a socket's that was closed behind our back.
fn if_socket(fd: c_int, result: Result<usize, Errno>, again: impl FnOnce() -> isize) -> isize {
    if result == Err(Errno::ENOTSOCK) {
        table::arrived(fd);
        return again();
    }
    give(result)
}

/// A message of these buffers.
fn message(list: *const iovec, count: usize) -> msghdr {
    // SAFETY: zeroes are one without anything.
    let mut message: msghdr = unsafe { zeroed() };
    message.msg_iov = list.cast_mut();
    message.msg_iovlen = count;
    message
}

take_over! {
    /// Parks until there is something to read; of a file it is announced.
    fn read(fd: c_int, buf: *mut c_void, count: usize) -> isize = READ => {
        let words = [fd.word(), buf.word(), count];
        // SAFETY: the caller's contract.
        give(unsafe {
            match table::kind(fd) {
                // Nothing to wait for.
                Kind::Stream | Kind::Polled if count == 0 => Errno::from_ret(kernel(nr::READ, words)),
                kind @ (Kind::Stream | Kind::Polled) => {
                    let list = iovec { iov_base: buf, iov_len: count };
                    read_from(kind, nr::READ, words, &list, 1)
                }
                Kind::Socket if count != 0 => {
                    let got = receive(fd, buf, count, 0, null_mut(), null_mut());
                    return if_socket(fd, got, || read(fd, buf, count));
                }
                _ => Errno::from_ret(announced(nr::READ, words)),
            }
        })
    }

    /// Parks until there is something to read; of a file it is announced.
    fn readv(fd: c_int, list: *const iovec, count: c_int) -> isize = READV => {
        let words = [fd.word(), list.word(), count.word()];
        // SAFETY: the caller's contract.
        give(unsafe {
            match table::kind(fd) {
                _ if !(1..=BUFFERS).contains(&count) => Errno::from_ret(kernel(nr::READV, words)),
                Kind::Socket | Kind::Stream | Kind::Polled if total(list, count as usize) == 0 => {
                    Errno::from_ret(kernel(nr::READV, words))
                }
                Kind::Socket => {
                    let got = receive_message(fd, &mut message(list, count as usize), 0);
                    return if_socket(fd, got, || readv(fd, list, count));
                }
                kind => read_from(kind, nr::READV, words, list, count as usize),
            }
        })
    }

    /// Parks until all is written; to a file it is announced.
    fn write(fd: c_int, buf: *const c_void, count: usize) -> isize = WRITE => {
        let words = [fd.word(), buf.word(), count];
        // SAFETY: the caller's contract.
        give(unsafe {
            match table::kind(fd) {
                // Nothing to wait for.
                Kind::Stream | Kind::Polled if count == 0 => Errno::from_ret(kernel(nr::WRITE, words)),
                kind @ (Kind::Stream | Kind::Polled) => {
                    let list = iovec { iov_base: buf.cast_mut(), iov_len: count };
                    write_to(kind, nr::WRITE, words, &list, 1)
                }
                Kind::Socket => {
                    let sent = transmit(fd, buf, count, 0, null(), 0);
                    return if_socket(fd, sent, || write(fd, buf, count));
                }
                _ => Errno::from_ret(announced(nr::WRITE, words)),
            }
        })
    }

    /// Parks until all is written; to a file it is announced.
    fn writev(fd: c_int, list: *const iovec, count: c_int) -> isize = WRITEV => {
        let words = [fd.word(), list.word(), count.word()];
        // SAFETY: the caller's contract.
        give(unsafe {
            match table::kind(fd) {
                _ if !(1..=BUFFERS).contains(&count) => Errno::from_ret(kernel(nr::WRITEV, words)),
                Kind::Socket | Kind::Stream | Kind::Polled if total(list, count as usize) == 0 => {
                    Errno::from_ret(kernel(nr::WRITEV, words))
                }
                Kind::Socket => {
                    let sent = transmit_message(fd, &message(list, count as usize), 0);
                    return if_socket(fd, sent, || writev(fd, list, count));
                }
                kind => write_to(kind, nr::WRITEV, words, list, count as usize),
            }
        })
    }
}
