//! Many who read or one who writes. Go: `sync.RWMutex`.
//!
//! # Protocol
//!
//! Who wants to write first gets `writers`, a mutex, and then says so in `state` ([`WRITER`]). If there are
//! readers it waits ([`PENDING`]); whoever counts itself out and leaves none takes [`PENDING`] away and wakes
//! it. When it is done it takes [`WRITER`] away, and lets all readers in that wait, before the next who wants
//! to write: so neither keeps the other out.
//!
//! `state` counts, in its lower half, those who read, and in its upper half those who wait to
//! ([`WAITING`]). Who comes to read counts itself below; if it finds [`WRITER`] it moves itself above and
//! waits, unless [`WRITER`] has gone by then. If it was the only one below, it sees to the writer as others do
//! who count themselves out. Those who wait are moved below again by whoever lets them in.
//!
//! Who holds `writers` without having said anything keeps out others who want to write, and nobody
//! else: this is the *upgradable* reader.
//!
//! A reader that may be one already must not wait for a writer that waits for it. It goes in as long as
//! [`PENDING`] is there; its own earlier lock may be the reason.
//!
//! Who does not wait for ever takes back what it has said when its time is up, under the lock of the table
//! in which it waits, unless somebody is about to wake it; then it waits for that. While [`WRITER`] is there
//! nobody is about to wake a reader: who has taken it away before has let in all that had moved above before
//! it let go of `writers`. And while [`PENDING`] is there nobody is about to wake the writer. A writer that
//! gives up lets those in who wait to read, before it lets go of `writers`.
//!
//! Modelled by loom in `tests/loom_rwmutex.rs`.

use super::{Mutex, Place, semacquire, semacquire_until, semrelease};
use crate::prim::{AtomicU32, AtomicU64, Ordering, const_fn, fence};
use crate::sched::park::WaitReason;
use crate::sched::waits::waiting_for;

/// One who reads or waits to.
const READER: u64 = 1;
/// So many read that counting ends.
const FULL: u64 = 1 << 30;
/// Somebody writes, or is the next to.
const WRITER: u64 = 1 << 31;
/// It waits for those who read. Only together with `WRITER`.
const PENDING: u64 = 1 << 32;
/// One who waits to read.
const WAITING: u64 = 1 << 33;

fn readers(state: u64) -> u64 {
    state & (WRITER - 1)
}

/// The state without [`PENDING`], if it was there and nobody reads.
fn ready(state: u64) -> Option<u64> {
    (state & PENDING != 0 && readers(state) == 0).then_some(state & !PENDING)
}

/// See the module. Who reads is not kept, and who writes for reports only: whoever has reason to may unlock it.
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
            self.runlock();
            return Err(TooMany);
        }
        if !self.move_above() {
            return Ok(true);
        }
        let (sema, reason) = (&self.reader_sema, WaitReason::RwMutexRLock);
        let Some(until) = until else {
            waiting_for(self.writers.holder(), || semacquire(sema, Place::Back, reason));
            return Ok(true);
        };
        let leave = || {
            let fewer = |old| (old & WRITER != 0).then(|| old - WAITING);
            self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer).is_ok()
        };
        Ok(semacquire_until(sema, Place::Back, reason, until, leave))
    }

    /// One who is counted as a reader waits instead, unless nobody writes any more: whether it does.
    fn move_above(&self) -> bool {
        let mut old = self.state.load(Ordering::Relaxed);
        while old & WRITER != 0 {
            let moved = old - READER + WAITING;
            let ready = ready(moved);
            // Acquire: as in `runlock_slow`.
            match self.state.compare_exchange(
                old,
                ready.unwrap_or(moved),
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    if ready.is_some() {
                        semrelease(&self.writer_sema, 1);
                    }
                    return true;
                }
                Err(now) => old = now,
            }
        }
        // Acquire: pairs with the Release of who has taken `WRITER` away.
        fence(Ordering::Acquire);
        false
    }

    /// Locks it to read unless somebody writes, or waits to.
    ///
    /// # Errors
    ///
    /// [`TooMany`].
    #[inline]
    pub fn try_rlock(&self) -> Result<bool, TooMany> {
        self.join_if(|old| old & WRITER == 0)
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
        self.join_if(|old| old & (WRITER | PENDING) != WRITER)
    }

    /// One more reads, if `may` says so.
    #[inline]
    fn join_if(&self, may: impl Fn(u64) -> bool) -> Result<bool, TooMany> {
        let mut old = self.state.load(Ordering::Relaxed);
        while may(old) {
            if old & FULL != 0 {
                return Err(TooMany);
            }
            // Acquire: pairs with the Release of `unlock`.
            match self.state.compare_exchange_weak(
                old,
                old + READER,
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
        // Release: pairs with the Acquire of who writes next.
        let old = self.state.fetch_sub(READER, Ordering::Release);
        if old & PENDING != 0 && readers(old) == READER {
            self.runlock_slow();
        }
    }

    /// Wakes the writer, if nobody reads and nobody else has woken it.
    #[cold]
    fn runlock_slow(&self) {
        // Acquire: pairs with the Release in `runlock` of the others, so that the writer, who comes
        // after this, comes after all.
        if self.state.fetch_update(Ordering::Acquire, Ordering::Relaxed, ready).is_ok() {
            semrelease(&self.writer_sema, 1);
        }
    }

    /// Locks it to write.
    #[inline]
    pub fn lock(&self) {
        self.writers.lock_unsaid();
        self.upgrade();
        self.writers.holder().set();
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
        self.writers.holder().clear();
        self.downgrade_to_upgradable();
        self.writers.unlock_unsaid();
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
        if old >= WAITING {
            self.admit();
        }
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
        let leave = || {
            let take_back = |old| (old & PENDING != 0).then_some(old & !(WRITER | PENDING));
            self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take_back).is_ok()
        };
        let (sema, reason) = (&self.writer_sema, WaitReason::RwMutexLock);
        let got = semacquire_until(sema, Place::Back, reason, until, leave);
        if !got {
            self.admit();
        }
        got
    }

    /// Says that somebody is about to write. Whether there is anybody to wait for.
    #[inline]
    fn announce(&self) -> bool {
        let mut old = 0;
        loop {
            let pending = if readers(old) == 0 { 0 } else { PENDING };
            // Acquire: pairs with the Release of `runlock` and `unlock`.
            match self.state.compare_exchange(
                old,
                old | WRITER | pending,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return pending != 0,
                Err(now) => old = now,
            }
        }
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
        if old >= WAITING {
            self.admit();
        }
    }

    /// Lets those in who wait to read. By who has `writers`, and has taken `WRITER` away: so there will not
    /// be more.
    #[cold]
    fn admit(&self) {
        let waiting = self.state.load(Ordering::Relaxed) / WAITING;
        if waiting != 0 {
            self.state.fetch_sub(waiting * (WAITING - READER), Ordering::Relaxed);
            semrelease(&self.reader_sema, waiting as u32);
        }
    }

    /// Whether anybody has it or wants to write, at some moment during the call.
    pub fn is_locked(&self) -> bool {
        self.state.load(Ordering::Relaxed) != 0 || self.writers.is_locked()
    }

    /// Whether somebody writes, at some moment during the call.
    pub fn is_locked_exclusive(&self) -> bool {
        let state = self.state.load(Ordering::Relaxed);
        state & (WRITER | PENDING) == WRITER
    }
}
