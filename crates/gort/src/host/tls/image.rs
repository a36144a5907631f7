//! What a new thread's static TLS and control block hold: copied over a used block, it makes a new
//! one.
//!
//! # Safety
//!
//! The memory written is a scratch slot that nobody else knows of, or a block whose owner has said
//! that nothing runs on it.
//!
//! # Libraries with initial-exec TLS that are loaded later
//!
//! Such a library's variables get a place in the spare part of the static TLS, and `dlopen` writes
//! their initial values into the block of every thread that is on glibc's lists. Goroutines are not:
//! their lists have a lock that is out of reach. So goroutines that exist while `dlopen` runs see such
//! variables as zero (as the part was before) until they end; this is documented for users. Goroutines
//! that start later must see the initial values, hence an image is made anew when the set of modules
//! with TLS has changed: [`Tls::generation`] tells, [`Tls::refresh`] does it. Used blocks stay good,
//! for the new image covers the new variables too.
//!
//! Variables of the general-dynamic kind need none of this. Their blocks are allocated at the first
//! access of each thread, and of each goroutine, through the vector (`dtv`) that each has.

#![allow(unsafe_code)]

use super::Tls;
use super::layout::{KEY_BLOCKS, Layout, Named, RES_STATE, Slot};
use super::symbols::{self, Symbols};
use super::unsupported::Unsupported;
use core::ffi::c_void;
use core::slice;
use core::sync::atomic::{AtomicUsize, Ordering};
use gort_sys::raw;
use gort_sys::types::Prot;

/// A slot that has room for a block and no stack. Unmapped when dropped.
pub(super) struct Scratch {
    address: *mut u8,
    len: usize,
}

impl Scratch {
    pub(super) fn new(named: &Named) -> Result<Scratch, Unsupported> {
        let len = named.reserve().next_multiple_of(4096);
        let address = raw::mmap_anonymous(len, Prot::READ | Prot::WRITE);
        Ok(Scratch { address: address.map_err(|_| Unsupported::Memory)?, len })
    }

    pub(super) fn slot(&self) -> Slot {
        let lo = self.address as usize;
        Slot { lo, hi: lo + self.len, guard: 0 }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours alone. A failure would leave it mapped, which harms nobody.
        let _ = unsafe { raw::munmap(self.address, self.len) };
    }
}

/// How many bytes below the thread pointer modules use at present.
///
/// glibc has no way to ask. But it writes the initial values, zeroes too, of every byte in use and
/// leaves the others alone; so what keeps two different patterns is not used.
pub(super) fn used_below(symbols: &Symbols, named: &Named) -> Result<usize, Unsupported> {
    let scratch = Scratch::new(named)?;
    let (fs, below) = (named.place(scratch.slot().hi), named.below());
    let mut first_used = below;
    for pattern in [0x55, 0xaa] {
        // SAFETY: the scratch slot is ours; `below` bytes lie below its thread pointer. The block
        // is taken apart again before it is used for the second time.
        let first = unsafe {
            let tls = (fs - below) as *mut u8;
            tls.write_bytes(pattern, below);
            (fs as *mut u8).write_bytes(0, named.block_size);
            if (symbols.allocate_tls)(fs as *mut c_void).is_null() {
                return Err(Unsupported::Memory);
            }
            let first = slice::from_raw_parts(tls, below).iter().position(|b| *b != pattern);
            (symbols.deallocate_tls)(fs as *mut c_void, false);
            first
        };
        first_used = first_used.min(first.unwrap_or(below));
    }
    // Newer glibcs put the area for restartable sequences below all modules.
    let rseq = symbols.rseq_offset.unwrap_or(0).min(0).unsigned_abs();
    Ok((below - first_used).max(rseq).next_multiple_of(64).min(below))
}

/// The bytes of a new block from `used` below its thread pointer on to the end of the control block.
pub(super) struct Image {
    used: usize,
    bytes: Box<[u8]>,
}

impl Image {
    /// Makes one as of now. The calling thread lends its head (see [`Layout::write_common`]).
    pub(super) fn new(symbols: &Symbols, layout: &Layout) -> Result<Image, Unsupported> {
        let used = used_below(symbols, &layout.named)?;
        let scratch = Scratch::new(&layout.named)?;
        let fs = layout.named.place(scratch.slot().hi);
        // SAFETY: the scratch slot is ours and has been zero since it was mapped.
        let bytes = unsafe {
            if (symbols.allocate_tls)(fs as *mut c_void).is_null() {
                return Err(Unsupported::Memory);
            }
            layout.write_common(fs, super::fs::thread_pointer());
            let start = (fs - used) as *const u8;
            let bytes = slice::from_raw_parts(start, used + layout.named.block_size).into();
            (symbols.deallocate_tls)(fs as *mut c_void, false);
            bytes
        };
        Ok(Image { used, bytes })
    }

    /// Whether a block reset from either looks the same, outside the words that each block has of its
    /// own.
    pub(super) fn same(&self, other: &Image, layout: &Layout) -> bool {
        // The vector is the block's own, and nothing else written by `allocate_tls` is.
        let dtv = self.used + layout.named.dtv;
        self.used == other.used
            && self.bytes[..dtv] == other.bytes[..dtv]
            && self.bytes[dtv + 8..] == other.bytes[dtv + 8..]
    }

    /// Copies it over the block at `fs`, but for the vector, and for the key data and the resolver's
    /// state, which `exit_sequence` has left as they were.
    ///
    /// # Safety
    ///
    /// The module's.
    #[inline(always)]
    pub(super) unsafe fn restore(&self, fs: usize, layout: &Layout) {
        let keys_end = layout.named.specific + KEY_BLOCKS * size_of::<usize>();
        let res_end = layout.res + RES_STATE;
        // SAFETY: the image is as long as the block is from `used` below `fs` on, and the two are
        // apart. `Layout` has checked that keys and resolver's state lie in this order.
        unsafe {
            let vector = super::layout::get(fs + layout.named.dtv);
            let copy = |from: usize, to: usize| {
                let source = self.bytes.as_ptr().add(from);
                let target = (fs - self.used + from) as *mut u8;
                target.copy_from_nonoverlapping(source, to - from);
            };
            copy(0, self.used + layout.first_keys);
            copy(self.used + keys_end, self.used + layout.res);
            copy(self.used + res_end, self.used + layout.named.block_size);
            super::layout::put(fs + layout.named.dtv, vector);
        }
    }
}

/// The dynamic linker's list of modules with TLS, read without its lock.
///
/// `GL(dl_tls_dtv_slotinfo_list)`: nodes of `{len, next, {generation, map}[len]}` that are never freed. The
/// entries in use come first; loading and unloading write an entry's generation, each time a larger
/// one, before `dlopen` or `dlclose` returns.
pub(super) struct Modules {
    /// Where the address of the first node is.
    list: usize,
    next: usize,
    entries: usize,
}

impl Modules {
    pub(super) fn find(symbols: &Symbols) -> Result<Modules, Unsupported> {
        const WORD: usize = size_of::<usize>();
        let list = symbols::offset(c"_thread_db_rtld_global__dl_tls_dtv_slotinfo_list", WORD)?;
        let modules = Modules {
            list: symbols.rtld_global + list,
            next: symbols::offset(c"_thread_db_dtv_slotinfo_list_next", WORD)?,
            entries: symbols::offset(c"_thread_db_dtv_slotinfo_list_slotinfo", 2 * WORD)?,
        };
        let shape = (
            symbols::offset(c"_thread_db_dtv_slotinfo_list_len", WORD)?,
            symbols::offset(c"_thread_db_dtv_slotinfo_gen", WORD)?,
            symbols::offset(c"_thread_db_dtv_slotinfo_map", WORD)?,
        );
        if shape == (0, 0, WORD) { Ok(modules) } else { Err(Unsupported::Field("dtv_slotinfo")) }
    }

    /// The largest generation among the entries.
    #[inline]
    pub(super) fn generation(&self) -> u64 {
        self.look().0
    }

    /// How many entries have ever been in use.
    #[inline]
    pub(super) fn count(&self) -> usize {
        self.look().1
    }

    #[inline(always)]
    fn look(&self) -> (u64, usize) {
        // Relaxed is enough: who loaded a library and then starts goroutines that use it has ordered
        // the two, and the count of entries in a node never changes.
        //
        // SAFETY: the type's description; all are aligned words that glibc changes by single stores.
        let load = |address: usize| unsafe {
            AtomicUsize::from_ptr(address as *mut usize).load(Ordering::Relaxed)
        };
        let (mut newest, mut count) = (0, 0);
        let mut node = load(self.list);
        // Entry 0 of the first node is not used.
        let mut index = 1;
        while node != 0 {
            let len = load(node);
            while index < len {
                let entry = node + self.entries + index * 16;
                let (generation, map) = (load(entry), load(entry + 8));
                if generation == 0 && map == 0 {
                    return (newest as u64, count);
                }
                newest = newest.max(generation);
                count += 1;
                index += 1;
            }
            node = load(node + self.next);
            index = 0;
        }
        (newest as u64, count)
    }
}

impl Tls {
    /// A number that changes when a module with TLS has been loaded or unloaded. A few nanoseconds,
    /// no lock.
    ///
    /// Whoever is about to [`reset`](Tls::reset) a block compares it with what its last call of
    /// [`refresh`](Tls::refresh) has returned, zero at first, and calls that if they differ. Blocks
    /// need not be dropped.
    #[inline]
    pub(crate) fn generation(&self) -> u64 {
        self.modules.generation()
    }
}
