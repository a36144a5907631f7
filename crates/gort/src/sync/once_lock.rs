//! A value that is made once, by whoever comes first.
//!
//! # Safety
//!
//! The value is written by the one closure that [`Once`] runs, and is there when, and only when, the
//! `Once` is done; from then on it is shared, or, by whoever has the lock to itself, moved out.

#![allow(unsafe_code)]

use super::Once;
use std::cell::UnsafeCell;
use std::fmt;
use std::mem::MaybeUninit;
use std::panic::{RefUnwindSafe, UnwindSafe};

/// A value that is written once and read by all. As [`std::sync::OnceLock`], but who waits for it
/// parks if it is a goroutine.
///
/// ```
/// use gort::sync::OnceLock;
/// static HOME: OnceLock<String> = OnceLock::new();
/// assert_eq!(HOME.get_or_init(|| "here".into()), "here");
/// assert_eq!(HOME.set("there".into()), Err("there".into()));
/// ```
pub struct OnceLock<T> {
    once: Once,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: whoever has a reference can read the value, and can be the one to write or drop it.
unsafe impl<T: Sync + Send> Sync for OnceLock<T> {}
// SAFETY: the value goes along.
unsafe impl<T: Send> Send for OnceLock<T> {}
impl<T: RefUnwindSafe + UnwindSafe> RefUnwindSafe for OnceLock<T> {}
impl<T: UnwindSafe> UnwindSafe for OnceLock<T> {}

impl<T> OnceLock<T> {
    /// Without a value.
    pub const fn new() -> OnceLock<T> {
        OnceLock { once: Once::new(), value: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// The value, if there is one. Does not wait.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        // SAFETY: done, so it is there, and is shared.
        self.once.is_completed().then(|| unsafe { (*self.value.get()).assume_init_ref() })
    }

    /// The value, if there is one.
    #[inline]
    pub fn get_mut(&mut self) -> Option<&mut T> {
        // SAFETY: done, so it is there, and nobody else has it.
        self.once.is_completed().then(|| unsafe { self.value.get_mut().assume_init_mut() })
    }

    /// The value; waits for whoever makes it. What waits: the goroutine, or the thread if it is an
    /// ordinary one.
    pub fn wait(&self) -> &T {
        self.once.wait_force();
        // SAFETY: done, so it is there, and is shared.
        unsafe { (*self.value.get()).assume_init_ref() }
    }

    /// Makes this the value, unless there is one. What waits: as for
    /// [`get_or_init`](OnceLock::get_or_init).
    ///
    /// # Errors
    ///
    /// `value`, if there is one already.
    pub fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.initialise(|| value.take().expect("a closure is run once"));
        value.map_or(Ok(()), Err)
    }

    /// The value, which `f` makes if there is none.
    ///
    /// What waits, for another's `f`: the goroutine, or the thread if it is an ordinary one; for ever,
    /// if `f` itself comes here.
    ///
    /// # Panics
    ///
    /// When `f` does: there is no value then, and the next may make it.
    #[inline]
    pub fn get_or_init<F: FnOnce() -> T>(&self, f: F) -> &T {
        if !self.once.is_completed() {
            self.initialise(f);
        }
        // SAFETY: done, so it is there, and is shared.
        unsafe { (*self.value.get()).assume_init_ref() }
    }

    #[cold]
    fn initialise(&self, f: impl FnOnce() -> T) {
        self.once.call_once_force(|_| {
            let value = f();
            // SAFETY: the one closure that runs, before it is done.
            unsafe { (*self.value.get()).write(value) };
        });
    }

    /// The value, out of the lock.
    #[inline]
    pub fn into_inner(mut self) -> Option<T> {
        self.take()
    }

    /// The value, out of the lock, which has none afterwards.
    #[inline]
    pub fn take(&mut self) -> Option<T> {
        if !self.once.is_completed() {
            return None;
        }
        self.once = Once::new();
        // SAFETY: it was done, so it is there, nobody else has it, and nobody will look again.
        Some(unsafe { self.value.get_mut().assume_init_read() })
    }
}

impl<T> Drop for OnceLock<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> OnceLock<T> {
        OnceLock::new()
    }
}

impl<T> From<T> for OnceLock<T> {
    fn from(value: T) -> OnceLock<T> {
        let cell = OnceLock::new();
        cell.initialise(|| value);
        cell
    }
}

impl<T: Clone> Clone for OnceLock<T> {
    fn clone(&self) -> OnceLock<T> {
        self.get().map_or_else(OnceLock::new, |value| OnceLock::from(value.clone()))
    }
}

impl<T: PartialEq> PartialEq for OnceLock<T> {
    fn eq(&self, other: &OnceLock<T>) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceLock<T> {}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = f.debug_tuple("OnceLock");
        match self.get() {
            Some(value) => tuple.field(value),
            None => tuple.field(&format_args!("<uninit>")),
        };
        tuple.finish()
    }
}
