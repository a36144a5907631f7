//! Threads that wait for one another and are counted, and who finds out that nobody is awake any more.
//!
//! `counts.rs` and `bed.rs` are the runtime's own. The kernel's count of threads is an exact one here, of those
//! that have begun and not ended; sysmon looks, and when it is roused looks again.
//!
//! # Safety
//!
//! As in `model/prim.rs`.
//!
//! Shown to fail. With an alarm though somebody is awake: a thread that is counted out after its word says that
//! it has been told; no second look at the counts. With a deadlock that nobody sees: either fence
//! of `thread_sleeps` and `look` left out.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the models use parts of the files they include"
)]

#[path = "../src/sched/bed.rs"]
mod bed;
#[path = "../src/sched/counts.rs"]
mod counts;
#[path = "model/prim.rs"]
mod stand_in;

mod prim {
    pub(crate) use crate::counts::{thread_sleeps, thread_told};
    pub(crate) use crate::stand_in::*;

    /// sysmon is roused.
    pub(crate) fn last_asleep() {
        crate::ROUSED.swap(1, Ordering::AcqRel);
    }
}

use bed::Bed;
use counts::{Threads, nothing_missing};
use loom::thread;
use prim::Ordering::{AcqRel, Relaxed};
use prim::{AtomicU32, AtomicUsize, check};
use std::sync::atomic::AtomicUsize as Plain;

loom::lazy_static! {
    static ref ROUSED: AtomicU32 = AtomicU32::new(0);
    /// What the kernel counts.
    static ref THREADS: AtomicUsize = AtomicUsize::new(0);
    /// How many are awake. Not part of the model.
    static ref AWAKE: Plain = Plain::new(0);
}

fn leaked() -> &'static Bed {
    Box::leak(Box::new(Bed::new()))
}

/// An ordinary thread begins, by one that is awake.
fn start(body: impl FnOnce() + 'static) -> thread::JoinHandle<()> {
    THREADS.fetch_add(1, AcqRel);
    AWAKE.fetch_add(1, Relaxed);
    thread::spawn(move || {
        body();
        AWAKE.fetch_sub(1, Relaxed);
        THREADS.fetch_sub(1, AcqRel);
    })
}

/// Who waits does nothing else before.
fn sleep(bed: &'static Bed) {
    AWAKE.fetch_sub(1, Relaxed);
    bed.sleep();
}

/// Whoever is told is awake from here on.
fn tell(bed: &'static Bed) {
    AWAKE.fetch_add(1, Relaxed);
    bed.tell();
}

/// sysmon's look: whether nobody is awake.
fn look() -> bool {
    // The kernel counts under a lock.
    loop {
        match counts::look(|| Some(THREADS.fetch_add(0, AcqRel))) {
            Threads::Asleep => {
                assert_eq!(AWAKE.load(Relaxed), 0, "a false alarm");
                return true;
            }
            Threads::Awake => return false,
            Threads::Busy => thread::yield_now(),
        }
    }
}

/// Two begin to wait at about the same time, and nobody is left.
#[test]
fn the_last_one_is_noticed() {
    check(3, || {
        let beds = [leaked(), leaked()];
        let threads = beds.map(|bed| start(move || sleep(bed)));
        nothing_missing();
        while !look() {
            while ROUSED.swap(0, AcqRel) == 0 {
                thread::yield_now();
            }
        }
        beds.into_iter().for_each(tell);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// Who tells another waits then.
#[test]
fn one_of_two_is_awake() {
    check(2, || {
        let (one, other) = (leaked(), leaked());
        let first = start(move || {
            sleep(one);
            tell(other);
        });
        let second = start(move || {
            tell(one);
            sleep(other);
        });
        look();
        look();
        first.join().unwrap();
        second.join().unwrap();
    });
}

/// As many wait as the kernel has counted a moment before, but not the same.
#[test]
fn threads_come_and_go() {
    check(2, || {
        let (old, new) = (leaked(), leaked());
        let first = start(move || sleep(old));
        let second = start(move || {
            let third = start(move || sleep(new));
            tell(old);
            tell(new);
            third.join().unwrap();
        });
        look();
        look();
        first.join().unwrap();
        second.join().unwrap();
    });
}
