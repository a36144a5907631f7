//! A lock that waits instead of trying again and again.

use crate::prim::{AtomicU32, Ordering};
use std::ops::Deref;

pub(crate) enum Rank {
    Retake,
    Sched,
}

pub(crate) struct Mutex<T> {
    held: AtomicU32,
    value: T,
}

impl<T> Mutex<T> {
    pub(crate) const fn new(_: Rank, value: T) -> Mutex<T> {
        Mutex { held: AtomicU32::new(0), value }
    }

    #[track_caller]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.held.exchange_when(0, 1);
        Guard(self)
    }

    /// For who waits, and does no more.
    pub(crate) fn peek(&self) -> &T {
        &self.value
    }
}

pub(crate) struct Guard<'a, T>(&'a Mutex<T>);

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        // Release: as the real one's.
        self.0.held.swap(0, Ordering::Release);
    }
}
