//! Nothing that waits allocates: operations on channels, choosing one of up to 64, locks and their kin,
//! sleeping.
//!
//! # Safety
//!
//! The allocator that counts is the system's.

#![allow(unsafe_code)]

mod support;

use gort::chan::{Receiver, Select, bounded, select};
use gort::sync::{Barrier, Condvar, Mutex, RwLock, Semaphore, WaitGroup};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;
use support::{matrix, settle};

const TURNS: usize = 50;

struct Counting;

thread_local! {
    /// The goroutine's own.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's contract, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract, passed on.
        unsafe { System.dealloc(address, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `work` allocates, on a goroutine of its own, while `others` does what `work` waits for.
fn allocations(work: impl FnOnce() + Send, others: impl FnOnce()) -> usize {
    gort::scope(|s| {
        let count = s.go(|| {
            let before = ALLOCATIONS.get();
            work();
            ALLOCATIONS.get() - before
        });
        others();
        count.join().unwrap()
    })
}

fn again(mut body: impl FnMut()) {
    for turn in 0..TURNS {
        if turn % 10 == 0 {
            settle();
        }
        body();
    }
}

#[test]
fn channels() {
    matrix(|_| {
        for capacity in [0, 1, 7] {
            let (s, r) = bounded(capacity);
            let send = || (0..TURNS).for_each(|n| s.send(n).unwrap());
            let receive = || (0..TURNS).for_each(|n| assert_eq!(r.recv(), Ok(n)));
            assert_eq!(allocations(send, || again(|| _ = r.recv())), 0);
            let mut numbers = 0..;
            assert_eq!(
                allocations(receive, || again(|| s.send(numbers.next().unwrap()).unwrap())),
                0
            );
            let timeout = || assert!(r.recv_timeout(Duration::from_micros(100)).is_err());
            assert_eq!(allocations(timeout, || ()), 0);
        }
    });
}

#[test]
fn selecting() {
    matrix(|_| {
        let [(s1, r1), (s2, r2)] = [(); 2].map(|()| bounded::<usize>(0));
        let work = || {
            for _ in 0..TURNS {
                select! {
                    recv(r1) -> value => assert!(value.is_ok()),
                    send(s2, 1) -> sent => assert!(sent.is_ok()),
                }
            }
            select! {
                recv(r1) -> _ => unreachable!(),
                default(Duration::from_micros(100)) => {}
            }
        };
        let mut turn = 0;
        let others = || {
            again(|| {
                turn += 1;
                if turn % 2 == 0 { s1.send(1).unwrap() } else { _ = r2.recv() }
            });
        };
        assert_eq!(allocations(work, others), 0);
    });
}

/// Lists are allocated when they are made; choosing from one with up to 64 operations is not.
#[test]
fn lists() {
    matrix(|_| {
        for (count, at_least) in [(64, 0), (65, TURNS)] {
            let ends: Vec<_> = (0..count).map(|_| bounded(0)).collect();
            let receivers: Vec<Receiver<usize>> = ends.iter().map(|(_, r)| r.clone()).collect();
            let mut list = Select::new();
            receivers.iter().for_each(|r| _ = list.recv(r));
            let work = || {
                for _ in 0..TURNS {
                    let chosen = list.select();
                    let index = chosen.index();
                    assert_eq!(chosen.recv(&receivers[index]), Ok(index));
                }
            };
            let mut turn = 0;
            let others = || {
                again(|| {
                    turn += 1;
                    ends[turn % count].0.send(turn % count).unwrap();
                });
            };
            let allocated = allocations(work, others);
            assert!(
                if at_least == 0 { allocated == 0 } else { allocated >= at_least },
                "{allocated}"
            );
        }
    });
}

#[test]
fn locks() {
    matrix(|_| {
        let (mutex, turned, turns) = (Mutex::new(false), Condvar::new(), RwLock::new(0));
        let (permits, barrier, group) = (Semaphore::new(1), Barrier::new(2), WaitGroup::new());
        group.add(1);
        permits.acquire(1);
        let work = || {
            for _ in 0..TURNS {
                permits.acquire(1);
                let turn = *turns.read();
                *turns.write() = turn + 1;
                *mutex.lock() = true;
                turned.notify_one();
            }
            group.wait();
            barrier.wait();
            gort::time::sleep(Duration::from_micros(100));
        };
        let others = || {
            again(|| {
                let mut guard = mutex.lock();
                permits.release(1);
                settle();
                turned.wait_while(&mut guard, |turned| !*turned);
                *guard = false;
                assert!(turns.try_read().is_none_or(|turns| *turns != 0));
            });
            group.done();
            barrier.wait();
        };
        assert_eq!(allocations(work, others), 0);
    });
}
