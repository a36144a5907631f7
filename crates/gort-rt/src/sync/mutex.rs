//! Mutual exclusion between goroutines, and threads. Go: `internal/sync.Mutex`.
//!
//! # The problem
//!
//! To give a lock that is let go to whoever has waited longest is fair, and slow: nobody can use it
//! until that one runs. To let whoever comes take it is fast, for those who run are fastest; and
//! whoever waits may wait for ever.
//!
//! # Protocol
//!
//! One word: [`LOCKED`], [`WOKEN`], [`STARVING`], and the number of those who wait; one semaphore.
//!
//! Usually whoever gets there takes the lock. Who lets go wakes the first that waits, unless
//! [`WOKEN`] says that somebody is awake already who will try: whoever sets this bit, by waking or,
//! while it spins, for itself, sees to it that there is one such party, and it takes the bit away
//! when it gets the lock or waits again, then in front of the others.
//!
//! Who has waited for more than [`PATIENCE`] and still finds the lock taken sets [`STARVING`]. From
//! then on nobody else tries: the lock stays locked, and each that lets go hands it to the first that
//! waits. It goes on so until it comes to one that has waited less, or is the last.
//!
//! Only the one party with [`WOKEN`] can have waited, so only it can set [`STARVING`], and takes
//! [`WOKEN`] away with it. So whoever is woken and finds [`STARVING`] has been handed the lock.
//!
//! Who does not wait for ever counts itself out when its time is up, under the lock of the table in which
//! it waits; if it is the last, nobody starves any more. So whoever hands the lock on and finds nobody
//! there looks, under that lock, whether it is still to be handed on. If a waiter finds that it is not
//! counted any more, somebody is about to wake it, and it waits for that.
//!
//! After the step that lets go the word is not touched, and the semaphore only while somebody waits:
//! whoever gets the lock next may free it.
//!
//! Modelled by loom in `tests/loom_sync_mutex.rs`.

use super::{Holder, Place, semacquire, semacquire_until, semhandoff, semrelease};
use crate::prim::{AtomicU32, Ordering, const_fn, nanotime};
use crate::sched::park::{WaitReason, goyield};
use crate::sched::spin::{canspin, procyield};
use crate::sched::waits::waiting_for;

/// Somebody has it.
const LOCKED: u32 = 1;
/// Somebody is awake and will try to get it.
const WOKEN: u32 = 2;
/// It is handed from one to the next. Only together with `LOCKED`, and while somebody waits.
const STARVING: u32 = 4;
/// One who waits. There is memory for fewer stacks than can be counted.
const WAITER: u32 = 8;

/// Nanoseconds. Go's number.
const PATIENCE: u64 = 1_000_000;

/// See the module. Whose it is, is kept for reports only: whoever has reason to may unlock it.
#[derive(Debug, Default)]
pub struct Mutex {
    state: AtomicU32,
    sema: AtomicU32,
    holder: Holder,
}

impl Mutex {
    const_fn! {
        /// Unlocked.
        pub const fn new() -> Mutex {
            Mutex { state: AtomicU32::new(0), sema: AtomicU32::new(0), holder: Holder::nobody() }
        }
    }

    /// Locks it. What waits: the goroutine, or the thread if it is an ordinary one.
    #[inline(always)]
    pub fn lock(&self) {
        self.lock_unsaid();
        self.holder.set();
    }

    /// [`lock`](Mutex::lock) without saying who has it.
    #[inline(always)]
    pub(super) fn lock_unsaid(&self) {
        if !self.exchange(0, LOCKED) {
            self.lock_slow(None);
        }
    }

    /// Locks it unless somebody has it until the time `until`, in nanoseconds of monotonic time:
    /// whether it has. What waits: as for [`lock`](Mutex::lock).
    #[inline]
    pub fn lock_until(&self, until: u64) -> bool {
        self.got(self.exchange(0, LOCKED) || self.lock_slow(Some(until)))
    }

    /// Locks it if it is free: whether it was.
    #[inline(always)]
    pub fn try_lock(&self) -> bool {
        self.got(self.exchange(0, LOCKED) || self.try_lock_slow())
    }

    #[inline(always)]
    fn got(&self, got: bool) -> bool {
        if got {
            self.holder.set();
        }
        got
    }

    /// Who has it.
    pub(crate) fn holder(&self) -> &Holder {
        &self.holder
    }

    /// Whether somebody has it, at some moment during the call.
    #[inline]
    pub fn is_locked(&self) -> bool {
        self.state.load(Ordering::Relaxed) & LOCKED != 0
    }

    /// Unlocks it; it is locked. What waits: the goroutine, in its P's queue, if others have waited
    /// for too long.
    #[inline(always)]
    pub fn unlock(&self) {
        self.holder.clear();
        self.unlock_unsaid();
    }

    /// [`unlock`](Mutex::unlock) when nobody is said to have it.
    #[inline(always)]
    pub(super) fn unlock_unsaid(&self) {
        // Release: pairs with the Acquire in `exchange`.
        if self.state.compare_exchange(LOCKED, 0, Ordering::Release, Ordering::Relaxed).is_err() {
            self.unlock_slow();
        }
    }

    /// Unlocks it, and whoever has waited longest has it next; if somebody is awake already who tries to get
    /// it, that one goes first. It is locked. What waits: the goroutine, in its P's queue, if others wait.
    pub fn unlock_fair(&self) {
        let starve = |old: u32| (old >= WAITER && old & WOKEN == 0).then_some(old | STARVING);
        // Relaxed: nobody is let in by that.
        let starving = self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, starve);
        self.unlock();
        if starving.is_err_and(|old| old & WOKEN != 0) {
            goyield();
        }
    }

    #[inline(always)]
    fn exchange(&self, from: u32, to: u32) -> bool {
        // Acquire: pairs with the Release of whoever has unlocked it.
        self.state.compare_exchange(from, to, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    #[cold]
    fn try_lock_slow(&self) -> bool {
        let mut old = self.state.load(Ordering::Relaxed);
        while old & LOCKED == 0 {
            if self.exchange(old, old | LOCKED) {
                return true;
            }
            old = self.state.load(Ordering::Relaxed);
        }
        false
    }

    /// Whether it has it.
    #[cold]
    #[inline(never)]
    fn lock_slow(&self, until: Option<u64>) -> bool {
        let mut since = None;
        let mut starving = false;
        // Whether `WOKEN` is ours.
        let mut woken = false;
        let mut spins = 0;
        loop {
            let old = self.state.load(Ordering::Relaxed);
            if old & (LOCKED | STARVING) == LOCKED && canspin(spins) {
                // Nobody else needs to be woken meanwhile.
                if !woken && old & WOKEN == 0 && old >= WAITER {
                    woken = self.exchange(old, old | WOKEN);
                }
                procyield();
                spins += 1;
                continue;
            }
            let free = old & LOCKED == 0;
            let too_late = !free && until.is_some_and(|until| nanotime() >= until);
            let mut new = old | LOCKED;
            if !free && !too_late {
                new += WAITER;
                if starving {
                    new |= STARVING;
                }
            }
            if woken {
                new &= !WOKEN;
            }
            if !self.exchange(old, new) {
                continue;
            }
            if free || too_late {
                return free;
            }
            let place = if since.is_some() { Place::Front } else { Place::Back };
            let start = *since.get_or_insert_with(nanotime);
            if !self.wait(place, until) {
                return false;
            }
            starving = starving || nanotime().saturating_sub(start) > PATIENCE;
            if self.is_handed(starving) {
                return true;
            }
            woken = true;
            spins = 0;
        }
    }

    /// Whether whoever has been woken has been handed the lock. If so it is counted no more, and the lock
    /// is handed on later if somebody else waits, and it has itself waited for too long.
    fn is_handed(&self, starving: bool) -> bool {
        let fewer = |old| {
            let last = old / WAITER == 1;
            let over = if last || !starving { STARVING } else { 0 };
            (old & STARVING != 0).then(|| (old - WAITER) & !over)
        };
        // Relaxed: the lock came with the semaphore.
        self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer).is_ok()
    }

    /// Waits to be woken, having counted itself; whether it was, in time. If not it is not counted.
    fn wait(&self, place: Place, until: Option<u64>) -> bool {
        let Some(until) = until else {
            waiting_for(&self.holder, || {
                semacquire(&self.sema, place, WaitReason::MutexLock);
            });
            return true;
        };
        let leave = || {
            let fewer = |old: u32| {
                let last = old / WAITER == 1;
                // If nobody is counted, who was is being woken: that is us.
                Some(old.checked_sub(WAITER)? & !(if last { STARVING } else { 0 }))
            };
            self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer).is_ok()
        };
        semacquire_until(&self.sema, place, WaitReason::MutexLock, until, leave)
    }

    #[cold]
    #[inline(never)]
    fn unlock_slow(&self) {
        let mut old = self.state.load(Ordering::Relaxed);
        loop {
            if old & STARVING != 0 {
                // Unless all have left meanwhile, who are not asked to wait any more.
                let waited_for = || self.state.load(Ordering::Relaxed) & STARVING != 0;
                if semhandoff(&self.sema, waited_for) {
                    return;
                }
                old = self.state.load(Ordering::Relaxed);
                continue;
            }
            let wake = old >= WAITER && old & WOKEN == 0;
            let rest = old & !LOCKED;
            let new = if wake { (rest - WAITER) | WOKEN } else { rest };
            // Release: pairs with the Acquire in `exchange`.
            match self.state.compare_exchange(old, new, Ordering::Release, Ordering::Relaxed) {
                Ok(_) if wake => return semrelease(&self.sema, 1),
                Ok(_) => return,
                Err(now) => old = now,
            }
        }
    }
}
