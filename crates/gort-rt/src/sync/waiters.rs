//! Who waits at which address: the contents of a bucket of the table (`sync/mod.rs`).
//!
//! Those who wait at one address form a ring, oldest first. The heads of the rings are the nodes of a
//! digital search tree: a key is looked for by going left or right by its bits, topmost first, until
//! its node or an empty place is found. Keys differ, so no path is longer than a key has bits; they
//! are mixed, so it is as long as the logarithm of their number. A node that goes is replaced by any
//! leaf below it, whose key begins with the same bits: nothing is ever rotated.
//!
//! # Safety
//!
//! A waiter lies on the stack of whoever waits, which does not move, and which goes on only after the
//! waiter was taken out and woken. So every pointer here, under the bucket's lock, is good.

#![allow(unsafe_code)]

use crate::obj::g::{G, current};
use crate::prim::{Cell, const_fn};
use crate::sched::bed::Bed;
use crate::sched::park::goready_raised;
use core::ptr::null;
use gort_sys::context::slot;

/// A goroutine or thread that waits.
pub(super) struct Waiter {
    key: usize,
    /// The goroutine, or none if a thread waits in `bed`.
    gp: Option<&'static G>,
    bed: Bed,
    /// The ring; `next` leads on among those that were taken out, too.
    next: Cell<*const Waiter>,
    prev: Cell<*const Waiter>,
    /// The tree, of a ring's head.
    child: [Cell<*const Waiter>; 2],
    /// Whether it is in the table.
    queued: Cell<bool>,
    /// What who wakes is told.
    pub(super) arg: usize,
}

impl Waiter {
    /// For the calling goroutine or thread.
    #[inline]
    pub(super) fn new(key: usize, arg: usize) -> Waiter {
        Waiter {
            key,
            gp: current(),
            bed: Bed::new(),
            next: Cell::new(null()),
            prev: Cell::new(null()),
            child: [Cell::new(null()), Cell::new(null())],
            queued: Cell::new(false),
            arg,
        }
    }

    /// Where it waits.
    #[inline]
    pub(super) fn key(&self) -> usize {
        self.key
    }

    /// Whether it is a goroutine.
    #[inline]
    pub(super) fn is_goroutine(&self) -> bool {
        self.gp.is_some()
    }

    /// Where a thread waits.
    pub(super) fn bed(&self) -> &Bed {
        &self.bed
    }

    /// Whether it is in the table. Under the lock.
    pub(super) fn is_queued(&self) -> bool {
        self.queued.get()
    }

    /// An ordinary thread: sleeps until it is woken.
    pub(super) fn sleep(&self) {
        self.bed.sleep();
    }

    /// With `locks` raised.
    ///
    /// # Safety
    ///
    /// The caller has taken it out. It is gone afterwards.
    unsafe fn wake(waiter: *const Waiter) {
        // SAFETY: the caller's contract: it waits until it is woken.
        let waiter = unsafe { &*waiter };
        match waiter.gp {
            Some(gp) => goready_raised(gp),
            None => waiter.bed.tell(),
        }
    }
}

/// Those of one bucket. Under its lock.
pub(crate) struct Waiters {
    root: Cell<*const Waiter>,
}

// SAFETY: see the module: what is here is good under the lock, on whatever thread.
unsafe impl Send for Waiters {}

impl Waiters {
    const_fn! {
        pub(super) const fn new() -> Waiters {
            Waiters { root: Cell::new(null()) }
        }
    }

    /// The place in the tree for `key`: what leads to its first waiter, or to nothing.
    fn place(&self, key: usize) -> &Cell<*const Waiter> {
        let mut place = &self.root;
        let mut bits = key;
        // SAFETY: see the module.
        while let Some(node) = unsafe { place.get().as_ref() } {
            if node.key == key {
                break;
            }
            place = &node.child[bits >> (usize::BITS - 1)];
            bits <<= 1;
        }
        place
    }

    /// The first who waits at `key`.
    pub(super) fn first(&self, key: usize) -> Option<&Waiter> {
        // SAFETY: see the module.
        unsafe { self.place(key).get().as_ref() }
    }

    /// Puts `waiter` behind all others, or in front of them.
    pub(super) fn push(&self, waiter: &Waiter, in_front: bool) {
        waiter.queued.set(true);
        let place = self.place(waiter.key);
        // SAFETY: see the module.
        let Some(head) = (unsafe { place.get().as_ref() }) else {
            waiter.next.set(waiter);
            waiter.prev.set(waiter);
            return place.set(waiter);
        };
        waiter.next.set(head);
        waiter.prev.set(head.prev.get());
        // SAFETY: as above.
        unsafe { (*head.prev.get()).next.set(waiter) };
        head.prev.set(waiter);
        if in_front {
            put_in_place_of(head, waiter, place);
        }
    }

    /// Takes `waiter`, which is here, out, for `woken`.
    pub(super) fn remove(&self, waiter: &Waiter, woken: &mut Woken) {
        // SAFETY: see the module.
        let (next, prev) = unsafe { (&*waiter.next.get(), &*waiter.prev.get()) };
        prev.next.set(next);
        next.prev.set(prev);
        let place = self.place(waiter.key);
        if core::ptr::eq(place.get(), waiter) {
            let alone = core::ptr::eq(next, waiter);
            match if alone { prune(waiter) } else { Some(next) } {
                Some(heir) => put_in_place_of(waiter, heir, place),
                None => place.set(null()),
            }
        }
        waiter.queued.set(false);
        woken.push(waiter);
    }

    /// Takes those at `key` out, for `woken`, whose `arg` has one of these bits, oldest first, until `woken`
    /// has `most`.
    pub(super) fn remove_those(&self, key: usize, woken: &mut Woken, most: usize, bits: usize) {
        let Some(first) = self.first(key) else { return };
        let last = first.prev.get();
        let mut next = core::ptr::from_ref(first);
        while woken.count() < most {
            // SAFETY: see the module.
            let waiter = unsafe { &*next };
            next = waiter.next.get();
            if waiter.arg & bits != 0 {
                self.remove(waiter, woken);
            }
            if core::ptr::eq(waiter, last) {
                return;
            }
        }
    }

    /// A key that is odd, if there is one.
    pub(super) fn odd_key(&self) -> Option<usize> {
        fn below(place: &Cell<*const Waiter>) -> Option<usize> {
            // SAFETY: see the module.
            let node = unsafe { place.get().as_ref()? };
            if node.key % 2 != 0 { Some(node.key) } else { node.child.iter().find_map(below) }
        }
        below(&self.root)
    }
}

/// Gives `new` the place in the tree that `old` has.
fn put_in_place_of(old: &Waiter, new: &Waiter, place: &Cell<*const Waiter>) {
    for (to, from) in new.child.iter().zip(&old.child) {
        to.set(from.replace(null()));
    }
    place.set(new);
}

/// Breaks a leaf off the tree below `node`; none if there is nothing.
fn prune(node: &Waiter) -> Option<&Waiter> {
    let below = |node: &Waiter| node.child.iter().position(|child| !child.get().is_null());
    let mut place = &node.child[below(node)?];
    loop {
        // SAFETY: see the module; `below` has seen that it is not null.
        let node = unsafe { &*place.get() };
        let Some(side) = below(node) else {
            place.set(null());
            return Some(node);
        };
        place = &node.child[side];
    }
}

/// Those who were taken out and are to be woken once the lock is free, in order.
pub(super) struct Woken {
    first: *const Waiter,
    last: *const Waiter,
    count: usize,
}

impl Woken {
    #[inline]
    pub(super) fn nobody() -> Woken {
        Woken { first: null(), last: null(), count: 0 }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    fn push(&mut self, waiter: &Waiter) {
        waiter.next.set(null());
        // SAFETY: see the module: it waits until it is woken.
        match unsafe { self.last.as_ref() } {
            None => self.first = waiter,
            Some(last) => last.next.set(waiter),
        }
        self.last = waiter;
        self.count += 1;
    }

    /// Wakes them. Without the lock.
    pub(super) fn wake_all(self) {
        slot::lock();
        let mut next = self.first;
        // SAFETY: see the module: each waits until it is woken here.
        while let Some(waiter) = unsafe { next.as_ref() } {
            next = waiter.next.get();
            // SAFETY: taken out by `pop`, and not looked at again.
            unsafe { Waiter::wake(waiter) };
        }
        slot::unlock();
    }
}
