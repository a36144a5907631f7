//! Where goroutines and threads wait for one another: a table of waiters by address, and semaphores,
//! mutexes, read-write locks and conditions on it. Go: `runtime/sema.go`, `internal/sync`, `sync/rwmutex.go`.
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
//! Semaphores (`sema.rs`) are words that count wake-ups, and most of the rest is made of them. Waiting
//! with a limit of time is apart (`timed.rs`), so that the others do not pay for it. Whoever waits at words
//! of the program's own is in the same table (`futex.rs`).
//!
//! # Safety
//!
//! What `commit` is given is on the stack of the goroutine that has just parked with it.

#![allow(unsafe_code)]

mod cond;
mod ever;
mod futex;
mod holder;
mod mutex;
mod rwmutex;
mod sema;
mod timed;
mod waiters;

pub use cond::Cond;
pub(crate) use futex::{forked, is_noted, wake_noted};
pub use futex::{futex_is_waited_at, futex_park, futex_wake_at, futex_wake_later};
pub(crate) use holder::Holder;
pub use mutex::Mutex;
pub use rwmutex::{RwMutex, TooMany};
pub use sema::{semacquire, semacquire_until, semhandoff, semrelease};
pub use timed::{Parked, park_until};

use crate::lock::{self, Rank};
use crate::obj::g::G;
use crate::prim::{Cell, SEMTAB, const_fn, each, global};
use crate::sched::park::WaitReason;
use crate::sched::park::gopark_raised;
use gort_sys::context::slot;
use waiters::{Waiter, Waiters, Woken};

/// A part of the table, in a cache line of its own.
#[repr(align(128))]
pub(crate) struct Bucket(lock::Mutex<Waiters>, futex::Count);

impl Bucket {
    const_fn! {
        pub(crate) const fn new() -> Bucket {
            Bucket(lock::Mutex::new(Rank::Waiters, Waiters::new()), futex::Count::new())
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
    #[inline]
    fn new(wait: Wait, check: C, parted: P) -> Entry<C, P> {
        Entry {
            waiter: Waiter::new(mixed(wait.address), wait.arg),
            place: wait.place,
            calls: Cell::new(Some((check, parted))),
            waited: Cell::new(false),
        }
    }

    /// Waits; a thread does so by `sleep`.
    #[inline]
    fn wait(&self, reason: WaitReason, sleep: impl FnOnce()) {
        if self.waiter.is_goroutine() {
            slot::lock();
            gopark_raised(commit::<C, P>, core::ptr::from_ref(self).expose_provenance(), reason);
        } else if self.enter() {
            sleep();
        }
    }

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
/// been left: they may change words, wake others, and nothing else; `check` not even wake. When `parted`
/// is called the waiter may be awake already, and gone: it must not use what is on the waiter's stack.
///
/// What waits: the goroutine, or the thread if it is an ordinary one.
#[inline]
pub fn park_at<C, P>(wait: Wait, check: C, parted: P) -> bool
where
    C: FnOnce() -> bool,
    P: FnOnce(),
{
    let entry = Entry::new(wait, check, parted);
    entry.wait(wait.reason, || entry.waiter.sleep());
    entry.waited.get()
}

fn commit<C: FnOnce() -> bool, P: FnOnce()>(_: &'static G, entry: usize) -> bool {
    let entry = core::ptr::with_exposed_provenance::<Entry<C, P>>(entry);
    // SAFETY: on the stack of who has just parked, in `wait`.
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
            Some(waiter) => bucket.remove(waiter, &mut woken),
        }
    };
    let count = woken.count();
    finish(count, left);
    drop(bucket);
    woken.wake_all();
    count
}
