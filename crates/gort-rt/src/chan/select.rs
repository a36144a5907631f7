//! One of several channel operations. Go: `selectgo`.
//!
//! # The problem
//!
//! Several operations, of which the first that is possible is to happen, and no other; if several
//! are possible, any of them with the same probability.
//!
//! # Protocol
//!
//! 1. Look at every channel without its lock, and take one at random of those that look ready. Lock
//!    it and try. Mostly that is all.
//! 2. If none is ready: lock all channels, in the order of the locks' addresses, so that two selects
//!    do not wait for each other. Look again, for sure now.
//! 3. Still none: wait at every channel, let go of all, and park, once.
//! 4. Whoever comes along at one of the channels makes its case the winner, by a compare-and-swap;
//!    who comes at another finds that out and passes on. When woken, leave the other queues.
//!
//! A send whose value is yet to be made (see `mod.rs`) waits with no value, and is chosen by promise.
//!
//! # Safety
//!
//! The sudogs are in the cases, which the caller lends for the call; they are in no queue when it
//! returns.

#![allow(unsafe_code)]

use super::base::{Base, Promise, Side};
use super::hchan::{AnyChannel, Channel, Found};
use super::wait::Wait;
use super::waitq::{Channels, Held, Outcome, Sudog, Waiter, Wakes, release};
use crate::prim::Cell;
use crate::sched::park::WaitReason;
use crate::sched::rand::cheaprandn;
use core::ptr::{NonNull, null_mut};
use gort_sys::context::slot;

/// An operation that may be chosen.
pub struct Case<'a> {
    /// None for a channel where nothing ever happens.
    channel: Option<&'a dyn Channel>,
    side: Side,
    /// Where a received value goes.
    to: *mut (),
    sudog: Sudog,
    /// Which of the cases is the one that waits first, second, and so on, in the place of the first,
    /// second, and so on.
    turn: Cell<u32>,
}

impl<'a> Case<'a> {
    /// To send, by a promise.
    pub fn send(channel: AnyChannel<'a>) -> Case<'a> {
        Case::new(Some(channel), Side::Send, null_mut())
    }

    /// To receive.
    ///
    /// # Safety
    ///
    /// `to` has room for a value of the channel's until the end of [`select`], which says whether
    /// there is one.
    pub unsafe fn receive(channel: Option<AnyChannel<'a>>, to: *mut ()) -> Case<'a> {
        Case::new(channel, Side::Receive, to)
    }

    fn new(channel: Option<AnyChannel<'a>>, side: Side, to: *mut ()) -> Case<'a> {
        let channel = channel.map(|channel| channel.0);
        Case { channel, side, to, sudog: Sudog::new(), turn: Cell::new(0) }
    }

    pub(super) fn base(&self) -> Option<&'a Base> {
        self.channel.map(Channel::base)
    }

    fn is_ready(&self) -> bool {
        self.base().is_some_and(|base| base.is_ready(self.side))
    }
}

/// What has been chosen.
#[derive(Debug)]
pub enum Chosen {
    /// A value has been received, and is where it was to go.
    Received,
    /// A receive found the channel closed.
    Closed,
    /// A send is to happen.
    Send(Promise),
}

/// How to choose.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// The first of those that are possible, not any.
    pub biased: bool,
    /// How long to wait until one is possible.
    pub wait: Wait,
}

/// One step of a select.
enum Step {
    /// This is it. No latch is held.
    Done(Chosen),
    /// It came to nothing; no latch is held.
    Again,
    /// It is not possible after all. The latches are held.
    Not,
}

/// Chooses a case that is possible, and does it. What waits: the goroutine, or the thread if it is an
/// ordinary one, until one is possible, or not at all if it is not to wait; then there is none.
/// Nothing is allocated. Go: `selectgo`.
///
/// `held` has as many places as there are cases.
pub fn select(cases: &[Case<'_>], held: &[Held], how: How) -> Option<(usize, Chosen)> {
    loop {
        while let Some((i, case, channel)) = pick(cases, how) {
            let latch = &channel.base().latch;
            slot::lock();
            latch.acquire();
            match attempt(case, channel, &[Held::by(latch)]) {
                Step::Done(chosen) => return Some((i, chosen)),
                Step::Again => {}
                Step::Not => {
                    latch.release();
                    slot::unlock();
                }
            }
        }
        if how.wait.is_over() {
            return None;
        }
        match wait(cases, held, how) {
            Waited::Done(i, chosen) => return Some((i, chosen)),
            Waited::TimedOut => return None,
            Waited::Again => {}
        }
    }
}

/// A case that looks ready.
fn pick<'c, 'a>(cases: &'c [Case<'a>], how: How) -> Option<(usize, &'c Case<'a>, &'a dyn Channel)> {
    let mut picked = None;
    let mut count = 0;
    for (i, case) in cases.iter().enumerate() {
        let Some(channel) = case.channel.filter(|_| case.is_ready()) else { continue };
        count += 1;
        if count == 1 || cheaprandn(count) == 0 {
            picked = Some((i, case, channel));
        }
        if how.biased {
            break;
        }
    }
    picked
}

/// Does one case, if it is possible, under its latch and the others in `held`.
fn attempt(case: &Case<'_>, channel: &dyn Channel, held: &[Held]) -> Step {
    let mut wakes = Wakes::none();
    let mut unused = None;
    let chosen = match case.side {
        Side::Send => match channel.base().reserve() {
            Some(promise) => Chosen::Send(promise),
            None => return Step::Not,
        },
        // SAFETY: the latch is held; the place is what `Case::receive` was given.
        Side::Receive => match unsafe { channel.take(case.to, &mut wakes) } {
            Found::Value(segment) => {
                unused = segment;
                Chosen::Received
            }
            Found::Closed => Chosen::Closed,
            Found::Nothing => return Step::Not,
            Found::Promise(sender) => return meet(case, sender, held),
        },
    };
    release(held);
    wakes.wake_all();
    slot::unlock();
    drop(unused);
    Step::Done(chosen)
}

/// Receives from a sender who has yet to make its value.
fn meet(case: &Case<'_>, sender: NonNull<Sudog>, held: &[Held]) -> Step {
    let waiter = Waiter::new();
    case.sudog.set(&waiter, case.to);
    let mut wakes = Wakes::none();
    // SAFETY: taken out of its queue by `take`; it is woken when we are parked.
    unsafe { wakes.push(sender, Outcome::Meet(NonNull::from(&case.sudog))) };
    match waiter.park(held, wakes, WaitReason::Select) {
        Outcome::Again => Step::Again,
        _ => Step::Done(Chosen::Received),
    }
}

/// What came of waiting.
enum Waited {
    Done(usize, Chosen),
    /// Nothing; try again.
    Again,
    /// Nothing, and there is no more time.
    TimedOut,
}

/// Waits at all channels until one case is possible, and does it.
fn wait(cases: &[Case<'_>], held: &[Held], how: How) -> Waited {
    let held = lock_all(cases, held);
    while let Some((i, case, channel)) = pick(cases, how) {
        match attempt(case, channel, held) {
            Step::Done(chosen) => return Waited::Done(i, chosen),
            Step::Again => return Waited::Again,
            // Who made it look ready had gone on with something else, and is out of the queue now.
            Step::Not => {}
        }
    }
    let waiter = Waiter::new();
    let mut wakes = Wakes::none();
    for (i, case) in cases.iter().enumerate() {
        case.turn.set(i as u32);
    }
    // Of several cases at one channel the first that waits is the first that is found.
    if !how.biased && held.len() < cases.len() {
        shuffle(cases);
    }
    for turn in cases {
        let i = turn.turn.get() as usize;
        let Some(case) = cases.get(i) else { continue };
        let Some(base) = case.base() else { continue };
        case.sudog.set_case(&waiter, case.to, i);
        base.wait(case.side, &case.sudog, &mut wakes);
    }
    let at = Channels::Several(cases);
    let outcome = waiter.park_at(&at, held, wakes, WaitReason::Select, how.wait);
    let winner = waiter.winner();
    for (_, case) in cases.iter().enumerate().filter(|(i, _)| *i != winner) {
        let Some(base) = case.base() else { continue };
        base.give_up(case.side, &case.sudog);
    }
    let Some(case) = cases.get(winner) else { return Waited::TimedOut };
    let chosen = match (case.side, outcome) {
        (_, Outcome::Again) => return Waited::Again,
        (Side::Send, outcome) => match Promise::of(outcome) {
            Some(promise) => Chosen::Send(promise),
            None => return Waited::Again,
        },
        (Side::Receive, Outcome::Closed) => Chosen::Closed,
        (Side::Receive, _) => Chosen::Received,
    };
    Waited::Done(winner, chosen)
}

/// A case that looks as if it were possible, now or, if it is to wait, as soon as there is one. What
/// waits is as for [`select`], and nothing is allocated either.
pub fn ready(cases: &[Case<'_>], held: &[Held], how: How) -> Option<usize> {
    loop {
        if let Some((i, ..)) = pick(cases, how) {
            return Some(i);
        }
        if how.wait.is_over() {
            return None;
        }
        let held = lock_all(cases, held);
        if let Some((i, ..)) = pick(cases, how) {
            release(held);
            slot::unlock();
            return Some(i);
        }
        let waiter = Waiter::new();
        for (i, case) in cases.iter().enumerate() {
            let Some(base) = case.base() else { continue };
            case.sudog.set_case(&waiter, null_mut(), i);
            base.watch(&case.sudog);
        }
        let at = Channels::Several(cases);
        let wakes = Wakes::none();
        let outcome = waiter.park_at(&at, held, wakes, WaitReason::Select, how.wait);
        for case in cases {
            let Some(base) = case.base() else { continue };
            base.enter();
            base.unwatch(&case.sudog);
            base.leave(Wakes::none());
        }
        if let Outcome::TimedOut = outcome {
            return None;
        }
    }
}

/// Raises `locks` and takes the latches of all channels, each once. Returns those that are held.
fn lock_all<'h>(cases: &[Case<'_>], held: &'h [Held]) -> &'h [Held] {
    slot::lock();
    let mut count = 0;
    for (base, place) in cases.iter().filter_map(Case::base).zip(held) {
        place.set(&base.latch);
        count += 1;
    }
    let held = order(held.split_at_checked(count).map_or(held, |(used, _)| used));
    for latch in held {
        // SAFETY: of a case's channel.
        unsafe { (*latch.get()).acquire_another() };
    }
    held
}

/// Sorts by address (heapsort: in place, and never slow), and leaves each out that is there twice.
fn order(held: &[Held]) -> &[Held] {
    for root in (0..held.len() / 2).rev() {
        sift(held, root);
    }
    let mut heap = held;
    while let [first, .., last] = heap {
        swap(first, last);
        heap = heap.split_last().map_or(heap, |(_, rest)| rest);
        sift(heap, 0);
    }
    let mut kept = 0;
    let mut before = core::ptr::null();
    for latch in held.iter().map(Held::get) {
        if latch != before
            && let Some(place) = held.get(kept)
        {
            place.set(latch);
            before = latch;
            kept += 1;
        }
    }
    held.split_at_checked(kept).map_or(held, |(used, _)| used)
}

/// Any order of turns, with the same probability (Fisher and Yates).
fn shuffle(cases: &[Case<'_>]) {
    for (i, case) in cases.iter().enumerate() {
        let other = cases.get(cheaprandn(i as u32 + 1) as usize).unwrap_or(case);
        let turn = case.turn.replace(other.turn.get());
        other.turn.set(turn);
    }
}

/// Lets the latch at `at` sink to its place in the heap.
fn sift(heap: &[Held], mut at: usize) {
    loop {
        let mut below = 2 * at + 1;
        if let (Some(left), Some(right)) = (heap.get(below), heap.get(below + 1))
            && left.get() < right.get()
        {
            below += 1;
        }
        match (heap.get(at), heap.get(below)) {
            (Some(here), Some(larger)) if here.get() < larger.get() => swap(here, larger),
            _ => return,
        }
        at = below;
    }
}

fn swap(one: &Held, other: &Held) {
    let latch = one.get();
    one.set(other.get());
    other.set(latch);
}
