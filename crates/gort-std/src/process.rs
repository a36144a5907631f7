//! Child processes: starting them, and waiting for their end.
//!
//! Who waits for one child to end parks: by a pidfd, which is made for that and which the runtime's poller
//! takes. Until the child has been waited for its number is nobody else's, so the pidfd is the child's, or there is
//! none. Whether it has ended is always what the kernel says to the user's own call with `WNOHANG`.
//!
//! Everything else (any child, a group of them, children that stop, no descriptor to spare) the thread waits
//! for, without its P. So it must be for a child that is traced: a pidfd says nothing of its stops.
//!
//! # Safety
//!
//! What the kernel writes goes where the caller says.

#![allow(unsafe_code)]

use crate::files::is_nonblocking;
use crate::taken::take_over;
use crate::watch::{Look, until, until_own};
use crate::words::{answer, blocking, kernel};
use gort_rt::timer::NEVER;
use gort_sys::types::{EpollFlags, Pid, PidfdFlags};
use gort_sys::{Errno, nr, raw};
use libc::{c_int, id_t, idtype_t, pid_t, rusage, siginfo_t};
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::ptr::null_mut;

/// On a goroutine: `wait4`.
///
/// # Safety
///
/// That of `wait4`.
unsafe fn wait_for(pid: pid_t, status: *mut c_int, options: c_int, usage: *mut rusage) -> usize {
    // SAFETY: the caller's contract, here and below.
    let ask =
        || match unsafe { kernel(nr::WAIT4, words(pid, status, options | libc::WNOHANG, usage)) } {
            0 => None,
            found => Some(found),
        };
    if options & libc::WNOHANG != 0 {
        return ask().unwrap_or(0);
    }
    let parked = if pid > 0 && options == 0 { until_ended(Pid(pid), ask) } else { None };
    // SAFETY: as above.
    parked.unwrap_or_else(|| unsafe { blocking(nr::WAIT4, words(pid, status, options, usage)) })
}

fn words(pid: pid_t, status: *mut c_int, options: c_int, usage: *mut rusage) -> [usize; 4] {
    [pid as usize, status.expose_provenance(), options as usize, usage.expose_provenance()]
}

/// Parks until `ask` has an answer, which it has once the child has ended. `None` if nothing says when.
fn until_ended(pid: Pid, mut ask: impl FnMut() -> Option<usize>) -> Option<usize> {
    if let Some(answer) = ask() {
        return Some(answer);
    }
    let pidfd = ManuallyDrop::new(raw::pidfd_open(pid, PidfdFlags::empty()).ok()?);
    let found = until_own(pidfd.as_fd(), ask).ok().flatten();
    // SAFETY: it was made here, and is not dropped.
    unsafe { kernel(nr::CLOSE, [pidfd.as_raw_fd() as usize]) };
    found
}

/// On a goroutine: `waitid`.
///
/// # Safety
///
/// That of `waitid`.
unsafe fn wait_id(kind: idtype_t, id: id_t, info: *mut siginfo_t, options: c_int) -> usize {
    let words = |info: *mut siginfo_t, options: c_int| {
        [kind as usize, id as usize, info.expose_provenance(), options as usize, 0]
    };
    let plain = options & !libc::WNOWAIT == libc::WEXITED;
    let one = id.cast_signed();
    // SAFETY: numbers, all of which may be 0.
    let mut found: siginfo_t = unsafe { std::mem::zeroed() };
    let ask = || {
        // SAFETY: the caller's contract; there is room for what is found.
        let result = unsafe { kernel(nr::WAITID, words(&raw mut found, options | libc::WNOHANG)) };
        let none = result == 0 && found.si_signo == 0;
        (!none).then_some(result)
    };
    let parked = match kind {
        libc::P_PID if plain && one > 0 => until_ended(Pid(one), ask),
        libc::P_PIDFD if plain && one >= 0 => until_told(one, ask),
        _ => None,
    };
    match parked {
        Some(result) => {
            if result == 0 && !info.is_null() {
                // SAFETY: the caller's contract.
                unsafe { info.write(found) };
            }
            result
        }
        // SAFETY: as above.
        None if options & libc::WNOHANG != 0 => unsafe { kernel(nr::WAITID, words(info, options)) },
        // SAFETY: as above.
        None => unsafe { blocking(nr::WAITID, words(info, options)) },
    }
}

/// [`until_ended`] for the user's own pidfd.
fn until_told(pidfd: RawFd, mut ask: impl FnMut() -> Option<usize>) -> Option<usize> {
    if let Some(answer) = ask() {
        return Some(answer);
    }
    if is_nonblocking(pidfd) {
        return Some(Errno::EAGAIN.to_ret());
    }
    until([Look { fd: pidfd, events: EpollFlags::IN }].into_iter(), NEVER, ask).ok().flatten()
}

take_over! {
    /// Parks until the child has ended; for any child, or one that stops, the thread waits.
    fn waitpid(pid: pid_t, status: *mut c_int, options: c_int) -> pid_t else {
        // SAFETY: the caller's contract.
        answer(unsafe { kernel(nr::WAIT4, words(pid, status, options, null_mut())) })
    } => {
        // SAFETY: as above.
        answer(unsafe { wait_for(pid, status, options, null_mut()) })
    }

    /// Parks until the child has ended; for any child, or one that stops, the thread waits.
    fn wait4(pid: pid_t, status: *mut c_int, options: c_int, usage: *mut rusage) -> pid_t = WAIT4 => {
        // SAFETY: the caller's contract.
        answer(unsafe { wait_for(pid, status, options, usage) })
    }

    /// The thread waits for any child.
    fn wait(status: *mut c_int) -> pid_t else {
        // SAFETY: the caller's contract.
        answer(unsafe { kernel(nr::WAIT4, words(-1, status, 0, null_mut())) })
    } => {
        // SAFETY: as above.
        answer(unsafe { wait_for(-1, status, 0, null_mut()) })
    }

    /// The thread waits for any child.
    fn wait3(status: *mut c_int, options: c_int, usage: *mut rusage) -> pid_t else {
        // SAFETY: the caller's contract.
        answer(unsafe { kernel(nr::WAIT4, words(-1, status, options, usage)) })
    } => {
        // SAFETY: as above.
        answer(unsafe { wait_for(-1, status, options, usage) })
    }

    /// Parks until the child has ended; for any child, or one that stops, the thread waits.
    fn waitid(kind: idtype_t, id: id_t, info: *mut siginfo_t, options: c_int) -> c_int else {
        let words = [kind as usize, id as usize, info.expose_provenance(), options as usize, 0];
        // SAFETY: the caller's contract.
        answer(unsafe { kernel(nr::WAITID, words) })
    } => {
        // SAFETY: as above.
        answer(unsafe { wait_id(kind, id, info, options) })
    }
}
