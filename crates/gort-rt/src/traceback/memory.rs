//! Stacks, read so that nothing can go wrong.
//!
//! # Safety
//!
//! What is read lies on a stack that the walk was told of, which is mapped for as long as it takes, or on a
//! page that the kernel has just read. Values may be changed meanwhile by whoever runs there: they are read
//! atomically, and nothing is believed of them.

#![allow(unsafe_code)]

use crate::prim::{AtomicUsize, Ordering};
use gort_sys::{Errno, nr, raw_syscall6};

const PAGE: usize = 4096;

/// How many stacks a walk may be told of.
const STACKS: usize = 3;

/// Where a walk may read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stacks {
    known: [(usize, usize); STACKS],
    count: usize,
    /// The page of another stack that was read last: a program may have stacks of its own.
    page: usize,
}

impl Stacks {
    pub(super) const NONE: Stacks = Stacks { known: [(0, 0); STACKS], count: 0, page: 0 };

    /// One more, `[lo, hi)`; empty ones do not count.
    pub(super) fn add(&mut self, lo: usize, hi: usize) {
        if let Some(place) = self.known.get_mut(self.count).filter(|_| lo < hi && lo != 0) {
            *place = (lo, hi);
            self.count += 1;
        }
    }

    /// Which of them `at` is on.
    pub(super) fn which(&self, at: usize) -> Option<usize> {
        self.known.iter().take(self.count).position(|(lo, hi)| (*lo..*hi).contains(&at))
    }

    /// Whether `len` bytes from `at` can be read.
    pub(super) fn has(&mut self, at: usize, len: usize) -> bool {
        let Some(last) = at.checked_add(len.saturating_sub(1)) else { return false };
        let known = self.which(at);
        known.is_some() && known == self.which(last) || self.asks(at) && self.asks(last)
    }

    /// Whether the page of `at` can be read.
    fn asks(&mut self, at: usize) -> bool {
        let page = at & !(PAGE - 1);
        if page == 0 || self.page == page {
            return page != 0;
        }
        // It reads a signal set from there, and then finds that it does not know what to do with it.
        // SAFETY: as good as any call that fails.
        let (.., why) =
            unsafe { raw_syscall6(nr::RT_SIGPROCMASK, usize::MAX, at & !7, 0, 8, 0, 0) };
        let readable = why == Errno::EINVAL;
        if readable {
            self.page = page;
        }
        readable
    }

    /// The word at `at`.
    pub(super) fn read(&mut self, at: usize) -> Option<usize> {
        if !at.is_multiple_of(size_of::<usize>()) || !self.has(at, size_of::<usize>()) {
            return None;
        }
        let at = core::ptr::with_exposed_provenance_mut::<usize>(at);
        // SAFETY: see the module; aligned.
        Some(unsafe { AtomicUsize::from_ptr(at) }.load(Ordering::Relaxed))
    }
}
