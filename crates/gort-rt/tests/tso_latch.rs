//! The channels' lock, whose release is a plain store: on x86, with store buffers, it excludes and loses
//! no sleeper. The lock is the real one; the kernel's part, futexes, is modelled here.
//!
//! Shown to fail: no `membarrier`, or the word that says "somebody" stored after it, or read before the
//! release: "deadlock". "Somebody" not said again by who has slept: a run without an end.

#![allow(
    dead_code,
    unused_imports,
    clippy::let_unit_value,
    clippy::reversed_empty_ranges,
    reason = "the models use parts of the files they include, with less around them"
)]

#[path = "../src/lock/latch.rs"]
mod latch;
#[path = "model/tso/prim.rs"]
mod x86;

mod prim {
    pub(crate) use crate::x86::*;
    use gort_sys::types::Timespec;
    use tso::{Op, act};

    pub(crate) const DOUBLINGS: u32 = 0;
    pub(crate) const BUCKETS: usize = 1;

    macro_rules! global {
        ($($item:tt)*) => { $($item)* };
    }
    pub(crate) use global;

    pub(crate) const fn zeros<const N: usize>() -> [AtomicU32; N] {
        [const { AtomicU32::new(0) }; N]
    }

    pub(crate) fn spin_loop() {}

    /// The compiler's, which the model has no need of.
    pub(crate) fn light_fence() {}

    /// The kernel's queue, first in, first out, of all who sleep; its lock.
    static KERNEL: AtomicU32 = AtomicU32::new(0);
    static TAIL: AtomicU32 = AtomicU32::new(0);
    static HEAD: AtomicU32 = AtomicU32::new(0);

    fn unlock_kernel() {
        KERNEL.swap(0, Ordering::Release);
    }

    pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, _: Option<&Timespec>) {
        KERNEL.exchange_when(0, 1);
        let sleeps = word.load(Ordering::Relaxed) == expected;
        let ticket = TAIL.load(Ordering::Relaxed);
        if sleeps {
            TAIL.store(ticket + 1, Ordering::Relaxed);
        }
        unlock_kernel();
        while sleeps && HEAD.load(Ordering::Relaxed) <= ticket {
            act(Op::Spin);
        }
    }

    pub(crate) fn futex_wake(_: &AtomicU32, count: i32) {
        assert_eq!(count, 1);
        KERNEL.exchange_when(0, 1);
        let head = HEAD.load(Ordering::Relaxed);
        if head != TAIL.load(Ordering::Relaxed) {
            HEAD.store(head + 1, Ordering::Relaxed);
        }
        unlock_kernel();
    }
}

mod obj {
    pub(crate) mod m {
        pub(crate) struct M {
            pub(crate) ranks: crate::prim::Word,
        }

        pub(crate) fn current() -> Option<&'static M> {
            None
        }
    }
}

mod throw {
    pub(crate) fn throw(text: &str) -> ! {
        panic!("{text}")
    }
}

use latch::Latch;
use prim::{AtomicU32, Ordering::Relaxed};
use tso::explore;

/// `turns[i]` turns of thread `i` under one lock, each in two steps that only exclusion keeps together.
fn count(turns: &[u32]) {
    let (latch, count) = (Latch::new(), AtomicU32::new(0));
    let body = |turns: u32| {
        for _ in 0..turns {
            latch.acquire();
            let was = count.load(Relaxed);
            count.store(was + 1, Relaxed);
            latch.release();
        }
    };
    let bodies: Vec<Box<dyn Fn() + '_>> =
        turns.iter().map(|&turns| Box::new(move || body(turns)) as Box<dyn Fn()>).collect();
    let names = ["first", "second", "third"];
    let bodies: Vec<_> = names.into_iter().zip(bodies.iter().map(|body| &**body)).collect();
    let all = turns.iter().sum::<u32>();
    explore(&|| {}, &bodies, &[], &|| assert_eq!(count.load(Relaxed), all));
}

#[test]
fn two_threads() {
    count(&[2, 1]);
}

#[test]
fn three_threads() {
    count(&[1, 1, 1]);
}
