//! Futures that wait for time: never early, on any executor, and gone when dropped.
//!
//! # Safety
//!
//! A waker of [`SLOW`] has no data.

#![allow(unsafe_code)]

mod support;

use futures::{FutureExt, join, select};
use gort::future::{block_on, go, interval, sleep, sleep_until, timeout};
use gort::time::Elapsed;
use std::future::{Future, pending, poll_fn, ready};
use std::pin::pin;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::time::{Duration, Instant};
use support::{all, everywhere, matrix, mixed, panics};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Counts how often it has been woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn sleeps_long_enough() {
    everywhere(|| {
        let begin = Instant::now();
        let nap = sleep(2 * MS);
        assert!(nap.deadline().unwrap() >= begin + 2 * MS);
        block_on(nap);
        assert!(begin.elapsed() >= 2 * MS);
        block_on(sleep_until(begin));
        block_on(sleep(Duration::ZERO));
        assert!(sleep_until(begin).is_elapsed() && !sleep(HOUR).is_elapsed());
    });
}

#[test]
fn many_sleep() {
    for procs in support::PROCS {
        mixed(procs, 200, 4, |i| {
            for round in 0..5 {
                let time = Duration::from_micros(((i * 7 + round * 31) % 50 * 20) as u64);
                let begin = Instant::now();
                block_on(async { join!(sleep(time), sleep(time / 2), sleep(time / 3)) });
                assert!(begin.elapsed() >= time);
            }
        });
    }
}

/// One that cannot come, for the clock does not go that far.
#[test]
fn for_ever() {
    everywhere(|| {
        let never = sleep(Duration::MAX);
        assert_eq!((never.deadline(), never.is_elapsed()), (None, false));
        assert_eq!(block_on(timeout(MS, never)), Err(Elapsed));
    });
}

/// Polled by one, then by another: the last one is woken.
#[test]
fn goes_from_executor_to_executor() {
    everywhere(|| {
        let counts = [(); 2].map(|()| Arc::new(Count::default()));
        let mut nap = sleep(HOUR);
        for count in &counts {
            let waker = Waker::from(count.clone());
            assert!(pin!(&mut nap).poll(&mut Context::from_waker(&waker)).is_pending());
        }
        nap.reset(Instant::now() + MS);
        while counts[1].0.load(Ordering::Relaxed) == 0 {
            gort::time::sleep(MS / 10);
        }
        assert!(nap.is_elapsed());
        assert_eq!(counts.map(|count| count.0.load(Ordering::Relaxed)), [0, 1]);
        let mut nap = sleep(HOUR);
        block_on(async { assert!(futures::poll!(&mut nap).is_pending()) });
        nap.reset(Instant::now() + MS);
        go(nap).join().unwrap();
    });
}

#[test]
fn dropped_and_gone() {
    matrix(|_| {
        let goroutines = gort::runtime::num_goroutine();
        let count = Arc::new(Count::default());
        let waker = Waker::from(count.clone());
        let naps: Vec<_> = (0..100)
            .map(|i| {
                let mut nap = sleep(if i % 2 == 0 { HOUR } else { 20 * MS });
                let _ = pin!(&mut nap).poll(&mut Context::from_waker(&waker));
                nap
            })
            .collect();
        assert!(Arc::strong_count(&count) > 2);
        drop(naps);
        while Arc::strong_count(&count) > 2 || gort::runtime::num_goroutine() > goroutines {
            gort::gosched();
        }
        // A timer that fires starts a goroutine.
        let before = (count.0.load(Ordering::Relaxed), gort::runtime::stats().spawned);
        gort::time::sleep(30 * MS);
        assert_eq!((count.0.load(Ordering::Relaxed), gort::runtime::stats().spawned), before);
    });
}

/// Wakers that take some time to clone.
static SLOW: RawWakerVTable = RawWakerVTable::new(
    |data| {
        gort::time::sleep(5 * MS);
        RawWaker::new(data, &SLOW)
    },
    |_| (),
    |_| (),
    |_| (),
);

/// The time comes, and the last waker is woken, while another is being left.
#[test]
fn polled_when_its_time_comes() {
    everywhere(|| {
        let mut nap = pin!(sleep(2 * MS));
        let first = nap.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        // SAFETY: see the module.
        let slow = unsafe { Waker::from_raw(RawWaker::new(ptr::null(), &SLOW)) };
        let second = nap.as_mut().poll(&mut Context::from_waker(&slow));
        assert!(first.is_ready() || second.is_ready());
    });
}

#[test]
fn goes_anywhere() {
    fn goes<T: Send + Sync + Unpin + 'static>() {}
    goes::<gort::future::Sleep>();
    goes::<gort::future::Interval>();
    goes::<gort::future::Ready<std::net::TcpStream>>();
}

#[test]
fn set_anew() {
    everywhere(|| {
        let begin = Instant::now();
        let mut nap = sleep(HOUR);
        block_on(async {
            select! {
                () = (&mut nap).fuse() => unreachable!("an hour has passed"),
                () = sleep(MS).fuse() => (),
            }
            nap.reset(begin + 3 * MS);
            (&mut nap).await;
            assert!(begin.elapsed() >= 3 * MS);
            nap.reset(begin + 6 * MS);
            nap.await;
            assert!(begin.elapsed() >= 6 * MS);
        });
    });
}

#[test]
fn in_time_and_not() {
    everywhere(|| {
        assert_eq!(block_on(timeout(HOUR, ready(1))), Ok(1));
        assert_eq!(block_on(timeout(Duration::ZERO, ready(1))), Ok(1));
        assert_eq!(block_on(timeout(HOUR, sleep(MS))), Ok(()));
        let held = Arc::new(());
        let clone = held.clone();
        let slow = async move {
            let _held = clone;
            pending::<()>().await;
        };
        assert_eq!(block_on(timeout(MS, slow)), Err(Elapsed));
        assert_eq!(Arc::strong_count(&held), 1);
        // Counted from the call, not from the first poll.
        let late = timeout(MS, sleep(HOUR));
        gort::time::sleep(2 * MS);
        let polls = AtomicUsize::new(0);
        let mut late = pin!(late);
        let result = block_on(poll_fn(|context| {
            polls.fetch_add(1, Ordering::Relaxed);
            late.as_mut().poll(context)
        }));
        assert_eq!((result, polls.into_inner()), (Err(Elapsed), 1));
    });
}

#[test]
fn ticks() {
    everywhere(|| {
        let mut ticks = interval(MS);
        block_on(async {
            let first = ticks.tick().await;
            let mut last = first;
            for i in 0..5 {
                if i == 2 {
                    sleep(7 * MS / 2).await;
                }
                let tick = ticks.tick().await;
                assert!(tick <= Instant::now() && tick >= last + MS);
                // Late or not, in step, but for what is between two looks at the clock.
                assert_eq!((tick - first).as_nanos() % MS.as_nanos(), 0);
                last = tick;
            }
            // What was left out does not come.
            let late = Instant::now();
            sleep(5 * MS).await;
            ticks.tick().await;
            assert!(ticks.tick().await >= late + 5 * MS);
        });
        assert!(panics(|| interval(Duration::ZERO)).contains("must not be zero"));
        let mut far = interval(Duration::MAX);
        block_on(async {
            far.tick().await;
            assert_eq!(timeout(MS, far.tick()).await, Err(Elapsed));
        });
    });
}

/// A poll that gives no tick loses none.
#[test]
fn ticks_are_not_lost_with_their_future() {
    everywhere(|| {
        let mut ticks = interval(3 * MS);
        block_on(async {
            let first = ticks.tick().await;
            let mut second = Err(Elapsed);
            while second.is_err() {
                second = timeout(MS / 2, ticks.tick()).await;
            }
            assert_eq!((second.unwrap() - first).as_nanos() % (3 * MS).as_nanos(), 0);
        });
    });
}

/// A waker may do whatever a goroutine may.
#[test]
fn woken_by_a_goroutine() {
    struct Waits(AtomicUsize);
    impl Wake for Waits {
        fn wake(self: Arc<Self>) {
            assert!(gort::current().is_some());
            gort::time::sleep(MS / 10);
            self.0.store(1, Ordering::Relaxed);
        }
    }
    matrix(|_| {
        all(10, |_| {
            let waits = Arc::new(Waits(AtomicUsize::new(0)));
            let waker = Waker::from(waits.clone());
            let mut nap = pin!(sleep(MS));
            if nap.as_mut().poll(&mut Context::from_waker(&waker)) == Poll::Pending {
                while waits.0.load(Ordering::Relaxed) == 0 {
                    gort::time::sleep(MS / 10);
                }
            }
            assert!(nap.is_elapsed());
        });
    });
}
