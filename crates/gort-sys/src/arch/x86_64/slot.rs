//! The thread's slot: two words of thread-local storage that say who runs here.
//!
//! # Safety
//!
//! The two words lie in the static TLS block of every thread and every goroutine, at the same
//! distance from the thread pointer. Reading or changing one's own is always sound; [`at`] makes
//! the address of another block's, which the caller must know to be one.
//!
//! Thread-local variables cannot be declared without std on stable Rust, so the symbol is defined
//! in assembly and read by the initial-exec sequence, which the linker relaxes to a constant offset
//! in an executable. Each access is one instruction on the word itself, so that no signal can come
//! between finding the word and changing it, and no switch can either.

#![allow(unsafe_code)]

use core::arch::{asm, global_asm};

global_asm!(
    ".pushsection .tbss.gort_slot,\"awT\",@nobits",
    ".balign 16",
    ".hidden gort_slot",
    ".globl gort_slot",
    ".type gort_slot, @object",
    ".size gort_slot, 16",
    "gort_slot:",
    ".zero 16",
    ".popsection",
);

/// A slot's layout.
#[repr(C, align(16))]
#[derive(Debug, Default)]
pub struct Slot {
    /// Whatever the runtime keeps here; zero in a thread it has never seen.
    pub current: usize,
    /// How many reasons there are not to take this goroutine off its thread.
    pub locks: u32,
}

/// What `set_current` stored last in this thread's (or goroutine's) block, or zero.
#[inline(always)]
pub fn current() -> usize {
    let value: usize;
    // SAFETY: reads the caller's own slot. The value never changes on one stack once it runs, so
    // the compiler may keep it (`pure`).
    unsafe {
        asm!(
            "mov {0}, qword ptr [rip + gort_slot@GOTTPOFF]",
            "mov {0}, qword ptr fs:[{0}]",
            out(reg) value,
            options(pure, readonly, nostack, preserves_flags),
        );
    }
    value
}

/// Sets the running block's own `current`.
#[inline(always)]
pub fn set_current(value: usize) {
    // SAFETY: writes the caller's own slot.
    unsafe {
        asm!(
            "mov {0}, qword ptr [rip + gort_slot@GOTTPOFF]",
            "mov qword ptr fs:[{0}], {1}",
            out(reg) _,
            in(reg) value,
            options(nostack, preserves_flags),
        );
    }
}

/// One more reason.
#[inline(always)]
pub fn lock() {
    // SAFETY: changes the caller's own slot in one instruction; a compiler fence too.
    unsafe {
        asm!(
            "mov {0}, qword ptr [rip + gort_slot@GOTTPOFF]",
            "add dword ptr fs:[{0} + 8], 1",
            out(reg) _,
            options(nostack),
        );
    }
}

/// One reason less.
#[inline(always)]
pub fn unlock() {
    // SAFETY: as for `lock`.
    unsafe {
        asm!(
            "mov {0}, qword ptr [rip + gort_slot@GOTTPOFF]",
            "sub dword ptr fs:[{0} + 8], 1",
            out(reg) _,
            options(nostack),
        );
    }
}

/// How many reasons there are.
#[inline(always)]
pub fn locks() -> u32 {
    let value: u32;
    // SAFETY: reads the caller's own slot.
    unsafe {
        asm!(
            "mov {0}, qword ptr [rip + gort_slot@GOTTPOFF]",
            "mov {1:e}, dword ptr fs:[{0} + 8]",
            out(reg) _,
            out(reg) value,
            options(readonly, nostack, preserves_flags),
        );
    }
    value
}

/// A place in running code.
#[derive(Clone, Copy, Debug)]
pub struct Here {
    /// The program counter.
    pub pc: usize,
    /// The stack pointer.
    pub sp: usize,
    /// The frame pointer, or whatever is in that register.
    pub bp: usize,
}

/// Where this is.
#[inline(always)]
pub fn here() -> Here {
    let (pc, sp, bp): (usize, usize, usize);
    // SAFETY: reads registers.
    unsafe {
        asm!(
            "lea {0}, [rip]",
            "mov {1}, rsp",
            "mov {2}, rbp",
            out(reg) pc,
            out(reg) sp,
            out(reg) bp,
            options(nomem, nostack, preserves_flags),
        );
    }
    Here { pc, sp, bp }
}

/// The running block's thread pointer: the word it points to holds its own address (psABI).
#[inline(always)]
pub fn thread_pointer() -> usize {
    let value: usize;
    // SAFETY: the first word of a thread control block is its own address, in every libc.
    unsafe {
        asm!("mov {}, qword ptr fs:[0]", out(reg) value, options(readonly, nostack, preserves_flags));
    }
    value
}

/// How many reasons there are in the block with this thread pointer, whoever runs with it.
///
/// # Safety
///
/// The block is mapped.
#[inline]
pub unsafe fn locks_at(thread_pointer: usize) -> u32 {
    // SAFETY: the caller's contract. Atomic: its owner may be changing it.
    unsafe {
        let locks = &raw mut (*at(thread_pointer)).locks;
        core::sync::atomic::AtomicU32::from_ptr(locks).load(core::sync::atomic::Ordering::Acquire)
    }
}

/// The slot in the block with this thread pointer.
#[inline(always)]
pub fn at(thread_pointer: usize) -> *mut Slot {
    let offset: usize;
    // SAFETY: loads a constant that the dynamic linker has set.
    unsafe {
        asm!(
            "mov {0}, qword ptr [rip + gort_slot@GOTTPOFF]",
            out(reg) offset,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    core::ptr::with_exposed_provenance_mut(thread_pointer.wrapping_add(offset))
}
