//! A note wakes its sleeper with what the waker wrote before, and can be used again.
//!
//! Shown to fail: `Relaxed` for the Release in `wakeup`, or for the Acquire in `happened`: all models
//! say that the sleeper read old data. Without the `futex_wake`, or without the kernel's check of
//! the word in `model/prim.rs`: "deadlock".

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the models use parts of the files they include"
)]

#[path = "../src/lock/note.rs"]
mod note;
#[path = "model/prim.rs"]
mod prim;

use loom::thread;
use note::Note;
use prim::{AtomicU32, Ordering::Relaxed, check};
use std::sync::Arc;

#[derive(Default)]
struct Shared {
    note: Note,
    data: [AtomicU32; 2],
}

#[test]
fn sleeper_sees_what_the_waker_wrote() {
    check(3, || {
        let shared = Arc::new(Shared::default());
        let waker = shared.clone();
        let waker = thread::spawn(move || {
            waker.data[0].store(1, Relaxed);
            waker.note.wakeup();
        });
        shared.note.sleep();
        assert_eq!(shared.data[0].load(Relaxed), 1);
        waker.join().unwrap();
    });
}

#[test]
fn one_of_two_wakers_is_seen_and_both_may_wake() {
    check(3, || {
        let shared = Arc::new(Shared::default());
        let wakers = [0, 1].map(|i| {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.data[i].store(1, Relaxed);
                shared.note.wakeup();
            })
        });
        shared.note.sleep();
        assert_ne!(shared.data.each_ref().map(|data| data.load(Relaxed)), [0, 0]);
        for waker in wakers {
            waker.join().unwrap();
        }
    });
}

/// As an M does: cleared after each sleep; the next waker knows of that through what the sleeper
/// publishes then. The first waker may still be about to enter the kernel.
#[test]
fn used_again() {
    check(3, || {
        let shared = Arc::new(Shared::default());
        let wakers = [0, 1].map(|turn| {
            let shared = shared.clone();
            thread::spawn(move || {
                while turn == 1 && shared.data[0].load(prim::Ordering::Acquire) == 0 {
                    thread::yield_now();
                }
                shared.data[1].store(turn + 1, Relaxed);
                shared.note.wakeup();
            })
        });
        for turn in 0..2 {
            shared.note.sleep();
            assert_eq!(shared.data[1].load(Relaxed), turn + 1);
            shared.note.clear();
            shared.data[0].store(turn + 1, prim::Ordering::Release);
        }
        for waker in wakers {
            waker.join().unwrap();
        }
    });
}

#[test]
fn timed_sleep_says_whether_it_happened() {
    check(3, || {
        let shared = Arc::new(Shared::default());
        let waker = shared.clone();
        let waker = thread::spawn(move || {
            waker.data[0].store(1, Relaxed);
            waker.note.wakeup();
        });
        if shared.note.sleep_for(1) {
            assert_eq!(shared.data[0].load(Relaxed), 1);
        }
        waker.join().unwrap();
        assert!(shared.note.happened());
    });
}
