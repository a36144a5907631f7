//! What the state machines are built of: atomics, and links to things that are never freed.
//!
//! # Safety
//!
//! G, M, P and stack slots live in memory that is mapped once and never given back, so a pointer to
//! one is good for ever. [`Link`] only ever holds null or such a pointer: it is set from a
//! `&'static T` and from nothing else, so reading it back as one is sound.
//!
//! The files that have loom models (`runq.rs`, `note.rs`, `join`) take their atomics from here;
//! the models put loom's in their place.

#![allow(unsafe_code)]

pub(crate) use core::sync::atomic::{
    AtomicI32, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

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

    #[inline(always)]
    pub(crate) fn set(&self, to: Option<&'static T>) {
        self.0.store(
            to.map_or(core::ptr::null_mut(), |t| core::ptr::from_ref(t).cast_mut()),
            Ordering::Relaxed,
        );
    }

    /// Leaves nothing behind.
    #[inline(always)]
    pub(crate) fn take(&self) -> Option<&'static T> {
        let was = self.get();
        self.set(None);
        was
    }

    #[inline(always)]
    pub(crate) fn is(&self, what: &'static T) -> bool {
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
