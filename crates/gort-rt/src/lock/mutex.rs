//! Mutual exclusion between Ms (and ordinary threads): a futex with a short spin.
//!
//! # Safety
//!
//! [`Mutex`] hands out its contents only through [`Guard`], of which there is one at a time.
//!
//! While a lock is held `locks` is raised, so its holder is neither pre-empted nor rescued. Nobody
//! parks, allocates, or calls out of the runtime while holding one. Locks have ranks and are taken
//! in increasing order; debug builds check that on every thread that has an M. Modelled by loom in
//! `tests/loom_mutex.rs`.

#![allow(unsafe_code)]

use crate::obj::m;
use crate::prim::{AtomicU32, Ordering, SPINS, const_fn, futex_wait, futex_wake, spin_loop};
use crate::throw::{Say, throw_with};
use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use gort_sys::context::slot;

/// The order in which locks are taken: a thread takes only locks of a higher rank than those it
/// holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Rank {
    /// Who waits for the program's locks.
    Waiters = 1,
    /// Who takes Ps.
    Retake,
    /// Who queues before a call that waits.
    Blocked,
    /// Who sets the deadlines of a descriptor, or puts it into another queue.
    PollSetting,
    /// Who makes queues of events.
    PollInit,
    /// A P's timers.
    Timers,
    /// Timers that are nobody's.
    TimersFree,
    /// The scheduler's lists.
    Sched,
    /// What is known about descriptors that are closed.
    PollFree,
    /// Dead goroutines.
    Dead,
    /// Address space for stacks.
    Stack,
    /// Who gives memory of stacks back.
    StackTrim,
    /// Free stacks.
    StackFree,
    /// What the watchdog has found.
    Alarms,
    /// Memory of the runtime itself.
    Persistent,
}

const FREE: u32 = 0;
const HELD: u32 = 1;
const CONTENDED: u32 = 2;

#[derive(Debug)]
pub(crate) struct Mutex<T> {
    state: AtomicU32,
    rank: Rank,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only through the one guard.
unsafe impl<T: Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    const_fn! {
        pub(crate) const fn new(rank: Rank, value: T) -> Mutex<T> {
            Mutex { state: AtomicU32::new(FREE), rank, value: UnsafeCell::new(value) }
        }
    }

    #[inline]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        slot::lock();
        self.check_rank(self.rank as u32);
        self.acquire()
    }

    /// Takes it while one of the same rank is held: the caller sees to the order of the two.
    pub(crate) fn lock_another(&self) -> Guard<'_, T> {
        slot::lock();
        self.check_rank(self.rank as u32 + 1);
        self.acquire()
    }

    #[inline]
    fn acquire(&self) -> Guard<'_, T> {
        // Acquire: pairs with the Release in `drop`.
        if self.state.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_err() {
            self.lock_slow();
        }
        Guard { mutex: self }
    }

    #[cold]
    fn lock_slow(&self) {
        for _ in 0..SPINS {
            if self.state.load(Ordering::Relaxed) == FREE
                && self
                    .state
                    .compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed)
                    .is_ok()
            {
                return;
            }
            spin_loop();
        }
        // Acquire: as above. Whoever gets the lock here cannot know whether others sleep.
        while self.state.swap(CONTENDED, Ordering::Acquire) != FREE {
            let _ = futex_wait(&self.state, CONTENDED, None);
        }
    }

    /// Whether no lock of `free` or a higher rank is held.
    fn check_rank(&self, free: u32) {
        if cfg!(debug_assertions)
            && let Some(mp) = m::current()
        {
            let held = mp.ranks.get();
            if held >> free != 0 {
                throw_with(&[
                    Say::Text("lock rank "),
                    Say::Dec(self.rank as u64),
                    Say::Text(" taken while holding "),
                    Say::Hex(held),
                ]);
            }
            mp.ranks.set(held | 1 << (self.rank as u32));
        }
    }
}

pub(crate) struct Guard<'a, T> {
    mutex: &'a Mutex<T>,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this is the one guard.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this is the one guard.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // Release: pairs with the Acquire in `lock`.
        if self.mutex.state.swap(FREE, Ordering::Release) == CONTENDED {
            let _ = futex_wake(&self.mutex.state, 1);
        }
        if cfg!(debug_assertions)
            && let Some(mp) = m::current()
        {
            mp.ranks.set(mp.ranks.get() & !(1 << (self.mutex.rank as u32)));
        }
        slot::unlock();
    }
}
