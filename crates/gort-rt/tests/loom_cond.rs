//! Conditions: no notification is lost, whether or not who notifies has the mutex, whoever waits has
//! the mutex when it goes on, and nobody else has.
//!
//! Shown to fail: to tell by a word on the waiter's own stack, written when it can be found already,
//! whether the mutex has been unlocked, or to unlock it whenever the time was up: "somebody else has
//! it". Not to unlock it when it was too late, to unlock it before entering, not to count who waits:
//! "deadlock".

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
use sync::{Cond, Mutex};

#[derive(Default)]
struct Shared {
    mutex: Mutex,
    cond: Cond,
    value: AtomicU32,
    inside: AtomicU32,
}

impl Shared {
    fn alone(&self) {
        assert_eq!(self.inside.fetch_add(1, Relaxed), 0, "somebody else has it");
        self.inside.fetch_sub(1, Relaxed);
    }

    /// Waits until there is a value.
    fn await_value(&self) {
        self.mutex.lock();
        while self.value.load(Relaxed) == 0 {
            self.cond.wait(&self.mutex, None);
            self.alone();
        }
        self.mutex.unlock();
    }

    fn is_quiet(&self) {
        assert_eq!(self.cond.notify(usize::MAX), 0, "nobody is left");
        assert!(self.mutex.try_lock(), "it is free, and nobody is left");
    }
}

/// A time that comes: a goroutine's alarm rings whenever it likes, a thread's as soon as it sleeps.
fn time(kind: Kind) -> u64 {
    match kind {
        Goroutine => u64::MAX,
        Thread => prim::FAR / 2,
    }
}

const KINDS: [Kind; 2] = [Goroutine, Thread];

/// One waits, and one makes what it waits for, and notifies with the mutex or after it.
#[test]
fn what_has_changed_is_seen() {
    for kind in KINDS {
        for after in [false, true] {
            check(2, move || {
                let shared = Arc::new(Shared::default());
                let other = shared.clone();
                let other = spawn(kind, move || other.await_value());
                shared.mutex.lock();
                shared.alone();
                shared.value.store(1, Relaxed);
                if after {
                    shared.mutex.unlock();
                    shared.cond.notify(1);
                } else {
                    shared.cond.notify(1);
                    shared.mutex.unlock();
                }
                other.join().unwrap();
                shared.is_quiet();
            });
        }
    }
}

/// Who waits is notified, by somebody without the mutex, at any time; somebody else locks it meanwhile.
#[test]
fn notified_by_somebody_without_the_mutex() {
    for kind in KINDS {
        check(2, move || {
            let shared = Arc::new(Shared::default());
            let other = shared.clone();
            let waiter = spawn(kind, move || {
                other.mutex.lock();
                other.cond.wait(&other.mutex, None);
                other.inside.fetch_add(1, Relaxed);
                loom::thread::yield_now();
                assert_eq!(other.inside.fetch_sub(1, Relaxed), 1, "somebody else has it");
                other.mutex.unlock();
            });
            while shared.cond.notify(1) == 0 {
                loom::thread::yield_now();
            }
            shared.mutex.lock();
            shared.alone();
            shared.mutex.unlock();
            waiter.join().unwrap();
            shared.is_quiet();
        });
    }
}

/// Who gives up has the mutex, and leaves nothing behind; who notifies it in vain is told.
#[test]
fn one_gives_up() {
    for kind in KINDS {
        check(2, move || {
            let shared = Arc::new(Shared::default());
            let other = shared.clone();
            let waiter = spawn(kind, move || {
                other.mutex.lock();
                let notified = other.cond.wait(&other.mutex, Some(time(kind)));
                other.alone();
                other.mutex.unlock();
                u32::from(notified)
            });
            let notified = shared.cond.notify(1);
            shared.mutex.lock();
            shared.alone();
            shared.mutex.unlock();
            assert_eq!(waiter.join().unwrap() as usize, notified);
            shared.is_quiet();
        });
    }
}

/// A notification goes to one that still waits, not to one that has given up.
#[test]
fn one_gives_up_and_another_does_not() {
    check(2, || {
        let shared = Arc::new(Shared::default());
        let others = [(Goroutine, Some(u64::MAX)), (Thread, None)].map(|(kind, until)| {
            let shared = shared.clone();
            spawn(kind, move || {
                shared.mutex.lock();
                if shared.value.load(Relaxed) == 0 {
                    shared.cond.wait(&shared.mutex, until);
                    shared.alone();
                }
                shared.mutex.unlock();
            })
        });
        shared.mutex.lock();
        shared.value.store(1, Relaxed);
        shared.cond.notify(usize::MAX);
        shared.mutex.unlock();
        for other in others {
            other.join().unwrap();
        }
        shared.is_quiet();
    });
}
