//! Mutexes: exclusion among goroutines and threads, in what order, and through panics.

mod support;

use gort::sync::{Mutex, MutexGuard, ReentrantMutex};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use support::{ON_PURPOSE, PROCS, matrix, mixed, on_one_p, quiet, serial, settle, watchdog};

#[test]
fn everybody_counts() {
    for procs in PROCS {
        for (goroutines, threads) in [(8, 0), (100, 0), (8, 3), (0, 4)] {
            let count = Mutex::new(0);
            mixed(procs, goroutines, threads, |_| {
                for _ in 0..2000 {
                    *count.lock() += 1;
                }
            });
            assert_eq!(count.into_inner(), (goroutines + threads) * 2000);
        }
    }
}

/// Who holds it yields, and works; others try.
#[test]
fn two_never_hold_it() {
    for procs in PROCS {
        let (lock, inside) = (Mutex::new(0), AtomicUsize::new(0));
        let work = |value: &mut usize, i: usize| {
            assert_eq!(inside.fetch_add(1, Relaxed), 0, "somebody else is inside");
            *value += 1;
            if i.is_multiple_of(3) {
                gort::gosched();
            }
            assert_eq!(inside.fetch_sub(1, Relaxed), 1, "somebody else is inside");
        };
        let tried = AtomicUsize::new(0);
        mixed(procs, 20, 2, |i| {
            for round in 0..500 {
                if (i + round) % 4 != 0 {
                    work(&mut lock.lock(), i + round);
                } else if let Some(mut value) = lock.try_lock() {
                    work(&mut value, i + round);
                } else {
                    tried.fetch_add(1, Relaxed);
                }
            }
        });
        assert_eq!(lock.into_inner() + tried.into_inner(), 22 * 500);
    }
}

/// On one P a goroutine that runs until it waits has waited when others run.
#[test]
fn who_waits_longest_is_next() {
    let _one = serial();
    let _watchdog = watchdog();
    gort::runtime::gomaxprocs(Some(1));
    gort::run(|| {
        let order = Mutex::new(Vec::new());
        let begun = AtomicUsize::new(0);
        gort::scope(|s| {
            let guard = order.lock();
            for i in 0..10 {
                let (order, begun) = (&order, &begun);
                s.go(move || {
                    begun.fetch_add(1, Relaxed);
                    order.lock().push(i);
                });
                while begun.load(Relaxed) == i {
                    gort::gosched();
                }
            }
            drop(guard);
        });
        assert_eq!(order.into_inner(), (0..10).collect::<Vec<_>>());
    });
}

/// Whoever unlocks fairly does not get it again before those who wait, even if nobody has waited for long.
#[test]
fn who_unlocks_fairly_hands_on() {
    on_one_p(|| {
        let order = Mutex::new(String::new());
        gort::scope(|s| {
            let mut guard = order.lock();
            s.go(|| order.lock().push('1'));
            settle();
            MutexGuard::bump(&mut guard);
            guard.push('m');
            s.go(|| order.lock().push('2'));
            settle();
            MutexGuard::unlock_fair(guard);
            order.lock().push('n');
        });
        assert_eq!(order.into_inner(), "1m2n");
    });
}

/// Whoever has the lock lets others run only while it has it, so that who waits never finds it free:
/// without being handed the lock it would wait for ever. As many hogs as there are Ps, and one who
/// waits: the last goroutine, or a thread.
fn starve(procs: usize, goroutines: usize, threads: usize) {
    let (lock, over) = (Mutex::new(()), AtomicBool::new(false));
    mixed(procs, goroutines, threads, |i| {
        if i < procs {
            while !over.load(Relaxed) {
                let _guard = lock.lock();
                gort::gosched();
            }
        } else {
            for _ in 0..20 {
                while !lock.is_locked() {
                    gort::gosched();
                }
                drop(lock.lock());
            }
            over.store(true, Relaxed);
        }
    });
}

#[test]
fn who_has_waited_long_enough_gets_it() {
    for procs in PROCS {
        starve(procs, procs + 1, 0);
        starve(procs, procs, 1);
    }
}

#[test]
fn a_panic_unlocks() {
    let _quiet = quiet();
    matrix(|_| {
        let lock = std::sync::Arc::new(Mutex::new(0));
        for i in 0..20 {
            let other = lock.clone();
            let result = gort::go(move || {
                let mut value = other.lock();
                *value += 1;
                gort::gosched();
                panic!("{ON_PURPOSE} {i}");
            });
            assert!(result.join().is_err());
            assert!(!lock.is_locked());
        }
        assert_eq!(*lock.lock(), 20);
    });
}

#[test]
fn a_guard_may_be_dropped_by_another() {
    matrix(|_| {
        let lock = Mutex::new(1);
        gort::scope(|s| {
            let mut guard = lock.lock();
            s.go(|| *lock.lock() *= 10);
            s.go(move || {
                *guard += 1;
                std::thread::scope(|t| {
                    t.spawn(move || drop(guard));
                });
            });
        });
        assert_eq!(lock.into_inner(), 20);
    });
}

#[test]
fn a_part_of_the_value_may_be_kept_locked() {
    let lock = Mutex::new((1, 2));
    let mut part = MutexGuard::map(lock.lock(), |pair| &mut pair.1);
    *part = 3;
    assert!(lock.try_lock().is_none());
    drop(part);
    assert_eq!(*lock.try_lock().expect("it is free"), (1, 3));
}

#[test]
fn its_owner_may_lock_a_reentrant_one_again() {
    for procs in PROCS {
        let lock = ReentrantMutex::new(Cell::new(0));
        mixed(procs, 10, 2, |_| {
            for _ in 0..200 {
                let outer = lock.lock();
                let before = outer.get();
                // The owner is the goroutine, wherever it runs.
                gort::gosched();
                let inner = lock.lock();
                inner.set(before + 1);
                drop(outer);
                assert_eq!(inner.get(), before + 1);
            }
        });
        assert_eq!(lock.into_inner().get(), 12 * 200);
    }
}

#[test]
fn a_reentrant_one_keeps_others_out() {
    matrix(|_| {
        let lock = ReentrantMutex::new(());
        let guard = lock.lock();
        assert!(lock.try_lock().is_some());
        let tried = gort::scope(|s| {
            let goroutine = s.go(|| lock.try_lock().is_some()).join().unwrap();
            let thread = std::thread::scope(|t| t.spawn(|| lock.try_lock().is_some()).join());
            (goroutine, thread.unwrap())
        });
        assert_eq!(tried, (false, false));
        drop(guard);
    });
}

/// What std's are is not lost: a panic beside them can be caught.
#[test]
fn what_has_no_value_is_unwind_safe() {
    fn is<T: std::panic::UnwindSafe + std::panic::RefUnwindSafe + Send + Sync>() {}
    is::<gort::sync::Barrier>();
    is::<gort::sync::Condvar>();
    is::<gort::sync::Once>();
    is::<gort::sync::OnceLock<i32>>();
    is::<gort::sync::LazyLock<i32>>();
    is::<gort::sync::Semaphore>();
    is::<gort::sync::WaitGroup>();
    is::<gort::sync::RawMutex>();
    is::<gort::sync::RawRwLock>();
    is::<gort::sync::RawGoId>();
}
