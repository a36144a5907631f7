//! What was found while the world was stopped.
//!
//! # Safety
//!
//! The mapping is the buffer's own. It holds records one after the other, each a [`Record`] and as many
//! [`Pc`]s as that says; both are plain data, and aligned as words are.

#![allow(unsafe_code)]

use super::capture::Frames;
use super::{Goroutine, Pc};
use crate::mem;
use core::ptr;
use gort_sys::{Errno, raw};

/// How much there is at first, in bytes.
const FIRST: usize = 1 << 20;

#[repr(C)]
struct Record {
    goroutine: Goroutine,
    count: usize,
    /// Where the one before begins.
    before: usize,
}

const _: () = assert!(align_of::<Record>() == align_of::<Pc>());

pub(super) struct Buffer {
    at: *mut u8,
    len: usize,
    used: usize,
    /// Where the last one begins.
    last: usize,
    /// How many goroutines there was no memory for.
    pub(super) missing: usize,
}

impl Buffer {
    pub(super) const EMPTY: Buffer =
        Buffer { at: ptr::null_mut(), len: 0, used: 0, last: 0, missing: 0 };

    /// Adds one.
    pub(super) fn push(&mut self, goroutine: &Goroutine, frames: &Frames) {
        let frames = frames.kept();
        let size = size_of::<Record>() + size_of_val(frames);
        if self.ensure(size).is_err() {
            self.missing += 1;
            return;
        }
        // SAFETY: there is room; see the module.
        unsafe {
            let record = self.at.add(self.used).cast::<Record>();
            let (count, before) = (frames.len(), self.last);
            record.write(Record { goroutine: *goroutine, count, before });
            ptr::copy_nonoverlapping(frames.as_ptr(), record.add(1).cast::<Pc>(), count);
        }
        self.last = self.used;
        self.used += size;
    }

    /// Sees to it that there is room for `size` bytes more.
    fn ensure(&mut self, size: usize) -> Result<(), Errno> {
        while self.len - self.used < size {
            let len = (self.len * 2).max(FIRST);
            // SAFETY: the mapping is ours.
            self.at = unsafe { mem::remap(self.at, self.len, len) }?;
            self.len = len;
        }
        Ok(())
    }

    /// Calls `f` with each: the first if it is the caller's own, then from the last on, which is the oldest.
    pub(super) fn each(&self, f: &mut dyn FnMut(&Goroutine, &[Pc])) {
        if self.used == 0 {
            return;
        }
        let (first, frames) = self.record(0);
        let own = first.goroutine.current;
        if own {
            f(&first.goroutine, frames);
        }
        let mut at = self.last;
        while at != 0 {
            let (record, frames) = self.record(at);
            f(&record.goroutine, frames);
            at = record.before;
        }
        if !own {
            f(&first.goroutine, frames);
        }
    }

    /// The one that begins here.
    fn record(&self, at: usize) -> (&Record, &[Pc]) {
        // SAFETY: a record begins here; see the module.
        unsafe {
            let record = self.at.add(at).cast::<Record>();
            (&*record, core::slice::from_raw_parts(record.add(1).cast(), (*record).count))
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.len != 0 {
            // SAFETY: the mapping is ours, and nobody looks at it any more.
            let _ = unsafe { raw::munmap(self.at, self.len) };
        }
    }
}
