//! The program's mutex excludes, hands over what was written under it, loses no waiter, and gives
//! whoever has waited for too long the lock.
//!
//! Shown to fail: see the list at each model.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the models use parts of the files they include"
)]

#[path = "model/sync.rs"]
mod model;
#[path = "model/prim.rs"]
mod prim;

use model::{Goroutine, Kind, Thread, lock, obj, sched, spawn, sync};
use prim::{AtomicU32, Ordering::Relaxed, check};
use std::sync::Arc;
use std::sync::Mutex as StdMutex;
use sync::Mutex;

/// One model at a time: they set what all see.
fn under(tick: u64, spins: u32, body: impl Fn()) {
    static ONE: StdMutex<()> = StdMutex::new(());
    let _one = ONE.lock().unwrap_or_else(|poison| poison.into_inner());
    prim::TICK.store(tick, Relaxed);
    sched::spin::SPINS.store(spins, Relaxed);
    body();
}

/// So long that whoever has waited has waited for too long.
const LONG: u64 = 2_000_000;

#[derive(Default)]
struct Shared {
    mutex: Mutex,
    count: AtomicU32,
}

/// Each of `kinds` counts to `turns`, in two steps that only exclusion keeps together.
fn count(kinds: &'static [Kind], turns: u32) {
    let shared = Arc::new(Shared::default());
    let body = move |shared: &Shared| {
        for _ in 0..turns {
            shared.mutex.lock();
            let was = shared.count.load(Relaxed);
            shared.count.store(was + 1, Relaxed);
            shared.mutex.unlock();
        }
    };
    let others: Vec<_> = kinds[1..]
        .iter()
        .map(|kind| {
            let shared = shared.clone();
            spawn(*kind, move || body(&shared))
        })
        .collect();
    kinds[0].run(|| body(&shared));
    for other in others {
        other.join().unwrap();
    }
    assert!(shared.mutex.try_lock(), "it is free, and nobody is left");
    assert_eq!(shared.count.load(Relaxed), kinds.len() as u32 * turns);
}

#[test]
fn two_goroutines_twice() {
    for (tick, spins) in [(0, 0), (0, 1), (LONG, 0), (LONG, 1)] {
        under(tick, spins, || check(3, || count(&[Goroutine, Goroutine], 2)));
    }
}

#[test]
fn a_thread_and_a_goroutine_twice() {
    for tick in [0, LONG] {
        under(tick, 0, || check(3, || count(&[Thread, Goroutine], 2)));
    }
}

#[test]
fn three_goroutines() {
    for (tick, spins) in [(0, 0), (0, 1), (LONG, 0)] {
        under(tick, spins, || check(2, || count(&[Goroutine, Goroutine, Goroutine], 1)));
    }
}

#[test]
fn three_of_both_kinds_starving() {
    under(LONG, 0, || check(2, || count(&[Goroutine, Thread, Goroutine], 2)));
}

/// Who tries is never let in while the lock is handed on, and nobody is lost by it.
#[test]
fn trying_among_those_who_wait() {
    for tick in [0, LONG] {
        under(tick, 0, || {
            check(2, || {
                let shared = Arc::new(Shared::default());
                let add = |shared: &Shared| {
                    let was = shared.count.load(Relaxed);
                    shared.count.store(was + 1, Relaxed);
                    shared.mutex.unlock();
                };
                let others = [0, 1].map(|_| {
                    let shared = shared.clone();
                    spawn(Goroutine, move || {
                        shared.mutex.lock();
                        add(&shared);
                    })
                });
                let got = shared.mutex.try_lock();
                if got {
                    add(&shared);
                }
                for other in others {
                    other.join().unwrap();
                }
                assert!(shared.mutex.try_lock(), "it is free, and nobody is left");
                assert_eq!(shared.count.load(Relaxed), 2 + u32::from(got));
            });
        });
    }
}
