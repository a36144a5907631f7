//! One slot's record.
//!
//! # Safety
//!
//! The record lies in the last bytes of the slot, above everything that the stack and the TLS block
//! may use, and is never unmapped.

#![allow(unsafe_code)]

use crate::host::{self, Room};
use crate::prim::{Link, Word};
use gort_sys::Errno;

/// Log2 of the default slot's size: 256 KiB.
pub(crate) const DEFAULT_CLASS: usize = 18;

/// How long the guard of a slot of this size is: enough that a C frame compiled without stack
/// probes does not step over it.
pub(crate) const fn guard_for(size: usize) -> usize {
    if size >= 1 << 18 { 1 << 16 } else { 1 << 12 }
}

/// See the module. Belongs to the list or goroutine that has the slot.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Slot {
    pub(crate) link: Link<Slot>,
    lo: Word,
    class: Word,
    /// The TLS block's thread pointer; 0 while there is none.
    fs: Word,
    /// The host's generation when the block was built.
    generation: Word,
    /// Whether a goroutine has run on it since the block was new.
    used: Word,
}

impl Slot {
    /// The record of the slot that begins at `lo`.
    ///
    /// # Safety
    ///
    /// `[lo, lo + (1 << class))` is mapped for ever, writable but for the guard, and fresh.
    pub(crate) unsafe fn at(lo: usize, class: usize) -> &'static Slot {
        let at = lo + (1 << class) - size_of::<Slot>();
        let record = core::ptr::with_exposed_provenance_mut::<Slot>(at);
        // SAFETY: within the slot, aligned, and nobody else knows of it yet.
        unsafe {
            record.write(Slot {
                link: Link::none(),
                lo: Word::new(lo),
                class: Word::new(class),
                fs: Word::new(0),
                generation: Word::new(0),
                used: Word::new(0),
            });
            &*record
        }
    }

    pub(crate) fn class(&self) -> usize {
        self.class.get()
    }

    /// What the stack and the TLS block may use.
    pub(crate) fn room(&self) -> Room {
        let size = 1 << self.class.get();
        Room {
            lo: self.lo.get(),
            guard: guard_for(size),
            hi: self.lo.get() + size - size_of::<Slot>(),
        }
    }

    /// Whether [`Slot::renew`] is all that it takes before the next goroutine.
    pub(crate) fn is_built(&self) -> bool {
        self.fs.get() != 0 && self.generation.get() == (host::get().tls_generation)()
    }

    /// Builds the TLS block, or builds it anew. On g0.
    pub(crate) fn build(&self) -> Result<(), Errno> {
        let host = host::get();
        // SAFETY: the slot is the caller's, no goroutine is on it, and this is g0.
        unsafe {
            if self.fs.get() != 0 {
                (host.tls_destroy)(self.fs.get());
                self.fs.set(0);
            }
            self.generation.set((host.tls_generation)());
            self.fs.set((host.tls_build)(self.room())?);
        }
        self.used.set(0);
        Ok(())
    }

    /// Makes the block good for a new goroutine; returns its thread pointer. Any stack but its own.
    #[inline]
    pub(crate) fn renew(&self) -> usize {
        let fs = self.fs.get();
        if self.used.get() != 0 {
            // SAFETY: the block is built, and the slot is the caller's.
            unsafe { (host::get().tls_reset)(fs, self.room()) };
        }
        self.used.set(1);
        fs
    }

    /// Where the stack of a goroutine that shares its thread's block begins: below the slot's own,
    /// if it has one, for that keeps what it has allocated until the next goroutine.
    pub(crate) fn bare_top(&self) -> usize {
        match self.fs.get() {
            0 => self.room().hi & !63,
            // SAFETY: the block is built; nobody runs on it.
            fs => unsafe { (host::get().stack_top)(fs) },
        }
    }

    /// Gives the kernel back what a deep stack has touched, but for the pages at the top.
    pub(crate) fn trim(&self) {
        const KEEP: usize = 4 * 4096;
        let room = self.room();
        let from = room.lo + room.guard;
        let to = (room.hi - KEEP) & !4095;
        if from < to {
            let from = core::ptr::with_exposed_provenance_mut(from);
            // SAFETY: nobody is on this stack; its contents are not needed. Guards survive.
            let _ = unsafe {
                gort_sys::raw::madvise(from, to - from.addr(), gort_sys::types::Advice::DONTNEED)
            };
        }
    }
}
