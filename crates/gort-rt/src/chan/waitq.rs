//! Who waits at a channel. Go: `sudog`, `waitq`.
//!
//! # Safety
//!
//! A [`Sudog`] and its [`Waiter`] lie on the stack of whoever waits, which does not move, and which
//! nobody leaves before they have been taken out of every queue and everything that was begun with
//! them is over. So a pointer found in a queue, under the channel's lock, is good; and one that was
//! taken out ([`WaitQ::dequeue`]) is good until [`Wakes::wake_all`] has woken who waits.
//!
//! A sudog's links belong to the lock of the channel in whose queue it is, then to whoever took it
//! out.

#![allow(unsafe_code)]

use super::base::Base;
use super::select::Case;
use super::wait::{Wait, set_alarm, wait_thread};
use crate::lock::Latch;
use crate::obj::g::{G, current};
use crate::prim::{AtomicPtr, AtomicU32, Cell, Ordering, const_fn};
use crate::sched::bed::Bed;
use crate::sched::park::{WaitReason, gopark_raised, goready_raised};
use crate::sched::waits::waiting_for;
use crate::timer::alarm;
use core::ptr::{NonNull, null, null_mut};
use gort_sys::context::slot;

/// What somebody who waited is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    /// Nothing yet.
    Waiting,
    /// The value has changed hands. To a watcher: its operation may be possible.
    Done,
    /// The channel is closed.
    Closed,
    /// To who will send a value that is yet to be made: there is a place for it.
    Room,
    /// The same: this receiver waits for it.
    Meet(NonNull<Sudog>),
    /// Nothing came of it; try again.
    Again,
    /// Nothing came of it in time.
    TimedOut,
}

/// [`Waiter::winner`] before anybody has come.
const OPEN: u32 = u32::MAX;

/// [`Waiter::winner`] when none of the cases has happened in time.
const TIMED_OUT: u32 = u32::MAX - 1;

/// A party that waits: for one operation, or for several of which one is to happen.
#[derive(Debug)]
pub(crate) struct Waiter {
    /// The goroutine, or none if a thread waits in `bed`.
    gp: Option<&'static G>,
    pub(super) bed: Bed,
    /// Which case of several has won: whoever changes it from [`OPEN`] goes on with that case.
    winner: AtomicU32,
    /// Written by who took the party out of the queue, read by the party when it is woken.
    outcome: Cell<Outcome>,
}

impl Waiter {
    /// The calling goroutine or thread.
    #[inline]
    pub(crate) fn new() -> Waiter {
        Waiter {
            gp: current(),
            bed: Bed::new(),
            winner: AtomicU32::new(OPEN),
            outcome: Cell::new(Outcome::Waiting),
        }
    }

    /// Waits until woken, having let go of `held` and woken `wakes`. `locks` is raised once, and
    /// lowered afterwards. What waits: the goroutine, or the thread if it is an ordinary one.
    pub(crate) fn park(&self, held: &[Held], wakes: Wakes, reason: WaitReason) -> Outcome {
        self.park_until(held, wakes, reason, Wait::Ever)
    }

    /// [`park`](Waiter::park) for as long as `wait` says. All its sudogs are cases, and if it runs out
    /// of time they are still in their queues; it has to take the channels' latches to leave them.
    pub(crate) fn park_until(
        &self,
        held: &[Held],
        wakes: Wakes,
        reason: WaitReason,
        wait: Wait,
    ) -> Outcome {
        let when = wait.until();
        let parting = Parting { held, wakes, alarm: when.map(|when| (self, when)) };
        if let Some(gp) = self.gp {
            gopark_raised(commit, core::ptr::from_ref(&parting).expose_provenance(), reason);
            if when.is_some() && self.winner() != TIMED_OUT as usize {
                alarm::stop(gp);
            }
        } else {
            parting.part();
            slot::unlock();
            wait_thread(self, when);
        }
        self.outcome.get()
    }

    /// [`park_until`](Waiter::park_until), at these channels.
    #[inline(always)]
    pub(crate) fn park_at(
        &self,
        channels: &Channels<'_>,
        held: &[Held],
        wakes: Wakes,
        reason: WaitReason,
        wait: Wait,
    ) -> Outcome {
        let park = || self.park_until(held, wakes, reason, wait);
        if wait.until().is_some() { park() } else { waiting_for(channels, park) }
    }

    /// Makes it the case that no other has happened in time, unless one has.
    pub(super) fn time_is_up(&self) -> bool {
        // AcqRel: see `Sudog::claim`.
        let first = self
            .winner
            .compare_exchange(OPEN, TIMED_OUT, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok();
        if first {
            self.outcome.set(Outcome::TimedOut);
        }
        first
    }

    /// Which case has won, once woken.
    pub(crate) fn winner(&self) -> usize {
        self.winner.load(Ordering::Relaxed) as usize
    }

    /// # Safety
    ///
    /// It waits, and has been taken out by the caller. It may be gone afterwards.
    pub(super) unsafe fn wake(waiter: NonNull<Waiter>) {
        // SAFETY: the caller's contract.
        let waiter = unsafe { waiter.as_ref() };
        match waiter.gp {
            Some(gp) => goready_raised(gp),
            None => waiter.bed.tell(),
        }
    }
}

/// Where somebody waits: for those who ask what for.
pub(crate) enum Channels<'a> {
    One(&'a Base),
    Several(&'a [Case<'a>]),
}

impl Channels<'_> {
    /// Each of them.
    pub(crate) fn each(&self, mut f: impl FnMut(&Base)) {
        match self {
            Channels::One(base) => f(base),
            Channels::Several(cases) => cases.iter().filter_map(Case::base).for_each(f),
        }
    }
}

/// A channel's latch that is held, or a place for one.
#[derive(Debug)]
pub struct Held(Cell<*const Latch>);

impl Held {
    const_fn! {
        /// None.
        #[allow(clippy::new_without_default, reason = "a place, not a value")]
        pub const fn new() -> Held {
            Held(Cell::new(null()))
        }
    }

    /// The one of a channel that is there while this is used.
    #[inline]
    pub(crate) fn by(latch: &Latch) -> Held {
        Held(Cell::new(latch))
    }

    pub(crate) fn get(&self) -> *const Latch {
        self.0.get()
    }

    pub(crate) fn set(&self, latch: *const Latch) {
        self.0.set(latch);
    }
}

/// Lets go of all.
pub(crate) fn release(held: &[Held]) {
    for latch in held {
        // SAFETY: of a channel that the caller, or who has parked, is at.
        unsafe { (*latch.get()).release() };
    }
}

/// What is left to do when nobody is on the stack of who parks any more.
#[derive(Clone, Copy)]
struct Parting<'a> {
    held: &'a [Held],
    wakes: Wakes,
    alarm: Option<(&'a Waiter, u64)>,
}

impl Parting<'_> {
    /// Once the last latch is free, or the last party woken, the frame that `held` lies in may be gone.
    /// Not before: who parked with several takes each of them when it comes back.
    fn part(self) {
        release(self.held);
        self.wakes.wake_all();
    }
}

fn commit(gp: &'static G, parting: usize) -> bool {
    // SAFETY: on the stack of who has just parked, in `park`.
    // Read at once: when the alarm is set it may ring, and the frame of `park_until` be gone.
    let parting = unsafe { *core::ptr::with_exposed_provenance::<Parting<'_>>(parting) };
    let goes_on = parting.alarm.is_none_or(|(waiter, when)| set_alarm(gp, waiter, when));
    parting.part();
    goes_on
}

/// A party at one channel. Go: `sudog`.
#[derive(Debug)]
pub(crate) struct Sudog {
    next: Cell<*const Sudog>,
    prev: Cell<*const Sudog>,
    waiter: Cell<*const Waiter>,
    /// Where the value is, or is to go. Null for a value that is yet to be made, and for a watcher.
    elem: Cell<*mut ()>,
    /// Which of the party's cases this is.
    case: Cell<u32>,
    /// Whether it has others.
    one_of_many: Cell<bool>,
    queued: Cell<bool>,
}

impl Sudog {
    const_fn! {
        /// Nobody's yet.
        #[inline]
        pub(crate) const fn new() -> Sudog {
            Sudog {
                next: Cell::new(null()),
                prev: Cell::new(null()),
                waiter: Cell::new(null()),
                elem: Cell::new(null_mut()),
                case: Cell::new(0),
                one_of_many: Cell::new(false),
                queued: Cell::new(false),
            }
        }
    }

    /// For `waiter`'s only operation, which waits for as long as `wait` says.
    #[inline]
    pub(crate) fn set_until(&self, waiter: &Waiter, elem: *mut (), wait: Wait) {
        match wait {
            // To run out of time is another case.
            Wait::Until(_) => self.set_case(waiter, elem, 0),
            Wait::Not | Wait::Ever => self.set(waiter, elem),
        }
    }

    /// For `waiter`'s only operation.
    #[inline]
    pub(crate) fn set(&self, waiter: &Waiter, elem: *mut ()) {
        self.waiter.set(waiter);
        self.elem.set(elem);
    }

    /// For one of `waiter`'s cases.
    #[inline]
    pub(crate) fn set_case(&self, waiter: &Waiter, elem: *mut (), case: usize) {
        self.set(waiter, elem);
        self.case.set(case as u32);
        self.one_of_many.set(true);
    }

    /// Where the value is or goes.
    #[inline]
    pub(crate) fn elem(&self) -> *mut () {
        self.elem.get()
    }

    /// Makes this the case that happens, unless another has been faster.
    #[inline]
    pub(crate) fn claim(&self) -> bool {
        if !self.one_of_many.get() {
            return true;
        }
        // SAFETY: see the module: in a queue, or the caller's own.
        let winner = unsafe { &(*self.waiter.get()).winner };
        // AcqRel: between those who claim, so that what the winner found is older than what the
        // others see. What it tells the party goes by the wake-up.
        winner.compare_exchange(OPEN, self.case.get(), Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

/// First in, first out, and out of the middle: a ring of sudogs. Under its channel's lock, except
/// [`is_empty`](WaitQ::is_empty). Go: `waitq`.
#[derive(Debug)]
pub(crate) struct WaitQ(AtomicPtr<Sudog>);

impl WaitQ {
    const_fn! {
        pub(crate) const fn new() -> WaitQ {
            WaitQ(AtomicPtr::new(null_mut()))
        }
    }

    /// Whether nobody is here; without the lock a hint.
    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.first().is_null()
    }

    #[inline(always)]
    fn first(&self) -> *const Sudog {
        // Acquire: pairs with the Release in `set_first`: what is looked at next without the lock is
        // not older.
        self.0.load(Ordering::Acquire)
    }

    #[inline(always)]
    fn set_first(&self, first: *const Sudog) {
        // Release: pairs with the Acquire in `first`.
        self.0.store(first.cast_mut(), Ordering::Release);
    }

    /// To the end.
    pub(crate) fn enqueue(&self, sudog: &Sudog) {
        let first = self.first();
        // SAFETY: sudogs in the queue are good, by the module's rules.
        match unsafe { first.as_ref() } {
            None => {
                sudog.next.set(sudog);
                sudog.prev.set(sudog);
                self.set_first(sudog);
            }
            Some(first) => {
                sudog.next.set(first);
                sudog.prev.set(first.prev.get());
                // SAFETY: as above.
                unsafe { (*first.prev.get()).next.set(sudog) };
                first.prev.set(sudog);
            }
        }
        sudog.queued.set(true);
    }

    /// Out of the queue, if it is in it.
    pub(crate) fn remove(&self, sudog: &Sudog) {
        if !sudog.queued.replace(false) {
            return;
        }
        let next = sudog.next.get();
        if core::ptr::eq(next, sudog) {
            self.set_first(null());
            return;
        }
        let prev = sudog.prev.get();
        // SAFETY: sudogs in the queue are good, by the module's rules.
        unsafe {
            (*next).prev.set(prev);
            (*prev).next.set(next);
        }
        if core::ptr::eq(self.first(), sudog) {
            self.set_first(next);
        }
    }

    /// The first that still waits: the caller's to go on with, and to wake.
    #[inline]
    pub(crate) fn dequeue(&self) -> Option<NonNull<Sudog>> {
        loop {
            let first = NonNull::new(self.first().cast_mut())?;
            // SAFETY: sudogs in the queue are good, by the module's rules.
            let sudog = unsafe { first.as_ref() };
            self.remove(sudog);
            if sudog.claim() {
                return Some(first);
            }
        }
    }
}

/// Parties to be woken once the lock is free, in order.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(crate) struct Wakes {
    first: *const Sudog,
    last: *const Sudog,
}

impl Wakes {
    /// Nobody.
    #[inline(always)]
    pub(crate) fn none() -> Wakes {
        Wakes { first: null(), last: null() }
    }

    /// One more, and what it is told.
    ///
    /// # Safety
    ///
    /// The caller has taken it out of its queue, and is done with it.
    #[inline]
    pub(crate) unsafe fn push(&mut self, sudog: NonNull<Sudog>, outcome: Outcome) {
        // SAFETY: the caller's contract: it waits until it is woken.
        unsafe {
            (*sudog.as_ref().waiter.get()).outcome.set(outcome);
            sudog.as_ref().next.set(null());
            match self.last.as_ref() {
                None => self.first = sudog.as_ptr(),
                Some(last) => last.next.set(sudog.as_ptr()),
            }
        }
        self.last = sudog.as_ptr();
    }

    /// Wakes them. `locks` is raised, no lock is held.
    #[inline(always)]
    pub(crate) fn wake_all(self) {
        if !self.first.is_null() {
            self.wake_some();
        }
    }

    fn wake_some(self) {
        let mut next = self.first;
        // SAFETY: each waits until it is woken here.
        while let Some(sudog) = unsafe { next.as_ref() } {
            next = sudog.next.get();
            // SAFETY: as above; the waiter of a sudog in a list is not null.
            unsafe { Waiter::wake(NonNull::new_unchecked(sudog.waiter.get().cast_mut())) };
        }
    }
}
