//! The end, when an invariant of the runtime is broken.
//!
//! One line that says what and where, then SIGABRT. Nothing here allocates, unwinds, takes a lock
//! or uses std: it works on any stack and in a signal handler.
//!
//! # Safety
//!
//! Standard error's number is borrowed without knowing whether it is open; writing is all that is
//! done with it.

#![allow(unsafe_code)]

use gort_sys::fd::BorrowedFd;
use gort_sys::raw;
use gort_sys::types::{Pid, Signal};

/// One piece of the last line.
#[derive(Clone, Copy)]
pub(crate) enum Say<'a> {
    Text(&'a str),
    Dec(u64),
    Hex(usize),
}

/// Writes `fatal error: gort: ` and the pieces to standard error and aborts.
#[cold]
#[inline(never)]
pub(crate) fn throw_with(pieces: &[Say<'_>]) -> ! {
    gort_sys::context::slot::lock();
    let mut line = Line::new();
    line.push(b"fatal error: gort: ");
    for piece in pieces {
        match *piece {
            Say::Text(text) => line.push(text.as_bytes()),
            Say::Dec(n) => line.number(n, 10),
            Say::Hex(n) => {
                line.push(b"0x");
                line.number(n as u64, 16);
            }
        }
    }
    line.push(b"\n");
    line.write();
    abort()
}

/// The end of the program, for something that nobody can go on from: writes `fatal error: gort: ` and the
/// text to standard error, and aborts. Neither unwinds nor allocates. Go: `throw`.
#[cold]
#[inline(never)]
pub fn throw(what: &str) -> ! {
    throw_with(&[Say::Text(what)])
}

/// The end of the program, for a mistake of its own that it cannot go on from: `fatal error: ` and the text
/// to standard error, and exit status 2. Go: `fatal`.
#[cold]
#[inline(never)]
pub(crate) fn fatal(what: &str) -> ! {
    let mut line = Line::new();
    line.push(b"fatal error: ");
    line.push(what.as_bytes());
    line.push(b"\n\n");
    line.write();
    raw::exit_group(2)
}

/// SIGABRT, and if the program survives that, its end by exit status 2.
pub(crate) fn abort() -> ! {
    let _ = raw::tgkill(raw::getpid(), raw::gettid(), Signal::ABRT);
    // A handler returned, or the signal is blocked.
    let _: Pid = raw::getpid();
    raw::exit_group(2)
}

/// A line of text in a fixed buffer; what does not fit is cut.
pub(crate) struct Line {
    bytes: [u8; 256],
    len: usize,
}

impl Line {
    pub(crate) const fn new() -> Line {
        Line { bytes: [0; 256], len: 0 }
    }

    pub(crate) fn push(&mut self, text: &[u8]) {
        for (to, from) in self.bytes.iter_mut().skip(self.len).zip(text) {
            *to = *from;
            self.len += 1;
        }
    }

    pub(crate) fn number(&mut self, mut n: u64, base: u64) {
        let mut digits = [0u8; 20];
        let mut used = 0;
        for digit in digits.iter_mut().rev() {
            *digit = b"0123456789abcdef"[(n % base) as usize % 16];
            n /= base;
            used += 1;
            if n == 0 {
                break;
            }
        }
        self.push(digits.split_at(digits.len() - used).1);
    }

    /// To standard error, as far as it goes.
    pub(crate) fn write(&self) {
        let mut rest = self.bytes.split_at(self.len.min(self.bytes.len())).0;
        while !rest.is_empty() {
            match raw::write(stderr(), rest) {
                Ok(n) => rest = rest.split_at(n.min(rest.len())).1,
                Err(gort_sys::Errno::EINTR) => {}
                Err(_) => return,
            }
        }
    }
}

fn stderr() -> BorrowedFd<'static> {
    // SAFETY: 2 is not -1, and a closed standard error only makes the write fail.
    unsafe { BorrowedFd::borrow_raw(2) }
}
