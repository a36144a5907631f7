//! Whoever waits at a parker, a goroutine or a thread, goes on when it is told to, and sees what was written
//! before; what it is told before it waits, or more than once, is not lost and not kept.
//!
//! `parker.rs` is the runtime's own.
//!
//! Shown to fail: any ordering of the word one weaker, a wake-up left out when there is one already, or a
//! thread's that is not sent: "deadlock", or "Causality violation". A word that keeps what was told, or a futex
//! that is not set back: too many branches, for nobody waits any more.
//!
//! # Safety
//!
//! What the included file relies on; what a model makes is leaked.

#![allow(unsafe_code)]
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the models use parts of the files they include"
)]

#[path = "model/goroutine.rs"]
mod goroutine;
#[path = "../src/sched/parker.rs"]
mod parker;
#[path = "model/prim.rs"]
mod prim;

use goroutine::{KINDS, Kind, obj, spawn};
use parker::Parker;
use prim::Ordering::Relaxed;
use prim::{AtomicU32, check};

mod sched {
    pub(crate) use crate::goroutine::{bed, park};
}

/// A future: what it waits for, one bit for each party that is to do something.
struct Future {
    parker: Parker,
    done: AtomicU32,
}

impl Future {
    fn leaked() -> &'static Future {
        Box::leak(Box::new(Future { parker: Parker::new(), done: AtomicU32::new(0) }))
    }

    /// As `block_on`, until these are done. How often it has looked.
    fn block_on(&'static self, all: u32) -> usize {
        let mut looks = 1;
        while self.done.load(Relaxed) & all != all {
            self.parker.park();
            looks += 1;
        }
        looks
    }

    fn wake(&'static self, bit: u32) {
        self.done.fetch_or(bit, Relaxed);
        self.parker.unpark();
    }
}

fn each(preemptions: usize, model: fn(Kind)) {
    for kind in KINDS {
        check(preemptions, move || model(kind));
    }
}

#[test]
fn woken_at_any_time() {
    each(4, |kind| {
        let future = Future::leaked();
        let waits = spawn(kind, move || future.block_on(1));
        future.wake(1);
        assert!(waits.join().unwrap() <= 2);
    });
}

/// Two wake-ups are one, if nobody has looked between.
#[test]
fn woken_by_two() {
    each(3, |kind| {
        let future = Future::leaked();
        let waits = spawn(kind, move || future.block_on(3));
        let other = spawn(Kind::Thread, move || future.wake(2));
        future.wake(1);
        assert!(waits.join().unwrap() <= 3);
        other.join().unwrap();
    });
}

/// One that came too late is there for the next who waits, once.
#[test]
fn woken_for_the_last_future_and_for_this() {
    each(3, |kind| {
        let (last, future) = (Future::leaked(), Future::leaked());
        let waits = spawn(kind, move || {
            last.block_on(1);
            // The same parker is somebody else's now.
            while future.done.load(Relaxed) == 0 {
                last.parker.park();
            }
            future.done.load(Relaxed)
        });
        let late = spawn(Kind::Thread, move || {
            last.wake(1);
            last.parker.unpark();
        });
        future.done.store(1, Relaxed);
        last.parker.unpark();
        assert_eq!(waits.join().unwrap(), 1);
        late.join().unwrap();
    });
}

#[test]
fn told_before() {
    each(2, |kind| {
        let future = Future::leaked();
        future.parker.unpark();
        future.parker.unpark();
        let waits = spawn(kind, move || {
            assert!(!future.parker.park());
            future.block_on(1)
        });
        future.wake(1);
        assert!(waits.join().unwrap() <= 2);
    });
}
