//! What channels are, whatever the type of their values.
//!
//! All fields are under the latch. Some are read without it, as hints; what such a look may conclude
//! is said there.
//!
//! # Safety
//!
//! What is taken out of a queue waits until it is woken (`waitq.rs`).

#![allow(unsafe_code)]

use super::waitq::{Outcome, Sudog, WaitQ, Wakes};
use crate::lock::Latch;
use crate::prim::{AtomicU32, AtomicUsize, Ordering, Word};
use core::ptr::NonNull;
use gort_sys::context::slot;

/// The parts that do not depend on the type of the values.
///
/// What is changed by a send and a receive that find the other side absent is in one cache line,
/// with the buffer's two positions, which follow.
#[repr(C, align(64))]
pub(crate) struct Base {
    pub(crate) latch: Latch,
    /// [`BOUNDED`], [`CLOSED`], [`WATCHED`].
    flags: AtomicU32,
    /// Values in the buffer.
    pub(crate) len: Count,
    /// Places that a value can go to at once. Those kept for promises are not counted.
    pub(crate) free: Count,
    /// Who waits to receive. Nobody does while there is a value.
    pub(crate) recvq: WaitQ,
    /// Who waits to send. Nobody does while a place is free.
    pub(crate) sendq: WaitQ,
    /// Who waits until one or the other may be possible.
    watchers: WaitQ,
    /// Where its handles are counted, a [`Handles`]; 0 if they are not. Fixed once it has any.
    handles: Word,
}

/// How many handles a channel has. What they hold is the address of this.
#[derive(Debug)]
pub struct Handles {
    /// Those that can send.
    pub senders: AtomicUsize,
    /// Those that can receive.
    pub receivers: AtomicUsize,
    /// How many bytes are there, of what belongs to the channel.
    pub size: usize,
}

/// The buffer does not grow. Its value is what a receive adds to the free places.
const BOUNDED: u32 = 1;
const CLOSED: u32 = 2;
/// `watchers` is not empty.
const WATCHED: u32 = 4;

/// A number that is changed under the latch, and looked at without it.
#[derive(Debug)]
pub(crate) struct Count(AtomicUsize);

impl Count {
    fn new(count: usize) -> Count {
        Count(AtomicUsize::new(count))
    }

    /// Under the latch, or as a hint.
    #[inline(always)]
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Without the latch, before something else is looked at.
    #[inline(always)]
    fn look(&self) -> usize {
        // Acquire: pairs with the Release in `set`: what is looked at next is not older.
        self.0.load(Ordering::Acquire)
    }

    /// Under the latch.
    #[inline(always)]
    pub(crate) fn set(&self, count: usize) {
        // Release: pairs with the Acquire in `look`.
        self.0.store(count, Ordering::Release);
    }
}

/// Which of a channel's two ends an operation is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// It sends.
    Send,
    /// It receives.
    Receive,
}

impl Base {
    pub(crate) fn new(bounded: bool, free: usize) -> Base {
        Base {
            latch: Latch::new(),
            flags: AtomicU32::new(if bounded { BOUNDED } else { 0 }),
            len: Count::new(0),
            free: Count::new(free),
            recvq: WaitQ::new(),
            sendq: WaitQ::new(),
            watchers: WaitQ::new(),
            handles: Word::new(0),
        }
    }

    #[inline(always)]
    fn has(&self, flags: u32) -> bool {
        self.flags.load(Ordering::Relaxed) & flags != 0
    }

    fn set(&self, flag: u32, on: bool) {
        let flags = self.flags.load(Ordering::Relaxed);
        self.flags.store(if on { flags | flag } else { flags & !flag }, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(crate) fn is_bounded(&self) -> bool {
        self.has(BOUNDED)
    }

    #[inline(always)]
    pub(crate) fn is_closed(&self) -> bool {
        self.has(CLOSED)
    }

    #[inline(always)]
    pub(crate) fn is_watched(&self) -> bool {
        self.has(WATCHED)
    }

    /// Closed or watched.
    #[inline(always)]
    pub(crate) fn is_odd(&self) -> bool {
        self.has(CLOSED | WATCHED)
    }

    /// Whether an operation would be done at once. Exact under the latch, but that who waits at the
    /// other side may have gone on with something else; without it a hint.
    #[inline]
    pub(crate) fn is_ready(&self, side: Side) -> bool {
        match side {
            Side::Send => {
                self.free.get() != 0
                    || !self.recvq.is_empty()
                    || self.flags.load(Ordering::Relaxed) & (BOUNDED | CLOSED) != BOUNDED
            }
            Side::Receive => self.len.get() != 0 || !self.sendq.is_empty() || self.has(CLOSED),
        }
    }

    /// Whether an operation would have to wait, without the latch. If so, there was a moment during
    /// the call at which it would: when the first word was read. The channel was open then, for it is
    /// open later.
    #[inline]
    pub(crate) fn must_wait(&self, side: Side) -> bool {
        let (must, open) = match side {
            Side::Send => (self.free.look() == 0 && self.recvq.is_empty(), BOUNDED),
            Side::Receive => (self.len.look() == 0 && self.sendq.is_empty(), 0),
        };
        must && (self.flags.load(Ordering::Relaxed) & (open | CLOSED) == open)
    }

    /// Says where its handles are counted: for as long as the channel is there.
    pub(crate) fn counted_by(&self, handles: &Handles) {
        self.handles.set(core::ptr::from_ref(handles).expose_provenance());
    }

    /// What has been said so; an address.
    pub(crate) fn handles(&self) -> usize {
        self.handles.get()
    }

    /// The door: `locks` and the latch.
    #[inline(always)]
    pub(crate) fn enter(&self) {
        slot::lock();
        self.latch.acquire();
    }

    #[inline(always)]
    pub(crate) fn leave(&self, wakes: Wakes) {
        self.latch.release();
        wakes.wake_all();
        slot::unlock();
    }

    pub(crate) fn queue(&self, side: Side) -> &WaitQ {
        match side {
            Side::Send => &self.sendq,
            Side::Receive => &self.recvq,
        }
    }

    /// Somebody who waits is in the queue of `side`, so the other side can go on.
    #[inline]
    pub(crate) fn wait(&self, side: Side, sudog: &Sudog, wakes: &mut Wakes) {
        self.queue(side).enqueue(sudog);
        self.notify(wakes);
    }

    /// Somebody does not wait in the queue of `side` any more.
    pub(crate) fn give_up(&self, side: Side, sudog: &Sudog) {
        self.enter();
        self.queue(side).remove(sudog);
        self.leave(Wakes::none());
    }

    /// Waits until something changes.
    pub(crate) fn watch(&self, sudog: &Sudog) {
        self.watchers.enqueue(sudog);
        self.set(WATCHED, true);
    }

    /// Does not wait any more.
    pub(crate) fn unwatch(&self, sudog: &Sudog) {
        self.watchers.remove(sudog);
        self.set(WATCHED, !self.watchers.is_empty());
    }

    /// Something has changed: whoever watches has to look again.
    #[inline]
    pub(crate) fn notify(&self, wakes: &mut Wakes) {
        if self.has(WATCHED) {
            self.tell_all(&self.watchers, Outcome::Done, wakes);
            self.set(WATCHED, false);
        }
    }

    /// Whoever waits to receive tries again.
    pub(crate) fn look_again(&self, wakes: &mut Wakes) {
        self.tell_all(&self.recvq, Outcome::Again, wakes);
        self.notify(wakes);
    }

    fn tell_all(&self, queue: &WaitQ, outcome: Outcome, wakes: &mut Wakes) {
        while let Some(sudog) = queue.dequeue() {
            // SAFETY: taken out of the queue.
            unsafe { wakes.push(sudog, outcome) };
        }
    }

    /// Makes a send that is yet to have its value the next that happens, as far as that is possible
    /// now. Under the latch.
    pub(crate) fn reserve(&self) -> Option<Promise> {
        if self.has(CLOSED) {
            return Some(Promise(Due::Closed));
        }
        if let Some(receiver) = self.recvq.dequeue() {
            return Some(Promise(Due::Meet(receiver)));
        }
        if !self.is_bounded() {
            return Some(Promise(Due::Room));
        }
        let free = self.free.get().checked_sub(1)?;
        self.free.set(free);
        Some(Promise(Due::Room))
    }

    /// No more values can be sent; whoever waits is told. `false` if that was so already.
    /// Go: `closechan`.
    pub(crate) fn close(&self) -> bool {
        self.enter();
        let open = !self.has(CLOSED);
        let mut wakes = Wakes::none();
        if open {
            self.set(CLOSED, true);
            self.tell_all(&self.recvq, Outcome::Closed, &mut wakes);
            self.tell_all(&self.sendq, Outcome::Closed, &mut wakes);
            self.notify(&mut wakes);
        }
        self.leave(wakes);
        open
    }
}

/// A send that has been chosen to happen, before its value is made.
///
/// Must be kept or broken (`Hchan::keep`, `AnyChannel::renege`), or somebody waits for ever.
#[derive(Debug)]
#[must_use]
pub struct Promise(pub(crate) Due);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Due {
    /// There is nobody to send to any more.
    Closed,
    /// A place in the buffer is kept for it, or can be had.
    Room,
    /// This receiver waits for it.
    Meet(NonNull<Sudog>),
}

impl Promise {
    /// What somebody who waited to send without a value was told. None to try again.
    pub(crate) fn of(outcome: Outcome) -> Option<Promise> {
        match outcome {
            Outcome::Closed => Some(Promise(Due::Closed)),
            Outcome::Room => Some(Promise(Due::Room)),
            Outcome::Meet(receiver) => Some(Promise(Due::Meet(receiver))),
            Outcome::Waiting | Outcome::Done | Outcome::Again | Outcome::TimedOut => None,
        }
    }
}
