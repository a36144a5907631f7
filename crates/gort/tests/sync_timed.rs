//! Waiting with a limit of time: never too short, and who gives up leaves nothing behind.

mod support;

use gort::sync::{Condvar, Mutex, ReentrantMutex, RwLock, RwLockUpgradableReadGuard, Semaphore};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use support::{PROCS, all, matrix, mixed, settle};

const SHORT: Duration = Duration::from_millis(3);
const LONG: Duration = Duration::from_secs(1000);

/// On a goroutine and on a thread.
fn both(test: impl Fn() + Sync) {
    matrix(|_| {
        test();
        std::thread::scope(|t| {
            t.spawn(&test);
        });
    });
}

/// Runs `wait`, which is to give up, and no earlier than after `SHORT`.
fn in_vain(wait: impl FnOnce() -> bool) {
    let begin = Instant::now();
    assert!(!wait(), "there was nothing to be had");
    assert!(begin.elapsed() >= SHORT, "after {:?}", begin.elapsed());
}

#[test]
fn a_mutex_is_waited_for_as_long_as_that() {
    both(|| {
        let lock = Mutex::new(0);
        let guard = lock.lock();
        in_vain(|| lock.try_lock_for(SHORT).is_some());
        in_vain(|| lock.try_lock_until(Instant::now() + SHORT).is_some());
        assert!(lock.try_lock_for(Duration::ZERO).is_none());
        assert!(lock.try_lock_until(Instant::now() - SHORT).is_none());
        drop(guard);
        assert!(lock.try_lock_for(Duration::ZERO).is_some());
        let guard = lock.lock();
        gort::scope(|s| {
            let waiter = s.go(|| lock.try_lock_for(Duration::MAX).is_some());
            settle();
            drop(guard);
            assert!(waiter.join().unwrap());
        });
        assert!(lock.try_lock().is_some());
        let reentrant = ReentrantMutex::new(());
        let outer = reentrant.lock();
        assert!(reentrant.try_lock_for(Duration::ZERO).is_some());
        gort::scope(|s| {
            s.go(|| in_vain(|| reentrant.try_lock_for(SHORT).is_some()));
        });
        drop(outer);
    });
}

/// Some wait for ever, some for a moment, and who has the lock has it for about as long.
#[test]
fn those_who_give_up_a_mutex_do_not_disturb_the_others() {
    for procs in PROCS {
        for (goroutines, threads) in [(10, 0), (8, 3)] {
            let (lock, got) = (Mutex::new(0), AtomicUsize::new(0));
            mixed(procs, goroutines, threads, |i| {
                for round in 0..60 {
                    let patience = Duration::from_micros((i as u64 * 7 + round * 13) % 200);
                    let guard = match (i + round as usize) % 3 {
                        0 => Some(lock.lock()),
                        1 => lock.try_lock_for(patience),
                        _ => lock.try_lock_until(Instant::now() + patience),
                    };
                    if let Some(mut value) = guard {
                        *value += 1;
                        got.fetch_add(1, Relaxed);
                        if round % 4 == 0 {
                            gort::time::sleep(patience / 4);
                        }
                    }
                }
            });
            assert_eq!(*lock.try_lock().expect("nobody is left"), got.into_inner());
        }
    }
}

/// What is kept out by somebody who gives up is let in.
#[test]
fn a_read_write_lock_is_waited_for_as_long_as_that() {
    both(|| {
        let lock = RwLock::new(0);
        let writing = lock.write();
        in_vain(|| lock.try_read_for(SHORT).is_some());
        in_vain(|| lock.try_read_until(Instant::now() + SHORT).is_some());
        in_vain(|| lock.try_read_recursive_for(SHORT).is_some());
        in_vain(|| lock.try_read_recursive_until(Instant::now() + SHORT).is_some());
        in_vain(|| lock.try_write_for(SHORT).is_some());
        in_vain(|| lock.try_write_until(Instant::now() + SHORT).is_some());
        in_vain(|| lock.try_upgradable_read_for(SHORT).is_some());
        in_vain(|| lock.try_upgradable_read_until(Instant::now() + SHORT).is_some());
        drop(writing);
        let reading = lock.read();
        in_vain(|| lock.try_write_for(SHORT).is_some());
        assert!(lock.try_read().is_some(), "nobody wants to write any more");
        assert!(lock.try_read_for(Duration::ZERO).is_some());
        let upgradable =
            lock.try_upgradable_read_for(Duration::ZERO).expect("one may read so, too");
        let begin = Instant::now();
        let upgradable = RwLockUpgradableReadGuard::try_upgrade_for(upgradable, SHORT)
            .expect_err("somebody reads");
        assert!(begin.elapsed() >= SHORT);
        let upgradable = RwLockUpgradableReadGuard::try_upgrade_until(upgradable, Instant::now())
            .expect_err("somebody reads");
        drop(reading);
        let writing = RwLockUpgradableReadGuard::try_upgrade_for(upgradable, Duration::ZERO)
            .expect("nobody else reads");
        gort::scope(|s| {
            let reader = s.go(|| lock.try_read_for(Duration::MAX).is_some());
            let writer = s.go(|| lock.try_write_for(LONG).is_some());
            settle();
            drop(writing);
            assert!(reader.join().unwrap() && writer.join().unwrap());
        });
        assert!(!lock.is_locked());
    });
}

/// A reader that waits behind a writer that gives up goes on.
#[test]
fn a_writer_that_gives_up_lets_readers_in() {
    both(|| {
        let lock = RwLock::new(());
        let reading = lock.read();
        gort::scope(|s| {
            let writer = s.go(|| in_vain(|| lock.try_write_for(SHORT).is_some()));
            settle();
            let _other = lock.read();
            writer.join().unwrap();
        });
        drop(reading);
        assert!(lock.try_write().is_some());
    });
}

/// As [`those_who_give_up_a_mutex_do_not_disturb_the_others`].
#[test]
fn those_who_give_up_a_read_write_lock_do_not_disturb_the_others() {
    for procs in PROCS {
        for (goroutines, threads) in [(10, 0), (8, 3)] {
            let (lock, got) = (RwLock::new([0; 2]), AtomicUsize::new(0));
            mixed(procs, goroutines, threads, |i| {
                for round in 0..60 {
                    let patience = Duration::from_micros((i as u64 * 7 + round * 13) % 200);
                    let writing = match (i + round as usize) % 6 {
                        0 => Some(lock.write()),
                        1 | 2 => lock.try_write_for(patience),
                        _ => None,
                    };
                    let reading = match (i + round as usize) % 6 {
                        3 => Some(lock.read()),
                        4 | 5 => lock.try_read_for(patience),
                        _ => None,
                    };
                    if let Some([one, other]) = reading.as_deref() {
                        assert_eq!(one, other);
                    }
                    if let Some(mut value) = writing {
                        value[0] += 1;
                        got.fetch_add(1, Relaxed);
                        if round % 4 == 0 {
                            gort::time::sleep(patience / 4);
                        }
                        value[1] += 1;
                    }
                }
            });
            let value = *lock.try_write().expect("nobody is left");
            assert_eq!(value, [got.into_inner(); 2]);
        }
    }
}

#[test]
fn a_condition_is_waited_for_as_long_as_that() {
    both(|| {
        let (lock, condvar) = (Mutex::new(0), Condvar::new());
        let mut value = lock.lock();
        in_vain(|| !condvar.wait_for(&mut value, SHORT).timed_out());
        in_vain(|| !condvar.wait_until(&mut value, Instant::now() + SHORT).timed_out());
        in_vain(|| !condvar.wait_while_for(&mut value, |value| *value == 0, SHORT).timed_out());
        assert!(!condvar.wait_while_for(&mut value, |value| *value == 1, SHORT).timed_out());
        // Nobody is left that could be notified.
        assert!(!condvar.notify_one());
        gort::scope(|s| {
            s.go(|| {
                // Waiting for no time lets others have the mutex, too.
                let mut value = lock.lock();
                *value = 7;
                assert!(condvar.notify_one());
            });
            while condvar.wait_for(&mut value, LONG).timed_out() {}
            assert_eq!(*value, 7);
        });
        let deadline = Instant::now() + LONG;
        let late = condvar.wait_while_until(&mut value, |value| *value != 7, deadline);
        assert!(!late.timed_out());
    });
}

/// Somebody who waits for no time at a condition does not keep the mutex.
#[test]
fn polling_a_condition_lets_others_in() {
    matrix(|_| {
        let (lock, condvar) = (Mutex::new(false), Condvar::new());
        gort::scope(|s| {
            s.go(|| {
                let mut done = lock.lock();
                while !*done {
                    condvar.wait_for(&mut done, Duration::ZERO);
                }
            });
            settle();
            *lock.lock() = true;
        });
    });
}

/// Each notification ends the wait of one who then says that it was notified.
#[test]
fn no_notification_is_lost_on_who_gives_up() {
    for procs in PROCS {
        for (goroutines, threads) in [(8, 0), (6, 2)] {
            let parties = goroutines + threads;
            let (lock, condvar) = (Mutex::new(0), Condvar::new());
            let (notified, sent) = (AtomicUsize::new(0), AtomicUsize::new(0));
            mixed(procs, goroutines + 1, threads, |i| {
                if i == goroutines {
                    while *lock.lock() < parties {
                        if condvar.notify_one() {
                            sent.fetch_add(1, Relaxed);
                        }
                        sent.fetch_add(condvar.notify_all(), Relaxed);
                        gort::time::sleep(Duration::from_micros(50));
                    }
                    return;
                }
                let mut done = lock.lock();
                for round in 0..60 {
                    let patience = Duration::from_micros((i as u64 * 7 + round * 13) % 150);
                    if !condvar.wait_for(&mut done, patience).timed_out() {
                        notified.fetch_add(1, Relaxed);
                    }
                }
                *done += 1;
            });
            assert_eq!(notified.into_inner(), sent.into_inner());
            assert!(!condvar.notify_one());
        }
    }
}

#[test]
fn permits_are_waited_for_as_long_as_that() {
    both(|| {
        let semaphore = Semaphore::new(3);
        semaphore.acquire(2);
        in_vain(|| semaphore.try_acquire_for(2, SHORT));
        in_vain(|| semaphore.try_acquire_until(2, Instant::now() + SHORT));
        assert!(!semaphore.try_acquire_for(2, Duration::ZERO));
        // There will never be as many.
        assert!(!semaphore.try_acquire_for(4, Duration::MAX));
        assert!(semaphore.try_acquire_for(1, Duration::ZERO));
        semaphore.release(3);
        assert_eq!(semaphore.available_permits(), 3);
    });
}

/// Who wants too much and gives up was in the way of those behind.
#[test]
fn who_gives_up_lets_those_behind_go_on() {
    both(|| {
        let semaphore = Semaphore::new(3);
        semaphore.acquire(2);
        gort::scope(|s| {
            s.go(|| in_vain(|| semaphore.try_acquire_for(3, SHORT)));
            settle();
            s.go(|| semaphore.acquire(1));
        });
        assert_eq!(semaphore.available_permits(), 0);
        semaphore.release(3);
    });
}

#[test]
fn those_who_give_up_a_semaphore_do_not_disturb_the_others() {
    for procs in PROCS {
        for (goroutines, threads) in [(10, 0), (8, 3)] {
            let (semaphore, held) = (Semaphore::new(4), AtomicUsize::new(0));
            mixed(procs, goroutines, threads, |i| {
                for round in 0..60 {
                    let patience = Duration::from_micros((i as u64 * 7 + round * 13) % 200);
                    let n = (i + round as usize) % 5;
                    if (i + round as usize).is_multiple_of(3) {
                        semaphore.acquire(n);
                    } else if !semaphore.try_acquire_for(n, patience) {
                        continue;
                    }
                    assert!(held.fetch_add(n, Relaxed) + n <= 4, "too many are held");
                    if round % 4 == 0 {
                        gort::time::sleep(patience / 4);
                    }
                    held.fetch_sub(n, Relaxed);
                    semaphore.release(n);
                }
            });
            assert!(semaphore.try_acquire(4), "nobody is left");
        }
    }
}

/// So many timers come and go with those who wait.
#[test]
fn a_thousand_give_up_at_once() {
    matrix(|_| {
        let lock = Mutex::new(());
        let guard = lock.lock();
        all(1000, |i| {
            let patience = Duration::from_micros(100 + i as u64 % 500);
            assert!(lock.try_lock_for(patience).is_none());
        });
        drop(guard);
        assert!(lock.try_lock().is_some());
    });
}
