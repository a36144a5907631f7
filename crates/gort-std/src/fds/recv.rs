//! Receiving from sockets.
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
use libc::{c_int, c_uint, c_void, mmsghdr, msghdr, sockaddr, socklen_t, timespec};

/// With these a call never waits.
const AT_ONCE: c_int = libc::MSG_DONTWAIT | libc::MSG_OOB | libc::MSG_ERRQUEUE;

/// With no others but these, a read of a stream that is short has taken all that there is.
const PLAIN: c_int = libc::MSG_NOSIGNAL | libc::MSG_CMSG_CLOEXEC;

/// Less than any bound of the kernel's: less than this is all that there is.
const MOST: usize = 1 << 30;

/// recvfrom(2).
///
/// # Safety
///
/// That of libc's function.
#[inline]
pub(super) unsafe fn receive(
    fd: c_int,
    buf: *mut c_void,
    len: usize,
    flags: c_int,
    from: *mut sockaddr,
    from_len: *mut socklen_t,
) -> Result<usize, Errno> {
    let words = |done: usize, flags: c_int| {
        let buf = buf.expose_provenance() + done;
        let (from, from_len) = (from.expose_provenance(), from_len.expose_provenance());
        [fd as usize, buf, len - done, flags as usize, from, from_len]
    };
    if flags & AT_ONCE != 0 {
        // SAFETY: the caller's contract.
        return Errno::from_ret(unsafe { kernel(nr::RECVFROM, words(0, flags)) });
    }
    let most = if flags & !PLAIN == 0 { len.min(MOST) } else { 0 };
    let enough = if flags & libc::MSG_WAITALL != 0 { all_of(fd, len, flags) } else { 0 };
    wait::read(fd, enough, most, |done, waits| {
        // SAFETY: the caller's contract.
        unsafe {
            if waits {
                blocking(nr::RECVFROM, words(done, flags))
            } else {
                kernel(nr::RECVFROM, words(done, flags | libc::MSG_DONTWAIT))
            }
        }
    })
}

/// How much of `len` a call with `MSG_WAITALL` has to receive: all of a stream. One that only looks (`MSG_PEEK`) cannot
/// go on with the rest, and takes what there is.
#[cold]
fn all_of(fd: c_int, len: usize, flags: c_int) -> usize {
    // SAFETY: for this call.
    let kind = raw::socket_int(unsafe { table::borrow(fd) }, IntOption::TYPE);
    if kind == Ok(libc::SOCK_STREAM) && flags & libc::MSG_PEEK == 0 { len } else { 0 }
}

/// recvmsg(2).
///
/// # Safety
///
/// That of libc's function.
pub(super) unsafe fn receive_message(
    fd: c_int,
    message: *mut msghdr,
    flags: c_int,
) -> Result<usize, Errno> {
    let words = |flags: c_int| [fd as usize, message.expose_provenance(), flags as usize];
    // SAFETY: the caller's contract.
    let got = unsafe {
        if flags & AT_ONCE != 0 {
            Errno::from_ret(kernel(nr::RECVMSG, words(flags)))
        } else if flags & libc::MSG_WAITALL != 0 {
            Errno::from_ret(blocking(nr::RECVMSG, words(flags)))
        } else {
            wait::read(fd, 0, 0, |_, waits| {
                if waits {
                    blocking(nr::RECVMSG, words(flags))
                } else {
                    kernel(nr::RECVMSG, words(flags | libc::MSG_DONTWAIT))
                }
            })
        }
    };
    if got.is_ok() {
        // SAFETY: the kernel has filled it.
        unsafe { see_arrivals(&*message) };
    }
    got
}

/// What has been received with a message may be descriptors.
///
/// # Safety
///
/// The kernel has filled the message.
unsafe fn see_arrivals(message: &msghdr) {
    if message.msg_control.is_null() {
        return;
    }
    // SAFETY: the caller's contract: control messages lie there one behind the other.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(message);
        while let Some(header) = control.as_ref() {
            if (header.cmsg_level, header.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
                let numbers = libc::CMSG_DATA(control).cast::<c_int>();
                let len = header.cmsg_len - libc::CMSG_LEN(0) as usize;
                (0..len / size_of::<c_int>())
                    .for_each(|i| table::arrived(numbers.add(i).read_unaligned()));
            }
            control = libc::CMSG_NXTHDR(message, control);
        }
    }
}

take_over! {
    /// Parks until something has come.
    fn recv(fd: c_int, buf: *mut c_void, len: usize, flags: c_int) -> isize else {
        let words = [fd as usize, buf.expose_provenance(), len, flags as usize, 0, 0];
        // SAFETY: the caller's contract.
        answer(unsafe { kernel(nr::RECVFROM, words) })
    } => {
        // SAFETY: the caller's contract.
        give(unsafe { receive(fd, buf, len, flags, std::ptr::null_mut(), std::ptr::null_mut()) })
    }

    /// Parks until something has come.
    fn recvfrom(
        fd: c_int,
        buf: *mut c_void,
        len: usize,
        flags: c_int,
        from: *mut sockaddr,
        from_len: *mut socklen_t,
    ) -> isize = RECVFROM => {
        // SAFETY: the caller's contract.
        give(unsafe { receive(fd, buf, len, flags, from, from_len) })
    }

    /// Parks until something has come.
    fn recvmsg(fd: c_int, message: *mut msghdr, flags: c_int) -> isize else {
        let words = [fd as usize, message.expose_provenance(), flags as usize];
        // SAFETY: the caller's contract; the kernel has filled the message.
        unsafe {
            let got = kernel(nr::RECVMSG, words);
            if Errno::from_ret(got).is_ok() {
                see_arrivals(&*message);
            }
            answer(got)
        }
    } => {
        // SAFETY: the caller's contract.
        give(unsafe { receive_message(fd, message, flags) })
    }

    /// Parks until messages have come; with a limit of time the thread waits.
    fn recvmmsg(fd: c_int, messages: *mut mmsghdr, count: c_uint, flags: c_int, time: *mut timespec) -> c_int = RECVMMSG => {
        // SAFETY: the caller's contract.
        give(unsafe { receive_messages(fd, messages, count, flags, time) })
    }
}

/// recvmmsg(2).
///
/// # Safety
///
/// That of libc's function.
unsafe fn receive_messages(
    fd: c_int,
    messages: *mut mmsghdr,
    count: c_uint,
    flags: c_int,
    time: *mut timespec,
) -> Result<usize, Errno> {
    let words = |done: usize, flags: c_int| {
        let messages = messages.wrapping_add(done).expose_provenance();
        let left = count as usize - done;
        [fd as usize, messages, left, flags as usize, time.expose_provenance()]
    };
    let enough = if flags & libc::MSG_WAITFORONE != 0 { 0 } else { count as usize };
    // SAFETY: the caller's contract; the kernel has filled so many messages.
    unsafe {
        let got = if flags & AT_ONCE != 0 {
            Errno::from_ret(kernel(nr::RECVMMSG, words(0, flags)))?
        } else if !time.is_null() || flags & libc::MSG_WAITALL != 0 {
            Errno::from_ret(blocking(nr::RECVMMSG, words(0, flags)))?
        } else {
            wait::read(fd, enough, 0, |done, waits| {
                if waits {
                    blocking(nr::RECVMMSG, words(done, flags))
                } else {
                    kernel(nr::RECVMMSG, words(done, flags | libc::MSG_DONTWAIT))
                }
            })?
        };
        (0..got).for_each(|i| see_arrivals(&(*messages.add(i)).msg_hdr));
        Ok(got)
    }
}
