//! What goroutines used is used again: no memory grows, however many come and go.

mod support;

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use support::{all, matrix, resident, serial, watchdog};

/// How much less a debug build does.
const SCALE: usize = if cfg!(debug_assertions) { 5 } else { 1 };

/// What a run may add to resident memory: caches that the runtime, malloc and std fill over time.
const SLACK: usize = 16 << 20;

/// Runs `cycles` four times as often as for warming up, and compares.
fn stays_flat(what: &str, cycles: usize, run: impl Fn(usize)) {
    run(cycles / 4);
    let before = resident();
    run(cycles);
    let after = resident();
    assert!(after <= before + SLACK, "{what}: resident memory grows from {before} to {after}");
}

#[test]
fn ten_million_cycles() {
    let _one = serial();
    let _watchdog = watchdog();
    gort::runtime::gomaxprocs(Some(2));
    gort::run(|| {
        stays_flat("one after the other", 4_000_000 / SCALE, |cycles| {
            for i in 0..cycles {
                assert_eq!(gort::go(move || i).join().unwrap(), i);
            }
        });
        stays_flat("a thousand at a time", 4_000_000 / SCALE, |cycles| {
            for _ in 0..cycles / 1000 {
                let handles: Vec<_> = (0..1000).map(|i| gort::go(move || i)).collect();
                let sum: usize = handles.into_iter().map(|handle| handle.join().unwrap()).sum();
                assert_eq!(sum, 499_500);
            }
        });
        stays_flat("detached", 2_000_000 / SCALE, |cycles| {
            static OVER: AtomicUsize = AtomicUsize::new(0);
            let before = OVER.load(Ordering::Relaxed);
            for i in 0..cycles {
                drop(gort::go(|| OVER.fetch_add(1, Ordering::Relaxed)));
                if i % 100 == 0 {
                    gort::gosched();
                }
            }
            while OVER.load(Ordering::Relaxed) < before + cycles {
                gort::gosched();
            }
        });
    });
}

#[test]
fn goroutines_that_use_memory_and_thread_locals() {
    thread_local! { static OWN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) }; }
    matrix(|procs| {
        stays_flat(&format!("GOMAXPROCS={procs}"), 60_000 / SCALE, |cycles| {
            for _ in 0..cycles / 100 {
                all(100, |i| {
                    OWN.with_borrow_mut(|v| v.extend((0..10).map(|n| format!("{i} {n}"))));
                    gort::gosched();
                    // Freed elsewhere than it was allocated, at times.
                    OWN.with_borrow_mut(|v| v.truncate(5));
                });
            }
        });
    });
}

#[inline(never)]
fn touch_stack(n: usize) -> usize {
    let mut array = [0u8; 120 << 10];
    black_box(&mut array).fill(n as u8);
    usize::from(array[n % 1000])
}

#[test]
fn deep_stacks_are_given_back() {
    let _one = serial();
    let _watchdog = watchdog();
    gort::runtime::gomaxprocs(Some(4));
    gort::run(|| {
        let before = resident();
        for _ in 0..3 {
            // All there at the same time: 1,000 times 120 KiB.
            let there = AtomicUsize::new(0);
            all(1000, |n| {
                assert_eq!(touch_stack(n), n % 256);
                there.fetch_add(1, Ordering::Relaxed);
                while there.load(Ordering::Relaxed) < 1000 {
                    gort::gosched();
                }
            });
        }
        let after = resident();
        // What the Ps keep warm is bounded: 64 each.
        let kept = 4 * 64 * (130 << 10);
        assert!(after < before + kept + SLACK, "resident memory grows from {before} to {after}");
    });
}

#[test]
fn stacks_of_other_sizes_are_reused() {
    matrix(|procs| {
        stays_flat(&format!("GOMAXPROCS={procs}"), 4_000 / SCALE, |cycles| {
            for i in 0..cycles {
                let size = [16 << 10, 1 << 20, 8 << 20][i % 3];
                let sized = gort::Builder::new().stack_size(size).name(format!("{i}"));
                let handle = sized.spawn(move || (touch_small(i), gort::gosched()).0).unwrap();
                assert_eq!(handle.name(), Some(&*format!("{i}")));
                assert_eq!(handle.join().unwrap(), i as u8);
            }
        });
    });
}

#[inline(never)]
fn touch_small(n: usize) -> u8 {
    black_box([n as u8; 10 << 10])[77]
}

#[test]
fn gomaxprocs_changes_under_load() {
    let _one = serial();
    let _watchdog = watchdog();
    let stop = AtomicBool::new(false);
    let (rounds, sum) = (AtomicUsize::new(0), AtomicUsize::new(0));
    gort::run(|| {
        gort::scope(|s| {
            for _ in 0..20 {
                s.go(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let inner = gort::go(|| {
                            gort::gosched();
                            1
                        });
                        gort::gosched();
                        sum.fetch_add(inner.join().unwrap(), Ordering::Relaxed);
                        rounds.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            let mut last = gort::runtime::gomaxprocs(None);
            for i in 0..300 {
                let next = [1, 7, 2, 16, 3, 1, 64, 4][i % 8];
                assert_eq!(gort::runtime::gomaxprocs(Some(next)), last);
                assert_eq!(gort::runtime::gomaxprocs(None), next);
                last = next;
                for _ in 0..5 {
                    gort::gosched();
                }
            }
            // Several at once, from goroutines and from threads.
            std::thread::scope(|threads| {
                let threads: Vec<_> = (0..3)
                    .map(|i| {
                        threads.spawn(move || {
                            for n in 1..20 {
                                gort::runtime::gomaxprocs(Some(n + i));
                            }
                        })
                    })
                    .collect();
                while !threads.iter().all(|thread| thread.is_finished()) {
                    gort::runtime::gomaxprocs(Some(2));
                    gort::gosched();
                }
            });
            stop.store(true, Ordering::Relaxed);
        });
    });
    assert_eq!(sum.into_inner(), rounds.into_inner());
    gort::runtime::gomaxprocs(Some(5));
    assert_eq!(gort::runtime::stats().procs, 5);
    // Whoever was joined may be on its way out still, without a P.
    while gort::runtime::num_goroutine() != 0 {
        std::thread::yield_now();
    }
}

#[test]
fn goroutines_that_start_goroutines() {
    fn chain(depth: usize) -> usize {
        if depth == 0 { 0 } else { gort::go(move || chain(depth - 1) + 1).join().unwrap() }
    }
    matrix(|procs| {
        stays_flat(&format!("GOMAXPROCS={procs}"), 40, |cycles| {
            for _ in 0..cycles {
                assert_eq!(chain(1000 / SCALE), 1000 / SCALE);
            }
        });
    });
}

#[test]
fn threads_that_end_with_their_goroutines() {
    let _one = serial();
    let _watchdog = watchdog();
    gort::runtime::gomaxprocs(Some(2));
    gort::run(|| {
        let cycle = |count| {
            for _ in 0..count {
                gort::go(|| std::mem::forget(gort::lock_os_thread())).join().unwrap();
            }
        };
        cycle(2000);
        let before = resident();
        cycle(40_000 / SCALE);
        let after = resident();
        // The structure of a thread is more than 500 bytes.
        let allowed = before + 40_000 / SCALE * 50 + (1 << 20);
        assert!(after <= allowed, "resident memory grows from {before} to {after}");
    });
}
