//! So many permits, for whoever comes first.
//!
//! # Protocol
//!
//! One word: the free permits, and [`WAITED`] while somebody waits. Permits are given back by one
//! exchange, and taken by one while nobody waits. Else they are taken only under the lock of the table
//! of waiters (`gort_rt::sync`), by whoever has given some back, for those who wait: for the first, as
//! long as there are as many as that one wants. The bit is set and cleared under that lock.

use crate::time::clock;
use gort_rt::WaitReason;
use gort_rt::sync::{Parked, Place, Wait, address_of, park_at, park_until, wake_at};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Somebody waits.
const WAITED: usize = 1;
/// A free permit.
const ONE: usize = 2;

/// So many permits, of which everybody may hold some at a time. First come, first served: who wants
/// many is not passed by those who want few. Go: `golang.org/x/sync/semaphore`.
///
/// ```
/// use gort::sync::Semaphore;
/// let semaphore = Semaphore::new(3);
/// semaphore.acquire(2);
/// assert!(!semaphore.try_acquire(2));
/// semaphore.release(2);
/// // Or by a guard, which gives them back:
/// let permit = semaphore.permit(3);
/// assert!(semaphore.try_permit(1).is_none());
/// ```
#[doc(alias = "Weighted")]
pub struct Semaphore {
    state: AtomicUsize,
    permits: usize,
}

impl Semaphore {
    /// The most permits that there can be.
    pub const MAX_PERMITS: usize = usize::MAX / ONE;

    /// With so many permits.
    ///
    /// # Panics
    ///
    /// For more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
    pub const fn new(permits: usize) -> Semaphore {
        assert!(permits <= Semaphore::MAX_PERMITS, "gort::sync::Semaphore: too many permits");
        Semaphore { state: AtomicUsize::new(permits * ONE), permits }
    }

    /// How many permits nobody holds, at some moment during the call.
    pub fn available_permits(&self) -> usize {
        self.state.load(Ordering::Relaxed) / ONE
    }

    /// How many somebody holds.
    pub(super) fn held(&self) -> usize {
        self.permits - self.available_permits()
    }

    /// Takes `n` permits, waiting until they are free and all who came before have got theirs.
    ///
    /// What waits: the goroutine, or the thread if it is an ordinary one.
    ///
    /// # Panics
    ///
    /// For more permits than there are.
    #[inline]
    pub fn acquire(&self, n: usize) {
        if !self.try_acquire(n) {
            self.acquire_slow(n);
        }
    }

    /// Takes `n` permits if they are free and nobody waits for some: whether it has. Never has if
    /// there are not as many. Does not wait.
    #[inline]
    pub fn try_acquire(&self, n: usize) -> bool {
        self.take(|state| state & WAITED == 0, n)
    }

    /// Takes `n` permits if they are free, and as long as `may` says so of the state.
    #[inline]
    fn take(&self, may: impl Fn(usize) -> bool, n: usize) -> bool {
        let take = |old| (may(old) && old / ONE >= n).then(|| old - n * ONE);
        // Acquire: pairs with the Release in `release`.
        self.state.fetch_update(Ordering::Acquire, Ordering::Relaxed, take).is_ok()
    }

    /// Takes `n` permits if they can be had, as by [`acquire`](Semaphore::acquire), until `deadline`:
    /// whether it has. Does not wait for more permits than there are. What waits: as for
    /// [`acquire`](Semaphore::acquire).
    pub fn try_acquire_until(&self, n: usize, deadline: Instant) -> bool {
        self.acquire_by(n, clock::nanos_at(deadline))
    }

    /// [`try_acquire_until`](Semaphore::try_acquire_until), `timeout` from now.
    pub fn try_acquire_for(&self, n: usize, timeout: Duration) -> bool {
        self.acquire_by(n, clock::nanos_from_now(timeout))
    }

    fn acquire_by(&self, n: usize, until: u64) -> bool {
        if self.try_acquire(n) {
            return true;
        }
        if n > self.permits {
            return false;
        }
        let got = match park_until(self.place(n), until, || self.enter(n), || (), || true) {
            Parked::Not | Parked::Woken => true,
            Parked::TimedOut | Parked::TooLate => false,
        };
        if !got {
            // Those behind may want less.
            self.serve();
        }
        got
    }

    #[cold]
    fn acquire_slow(&self, n: usize) {
        let permits = self.permits;
        assert!(n <= permits, "gort::sync::Semaphore: asked for {n} permits where {permits} are");
        park_at(self.place(n), || self.enter(n), || ());
    }

    fn place(&self, n: usize) -> Wait {
        Wait {
            address: address_of(self),
            place: Place::Back,
            arg: n,
            reason: WaitReason::Semaphore,
        }
    }

    /// Under the table's lock: whether to wait for `n`, which otherwise have been taken.
    fn enter(&self, n: usize) -> bool {
        let missing = |old| (old & WAITED != 0 || old / ONE < n).then_some(old | WAITED);
        loop {
            if self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, missing).is_ok() {
                return true;
            }
            if self.try_acquire(n) {
                return false;
            }
        }
    }

    /// Gives `n` permits back. Does not wait.
    ///
    /// # Panics
    ///
    /// When so many are not held: nothing is given back then.
    #[inline]
    pub fn release(&self, n: usize) {
        let give = |old| (self.permits - old / ONE >= n).then(|| old + n * ONE);
        // Release: pairs with the Acquire in `take`.
        match self.state.fetch_update(Ordering::Release, Ordering::Relaxed, give) {
            Ok(old) if old & WAITED != 0 => self.serve(),
            Ok(_) => {}
            Err(_) => not_held(),
        }
    }

    /// Gives those who wait what is free.
    #[cold]
    fn serve(&self) {
        let finish = |_, left: bool| {
            if !left {
                self.state.fetch_and(!WAITED, Ordering::Relaxed);
            }
        };
        wake_at(address_of(self), |n| self.take(|_| true, n), finish);
    }

    /// [`acquire`](Semaphore::acquire), with a guard that gives them back.
    pub fn permit(&self, n: usize) -> SemaphorePermit<'_> {
        self.acquire(n);
        SemaphorePermit { semaphore: self, n }
    }

    /// [`try_acquire`](Semaphore::try_acquire), with a guard that gives them back.
    pub fn try_permit(&self, n: usize) -> Option<SemaphorePermit<'_>> {
        self.try_acquire(n).then(|| SemaphorePermit { semaphore: self, n })
    }
}

#[cold]
fn not_held() -> ! {
    panic!("semaphore: released more than held")
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("permits", &self.permits)
            .field("available", &self.available_permits())
            .finish()
    }
}

/// Permits of a [`Semaphore`], given back when this is dropped.
#[derive(Debug)]
#[must_use = "the permits are given back when the guard is dropped"]
pub struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    n: usize,
}

impl SemaphorePermit<'_> {
    /// How many they are.
    pub fn count(&self) -> usize {
        self.n
    }

    /// Keeps them: somebody else gives them back, by [`release`](Semaphore::release).
    pub fn forget(self) {
        std::mem::forget(self);
    }
}

impl Drop for SemaphorePermit<'_> {
    fn drop(&mut self) {
        self.semaphore.release(self.n);
    }
}
