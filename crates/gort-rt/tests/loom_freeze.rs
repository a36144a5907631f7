//! A thread that is held stands still until it is released, however asking, the signal, giving up and
//! asking again fall together; and what it shows is what it wrote.
//!
//! Shown to fail: `Relaxed` for the Release in `answer_slow` or for the Acquires in `held` (the frame is not
//! there yet), for the Release in `release` or the Acquire in `answer_slow` (the thread goes on too soon).
//! Without the first `futex_wake`, or with `futex_wait` for another word: "deadlock".
//!
//! # Safety
//!
//! Loom finds out whether the cell is used by two at a time: that is what is tested.

#![allow(unsafe_code)]
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the models use parts of the files they include"
)]

#[path = "../src/traceback/freeze.rs"]
mod freeze;
#[path = "model/prim.rs"]
mod prim;

use freeze::Freeze;
use loom::cell::UnsafeCell;
use loom::thread;
use prim::check;
use std::sync::Arc;

/// A thread, and what is looked at while it is held.
struct Thread {
    freeze: Freeze,
    stack: UnsafeCell<usize>,
}

// SAFETY: see the module.
unsafe impl Sync for Thread {}
// SAFETY: as above.
unsafe impl Send for Thread {}

impl Thread {
    fn new() -> Arc<Thread> {
        Arc::new(Thread { freeze: Freeze::new(), stack: UnsafeCell::new(0) })
    }

    fn write(&self, value: usize) {
        // SAFETY: see the module.
        self.stack.with_mut(|stack| unsafe { *stack = value });
    }

    /// Works, is interrupted by as many signals, and works.
    fn run(&self, signals: usize) {
        for signal in 1..=signals {
            self.write(signal);
            self.freeze.answer(signal);
        }
        self.write(0);
    }

    /// Looks at it, if it is held.
    fn look(&self, until: u64) -> bool {
        self.freeze.ask();
        let Some(frame) = self.freeze.held(until) else { return false };
        // SAFETY: see the module.
        assert_eq!(self.stack.with(|stack| unsafe { *stack }), frame);
        self.freeze.release();
        true
    }
}

/// As far from now as the model's clock goes.
const FOR_EVER: u64 = 999_999_999;

#[test]
fn it_is_held_and_released() {
    check(3, || {
        let thread = Thread::new();
        thread.freeze.ask();
        let other = thread.clone();
        // The signal is sent after asking.
        let other = thread::spawn(move || other.run(1));
        assert!(thread.look(FOR_EVER));
        other.join().unwrap();
    });
}

/// The handler comes at any time, or too late.
#[test]
fn who_asks_gives_up() {
    check(3, || {
        let thread = Thread::new();
        thread.freeze.ask();
        let other = thread.clone();
        let other = thread::spawn(move || other.run(1));
        thread.look(1);
        other.join().unwrap();
    });
}

/// A second request meets the first one's signal, its own, or both.
#[test]
fn twice() {
    check(2, || {
        let thread = Thread::new();
        thread.freeze.ask();
        let other = thread.clone();
        let other = thread::spawn(move || other.run(2));
        thread.look(1);
        thread.look(1);
        other.join().unwrap();
    });
}

/// A signal that is somebody else's holds nobody.
#[test]
fn nobody_has_asked() {
    check(1, || {
        let thread = Thread::new();
        assert!(!thread.freeze.answer(1));
        thread.freeze.ask();
        assert_eq!(thread.freeze.held(0), None);
        // Too late, but meant for this.
        assert!(thread.freeze.answer(1));
        assert!(!thread.freeze.answer(1));
    });
}
