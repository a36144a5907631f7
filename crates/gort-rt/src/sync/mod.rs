//! Where goroutines and threads wait for one another: a table of waiters by address, and semaphores,
//! mutexes and read-write locks on it. Go: `runtime/sema.go`, `internal/sync`, `sync/rwmutex.go`.
//!
//! # The problem
//!
//! A lock is a word or two in the program's memory, and there are many of them; who waits for one must
//! be kept somewhere, in order, and found by who lets go. Goroutines park, ordinary threads sleep in
//! the kernel, and both may wait for the same thing.
//!
//! # The table
//!
//! Who waits is kept in a table, by the address of what it waits for (`waiters.rs`). Its memory is
//! the stack of whoever waits, so nothing is allocated and any number can wait.
//!
//! Waiting ([`park_at`]) is done in one step under the bucket's lock: look whether there is still
//! something to wait for, and enter. Waking ([`wake_at`]) takes out under the same lock, first come
//! first, and changes what the others look at. So nobody enters after having been overlooked. A
//! goroutine enters when it has left its stack (it is the commit of its park), so whoever finds it in
//! the table can ready it.
//!
//! # Semaphores
//!
//! A word that counts wake-ups that nobody has taken yet; it is touched under the bucket's lock only.
//! [`semrelease`] hands them to those who wait and adds to the word what is left: a waiter that is on
//! its way to the table finds it there. Unlike Go's, a wake-up that was given to a waiter cannot be
//! taken by somebody who comes later.
//!
//! # Safety
//!
//! What `commit` is given is on the stack of the goroutine that has just parked with it.

#![allow(unsafe_code)]

mod mutex;
mod rwmutex;
mod waiters;

pub use mutex::Mutex;
pub use rwmutex::{RwMutex, TooMany};

use crate::lock::{self, Rank};
use crate::obj::g::G;
use crate::prim::{AtomicU32, Cell, Ordering, SEMTAB, const_fn, each, global};
use crate::sched::park::WaitReason;
use crate::sched::park::{gopark_raised, goyield};
use gort_sys::context::slot;
use waiters::{Waiter, Waiters, Woken};

/// A part of the table, in a cache line of its own.
#[repr(align(128))]
pub(crate) struct Bucket(lock::Mutex<Waiters>);

impl Bucket {
    const_fn! {
        pub(crate) const fn new() -> Bucket {
            Bucket(lock::Mutex::new(Rank::Waiters, Waiters::new()))
        }
    }
}

global! {
    static TABLE: [Bucket; SEMTAB] = each!(Bucket::new());
}

/// The same for the same address, and different for others: an odd factor loses nothing.
#[inline]
fn mixed(address: usize) -> usize {
    address.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn bucket(key: usize) -> &'static Bucket {
    &TABLE[key % TABLE.len()]
}

/// The address of what is waited for, as a number.
#[inline]
pub fn address_of<T>(what: &T) -> usize {
    core::ptr::from_ref(what).addr()
}

/// Where [`park_at`] puts whoever waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Behind those who wait already.
    Back,
    /// In front of them.
    Front,
}

/// What to wait for.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    /// The address to wait at.
    pub address: usize,
    /// Where among the others.
    pub place: Place,
    /// What [`wake_at`]'s caller is told of it.
    pub arg: usize,
    /// For dumps.
    pub reason: WaitReason,
}

/// A waiter, and what is left to do when nobody is on its stack any more.
struct Entry<C, P> {
    waiter: Waiter,
    place: Place,
    calls: Cell<Option<(C, P)>>,
    waited: Cell<bool>,
}

impl<C: FnOnce() -> bool, P: FnOnce()> Entry<C, P> {
    /// Enters, unless there is nothing to wait for: whether it has.
    fn enter(&self) -> bool {
        let Some((check, parted)) = self.calls.take() else { return false };
        let bucket = bucket(self.waiter.key()).0.lock();
        if !check() {
            return false;
        }
        self.waited.set(true);
        bucket.push(&self.waiter, self.place == Place::Front);
        drop(bucket);
        // Whoever waits may have been woken: `self` is not there any more.
        parted();
        true
    }
}

/// Waits at an address until somebody takes it out by [`wake_at`]: whether it has waited.
///
/// `check` is called under the lock that wakers take, too; if it says `false` there is no waiting.
/// `parted` is called once the waiter can be found. On a goroutine both are called when its stack has
/// been left: they may change words, wake others, and nothing else; `check` not even wake.
///
/// What waits: the goroutine, or the thread if it is an ordinary one.
#[inline]
pub fn park_at<C, P>(wait: Wait, check: C, parted: P) -> bool
where
    C: FnOnce() -> bool,
    P: FnOnce(),
{
    let entry = Entry {
        waiter: Waiter::new(mixed(wait.address), wait.arg),
        place: wait.place,
        calls: Cell::new(Some((check, parted))),
        waited: Cell::new(false),
    };
    if entry.waiter.is_goroutine() {
        slot::lock();
        gopark_raised(commit::<C, P>, core::ptr::from_ref(&entry).expose_provenance(), wait.reason);
    } else if entry.enter() {
        entry.waiter.sleep();
    }
    entry.waited.get()
}

fn commit<C: FnOnce() -> bool, P: FnOnce()>(_: &'static G, entry: usize) -> bool {
    let entry = core::ptr::with_exposed_provenance::<Entry<C, P>>(entry);
    // SAFETY: on the stack of who has just parked, in `park_at`.
    unsafe { (*entry).enter() }
}

/// Takes those who wait at an address out, oldest first, for as long as `take` says so, and wakes
/// them: how many. `take` is given each one's `arg`; `finish` how many were taken, and whether others
/// are left. Both are called under the lock, and may change words and nothing else.
///
/// Does not wait. From any thread.
pub fn wake_at(
    address: usize,
    mut take: impl FnMut(usize) -> bool,
    finish: impl FnOnce(usize, bool),
) -> usize {
    let key = mixed(address);
    let mut woken = Woken::nobody();
    let bucket = bucket(key).0.lock();
    let left = loop {
        match bucket.first(key) {
            None => break false,
            Some(waiter) if !take(waiter.arg) => break true,
            Some(_) => bucket.pop(key, &mut woken),
        }
    };
    let count = woken.count();
    finish(count, left);
    drop(bucket);
    woken.wake_all();
    count
}

/// Takes one wake-up from a semaphore, waiting until there is one. Go: `semacquire`.
///
/// What waits: the goroutine, or the thread if it is an ordinary one; behind the others, or, if it has
/// waited before, in front of them.
pub fn semacquire(sema: &AtomicU32, place: Place, reason: WaitReason) {
    let wait = Wait { address: address_of(sema), place, arg: 0, reason };
    let none = || match sema.load(Ordering::Relaxed).checked_sub(1) {
        None => true,
        Some(rest) => {
            sema.store(rest, Ordering::Relaxed);
            false
        }
    };
    park_at(wait, none, || ());
}

/// Gives a semaphore `count` wake-ups. Go: `semrelease`.
///
/// Does not wait. From any thread.
pub fn semrelease(sema: &AtomicU32, count: u32) {
    let mut given = 0;
    let take = |_| {
        given += 1;
        given <= count
    };
    let keep = |taken, _| {
        let rest = count - taken as u32;
        if rest != 0 {
            // Somebody has yet to enter for each of these: that keeps the word.
            sema.store(sema.load(Ordering::Relaxed) + rest, Ordering::Relaxed);
        }
    };
    wake_at(address_of(sema), take, keep);
}

/// Gives a semaphore one wake-up, and whoever gets it the P. Go: `semrelease` with `handoff`.
///
/// What waits: the goroutine, in its P's queue.
pub fn semhandoff(sema: &AtomicU32) {
    semrelease(sema, 1);
    goyield();
}
