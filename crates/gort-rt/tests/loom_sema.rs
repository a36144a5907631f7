//! The table of waiters and its semaphores: no wake-up is lost or comes twice, who waits longest goes
//! first, goroutines and threads alike.
//!
//! Shown to fail: to enter without `check`, or to call it before the lock is taken: "deadlock". To
//! drop what `semrelease` has left: "deadlock". To enter a goroutine before it has parked: "readied
//! while on its stack". `push` in front for behind: the order is wrong. `Relaxed` for the Release in
//! `wake`: the sleeper reads old data.

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
use sched::park::WaitReason;
use std::sync::Arc;
use sync::{Place, Wait, address_of, park_at, semacquire, semrelease, wake_at};

const REASON: WaitReason = WaitReason::MutexLock;
const PAIRS: [[Kind; 2]; 4] =
    [[Goroutine, Goroutine], [Goroutine, Thread], [Thread, Goroutine], [Thread, Thread]];

#[derive(Default)]
struct Shared {
    semas: [AtomicU32; 3],
    data: AtomicU32,
}

impl Shared {
    fn acquire(&self, sema: usize) {
        semacquire(&self.semas[sema], Place::Back, REASON);
    }

    fn release(&self, sema: usize, count: u32) {
        semrelease(&self.semas[sema], count);
    }
}

/// Who acquires sees what who releases has written.
#[test]
fn one_of_each() {
    for [waits, wakes] in PAIRS {
        check(3, move || {
            let shared = Arc::new(Shared::default());
            let other = shared.clone();
            let other = spawn(wakes, move || {
                other.data.store(1, Relaxed);
                other.release(0, 1);
            });
            waits.run(|| shared.acquire(0));
            assert_eq!(shared.data.load(Relaxed), 1);
            other.join().unwrap();
            assert_eq!(shared.semas[0].load(Relaxed), 0);
        });
    }
}

/// Two that wait, and both wake-ups at once or one by one.
#[test]
fn two_wait() {
    for kinds in PAIRS {
        for at_once in [false, true] {
            check(2, move || {
                let shared = Arc::new(Shared::default());
                let waiters = kinds.map(|kind| {
                    let shared = shared.clone();
                    spawn(kind, move || shared.acquire(0))
                });
                if at_once {
                    shared.release(0, 2);
                } else {
                    shared.release(0, 1);
                    shared.release(0, 1);
                }
                for waiter in waiters {
                    waiter.join().unwrap();
                }
                assert_eq!(shared.semas[0].load(Relaxed), 0);
            });
        }
    }
}

/// Semaphores in one bucket have nothing to do with each other, in whatever order they come and go.
#[test]
fn different_addresses_share_a_bucket() {
    for order in [[0, 1, 2], [1, 0, 2], [2, 1, 0]] {
        check(1, move || {
            let shared = Arc::new(Shared::default());
            let waiters = [0, 1, 2].map(|sema| {
                let shared = shared.clone();
                spawn(Goroutine, move || shared.acquire(sema))
            });
            for sema in order {
                shared.release(sema, 1);
            }
            for waiter in waiters {
                waiter.join().unwrap();
            }
            assert!(shared.semas.iter().all(|sema| sema.load(Relaxed) == 0));
        });
    }
}

/// Two that wait, in an order that is known: woken in the order of their places.
#[test]
fn first_come_first_unless_it_has_waited() {
    for (place, first) in [(Place::Back, 0), (Place::Front, 1)] {
        check(2, move || {
            let shared = Arc::new(Shared::default());
            let turn = |i: usize, place| {
                let shared = shared.clone();
                spawn(Goroutine, move || {
                    let address = address_of(&shared.semas[0]);
                    let wait = Wait { address, place, arg: i, reason: REASON };
                    park_at(
                        wait,
                        || true,
                        || {
                            shared.data.fetch_add(1, Relaxed);
                        },
                    );
                })
            };
            let await_entry = |count| {
                while shared.data.load(Relaxed) != count {
                    loom::thread::yield_now();
                }
            };
            let one = turn(0, Place::Back);
            await_entry(1);
            let other = turn(1, place);
            await_entry(2);
            let mut seen = None;
            let take = |arg| seen.replace(arg).is_none();
            let count = wake_at(address_of(&shared.semas[0]), take, |count, left| {
                assert_eq!((count, left), (1, true));
            });
            assert_eq!(count, 1);
            // The one that was not taken was looked at last.
            assert_eq!(seen, Some(1 - first));
            wake_at(address_of(&shared.semas[0]), |arg| arg == 1 - first, |_, left| assert!(!left));
            one.join().unwrap();
            other.join().unwrap();
        });
    }
}

/// As a futex: who finds the word changed does not wait, who does is woken.
#[test]
fn nobody_enters_after_having_been_overlooked() {
    for [waits, wakes] in PAIRS {
        check(3, move || {
            let shared = Arc::new(Shared::default());
            let other = shared.clone();
            let other = spawn(wakes, move || {
                other.data.store(1, Relaxed);
                wake_at(address_of(&other.data), |_| true, |_, left| assert!(!left));
            });
            waits.run(|| {
                let address = address_of(&shared.data);
                let wait = Wait { address, place: Place::Back, arg: 0, reason: REASON };
                park_at(wait, || shared.data.load(Relaxed) == 0, || ());
            });
            assert_eq!(shared.data.load(Relaxed), 1);
            other.join().unwrap();
        });
    }
}
