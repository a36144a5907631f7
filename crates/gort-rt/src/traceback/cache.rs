//! Rows by address, for somebody who walks many stacks.
//!
//! # Safety
//!
//! The mapping is the cache's own. New, it is zeros, which is what an entry is that has no row.

#![allow(unsafe_code)]

use super::rule::Row;
use super::table::{self, Missing};
use crate::mem;
use core::mem::MaybeUninit;
use core::ptr;
use gort_sys::raw;

/// How many rows are kept; a power of two.
const ROWS: usize = 512;

struct Entry {
    /// Which address the row is for; 0 if there is none.
    pc: usize,
    row: MaybeUninit<Row>,
}

/// See the module. Not on the stack, which may be a small one. It is good as long as no object is unloaded.
#[derive(Debug)]
pub(super) struct Cache(*mut Entry);

impl Cache {
    const SIZE: usize = ROWS * size_of::<Entry>();

    /// `None` if there is no memory: it is slower without.
    pub(super) fn new() -> Option<Cache> {
        // SAFETY: nothing is moved.
        let at = unsafe { mem::remap(ptr::null_mut(), 0, Cache::SIZE) }.ok()?;
        Some(Cache(at.cast()))
    }

    /// The row for `pc`, which is not 0.
    pub(super) fn row(&mut self, pc: usize) -> Result<Row, Missing> {
        // Fibonacci hashing: call sites lie at all distances.
        let place = pc.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - ROWS.trailing_zeros());
        // SAFETY: `place` is less than `ROWS`; see the module.
        let entry = unsafe { &mut *self.0.add(place) };
        if entry.pc == pc {
            // SAFETY: it was written before the address was.
            return Ok(unsafe { entry.row.assume_init() });
        }
        entry.pc = 0;
        let row = *entry.row.write(table::row(pc)?);
        entry.pc = pc;
        Ok(row)
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and nobody looks at it any more.
        let _ = unsafe { raw::munmap(self.0.cast(), Cache::SIZE) };
    }
}
