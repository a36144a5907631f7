//! Waiting in the table of waiters, but not for ever.
//!
//! A goroutine's time is up when its timer fires, a thread's when the kernel wakes it. Then the waiter is
//! taken out of the table, under the same lock under which others take it out to wake it: so one of the
//! two happens. Under that lock, too, whoever made it wait is asked whether it may go ([`park_until`]):
//! what the others count on is changed in the same step, or a wake-up that is for this waiter is on its
//! way already, and has to be waited for.
//!
//! The timer is set before the waiter has entered the table, and may fire at once.
//!
//! # Safety
//!
//! What the timer is given is on the stack of who parks; it stops the timer, and waits for its function
//! to return, before it leaves.

#![allow(unsafe_code)]

use super::waiters::Woken;
use super::{Entry, Wait, bucket};
use crate::prim::Cell;
use crate::timer::Owned;

/// How waiting has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parked {
    /// There was nothing to wait for.
    Not,
    /// Somebody has woken it.
    Woken,
    /// The time was up.
    TimedOut,
    /// The time was up before it had entered: `parted` has not been called.
    TooLate,
}

/// What there is to do when the time is up. Under the table's lock.
struct End<L> {
    leave: Cell<Option<L>>,
    /// It was up before the waiter had entered.
    early: Cell<bool>,
    timed_out: Cell<bool>,
}

impl<L: FnOnce() -> bool> End<L> {
    /// The time is up: whether the waiter may go.
    fn come(&self) -> bool {
        let goes = self.leave.take().is_some_and(|leave| leave());
        self.timed_out.set(goes);
        goes
    }
}

/// What the timer is about.
struct Timed<'a, C, P, L> {
    entry: &'a Entry<C, P>,
    end: &'a End<L>,
}

/// As [`park_at`](super::park_at), but waits no longer than until `until`, in nanoseconds of monotonic
/// time; if there is no memory for a timer, not at all.
///
/// When the time is up `leave` is called under the table's lock; if it says `false`, waiting goes on
/// until somebody wakes it. It may change words, and nothing else.
pub fn park_until<C, P, L>(wait: Wait, until: u64, check: C, parted: P, leave: L) -> Parked
where
    C: FnOnce() -> bool,
    P: FnOnce(),
    L: FnOnce() -> bool,
{
    let end =
        End { leave: Cell::new(Some(leave)), early: Cell::new(false), timed_out: Cell::new(false) };
    let check = || check() && !(end.early.get() && end.come());
    let entry = Entry::new(wait, check, parted);
    let timed = Timed { entry: &entry, end: &end };
    // Dropped before what it is about.
    let _alarm = entry.waiter.is_goroutine().then(|| timed.alarm(until));
    entry.wait(wait.reason, || timed.sleep(until));
    match (end.timed_out.get(), entry.waited.get()) {
        (true, true) => Parked::TimedOut,
        (true, false) => Parked::TooLate,
        (false, true) => Parked::Woken,
        (false, false) => Parked::Not,
    }
}

impl<C, P, L: FnOnce() -> bool> Timed<'_, C, P, L> {
    /// A timer that is set; none if it cannot be had.
    fn alarm(&self, until: u64) -> Option<Owned> {
        let at = core::ptr::from_ref(self).expose_provenance();
        // SAFETY: `self` is there until the timer has been dropped; `ring` readies, and no more.
        let alarm = unsafe { Owned::new(Self::ring, at, 0) };
        let alarm = alarm.ok().filter(|alarm| alarm.set(until).is_ok());
        if alarm.is_none() {
            self.end.early.set(true);
        }
        alarm
    }

    /// # Safety
    ///
    /// There is such a one at `at`, which waits or is about to.
    unsafe fn ring(at: usize, _when: u64) {
        // SAFETY: the caller's contract.
        unsafe { (*core::ptr::with_exposed_provenance::<Self>(at)).time_is_up() };
    }

    /// Takes the waiter out and wakes it, if it is there and may go.
    fn time_is_up(&self) {
        let waiter = &self.entry.waiter;
        let bucket = bucket(waiter.key()).0.lock();
        if !waiter.is_queued() {
            // Or it has been woken, and does not look any more.
            return self.end.early.set(true);
        }
        if self.end.come() {
            let mut woken = Woken::nobody();
            bucket.remove(waiter, &mut woken);
            drop(bucket);
            woken.wake_all();
        }
    }

    /// A thread sleeps until it is woken or the time is up.
    fn sleep(&self, until: u64) {
        if !self.entry.waiter.bed().sleep_until(until) {
            self.time_is_up();
            self.entry.waiter.sleep();
        }
    }
}
