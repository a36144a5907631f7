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
}

const _: () = assert!(align_of::<Record>() == align_of::<Pc>());

pub(super) struct Buffer {
    at: *mut u8,
    len: usize,
    used: usize,
    /// How many goroutines there was no memory for.
    pub(super) missing: usize,
}

impl Buffer {
    pub(super) const EMPTY: Buffer = Buffer { at: ptr::null_mut(), len: 0, used: 0, missing: 0 };

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
            record.write(Record { goroutine: *goroutine, count: frames.len() });
            ptr::copy_nonoverlapping(frames.as_ptr(), record.add(1).cast::<Pc>(), frames.len());
        }
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

    /// Calls `f` with each.
    pub(super) fn each(&self, f: &mut dyn FnMut(&Goroutine, &[Pc])) {
        let mut at = 0;
        while at < self.used {
            // SAFETY: a record begins here; see the module.
            let (record, frames) = unsafe {
                let record = self.at.add(at).cast::<Record>();
                let frames = record.add(1).cast::<Pc>();
                (&*record, core::slice::from_raw_parts(frames, (*record).count))
            };
            f(&record.goroutine, frames);
            at += size_of::<Record>() + size_of_val(frames);
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
