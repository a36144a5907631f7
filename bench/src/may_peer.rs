//! The workloads on may. A million coroutines at once is more than its guard pages allow, so it has
//! no burst and no skynet.
//!
//! # Safety
//!
//! may's spawn is unsafe because its coroutines share their thread's thread-locals; none of these
//! use any.

#![allow(unsafe_code)]

use crate::parked::{WAITING, WOKEN, count, parked};
use crate::{LOCKS, RIVALS, TIMES, VALUES, number, procs, timed, timers};
use may::coroutine;
use may::sync::{Mutex, RwLock, SyncFlag, mpsc};
use std::sync::Arc;

/// Runs a workload by name.
pub(crate) fn run(workload: &str) -> Option<f64> {
    may::config().set_workers(procs());
    Some(match workload {
        "join" => timed(TIMES / 10, |count| on_one(move || join(count))),
        "yield" => timed(10 * TIMES, yields),
        "pingpong" => timed(VALUES / 3, |count| on_one(move || ping_pong(count))),
        "mutex" => timed(LOCKS, rivals),
        "rwlock" => timed(LOCKS / 10, readers),
        "waitgroup" => timed(LOCKS / 80, |count| on_one(move || groups(count))),
        "sleep" => on_one(|| timers::lateness(coroutine::sleep)),
        "idle" => on_one(|| {
            coroutine::sleep(crate::NOTHING);
            0.0
        }),
        _ => match number(workload, "parked") {
            Some(total) => on_one(move || waiting(total)),
            None => return crate::echo::run_may(workload),
        },
    })
}

/// Runs it on a coroutine.
fn on_one<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    // SAFETY: uses no thread-locals.
    unsafe { coroutine::spawn(work) }.join().unwrap()
}

/// To and fro, `times`. may's channels hold what they are given.
fn ping_pong(times: u64) {
    let ((ping, to), (from, pong)) = (mpsc::channel(), mpsc::channel());
    // SAFETY: uses no thread-locals.
    unsafe { coroutine::spawn(move || to.iter().try_for_each(|n: u64| from.send(n))) };
    for n in 0..times {
        ping.send(n).unwrap();
        assert_eq!(pong.recv(), Ok(n));
    }
}

fn rivals(times: u64) {
    let count = Arc::new(Mutex::new(0));
    let all: Vec<_> = (0..RIVALS)
        .map(|_| {
            let count = Arc::clone(&count);
            let work = move || (0..times / RIVALS).for_each(|_| *count.lock().unwrap() += 1);
            // SAFETY: uses no thread-locals.
            unsafe { coroutine::spawn(work) }
        })
        .collect();
    all.into_iter().for_each(|one| one.join().unwrap());
    assert_eq!(*count.lock().unwrap(), times / RIVALS * RIVALS);
}

/// One in ten writes.
fn readers(times: u64) {
    let count = Arc::new(RwLock::new(0));
    let all: Vec<_> = (0..RIVALS)
        .map(|_| {
            let count = Arc::clone(&count);
            let work = move || {
                let mut seen = 0;
                for n in 0..times / RIVALS {
                    if n % 10 == 0 {
                        *count.write().unwrap() += 1;
                    } else {
                        seen += *count.read().unwrap();
                    }
                }
                std::hint::black_box(seen);
            };
            // SAFETY: uses no thread-locals.
            unsafe { coroutine::spawn(work) }
        })
        .collect();
    all.into_iter().for_each(|one| one.join().unwrap());
    assert_eq!(*count.read().unwrap(), (times / RIVALS).div_ceil(10) * RIVALS);
}

/// So many coroutines, a few at a time.
fn groups(times: u64) {
    for _ in 0..times / RIVALS {
        // SAFETY: uses no thread-locals.
        let group = [(); RIVALS as usize].map(|()| unsafe { coroutine::spawn(|| {}) });
        group.into_iter().for_each(|one| one.join().unwrap());
    }
}

fn waiting(total: u64) -> f64 {
    let spawn = |event: &Arc<SyncFlag>| {
        let waits = Arc::clone(event);
        let work = move || {
            count(&WAITING);
            waits.wait();
            count(&WOKEN);
        };
        // SAFETY: uses no thread-locals.
        unsafe { coroutine::spawn(work) };
    };
    let wake = |event: &Arc<SyncFlag>| event.fire();
    parked!(total, Arc::new(SyncFlag::new()), spawn, wake, coroutine::yield_now())
}

fn join(times: u64) {
    for _ in 0..times {
        // SAFETY: uses no thread-locals.
        unsafe { coroutine::spawn(|| {}) }.join().unwrap();
    }
}

fn yields(times: u64) {
    let pair: Vec<_> = (0..2)
        .map(|_| {
            // SAFETY: uses no thread-locals.
            unsafe {
                coroutine::spawn(move || {
                    for _ in 0..times / 2 {
                        coroutine::yield_now();
                    }
                })
            }
        })
        .collect();
    for one in pair {
        one.join().unwrap();
    }
}
