//! What is done or made once, and pools.

mod support;

use gort::sync::{LazyLock, Mutex, Once, OnceLock, Pool};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use support::{ON_PURPOSE, PROCS, matrix, mixed, panics, quiet, settle};

#[test]
fn one_does_it_and_all_see_it() {
    for procs in PROCS {
        for (goroutines, threads) in [(50, 0), (20, 3), (0, 4)] {
            for _ in 0..10 {
                let (once, calls, value) = (Once::new(), AtomicUsize::new(0), Mutex::new(0));
                mixed(procs, goroutines, threads, |i| {
                    if i % 4 == 3 && i + 1 != goroutines + threads {
                        once.wait();
                    } else {
                        once.call_once(|| {
                            calls.fetch_add(1, Relaxed);
                            gort::gosched();
                            *value.lock() = 7;
                        });
                    }
                    assert!(once.is_completed());
                    assert_eq!(*value.lock(), 7);
                });
                assert_eq!(calls.into_inner(), 1);
            }
        }
    }
}

#[test]
fn one_that_panicked_is_poisoned_until_it_is_forced() {
    const POISONED: &str = "Once instance has previously been poisoned";
    let _quiet = quiet();
    matrix(|_| {
        let (once, begun, forced) = (Once::new(), AtomicUsize::new(0), AtomicUsize::new(0));
        gort::scope(|s| {
            let first = s.go(|| {
                once.call_once(|| {
                    begun.fetch_add(1, Relaxed);
                    while begun.load(Relaxed) < 6 {
                        gort::gosched();
                    }
                    settle();
                    panic!("{ON_PURPOSE}");
                });
            });
            while begun.load(Relaxed) == 0 {
                gort::gosched();
            }
            let waiters: Vec<_> = (0..4)
                .map(|i| {
                    let (once, begun) = (&once, &begun);
                    s.go(move || {
                        begun.fetch_add(1, Relaxed);
                        panics(|| if i % 2 == 0 { once.wait() } else { once.call_once(|| ()) })
                    })
                })
                .collect();
            s.go(|| {
                begun.fetch_add(1, Relaxed);
                once.wait_force();
                assert_eq!(forced.load(Relaxed), 1);
            });
            assert!(first.join().is_err());
            for waiter in waiters {
                assert_eq!(waiter.join().unwrap(), POISONED);
            }
            assert!(!once.is_completed());
            assert_eq!(panics(|| once.call_once(|| ())), POISONED);
            once.call_once_force(|state| {
                assert!(state.is_poisoned());
                forced.fetch_add(1, Relaxed);
            });
        });
        once.call_once_force(|_| unreachable!());
        once.call_once(|| unreachable!());
        once.wait();
        Once::new().call_once_force(|state| assert!(!state.is_poisoned()));
    });
}

#[test]
fn a_value_is_made_once_and_dropped_once() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Relaxed);
        }
    }
    for procs in PROCS {
        let (made, dropped) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let cell = OnceLock::new();
        mixed(procs, 30, 3, |i| match i % 3 {
            0 => drop(cell.wait()),
            1 => drop(cell.set(Counted(dropped.clone()))),
            _ => {
                cell.get_or_init(|| {
                    made.fetch_add(1, Relaxed);
                    gort::gosched();
                    Counted(dropped.clone())
                });
            }
        });
        // Eleven were offered by `set`.
        let alive = 1;
        assert_eq!(dropped.load(Relaxed), 11 + made.load(Relaxed) - alive);
        assert!(cell.get().is_some());
        drop(cell);
        assert_eq!(dropped.load(Relaxed), 11 + made.load(Relaxed));
    }
}

#[test]
fn a_value_that_could_not_be_made_is_made_by_the_next() {
    let _quiet = quiet();
    matrix(|_| {
        let cell = OnceLock::new();
        for _ in 0..3 {
            let failed = gort::panic::recover(|| *cell.get_or_init(|| panic!("{ON_PURPOSE}")));
            assert!(failed.is_err());
            assert_eq!(cell.get(), None::<&i32>);
        }
        assert_eq!(*cell.get_or_init(|| 5), 5);
    });
}

#[test]
fn a_cell_is_as_stds() {
    let mut cell = OnceLock::new();
    assert!(cell.get().is_none() && cell.get_mut().is_none());
    assert_eq!(format!("{cell:?}"), "OnceLock(<uninit>)");
    assert_eq!(cell, OnceLock::default());
    assert_eq!((cell.set(1), cell.set(2)), (Ok(()), Err(2)));
    *cell.get_mut().expect("it is set") += 2;
    assert_eq!(format!("{cell:?}"), format!("{:?}", std::sync::OnceLock::from(3)));
    assert_eq!((cell.clone(), cell.take(), cell.take()), (OnceLock::from(3), Some(3), None));
    assert_eq!(cell.get_or_init(|| 4), &4);
    assert_eq!(cell.into_inner(), Some(4));
}

static MADE: AtomicUsize = AtomicUsize::new(0);
static LAZY: LazyLock<Vec<usize>> = LazyLock::new(|| {
    MADE.fetch_add(1, Relaxed);
    gort::gosched();
    (0..10).collect()
});

#[test]
fn a_lazy_value_is_made_when_it_is_used() {
    assert_eq!(format!("{LAZY:?}"), "LazyLock(<uninit>)");
    mixed(4, 20, 3, |_| assert_eq!(LAZY[9], 9));
    assert_eq!(MADE.load(Relaxed), 1);
    assert_eq!(LazyLock::force(&LAZY).len(), 10);
}

#[test]
fn a_lazy_value_may_be_changed_by_who_has_it_alone() {
    let mut lazy = LazyLock::new(|| 1);
    assert_eq!(LazyLock::get(&lazy), None);
    assert_eq!(LazyLock::get_mut(&mut lazy), None);
    *LazyLock::force_mut(&mut lazy) += 1;
    *lazy += 1;
    assert_eq!(LazyLock::get(&lazy), Some(&3));
    assert_eq!(LazyLock::get_mut(&mut lazy), Some(&mut 3));
}

#[test]
fn a_lazy_value_that_could_not_be_made_never_is() {
    let _quiet = quiet();
    let lazy = LazyLock::<i32, _>::new(|| panic!("{ON_PURPOSE}"));
    assert!(gort::panic::recover(|| *lazy).is_err());
    assert_eq!(panics(|| *lazy), "LazyLock instance has previously been poisoned");
}

/// A value that says where it is: in somebody's hands once, and dropped once.
struct Spare<'a> {
    taken: bool,
    dropped: &'a AtomicUsize,
}

impl Drop for Spare<'_> {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Relaxed);
    }
}

#[test]
fn a_pools_values_are_with_one_at_a_time_and_dropped_once() {
    for procs in PROCS {
        for (goroutines, threads) in [(20, 0), (10, 3), (0, 3)] {
            let (made, dropped) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let pool = Pool::new(|| {
                made.fetch_add(1, Relaxed);
                Spare { taken: false, dropped: &dropped }
            });
            mixed(procs, goroutines, threads, |_| {
                for round in 0..300 {
                    let mut values: Vec<_> = (0..round % 3 + 1).map(|_| pool.get()).collect();
                    for value in &mut values {
                        assert!(!std::mem::replace(&mut value.taken, true), "others have it");
                    }
                    if round % 4 == 0 {
                        gort::gosched();
                    }
                    for mut value in values {
                        value.taken = false;
                        pool.put(value);
                    }
                }
            });
            let (made, used) = (made.load(Relaxed), (goroutines + threads) * 600);
            assert!(made * 10 < used, "{made} were made to be used {used} times");
            assert_eq!(dropped.load(Relaxed), 0);
            drop(pool);
            assert_eq!(dropped.load(Relaxed), made);
        }
    }
}

#[test]
fn a_pool_gives_back_what_was_put_there() {
    matrix(|_| {
        let pool = Pool::new(|| 0);
        assert_eq!(pool.get(), 0);
        pool.put(1);
        pool.put(2);
        pool.put(3);
        let mut values = [pool.get(), pool.get(), pool.get()];
        values.sort();
        assert_eq!(values, [1, 2, 3]);
        assert_eq!(pool.get(), 0);
    });
}
