//! `std::thread` when threads are goroutines.

gort_std::threads!();

#[path = "../../../crates/gort/tests/support/mod.rs"]
mod support;

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

/// Under each GOMAXPROCS, on a goroutine and on the calling thread.
fn everywhere(test: impl Fn() + Sync) {
    // The watchdog's thread is a goroutine here.
    gort_sys::raw::alarm(120);
    support::everywhere(test);
}

/// How many threads the process has.
fn threads() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc is mounted");
    let line = status.lines().find_map(|line| line.strip_prefix("Threads:"));
    line.and_then(|count| count.trim().parse().ok()).expect("a count of threads")
}

#[test]
fn thousands_of_threads_are_few() {
    everywhere(|| {
        let (sender, receiver) = mpsc::channel();
        let gate = Arc::new((Mutex::new(false), std::sync::Condvar::new()));
        let sleepers: Vec<_> = (0..2_000)
            .map(|i| {
                let (sender, gate) = (sender.clone(), Arc::clone(&gate));
                thread::spawn(move || {
                    assert!(gort::current().is_some());
                    sender.send(i).expect("somebody receives");
                    let mut open = gate.0.lock().expect("not poisoned");
                    while !*open {
                        open = gate.1.wait(open).expect("not poisoned");
                    }
                    i
                })
            })
            .collect();
        let come: HashSet<_> = receiver.iter().take(2_000).collect();
        assert_eq!(come.len(), 2_000);
        assert!(threads() < 60, "{} threads", threads());
        *gate.0.lock().expect("not poisoned") = true;
        gate.1.notify_all();
        for (i, sleeper) in sleepers.into_iter().enumerate() {
            assert_eq!(sleeper.join().expect("it does not panic"), i);
        }
    });
}

#[test]
fn a_builder_is_honoured() {
    everywhere(|| {
        let builder = thread::Builder::new().name("a worker".into()).stack_size(4 << 20);
        let worker = builder.spawn(|| {
            let room = [0u8; 3 << 20];
            std::hint::black_box(&room);
            assert_eq!(thread::current().name(), Some("a worker"));
            thread::current().id()
        });
        let worker = worker.expect("there is memory");
        let id = worker.thread().id();
        assert_eq!(worker.thread().name(), Some("a worker"));
        assert_eq!(worker.join().expect("it does not panic"), id);
        assert_ne!(id, thread::current().id());
    });
}

#[test]
fn scopes_borrow_and_wait() {
    everywhere(|| {
        let mut numbers = vec![0; 100];
        let sum = AtomicUsize::new(0);
        thread::scope(|s| {
            for (i, number) in numbers.iter_mut().enumerate() {
                let sum = &sum;
                s.spawn(move || {
                    *number = i;
                    thread::yield_now();
                    sum.fetch_add(i, Ordering::Relaxed);
                });
            }
        });
        assert_eq!(sum.into_inner(), numbers.into_iter().sum());
    });
}

#[test]
fn one_parks_and_another_unparks_it() {
    everywhere(|| {
        let told = Arc::new(AtomicBool::new(false));
        let parked = {
            let told = Arc::clone(&told);
            thread::spawn(move || {
                thread::park_timeout(Duration::from_millis(1));
                while !told.load(Ordering::Acquire) {
                    thread::park();
                }
            })
        };
        thread::sleep(Duration::from_millis(2));
        assert!(!parked.is_finished());
        told.store(true, Ordering::Release);
        parked.thread().unpark();
        while !parked.is_finished() {
            thread::yield_now();
        }
        parked.join().expect("it does not panic");
    });
}

#[test]
fn thread_locals_are_ones_own_and_are_dropped_before_the_join() {
    struct Counts(Arc<AtomicUsize>);
    impl Drop for Counts {
        fn drop(&mut self) {
            thread::yield_now();
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    thread_local! {
        static OWN: RefCell<Option<Counts>> = const { RefCell::new(None) };
    }
    everywhere(|| {
        let dropped = Arc::new(AtomicUsize::new(0));
        for round in 1..=20 {
            let count = Arc::clone(&dropped);
            let own = move || OWN.with_borrow_mut(|own| own.replace(Counts(count)).is_none());
            assert!(thread::spawn(own).join().expect("it does not panic"));
            assert_eq!(dropped.load(Ordering::Relaxed), round);
        }
    });
}

#[test]
fn a_panic_is_the_threads_own() {
    let _quiet = support::quiet();
    everywhere(|| {
        let panicking = || panic!("on purpose, {}", thread::panicking());
        let payload = thread::spawn(panicking).join().expect_err("it panics");
        assert_eq!(payload.downcast_ref::<String>().map(String::as_str), Some("on purpose, false"));
        let mutex = Arc::new(Mutex::new(0));
        let poisoning = Arc::clone(&mutex);
        let poisons = move || {
            let _guard = poisoning.lock();
            panic!("on purpose")
        };
        let joined: thread::Result<()> = thread::spawn(poisons).join();
        assert!(joined.is_err() && mutex.is_poisoned());
    });
}

#[test]
fn passing_through_starts_a_thread() {
    everywhere(|| {
        let started = gort_std::passthrough(|| thread::spawn(gort::current));
        assert_eq!(started.join().expect("it does not panic"), None);
        assert!(thread::available_parallelism().is_ok());
    });
}

#[test]
fn dropped_handles_leave_nothing_behind() {
    everywhere(|| {
        let over = Arc::new(AtomicUsize::new(0));
        for _ in 0..500 {
            let over = Arc::clone(&over);
            thread::spawn(move || over.fetch_add(1, Ordering::Relaxed));
        }
        while over.load(Ordering::Relaxed) < 500 {
            thread::yield_now();
        }
    });
}
