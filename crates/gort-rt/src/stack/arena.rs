//! Address space for slots, a bump allocator for each size, and the guards.
//!
//! # Safety
//!
//! A slot that comes from here has been mapped by this file, is in no list, and is never unmapped.

#![allow(unsafe_code)]

use super::slot::{DEFAULT_CLASS, Slot, guard_for};
use crate::lock::{Mutex, Rank};
use crate::prim::{AtomicU32, AtomicUsize, Ordering, Word};
use gort_sys::types::{Advice, MapFlags, Prot};
use gort_sys::{Errno, raw};

/// Log2 of the smallest and largest slot: 64 KiB and 1 GiB.
const MIN_CLASS: usize = 16;
pub(crate) const MAX_CLASS: usize = 30;
/// As many arenas as make every class modulo that an arena of its own.
const CLASSES: usize = (MAX_CLASS - MIN_CLASS + 1).next_power_of_two();

/// How much address space to ask for at a time: first as much as there is already, at least the
/// first of these; less where the machine refuses that much (RLIMIT_AS, `vm.overcommit_memory=2`).
const STEPS: [usize; 3] = [1 << 30, 1 << 26, 1 << 22];

/// How many mappings a size can have waiting.
const MAPPINGS: usize = 512;

/// Mappings of one size's slots, the first partly used.
struct Arena {
    waiting: [(usize, usize); MAPPINGS],
    first: usize,
    last: usize,
    reserved: usize,
}

impl Arena {
    const EMPTY: Arena = Arena { waiting: [(0, 0); MAPPINGS], first: 0, last: 0, reserved: 0 };

    /// Maps room for more slots; returns for how many.
    fn reserve(&mut self, class: usize) -> Result<usize, Errno> {
        if self.last - self.first == MAPPINGS {
            return Err(Errno::ENOMEM);
        }
        let mut last = Errno::ENOMEM;
        for step in [self.reserved].into_iter().chain(STEPS) {
            if step == 0 {
                continue;
            }
            let len = step.max(1 << class);
            // MAP_STACK keeps huge pages away, as the advice does.
            let flags =
                MapFlags::PRIVATE | MapFlags::ANONYMOUS | MapFlags::NORESERVE | MapFlags::STACK;
            // SAFETY: a new mapping where nothing is.
            let mapped = unsafe {
                raw::mmap(core::ptr::null_mut(), len, Prot::READ | Prot::WRITE, flags, None, 0)
            };
            match mapped {
                Ok(at) => {
                    // SAFETY: our own mapping; a kernel without huge pages refuses, as good.
                    let _ = unsafe { raw::madvise(at, len, Advice::NOHUGEPAGE) };
                    let at = at.expose_provenance();
                    note_mapping(at, len);
                    self.waiting[self.last % MAPPINGS] = (at, at + len);
                    self.last += 1;
                    self.reserved += len;
                    return Ok(len >> class);
                }
                Err(errno) => last = errno,
            }
        }
        Err(last)
    }

    /// Takes a slot's room, unless there is no guard for it.
    fn carve(&mut self, class: usize) -> Result<usize, Errno> {
        if self.first == self.last {
            let count = self.reserve(class)?;
            note_reserved(class, count);
        }
        let (at, end) = &mut self.waiting[self.first % MAPPINGS];
        let lo = *at;
        guard(lo, class)?;
        *at += 1 << class;
        if at == end {
            self.first += 1;
        }
        Ok(lo)
    }
}

/// All mappings, for those who look through memory; and how many there are.
static MAPPED: [(Word, Word); MAPPINGS] = [const { (Word::new(0), Word::new(0)) }; MAPPINGS];
static MAPPED_COUNT: AtomicUsize = AtomicUsize::new(0);

/// Under the lock of the arenas.
fn note_mapping(at: usize, len: usize) {
    let count = MAPPED_COUNT.load(Ordering::Relaxed);
    if let Some((first, end)) = MAPPED.get(count) {
        first.set(at);
        end.set(at + len);
    }
    // Release: pairs with the Acquire in `mappings`.
    MAPPED_COUNT.store(count + 1, Ordering::Release);
}

/// The address space that stacks lie in, each from its lowest address to one past the highest; none if it
/// is in too many pieces.
pub(crate) fn mappings() -> Option<impl Iterator<Item = (usize, usize)>> {
    // Acquire: pairs with the Release in `note_mapping`.
    let mapped = MAPPED.get(..MAPPED_COUNT.load(Ordering::Acquire))?;
    Some(mapped.iter().map(|(at, end)| (at.get(), end.get())))
}

static ARENAS: Mutex<[Arena; CLASSES]> = Mutex::new(Rank::Stack, [const { Arena::EMPTY }; CLASSES]);

/// How many slots of the default size have ever been reserved.
static RESERVED: AtomicUsize = AtomicUsize::new(0);

fn note_reserved(class: usize, count: usize) {
    if class == DEFAULT_CLASS {
        RESERVED.fetch_add(count, Ordering::Relaxed);
    }
}

/// The size class for a stack of `bytes` with `tls` bytes of thread-local storage.
///
/// # Errors
///
/// `ENOMEM` for more than the largest slot can hold.
pub(crate) fn class_for(bytes: usize, tls: usize) -> Result<usize, Errno> {
    let extra = tls + size_of::<Slot>() + guard_for(1 << MAX_CLASS);
    let size = bytes.checked_add(extra).ok_or(Errno::ENOMEM)?;
    let class = size.checked_next_power_of_two().ok_or(Errno::ENOMEM)?.trailing_zeros() as usize;
    if class > MAX_CLASS { Err(Errno::ENOMEM) } else { Ok(class.max(MIN_CLASS)) }
}

/// Sees to it that `count` slots of the default size can be had in all.
///
/// # Errors
///
/// `ENOMEM` when the kernel has no more address space to give.
pub(crate) fn ensure_room(count: usize) -> Result<(), Errno> {
    while RESERVED.load(Ordering::Relaxed) < count {
        let mut arenas = ARENAS.lock();
        if RESERVED.load(Ordering::Relaxed) < count {
            let got = arenas[DEFAULT_CLASS % CLASSES].reserve(DEFAULT_CLASS)?;
            note_reserved(DEFAULT_CLASS, got);
        }
    }
    Ok(())
}

/// A new slot, guarded, without a TLS block.
///
/// # Errors
///
/// `ENOMEM` when there is no more address space, or no more guards (kernels before 6.13 need two
/// mappings each, and `vm.max_map_count` bounds those).
pub(super) fn carve(class: usize) -> Result<&'static Slot, Errno> {
    let lo = ARENAS.lock()[class % CLASSES].carve(class)?;
    // SAFETY: mapped by this file for ever, and carved once.
    Ok(unsafe { Slot::at(lo, class) })
}

const UNKNOWN: u32 = 0;
const LIGHT: u32 = 1;
const MPROTECT: u32 = 2;

/// Which kind of guard this kernel has.
static GUARDS: AtomicU32 = AtomicU32::new(UNKNOWN);

fn guard(lo: usize, class: usize) -> Result<(), Errno> {
    let guard = guard_for(1 << class);
    let at = core::ptr::with_exposed_provenance_mut(lo);
    if GUARDS.load(Ordering::Relaxed) != MPROTECT {
        // SAFETY: the bottom of a slot that nobody uses yet.
        match unsafe { raw::madvise(at, guard, Advice::GUARD_INSTALL) } {
            Ok(()) => GUARDS.store(LIGHT, Ordering::Relaxed),
            Err(Errno::EINVAL) if GUARDS.load(Ordering::Relaxed) == UNKNOWN => {
                GUARDS.store(MPROTECT, Ordering::Relaxed);
            }
            Err(errno) => return Err(errno),
        }
    }
    if GUARDS.load(Ordering::Relaxed) == MPROTECT {
        // SAFETY: as above.
        unsafe { raw::mprotect(at, guard, Prot::empty()) }?;
    }
    Ok(())
}
