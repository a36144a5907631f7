//! Condition variables, wait groups, semaphores and barriers.

mod support;

use gort::sync::{Barrier, Condvar, Mutex, Semaphore, WaitGroup};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use support::{ON_PURPOSE, PROCS, matrix, mixed, on_one_p, panics, quiet, serial, settle};

/// A queue of four places made of a mutex and two conditions.
#[test]
fn a_bounded_queue_loses_nothing() {
    for procs in PROCS {
        for (goroutines, threads) in [(8, 0), (6, 2), (0, 4)] {
            let queue = Mutex::new(VecDeque::new());
            let (filled, emptied) = (Condvar::new(), Condvar::new());
            let (count, parties) = (300, goroutines + threads);
            let sum = AtomicUsize::new(0);
            mixed(procs, goroutines, threads, |i| {
                for n in 0..count {
                    let mut queue = queue.lock();
                    if i < parties / 2 {
                        emptied.wait_while(&mut queue, |queue| queue.len() == 4);
                        queue.push_back(n);
                        filled.notify_one();
                    } else {
                        filled.wait_while(&mut queue, |queue| queue.is_empty());
                        sum.fetch_add(queue.pop_front().expect("there is one"), Relaxed);
                        emptied.notify_one();
                    }
                }
            });
            assert_eq!(sum.into_inner(), parties / 2 * (0..count).sum::<usize>());
        }
    }
}

/// Nobody wakes up for nothing: each wake-up is a notification.
#[test]
fn as_many_wake_as_are_notified() {
    for procs in PROCS {
        for (goroutines, threads) in [(20, 0), (10, 3)] {
            let parties = goroutines + threads;
            let (state, condvar) = (Mutex::new((0, 0)), Condvar::new());
            mixed(procs, goroutines + 1, threads, |i| {
                if i != goroutines {
                    let mut state = state.lock();
                    state.0 += 1;
                    condvar.wait(&mut state);
                    state.1 += 1;
                    return;
                }
                let until = |done: &dyn Fn(&(usize, usize)) -> bool| {
                    while !done(&state.lock()) {
                        gort::gosched();
                    }
                };
                until(&|state| state.0 == parties);
                for n in 0..5 {
                    assert!(condvar.notify_one());
                    until(&|state| state.1 == n + 1);
                }
                settle();
                assert_eq!(state.lock().1, 5);
                assert_eq!(condvar.notify_all(), parties - 5);
                until(&|state| state.1 == parties);
                assert!(!condvar.notify_one());
                assert_eq!(condvar.notify_all(), 0);
            });
        }
    }
}

#[test]
fn who_waits_longest_is_notified_first() {
    on_one_p(|| {
        let (order, condvar) = (Mutex::new(Vec::new()), Condvar::new());
        gort::scope(|s| {
            for i in 0..10 {
                let (order, condvar) = (&order, &condvar);
                s.go(move || {
                    let mut order = order.lock();
                    condvar.wait(&mut order);
                    order.push(i);
                });
                settle();
            }
            for _ in 0..10 {
                assert!(condvar.notify_one());
                settle();
            }
        });
        assert_eq!(order.into_inner(), (0..10).collect::<Vec<_>>());
    });
}

#[test]
fn a_group_waits_for_all() {
    for procs in PROCS {
        let (group, done) = (WaitGroup::new(), AtomicUsize::new(0));
        group.add(100);
        mixed(procs, 110, 4, |i| {
            if i < 100 {
                if i % 3 == 0 {
                    gort::gosched();
                }
                done.fetch_add(1, Relaxed);
                group.done();
            } else {
                group.wait();
                assert_eq!(done.load(Relaxed), 100);
            }
        });
        // And again.
        for n in 0..100 {
            group.go(move || assert!(n < 100));
        }
        group.wait();
        group.wait();
    }
}

/// The last is done just when somebody comes to wait.
#[test]
fn a_group_that_is_done_is_not_waited_for() {
    for procs in PROCS {
        let (group, turn) = (WaitGroup::new(), Barrier::new(3));
        mixed(procs, 2, 1, |i| {
            for _ in 0..2000 {
                if i == 0 {
                    group.add(1);
                }
                turn.wait();
                if i == 0 {
                    group.done()
                } else {
                    group.wait()
                }
                turn.wait();
            }
        });
    }
}

static GLOBAL: WaitGroup = WaitGroup::new();

#[test]
fn a_group_may_be_a_static_and_be_cloned() {
    matrix(|_| {
        let counter = std::sync::Arc::new(AtomicUsize::new(0));
        for _ in 0..10 {
            let counter = counter.clone();
            let group = GLOBAL.clone();
            group.add(1);
            gort::go(move || {
                counter.fetch_add(1, Relaxed);
                group.done();
            });
        }
        GLOBAL.wait();
        assert_eq!(counter.load(Relaxed), 10);
    });
}

#[test]
fn a_group_is_told_of_a_goroutine_that_panics() {
    let _quiet = quiet();
    matrix(|_| {
        let group = WaitGroup::new();
        group.go(|| panic!("{ON_PURPOSE}"));
        group.go(|| gort::goexit());
        group.wait();
    });
}

#[test]
fn a_group_cannot_count_below_nothing_or_without_end() {
    let _one = serial();
    let group = WaitGroup::new();
    assert_eq!(panics(|| group.done()), "sync: negative WaitGroup counter");
    group.add(2);
    assert_eq!(panics(|| group.add(-3)), "sync: negative WaitGroup counter");
    assert_eq!(panics(|| group.add(isize::MIN)), "sync: negative WaitGroup counter");
    let most = i32::MAX as isize;
    assert_eq!(panics(|| group.add(most - 1)), "sync: WaitGroup counter overflow");
    assert_eq!(panics(|| group.add(isize::MAX)), "sync: WaitGroup counter overflow");
    // Nothing has changed.
    group.add(0);
    group.add(most - 2);
    group.add(-most);
    group.wait();
}

/// Go: what its documentation forbids, and its `Wait` says.
#[test]
fn a_group_is_not_used_again_too_early() {
    on_one_p(|| {
        let group = WaitGroup::new();
        group.add(1);
        let waiter = gort::go({
            let group = group.clone();
            move || panics(|| group.wait())
        });
        settle();
        group.done();
        group.add(1);
        let text = waiter.join().unwrap();
        assert_eq!(text, "sync: WaitGroup is reused before previous Wait has returned");
    });
}

#[test]
fn no_more_permits_are_held_than_there_are() {
    for procs in PROCS {
        for (goroutines, threads) in [(20, 0), (10, 3)] {
            let (semaphore, held) = (Semaphore::new(7), AtomicUsize::new(0));
            mixed(procs, goroutines, threads, |i| {
                for round in 0..300 {
                    let n = (i + round) % 8;
                    let got = match round % 4 {
                        0 => semaphore.try_acquire(n),
                        _ => {
                            semaphore.acquire(n);
                            true
                        }
                    };
                    if got {
                        assert!(held.fetch_add(n, Relaxed) + n <= 7, "too many are held");
                        if round % 5 == 0 {
                            gort::gosched();
                        }
                        held.fetch_sub(n, Relaxed);
                        semaphore.release(n);
                    }
                }
            });
            assert_eq!(semaphore.available_permits(), 7);
        }
    }
}

/// Who wants many is not passed by those who want few and come later.
#[test]
fn permits_are_given_in_the_order_of_asking() {
    on_one_p(|| {
        let (semaphore, order) = (Semaphore::new(3), Mutex::new(Vec::new()));
        gort::scope(|s| {
            semaphore.acquire(2);
            for n in [3, 2, 3, 2] {
                let (semaphore, order) = (&semaphore, &order);
                s.go(move || {
                    let permit = semaphore.permit(n);
                    order.lock().push(n);
                    settle();
                    drop(permit);
                });
                settle();
            }
            // One is free, and nobody gets it before the first of those who wait.
            assert_eq!(semaphore.available_permits(), 1);
            assert!(!semaphore.try_acquire(1));
            assert!(semaphore.try_permit(1).is_none());
            assert!(!semaphore.try_acquire(0), "others wait");
            assert!(order.lock().is_empty());
            semaphore.release(2);
        });
        assert_eq!(order.into_inner(), [3, 2, 3, 2]);
        assert_eq!(semaphore.available_permits(), 3);
    });
}

#[test]
fn impossible_permits_are_refused() {
    let _one = serial();
    let semaphore = Semaphore::new(2);
    let text = panics(|| semaphore.acquire(3));
    assert_eq!(text, "gort::sync::Semaphore: asked for 3 permits where 2 are");
    assert!(panics(|| drop(semaphore.permit(usize::MAX))).starts_with("gort::sync::Semaphore"));
    assert!(!semaphore.try_acquire(3));
    assert!(!semaphore.try_acquire(usize::MAX));
    assert_eq!(panics(|| semaphore.release(1)), "semaphore: released more than held");
    semaphore.acquire(2);
    for n in [3, usize::MAX] {
        assert_eq!(panics(|| semaphore.release(n)), "semaphore: released more than held");
    }
    semaphore.release(2);
    assert_eq!(semaphore.available_permits(), 2);
    let most = Semaphore::new(Semaphore::MAX_PERMITS);
    assert!(most.try_acquire(Semaphore::MAX_PERMITS));
    most.release(Semaphore::MAX_PERMITS);
    let text = panics(|| Semaphore::new(Semaphore::MAX_PERMITS + 1));
    assert_eq!(text, "gort::sync::Semaphore: too many permits");
    // Nothing of nothing.
    let none = Semaphore::new(0);
    none.acquire(0);
    none.release(0);
}

#[test]
fn a_permit_is_given_back_by_its_guard() {
    let semaphore = Semaphore::new(3);
    let two = semaphore.permit(2);
    assert_eq!((two.count(), semaphore.available_permits()), (2, 1));
    drop(two);
    semaphore.try_permit(3).expect("all are free").forget();
    assert_eq!(semaphore.available_permits(), 0);
    semaphore.release(3);
}

#[test]
fn a_barrier_lets_all_go_on_together() {
    for procs in PROCS {
        for (goroutines, threads) in [(1, 0), (10, 0), (5, 3)] {
            let parties = goroutines + threads;
            let barrier = Barrier::new(parties);
            let (here, leaders) = (AtomicUsize::new(0), AtomicUsize::new(0));
            mixed(procs, goroutines, threads, |_| {
                for round in 1..=50 {
                    here.fetch_add(1, Relaxed);
                    if barrier.wait().is_leader() {
                        leaders.fetch_add(1, Relaxed);
                    }
                    assert!(here.load(Relaxed) >= round * parties);
                    barrier.wait();
                }
            });
            assert_eq!(leaders.into_inner(), 50);
        }
    }
    assert!(Barrier::new(0).wait().is_leader());
}
