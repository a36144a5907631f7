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
use crate::time::clock;
use gort_rt::WaitReason;
use gort_rt::sync::{Parked, Place, Wait, address_of, park_at, park_until, wake_at};
use lock_api::RawMutex;
use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

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
        self.park(guard, None);
    }

    /// [`wait`](Condvar::wait) until `deadline` at the latest; the mutex is waited for in any case. What
    /// waits: as for [`wait`](Condvar::wait).
    pub fn wait_until<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        deadline: Instant,
    ) -> WaitTimeoutResult {
        self.park(guard, Some(clock::nanos_at(deadline)))
    }

    /// [`wait_until`](Condvar::wait_until), `timeout` from now.
    pub fn wait_for<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        timeout: Duration,
    ) -> WaitTimeoutResult {
        self.park(guard, Some(clock::nanos_from_now(timeout)))
    }

    fn park<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        until: Option<u64>,
    ) -> WaitTimeoutResult {
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
        let unlocked = Cell::new(false);
        let unlock = || {
            unlocked.set(true);
            // SAFETY: the guard has locked it.
            unsafe { mutex.unlock() };
        };
        let leave = || {
            self.add(-1);
            true
        };
        let timed_out = match until {
            None => {
                park_at(wait, enter, unlock);
                false
            }
            Some(until) => park_until(wait, until, enter, unlock, leave) == Parked::TimedOut,
        };
        if !unlocked.get() {
            // The time was up at once. Others get their turn all the same.
            unlock();
        }
        mutex.lock();
        WaitTimeoutResult(timed_out)
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

    /// [`wait_while`](Condvar::wait_while) until `deadline` at the latest. `condition` is asked once more
    /// then: it timed out if it is still true.
    ///
    /// # Panics
    ///
    /// When `condition` does.
    pub fn wait_while_until<T, F>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        condition: F,
        deadline: Instant,
    ) -> WaitTimeoutResult
    where
        T: ?Sized,
        F: FnMut(&mut T) -> bool,
    {
        self.park_while(guard, condition, clock::nanos_at(deadline))
    }

    /// [`wait_while_until`](Condvar::wait_while_until), `timeout` from now.
    ///
    /// # Panics
    ///
    /// When `condition` does.
    pub fn wait_while_for<T, F>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        condition: F,
        timeout: Duration,
    ) -> WaitTimeoutResult
    where
        T: ?Sized,
        F: FnMut(&mut T) -> bool,
    {
        self.park_while(guard, condition, clock::nanos_from_now(timeout))
    }

    fn park_while<T, F>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        mut condition: F,
        until: u64,
    ) -> WaitTimeoutResult
    where
        T: ?Sized,
        F: FnMut(&mut T) -> bool,
    {
        let mut result = WaitTimeoutResult(false);
        while condition(guard) {
            if result.timed_out() {
                return result;
            }
            result = self.park(guard, Some(until));
        }
        WaitTimeoutResult(false)
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

/// How a wait with a limit of time has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether the time was up.
    pub fn timed_out(self) -> bool {
        self.0
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}
