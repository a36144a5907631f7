//! A P's run queue: a ring that its owner fills and everybody empties, and one slot in front.
//!
//! # Safety
//!
//! The ring's places and the `next` slot hold pointers made from `&'static T` and nothing else; a
//! place is read only between `head` and `tail`, where the owner has written it.
//!
//! # Protocol
//!
//! Only the owner writes `tail`. The owner and thieves move `head` by compare-and-swap, each after
//! having copied the items it is about to take: if the swap succeeds nobody else took them, if it
//! fails the copies are forgotten. Places are overwritten only once `head` has passed them, which
//! the owner learns by reading `head`. Items handed over in the ring are ordered by `tail` (Release
//! by the owner, Acquire by thieves); places freed are ordered by `head` (Release by the taker,
//! Acquire by the owner).
//!
//! `next` is taken by a swap or compare-and-swap with null by whoever gets there: the owner any
//! time, thieves only when the ring is empty.
//!
//! Go: `runqput`, `runqget`, `runqgrab`, `runqsteal`. Modelled by loom in `tests/loom_runq.rs`.

#![allow(unsafe_code)]

use crate::prim::{AtomicPtr, AtomicU32, Ordering, RING, const_fn, nulls, spin_loop};
use core::ptr::null_mut;

/// The ring's size.
pub(crate) const LEN: usize = RING;

/// See the module.
#[derive(Debug)]
pub(crate) struct RunQueue<T: 'static> {
    head: AtomicU32,
    tail: AtomicU32,
    next: AtomicPtr<T>,
    ring: [AtomicPtr<T>; LEN],
}

/// The ring is full: these and the item itself belong into the global queue.
pub(crate) type Batch<T> = [*mut T; LEN / 2];

fn ptr<T>(item: &'static T) -> *mut T {
    core::ptr::from_ref(item).cast_mut()
}

/// # Safety
///
/// Made by [`ptr`], or null.
unsafe fn item<T>(ptr: *mut T) -> Option<&'static T> {
    // SAFETY: the caller's contract.
    unsafe { ptr.as_ref() }
}

impl<T> RunQueue<T> {
    const_fn! {
        pub(crate) const fn new() -> RunQueue<T> {
            RunQueue {
                head: AtomicU32::new(0),
                tail: AtomicU32::new(0),
                next: AtomicPtr::new(null_mut()),
                ring: nulls(),
            }
        }
    }

    fn place(&self, at: u32) -> &AtomicPtr<T> {
        // The mask keeps it in bounds, which the compiler sees.
        &self.ring[at as usize % LEN]
    }

    /// Whether nothing is here, at some moment during the call. Go: `runqempty`.
    pub(crate) fn is_empty(&self) -> bool {
        loop {
            let head = self.head.load(Ordering::Acquire);
            let tail = self.tail.load(Ordering::Acquire);
            // The owner moves `next` into the ring, puts another there, and takes that: see the
            // first in one of the two places. Acquire: pairs with the Release in `get`, or the
            // `tail` below could be older than the empty `next`.
            let next = self.next.load(Ordering::Acquire);
            if tail == self.tail.load(Ordering::Acquire) {
                return head == tail && next.is_null();
            }
            spin_loop();
        }
    }

    /// How many are here, roughly.
    pub(crate) fn len(&self) -> usize {
        let head = self.head.load(Ordering::Relaxed);
        let tail = self.tail.load(Ordering::Relaxed);
        tail.wrapping_sub(head).min(LEN as u32) as usize
            + usize::from(!self.next.load(Ordering::Relaxed).is_null())
    }

    /// The oldest item of the ring, or one that was it just now. By anybody.
    pub(crate) fn oldest(&self) -> Option<&'static T> {
        // Acquire: with other takers, and with `put`'s Release: see `grab`.
        let head = self.head.load(Ordering::Acquire);
        if head == self.tail.load(Ordering::Acquire) {
            return None;
        }
        // SAFETY: places hold what `ptr` made, or null; nothing is ever freed.
        unsafe { item(self.place(head).load(Ordering::Relaxed)) }
    }

    /// The item in front, or one that was it just now. By anybody.
    pub(crate) fn next_hint(&self) -> Option<&'static T> {
        // Acquire: with `put_next`.
        let next = self.next.load(Ordering::Acquire);
        // SAFETY: `next` holds what `ptr` made, or null; nothing is ever freed.
        unsafe { item(next) }
    }

    /// What is in front, to compare with.
    pub(crate) fn next(&self) -> *const T {
        self.next.load(Ordering::Relaxed)
    }

    /// Owner: puts `item` in front of all others; what was in front goes to the end.
    /// `spill` gets half the ring and that one if there is no room.
    #[inline]
    pub(crate) fn put_next(&self, item: &'static T, spill: impl FnOnce(&Batch<T>, &'static T)) {
        // AcqRel: publishes the item to a thief's swap (Acquire); takes over what a put published.
        let kicked = self.next.swap(ptr(item), Ordering::AcqRel);
        // SAFETY: `next` holds what `ptr` made.
        if let Some(kicked) = unsafe { self::item(kicked) } {
            self.put(kicked, spill);
        }
    }

    /// Owner: puts `item` at the end, or hands half the ring and the item to `spill`.
    #[inline]
    pub(crate) fn put(&self, item: &'static T, spill: impl FnOnce(&Batch<T>, &'static T)) {
        loop {
            // Acquire: the takers' reads of the places before `head` are over.
            let head = self.head.load(Ordering::Acquire);
            let tail = self.tail.load(Ordering::Relaxed);
            if tail.wrapping_sub(head) < LEN as u32 {
                self.place(tail).store(ptr(item), Ordering::Relaxed);
                // Release: pairs with the thieves' Acquire.
                self.tail.store(tail.wrapping_add(1), Ordering::Release);
                return;
            }
            let mut batch = [null_mut(); LEN / 2];
            for (i, to) in batch.iter_mut().enumerate() {
                *to = self.place(head.wrapping_add(i as u32)).load(Ordering::Relaxed);
            }
            if self.take(head, batch.len() as u32) {
                return spill(&batch, item);
            }
            // Somebody took some: there is room now.
        }
    }

    /// Moves `head` past `count` items from `head`; whether nobody was faster.
    #[inline]
    fn take(&self, head: u32, count: u32) -> bool {
        // Release: the copies made before are done. Relaxed on failure: they are forgotten.
        let to = head.wrapping_add(count);
        self.head.compare_exchange(head, to, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// Owner: the item in front. `true` with it if it came from the `next` slot, and so inherits
    /// the rest of the time slice.
    #[inline]
    pub(crate) fn get(&self) -> Option<(&'static T, bool)> {
        let next = self.next.load(Ordering::Relaxed);
        // A thief may have taken it meanwhile; only the owner puts one there.
        // Acquire: pairs with a put by an owner before this one. Release: pairs with `is_empty`.
        if !next.is_null()
            && self
                .next
                .compare_exchange(next, null_mut(), Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
        {
            // SAFETY: `next` holds what `ptr` made.
            return unsafe { item(next) }.map(|item| (item, true));
        }
        self.get_ring().map(|item| (item, false))
    }

    /// Owner: the oldest item of the ring.
    #[inline]
    pub(crate) fn get_ring(&self) -> Option<&'static T> {
        loop {
            let head = self.head.load(Ordering::Acquire);
            let tail = self.tail.load(Ordering::Relaxed);
            if head == tail {
                return None;
            }
            let first = self.place(head).load(Ordering::Relaxed);
            if self.take(head, 1) {
                // SAFETY: a place between `head` and `tail` holds what `ptr` made.
                return unsafe { item(first) };
            }
        }
    }

    /// Owner: the oldest item of the ring, or the one in front if there is no other.
    #[inline]
    pub(crate) fn get_oldest(&self) -> Option<&'static T> {
        self.get_ring().or_else(|| self.get().map(|(item, _)| item))
    }

    /// Thief: moves half of what is here to its own queue `to`, which is empty, and returns one of
    /// them. With `take_next` it takes the `next` slot if there is nothing else.
    pub(crate) fn steal_into(&self, to: &RunQueue<T>, take_next: bool) -> Option<&'static T> {
        let at = to.tail.load(Ordering::Relaxed);
        let count = self.grab(to, at, take_next);
        let last = count.checked_sub(1)?;
        let first = to.place(at.wrapping_add(last)).load(Ordering::Relaxed);
        if last > 0 {
            // Release: as in `put`.
            to.tail.store(at.wrapping_add(last), Ordering::Release);
        }
        // SAFETY: a place that `grab` has just filled.
        unsafe { item(first) }
    }

    /// Copies half of the items to the places of `to` from `at`. Go: `runqgrab`.
    fn grab(&self, to: &RunQueue<T>, at: u32, take_next: bool) -> u32 {
        loop {
            // Acquire: with other takers. Acquire: pairs with `put`'s Release.
            let head = self.head.load(Ordering::Acquire);
            let tail = self.tail.load(Ordering::Acquire);
            let len = tail.wrapping_sub(head);
            let half = len - len / 2;
            if half == 0 {
                if take_next {
                    // Acquire: pairs with `put_next`.
                    let next = self.next.swap(null_mut(), Ordering::Acquire);
                    if !next.is_null() {
                        to.place(at).store(next, Ordering::Relaxed);
                        return 1;
                    }
                }
                return 0;
            }
            // `head` and `tail` were not read at one moment.
            if half > LEN as u32 / 2 {
                continue;
            }
            for i in 0..half {
                let one = self.place(head.wrapping_add(i)).load(Ordering::Relaxed);
                to.place(at.wrapping_add(i)).store(one, Ordering::Relaxed);
            }
            if self.take(head, half) {
                return half;
            }
        }
    }
}
