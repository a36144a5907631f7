//! What a `JoinHandle` can do, and is.

mod support;

use gort::{GoId, JoinHandle};
use std::collections::HashSet;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use support::{PROCS, all, matrix, moving, serial, watchdog};

/// Wakes a thread that waits for a future.
struct Unpark(Thread, AtomicBool);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.1.store(true, Ordering::Release);
        self.0.unpark();
    }
}

/// Runs a future on an ordinary thread.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let woken = Arc::new(Unpark(thread::current(), AtomicBool::new(false)));
    let waker = Waker::from(woken.clone());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        while !woken.1.swap(false, Ordering::Acquire) {
            thread::park();
        }
    }
}

#[test]
fn a_handle_is_a_future() {
    let _one = serial();
    let _watchdog = watchdog();
    for procs in PROCS {
        gort::runtime::gomaxprocs(Some(procs));
        for round in 0..200 {
            let sum = block_on(async {
                let late = gort::go(move || {
                    for _ in 0..round % 7 {
                        gort::gosched();
                    }
                    round
                });
                let early = gort::go(|| 5);
                late.await.unwrap() + early.await.unwrap()
            });
            assert_eq!(sum, round + 5);
        }
        let panicked = block_on(gort::go(|| resume_unwind(Box::new(9))));
        assert_eq!(panicked.map(|()| 0).unwrap_err().downcast_ref(), Some(&9));
    }
}

#[test]
fn a_handles_waker_can_be_replaced_and_dropped() {
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let poll = |handle: &mut JoinHandle<()>, count: &Arc<Count>| {
        let waker = Waker::from(count.clone());
        std::pin::Pin::new(handle).poll(&mut Context::from_waker(&waker)).is_ready()
    };
    matrix(|_| {
        let [first, second] = [0, 0].map(|_| Arc::new(Count(AtomicUsize::new(0))));
        let go_on = Arc::new(AtomicBool::new(false));
        let waits = |go_on: Arc<AtomicBool>| {
            gort::go(move || {
                while !go_on.load(Ordering::Relaxed) {
                    gort::gosched();
                }
            })
        };
        let mut handle = waits(go_on.clone());
        let mut dropped = waits(go_on.clone());
        let mut joined = waits(go_on.clone());
        assert!(!poll(&mut handle, &first) && !poll(&mut handle, &second));
        assert!(!poll(&mut dropped, &first) && !poll(&mut joined, &first));
        drop(dropped);
        // Only in `joined` is it left.
        assert_eq!(Arc::strong_count(&first), 2);
        go_on.store(true, Ordering::Relaxed);
        joined.join().unwrap();
        while second.0.load(Ordering::Relaxed) == 0 {
            gort::gosched();
        }
        assert!(poll(&mut handle, &second));
        assert_eq!((first.0.load(Ordering::Relaxed), second.0.load(Ordering::Relaxed)), (0, 1));
        assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 1));
    });
}

#[test]
fn handles_know_name_number_and_end() {
    let numbers = Mutex::new(HashSet::new());
    moving(|_| {
        let (go_on, inside) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(None)));
        let (wait, tell) = (go_on.clone(), inside.clone());
        let named = gort::Builder::new().name("näme".into());
        let handle = named.spawn(move || {
            *tell.lock().unwrap() = gort::current();
            while !wait.load(Ordering::Relaxed) {
                gort::gosched();
            }
        });
        let handle = handle.unwrap();
        for _ in 0..10 {
            gort::gosched();
            assert!(!handle.is_finished());
        }
        go_on.store(true, Ordering::Relaxed);
        while !handle.is_finished() {
            gort::gosched();
        }
        assert_eq!(handle.name(), Some("näme"));
        assert_eq!(Some(handle.id()), *inside.lock().unwrap());
        assert_eq!(handle.id().to_string(), handle.id().as_u64().to_string());
        handle.join().unwrap();
        assert_eq!(gort::go(|| ()).name(), None);
        all(100, |_| {
            let id: GoId = gort::current().unwrap();
            gort::gosched();
            assert_eq!(gort::current(), Some(id));
            assert!(numbers.lock().unwrap().insert(id), "{id} twice");
        });
    });
    assert_eq!(gort::current(), None);
}
