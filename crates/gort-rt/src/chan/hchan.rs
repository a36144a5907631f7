//! A channel. Go: `hchan`, `chansend`, `chanrecv`, `closechan`.
//!
//! # Safety
//!
//! The channel outlives every call on it, and whoever waits at it is in such a call: so a party that
//! has been taken out of a queue finds the channel there when it is woken. Values are moved by
//! copying their bytes: each is, at any time, in one place, which is a sender's, the buffer's or a
//! receiver's, and who has to drop it follows from what the operation returned.

#![allow(unsafe_code)]

use super::base::{Base, Due, Handles, Promise, Side};
use super::buf::{Buf, Memory, Segment};
use super::wait::Wait;
use super::waitq::{Channels, Held, Outcome, Sudog, Waiter, Wakes};
use crate::sched::park::WaitReason;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ptr::NonNull;
use gort_sys::context::slot;

/// Why a value was not sent. It is given back.
#[derive(Debug)]
pub enum Refused<T> {
    /// The channel is closed.
    Closed(T),
    /// It could not be sent at once.
    Full(T),
}

/// Why no value was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacking {
    /// The channel is closed, and nothing is left in it.
    Closed,
    /// There is none at the moment.
    Empty,
}

/// What a receiver has found, under the latch.
pub(crate) enum Found {
    /// The value has been moved; the segment is of no more use.
    Value(Option<Segment>),
    /// This sender has yet to make its value, and has not been told anything.
    Promise(NonNull<Sudog>),
    Closed,
    Nothing,
}

/// A channel, whatever its values are.
pub(crate) trait Channel {
    fn base(&self) -> &Base;

    /// Receives as far as that is possible now.
    ///
    /// # Safety
    ///
    /// The latch is held. `to` has room for a value.
    unsafe fn take(&self, to: *mut (), wakes: &mut Wakes) -> Found;

    /// Breaks a promise: nothing is sent, and whoever counted on it tries again.
    ///
    /// # Safety
    ///
    /// The promise was made for this channel.
    unsafe fn renege(&self, promise: Promise);
}

/// A channel whose values' type is not known.
#[derive(Clone, Copy)]
pub struct AnyChannel<'a>(pub(crate) &'a (dyn Channel + 'a));

impl AnyChannel<'_> {
    /// Breaks a promise: nothing is sent, and whoever counted on it tries again.
    ///
    /// # Safety
    ///
    /// The promise was made for this channel.
    pub unsafe fn renege(self, promise: Promise) {
        // SAFETY: the caller's contract.
        unsafe { self.0.renege(promise) };
    }
}

/// A channel for values of type `T`, in memory of `M`'s.
#[repr(C)]
pub struct Hchan<T, M: Memory> {
    base: Base,
    buf: Buf<T, M>,
    capacity: Option<usize>,
}

// SAFETY: everything is under the latch, or a word; values go from thread to thread.
unsafe impl<T: Send, M: Memory> Send for Hchan<T, M> {}
// SAFETY: as above.
unsafe impl<T: Send, M: Memory> Sync for Hchan<T, M> {}

impl<T, M: Memory> Hchan<T, M> {
    /// A channel with room for `capacity` values, or any number. None if so many values have no
    /// room in the address space. Go: `makechan`.
    pub fn new(capacity: Option<usize>) -> Option<Hchan<T, M>> {
        let buf = Buf::new(capacity)?;
        let base = Base::new(capacity.is_some(), capacity.unwrap_or(0));
        Some(Hchan { base, buf, capacity })
    }

    /// Says where its handles are counted: for as long as the channel is there. Before anybody else knows of it.
    pub fn counted_by(&self, handles: &Handles) {
        self.base.counted_by(handles);
    }

    /// For a [`Case`](super::Case).
    pub fn any(&self) -> AnyChannel<'_> {
        AnyChannel(self)
    }

    /// How many values are in the buffer.
    #[inline]
    pub fn len(&self) -> usize {
        self.base.len.get()
    }

    /// Whether no value is in the buffer.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many values the buffer has room for, if that is limited.
    #[inline]
    pub fn capacity(&self) -> Option<usize> {
        self.capacity
    }

    /// Sends. What waits: the goroutine, or the thread if it is an ordinary one, until a receiver or
    /// a place is there. Go: `chansend`.
    ///
    /// # Errors
    ///
    /// The value, if the channel is closed.
    #[inline]
    pub fn send(&self, item: T) -> Result<(), T> {
        match self.chansend(item, Wait::Ever) {
            Ok(()) => Ok(()),
            Err(Refused::Closed(item) | Refused::Full(item)) => Err(item),
        }
    }

    /// Sends, if that can be done at once.
    ///
    /// Who receives may be choosing between several operations and have this one chosen for it; it
    /// is then waited for.
    ///
    /// # Errors
    ///
    /// The value, if it cannot be sent.
    #[inline]
    pub fn try_send(&self, item: T) -> Result<(), Refused<T>> {
        if self.base.must_wait(Side::Send) {
            return Err(Refused::Full(item));
        }
        self.chansend(item, Wait::Not)
    }

    /// Sends. What waits is as for [`send`](Hchan::send), but not for longer than `wait` says.
    ///
    /// # Errors
    ///
    /// The value, if the channel is closed or there was no more time.
    pub fn send_within(&self, item: T, wait: Wait) -> Result<(), Refused<T>> {
        self.chansend(item, wait)
    }

    #[inline(always)]
    fn chansend(&self, item: T, wait: Wait) -> Result<(), Refused<T>> {
        let base = &self.base;
        let item = ManuallyDrop::new(item);
        base.enter();
        if !base.is_odd() && base.recvq.is_empty() && base.free.get() != 0 {
            // SAFETY: a place is free; the value is not dropped here.
            unsafe { self.buf.push(base, &raw const *item) };
            base.leave(Wakes::none());
            return Ok(());
        }
        // SAFETY: the latch is held; the value is ours, and goes on if it is taken.
        match unsafe { self.send_slow((&raw const *item).cast_mut(), wait) } {
            Ok(()) => Ok(()),
            Err(Lacking::Closed) => Err(Refused::Closed(ManuallyDrop::into_inner(item))),
            Err(Lacking::Empty) => Err(Refused::Full(ManuallyDrop::into_inner(item))),
        }
    }

    /// # Safety
    ///
    /// The latch is held, and is let go. `item` is a value that is the caller's no more if this is
    /// `Ok`.
    #[inline(never)]
    unsafe fn send_slow(&self, item: *mut T, wait: Wait) -> Result<(), Lacking> {
        let base = &self.base;
        let mut more = None;
        loop {
            let mut wakes = Wakes::none();
            if base.is_closed() {
                base.leave(wakes);
                return Err(Lacking::Closed);
            }
            if let Some(receiver) = base.recvq.dequeue() {
                base.latch.release();
                // SAFETY: the receiver waits for a value in its place, and is woken here.
                unsafe { hand_over(item, receiver, &mut wakes) };
                wakes.wake_all();
                slot::unlock();
                return Ok(());
            }
            if base.free.get() != 0 || !base.is_bounded() && self.buf.grow(base, &mut more) {
                // SAFETY: a place is free.
                unsafe { self.buf.push(base, item) };
                base.notify(&mut wakes);
                base.leave(wakes);
                return Ok(());
            }
            if !base.is_bounded() {
                base.leave(wakes);
                more = Some(self.buf.segment());
                base.enter();
                continue;
            }
            if wait.is_over() {
                base.leave(wakes);
                return Err(Lacking::Empty);
            }
            let (waiter, sudog) = (Waiter::new(), Sudog::new());
            sudog.set_until(&waiter, item.cast(), wait);
            base.wait(Side::Send, &sudog, &mut wakes);
            let held = &[Held::by(&base.latch)];
            let at = Channels::One(base);
            match waiter.park_at(&at, held, wakes, WaitReason::ChanSend, wait) {
                Outcome::Closed => return Err(Lacking::Closed),
                Outcome::TimedOut => {
                    base.give_up(Side::Send, &sudog);
                    return Err(Lacking::Empty);
                }
                Outcome::Again => base.enter(),
                _ => return Ok(()),
            }
        }
    }

    /// Puts a value into the buffer, if there is room; of those who wait to receive each looks for itself
    /// what it can have by now. A select for which several timers fire at about the same time can then
    /// choose between them.
    ///
    /// # Errors
    ///
    /// The value, if the channel is closed or there is no room.
    pub fn offer(&self, item: T) -> Result<(), Refused<T>> {
        let base = &self.base;
        base.enter();
        if base.is_closed() || base.free.get() == 0 {
            let closed = base.is_closed();
            base.leave(Wakes::none());
            return Err(if closed { Refused::Closed(item) } else { Refused::Full(item) });
        }
        let item = ManuallyDrop::new(item);
        let mut wakes = Wakes::none();
        // SAFETY: a place is free; the value is not dropped here.
        unsafe { self.buf.push(base, &raw const *item) };
        base.look_again(&mut wakes);
        base.leave(wakes);
        Ok(())
    }

    /// Receives. What waits: the goroutine, or the thread if it is an ordinary one, until a value is
    /// there. None if the channel is closed and nothing is left in it. Go: `chanrecv`.
    #[inline]
    pub fn recv(&self) -> Option<T> {
        self.chanrecv(Wait::Ever).ok()
    }

    /// Receives, if that can be done at once.
    ///
    /// Who sends may be choosing between several operations and have this one chosen for it; it is
    /// then waited for.
    ///
    /// # Errors
    ///
    /// When there is no value.
    #[inline]
    pub fn try_recv(&self) -> Result<T, Lacking> {
        if self.base.must_wait(Side::Receive) {
            return Err(Lacking::Empty);
        }
        self.chanrecv(Wait::Not)
    }

    /// Receives. What waits is as for [`recv`](Hchan::recv), but not for longer than `wait` says, except
    /// as [`try_recv`](Hchan::try_recv) may.
    ///
    /// # Errors
    ///
    /// When there is no value and never will be, or there was no more time.
    pub fn recv_within(&self, wait: Wait) -> Result<T, Lacking> {
        self.chanrecv(wait)
    }

    #[inline(always)]
    fn chanrecv(&self, wait: Wait) -> Result<T, Lacking> {
        let base = &self.base;
        let mut item = MaybeUninit::uninit();
        base.enter();
        if base.len.get() != 0 && base.sendq.is_empty() && !base.is_watched() {
            // SAFETY: there is a value.
            let unused = unsafe { self.buf.pop(base, item.as_mut_ptr()) };
            base.leave(Wakes::none());
            drop(unused);
        } else {
            // SAFETY: the latch is held; there is room for a value.
            unsafe { self.recv_slow(item.as_mut_ptr(), wait) }?;
        }
        // SAFETY: a value has been moved there.
        Ok(unsafe { item.assume_init() })
    }

    /// # Safety
    ///
    /// The latch is held, and is let go. `to` has room for a value, and has one if this is `Ok`.
    #[inline(never)]
    unsafe fn recv_slow(&self, to: *mut T, wait: Wait) -> Result<(), Lacking> {
        let base = &self.base;
        loop {
            let mut wakes = Wakes::none();
            // SAFETY: the caller's contract.
            let found = unsafe { self.take(to.cast(), &mut wakes) };
            let lacking = match found {
                Found::Value(unused) => {
                    base.leave(wakes);
                    drop(unused);
                    return Ok(());
                }
                Found::Closed => Some(Lacking::Closed),
                Found::Nothing if wait.is_over() => Some(Lacking::Empty),
                Found::Nothing | Found::Promise(_) => None,
            };
            if let Some(lacking) = lacking {
                base.leave(wakes);
                return Err(lacking);
            }
            let (waiter, sudog) = (Waiter::new(), Sudog::new());
            let mut wait = wait;
            if let Found::Promise(sender) = found {
                // Whoever makes the value has the sudog meanwhile.
                wait = Wait::Ever;
                sudog.set(&waiter, to.cast());
                // SAFETY: taken out of the queue; it is woken when we are parked.
                unsafe { wakes.push(sender, Outcome::Meet(NonNull::from(&sudog))) };
            } else {
                sudog.set_until(&waiter, to.cast(), wait);
                base.wait(Side::Receive, &sudog, &mut wakes);
            }
            let held = &[Held::by(&base.latch)];
            let at = Channels::One(base);
            match waiter.park_at(&at, held, wakes, WaitReason::ChanReceive, wait) {
                Outcome::Closed => return Err(Lacking::Closed),
                Outcome::TimedOut => {
                    base.give_up(Side::Receive, &sudog);
                    return Err(Lacking::Empty);
                }
                Outcome::Again => base.enter(),
                _ => return Ok(()),
            }
        }
    }

    /// Places have come free: lets senders in who wait for one. Under the latch.
    fn admit(&self, wakes: &mut Wakes) {
        let base = &self.base;
        while base.free.get() != 0 {
            let Some(sender) = base.sendq.dequeue() else {
                return base.notify(wakes);
            };
            // SAFETY: it waits; its value is for whoever takes it out.
            unsafe {
                let item = sender.as_ref().elem();
                if item.is_null() {
                    base.free.set(base.free.get() - 1);
                    wakes.push(sender, Outcome::Room);
                } else {
                    self.buf.push(base, item.cast());
                    wakes.push(sender, Outcome::Done);
                }
            }
        }
    }

    /// Keeps a promise: sends `item`. Does not wait.
    ///
    /// # Errors
    ///
    /// The value, if the channel is closed.
    ///
    /// # Safety
    ///
    /// The promise was made for this channel.
    pub unsafe fn keep(&self, promise: Promise, item: T) -> Result<(), T> {
        let mut item = ManuallyDrop::new(item);
        let at = &raw mut *item;
        let sent = match promise.0 {
            Due::Closed => false,
            Due::Meet(receiver) => {
                slot::lock();
                let mut wakes = Wakes::none();
                // SAFETY: the receiver waits for this promise's value, and is woken here.
                unsafe { hand_over(at, receiver, &mut wakes) };
                wakes.wake_all();
                slot::unlock();
                true
            }
            Due::Room => {
                self.base.enter();
                if self.base.is_bounded() {
                    self.base.free.set(self.base.free.get() + 1);
                }
                let mut wakes = Wakes::none();
                // SAFETY: the latch is held; a place is free, or can be made.
                unsafe { self.keep_room(at, &mut wakes) }
            }
        };
        if sent { Ok(()) } else { Err(ManuallyDrop::into_inner(item)) }
    }

    /// # Safety
    ///
    /// As for [`send_slow`](Hchan::send_slow), and a place is free, or the channel not bounded.
    unsafe fn keep_room(&self, item: *mut T, wakes: &mut Wakes) -> bool {
        let base = &self.base;
        if !base.is_closed()
            && let Some(receiver) = base.recvq.dequeue()
        {
            // The place that was kept is not needed.
            self.admit(wakes);
            // SAFETY: the receiver waits for a value in its place, and is woken below.
            unsafe { hand_over(item, receiver, wakes) };
            base.leave(*wakes);
            return true;
        }
        // SAFETY: the caller's contract.
        unsafe { self.send_slow(item, Wait::Not) }.is_ok()
    }

    /// Closes the channel: nothing can be sent any more, and what is in it can be received. Whoever
    /// waits is told. `false` if it was closed already. Go: `closechan`.
    pub fn close(&self) -> bool {
        self.base.close()
    }
}

impl<T, M: Memory> Channel for Hchan<T, M> {
    fn base(&self) -> &Base {
        &self.base
    }

    unsafe fn take(&self, to: *mut (), wakes: &mut Wakes) -> Found {
        let base = &self.base;
        if base.len.get() != 0 {
            // SAFETY: there is a value.
            let unused = unsafe { self.buf.pop(base, to.cast()) };
            self.admit(wakes);
            return Found::Value(unused);
        }
        if let Some(sender) = base.sendq.dequeue() {
            // SAFETY: it waits.
            let item = unsafe { sender.as_ref() }.elem();
            if item.is_null() {
                return Found::Promise(sender);
            }
            // SAFETY: the sender's value is for whoever takes the sender out.
            unsafe {
                to.cast::<T>().copy_from_nonoverlapping(item.cast(), 1);
                wakes.push(sender, Outcome::Done);
            }
            return Found::Value(None);
        }
        if base.is_closed() { Found::Closed } else { Found::Nothing }
    }

    unsafe fn renege(&self, promise: Promise) {
        let mut wakes = Wakes::none();
        match promise.0 {
            Due::Closed => {}
            Due::Meet(receiver) => {
                slot::lock();
                // SAFETY: the receiver waits for this promise's value.
                unsafe { wakes.push(receiver, Outcome::Again) };
                wakes.wake_all();
                slot::unlock();
            }
            Due::Room => {
                self.base.enter();
                if self.base.is_bounded() {
                    self.base.free.set(self.base.free.get() + 1);
                    self.admit(&mut wakes);
                }
                self.base.leave(wakes);
            }
        }
    }
}

/// Moves a value to a receiver who waits for it, and has it woken.
///
/// # Safety
///
/// `receiver` was taken out of its queue by the caller; the value is the caller's no more.
unsafe fn hand_over<T>(item: *const T, receiver: NonNull<Sudog>, wakes: &mut Wakes) {
    // SAFETY: the caller's contract.
    unsafe {
        item.copy_to_nonoverlapping(receiver.as_ref().elem().cast(), 1);
        wakes.push(receiver, Outcome::Done);
    }
}
