//! The program's mutex excludes, hands over what was written under it, loses no waiter, and gives
//! whoever has waited for too long the lock.
//!
//! Shown to fail: `Relaxed` for the Release of either unlock, or for the Acquire of `exchange`: the count
//! is too low. Without counting who waits, without taking `WOKEN` over or away, or leaving it to the
//! spinner: "deadlock". Without setting `WOKEN` by waking, or waking although it is set, or letting go
//! of a lock that is handed on: two have it. `STARVING` left by the last, or without counting it out:
//! "nobody is left". `STARVING` cleared by the last to wait by a load and a store, or not by the last to
//! give up; who gives up not counted out, or although somebody is about to wake it; a lock handed on
//! when all have given up: "nobody is left", or "deadlock". `try_lock` that does not look at `LOCKED`
//! while the lock is handed on: "it is locked".

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

use model::{Goroutine, Kind, Thread, lock, obj, sched, spawn, sync, timer};
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

/// Adds one, in two steps that only exclusion keeps together, and unlocks.
fn add(shared: &Shared) {
    add_before(shared, Mutex::unlock);
}

/// The same, and hands it on.
fn add_fairly(shared: &Shared) {
    add_before(shared, Mutex::unlock_fair);
}

fn add_before(shared: &Shared, unlock: fn(&Mutex)) {
    let was = shared.count.load(Relaxed);
    shared.count.store(was + 1, Relaxed);
    unlock(&shared.mutex);
}

/// Each party counts to its number. The first of them is this thread.
fn count(parties: &'static [(Kind, u32)]) {
    let shared = Arc::new(Shared::default());
    let body = |shared: &Shared, times| {
        for _ in 0..times {
            shared.mutex.lock();
            add(shared);
        }
    };
    let others: Vec<_> = parties[1..]
        .iter()
        .map(|(kind, times)| {
            let shared = shared.clone();
            spawn(*kind, move || body(&shared, *times))
        })
        .collect();
    let (kind, times) = parties[0];
    kind.run(|| body(&shared, times));
    for other in others {
        other.join().unwrap();
    }
    assert!(shared.mutex.try_lock(), "it is free, and nobody is left");
    let total = parties.iter().map(|(_, times)| times).sum();
    assert_eq!(shared.count.load(Relaxed), total);
}

#[test]
fn two_goroutines_twice() {
    for (tick, spins) in [(0, 0), (0, 1), (LONG, 0), (LONG, 1)] {
        under(tick, spins, || check(3, || count(&[(Goroutine, 2), (Goroutine, 2)])));
    }
}

#[test]
fn a_thread_and_a_goroutine_twice() {
    for tick in [0, LONG] {
        under(tick, 0, || check(3, || count(&[(Thread, 2), (Goroutine, 2)])));
    }
}

#[test]
fn three_goroutines() {
    for (tick, spins) in [(0, 0), (0, 2), (LONG, 0)] {
        under(tick, spins, || {
            check(2, || count(&[(Goroutine, 1), (Goroutine, 1), (Goroutine, 1)]))
        });
    }
}

#[test]
fn three_of_both_kinds_starving() {
    under(LONG, 0, || check(2, || count(&[(Goroutine, 3), (Thread, 2), (Goroutine, 1)])));
}

/// One locks it, starts others who want it, and unlocks and locks it under their noses.
fn barge(others: usize, more: impl Fn(&Shared)) {
    let shared = Arc::new(Shared::default());
    shared.mutex.lock();
    let all: Vec<_> = (0..others)
        .map(|_| {
            let shared = shared.clone();
            spawn(Goroutine, move || {
                shared.mutex.lock();
                add(&shared);
            })
        })
        .collect();
    more(&shared);
    add(&shared);
    for other in all {
        other.join().unwrap();
    }
    assert!(shared.mutex.try_lock(), "it is free, and nobody is left");
}

/// Who spins keeps the others from being woken, and makes up for it.
#[test]
fn spinning_while_others_wait() {
    under(0, 1, || check(3, || barge(2, |_| ())));
}

/// Who unlocks fairly hands it on, whoever is awake.
#[test]
fn unlocking_fairly_while_others_wait() {
    for spins in [0, 1] {
        under(0, spins, || {
            check(2, || {
                barge(2, |shared| {
                    add_fairly(shared);
                    shared.mutex.lock();
                });
            });
        });
    }
    // One is awake already, and has not been handed it.
    under(0, 0, || {
        check(2, || {
            barge(2, |shared| {
                add(shared);
                shared.mutex.lock();
                add_fairly(shared);
                shared.mutex.lock();
            });
        });
    });
    const TWO: &[(Kind, Option<u64>)] =
        &[(Goroutine, patience(Goroutine)), (Thread, patience(Thread))];
    under(0, 0, || check(2, || give_up(TWO, true, add_fairly)));
}

/// While the lock is handed on, nobody is let in who tries.
#[test]
fn trying_while_somebody_starves() {
    under(LONG, 0, || {
        check(3, || {
            barge(1, |shared| {
                add(shared);
                shared.mutex.lock();
                assert!(!shared.mutex.try_lock(), "it is locked");
            });
        });
    });
}

/// Beside one that lets go of it there are `others`: who wait for ever, or not. Who gives up leaves
/// everything as if it had not come.
fn give_up(others: &'static [(Kind, Option<u64>)], again: bool, add_first: fn(&Shared)) {
    let shared = Arc::new(Shared::default());
    shared.mutex.lock();
    let all: Vec<_> = others
        .iter()
        .map(|(kind, until)| {
            let shared = shared.clone();
            spawn(*kind, move || {
                let got = match until {
                    Some(until) => shared.mutex.lock_until(*until),
                    None => {
                        shared.mutex.lock();
                        true
                    }
                };
                if got {
                    add(&shared);
                }
                u32::from(got)
            })
        })
        .collect();
    add_first(&shared);
    if again {
        shared.mutex.lock();
        add(&shared);
    }
    let got: u32 = all.into_iter().map(|other| other.join().unwrap()).sum();
    assert_eq!(shared.count.load(Relaxed), 1 + u32::from(again) + got);
    assert!(shared.mutex.try_lock(), "it is free, and nobody is left");
}

/// A time that comes: a goroutine's alarm rings whenever it likes, a thread's as soon as it sleeps.
const fn patience(kind: Kind) -> Option<u64> {
    match kind {
        Goroutine => Some(u64::MAX),
        Thread => Some(prim::FAR / 2),
    }
}

#[test]
fn one_gives_up() {
    for tick in [0, LONG] {
        for kind in [Goroutine, Thread] {
            let one = Vec::leak(vec![(kind, patience(kind))]);
            under(tick, 0, || check(3, || give_up(one, true, add)));
        }
    }
}

#[test]
fn one_gives_up_and_another_does_not() {
    for tick in [0, LONG] {
        for leaves in [Goroutine, Thread] {
            for stays in [Goroutine, Thread] {
                let others = Vec::leak(vec![(leaves, patience(leaves)), (stays, None)]);
                under(tick, 0, || check(2, || give_up(others, true, add)));
            }
        }
    }
}

#[test]
fn two_give_up() {
    for tick in [0, LONG] {
        under(tick, 0, || {
            const OTHERS: &[(Kind, Option<u64>)] = &[(Goroutine, patience(Goroutine)); 2];
            check(2, || give_up(OTHERS, false, add));
        });
    }
}
