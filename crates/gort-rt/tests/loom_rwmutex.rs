//! The program's read-write lock: who writes is alone, who reads sees all that was written, nobody is
//! lost, and a reader that comes again does not wait for itself.
//!
//! Shown to fail: `Relaxed` for any Acquire or Release: "Causality violation". A last reader, or one that
//! moves above, that does not wake the writer, a writer that does not let the readers in: "deadlock". A
//! writer that does not wait for readers, a reader that comes again beside a writer: "Causality violation".
//! One that comes again and waits: "deadlock". `downgrade_upgradable` that lets writers in first: the value
//! is another. Who gives up when somebody is about to wake it, is still counted, or does not let in whom it
//! has kept out: "it is free" is not so, "it is locked" is not so, or "deadlock".
//!
//! # Safety
//!
//! The words are used under the lock, which is what is tested: loom complains if not.

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

use loom::cell::UnsafeCell;
use model::{Goroutine, Kind, Thread, lock, obj, sched, spawn, sync, timer};
use prim::check;
use std::sync::Arc;
use sync::RwMutex;

/// Two words that are always equal, as loom sees who is at them.
struct Shared {
    lock: RwMutex,
    words: [UnsafeCell<u32>; 2],
}

#[allow(unsafe_code)]
// SAFETY: under the lock, which is what is tested; loom complains if not.
unsafe impl Sync for Shared {}

#[allow(unsafe_code)]
impl Shared {
    fn new() -> Arc<Shared> {
        Arc::new(Shared { lock: RwMutex::new(), words: [UnsafeCell::new(0), UnsafeCell::new(0)] })
    }

    fn look(&self) -> u32 {
        // SAFETY: as above.
        let [one, other] = self.words.each_ref().map(|word| word.with(|at| unsafe { *at }));
        assert_eq!(one, other);
        one
    }

    fn add(&self) {
        for word in &self.words {
            // SAFETY: as above.
            word.with_mut(|at| unsafe { *at += 1 });
        }
    }

    fn read(&self) -> u32 {
        self.lock.rlock().unwrap();
        let value = self.look();
        self.lock.runlock();
        value
    }

    fn write(&self) {
        self.lock.lock();
        self.add();
        self.lock.unlock();
    }
}

/// What a thread does.
type Body = fn(&Shared);

/// Each of `others` on a party of its own, and `here` on this one.
fn run(others: &'static [(Kind, Body)], here: Body) -> Arc<Shared> {
    let shared = Shared::new();
    let others: Vec<_> = others
        .iter()
        .map(|(kind, body)| {
            let shared = shared.clone();
            spawn(*kind, move || body(&shared))
        })
        .collect();
    Goroutine.run(|| here(&shared));
    for other in others {
        other.join().unwrap();
    }
    assert!(shared.lock.try_lock(), "it is free, and nobody is left");
    shared
}

fn read(shared: &Shared) {
    shared.read();
}

fn write(shared: &Shared) {
    shared.write();
}

#[test]
fn a_writer_and_a_reader() {
    check(3, || {
        let shared = run(&[(Goroutine, write)], |shared| {
            read(shared);
            read(shared);
        });
        assert_eq!(shared.look(), 1);
    });
}

#[test]
fn two_writers_and_a_reader() {
    check(2, || {
        let shared = run(&[(Goroutine, write), (Thread, read)], write);
        assert_eq!(shared.look(), 2);
    });
}

#[test]
fn two_readers_and_a_writer() {
    check(2, || {
        let shared = run(&[(Goroutine, read), (Thread, read)], write);
        assert_eq!(shared.look(), 1);
    });
}

/// A reader that is one already goes on, whoever waits to write.
#[test]
fn reading_again_beside_a_writer() {
    check(3, || {
        run(&[(Goroutine, write)], |shared| {
            shared.lock.rlock().unwrap();
            let before = shared.look();
            shared.lock.rlock_recursive().unwrap();
            assert_eq!(shared.look(), before);
            shared.lock.runlock();
            assert_eq!(shared.look(), before);
            shared.lock.runlock();
        });
    });
}

/// And one that is none waits as any other.
#[test]
fn reading_recursively_for_the_first_time() {
    check(2, || {
        run(&[(Goroutine, write), (Goroutine, read)], |shared| {
            shared.lock.rlock_recursive().unwrap();
            shared.look();
            shared.lock.runlock();
        });
    });
}

#[test]
fn trying_beside_a_writer_and_a_reader() {
    check(2, || {
        run(&[(Goroutine, write), (Goroutine, read)], |shared| {
            if shared.lock.try_rlock().unwrap() {
                shared.look();
                shared.lock.runlock();
            }
            if shared.lock.try_lock() {
                shared.add();
                shared.lock.unlock();
            }
        });
    });
}

/// What the upgradable reader has read is so until it writes.
#[test]
fn upgrading_beside_a_reader_and_a_writer() {
    check(2, || {
        let shared = run(&[(Goroutine, write), (Goroutine, read)], |shared| {
            shared.lock.lock_upgradable();
            let before = shared.look();
            shared.lock.upgrade();
            assert_eq!(shared.look(), before);
            shared.add();
            shared.lock.downgrade_to_upgradable();
            assert_eq!(shared.look(), before + 1);
            shared.lock.downgrade_upgradable().unwrap();
            assert_eq!(shared.look(), before + 1);
            shared.lock.runlock();
        });
        assert_eq!(shared.look(), 2);
    });
}

/// Who goes on reading has what it has written before it.
#[test]
fn downgrading_beside_a_reader_and_a_writer() {
    check(2, || {
        let shared = run(&[(Goroutine, write), (Goroutine, read)], |shared| {
            shared.lock.lock();
            shared.add();
            let mine = shared.look();
            shared.lock.downgrade();
            assert_eq!(shared.look(), mine);
            shared.lock.runlock();
        });
        assert_eq!(shared.look(), 2);
    });
}

/// A time that comes: a goroutine's alarm rings whenever it likes, a thread's as soon as it sleeps.
fn soon() -> u64 {
    if obj::g::current().is_some() { u64::MAX } else { prim::FAR / 2 }
}

fn read_in_time(shared: &Shared) {
    if shared.lock.rlock_until(soon()).unwrap() {
        shared.look();
        shared.lock.runlock();
    }
}

fn write_in_time(shared: &Shared) {
    if shared.lock.lock_until(soon()) {
        shared.add();
        shared.lock.unlock();
    }
}

/// No wake-up is left that somebody could take for its own.
fn nothing_is_left(shared: &Arc<Shared>) {
    let try_in_time = |lock: fn(&RwMutex, u64) -> bool| {
        let shared = shared.clone();
        let other = spawn(Thread, move || lock(&shared.lock, soon()));
        assert!(!other.join().unwrap(), "it is locked");
    };
    try_in_time(|lock, until| lock.rlock_until(until).unwrap());
    shared.lock.downgrade();
    try_in_time(RwMutex::lock_until);
}

/// Who gives up leaves everything as if it had not come.
#[test]
fn a_reader_gives_up() {
    check(3, || {
        let shared = run(&[(Goroutine, read_in_time)], write);
        nothing_is_left(&shared);
    });
    check(3, || {
        run(&[(Thread, read_in_time), (Goroutine, read)], write);
    });
}

#[test]
fn a_writer_gives_up() {
    check(3, || {
        let shared = run(&[(Goroutine, write_in_time)], |shared| {
            read(shared);
            read(shared);
        });
        nothing_is_left(&shared);
    });
    check(2, || {
        let shared = run(&[(Thread, write_in_time), (Thread, read)], read);
        nothing_is_left(&shared);
    });
    check(3, || {
        run(&[(Thread, write_in_time), (Goroutine, read)], write);
    });
}

/// A writer that waits for a reader, and keeps another one out, gives up; and the next does not.
#[test]
fn a_writer_gives_up_before_another() {
    check(3, || {
        run(&[(Thread, write_in_time), (Goroutine, write)], read);
    });
    check(3, || {
        run(&[(Thread, write_in_time), (Thread, read_in_time)], read);
    });
}

#[test]
fn an_upgradable_reader_gives_up() {
    check(3, || {
        run(&[(Goroutine, read), (Thread, read)], |shared| {
            shared.lock.lock_upgradable();
            let before = shared.look();
            if shared.lock.upgrade_until(soon()) {
                shared.add();
                shared.lock.downgrade_to_upgradable();
            }
            assert!(shared.look() >= before);
            shared.lock.unlock_upgradable();
        });
    });
}
