//! Mutual exclusion.
//!
//! # Safety
//!
//! What `lock_api` asks of a lock: [`gort_rt::sync::Mutex`] excludes, and its models show it.

#![allow(unsafe_code)]

use crate::time::clock;
use gort_rt::sync;
use lock_api::GuardSend;
use std::time::{Duration, Instant};

/// A mutex without a value: what [`Mutex`] is made of. Go: `sync.Mutex`.
///
/// Locking and unlocking one that nobody else wants is an instruction each. Who waits parks (an
/// ordinary thread sleeps). Whoever comes first gets it, which is fast, until somebody has waited for
/// a millisecond: then it goes from one to the next in the order in which they came. Any goroutine or
/// thread may unlock it, so guards can be sent.
#[derive(Debug, Default)]
pub struct RawMutex(pub(super) sync::Mutex);

// SAFETY: see the module.
unsafe impl lock_api::RawMutex for RawMutex {
    #[allow(clippy::declare_interior_mutable_const, reason = "how lock_api makes locks")]
    const INIT: RawMutex = RawMutex(sync::Mutex::new());

    type GuardMarker = GuardSend;

    #[inline(always)]
    fn lock(&self) {
        self.0.lock();
    }

    #[inline(always)]
    fn try_lock(&self) -> bool {
        self.0.try_lock()
    }

    #[inline(always)]
    unsafe fn unlock(&self) {
        self.0.unlock();
    }

    #[inline]
    fn is_locked(&self) -> bool {
        self.0.is_locked()
    }
}

// SAFETY: see the module.
unsafe impl lock_api::RawMutexTimed for RawMutex {
    type Duration = Duration;
    type Instant = Instant;

    fn try_lock_for(&self, timeout: Duration) -> bool {
        self.0.lock_until(clock::nanos_from_now(timeout))
    }

    fn try_lock_until(&self, timeout: Instant) -> bool {
        self.0.lock_until(clock::nanos_at(timeout))
    }
}

// SAFETY: see the module.
unsafe impl lock_api::RawMutexFair for RawMutex {
    unsafe fn unlock_fair(&self) {
        self.0.unlock_fair();
    }
}

/// A value that one goroutine or thread at a time may use. There is no poisoning: a guard that is
/// dropped while its goroutine panics unlocks.
///
/// What waits in `lock` and in `try_lock_for`: the goroutine, or the thread if it is an ordinary one.
/// `unlock` may let another goroutine go first.
///
/// ```
/// use gort::sync::Mutex;
/// static COUNT: Mutex<u32> = Mutex::new(0);
/// gort::scope(|s| {
///     for _ in 0..10 {
///         s.go(|| *COUNT.lock() += 1);
///     }
/// });
/// assert_eq!(*COUNT.lock(), 10);
/// ```
pub type Mutex<T> = lock_api::Mutex<RawMutex, T>;

/// What [`Mutex::lock`] returns: unlocks when it is dropped.
pub type MutexGuard<'a, T> = lock_api::MutexGuard<'a, RawMutex, T>;

/// A [`MutexGuard`] for a part of the value.
pub type MappedMutexGuard<'a, T> = lock_api::MappedMutexGuard<'a, RawMutex, T>;
