//! Locks while goroutines are pre-empted all the time, inside of what they protect and anywhere else.

mod support;

use gort::sync::{Condvar, Mutex, Pool, RwLock, Semaphore, WaitGroup};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{Child, PROCS, all, stderr};

/// Runs on the CPU for so long that somebody has it pre-empted.
fn work() {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_micros(300) {
        black_box((0..100).fold(0u64, |a, b| black_box(a + b)));
    }
}

struct Shared {
    mutex: Mutex<usize>,
    pair: RwLock<(usize, usize)>,
    semaphore: Semaphore,
    buffers: Pool<Vec<usize>>,
    turn: (Mutex<usize>, Condvar),
}

fn storm() {
    const PARTIES: usize = 8;
    const ROUNDS: usize = 12;
    let shared = Arc::new(Shared {
        mutex: Mutex::new(0),
        pair: RwLock::new((0, 0)),
        semaphore: Semaphore::new(3),
        buffers: Pool::new(Vec::new),
        turn: (Mutex::new(0), Condvar::new()),
    });
    let group = WaitGroup::new();
    for i in 0..PARTIES {
        let shared = shared.clone();
        group.go(move || {
            for round in 0..ROUNDS {
                {
                    let mut count = shared.mutex.lock();
                    let before = *count;
                    work();
                    *count = before + 1;
                }
                if (i + round) % 3 == 0 {
                    let mut pair = shared.pair.write();
                    pair.0 += 1;
                    work();
                    pair.1 += 1;
                } else {
                    let pair = shared.pair.read();
                    let before = pair.0;
                    work();
                    assert_eq!(*pair, (before, before));
                }
                let permit = shared.semaphore.permit(1 + round % 3);
                let mut buffer = shared.buffers.get();
                assert!(buffer.is_empty());
                buffer.push(round);
                work();
                assert_eq!(buffer.pop(), Some(round));
                shared.buffers.put(buffer);
                drop(permit);
            }
            // One after the other.
            let (turn, changed) = &shared.turn;
            let mut turn = turn.lock();
            changed.wait_while(&mut turn, |turn| *turn != i);
            work();
            *turn += 1;
            changed.notify_all();
        });
    }
    group.wait();
    assert_eq!(*shared.mutex.lock(), PARTIES * ROUNDS);
    assert_eq!(*shared.turn.0.lock(), PARTIES);
}

#[test]
fn locks_in_a_storm_of_preemptions() {
    for (label, procs) in ["1", "2", "4", "16"].into_iter().zip(PROCS) {
        let output = Child::new(label, || {
            gort::run(|| all(3, |_| storm()));
            println!("pre-empted {}", gort::runtime::stats().preemptions);
            assert!(gort::runtime::stats().preemptions > 10, "there was no storm");
        })
        .env("GOMAXPROCS", procs)
        .env("GORT_DEBUG", "slice=100us")
        .run();
        assert!(support::is_child() || output.status.success(), "{}", stderr(&output));
    }
}
