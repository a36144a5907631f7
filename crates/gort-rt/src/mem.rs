//! The runtime's own memory: mapped, handed out, never given back. Go: `persistentalloc`.
//!
//! # Safety
//!
//! What is handed out is zeroed, aligned, and the caller's alone for ever.

#![allow(unsafe_code)]

use crate::lock::{Mutex, Rank};
use core::ptr::null_mut;
use gort_sys::types::{MremapFlags, Prot};
use gort_sys::{Errno, raw};

/// How much is mapped at a time.
const CHUNK: usize = 1 << 20;

struct Bump {
    at: usize,
    end: usize,
}

static BUMP: Mutex<Bump> = Mutex::new(Rank::Persistent, Bump { at: 0, end: 0 });

/// Room for `count` values of `T`, zeroed.
///
/// # Errors
///
/// `ENOMEM` when the kernel gives no memory.
pub(crate) fn alloc<T>(count: usize) -> Result<*mut T, Errno> {
    let size = size_of::<T>().checked_mul(count).ok_or(Errno::ENOMEM)?;
    let mut bump = BUMP.lock();
    let mut at = bump.at.next_multiple_of(align_of::<T>());
    if at + size > bump.end || bump.at == 0 {
        let len = size.max(CHUNK).next_multiple_of(4096);
        let chunk = raw::mmap_anonymous(len, Prot::READ | Prot::WRITE)?.expose_provenance();
        if chunk != bump.end {
            at = chunk;
        }
        bump.end = chunk + len;
    }
    bump.at = at + size;
    Ok(core::ptr::with_exposed_provenance_mut(at))
}

/// Memory of `new` bytes with what was in the `old` bytes at `at`, as far as it goes; elsewhere, maybe.
/// For the first, `old` is 0. Both are whole pages.
///
/// # Errors
///
/// `ENOMEM` when the kernel gives no memory; what there was is as it was.
///
/// # Safety
///
/// `at` comes from here, with this length, and nobody else uses it; what is cut off, nobody at all.
pub(crate) unsafe fn remap(at: *mut u8, old: usize, new: usize) -> Result<*mut u8, Errno> {
    if old == 0 {
        return raw::mmap_anonymous(new, Prot::READ | Prot::WRITE);
    }
    // SAFETY: the caller's contract.
    unsafe { raw::mremap(at, old, new, MremapFlags::MAYMOVE, null_mut()) }
}
