//! How much of its stack a goroutine has used: its high-water mark.
//!
//! A stack's pages become memory when they are touched, so the lowest one that is memory ([mincore(2)])
//! says how deep it was used, to the page, without anything being done where the goroutine runs. Slots
//! are used again with the pages that goroutines before have touched; so once this is switched on, a slot
//! gives its stack's pages back before a goroutine gets it, which costs it a system call and faults.
//!
//! What this cannot see: pages that have gone to swap. Painting the stack and looking for what is left
//! of the paint would touch all of it, and miss frames that nobody wrote to.
//!
//! # Safety
//!
//! A range lies in a slot, which is never unmapped.
//!
//! [mincore(2)]: https://man7.org/linux/man-pages/man2/mincore.2.html

#![allow(unsafe_code)]

use crate::obj::g::current;
use crate::prim::{AtomicU32, Ordering};
use gort_sys::raw;
use gort_sys::types::Advice;

const PAGE: usize = 4096;

static MEASURED: AtomicU32 = AtomicU32::new(0);

/// Has goroutines from now on begin with stacks of which no page is memory, so that [`StackRange::used`]
/// is their own.
pub fn measure_stacks() {
    MEASURED.store(1, Ordering::Relaxed);
}

/// A goroutine's stack, without guard and thread-local storage.
#[derive(Clone, Copy, Debug)]
pub struct StackRange {
    lo: usize,
    hi: usize,
}

impl StackRange {
    /// That of the goroutine this runs on.
    pub fn here() -> Option<StackRange> {
        current().map(|gp| StackRange { lo: gp.stack_lo.get(), hi: gp.stack_hi.get() })
    }

    /// How many bytes it has.
    pub fn size(self) -> usize {
        self.hi - self.lo
    }

    /// How many bytes have been used, rounded up to the page; see [`measure_stacks`]. Called anywhere;
    /// a system call for each 2 MiB of it.
    pub fn used(self) -> usize {
        let mut pages = [0u8; 512];
        let mut at = self.lo;
        while at < self.hi {
            let count = (self.hi - at).div_ceil(PAGE).min(pages.len());
            let from = core::ptr::with_exposed_provenance(at);
            // SAFETY: whole pages of a slot, and a byte for each.
            let told = unsafe { raw::mincore(from, count * PAGE, pages.as_mut_ptr()) };
            let touched = pages.iter().take(count).position(|page| page & 1 != 0);
            if let (Ok(()), Some(touched)) = (told, touched) {
                return self.hi - (at + touched * PAGE);
            }
            at += count * PAGE;
        }
        0
    }
}

/// Makes the stack `[lo, hi)` that nobody is on as if it had never been used, if stacks are measured.
#[inline]
pub(crate) fn renew(lo: usize, hi: usize) {
    if MEASURED.load(Ordering::Relaxed) != 0 {
        forget(lo, hi & !(PAGE - 1));
    }
}

#[cold]
fn forget(lo: usize, hi: usize) {
    // SAFETY: of a slot that nobody is on; what it contains is not needed.
    let _ = unsafe {
        raw::madvise(core::ptr::with_exposed_provenance_mut(lo), hi - lo, Advice::DONTNEED)
    };
}
