//! Where things are in a thread's control block (glibc's `struct pthread`) and around it.
//!
//! # Safety
//!
//! The functions here read and write the block at a thread pointer that the caller vouches for: it is
//! a running thread's own, or a block that nothing runs on, with the whole control block mapped.
//!
//! ```text
//! lo                      stack_top                       fs                    hi
//! | guard | stack, grows down  | static TLS of all modules  | control block | pad |
//!                              |<- spare ->|<-- used ---->|
//! ```
//!
//! The order is the one `pthread_create` makes. The spare part is for modules that are loaded later
//! and ask for static TLS.

#![allow(unsafe_code)]

use super::symbols::{self, Symbols};
use super::unsupported::Unsupported;

/// Slots begin and end on pages.
const PAGE: usize = 4096;

/// glibc's `PTHREAD_KEY_2NDLEVEL_SIZE` and `PTHREAD_KEY_1STLEVEL_SIZE`: keys in a block of them, and
/// blocks.
pub(super) const KEYS_PER_BLOCK: usize = 32;
pub(super) const KEY_BLOCKS: usize = 32;
/// `struct pthread_key_data`: a sequence number and the value.
pub(super) const KEY_DATA: usize = 16;
/// `struct __res_state`, which is part of glibc's public ABI.
pub(super) const RES_STATE: usize = 568;

/// The start of the block, `tcbhead_t`: these offsets are ABI between compilers, ld.so and libc.
mod head {
    pub(super) const SELF: usize = 0x00;
    pub(super) const SELF_PTHREAD: usize = 0x10;
    pub(super) const MULTIPLE_THREADS: usize = 0x18;
    pub(super) const SYSINFO: usize = 0x20;
    pub(super) const STACK_GUARD: usize = 0x28;
    pub(super) const POINTER_GUARD: usize = 0x30;
    pub(super) const FEATURE_1: usize = 0x48;
}

/// `GNU_PROPERTY_X86_FEATURE_1_SHSTK`, the bit of the head's `feature_1` that says shadow stacks are
/// on.
const FEATURE_1_SHSTK: u32 = 2;

/// `RSEQ_CPU_ID_REGISTRATION_FAILED`: who looks for the CPU number there asks the kernel instead.
const RSEQ_NOT_REGISTERED: i32 = -2;

/// The word at an address.
#[inline(always)]
pub(super) unsafe fn get(address: usize) -> usize {
    // SAFETY: the module's contract.
    unsafe { *(address as *const usize) }
}

/// Changes the word at an address.
#[inline(always)]
pub(super) unsafe fn put(address: usize, value: usize) {
    // SAFETY: the module's contract.
    unsafe { *(address as *mut usize) = value }
}

/// What glibc tells by name. Offsets are from the thread pointer, here and in [`Layout`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Named {
    /// `sizeof(struct pthread)`.
    pub(super) block_size: usize,
    /// What a thread gets below and from its pointer on: all static TLS, spare, control block.
    pub(super) static_size: usize,
    pub(super) align: usize,
    pub(super) dtv: usize,
    pub(super) tid: usize,
    pub(super) list: usize,
    /// The array of pointers to blocks of key data.
    pub(super) specific: usize,
}

/// That and what was learnt from a living thread.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) named: Named,
    /// The flag that says a key has, or had, a value.
    pub(super) specific_used: usize,
    /// The first block of key data, which is part of the control block.
    pub(super) first_keys: usize,
    /// Stack's address, size, guard's size, and the guard's size as reported: four words.
    pub(super) stackblock: usize,
    /// `robust_head`, three words, with `robust_prev` right below.
    pub(super) robust: usize,
    /// The variable `__resp`, and the resolver's state that it points at.
    pub(super) resp: isize,
    pub(super) res: usize,
    pub(super) dlerror_result: Option<isize>,
    pub(super) rseq: Option<isize>,
}

impl Named {
    pub(super) fn find(symbols: &Symbols) -> Result<Named, Unsupported> {
        let (mut static_size, mut align) = (0, 0);
        // SAFETY: the function writes its two results and no more.
        unsafe { (symbols.static_info)(&mut static_size, &mut align) };
        let key_blocks = KEY_BLOCKS * size_of::<usize>();
        let named = Named {
            block_size: symbols::control_block_size()?,
            static_size,
            // The stack below the block, and vector registers saved there, want 64.
            align: align.max(64),
            dtv: symbols::offset(c"_thread_db_pthread_dtvp", size_of::<usize>())?,
            tid: symbols::offset(c"_thread_db_pthread_tid", size_of::<u32>())?,
            list: symbols::offset(c"_thread_db_pthread_list", 2 * size_of::<usize>())?,
            specific: symbols::offset(c"_thread_db_pthread_specific", key_blocks)?,
        };
        let keys = symbols::describe(c"_thread_db_pthread_key_data_level2_data")?;
        if keys != (KEY_DATA, 0) {
            return Err(Unsupported::Field("pthread_key_data"));
        }
        if !named.align.is_power_of_two() || static_size < named.block_size {
            return Err(Unsupported::Field("static TLS"));
        }
        Ok(named)
    }

    /// How much static TLS may lie below the thread pointer, rounded up to what a stack wants.
    #[inline(always)]
    pub(super) fn below(&self) -> usize {
        (self.static_size - self.block_size).next_multiple_of(64)
    }

    /// The thread pointer of a slot that ends at `hi`, which is the end of a page.
    pub(super) fn place(&self, hi: usize) -> usize {
        (hi - self.block_size) & !(self.align - 1)
    }

    /// The bytes of a slot from the stack's top to its end, at most.
    pub(super) fn reserve(&self) -> usize {
        let above = self.block_size.next_multiple_of(self.align.min(PAGE));
        above + self.align.saturating_sub(PAGE) + self.below()
    }
}

impl Layout {
    /// Writes what is the same in every block of the process: a copy of the head that the thread at
    /// `from` has, and the constants.
    ///
    /// # Safety
    ///
    /// The module's, for both.
    pub(super) unsafe fn write_common(&self, fs: usize, from: usize) {
        // SAFETY: the caller's promise; all offsets lie in the control block, or in the static TLS
        // below it.
        unsafe {
            *((fs + head::MULTIPLE_THREADS) as *mut i32) = 1;
            for offset in [head::SYSINFO, head::STACK_GUARD, head::POINTER_GUARD] {
                put(fs + offset, get(from + offset));
            }
            *((fs + head::FEATURE_1) as *mut u32) = *((from + head::FEATURE_1) as *const u32);
            // The list's futex_offset.
            put(fs + self.robust + 8, get(from + self.robust + 8));
            if let Some(rseq) = self.rseq {
                let area = fs.wrapping_add_signed(rseq);
                *(area as *mut u32) = 0;
                *((area + 4) as *mut i32) = RSEQ_NOT_REGISTERED;
            }
        }
    }

    /// Writes what is a block's own.
    ///
    /// The list of threads is linked to itself, because `fork` unlinks the caller from it.
    ///
    /// # Safety
    ///
    /// The module's.
    #[inline(always)]
    pub(super) unsafe fn write_own(&self, fs: usize, tid: u32, slot: Slot) {
        // SAFETY: the caller's promise; all offsets lie in the block or its static TLS.
        unsafe {
            put(fs + head::SELF, fs);
            put(fs + head::SELF_PTHREAD, fs);
            put(fs + self.named.list, fs + self.named.list);
            put(fs + self.named.list + 8, fs + self.named.list);
            *((fs + self.named.tid) as *mut u32) = tid;
            put(fs + self.named.specific, fs + self.first_keys);
            put(fs + self.robust - 8, fs + self.robust);
            put(fs + self.robust, fs + self.robust);
            put(fs + self.stackblock, slot.lo);
            put(fs + self.stackblock + 8, slot.hi - slot.lo);
            put(fs + self.stackblock + 16, slot.guard);
            put(fs + self.stackblock + 24, slot.guard);
            put(fs.wrapping_add_signed(self.resp), fs + self.res);
        }
    }

    /// The block's tid.
    ///
    /// # Safety
    ///
    /// The module's.
    #[inline(always)]
    pub(super) unsafe fn tid(&self, fs: usize) -> u32 {
        // SAFETY: the caller's promise.
        unsafe { *((fs + self.named.tid) as *const u32) }
    }
}

/// The memory that a block and its stack share, and how much at its low end is guard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) lo: usize,
    pub(super) hi: usize,
    pub(super) guard: usize,
}

/// Whether the thread at `fs` runs with a shadow stack.
///
/// # Safety
///
/// The module's.
pub(super) unsafe fn has_shadow_stack(fs: usize) -> bool {
    // SAFETY: the caller's promise.
    unsafe { *((fs + head::FEATURE_1) as *const u32) & FEATURE_1_SHSTK != 0 }
}
