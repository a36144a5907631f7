//! A goroutine's own thread-local storage, on glibc and x86-64.
//!
//! A goroutine moves between kernel threads, and what it has in thread-local variables has to move
//! along: std's panic count, `thread::current()`, libc's `errno`, the user's `thread_local!`. So each
//! goroutine has what `pthread_create` gives a thread: a control block with the static TLS of every
//! module below it, at the upper end of its stack's slot, and the switch loads the thread pointer.
//!
//! Everything needed is found when the process first asks for it ([`get`]): glibc's symbols, the offsets
//! of fields, the words where malloc keeps what should stay with the kernel's thread, and the bytes
//! of a new block. Fields without a name are searched for in a living thread. Then a block is made and
//! tried out, and what does not fit this glibc is an [`Unsupported`] instead of a crash later.
//!
//! # Safety
//!
//! `build`, `reset` and `destroy` write memory that the caller owns: a slot, from [`Tls::reserve`] bytes
//! below its end on. They must not run while something runs with the block as its thread pointer.
//!
//! # What glibc is told and what not
//!
//! A block is on none of glibc's lists of threads: they have a lock that is out of reach. What follows
//! from that: `setuid` and the like reach kernel threads only, which is right, with the help of
//! [`setxid`](super::setxid); and libraries that are loaded later cannot initialise their
//! initial-exec variables in blocks that exist (`image.rs`).
//!
//! A block's thread id is made up (`tid.rs`), because two goroutines on one kernel thread must not
//! both own a mutex. So whatever gives the kernel a `pthread_t`'s thread id fails with ESRCH: affinity,
//! scheduling parameters, `pthread_kill` of another goroutine. Priority-inheriting and robust mutexes
//! do not work, as the kernel has a part in them.

#![allow(unsafe_code)]

mod exit;
mod fs;
mod image;
mod layout;
mod probe;
mod selftest;
mod symbols;
#[cfg(test)]
mod tests;
mod tid;
mod unsupported;

pub(crate) use fs::{call_with, has_fsgsbase};
pub(crate) use unsupported::Unsupported;

use core::ffi::c_void;
use core::sync::atomic::{AtomicPtr, Ordering};
use gort_sys::Errno;
use image::{Image, Modules};
use layout::{Layout, Slot};
use std::sync::{Mutex, OnceLock, PoisonError};
use symbols::Symbols;
use tid::Tids;

/// What was found out about this process's glibc.
pub(crate) struct Tls {
    symbols: Symbols,
    layout: Layout,
    modules: Modules,
    tids: Tids,
    malloc_words: Vec<isize>,
    /// Replaced by [`refresh`](Tls::refresh); an old one may be in use by others and is never freed.
    image: AtomicPtr<Image>,
    /// The generation that the image is good for; held while one is made.
    imaged: Mutex<u64>,
}

/// What was found, or which condition is not met. The first call takes a thread's creation and some
/// milliseconds; later ones are one load. For ordinary threads.
pub(crate) fn get() -> Result<&'static Tls, &'static Unsupported> {
    static TLS: OnceLock<Result<Tls, Unsupported>> = OnceLock::new();
    TLS.get_or_init(probe::run).as_ref()
}

impl Tls {
    /// How many bytes a block takes at the end of a slot, below which the stack begins.
    pub(crate) fn reserve(&self) -> usize {
        self.layout.named.reserve()
    }

    /// Where malloc keeps its per-thread state, as offsets from the thread pointer. These words belong
    /// to the kernel's thread: the switch copies them into a block and out again. Empty if they were
    /// not found; then allocation needs the thread's own pointer.
    pub(crate) fn malloc_words(&self) -> &[isize] {
        &self.malloc_words
    }

    /// Makes a block at the end of the slot `[lo, hi)`, whose lowest `guard` bytes are no stack, and
    /// returns its thread pointer. `hi` is the end of a page.
    ///
    /// # Errors
    ///
    /// ENOMEM: no memory for the block's vector of dynamic modules, or 2^25 blocks exist.
    ///
    /// # Safety
    ///
    /// The slot's last [`reserve`](Tls::reserve) bytes are writable and nobody else's. Runs on an
    /// ordinary thread, for it allocates.
    pub(crate) unsafe fn build(&self, lo: usize, hi: usize, guard: usize) -> Result<usize, Errno> {
        let named = &self.layout.named;
        let fs = named.place(hi);
        let tid = self.tids.take().ok_or(Errno::ENOMEM)?;
        // SAFETY: the block lies in the bytes that the caller vouches for.
        unsafe {
            // Spare static TLS too: modules that are loaded later expect zeroes.
            ((fs - named.below()) as *mut u8).write_bytes(0, named.below() + named.block_size);
            if (self.symbols.allocate_tls)(fs as *mut c_void).is_null() {
                self.tids.give(tid);
                return Err(Errno::ENOMEM);
            }
            self.layout.write_common(fs, fs::thread_pointer());
            self.layout.write_own(fs, tid, Slot { lo, hi, guard });
        }
        Ok(fs)
    }

    /// Where the stack below a block begins to grow down from. A multiple of 64.
    #[inline]
    pub(crate) fn stack_top(&self, fs: usize) -> usize {
        fs - self.layout.named.below()
    }

    /// Makes a block new for its next goroutine. Writes memory and does nothing else.
    ///
    /// # Safety
    ///
    /// `fs` is from [`build`](Tls::build) for this slot. Since then, or since the last reset, no
    /// goroutine has run with it, or one has and ended with [`exit_sequence`](Tls::exit_sequence).
    #[inline]
    pub(crate) unsafe fn reset(&self, fs: usize, lo: usize, hi: usize, guard: usize) {
        // SAFETY: the block is the caller's; images live for ever.
        unsafe {
            let tid = tid::next(self.layout.tid(fs));
            self.image().restore(fs, &self.layout);
            self.layout.write_own(fs, tid, Slot { lo, hi, guard });
        }
    }

    /// Frees what glibc has allocated for a block. The slot's memory is then free.
    ///
    /// # Safety
    ///
    /// As for [`reset`](Tls::reset), and the block is not used again. Runs on an ordinary thread, for
    /// it frees.
    pub(crate) unsafe fn destroy(&self, fs: usize) {
        // SAFETY: the block is the caller's.
        unsafe {
            self.tids.give(self.layout.tid(fs));
            (self.symbols.deallocate_tls)(fs as *mut c_void, false);
        }
    }

    /// Makes [`reset`](Tls::reset) know the variables of modules loaded since, and returns the
    /// [`generation`](Tls::generation) that it has come to: an older one if there was no memory, in
    /// which case another call may have more luck.
    ///
    /// Takes the dynamic linker's lock: for ordinary threads.
    pub(crate) fn refresh(&self) -> u64 {
        let mut imaged = self.imaged.lock().unwrap_or_else(PoisonError::into_inner);
        // Read first: what is loaded from here on may be missing in the image.
        let generation = self.generation();
        if *imaged == generation {
            return generation;
        }
        if let Ok(new) = Image::new(&self.symbols, &self.layout) {
            // Most modules that are loaded later have no static TLS, and change nothing.
            if !new.same(self.image(), &self.layout) {
                // Pairs with the acquire in `image`.
                self.image.store(Box::into_raw(Box::new(new)), Ordering::Release);
            }
            *imaged = generation;
        }
        *imaged
    }

    #[inline(always)]
    fn image(&self) -> &Image {
        // SAFETY: always set, to an image that is never freed. Acquire: its bytes were written
        // before it was stored by `refresh`.
        unsafe { &*self.image.load(Ordering::Acquire) }
    }
}
