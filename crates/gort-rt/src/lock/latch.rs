//! A channel's lock: held for a handful of instructions, and let go by a plain store.
//!
//! # The problem
//!
//! A channel operation takes its lock and lets it go, and in between copies a value. Two locked
//! instructions would be most of what it costs; one is enough to take the lock.
//!
//! # Protocol
//!
//! A word in a table, by the lock's address, says whether somebody sleeps.
//!
//! | | who lets go | who has spun in vain |
//! |-|-|-|
//! | 1 | store "free" | store "somebody sleeps" |
//! | 2 | (no fence) | membarrier: a full fence on every thread of the process |
//! | 3 | load whether somebody sleeps; if so, store "nobody" and wake one | try to take the lock |
//! | 4 | | sleep, unless the word has changed; go on with 1 |
//!
//! If the releaser's load comes after the membarrier, it sees the sleeper and wakes it. If it comes
//! before, so does its store, and the sleeper finds the lock free. Where the kernel refuses the
//! membarrier, sleepers look again every millisecond.
//!
//! The word is one for all who sleep, also for those of other locks that have the same: one is woken
//! and the word says "nobody". But whoever has slept says "somebody" again before it takes its lock,
//! so when it lets go the next is woken. Meanwhile the others let go without a system call.
//!
//! The one that is woken may be another lock's, and sleep on; whoever has that lock wakes the next. But
//! if the one that should have been woken holds locks itself, that may never be: the other lock's
//! holder may wait for one of those. So who sleeps with locks held has the word say so, and then all
//! are woken. The wake-ups are counted in the word, so nobody falls asleep who has missed one because
//! somebody else has come to sleep since.
//!
//! The words are in a table because once a lock is free, whoever takes it next may free the memory
//! that it is in, and the releaser must not look there any more.
//!
//! Modelled by loom in `tests/loom_latch.rs`, and, because loom knows no membarrier, explored with
//! store buffers in `tests/tso_latch.rs`.
//!
//! # Rules
//!
//! Whoever holds one has `locks` raised, and does nothing but move values and links: no allocation,
//! no call of the program's code, no waking. Several are taken in the order of their addresses, and
//! none while a [`Mutex`](super::Mutex) is held, which debug builds check.

use crate::obj::m;
use crate::prim::{
    AtomicU32, BUCKETS, DOUBLINGS, Ordering, const_fn, futex_wait, futex_wake, global, light_fence,
    membarrier, spin_loop, zeros,
};
use gort_sys::types::Timespec;

const FREE: u32 = 0;
const HELD: u32 = 1;

/// How long a sleeper sleeps that may have been overlooked.
const DOZE: Timespec = Timespec { sec: 0, nsec: 1_000_000 };

global! {
    static SLEEPERS: [AtomicU32; BUCKETS] = zeros();
}

/// Somebody sleeps.
const SOMEBODY: u32 = 1;
/// Somebody sleeps for whom others may wait.
const SOMEBODY_WITH_LOCKS: u32 = 2;
/// The lower bits of a word. The upper ones count wake-ups.
const WHO: u32 = SOMEBODY | SOMEBODY_WITH_LOCKS;

/// See the module.
#[derive(Debug)]
pub(crate) struct Latch(AtomicU32);

impl Latch {
    const_fn! {
        pub(crate) const fn new() -> Latch {
            Latch(AtomicU32::new(FREE))
        }
    }

    /// Takes it. `locks` is raised, and no other is held.
    #[inline(always)]
    pub(crate) fn acquire(&self) {
        self.acquire_as(SOMEBODY);
    }

    /// Takes it, by whoever may hold others, of lower addresses. `locks` is raised.
    pub(crate) fn acquire_another(&self) {
        self.acquire_as(SOMEBODY_WITH_LOCKS);
    }

    #[inline(always)]
    fn acquire_as(&self, who: u32) {
        if cfg!(debug_assertions) && m::current().is_some_and(|mp| mp.ranks.get() != 0) {
            crate::throw::throw("a channel's lock taken while holding one of the scheduler's");
        }
        if !self.try_acquire() {
            self.acquire_slow(who);
        }
    }

    #[inline(always)]
    fn try_acquire(&self) -> bool {
        // Acquire: pairs with the Release in `release`.
        self.0.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    #[cold]
    #[inline(never)]
    fn acquire_slow(&self, who: u32) {
        // Twice as long each time: who looks takes the line that the holder works on, and one that
        // goes back and forth with every operation makes each several times dearer.
        for doubled in 0..DOUBLINGS {
            for _ in 0..1 << doubled {
                spin_loop();
            }
            if self.0.load(Ordering::Relaxed) == FREE && self.try_acquire() {
                return;
            }
        }
        let sleepers = sleepers(self);
        loop {
            let said = sleepers.fetch_or(who, Ordering::Relaxed) | who;
            let seen = membarrier();
            if self.try_acquire() {
                return;
            }
            let _ = futex_wait(sleepers, said, if seen { None } else { Some(&DOZE) });
        }
    }

    /// Lets it go. By whoever holds it, or in its place; it may not exist any more afterwards.
    #[inline(always)]
    pub(crate) fn release(&self) {
        let sleepers = sleepers(self);
        // Release: pairs with the Acquire in `try_acquire`.
        self.0.store(FREE, Ordering::Release);
        light_fence();
        if sleepers.load(Ordering::Relaxed) & WHO != 0 {
            wake(sleepers);
        }
    }
}

#[cold]
#[inline(never)]
fn wake(sleepers: &AtomicU32) {
    let mut said = sleepers.load(Ordering::Relaxed);
    while said & WHO != 0 {
        let next = (said | WHO).wrapping_add(1);
        match sleepers.compare_exchange(said, next, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => {
                let all = said & SOMEBODY_WITH_LOCKS != 0;
                let _ = futex_wake(sleepers, if all { i32::MAX } else { 1 });
                return;
            }
            Err(now) => said = now,
        }
    }
}

/// What says whether somebody sleeps for `latch`.
#[inline(always)]
fn sleepers(latch: &Latch) -> &'static AtomicU32 {
    // Channels are aligned to cache lines.
    &SLEEPERS[(core::ptr::from_ref(latch).addr() / 64) & (BUCKETS - 1)]
}
