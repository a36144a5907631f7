//! The workloads on std: a thread where others have a goroutine, as many as a machine allows.

use crate::calls::{sleep_thread, sleeps};
use crate::parked::{WAITING, WOKEN, count, parked};
use crate::{BURST, LOCKS, RIVALS, TIMES, again, number, timed, timers};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, RwLock};
use std::thread;

/// Runs a workload by name.
pub(crate) fn run(workload: &str) -> Option<f64> {
    Some(match workload {
        "burst" => again(BURST / 100, burst),
        "join" => timed(TIMES / 10, |count| {
            (0..count).for_each(|_| thread::spawn(|| {}).join().unwrap());
        }),
        "yield" => timed(5 * TIMES, yields),
        "mutex" => timed(LOCKS, rivals),
        "uncontended" => timed(LOCKS, |count| {
            let total = Mutex::new(0);
            (0..count).for_each(|_| *total.lock().unwrap() += 1);
        }),
        "rwlock" => timed(LOCKS, readers),
        "waitgroup" => timed(LOCKS / 100, groups),
        "sleep" => timers::lateness(thread::sleep),
        "idle" => {
            thread::sleep(crate::NOTHING);
            0.0
        }
        _ => {
            if let Some(total) = number(workload, "parked") {
                return Some(waiting(total));
            }
            if let Some(sleepers) = number(workload, "block") {
                return Some(sleeps(|times| blocking(sleepers, times)));
            }
            return crate::files::run_std(workload)
                .or_else(|| crate::defers::run_std(workload))
                .or_else(|| crate::echo::run_std(workload))
                .or_else(|| crate::thread_peer::run_std(workload));
        }
    })
}

fn burst(count: u64) {
    let left = &*Box::leak(Box::new((AtomicU64::new(count), thread::current())));
    for _ in 0..count {
        thread::spawn(move || {
            if left.0.fetch_sub(1, Ordering::AcqRel) == 1 {
                left.1.unpark();
            }
        });
    }
    while left.0.load(Ordering::Acquire) != 0 {
        thread::park();
    }
}

fn yields(times: u64) {
    thread::scope(|s| {
        for _ in 0..2 {
            s.spawn(|| (0..times / 2).for_each(|_| thread::yield_now()));
        }
    });
}

fn rivals(times: u64) {
    let count = Mutex::new(0);
    thread::scope(|s| {
        for _ in 0..RIVALS {
            s.spawn(|| (0..times / RIVALS).for_each(|_| *count.lock().unwrap() += 1));
        }
    });
    assert_eq!(count.into_inner().unwrap(), times / RIVALS * RIVALS);
}

/// One in ten writes.
fn readers(times: u64) {
    let count = RwLock::new(0);
    thread::scope(|s| {
        for _ in 0..RIVALS {
            s.spawn(|| {
                let mut seen = 0;
                for n in 0..times / RIVALS {
                    if n % 10 == 0 {
                        *count.write().unwrap() += 1;
                    } else {
                        seen += *count.read().unwrap();
                    }
                }
                black_box(seen);
            });
        }
    });
    assert_eq!(count.into_inner().unwrap(), (times / RIVALS).div_ceil(10) * RIVALS);
}

/// So many threads, a few at a time.
fn groups(times: u64) {
    for _ in 0..times / RIVALS {
        thread::scope(|s| (0..RIVALS).for_each(|_| drop(s.spawn(|| {}))));
    }
}

fn waiting(total: u64) -> f64 {
    type Event = Arc<(Mutex<bool>, Condvar)>;
    let spawn = |event: &Event| {
        let waits = Arc::clone(event);
        thread::spawn(move || {
            count(&WAITING);
            drop(waits.1.wait_while(waits.0.lock().unwrap(), |come| !*come).unwrap());
            count(&WOKEN);
        });
    };
    let wake = |event: &Event| {
        *event.0.lock().unwrap() = true;
        event.1.notify_one();
    };
    parked!(total, Event::default(), spawn, wake, thread::yield_now())
}

fn blocking(sleepers: u64, times: u64) {
    thread::scope(|s| {
        for _ in 0..sleepers {
            s.spawn(|| (0..times).for_each(|_| sleep_thread()));
        }
    });
}
