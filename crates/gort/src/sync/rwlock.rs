//! Many who read or one who writes.
//!
//! # Safety
//!
//! What `lock_api` asks of a lock: [`gort_rt::sync::RwMutex`] excludes, and its models show it.

#![allow(unsafe_code)]

use crate::time::clock;
use gort_rt::sync::{self, TooMany};
use lock_api::GuardSend;
use std::time::{Duration, Instant};

/// A read-write lock without a value: what [`RwLock`] is made of. Go: `sync.RWMutex`.
///
/// Who wants to write keeps those out who come to read after it; when it is done, all who wait to read
/// go on before the next writes. So neither side starves, and a reader must not wait for a second read
/// lock of its own, unless it asks for it by `read_recursive`. Who waits parks (an ordinary thread
/// sleeps). Any goroutine or thread may unlock it, so guards can be sent.
///
/// # Panics
///
/// Locking it to read, with a billion (2^30) readers already: guards that have been forgotten.
#[derive(Debug, Default)]
pub struct RawRwLock(sync::RwMutex);

#[cold]
#[inline(never)]
fn too_many() -> ! {
    panic!("gort::sync::RwLock: too many readers")
}

#[inline(always)]
fn counted<T>(result: Result<T, TooMany>) -> T {
    match result {
        Ok(value) => value,
        Err(TooMany) => too_many(),
    }
}

// SAFETY: see the module.
unsafe impl lock_api::RawRwLock for RawRwLock {
    #[allow(clippy::declare_interior_mutable_const, reason = "how lock_api makes locks")]
    const INIT: RawRwLock = RawRwLock(sync::RwMutex::new());

    type GuardMarker = GuardSend;

    #[inline]
    fn lock_shared(&self) {
        counted(self.0.rlock());
    }

    #[inline]
    fn try_lock_shared(&self) -> bool {
        counted(self.0.try_rlock())
    }

    #[inline]
    unsafe fn unlock_shared(&self) {
        self.0.runlock();
    }

    #[inline]
    fn lock_exclusive(&self) {
        self.0.lock();
    }

    #[inline]
    fn try_lock_exclusive(&self) -> bool {
        self.0.try_lock()
    }

    #[inline]
    unsafe fn unlock_exclusive(&self) {
        self.0.unlock();
    }

    fn is_locked(&self) -> bool {
        self.0.is_locked()
    }

    fn is_locked_exclusive(&self) -> bool {
        self.0.is_locked_exclusive()
    }
}

// SAFETY: see the module.
unsafe impl lock_api::RawRwLockDowngrade for RawRwLock {
    unsafe fn downgrade(&self) {
        self.0.downgrade();
    }
}

// SAFETY: see the module.
unsafe impl lock_api::RawRwLockRecursive for RawRwLock {
    fn lock_shared_recursive(&self) {
        counted(self.0.rlock_recursive());
    }

    fn try_lock_shared_recursive(&self) -> bool {
        counted(self.0.try_rlock_recursive())
    }
}

// SAFETY: see the module.
unsafe impl lock_api::RawRwLockUpgrade for RawRwLock {
    fn lock_upgradable(&self) {
        self.0.lock_upgradable();
    }

    fn try_lock_upgradable(&self) -> bool {
        self.0.try_lock_upgradable()
    }

    unsafe fn unlock_upgradable(&self) {
        self.0.unlock_upgradable();
    }

    unsafe fn upgrade(&self) {
        self.0.upgrade();
    }

    unsafe fn try_upgrade(&self) -> bool {
        self.0.try_upgrade()
    }
}

// SAFETY: see the module.
unsafe impl lock_api::RawRwLockUpgradeDowngrade for RawRwLock {
    unsafe fn downgrade_upgradable(&self) {
        counted(self.0.downgrade_upgradable());
    }

    unsafe fn downgrade_to_upgradable(&self) {
        self.0.downgrade_to_upgradable();
    }
}

// SAFETY: see the module.
unsafe impl lock_api::RawRwLockFair for RawRwLock {
    /// Readers wait for a writer that waits, anyhow.
    unsafe fn unlock_shared_fair(&self) {
        self.0.runlock();
    }

    unsafe fn unlock_exclusive_fair(&self) {
        self.0.unlock_fair();
    }
}

// SAFETY: see the module.
unsafe impl lock_api::RawRwLockUpgradeFair for RawRwLock {
    unsafe fn unlock_upgradable_fair(&self) {
        self.0.unlock_upgradable_fair();
    }
}

// SAFETY: see the module.
unsafe impl lock_api::RawRwLockTimed for RawRwLock {
    type Duration = Duration;
    type Instant = Instant;

    fn try_lock_shared_for(&self, timeout: Duration) -> bool {
        counted(self.0.rlock_until(clock::nanos_from_now(timeout)))
    }

    fn try_lock_shared_until(&self, timeout: Instant) -> bool {
        counted(self.0.rlock_until(clock::nanos_at(timeout)))
    }

    fn try_lock_exclusive_for(&self, timeout: Duration) -> bool {
        self.0.lock_until(clock::nanos_from_now(timeout))
    }

    fn try_lock_exclusive_until(&self, timeout: Instant) -> bool {
        self.0.lock_until(clock::nanos_at(timeout))
    }
}

// SAFETY: see the module.
unsafe impl lock_api::RawRwLockRecursiveTimed for RawRwLock {
    fn try_lock_shared_recursive_for(&self, timeout: Duration) -> bool {
        counted(self.0.rlock_recursive_until(clock::nanos_from_now(timeout)))
    }

    fn try_lock_shared_recursive_until(&self, timeout: Instant) -> bool {
        counted(self.0.rlock_recursive_until(clock::nanos_at(timeout)))
    }
}

// SAFETY: see the module.
unsafe impl lock_api::RawRwLockUpgradeTimed for RawRwLock {
    fn try_lock_upgradable_for(&self, timeout: Duration) -> bool {
        self.0.lock_upgradable_until(clock::nanos_from_now(timeout))
    }

    fn try_lock_upgradable_until(&self, timeout: Instant) -> bool {
        self.0.lock_upgradable_until(clock::nanos_at(timeout))
    }

    unsafe fn try_upgrade_for(&self, timeout: Duration) -> bool {
        self.0.upgrade_until(clock::nanos_from_now(timeout))
    }

    unsafe fn try_upgrade_until(&self, timeout: Instant) -> bool {
        self.0.upgrade_until(clock::nanos_at(timeout))
    }
}

/// A value that many may read, or one may change. There is no poisoning.
///
/// What waits: the goroutine, or the thread if it is an ordinary one. See [`RawRwLock`] for who goes
/// first, and for the one panic.
///
/// ```
/// use gort::sync::RwLock;
/// let numbers = RwLock::new(vec![1]);
/// numbers.write().push(2);
/// let (one, other) = (numbers.read(), numbers.read());
/// assert_eq!(one.len() + other.len(), 4);
/// ```
#[doc(alias = "RWMutex")]
pub type RwLock<T> = lock_api::RwLock<RawRwLock, T>;

/// What [`RwLock::read`] returns: unlocks when it is dropped.
pub type RwLockReadGuard<'a, T> = lock_api::RwLockReadGuard<'a, RawRwLock, T>;

/// What [`RwLock::write`] returns: unlocks when it is dropped.
pub type RwLockWriteGuard<'a, T> = lock_api::RwLockWriteGuard<'a, RawRwLock, T>;

/// What [`RwLock::upgradable_read`] returns: reads beside others that read, keeps out those who want
/// to write, and can become the one that writes.
pub type RwLockUpgradableReadGuard<'a, T> = lock_api::RwLockUpgradableReadGuard<'a, RawRwLock, T>;

/// A [`RwLockReadGuard`] for a part of the value.
pub type MappedRwLockReadGuard<'a, T> = lock_api::MappedRwLockReadGuard<'a, RawRwLock, T>;

/// A [`RwLockWriteGuard`] for a part of the value.
pub type MappedRwLockWriteGuard<'a, T> = lock_api::MappedRwLockWriteGuard<'a, RawRwLock, T>;
