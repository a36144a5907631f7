//! Futexes: whoever has changed the word before it looks for goroutines that wait finds them, or they see the change;
//! who is woken is who was to be; and nobody is left counted.
//!
//! Shown to fail: without the fence of who waits, or of who wakes; counting after the look at the word; who does not
//! match keeps others from being woken; a note that is read and taken back in two steps, or whose bucket is not looked
//! at: "deadlock". Who is woken, gives up, or finds the word changed, not counted out: "somebody is counted". All bits
//! taken for the same: "the wrong one". That nobody has ever waited is explored in `tso_ever.rs`.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the models use parts of the files they include"
)]

#[path = "model/sync.rs"]
mod model;
#[path = "model/prim.rs"]
mod prim;

use model::{Goroutine, Kind, Thread, lock, obj, sched, spawn, sync, timer};
use prim::{AtomicU32, Ordering::Relaxed, check};
use std::sync::Arc;
use std::sync::Mutex as StdMutex;
use sync::{
    Parked, futex_is_waited_at, futex_park, futex_wake_at, futex_wake_later, is_noted, wake_noted,
};

const ANY: u32 = u32::MAX;

/// All threads have seen that somebody waits now and then: no membarrier is needed any more.
fn after_all(model: impl Fn() + Sync + Send + 'static) {
    static ONE: StdMutex<()> = StdMutex::new(());
    let _one = ONE.lock().unwrap_or_else(|poison| poison.into_inner());
    prim::MEMBARRIER.store(false, Relaxed);
    check(3, move || {
        Goroutine.run(|| assert_eq!(Word::default().park(1, ANY, None), Parked::Not));
        model();
    });
}

#[derive(Default)]
struct Word(AtomicU32);

impl Word {
    fn address(&self) -> usize {
        std::ptr::from_ref(&self.0).addr()
    }

    fn park(&self, expected: u32, bitset: u32, until: Option<u64>) -> Parked {
        futex_park(self.address(), bitset, until, || self.0.load(Relaxed) == expected)
    }

    /// Waits until it is not 0.
    fn await_change(&self) {
        while self.0.load(Relaxed) == 0 {
            assert_ne!(self.park(0, ANY, None), Parked::TimedOut);
        }
    }

    fn wake(&self, most: usize, bitset: u32) -> usize {
        if futex_is_waited_at(self.address()) {
            futex_wake_at(self.address(), most, bitset)
        } else {
            0
        }
    }

    fn is_quiet(&self) {
        assert!(!futex_is_waited_at(self.address()), "somebody is counted");
    }
}

/// Each of so many waits until the word has changed; who changes it wakes all of them, or one after the other.
fn change(waiters: usize, one_by_one: bool) {
    let word = Arc::new(Word::default());
    let all: Vec<_> = (0..waiters)
        .map(|_| {
            let word = word.clone();
            spawn(Goroutine, move || {
                word.await_change();
                if one_by_one {
                    word.wake(1, ANY);
                }
            })
        })
        .collect();
    word.0.store(1, Relaxed);
    word.wake(if one_by_one { 1 } else { usize::MAX }, ANY);
    for one in all {
        one.join().unwrap();
    }
    word.is_quiet();
}

#[test]
fn a_change_is_seen() {
    after_all(|| change(1, false));
    after_all(|| change(2, false));
    after_all(|| change(2, true));
}

/// Who gives up is not counted any more, and is not woken; who is woken has not given up.
#[test]
fn one_gives_up() {
    after_all(|| {
        let word = Arc::new(Word::default());
        let other = word.clone();
        let waiter = spawn(Goroutine, move || other.park(0, ANY, Some(u64::MAX)));
        let woken = word.wake(1, ANY);
        let parked = waiter.join().unwrap();
        assert_eq!(parked == Parked::Woken, woken == 1, "{parked:?}");
        word.is_quiet();
    });
}

/// Those who do not match are passed over, and stay.
#[test]
fn bits_tell_them_apart() {
    after_all(|| {
        let word = Arc::new(Word::default());
        let all = [1, 2].map(|bits| {
            let word = word.clone();
            spawn(Goroutine, move || {
                let parked = word.park(0, bits, None);
                assert!(parked == Parked::Not || word.0.load(Relaxed) & bits != 0, "the wrong one");
            })
        });
        word.0.store(2, Relaxed);
        assert!(word.wake(usize::MAX, 2) <= 1);
        word.0.store(3, Relaxed);
        word.wake(usize::MAX, 1);
        for one in all {
            one.join().unwrap();
        }
        word.is_quiet();
    });
}

/// A handler leaves a note; who looks for notes wakes.
#[test]
fn woken_later() {
    after_all(|| {
        let word = Arc::new(Word::default());
        let other = word.clone();
        let waiter = spawn(Goroutine, move || other.await_change());
        let other = word.clone();
        let sysmon = spawn(Thread, move || {
            while other.0.load(Relaxed) == 0 || is_noted() {
                wake_noted();
                loom::thread::yield_now();
            }
        });
        word.0.store(1, Relaxed);
        if futex_is_waited_at(word.address()) {
            futex_wake_later(word.address());
        }
        sysmon.join().unwrap();
        wake_noted();
        waiter.join().unwrap();
        word.is_quiet();
    });
}
