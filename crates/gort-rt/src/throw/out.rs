//! Text for standard error, without allocating.
//!
//! # Safety
//!
//! Standard error's number is borrowed without knowing whether it is open; writing is all that is
//! done with it.

#![allow(unsafe_code)]

use super::Say;
use gort_sys::fd::BorrowedFd;
use gort_sys::{Errno, raw};

/// Gathers text, and writes it when it is full or dropped.
pub(super) struct Out {
    buffer: [u8; 512],
    len: usize,
}

impl Out {
    pub(super) const fn new() -> Out {
        Out { buffer: [0; 512], len: 0 }
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.byte(*byte));
    }

    pub(super) fn byte(&mut self, byte: u8) {
        if self.len == self.buffer.len() {
            self.flush();
        }
        if let Some(to) = self.buffer.get_mut(self.len) {
            *to = byte;
            self.len += 1;
        }
    }

    pub(super) fn number(&mut self, mut n: u64, base: u64) {
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

    pub(super) fn say(&mut self, pieces: &[Say<'_>]) {
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

    /// To standard error, as far as it goes.
    pub(super) fn flush(&mut self) {
        let mut rest = self.buffer.split_at(self.len.min(self.buffer.len())).0;
        self.len = 0;
        while !rest.is_empty() {
            match raw::write(stderr(), rest) {
                Ok(n) => rest = rest.split_at(n.min(rest.len())).1,
                Err(Errno::EINTR) => {}
                Err(_) => return,
            }
        }
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        self.flush();
    }
}

fn stderr() -> BorrowedFd<'static> {
    // SAFETY: 2 is not -1, and a closed standard error only makes the write fail.
    unsafe { BorrowedFd::borrow_raw(2) }
}
