//! Each value is dropped once: received or not, sent or given back, in time or in a panic.

#![allow(
    clippy::diverging_sub_expression,
    reason = "values that are never made are what is tested"
)]

mod support;

use gort::chan::{Receiver, Select, SendError, Sender, bounded, select, unbounded};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use support::{ON_PURPOSE, matrix, quiet, settle};

/// Counts itself in, and out again once.
struct Counted(Arc<AtomicUsize>, bool);

/// How many of them there are.
#[derive(Clone, Default)]
struct Counter(Arc<AtomicUsize>);

impl Counter {
    fn one(&self) -> Counted {
        self.0.fetch_add(1, Relaxed);
        Counted(self.0.clone(), true)
    }

    fn alive(&self) -> usize {
        self.0.load(Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        assert!(std::mem::replace(&mut self.1, false), "dropped twice");
        self.0.fetch_sub(1, Relaxed);
    }
}

fn kinds<T>() -> impl Iterator<Item = (Sender<T>, Receiver<T>)> {
    [Some(0), Some(1), Some(10), None].into_iter().map(|c| c.map_or_else(unbounded, bounded))
}

#[test]
fn what_is_left_goes_with_the_last_receiver() {
    for (s, r) in [bounded(300), unbounded()] {
        let counter = Counter::default();
        for _ in 0..300 {
            assert!(s.send(counter.one()).is_ok());
        }
        drop(r.recv());
        let clone = r.clone();
        drop(r);
        assert_eq!(counter.alive(), 299);
        drop(clone);
        assert_eq!(counter.alive(), 0);
        // What cannot be sent comes back.
        let refused = s.send(counter.one());
        assert_eq!(counter.alive(), 1);
        drop(refused);
        assert_eq!(counter.alive(), 0);
    }
}

#[test]
fn senders_first_receivers_first() {
    for (s, r) in kinds() {
        let counter = Counter::default();
        let _ = s.try_send(counter.one());
        drop(s);
        drop(r);
        assert_eq!(counter.alive(), 0);
    }
}

#[test]
fn parked_senders_have_theirs_back() {
    matrix(|_| {
        for (s, r) in kinds() {
            let counter = Counter::default();
            let senders: Vec<_> = (0..20)
                .map(|_| {
                    let (s, one) = (s.clone(), counter.one());
                    gort::go(move || s.send(one).is_ok())
                })
                .collect();
            settle();
            let got = r.try_iter().take(5).count();
            drop(r);
            let sent = senders.into_iter().map(|s| s.join().unwrap());
            assert!(sent.filter(|sent| *sent).count() >= got);
            assert_eq!(counter.alive(), 0);
        }
    });
}

/// Senders and receivers come and go while the channel is closed under them.
#[test]
fn closed_in_the_middle() {
    matrix(|_| {
        for (s, r) in kinds() {
            let counter = Counter::default();
            let others: Vec<_> = (0..4)
                .flat_map(|_| {
                    let (s, r, counter) = (s.clone(), r.clone(), counter.clone());
                    [
                        gort::go(move || while s.send(counter.one()).is_ok() {}),
                        gort::go(move || r.iter().for_each(drop)),
                    ]
                })
                .collect();
            settle();
            s.close();
            drop((s, r));
            for other in others {
                other.join().unwrap();
            }
            assert_eq!(counter.alive(), 0);
        }
    });
}

/// Panics when it is dropped.
struct Bomb(#[expect(dead_code, reason = "counted")] Counted);

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("{ON_PURPOSE}: dropped");
    }
}

#[test]
fn a_destructor_that_panics_keeps_none_from_being_dropped() {
    let _quiet = quiet();
    for (s, r) in [bounded(10), unbounded()] {
        let counter = Counter::default();
        for _ in 0..10 {
            assert!(s.send(Bomb(counter.one())).is_ok());
        }
        let panicked = catch_unwind(AssertUnwindSafe(|| drop(r)));
        assert!(panicked.is_err());
        assert_eq!(counter.alive(), 0);
        // The channel is closed all the same, and can be used.
        let refused = s.send(Bomb(counter.one()));
        assert!(matches!(refused, Err(SendError(_))));
        assert!(catch_unwind(AssertUnwindSafe(|| drop(refused))).is_err());
        assert_eq!(counter.alive(), 0);
    }
}

#[test]
fn a_destructor_that_panics_while_the_thread_does() {
    let _quiet = quiet();
    let counter = Counter::default();
    let (s, r) = unbounded();
    for _ in 0..3 {
        assert!(s.send(Bomb(counter.one())).is_ok());
    }
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _r = r;
        panic!("{ON_PURPOSE}: first");
    }));
    assert!(panicked.unwrap_err().downcast_ref::<String>().unwrap().ends_with("first"));
    assert_eq!(counter.alive(), 0);
}

/// A channel's memory goes with the last handle, whichever that is and wherever it is dropped.
#[test]
fn ends_dropped_at_the_same_time() {
    matrix(|_| {
        let counter = Counter::default();
        for _ in 0..200 {
            let (s, r) = unbounded();
            assert!(s.send(counter.one()).is_ok());
            let one = gort::go(move || drop(s));
            let other = gort::go(move || drop(r));
            one.join().unwrap();
            other.join().unwrap();
        }
        assert_eq!(counter.alive(), 0);
    });
}

/// An operation that is chosen and not completed: nothing is sent, what was received is dropped, and
/// nobody is left waiting.
#[test]
fn chosen_and_not_completed() {
    let _quiet = quiet();
    matrix(|_| {
        for (s, r) in kinds() {
            let counter = Counter::default();
            let sender = gort::go({
                let (s, one) = (s.clone(), counter.one());
                move || s.send(one).is_ok()
            });
            let dropped = catch_unwind(AssertUnwindSafe(|| {
                let mut list = Select::new();
                list.recv(&r);
                drop(list.select());
            }));
            assert!(dropped.is_err());
            assert!(sender.join().unwrap());
            assert_eq!(counter.alive(), 0);

            let receiver = gort::go({
                let r = r.clone();
                move || r.recv().is_ok()
            });
            let dropped = catch_unwind(AssertUnwindSafe(|| {
                let mut list = Select::new();
                list.send(&s);
                drop(list.select());
            }));
            assert!(dropped.is_err());
            assert!(!receiver.is_finished());
            assert!(s.send(counter.one()).is_ok());
            assert!(receiver.join().unwrap());
            assert_eq!(counter.alive(), 0);
        }
    });
}

/// A value that is not made: its maker panics, or leaves the `select!`.
#[test]
fn value_never_made() {
    let _quiet = quiet();
    fn leave(s: &Sender<Counted>) -> Option<()> {
        select! {
            send(s, None?) -> _ => unreachable!(),
        }
    }
    fn fail(s: &Sender<Counted>) {
        select! {
            send(s, panic!("{ON_PURPOSE}: no value")) -> _ => unreachable!(),
        }
    }
    matrix(|_| {
        for (s, r) in kinds() {
            let counter = Counter::default();
            let receiver = gort::go(move || r.iter().count());
            for _ in 0..3 {
                assert_eq!(leave(&s), None);
                assert!(catch_unwind(AssertUnwindSafe(|| fail(&s))).is_err());
                assert!(s.send(counter.one()).is_ok());
            }
            drop(s);
            assert_eq!(receiver.join().unwrap(), 3);
            assert_eq!(counter.alive(), 0);
        }
    });
}

/// Who waits for a place that a promise has, gets it when the promise is broken.
#[test]
fn a_place_that_was_kept_and_not_used() {
    let _quiet = quiet();
    matrix(|_| {
        let counter = Counter::default();
        let (s, r) = bounded(1);
        let mut list = Select::new();
        list.send(&s);
        let chosen = list.select();
        assert!(s.try_send(counter.one()).is_err_and(|error| error.is_full()));
        assert_eq!(s.len(), 0);
        let sender = gort::go({
            let (s, one) = (s.clone(), counter.one());
            move || s.send(one).is_ok()
        });
        settle();
        assert!(!sender.is_finished());
        assert!(catch_unwind(AssertUnwindSafe(|| drop(chosen))).is_err());
        assert!(sender.join().unwrap());
        assert_eq!(r.len(), 1);
        drop(r);
        assert_eq!(counter.alive(), 0);
    });
}
