//! A heap of things by time, each with four below it.
//!
//! Four children are next to each other in one cache line, so a heap of a million costs ten lines on
//! the way down, of which the upper ones are always at hand. Nothing is written to what is in it: a
//! thing does not know where it is, and cannot be taken out of the middle.
//!
//! # Safety
//!
//! `at` is memory of the heap's own, with room for `cap` entries, of which the first `len` have been
//! written.

#![allow(unsafe_code)]

use crate::mem;
use core::ptr::null_mut;
use gort_sys::Errno;

const BELOW: usize = 4;

/// The first block of siblings begins with entry 1.
const PAD: usize = BELOW - 1;

/// How large the memory is at first, and at least, in bytes.
const LEAST: usize = 4096;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<T> {
    pub(crate) key: u64,
    pub(crate) item: T,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Heap<T: Copy> {
    at: *mut Entry<T>,
    len: usize,
    cap: usize,
}

// SAFETY: the memory is the heap's own.
unsafe impl<T: Copy + Send> Send for Heap<T> {}

impl<T: Copy> Heap<T> {
    pub(crate) const fn new() -> Heap<T> {
        Heap { at: null_mut(), len: 0, cap: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The first in time.
    pub(crate) fn peek(&self) -> Option<Entry<T>> {
        if self.len == 0 { None } else { Some(self.get(0)) }
    }

    /// Makes room for `more`.
    ///
    /// # Errors
    ///
    /// `ENOMEM` when the kernel gives no memory; nothing has changed then.
    pub(crate) fn reserve(&mut self, more: usize) -> Result<(), Errno> {
        if self.cap - self.len >= more {
            return Ok(());
        }
        self.resize(Self::bytes(self.len + more).next_power_of_two())
    }

    /// Adds an entry; there is room for it.
    pub(crate) fn push(&mut self, key: u64, item: T) {
        if self.len == self.cap {
            crate::throw::throw("a heap of timers is full");
        }
        self.len += 1;
        self.sift_up(self.len - 1, Entry { key, item });
    }

    /// Takes the first away.
    pub(crate) fn pop(&mut self) {
        let Some(last) = self.len.checked_sub(1) else { return };
        let entry = self.get(last);
        self.len = last;
        if last != 0 {
            self.sift_down(0, entry);
        }
    }

    /// Gives the first another, later time.
    pub(crate) fn postpone(&mut self, key: u64) {
        if let Some(Entry { item, .. }) = self.peek() {
            self.sift_down(0, Entry { key, item });
        }
    }

    /// Keeps those that `keep` says.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(Entry<T>) -> bool) {
        let len = self.len;
        self.len = 0;
        for i in 0..len {
            let entry = self.get(i);
            if keep(entry) {
                self.put(self.len, entry);
                self.len += 1;
            }
        }
        for i in (0..self.len.div_ceil(BELOW)).rev() {
            self.sift_down(i, self.get(i));
        }
    }

    /// Gives back memory if most of it is not needed any more.
    pub(crate) fn trim(&mut self) {
        let needed = Self::bytes(self.len);
        if self.cap != 0 && Self::bytes(self.cap) > LEAST.max(8 * needed) {
            // Without it all is as well as before.
            let _ = self.resize(2 * needed.next_power_of_two());
        }
    }

    fn resize(&mut self, to: usize) -> Result<(), Errno> {
        let to = to.max(LEAST);
        let (base, was) = match self.cap {
            0 => (null_mut(), 0),
            cap => (self.at.wrapping_sub(PAD), Self::bytes(cap)),
        };
        // SAFETY: the heap's own; what is cut off is not in use.
        self.at = unsafe { mem::remap(base.cast(), was, to) }?.cast::<Entry<T>>().wrapping_add(PAD);
        self.cap = to / size_of::<Entry<T>>() - PAD;
        Ok(())
    }

    /// The size of memory for so many entries.
    fn bytes(count: usize) -> usize {
        (count + PAD) * size_of::<Entry<T>>()
    }

    fn get(&self, at: usize) -> Entry<T> {
        debug_assert!(at < self.cap, "an entry that is not there");
        // SAFETY: callers stay below what has been written.
        unsafe { self.at.add(at).read() }
    }

    fn put(&mut self, at: usize, entry: Entry<T>) {
        debug_assert!(at < self.cap, "a place that is not there");
        // SAFETY: callers stay within the memory.
        unsafe { self.at.add(at).write(entry) };
    }

    /// Puts `entry` where `at` is, or above.
    fn sift_up(&mut self, mut at: usize, entry: Entry<T>) {
        while at != 0 {
            let above = (at - 1) / BELOW;
            let parent = self.get(above);
            if parent.key <= entry.key {
                break;
            }
            self.put(at, parent);
            at = above;
        }
        self.put(at, entry);
    }

    /// Puts `entry` where `at` is, or below.
    fn sift_down(&mut self, mut at: usize, entry: Entry<T>) {
        loop {
            let first = at * BELOW + 1;
            if first >= self.len {
                break;
            }
            let mut least = (first, self.get(first));
            for i in first + 1..(first + BELOW).min(self.len) {
                let child = self.get(i);
                if child.key < least.1.key {
                    least = (i, child);
                }
            }
            if entry.key <= least.1.key {
                break;
            }
            self.put(at, least.1);
            at = least.0;
        }
        self.put(at, entry);
    }
}
