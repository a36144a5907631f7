//! Locks while goroutines are pre-empted all the time, inside of what they protect and anywhere else.

mod support;

use gort::sync::{Condvar, Mutex, Pool, RwLock, Semaphore, WaitGroup};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::storm::storm;
use support::{Child, PROCS, all, mixed, stderr};

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

const ROUNDS: usize = 12;

impl Shared {
    fn new() -> Shared {
        Shared {
            mutex: Mutex::new(0),
            pair: RwLock::new((0, 0)),
            semaphore: Semaphore::new(3),
            buffers: Pool::new(Vec::new),
            turn: (Mutex::new(0), Condvar::new()),
        }
    }

    /// What party `i` does.
    fn use_all(&self, i: usize) {
        for round in 0..ROUNDS {
            {
                let short = Duration::from_micros(50);
                let try_first = (i + round).is_multiple_of(2);
                let got = try_first.then(|| self.mutex.try_lock_for(short)).flatten();
                let mut count = got.unwrap_or_else(|| self.mutex.lock());
                let before = *count;
                work();
                *count = before + 1;
            }
            if (i + round).is_multiple_of(3) {
                let mut pair = self.pair.write();
                pair.0 += 1;
                work();
                pair.1 += 1;
            } else {
                let pair = self.pair.read();
                let before = pair.0;
                work();
                assert_eq!(*pair, (before, before));
            }
            let permit = self.semaphore.permit(1 + round % 3);
            let mut buffer = self.buffers.get();
            assert!(buffer.is_empty());
            buffer.push(round);
            work();
            assert_eq!(buffer.pop(), Some(round));
            self.buffers.put(buffer);
            drop(permit);
        }
        // One after the other.
        let (turn, changed) = &self.turn;
        let mut turn = turn.lock();
        if i.is_multiple_of(2) {
            changed.wait_while(&mut turn, |turn| *turn != i);
        } else {
            while *turn != i {
                changed.wait_for(&mut turn, Duration::from_micros(200));
            }
        }
        work();
        *turn += 1;
        drop(turn);
        changed.notify_all();
    }

    fn was_used_by(&self, parties: usize) {
        assert_eq!(*self.mutex.lock(), parties * ROUNDS);
        assert_eq!(*self.turn.0.lock(), parties);
        assert_eq!(self.semaphore.available_permits(), 3);
    }
}

/// Goroutines of a group, on locks that are shared by handles.
fn group(parties: usize) {
    let shared = Arc::new(Shared::new());
    let group = WaitGroup::new();
    for i in 0..parties {
        let shared = shared.clone();
        group.go(move || shared.use_all(i));
    }
    group.wait();
    shared.was_used_by(parties);
}

#[test]
fn locks_and_short_slices() {
    for (label, procs) in ["1", "2", "4", "16"].into_iter().zip(PROCS) {
        let output = Child::new(label, || {
            gort::run(|| all(3, |_| group(8)));
            println!("pre-empted {}", gort::runtime::stats().preemptions);
            assert!(gort::runtime::stats().preemptions > 10, "there was no storm");
        })
        .env("GOMAXPROCS", procs)
        .env("GORT_DEBUG", "slice=100us")
        .run();
        assert!(support::is_child() || output.status.success(), "{}", stderr(&output));
    }
}

/// Signals that nobody has asked for hit goroutines and threads wherever they are.
#[test]
fn locks_in_a_storm_of_signals() {
    for procs in PROCS {
        for (goroutines, threads) in [(8, 0), (6, 3), (0, 4)] {
            let (shared, parties) = (Shared::new(), goroutines + threads);
            let _storm = storm(Some(5000));
            mixed(procs, goroutines, threads, |i| shared.use_all(i));
            shared.was_used_by(parties);
        }
    }
}
