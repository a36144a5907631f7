//! Goroutines and ordinary threads at the same locks, conditions and channels of std's; and limits of time.

mod support;

use gort_std as _;
use std::sync::mpsc::{RecvTimeoutError, channel, sync_channel};
use std::sync::{Barrier, Condvar, Mutex, RwLock};
use std::thread;
use std::time::{Duration, Instant};
use support::{PROCS, everywhere, mixed};

const GOROUTINES: usize = 100;
const THREADS: usize = 4;
const ALL: usize = GOROUTINES + THREADS;

fn everybody(body: impl Fn(usize) + Sync) {
    for procs in PROCS {
        mixed(procs, GOROUTINES, THREADS, &body);
    }
}

#[test]
fn mutex() {
    let count = Mutex::new(0);
    everybody(|i| {
        for round in 0..20 {
            let mut count = count.lock().expect("nobody panics");
            let was = *count;
            if (i + round) % 8 == 0 {
                thread::yield_now();
            }
            *count = was + 1;
        }
    });
    assert_eq!(count.into_inner().expect("nobody panics"), PROCS.len() * ALL * 20);
}

#[test]
fn rwlock() {
    let count = RwLock::new(0);
    everybody(|i| {
        if i % 4 == 0 {
            let mut count = count.write().expect("nobody panics");
            let was = *count;
            thread::yield_now();
            *count = was + 1;
        } else {
            let count = count.read().expect("nobody panics");
            let was = *count;
            thread::yield_now();
            assert_eq!(*count, was);
        }
    });
    assert_eq!(count.into_inner().expect("nobody panics"), PROCS.len() * ALL / 4);
}

/// Each waits for its turn, which the one before it gives.
#[test]
fn condvar() {
    for procs in PROCS {
        let (turn, changed) = (Mutex::new(0), Condvar::new());
        mixed(procs, GOROUTINES, THREADS, |i| {
            // Threads have theirs among the goroutines.
            let mine = if i < GOROUTINES { i + i / 25 } else { (i - GOROUTINES) * 26 + 25 };
            let turn = turn.lock().expect("nobody panics");
            let mut turn = changed.wait_while(turn, |turn| *turn != mine).expect("nobody panics");
            *turn += 1;
            changed.notify_all();
        });
        assert_eq!(*turn.lock().expect("nobody panics"), ALL);
    }
}

#[test]
fn barrier() {
    let barrier = Barrier::new(ALL);
    everybody(|_| {
        barrier.wait();
        barrier.wait();
    });
}

#[test]
fn channels() {
    for bound in [None, Some(0), Some(3)] {
        for procs in PROCS {
            type Send = Box<dyn Fn(usize) -> bool + std::marker::Send>;
            let (send, receiver): (Send, _) = match bound {
                None => {
                    let (sender, receiver) = channel();
                    (Box::new(move |i| sender.send(i).is_ok()), receiver)
                }
                Some(bound) => {
                    let (sender, receiver) = sync_channel(bound);
                    (Box::new(move |i| sender.send(i).is_ok()), receiver)
                }
            };
            // One of each kind sends, and one of each receives.
            let (send, receiver) = (Mutex::new(send), Mutex::new(receiver));
            mixed(procs, 2, 2, |i| {
                for _ in 0..100 {
                    if i % 2 == 0 {
                        assert!(send.lock().expect("nobody panics")(i));
                    } else {
                        let receiver = receiver.lock().expect("nobody panics");
                        assert_eq!(receiver.recv().expect("somebody sends") % 2, 0);
                    }
                }
            });
        }
    }
}

#[test]
fn unparked_from_the_other_kind() {
    for procs in PROCS {
        let (to_thread, to_goroutine) = (channel(), channel());
        let ends = Mutex::new(Some((to_thread, to_goroutine)));
        let (first, second) = {
            let mut ends = ends.lock().expect("nobody panics");
            let ((a, b), (c, d)) = ends.take().expect("they are there");
            (Mutex::new((c, b)), Mutex::new((a, d)))
        };
        mixed(procs, 1, 1, |i| {
            let ends = if i == 0 { &first } else { &second };
            let (tell, hear) = &*ends.lock().expect("nobody panics");
            tell.send(thread::current()).expect("the other lives");
            let other: thread::Thread = hear.recv().expect("the other lives");
            for _ in 0..100 {
                other.unpark();
                thread::park();
            }
            other.unpark();
        });
    }
}

const SOON: Duration = Duration::from_millis(2);

#[test]
fn time_is_up() {
    everywhere(|| {
        let lasts = |wait: &dyn Fn()| {
            let start = Instant::now();
            wait();
            assert!(start.elapsed() >= SOON, "{:?}", start.elapsed());
        };
        let (mutex, condvar) = (Mutex::new(()), Condvar::new());
        lasts(&|| {
            let guard = mutex.lock().expect("nobody panics");
            let (_guard, result) =
                condvar.wait_timeout_while(guard, SOON, |()| true).expect("nobody panics");
            assert!(result.timed_out());
        });
        let (_sender, receiver) = channel::<()>();
        lasts(&|| assert_eq!(receiver.recv_timeout(SOON), Err(RecvTimeoutError::Timeout)));
        let (_sender, receiver) = sync_channel::<()>(0);
        lasts(&|| assert_eq!(receiver.recv_timeout(SOON), Err(RecvTimeoutError::Timeout)));
        lasts(&|| {
            let start = Instant::now();
            while start.elapsed() < SOON {
                thread::park_timeout(SOON - start.elapsed());
            }
        });
    });
}

#[test]
fn in_time() {
    everywhere(|| {
        const LONG: Duration = Duration::from_secs(3_600);
        let (sender, receiver) = channel();
        let (mutex, condvar) = (Mutex::new(false), Condvar::new());
        let parked = thread::current();
        gort::scope(|s| {
            s.go(|| {
                thread::sleep(SOON);
                sender.send(5).expect("somebody receives");
                thread::sleep(SOON);
                *mutex.lock().expect("nobody panics") = true;
                condvar.notify_one();
                thread::sleep(SOON);
                parked.unpark();
            });
            assert_eq!(receiver.recv_timeout(LONG), Ok(5));
            let guard = mutex.lock().expect("nobody panics");
            let waited = condvar.wait_timeout_while(guard, LONG, |told| !*told);
            assert!(!waited.expect("nobody panics").1.timed_out());
            let start = Instant::now();
            thread::park_timeout(LONG);
            assert!(start.elapsed() < LONG);
        });
    });
}
