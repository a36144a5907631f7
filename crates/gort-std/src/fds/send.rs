//! Sending by sockets. What does not fit at once is sent when there is room, until all is sent.
//!
//! # Safety
//!
//! Buffers and messages are where the caller of libc's function says they are.

#![allow(unsafe_code)]

use super::{table, wait};
use crate::taken::take_over;
use crate::words::{answer, blocking, give, kernel};
use gort_sys::types::IntOption;
use gort_sys::{Errno, nr, raw};
use libc::{c_int, c_uint, c_void, iovec, mmsghdr, msghdr, sockaddr, socklen_t};
use std::ptr::null_mut;

/// The flags of the rest of what was sent in part: what comes of it is the part's length, and no signal.
fn flags_after(done: usize, flags: c_int) -> c_int {
    if done == 0 { flags } else { flags | libc::MSG_NOSIGNAL }
}

/// sendto(2).
///
/// # Safety
///
/// That of libc's function.
#[inline]
pub(super) unsafe fn transmit(
    fd: c_int,
    buf: *const c_void,
    len: usize,
    flags: c_int,
    to: *const sockaddr,
    to_len: socklen_t,
) -> Result<usize, Errno> {
    let words = |done: usize, flags: c_int| {
        let (buf, flags) = (buf.expose_provenance() + done, flags_after(done, flags));
        [fd as usize, buf, len - done, flags as usize, to.expose_provenance(), to_len as usize]
    };
    // SAFETY: the caller's contract.
    unsafe {
        if flags & libc::MSG_DONTWAIT != 0 {
            return Errno::from_ret(kernel(nr::SENDTO, words(0, flags)));
        }
        if flags & libc::MSG_FASTOPEN != 0 {
            // It connects as well.
            return Errno::from_ret(blocking(nr::SENDTO, words(0, flags)));
        }
        wait::write(fd, len, |done, waits| {
            if waits {
                blocking(nr::SENDTO, words(done, flags))
            } else {
                kernel(nr::SENDTO, words(done, flags | libc::MSG_DONTWAIT))
            }
        })
    }
}

/// What is left of buffers, or the first of it.
pub(super) struct Rest {
    list: [iovec; 8],
    count: usize,
}

impl Rest {
    /// Without the first `done` bytes of them.
    ///
    /// # Safety
    ///
    /// There are `count` at `list`.
    pub(super) unsafe fn of(list: *const iovec, count: usize, mut done: usize) -> Rest {
        let mut rest = Rest { list: [iovec { iov_base: null_mut(), iov_len: 0 }; 8], count: 0 };
        for i in 0..count {
            // SAFETY: the caller's contract.
            let one = unsafe { list.add(i).read() };
            let skipped = done.min(one.iov_len);
            done -= skipped;
            if skipped < one.iov_len && rest.count < rest.list.len() {
                let iov_base = one.iov_base.wrapping_byte_add(skipped);
                rest.list[rest.count] = iovec { iov_base, iov_len: one.iov_len - skipped };
                rest.count += 1;
            }
        }
        rest
    }

    /// Their address and how many they are.
    pub(super) fn words(&self) -> [usize; 2] {
        [self.list.as_ptr().expose_provenance(), self.count]
    }
}

/// How many bytes there are in buffers.
///
/// # Safety
///
/// There are `count` at `list`.
pub(super) unsafe fn total(list: *const iovec, count: usize) -> usize {
    // SAFETY: the caller's contract.
    (0..count).fold(0, |sum: usize, i| sum.saturating_add(unsafe { (*list.add(i)).iov_len }))
}

/// sendmsg(2).
///
/// # Safety
///
/// That of libc's function.
pub(super) unsafe fn transmit_message(
    fd: c_int,
    message: *const msghdr,
    flags: c_int,
) -> Result<usize, Errno> {
    let words = |message: *const msghdr, flags: c_int| {
        [fd as usize, message.expose_provenance(), flags as usize]
    };
    // SAFETY: the caller's contract.
    unsafe {
        if flags & libc::MSG_DONTWAIT != 0 {
            return Errno::from_ret(kernel(nr::SENDMSG, words(message, flags)));
        }
        if flags & libc::MSG_FASTOPEN != 0 {
            return Errno::from_ret(blocking(nr::SENDMSG, words(message, flags)));
        }
        let (list, count) = ((*message).msg_iov.cast_const(), (*message).msg_iovlen);
        wait::write(fd, total(list, count), |done, waits| {
            let rest = Rest::of(list, count, done);
            let mut part = *message;
            if done != 0 {
                // What goes with it has gone with its first byte.
                (part.msg_control, part.msg_controllen) = (null_mut(), 0);
                (part.msg_iov, part.msg_iovlen) = (rest.list.as_ptr().cast_mut(), rest.count);
            }
            let flags = flags_after(done, flags);
            if waits {
                blocking(nr::SENDMSG, words(&part, flags))
            } else {
                kernel(nr::SENDMSG, words(&part, flags | libc::MSG_DONTWAIT))
            }
        })
    }
}

take_over! {
    /// Parks until all is sent.
    fn send(fd: c_int, buf: *const c_void, len: usize, flags: c_int) -> isize else {
        let words = [fd as usize, buf.expose_provenance(), len, flags as usize, 0, 0];
        // SAFETY: the caller's contract.
        answer(unsafe { kernel(nr::SENDTO, words) })
    } => {
        // SAFETY: the caller's contract.
        give(unsafe { transmit(fd, buf, len, flags, std::ptr::null(), 0) })
    }

    /// Parks until all is sent.
    fn sendto(
        fd: c_int,
        buf: *const c_void,
        len: usize,
        flags: c_int,
        to: *const sockaddr,
        to_len: socklen_t,
    ) -> isize = SENDTO => {
        // SAFETY: the caller's contract.
        give(unsafe { transmit(fd, buf, len, flags, to, to_len) })
    }

    /// Parks until all is sent.
    fn sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> isize = SENDMSG => {
        // SAFETY: the caller's contract.
        give(unsafe { transmit_message(fd, message, flags) })
    }

    /// Parks until all are sent; by a stream the thread waits.
    fn sendmmsg(fd: c_int, messages: *mut mmsghdr, count: c_uint, flags: c_int) -> c_int = SENDMMSG => {
        // SAFETY: the caller's contract.
        give(unsafe { transmit_messages(fd, messages, count, flags) })
    }
}

/// sendmmsg(2).
///
/// # Safety
///
/// That of libc's function.
unsafe fn transmit_messages(
    fd: c_int,
    messages: *mut mmsghdr,
    count: c_uint,
    flags: c_int,
) -> Result<usize, Errno> {
    let words = |done: usize, flags: c_int| {
        let messages = messages.wrapping_add(done).expose_provenance();
        [fd as usize, messages, count as usize - done, flags as usize]
    };
    // SAFETY: the caller's contract; the descriptor for this call.
    unsafe {
        if flags & libc::MSG_DONTWAIT != 0 {
            return Errno::from_ret(kernel(nr::SENDMMSG, words(0, flags)));
        }
        // One of which a part was sent could not be told from one that was sent.
        if raw::socket_int(table::borrow(fd), IntOption::TYPE) == Ok(libc::SOCK_STREAM) {
            return Errno::from_ret(blocking(nr::SENDMMSG, words(0, flags)));
        }
        wait::write(fd, count as usize, |done, waits| {
            if waits {
                blocking(nr::SENDMMSG, words(done, flags))
            } else {
                kernel(nr::SENDMMSG, words(done, flags | libc::MSG_DONTWAIT))
            }
        })
    }
}
