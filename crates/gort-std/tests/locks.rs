//! std's locks and conditions with ten thousand goroutines on each.

mod support;

use gort_std as _;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Barrier, Condvar, LazyLock, Mutex, Once, OnceLock, RwLock};
use std::thread;
use std::time::Duration;
use support::{all, calls, matrix, on_few_threads};

/// With a thousand under each GOMAXPROCS, and with ten thousand on few threads under 2.
fn with_many(label: &'static str, test: impl Fn(usize) + Sync) {
    if !support::is_child() {
        matrix(|_| test(1_000));
        assert_ne!(calls("syscall"), 0, "nobody has waited at a futex");
    }
    on_few_threads(label, || test(10_000));
}

/// Now and then others get their turn here.
fn linger(i: usize) {
    if i.is_multiple_of(16) {
        thread::yield_now();
    }
}

#[test]
fn mutex() {
    with_many("mutex", |many| {
        let count = Mutex::new(0);
        all(many, |i| {
            let mut count = count.lock().expect("nobody panics");
            let was = *count;
            linger(i);
            *count = was + 1;
        });
        assert_eq!(count.into_inner().expect("nobody panics"), many);
    });
}

#[test]
fn condvar_all() {
    with_many("condvar all", |many| {
        let (begun, changed) = (Mutex::new((0, false)), Condvar::new());
        gort::scope(|s| {
            for _ in 0..many {
                s.go(|| {
                    let mut state = begun.lock().expect("nobody panics");
                    state.0 += 1;
                    drop(changed.wait_while(state, |state| !state.1).expect("nobody panics"));
                });
            }
            while begun.lock().expect("nobody panics").0 != many {
                thread::yield_now();
            }
            begun.lock().expect("nobody panics").1 = true;
            changed.notify_all();
        });
    });
}

#[test]
fn condvar_one() {
    with_many("condvar one", |many| {
        let (tokens, more) = (Mutex::new(0), Condvar::new());
        gort::scope(|s| {
            for _ in 0..many {
                s.go(|| {
                    let tokens = tokens.lock().expect("nobody panics");
                    let tokens = more.wait_while(tokens, |tokens| *tokens == 0);
                    *tokens.expect("nobody panics") -= 1;
                });
            }
            for i in 0..many {
                *tokens.lock().expect("nobody panics") += 1;
                more.notify_one();
                linger(i);
            }
        });
        assert_eq!(tokens.into_inner().expect("nobody panics"), 0);
    });
}

#[test]
fn channel_without_a_bound() {
    with_many("channel", |many| {
        let (sender, receiver) = channel();
        let sum = gort::go(move || receiver.iter().sum::<usize>());
        all(many, |i| sender.clone().send(i).expect("somebody receives"));
        drop(sender);
        assert_eq!(sum.join().expect("it does not panic"), many * (many - 1) / 2);
    });
}

#[test]
fn channels_with_a_bound() {
    with_many("bounded", |many| {
        for bound in [0, 4] {
            let (sender, receiver) = sync_channel(bound);
            let sum = gort::go(move || receiver.iter().sum::<usize>());
            all(many, |i| sender.clone().send(i).expect("somebody receives"));
            drop(sender);
            assert_eq!(sum.join().expect("it does not panic"), many * (many - 1) / 2);
        }
    });
}

#[test]
fn rwlock() {
    with_many("rwlock", |many| {
        let count = RwLock::new(0);
        all(many, |i| {
            if i.is_multiple_of(8) {
                let mut count = count.write().expect("nobody panics");
                let was = *count;
                linger(i);
                *count = was + 1;
            } else {
                let count = count.read().expect("nobody panics");
                let was = *count;
                linger(i);
                assert_eq!(*count, was);
            }
        });
        assert_eq!(count.into_inner().expect("nobody panics"), many / 8);
    });
}

#[test]
fn barrier() {
    with_many("barrier", |many| {
        let (barrier, leaders, there) =
            (Barrier::new(many), AtomicUsize::new(0), AtomicUsize::new(0));
        all(many, |_| {
            there.fetch_add(1, Ordering::Relaxed);
            let leads = barrier.wait().is_leader();
            leaders.fetch_add(usize::from(leads), Ordering::Relaxed);
            assert_eq!(there.load(Ordering::Relaxed), many);
        });
        assert_eq!(leaders.into_inner(), 1);
    });
}

#[test]
fn once() {
    with_many("once", |many| {
        let (once, cell, runs) = (Once::new(), OnceLock::new(), AtomicUsize::new(0));
        let lazy = LazyLock::new(|| {
            thread::sleep(Duration::from_millis(2));
            runs.fetch_add(1, Ordering::Relaxed)
        });
        all(many, |_| {
            let run = || {
                thread::sleep(Duration::from_millis(2));
                runs.fetch_add(1, Ordering::Relaxed);
            };
            once.call_once(run);
            cell.get_or_init(run);
            assert_eq!(*lazy, 2);
        });
        assert_eq!(runs.load(Ordering::Relaxed), 3);
    });
}

/// Each goroutine has a handle of its own, by which it is unparked.
#[test]
fn park() {
    with_many("park", |many| {
        let handles = Mutex::new(Vec::new());
        let (told, gone) = (AtomicBool::new(false), AtomicUsize::new(0));
        gort::scope(|s| {
            for _ in 0..many {
                s.go(|| {
                    handles.lock().expect("nobody panics").push(thread::current());
                    while !told.load(Ordering::Acquire) {
                        thread::park();
                    }
                    gone.fetch_add(1, Ordering::Relaxed);
                });
            }
            while handles.lock().expect("nobody panics").len() != many {
                thread::yield_now();
            }
            told.store(true, Ordering::Release);
            handles.lock().expect("nobody panics").iter().for_each(thread::Thread::unpark);
        });
        assert_eq!(gone.into_inner(), many);
    });
}

/// Whose goroutine panics while it has a lock poisons it, for those who wait, too.
#[test]
fn poison() {
    matrix(|_| {
        let _quiet = support::quiet();
        let (mutex, once) = (Mutex::new(Cell::new(0)), Once::new());
        let lock = RwLock::new(0);
        gort::scope(|s| {
            let (held, here) = channel();
            let panics = s.go({
                let (mutex, lock, once) = (&mutex, &lock, &once);
                move || {
                    let _mutex = mutex.lock().expect("it is not poisoned yet");
                    let _lock = lock.write().expect("it is not poisoned yet");
                    once.call_once(|| {
                        held.send(()).expect("somebody receives");
                        thread::sleep(Duration::from_millis(1));
                        panic!("{}", support::ON_PURPOSE);
                    });
                }
            });
            here.recv().expect("it says that it has them");
            let waiters = [
                s.go(|| mutex.lock().is_err()),
                s.go(|| lock.read().is_err()),
                s.go(|| lock.write().is_err()),
            ];
            assert!(panics.join().is_err());
            assert!(waiters.into_iter().all(|waiter| waiter.join().expect("it does not panic")));
        });
        assert!(mutex.is_poisoned() && lock.is_poisoned());
        assert!(support::panics(|| once.call_once(|| ())).contains("poisoned"));
        mutex.clear_poison();
        assert_eq!(mutex.lock().expect("it is not poisoned any more").get(), 0);
    });
}
