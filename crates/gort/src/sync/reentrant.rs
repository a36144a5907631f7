//! A mutex that its owner may lock again.
//!
//! # Safety
//!
//! [`RawGoId`] gives different numbers to goroutines and threads that exist at the same time: a
//! goroutine's number has its highest bit clear and is never used again, and a thread's, which has it
//! set, is the address of one of its thread-locals.

#![allow(unsafe_code)]

use super::RawMutex;
use std::num::NonZeroUsize;

/// Says for `lock_api` who it is that asks: the goroutine, or the thread if it is an ordinary one.
#[derive(Debug, Default)]
pub struct RawGoId;

const THREAD: usize = 1 << (usize::BITS - 1);

impl RawGoId {
    pub(super) fn here() -> NonZeroUsize {
        thread_local! { static HERE: u8 = const { 0 } }
        let number = match gort_rt::current() {
            Some(gp) => gp.id() as usize,
            None => HERE.with(|here| std::ptr::from_ref(here).addr()) | THREAD,
        };
        NonZeroUsize::new(number).expect("goroutines are numbered from 1")
    }
}

// SAFETY: see the module.
unsafe impl lock_api::GetThreadId for RawGoId {
    const INIT: RawGoId = RawGoId;

    fn nonzero_thread_id(&self) -> NonZeroUsize {
        RawGoId::here()
    }
}

/// A reentrant mutex without a value: what [`ReentrantMutex`] is made of.
pub type RawReentrant = lock_api::RawReentrantMutex<RawMutex, RawGoId>;

/// A mutex that whoever has it may lock again, as often as it likes. It gives shared references only.
///
/// What waits: the goroutine, or the thread if it is an ordinary one. The owner is the goroutine, on
/// whatever thread it runs.
///
/// ```
/// use gort::sync::ReentrantMutex;
/// use std::cell::Cell;
/// let count = ReentrantMutex::new(Cell::new(0));
/// let outer = count.lock();
/// count.lock().set(outer.get() + 1);
/// assert_eq!(outer.get(), 1);
/// ```
pub type ReentrantMutex<T> = lock_api::ReentrantMutex<RawMutex, RawGoId, T>;

/// What [`ReentrantMutex::lock`] returns: unlocks when the last of its owner's is dropped.
pub type ReentrantMutexGuard<'a, T> = lock_api::ReentrantMutexGuard<'a, RawMutex, RawGoId, T>;

/// A [`ReentrantMutexGuard`] for a part of the value.
pub type MappedReentrantMutexGuard<'a, T> =
    lock_api::MappedReentrantMutexGuard<'a, RawMutex, RawGoId, T>;
