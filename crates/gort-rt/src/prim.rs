//! What the state machines are built of: atomics, and links to things that are never freed.
//!
//! # Safety
//!
//! G, M, P and stack slots live in memory that is mapped once and never given back, so a pointer to
//! one is good for ever. [`Link`] only ever holds null or such a pointer: it is set from a
//! `&'static T` and from nothing else, so reading it back as one is sound.
//!
//! The files that have loom models take from here whatever is different there: `tests/model/prim.rs`
//! is this module's stand-in, with loom's atomics, small sizes, and a futex that loom sees.

#![allow(unsafe_code)]

pub(crate) use core::sync::atomic::{
    AtomicI32, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

pub(crate) use core::cell::Cell;
pub(crate) use core::hint::spin_loop;
pub(crate) use gort_sys::context::slot;
use gort_sys::raw::nanosleep;
pub(crate) use gort_sys::raw::prctl_set_timerslack as set_timerslack;
pub(crate) use gort_sys::raw::{futex_wait, futex_wait_until, futex_wake};
use gort_sys::types::{MembarrierCommand, Timespec};
pub(crate) use gort_sys::vdso::nanotime;

pub(crate) use crate::sched::counts::{thread_sleeps, thread_told};
/// An ordinary thread that waits may be the last one that could have woken anybody.
pub(crate) use crate::sched::sysmon::awaken as last_asleep;

/// Places in a P's run queue; a power of two.
pub(crate) const RING: usize = 256;

/// As many Ps as there can be.
pub(crate) const PROCS: usize = 1024;

/// How often a lock is tried again before the thread sleeps.
pub(crate) const SPINS: usize = 100;

/// How often a channel's lock is looked at again before the thread sleeps, after so many pauses each
/// time: 1, 2, 4 and so on, some microseconds in all.
pub(crate) const DOUBLINGS: u32 = 8;

/// Rounds of looking at every other P for work.
pub(crate) const ROUNDS: usize = 4;

/// Parts of the table of those who wait for locks; a prime. Go's number.
pub(crate) const SEMTAB: usize = 251;

/// At most so many values are in one segment of a channel that grows.
pub(crate) const SEGMENT: usize = 128;

/// How many counts of sleeping threads there are; a power of two.
pub(crate) const BUCKETS: usize = 64;

/// Half of a full fence: between this and a [`membarrier`] on another thread it is as if both were
/// full fences. Costs nothing.
#[inline(always)]
pub(crate) fn light_fence() {
    core::sync::atomic::compiler_fence(Ordering::SeqCst);
}

/// A full fence on every running thread of the process; whether it could be had. Costs some
/// microseconds.
#[cold]
pub(crate) fn membarrier() -> bool {
    let fence = |command| gort_sys::raw::membarrier(command, 0, 0).is_ok();
    // A process says once that it will do this, and again after `fork`.
    fence(MembarrierCommand::PRIVATE_EXPEDITED)
        || fence(MembarrierCommand::REGISTER_PRIVATE_EXPEDITED)
            && fence(MembarrierCommand::PRIVATE_EXPEDITED)
}

/// Around a `const fn` that makes atomics: loom's are made at run time, so that a model's version of
/// this takes the `const` away.
macro_rules! const_fn {
    ($($function:tt)*) => { $($function)* };
}
pub(crate) use const_fn;

/// Around a static that has atomics in it, for the same reason.
macro_rules! global {
    ($($item:tt)*) => { $($item)* };
}
pub(crate) use global;

/// An array of what is made anew for each place.
macro_rules! each {
    ($new:expr) => {
        [const { $new }; _]
    };
}
pub(crate) use each;

/// Atomic null pointers.
pub(crate) const fn nulls<T, const N: usize>() -> [AtomicPtr<T>; N] {
    [const { AtomicPtr::new(core::ptr::null_mut()) }; N]
}

/// Puts the thread to sleep for so many nanoseconds, or a little more.
pub(crate) fn nap(nanos: u32) {
    let _ = nanosleep(&Timespec { sec: 0, nsec: nanos.into() }, None);
}

/// Atomic zeros.
pub(crate) const fn zeros<const N: usize>() -> [AtomicU32; N] {
    [const { AtomicU32::new(0) }; N]
}

/// Empty links.
pub(crate) const fn links<T, const N: usize>() -> [Link<T>; N] {
    [const { Link::none() }; N]
}

/// That many empty links, for ever.
///
/// # Errors
///
/// `ENOMEM` when the kernel gives no memory.
pub(crate) fn empty_links<T>(count: usize) -> Result<&'static [Link<T>], gort_sys::Errno> {
    let links = crate::mem::alloc::<Link<T>>(count)?;
    // SAFETY: the runtime's own memory, never freed; an empty link is all zeros, as that is.
    Ok(unsafe { core::slice::from_raw_parts(links, count) })
}

/// A place for a pointer to something that is never freed.
#[derive(Debug)]
pub(crate) struct Link<T: 'static>(AtomicPtr<T>);

impl<T> Link<T> {
    pub(crate) const fn none() -> Link<T> {
        Link(AtomicPtr::new(core::ptr::null_mut()))
    }

    /// What is there. Relaxed: whoever reads a link set by another thread has the ordering from the
    /// lock, queue or flag that led there.
    #[inline(always)]
    pub(crate) fn get(&self) -> Option<&'static T> {
        // SAFETY: see the module: null, or a `&'static T`.
        unsafe { self.0.load(Ordering::Relaxed).as_ref() }
    }

    /// What is there, read before whatever is read after it.
    #[inline(always)]
    pub(crate) fn acquire(&self) -> Option<&'static T> {
        // SAFETY: as for `get`. Acquire: keeps the order of the reads, pairs with no one store.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }

    #[inline(always)]
    pub(crate) fn set(&self, to: Option<&'static T>) {
        self.0.store(
            to.map_or(core::ptr::null_mut(), |t| core::ptr::from_ref(t).cast_mut()),
            Ordering::Relaxed,
        );
    }

    /// Sets it after whatever was written before.
    #[inline(always)]
    pub(crate) fn publish(&self, to: &'static T) {
        // Release: keeps the order of the writes; with `acquire`.
        self.0.store(core::ptr::from_ref(to).cast_mut(), Ordering::Release);
    }

    /// Leaves nothing behind.
    #[inline(always)]
    pub(crate) fn take(&self) -> Option<&'static T> {
        let was = self.get();
        self.set(None);
        was
    }

    #[inline(always)]
    pub(crate) fn is(&self, what: &T) -> bool {
        core::ptr::eq(self.0.load(Ordering::Relaxed), what)
    }

    #[inline(always)]
    pub(crate) fn is_none(&self) -> bool {
        self.0.load(Ordering::Relaxed).is_null()
    }
}

/// A word that one party writes and others may look at.
#[derive(Debug, Default)]
pub(crate) struct Word(AtomicUsize);

impl Word {
    pub(crate) const fn new(value: usize) -> Word {
        Word(AtomicUsize::new(value))
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// The value, read before whatever is read after it.
    #[inline(always)]
    pub(crate) fn acquire(&self) -> usize {
        // Acquire: keeps the order of the reads, pairs with no one store.
        self.0.load(Ordering::Acquire)
    }

    #[inline(always)]
    pub(crate) fn set(&self, value: usize) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Adds as the only writer: no locked instruction. Returns the new value.
    #[inline(always)]
    pub(crate) fn bump(&self) -> usize {
        let value = self.get().wrapping_add(1);
        self.set(value);
        value
    }

    /// Where it is, for assembly that writes it.
    #[inline(always)]
    pub(crate) fn as_ptr(&self) -> *mut usize {
        self.0.as_ptr()
    }
}

/// Half a [`Word`], for what is never that large or may begin again from 0.
#[derive(Debug, Default)]
pub(crate) struct Half(AtomicU32);

impl Half {
    pub(crate) const fn new() -> Half {
        Half(AtomicU32::new(0))
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed) as usize
    }

    #[inline(always)]
    pub(crate) fn set(&self, value: usize) {
        self.0.store(value as u32, Ordering::Relaxed);
    }

    /// Adds as the only writer: no locked instruction.
    #[inline(always)]
    pub(crate) fn bump(&self) {
        self.set(self.get().wrapping_add(1));
    }
}
