//! Waiting for what others do under a mutex.
//!
//! # Safety
//!
//! [`Condvar::wait`] unlocks the mutex that its guard has locked, and locks it again before it
//! returns: the guard is borrowed meanwhile, so nobody uses the value by it.
//!
//! # Protocol
//!
//! Who waits enters the table of waiters (`gort_rt::sync`) while it still has the mutex, and unlocks
//! it afterwards; so whoever changes something under the mutex finds everybody who had not seen it.
//! The count of those who wait, changed under the table's lock, saves looking there in vain.

#![allow(unsafe_code)]

use super::MutexGuard;
use gort_rt::WaitReason;
use gort_rt::sync::{Place, Wait, address_of, park_at, wake_at};
use lock_api::RawMutex;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

/// Goroutines and threads that wait until another tells them to look again at what a mutex protects.
/// Go: `sync.Cond`.
///
/// Nobody wakes up for nothing, and who waits longest is woken first. That something has changed does
/// not mean that it is still so when the mutex has been locked again: wait in a loop, or by
/// [`wait_while`](Condvar::wait_while).
///
/// ```
/// use gort::sync::{Condvar, Mutex};
/// let (queue, filled) = (Mutex::new(Vec::new()), Condvar::new());
/// gort::scope(|s| {
///     let taker = s.go(|| {
///         let mut queue = queue.lock();
///         filled.wait_while(&mut queue, |queue| queue.is_empty());
///         queue.pop()
///     });
///     queue.lock().push(7);
///     filled.notify_one();
///     assert_eq!(taker.join().unwrap(), Some(7));
/// });
/// ```
#[doc(alias = "Cond")]
#[derive(Default)]
pub struct Condvar {
    waiting: AtomicU32,
}

impl Condvar {
    /// Nobody waits.
    pub const fn new() -> Condvar {
        Condvar { waiting: AtomicU32::new(0) }
    }

    /// Unlocks the guard's mutex, waits to be notified, and locks it again. Between unlocking and
    /// waiting no notification is lost.
    ///
    /// What waits: the goroutine, or the thread if it is an ordinary one.
    pub fn wait<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>) {
        // SAFETY: used to unlock what the guard has locked, and to lock it again; see the module.
        let mutex = unsafe { MutexGuard::mutex(guard).raw() };
        let wait = Wait {
            address: address_of(self),
            place: Place::Back,
            arg: 0,
            reason: WaitReason::CondWait,
        };
        let enter = || {
            self.add(1);
            true
        };
        // SAFETY: the guard has locked it.
        park_at(wait, enter, || unsafe { mutex.unlock() });
        mutex.lock();
    }

    /// Waits while `condition` is true of the value.
    ///
    /// # Panics
    ///
    /// When `condition` does.
    pub fn wait_while<T, F>(&self, guard: &mut MutexGuard<'_, T>, mut condition: F)
    where
        T: ?Sized,
        F: FnMut(&mut T) -> bool,
    {
        while condition(guard) {
            self.wait(guard);
        }
    }

    /// Wakes the one that has waited for longest: whether there was one. Does not wait.
    #[doc(alias = "Signal")]
    #[inline]
    pub fn notify_one(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) != 0 && self.notify(1) != 0
    }

    /// Wakes all who wait: how many. Does not wait.
    #[doc(alias = "Broadcast")]
    #[inline]
    pub fn notify_all(&self) -> usize {
        if self.waiting.load(Ordering::Relaxed) == 0 { 0 } else { self.notify(usize::MAX) }
    }

    #[cold]
    fn notify(&self, most: usize) -> usize {
        let mut rest = most;
        let take = |_| {
            let one = rest != 0;
            rest = rest.wrapping_sub(usize::from(one));
            one
        };
        wake_at(address_of(self), take, |taken, _| self.add(-(taken as i32)))
    }

    /// Under the table's lock. Relaxed: whoever must see it has had the mutex since.
    fn add(&self, change: i32) {
        let now = self.waiting.load(Ordering::Relaxed).wrapping_add_signed(change);
        self.waiting.store(now, Ordering::Relaxed);
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}
