//! Text for standard error, without allocating.
//!
//! # Safety
//!
//! Standard error's number is borrowed without knowing whether it is open; writing and asking whether it
//! can be written is all that is done with it.

#![allow(unsafe_code)]

use crate::throw::Say;
use gort_sys::fd::BorrowedFd;
use gort_sys::types::{PollFd, PollFlags};
use gort_sys::{Errno, raw};

/// As much as a pipe takes at once that has room for anything: `PIPE_BUF`.
const CHUNK: usize = 4096;
/// Few lines are longer.
const LINE: usize = 512;

/// Gathers text, and writes it when it is full or dropped.
pub(crate) struct Out {
    buffer: [u8; CHUNK],
    len: usize,
    /// It does not wait for who reads: what he does not take at once is lost.
    impatient: bool,
    lost: bool,
}

impl Out {
    pub(crate) const fn new() -> Out {
        Out::with(false)
    }

    /// One that does not wait: if a pipe is full, the rest is lost.
    pub(crate) const fn impatient() -> Out {
        Out::with(true)
    }

    const fn with(impatient: bool) -> Out {
        Out { buffer: [0; CHUNK], len: 0, impatient, lost: false }
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.byte(*byte));
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        if self.len == self.buffer.len() {
            self.flush();
        }
        if let Some(to) = self.buffer.get_mut(self.len) {
            *to = byte;
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
        self.bytes(digits.split_at(digits.len() - used).1);
    }

    pub(crate) fn say(&mut self, pieces: &[Say<'_>]) {
        for piece in pieces {
            match *piece {
                Say::Text(text) => self.text(text),
                Say::Dec(n) => self.number(n, 10),
                Say::Hex(n) => {
                    self.text("0x");
                    self.number(n as u64, 16);
                }
            }
        }
    }

    pub(crate) fn field(&mut self, name: &str, value: usize) {
        self.text(name);
        self.number(value as u64, 10);
    }

    /// A field that is `nil` if there is none.
    pub(crate) fn maybe(&mut self, name: &str, value: Option<usize>) {
        match value {
            Some(value) => self.field(name, value),
            None => {
                self.text(name);
                self.text("nil");
            }
        }
    }

    pub(crate) fn flag(&mut self, name: &str, value: bool) {
        self.text(name);
        self.text(if value { "true" } else { "false" });
    }

    /// Whether another line may not fit.
    pub(crate) fn is_full(&self) -> bool {
        self.len > CHUNK - LINE
    }

    /// To standard error, as far as it goes.
    pub(crate) fn flush(&mut self) {
        let mut rest = self.buffer.split_at(self.len.min(CHUNK)).0;
        self.len = 0;
        // SAFETY: 2 is not -1, and a closed standard error only makes the calls fail.
        let stderr = unsafe { BorrowedFd::borrow_raw(2) };
        while !rest.is_empty() && !self.lost {
            let mut asked = [PollFd::new(stderr, PollFlags::OUT)];
            if self.impatient && raw::poll(&mut asked, 0) == Ok(0) {
                self.lost = true;
                return;
            }
            match raw::write(stderr, rest) {
                Ok(count) => rest = rest.split_at(count.min(rest.len())).1,
                Err(Errno::EINTR) => {}
                Err(_) => self.lost = true,
            }
        }
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        self.flush();
    }
}
