//! A one-shot wake-up for a thread: Go's `note`, on a futex.
//!
//! Protocol: `clear`, then one thread in `sleep` and any number of `wakeup`s. The word goes from 0
//! to 1 once; a sleeper that finds 1 does not sleep; a waker that makes it 1 wakes whoever sleeps.
//! Modelled by loom in `tests/loom_note.rs`.

use crate::prim::{
    AtomicU32, Ordering, const_fn, futex_wait, futex_wait_until, futex_wake, set_timerslack,
};
use gort_sys::Errno;
use gort_sys::types::Timespec;

/// A one-shot event.
#[derive(Debug, Default)]
pub(crate) struct Note(AtomicU32);

impl Note {
    const_fn! {
        /// Not yet happened.
        pub(crate) const fn new() -> Note {
            Note(AtomicU32::new(0))
        }
    }

    /// Makes it not have happened. Only while nobody sleeps or wakes.
    pub(crate) fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Makes it have happened, and wakes the sleeper.
    pub(crate) fn wakeup(&self) {
        // Release: what the waker did before is seen by the sleeper (Acquire in `sleep`).
        if self.0.swap(1, Ordering::Release) == 0 {
            let _ = futex_wake(&self.0, 1);
        }
    }

    /// Blocks the thread until it has happened.
    pub(crate) fn sleep(&self) {
        while !self.happened() {
            // EINTR, EAGAIN and spurious wake-ups: look again.
            let _ = futex_wait(&self.0, 0, None);
        }
    }

    /// Blocks the thread until it has happened or `nanos` have passed (about); whether it happened.
    pub(crate) fn sleep_for(&self, nanos: u64) -> bool {
        if !self.happened() {
            let time = Timespec::from_nanos(nanos);
            let _ = futex_wait(&self.0, 0, Some(&time));
        }
        self.happened()
    }

    /// Blocks the thread until it has happened or the monotonic clock says `until`, in nanoseconds, as
    /// precisely as the kernel can; whether it happened.
    pub(crate) fn sleep_until(&self, until: u64) -> bool {
        if self.happened() {
            return true;
        }
        let time = Timespec::from_nanos(until);
        // Not for good: threads and processes that are made here would inherit it.
        let _ = set_timerslack(1);
        while !self.happened() && futex_wait_until(&self.0, 0, Some(&time)) != Err(Errno::ETIMEDOUT)
        {
        }
        // 0: what it was.
        let _ = set_timerslack(0);
        self.happened()
    }

    /// Whether it has happened.
    pub(crate) fn happened(&self) -> bool {
        // Acquire: pairs with Release in `wakeup`.
        self.0.load(Ordering::Acquire) != 0
    }
}
