//! Making sockets, and connecting them.
//!
//! # Safety
//!
//! Addresses are where the caller of libc's function says they are.

#![allow(unsafe_code)]

use super::numbers::arrived;
use super::{is_nonblocking, room, table, wait};
use crate::taken::take_over;
use crate::words::{Word, announced, answer, blocking, give, kernel};
use gort_sys::types::{FlagOption, IntOption};
use gort_sys::{Errno, nr, raw};
use libc::{c_int, c_void, sockaddr, socklen_t};

/// A connection, when there is one.
///
/// # Safety
///
/// That of libc's function.
unsafe fn accept_one(
    fd: c_int,
    addr: *mut sockaddr,
    len: *mut socklen_t,
    flags: c_int,
) -> Result<usize, Errno> {
    let words = [fd as usize, addr.word(), len.word(), flags as usize];
    // SAFETY: for this call.
    let descriptor = unsafe { table::borrow(fd) };
    let listens = || raw::socket_int(descriptor, FlagOption::ACCEPTCONN.into()) == Ok(1);
    let flags_are_known = flags & !(libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK) == 0;
    // An error is nothing to wait for.
    if !flags_are_known || (table::find(fd).is_none() && !listens()) {
        // SAFETY: the caller's contract.
        return Errno::from_ret(unsafe { kernel(nr::ACCEPT4, words) });
    }
    // SAFETY: the caller's contract.
    let accepted = wait::accept(fd, |_, waits| unsafe {
        if waits {
            return blocking(nr::ACCEPT4, words);
        }
        // A thread, or another process, may take it first; then the thread waits for the next.
        match wait::if_ready(fd, libc::POLLIN, || announced(nr::ACCEPT4, words)) {
            wait if wait == wait::would_wait() && !listens() => kernel(nr::ACCEPT4, words),
            answer => answer,
        }
    })?;
    table::accepted(accepted as c_int);
    room::see_to(accepted as c_int);
    Ok(accepted)
}

/// connect(2).
///
/// # Safety
///
/// That of libc's function.
unsafe fn connect_to(fd: c_int, addr: *const sockaddr, len: socklen_t) -> Result<usize, Errno> {
    let words = [fd as usize, addr.word(), len as usize];
    // SAFETY: the caller's contract.
    let internet = len as usize >= size_of::<libc::sa_family_t>()
        && matches!(c_int::from(unsafe { (*addr).sa_family }), libc::AF_INET | libc::AF_INET6);
    // SAFETY: for this call.
    let descriptor = unsafe { table::borrow(fd) };
    let waits = internet && raw::socket_int(descriptor, IntOption::TYPE)? == libc::SOCK_STREAM;
    if !waits {
        // Datagrams have nothing to wait for; by a path one waits for room only.
        // SAFETY: the caller's contract.
        return Errno::from_ret(unsafe { announced(nr::CONNECT, words) });
    }
    let blocks = !is_nonblocking(fd)?;
    if blocks {
        raw::ioctl_fionbio(descriptor, true)?;
    }
    // SAFETY: the caller's contract. It does not wait.
    let begun = Errno::from_ret(unsafe { kernel(nr::CONNECT, words) });
    if blocks {
        let _ = raw::ioctl_fionbio(descriptor, false);
    }
    match begun {
        Err(Errno::EINPROGRESS | Errno::EALREADY) if blocks => {}
        begun => return begun,
    }
    let made = wait::write(fd, 0, |_, waits| {
        // The end of it, after which the socket can be connected again if it has failed. What has been begun twice is
        // ended by one.
        let ended = |register| match Errno::from_ret(register) {
            Err(Errno::EISCONN) => 0,
            _ => register,
        };
        // SAFETY: the caller's contract.
        unsafe {
            if waits {
                ended(blocking(nr::CONNECT, words))
            } else {
                wait::if_ready(fd, libc::POLLOUT, || ended(announced(nr::CONNECT, words)))
            }
        }
    });
    // As the kernel has it when the time is up.
    made.map_err(|errno| if errno == Errno::EAGAIN { Errno::EINPROGRESS } else { errno })
}

take_over! {
    /// A new number.
    fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int else {
        // SAFETY: no memory.
        answer(arrived(unsafe { kernel(nr::SOCKET, [domain.word(), kind.word(), protocol.word()]) }))
    } => {
        // SAFETY: no memory.
        let made = arrived(unsafe { kernel(nr::SOCKET, [domain.word(), kind.word(), protocol.word()]) });
        if let Ok(fd) = Errno::from_ret(made) {
            room::see_to(fd as c_int);
        }
        answer(made)
    }

    /// Two new numbers.
    fn socketpair(domain: c_int, kind: c_int, protocol: c_int, pair: *mut c_int) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { pair_of(domain, kind, protocol, pair) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { pair_of(domain, kind, protocol, pair) }
    }

    /// Parks until there is a connection.
    fn accept(fd: c_int, addr: *mut sockaddr, len: *mut socklen_t) -> c_int else {
        // SAFETY: the caller's contract.
        answer(arrived(unsafe { kernel(nr::ACCEPT, [fd.word(), addr.word(), len.word()]) }))
    } => {
        // SAFETY: the caller's contract.
        give(unsafe { accept_one(fd, addr, len, 0) })
    }

    /// Parks until there is a connection.
    fn accept4(fd: c_int, addr: *mut sockaddr, len: *mut socklen_t, flags: c_int) -> c_int else {
        let words = [fd.word(), addr.word(), len.word(), flags.word()];
        // SAFETY: the caller's contract.
        answer(arrived(unsafe { kernel(nr::ACCEPT4, words) }))
    } => {
        // SAFETY: the caller's contract.
        give(unsafe { accept_one(fd, addr, len, flags) })
    }

    /// Parks until the connection is made.
    fn connect(fd: c_int, addr: *const sockaddr, len: socklen_t) -> c_int = CONNECT => {
        // SAFETY: the caller's contract.
        give(unsafe { connect_to(fd, addr, len) }.map(|_| 0))
    }

    /// Who waits to receive, or to send, is woken.
    fn shutdown(fd: c_int, how: c_int) -> c_int = SHUTDOWN => {
        // SAFETY: no memory.
        answer(unsafe { kernel(nr::SHUTDOWN, [fd.word(), how.word()]) })
    }

    /// Timeouts are for goroutines, too.
    fn setsockopt(fd: c_int, level: c_int, name: c_int, value: *const c_void, len: socklen_t) -> c_int else {
        let words = [fd.word(), level.word(), name.word(), value.word(), len.word()];
        // SAFETY: the caller's contract.
        answer(set(fd, level, name, unsafe { kernel(nr::SETSOCKOPT, words) }))
    } => {
        let words = [fd.word(), level.word(), name.word(), value.word(), len.word()];
        // SAFETY: the caller's contract.
        answer(set(fd, level, name, unsafe { kernel(nr::SETSOCKOPT, words) }))
    }
}

/// socketpair(2), which does not wait.
///
/// # Safety
///
/// That of libc's function.
unsafe fn pair_of(domain: c_int, kind: c_int, protocol: c_int, pair: *mut c_int) -> c_int {
    let words = [domain.word(), kind.word(), protocol.word(), pair.word()];
    // SAFETY: the caller's contract; the kernel has written both.
    unsafe {
        let made = kernel(nr::SOCKETPAIR, words);
        if made == 0 {
            table::arrived(*pair);
            table::arrived(*pair.add(1));
        }
        answer(made)
    }
}

/// The timeouts by the kernel's newer names, which take seconds of eight bytes on every architecture.
const NEW_TIMEOUTS: [c_int; 2] = [66, 67];

/// An option has been set.
fn set(fd: c_int, level: c_int, name: c_int, register: usize) -> usize {
    let timeout =
        [libc::SO_RCVTIMEO, libc::SO_SNDTIMEO].contains(&name) || NEW_TIMEOUTS.contains(&name);
    if level == libc::SOL_SOCKET && timeout {
        wait::timeouts_are_set();
    } else if level == libc::IPPROTO_TCP && name == libc::TCP_ULP {
        // It is not a stream as before.
        table::wrapped(fd);
    }
    register
}
