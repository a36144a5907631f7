//! The channels' lock excludes, hands over what was written under it, and loses no sleeper, also when
//! locks share a word for their sleepers, as all do here.
//!
//! Shown to fail: `Relaxed` for the Release or the Acquire: the count is too low. No `light_fence`, or no
//! `membarrier`: "deadlock". "Somebody" not said again by who has slept: "exceeded maximum number of
//! branches". One woken also when somebody sleeps who holds locks: "deadlock" in `one_needs_another`.
//! The same if wake-ups are not counted.
//!
//! What makes it quick, the release without a fence, is in `tso_latch.rs`.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    unsafe_code,
    reason = "the models use parts of the files they include"
)]

#[path = "model/chan.rs"]
mod model;
#[path = "model/prim.rs"]
mod prim;

use model::{chan, lock, obj, sched, throw, timer};

use lock::Latch;
use loom::thread;
use prim::{AtomicU32, Ordering::Relaxed, check};
use std::sync::Arc;

/// `threads` of them count to `turns` each under every one of `N` locks, in two steps that only
/// exclusion keeps together.
fn count<const N: usize>(threads: u32, turns: u32) {
    let locks = Arc::new(std::array::from_fn::<_, N, _>(|_| (Latch::new(), AtomicU32::new(0))));
    let body = move |locks: &[(Latch, AtomicU32); N]| {
        for _ in 0..turns {
            for (latch, count) in locks {
                latch.acquire();
                let was = count.load(Relaxed);
                count.store(was + 1, Relaxed);
                latch.release();
            }
        }
    };
    let others: Vec<_> = (1..threads)
        .map(|_| {
            let locks = locks.clone();
            thread::spawn(move || body(&locks))
        })
        .collect();
    body(&locks);
    for other in others {
        other.join().unwrap();
    }
    for (latch, count) in &*locks {
        latch.acquire();
        assert_eq!(count.load(Relaxed), threads * turns);
    }
}

/// One holds a lock and sleeps for a second; who holds a third waits for the first, and another sleeps
/// for the third.
#[test]
fn one_needs_another() {
    check(2, || {
        let locks: Arc<[Latch; 3]> = Arc::new(std::array::from_fn(|_| Latch::new()));
        let both = |one: usize, other: usize| {
            let locks = locks.clone();
            move || {
                locks[one].acquire();
                locks[other].acquire_another();
                locks[other].release();
                locks[one].release();
            }
        };
        let alone = |one: usize| {
            let locks = locks.clone();
            move || {
                locks[one].acquire();
                locks[one].release();
            }
        };
        let others =
            [thread::spawn(both(1, 2)), thread::spawn(both(0, 1)), thread::spawn(alone(0))];
        alone(2)();
        for other in others {
            other.join().unwrap();
        }
    });
}

#[test]
fn two_threads_twice() {
    check(3, || count::<1>(2, 2));
}

#[test]
fn three_threads() {
    check(2, || count::<1>(3, 1));
}

#[test]
fn two_locks() {
    check(2, || count::<2>(3, 1));
}
