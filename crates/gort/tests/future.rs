//! `block_on`: whoever wakes, from wherever and whenever, is heard, and nobody else is disturbed.
//!
//! A future may be polled once more than it would have to be: what woke another one, in another test, came too
//! late.
//!
//! # Safety
//!
//! A thread of C's is given a box that is its own from then on.

#![allow(unsafe_code)]

mod support;

use futures::channel::{mpsc, oneshot};
use futures::stream::{FuturesUnordered, StreamExt};
use futures::{FutureExt, SinkExt, join, select};
use gort::future::{block_on, go, sleep};
use gort::time::Timer;
use std::cell::Cell;
use std::ffi::c_void;
use std::future::{Future, pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;
use support::{
    ON_PURPOSE, all, everywhere, matrix, mixed, moving, on_one_p, panics, quiet, settle,
};

const MS: Duration = Duration::from_millis(1);

/// Ready when somebody says so, by who keeps the other end; counts its polls.
#[derive(Clone, Default)]
struct Flag {
    set: Arc<AtomicBool>,
    polls: Arc<AtomicUsize>,
    waker: Arc<Mutex<Option<Waker>>>,
}

impl Flag {
    fn set(&self) {
        self.set.store(true, Ordering::Relaxed);
        self.wake();
    }

    /// Tells who has polled last.
    fn wake(&self) {
        let waker = self.waker.lock().unwrap().clone();
        waker.inspect(Waker::wake_by_ref);
    }

    fn polls(&self) -> usize {
        self.polls.load(Ordering::Relaxed)
    }

    fn is_polled(&self, times: usize) {
        while self.polls() < times {
            thread::yield_now();
            gort::gosched();
        }
    }
}

impl Future for Flag {
    type Output = usize;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<usize> {
        *self.waker.lock().unwrap() = Some(context.waker().clone());
        let polls = self.polls.fetch_add(1, Ordering::Relaxed) + 1;
        if self.set.load(Ordering::Relaxed) { Poll::Ready(polls) } else { Poll::Pending }
    }
}

#[test]
fn ready_at_once() {
    everywhere(|| {
        assert_eq!(block_on(ready(1)), 1);
        assert_eq!(block_on(async { ready(2).await + ready(3).await }), 5);
    });
}

#[test]
fn woken_by_a_goroutine_a_thread_or_a_timer() {
    everywhere(|| {
        for round in 0..50 {
            let flag = Flag::default();
            let other = flag.clone();
            let sets = move || {
                other.is_polled(round % 2);
                other.set();
            };
            match round % 3 {
                0 => drop(gort::go(sets)),
                1 => drop(thread::spawn(sets)),
                _ => drop(Timer::after_func(Duration::from_micros(10), sets)),
            }
            assert!(block_on(flag) <= 3);
        }
    });
}

/// A thread that neither std nor the runtime has made.
#[test]
fn woken_by_c() {
    extern "C" fn set(flag: *mut c_void) -> *mut c_void {
        // SAFETY: the box that was given away below.
        let flag = unsafe { Box::from_raw(flag.cast::<Flag>()) };
        flag.is_polled(1);
        flag.set();
        std::ptr::null_mut()
    }
    everywhere(|| {
        let flag = Flag::default();
        let arg = Box::into_raw(Box::new(flag.clone())).cast();
        // SAFETY: `set` takes the box; the thread is joined.
        unsafe {
            let mut thread = 0;
            assert_eq!(libc::pthread_create(&mut thread, std::ptr::null(), set, arg), 0);
            assert!(block_on(flag) >= 2);
            assert_eq!(libc::pthread_join(thread, std::ptr::null_mut()), 0);
        }
    });
}

/// In the poll itself, any number of times: once more is enough.
#[test]
fn woken_while_it_is_polled() {
    everywhere(|| {
        let mut polls = 0;
        let twice = poll_fn(|context| {
            polls += 1;
            let kept = context.waker().clone();
            context.waker().wake_by_ref();
            kept.wake();
            if polls == 3 { Poll::Ready(()) } else { Poll::Pending }
        });
        block_on(twice);
        assert_eq!(polls, 3);
    });
}

/// Many who wake while it does not run make for one poll.
#[test]
fn wake_ups_are_one_if_nobody_has_looked() {
    on_one_p(|| {
        let flag = Flag::default();
        let waits = go(flag.clone());
        flag.is_polled(1);
        for _ in 0..100 {
            flag.wake();
        }
        flag.is_polled(2);
        settle();
        flag.set();
        let polls = waits.join().unwrap();
        assert!((3..10).contains(&polls), "{polls} polls");
    });
}

/// A future that only ever wakes itself waits for something that another goroutine does.
#[test]
fn one_that_wakes_itself_lets_others_go_first() {
    on_one_p(|| {
        let mut turns = 0;
        let done = Arc::new(AtomicBool::new(false));
        let other = done.clone();
        gort::go(move || other.store(true, Ordering::Relaxed));
        block_on(poll_fn(|context| {
            if done.load(Ordering::Relaxed) {
                return Poll::Ready(());
            }
            turns += 1;
            context.waker().wake_by_ref();
            Poll::Pending
        }));
        assert!(turns <= 2, "{turns} turns");
    });
}

/// A waker that is kept does no harm, whoever has its goroutine's memory now.
#[test]
fn woken_too_late() {
    matrix(|_| {
        let old = Arc::new(Mutex::new(Vec::new()));
        for _ in 0..20 {
            let old = old.clone();
            let keep = poll_fn(move |context| {
                old.lock().unwrap().push(context.waker().clone());
                Poll::Ready(())
            });
            go(keep).join().unwrap();
        }
        let over = AtomicBool::new(false);
        gort::scope(|s| {
            s.go(|| {
                while !over.load(Ordering::Relaxed) {
                    old.lock().unwrap().iter().for_each(Waker::wake_by_ref);
                    gort::gosched();
                }
            });
            all(20, |i| {
                for round in 0..20 {
                    match (i + round) % 3 {
                        0 => gort::time::sleep(MS / 20),
                        1 => block_on(sleep(MS / 20)),
                        _ => assert_eq!(gort::go(|| 7).join().unwrap(), 7),
                    }
                }
            });
            over.store(true, Ordering::Relaxed);
        });
        old.lock().unwrap().drain(..).for_each(Waker::wake);
    });
}

/// What comes for the outer one while the inner one waits is not lost, nor the other way round.
#[test]
fn inside_a_poll() {
    everywhere(|| {
        let (outer, inner) = (Flag::default(), Flag::default());
        let other = (outer.clone(), inner.clone());
        let sets = gort::go(move || {
            let (outer, inner) = other;
            inner.is_polled(1);
            outer.set();
            settle();
            inner.set();
        });
        let mut first = true;
        let mut outer = pin!(outer);
        let polls = block_on(poll_fn(|context| {
            let polled = if first { Poll::Pending } else { outer.as_mut().poll(context) };
            if std::mem::replace(&mut first, false) {
                let _ = outer.as_mut().poll(context);
                assert!(block_on(inner.clone()) >= 2);
            }
            polled
        }));
        assert!(polls >= 2);
        sets.join().unwrap();
    });
}

/// The goroutine and what it calls are one after the other, at any depth, in C too.
#[test]
fn nested_deeply() {
    fn down(depth: usize) -> usize {
        block_on(async {
            sleep(MS / 10).await;
            match depth {
                0 => 0,
                _ if depth.is_multiple_of(3) => gort::ffi::call_with(|| down(depth - 1)) + 1,
                _ => down(depth - 1) + 1,
            }
        })
    }
    everywhere(|| assert_eq!(down(10), 10));
}

#[test]
fn panics_come_through() {
    everywhere(|| {
        let text = panics(|| block_on(async { panic!("{ON_PURPOSE}: at once") }));
        assert_eq!(text, format!("{ON_PURPOSE}: at once"));
        let text = panics(|| {
            block_on(async {
                sleep(MS).await;
                panics(|| block_on(async { panic!("{ON_PURPOSE}: inside") }));
                panic!("{ON_PURPOSE}: later")
            })
        });
        assert_eq!(text, format!("{ON_PURPOSE}: later"));
        // And who has panicked has not kept anything.
        assert_eq!(block_on(Flag { set: Arc::new(true.into()), ..Flag::default() }), 1);
        let _quiet = quiet();
        let goroutine = go(async { panic!("{ON_PURPOSE}: on a goroutine") });
        assert!(goroutine.join().is_err());
    });
}

#[test]
fn goexit_in_a_poll() {
    matrix(|_| {
        let gone = Arc::new(());
        let kept = gone.clone();
        let ends = go(async move {
            let _kept = kept;
            sleep(MS / 10).await;
            gort::goexit()
        });
        assert!(ends.join().is_err());
        assert_eq!(Arc::strong_count(&gone), 1);
    });
}

#[test]
fn goroutines_are_futures() {
    everywhere(|| {
        let handles: FuturesUnordered<_> = (0..50)
            .map(|i| match i % 2 {
                0 => gort::go(move || i),
                _ => go(async move {
                    sleep(MS / 10).await;
                    i
                }),
            })
            .collect();
        let mut results: Vec<usize> = block_on(handles.map(Result::unwrap).collect());
        results.sort_unstable();
        assert_eq!(results, Vec::from_iter(0..50));
    });
}

#[test]
fn join_and_select() {
    everywhere(|| {
        let (to, from) = oneshot::channel();
        let (mut many, mut rest) = mpsc::channel(2);
        go(async move {
            for i in 0..20 {
                many.send(i).await.unwrap();
            }
            to.send("done").unwrap();
        });
        let sum = async {
            let mut sum = 0;
            loop {
                select! {
                    i = rest.next() => match i {
                        Some(i) => sum += i,
                        None => break sum,
                    },
                    () = pending().fuse() => unreachable!(),
                }
            }
        };
        let slow = sleep(MS).map(|()| "slow");
        let (sum, done, slow) = block_on(async { join!(sum, from, slow) });
        assert_eq!((sum, done, slow), (190, Ok("done"), "slow"));
    });
}

/// Two who take turns, on whatever they are.
#[test]
fn ping_pong() {
    for procs in support::PROCS {
        let [mut a, mut b] = [(); 2].map(|()| mpsc::channel::<usize>(1));
        let ends = Mutex::new(vec![(a.0.clone(), b.1), (b.0.clone(), a.1)]);
        a.0.try_send(0).unwrap();
        b.0.close_channel();
        drop(a.0);
        let (goroutines, threads) = [(2, 0), (1, 1), (0, 2)][procs % 3];
        mixed(procs, goroutines, threads, |_| {
            let (mut to, mut from) = ends.lock().unwrap().pop().unwrap();
            block_on(async {
                while let Some(i) = from.next().await {
                    if i == 1000 || to.send(i + 1).await.is_err() {
                        break;
                    }
                }
            });
        });
    }
}

/// Goroutines and threads, each waiting for one and waking another, in a ring.
#[test]
fn many_at_once() {
    const COUNT: usize = 24;
    for procs in support::PROCS {
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..COUNT).map(|_| mpsc::unbounded::<usize>()).unzip();
        let receivers = receivers.into_iter().map(|receiver| Mutex::new(Some(receiver)));
        let receivers: Vec<_> = receivers.collect();
        mixed(procs, COUNT - 4, 4, |i| {
            let mut from = receivers[i].lock().unwrap().take().unwrap();
            let to = &senders[(i + 1) % COUNT];
            to.unbounded_send(0).unwrap();
            block_on(async {
                for round in 0..200 {
                    assert_eq!(from.next().await, Some(round));
                    // The next one may have had its last, and gone.
                    assert!(to.unbounded_send(round + 1).is_ok() || round >= 198);
                }
            });
        });
    }
}

/// A future's thread-locals are its goroutine's, wherever that runs.
#[test]
fn polled_on_one_goroutine_that_moves() {
    thread_local! {
        static MARK: Cell<usize> = const { Cell::new(0) };
    }
    moving(|_| {
        all(10, |i| {
            MARK.set(i);
            block_on(async {
                for _ in 0..10 {
                    sleep(MS / 20).await;
                    assert_eq!(MARK.get(), i);
                }
            });
        });
    });
}

#[test]
fn nothing_is_left_behind() {
    on_one_p(|| {
        let before = gort::runtime::num_goroutine();
        let flags: Vec<_> = (0..100).map(|_| Flag::default()).collect();
        let waits: Vec<_> = flags.iter().cloned().map(go).collect();
        flags.iter().for_each(|flag| flag.is_polled(1));
        assert!(gort::runtime::num_goroutine() > 100);
        flags.iter().for_each(Flag::set);
        waits.into_iter().for_each(|handle| assert!(handle.join().unwrap() >= 2));
        while gort::runtime::num_goroutine() > before {
            gort::gosched();
        }
        assert!(flags.iter().all(|flag| Arc::strong_count(&flag.set) == 1));
    });
}
