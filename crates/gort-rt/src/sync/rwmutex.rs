//! Many who read or one who writes. Go: `sync.RWMutex`.
//!
//! # Protocol
//!
//! Who wants to write first gets `writers`, a mutex, and then says so in `state` ([`WRITER`]), noting
//! how many are reading. From then on whoever comes to read waits; those who were reading before count
//! themselves out, and the last wakes the writer. When it is done the writer takes [`WRITER`] away,
//! and all who wait to read go on, before the next who wants to write: so neither keeps the other out.
//!
//! `state` counts, in its lower half, those who read and those who wait to (while [`WRITER`] is there:
//! then all who read are counted in the upper half as well, [`DEPARTING`]).
//!
//! Who holds `writers` without having said anything keeps out others who want to write, and nobody
//! else: this is the *upgradable* reader.
//!
//! A reader that may be one already must not wait for a writer that waits for it. It joins those who
//! are counted in the upper half, as long as there are any; its own earlier lock is one of them.
//!
//! Who does not wait for ever takes back what it has said when its time is up, under the lock of the table
//! in which it waits, unless somebody is about to wake it; then it waits for that. While [`WRITER`] is there
//! nobody is about to wake a reader: who has taken it away before has woken all that were counted before it
//! let go of `writers`. And while there is still one to depart nobody is about to wake the writer. For this
//! who departs counts itself out of both halves in one step: a writer that gives up clears the upper one, and
//! nobody must come later who takes itself off the next writer's. The readers that have waited for who gives
//! up it wakes itself, before it lets go of `writers`.
//!
//! Modelled by loom in `tests/loom_rwmutex.rs`.

use super::{Mutex, Place, semacquire, semacquire_until, semrelease};
use crate::prim::{AtomicU32, AtomicU64, Cell, Ordering, const_fn};
use crate::sched::park::WaitReason;

/// One who reads or waits to.
const READER: u64 = 1;
/// So many read that counting ends.
const FULL: u64 = 1 << 30;
/// Somebody writes, or is the next to.
const WRITER: u64 = 1 << 31;
/// One who reads while somebody waits to write.
const DEPARTING: u64 = 1 << 32;

fn readers(state: u64) -> u64 {
    state & (WRITER - 1)
}

/// See the module. Whose it is, is not kept: whoever has reason to may unlock it.
#[derive(Debug, Default)]
pub struct RwMutex {
    state: AtomicU64,
    writers: Mutex,
    writer_sema: AtomicU32,
    reader_sema: AtomicU32,
}

/// More readers than can be counted: somebody has forgotten a billion guards.
#[derive(Clone, Copy, Debug)]
pub struct TooMany;

impl RwMutex {
    const_fn! {
        /// Unlocked.
        pub const fn new() -> RwMutex {
            RwMutex {
                state: AtomicU64::new(0),
                writers: Mutex::new(),
                writer_sema: AtomicU32::new(0),
                reader_sema: AtomicU32::new(0),
            }
        }
    }

    /// Locks it to read; waits for who writes, and for who waits to.
    ///
    /// What waits, here and below: the goroutine, or the thread if it is an ordinary one.
    ///
    /// # Errors
    ///
    /// [`TooMany`].
    #[inline]
    pub fn rlock(&self) -> Result<(), TooMany> {
        // Acquire: pairs with the Release of `unlock`.
        let old = self.state.fetch_add(READER, Ordering::Acquire);
        if old & (WRITER | FULL) == 0 { Ok(()) } else { self.rlock_slow(old, None).map(drop) }
    }

    /// Locks it to read, as [`rlock`](RwMutex::rlock) does, unless that takes until the time `until`, in
    /// nanoseconds of monotonic time: whether it has.
    ///
    /// # Errors
    ///
    /// [`TooMany`].
    pub fn rlock_until(&self, until: u64) -> Result<bool, TooMany> {
        // Acquire: as in `rlock`.
        let old = self.state.fetch_add(READER, Ordering::Acquire);
        if old & (WRITER | FULL) == 0 { Ok(true) } else { self.rlock_slow(old, Some(until)) }
    }

    #[cold]
    fn rlock_slow(&self, old: u64, until: Option<u64>) -> Result<bool, TooMany> {
        if old & FULL != 0 {
            self.state.fetch_sub(READER, Ordering::Relaxed);
            return Err(TooMany);
        }
        let (sema, reason) = (&self.reader_sema, WaitReason::RwMutexRLock);
        let Some(until) = until else {
            semacquire(sema, Place::Back, reason);
            return Ok(true);
        };
        let leave = || {
            let fewer = |old| (old & WRITER != 0).then(|| old - READER);
            self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer).is_ok()
        };
        Ok(semacquire_until(sema, Place::Back, reason, until, leave))
    }

    /// Locks it to read unless somebody writes, or waits to.
    ///
    /// # Errors
    ///
    /// [`TooMany`].
    #[inline]
    pub fn try_rlock(&self) -> Result<bool, TooMany> {
        self.join_if(|old| (old & WRITER == 0).then_some(READER))
    }

    /// Locks it to read, once more perhaps: waits for who writes only.
    ///
    /// # Errors
    ///
    /// [`TooMany`].
    pub fn rlock_recursive(&self) -> Result<(), TooMany> {
        if self.try_rlock_recursive()? { Ok(()) } else { self.rlock() }
    }

    /// Locks it to read, once more perhaps, unless that takes until the time `until`, in nanoseconds of
    /// monotonic time: whether it has.
    ///
    /// # Errors
    ///
    /// [`TooMany`].
    pub fn rlock_recursive_until(&self, until: u64) -> Result<bool, TooMany> {
        if self.try_rlock_recursive()? { Ok(true) } else { self.rlock_until(until) }
    }

    /// Locks it to read, once more perhaps, unless somebody writes.
    ///
    /// # Errors
    ///
    /// [`TooMany`].
    pub fn try_rlock_recursive(&self) -> Result<bool, TooMany> {
        self.join_if(|old| match (old & WRITER != 0, old >= DEPARTING) {
            (false, _) => Some(READER),
            (true, true) => Some(READER + DEPARTING),
            (true, false) => None,
        })
    }

    /// Adds what `join` says, if anything.
    #[inline]
    fn join_if(&self, join: impl Fn(u64) -> Option<u64>) -> Result<bool, TooMany> {
        let mut old = self.state.load(Ordering::Relaxed);
        while let Some(more) = join(old) {
            if old & FULL != 0 {
                return Err(TooMany);
            }
            // Acquire: pairs with the Release of `unlock`.
            match self.state.compare_exchange_weak(
                old,
                old + more,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(true),
                Err(now) => old = now,
            }
        }
        Ok(false)
    }

    /// One of those who read is done.
    #[inline]
    pub fn runlock(&self) {
        let old = self.state.load(Ordering::Relaxed);
        // Release: pairs with the Acquire of who writes next.
        if old & WRITER != 0
            || self
                .state
                .compare_exchange(old, old - READER, Ordering::Release, Ordering::Relaxed)
                .is_err()
        {
            self.runlock_slow();
        }
    }

    #[cold]
    fn runlock_slow(&self) {
        let fewer = |old| {
            let departing = if old & WRITER != 0 { DEPARTING } else { 0 };
            Some(old - READER - departing)
        };
        // AcqRel: as in `runlock`; and with the others, so that the writer, who comes after the last,
        // comes after all.
        let old = self.state.fetch_update(Ordering::AcqRel, Ordering::Relaxed, fewer);
        if old.is_ok_and(|old| old & WRITER != 0 && old / DEPARTING == 1) {
            semrelease(&self.writer_sema, 1);
        }
    }

    /// Locks it to write.
    #[inline]
    pub fn lock(&self) {
        self.writers.lock();
        self.upgrade();
    }

    /// Locks it to write unless that takes until the time `until`, in nanoseconds of monotonic time: whether
    /// it has.
    pub fn lock_until(&self, until: u64) -> bool {
        if !self.writers.lock_until(until) {
            return false;
        }
        let got = self.upgrade_until(until);
        if !got {
            self.writers.unlock();
        }
        got
    }

    /// Locks it to write if nobody has it.
    #[inline]
    pub fn try_lock(&self) -> bool {
        if !self.writers.try_lock() {
            return false;
        }
        let got = self.try_upgrade();
        if !got {
            self.writers.unlock();
        }
        got
    }

    /// Who writes is done.
    #[inline]
    pub fn unlock(&self) {
        self.downgrade_to_upgradable();
        self.writers.unlock();
    }

    /// Who writes is done, and of those who want to write the one that has waited longest is next.
    pub fn unlock_fair(&self) {
        self.downgrade_to_upgradable();
        self.writers.unlock_fair();
    }

    /// Who writes goes on reading.
    pub fn downgrade(&self) {
        // Release: as in `downgrade_to_upgradable`. As a reader that waits until its own unlock.
        let old = self.state.fetch_sub(WRITER - READER, Ordering::Release);
        self.admit(old);
        self.writers.unlock();
    }

    /// Locks it to read, as the only one who may [`upgrade`](RwMutex::upgrade).
    #[inline]
    pub fn lock_upgradable(&self) {
        self.writers.lock();
    }

    /// Locks it to read, as the only one who may upgrade, unless somebody writes or is that already.
    #[inline]
    pub fn try_lock_upgradable(&self) -> bool {
        self.writers.try_lock()
    }

    /// Locks it to read, as the only one who may upgrade, unless that takes until the time `until`, in
    /// nanoseconds of monotonic time: whether it has.
    pub fn lock_upgradable_until(&self, until: u64) -> bool {
        self.writers.lock_until(until)
    }

    /// The upgradable reader is done.
    #[inline]
    pub fn unlock_upgradable(&self) {
        self.writers.unlock();
    }

    /// The upgradable reader is done, and who has waited longest to write, or to be that, is next.
    pub fn unlock_upgradable_fair(&self) {
        self.writers.unlock_fair();
    }

    /// The upgradable reader waits until nobody else reads, and writes.
    #[inline]
    pub fn upgrade(&self) {
        if self.announce() {
            semacquire(&self.writer_sema, Place::Back, WaitReason::RwMutexLock);
        }
    }

    /// The upgradable reader waits until nobody else reads, and writes, unless that takes until the time
    /// `until`, in nanoseconds of monotonic time: whether it does.
    pub fn upgrade_until(&self, until: u64) -> bool {
        if !self.announce() {
            return true;
        }
        let waiting = Cell::new(0);
        let leave = || {
            let take_back = |old| {
                waiting.set(readers(old) - old / DEPARTING);
                (old >= DEPARTING).then(|| readers(old))
            };
            self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take_back).is_ok()
        };
        let (sema, reason) = (&self.writer_sema, WaitReason::RwMutexLock);
        let got = semacquire_until(sema, Place::Back, reason, until, leave);
        if !got && waiting.get() != 0 {
            semrelease(&self.reader_sema, waiting.get() as u32);
        }
        got
    }

    /// Says that somebody is about to write. Whether there is anybody to wait for.
    #[inline]
    fn announce(&self) -> bool {
        let mut old = 0;
        // Acquire: pairs with the Release of `runlock` and `unlock`.
        while let Err(now) = self.state.compare_exchange(
            old,
            old | WRITER | (readers(old) * DEPARTING),
            Ordering::Acquire,
            Ordering::Relaxed,
        ) {
            old = now;
        }
        old != 0
    }

    /// The upgradable reader writes, if nobody else reads.
    #[inline]
    pub fn try_upgrade(&self) -> bool {
        // Acquire: as in `upgrade`.
        self.state.compare_exchange(0, WRITER, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// The upgradable reader becomes an ordinary one.
    ///
    /// # Errors
    ///
    /// [`TooMany`]; it is still what it was.
    pub fn downgrade_upgradable(&self) -> Result<(), TooMany> {
        self.rlock()?;
        self.writers.unlock();
        Ok(())
    }

    /// Who writes becomes the upgradable reader.
    #[inline]
    pub fn downgrade_to_upgradable(&self) {
        // Release: pairs with the Acquire of those who read or write next.
        let old = self.state.fetch_sub(WRITER, Ordering::Release);
        self.admit(old);
    }

    /// Lets those go on who waited to read.
    #[inline]
    fn admit(&self, old: u64) {
        if readers(old) != 0 {
            semrelease(&self.reader_sema, readers(old) as u32);
        }
    }

    /// Whether anybody has it or wants to write, at some moment during the call.
    pub fn is_locked(&self) -> bool {
        self.state.load(Ordering::Relaxed) != 0 || self.writers.is_locked()
    }

    /// Whether somebody writes, at some moment during the call.
    pub fn is_locked_exclusive(&self) -> bool {
        let state = self.state.load(Ordering::Relaxed);
        state & WRITER != 0 && state < DEPARTING
    }
}
