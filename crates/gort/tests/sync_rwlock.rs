//! Read-write locks: who may be in at the same time, who goes first, and what can become of a guard.

#![allow(unsafe_code)]
//! # Safety
//!
//! One test changes a count inside a lock, of which it is the only user.

mod support;

use gort::sync::{RwLock, RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use support::{ON_PURPOSE, PROCS, matrix, mixed, on_one_p, panics, quiet, settle};

/// Readers see two equal words, writers change them one after the other.
#[test]
fn readers_never_see_half_of_a_change() {
    for procs in PROCS {
        for (goroutines, threads) in [(10, 0), (40, 0), (8, 3)] {
            let pair = RwLock::new((0, 0));
            mixed(procs, goroutines, threads, |i| {
                for round in 0..500 {
                    let random = (i * 7 + round) % 10;
                    match random {
                        0 => {
                            let mut pair = pair.write();
                            pair.0 += 1;
                            if round % 3 == 0 {
                                gort::gosched();
                            }
                            pair.1 += 1;
                        }
                        1 => {
                            let pair = pair.upgradable_read();
                            let before = *pair;
                            let mut pair = RwLockUpgradableReadGuard::upgrade(pair);
                            assert_eq!(*pair, before, "somebody wrote in between");
                            pair.0 += 1;
                            pair.1 += 1;
                            let pair = RwLockWriteGuard::downgrade(pair);
                            assert_eq!(*pair, (before.0 + 1, before.1 + 1));
                        }
                        2 => {
                            let again = pair.read_recursive();
                            let first = pair.read_recursive();
                            assert_eq!(*again, *first);
                        }
                        3 => {
                            if let Some(mut pair) = pair.try_write() {
                                pair.1 += 1;
                                pair.0 += 1;
                            }
                        }
                        4 => {
                            if let Some(pair) = pair.try_read() {
                                assert_eq!(pair.0, pair.1);
                            }
                        }
                        _ => {
                            let pair = pair.read();
                            if round % 5 == 0 {
                                gort::gosched();
                            }
                            assert_eq!(pair.0, pair.1);
                        }
                    }
                }
            });
            assert!(!pair.is_locked());
            let (one, other) = pair.into_inner();
            assert_eq!(one, other);
            assert!(one >= (goroutines + threads) * 50);
        }
    }
}

#[test]
fn many_read_at_the_same_time() {
    matrix(|_| {
        let (lock, inside) = (RwLock::new(()), AtomicUsize::new(0));
        support::all(10, |_| {
            let _guard = lock.read();
            inside.fetch_add(1, Relaxed);
            // All are in before anybody goes.
            while inside.load(Relaxed) < 10 {
                gort::gosched();
            }
        });
    });
}

/// Who wants to write keeps out who comes to read after it; then all who wait read.
#[test]
fn neither_side_passes_the_other() {
    on_one_p(|| {
        let order = RwLock::new(());
        let log = gort::sync::Mutex::new(String::new());
        let step = |what: char| log.lock().push(what);
        gort::scope(|s| {
            let first = order.read();
            let writer = |name| {
                let (order, step) = (&order, &step);
                s.go(move || {
                    let _guard = order.write();
                    step(name);
                });
                settle();
            };
            let reader = |name| {
                let (order, step) = (&order, &step);
                s.go(move || {
                    let _guard = order.read();
                    step(name);
                });
                settle();
            };
            writer('W');
            reader('r');
            assert!(order.try_read().is_none(), "a writer waits");
            writer('X');
            reader('r');
            assert_eq!(*log.lock(), "");
            drop(first);
        });
        assert_eq!(log.into_inner(), "WrrX");
    });
}

/// Whoever unlocks fairly lets those go first who wait.
#[test]
fn who_unlocks_fairly_hands_on() {
    on_one_p(|| {
        let order = RwLock::new(String::new());
        gort::scope(|s| {
            let guard = order.upgradable_read();
            s.go(|| order.write().push('w'));
            settle();
            RwLockUpgradableReadGuard::unlock_fair(guard);
            order.write().push('u');
        });
        gort::scope(|s| {
            let guard = order.write();
            s.go(|| order.write().push('x'));
            settle();
            RwLockWriteGuard::unlock_fair(guard);
            order.write().push('v');
        });
        let guard = order.read();
        RwLockReadGuard::unlock_fair(guard);
        assert_eq!(order.into_inner(), "wuxv");
    });
}

#[test]
fn a_reader_may_come_again_while_a_writer_waits() {
    on_one_p(|| {
        let lock = RwLock::new(0);
        gort::scope(|s| {
            let first = lock.read();
            s.go(|| *lock.write() = 1);
            settle();
            let again = lock.read_recursive();
            assert!(lock.try_read_recursive().is_some());
            assert_eq!((*first, *again), (0, 0));
            drop(first);
            settle();
            assert_eq!(*again, 0);
        });
        let writer = lock.write();
        assert!(lock.try_read_recursive().is_none());
        assert_eq!(*writer, 1);
    });
}

#[test]
fn the_upgradable_reader_keeps_out_writers_only() {
    let lock = RwLock::new(0);
    let upgradable = lock.upgradable_read();
    assert!(lock.try_upgradable_read().is_none());
    assert!(lock.try_write().is_none());
    assert!(lock.is_locked() && !lock.is_locked_exclusive());
    let reader = lock.try_read().expect("others may read");
    let upgradable = RwLockUpgradableReadGuard::try_upgrade(upgradable).expect_err("one reads");
    drop(reader);
    let mut writer = RwLockUpgradableReadGuard::try_upgrade(upgradable).expect("nobody reads");
    assert!(lock.try_read().is_none() && lock.is_locked_exclusive());
    *writer = 1;
    let upgradable = RwLockWriteGuard::downgrade_to_upgradable(writer);
    assert_eq!(*lock.try_read().expect("others may read"), 1);
    let reader = RwLockUpgradableReadGuard::downgrade(upgradable);
    assert!(lock.try_upgradable_read().is_some());
    assert!(lock.try_write().is_none());
    drop(reader);
    assert!(!lock.is_locked());
    assert!(lock.try_write().is_some());
}

#[test]
fn parts_of_the_value_may_be_kept_locked() {
    let lock = RwLock::new((1, 2));
    let part = RwLockReadGuard::map(lock.read(), |pair| &pair.0);
    assert!(lock.try_write().is_none());
    assert_eq!(*part, 1);
    drop(part);
    *RwLockWriteGuard::map(lock.write(), |pair| &mut pair.1) = 3;
    assert_eq!(*lock.read(), (1, 3));
}

#[test]
fn a_panic_unlocks() {
    let _quiet = quiet();
    matrix(|_| {
        let lock = std::sync::Arc::new(RwLock::new(0));
        for i in 0..20 {
            let other = lock.clone();
            let result = gort::go(move || {
                if i % 2 == 0 {
                    *other.write() += 1;
                    let _guard = other.read();
                    panic!("{ON_PURPOSE} {i}");
                }
                let mut value = other.write();
                *value += 1;
                panic!("{ON_PURPOSE} {i}");
            });
            assert!(result.join().is_err());
            assert!(!lock.is_locked());
        }
        assert_eq!(*lock.read(), 20);
    });
}

/// Writers come all the time, and a reader gets its turn, and the other way round.
#[test]
fn nobody_is_kept_out_for_ever() {
    for procs in PROCS {
        let (lock, done) = (RwLock::new(()), AtomicUsize::new(0));
        mixed(procs, procs + 2, 1, |i| {
            if i < procs {
                while done.load(Relaxed) < 3 {
                    if i % 2 == 0 {
                        let _guard = lock.write();
                        gort::gosched();
                    } else {
                        let _guard = lock.read();
                        gort::gosched();
                    }
                }
                return;
            }
            for _ in 0..20 {
                while !lock.is_locked() {
                    gort::gosched();
                }
                if i % 2 == 0 {
                    drop(lock.read());
                } else {
                    drop(lock.write());
                }
            }
            done.fetch_add(1, Relaxed);
        });
    }
}

/// A billion guards that were forgotten: the lock, which this test makes believe so, says it.
#[test]
fn too_many_readers_is_a_panic() {
    let lock = RwLock::new(());
    // SAFETY: looked at, and not used.
    let raw = std::ptr::from_ref(unsafe { lock.raw() }).cast::<AtomicU64>();
    let words = size_of::<gort::sync::RawRwLock>() / 8;
    std::mem::forget(lock.read());
    // SAFETY: the lock's words, all of which are atomic.
    let count = (0..words)
        .map(|i| unsafe { &*raw.add(i) })
        .find(|word| word.load(Relaxed) == 1)
        .expect("the readers are counted somewhere");
    count.store((1 << 30) - 1, Relaxed);
    let last = lock.read();
    for _ in 0..3 {
        let text = "gort::sync::RwLock: too many readers";
        assert_eq!(panics(|| drop(lock.read())), text);
        assert_eq!(panics(|| drop(lock.try_read())), text);
        assert_eq!(panics(|| drop(lock.read_recursive())), text);
    }
    drop(last);
    drop(lock.read());
    count.store(0, Relaxed);
    drop(lock.write());
}
