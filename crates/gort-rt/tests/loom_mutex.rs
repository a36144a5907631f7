//! The lock excludes, hands over what was written under it, and loses no waiter.
//!
//! Shown to fail: `Relaxed` for the Release in `drop`, or for the Acquire in `lock` or in the swap of
//! `lock_slow`: the count is too low. No wake-up in `drop`: "deadlock". `HELD` in place of
//! `CONTENDED` in the swap: the waiter never sleeps, "exceeded maximum number of branches".

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the models use parts of the files they include"
)]

#[path = "../src/lock/mutex.rs"]
mod mutex;
#[path = "model/prim.rs"]
mod prim;

/// The threads of the models have no M.
mod obj {
    pub(crate) mod m {
        pub(crate) struct M {
            pub(crate) ranks: Ranks,
        }

        pub(crate) struct Ranks;

        impl Ranks {
            pub(crate) fn get(&self) -> usize {
                unreachable!()
            }

            pub(crate) fn set(&self, _: usize) {}
        }

        pub(crate) fn current() -> Option<&'static M> {
            None
        }
    }
}

mod throw {
    pub(crate) enum Say<'a> {
        Text(&'a str),
        Dec(u64),
        Hex(usize),
    }

    pub(crate) fn throw_with(_: &[Say<'_>]) -> ! {
        unreachable!("no M, so no ranks")
    }
}

use loom::thread;
use mutex::{Mutex, Rank};
use prim::{AtomicU32, Ordering::Relaxed, check};
use std::sync::Arc;

/// `threads` of them count to `turns` each, in two steps that only exclusion keeps together.
fn count(threads: u32, turns: u32) {
    let mutex = Arc::new(Mutex::new(Rank::Sched, AtomicU32::new(0)));
    let body = move |mutex: &Mutex<AtomicU32>| {
        for _ in 0..turns {
            let count = mutex.lock();
            let was = count.load(Relaxed);
            count.store(was + 1, Relaxed);
        }
    };
    let others: Vec<_> = (1..threads)
        .map(|_| {
            let mutex = mutex.clone();
            thread::spawn(move || body(&mutex))
        })
        .collect();
    body(&mutex);
    for other in others {
        other.join().unwrap();
    }
    assert_eq!(mutex.lock().load(Relaxed), threads * turns);
}

#[test]
fn two_threads_twice() {
    check(3, || count(2, 2));
}

#[test]
fn three_threads() {
    check(2, || count(3, 1));
}
