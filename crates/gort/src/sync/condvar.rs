//! Waiting for what others do under a mutex.
//!
//! # Safety
//!
//! [`Condvar::wait`] unlocks the mutex that its guard has locked, and locks it again before it
//! returns: the guard is borrowed meanwhile, so nobody uses the value by it.

#![allow(unsafe_code)]

use super::MutexGuard;
use crate::time::clock;
use gort_rt::sync::Cond;
use std::fmt;
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
    cond: Cond,
}

impl Condvar {
    /// Nobody waits.
    pub const fn new() -> Condvar {
        Condvar { cond: Cond::new() }
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
        WaitTimeoutResult(!self.cond.wait(&mutex.0, until))
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
        self.cond.notify(1) != 0
    }

    /// Wakes all who wait: how many. Does not wait.
    #[doc(alias = "Broadcast")]
    #[inline]
    pub fn notify_all(&self) -> usize {
        self.cond.notify(usize::MAX)
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
