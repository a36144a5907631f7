//! Goroutines that do not yield.

use gort::runtime::stats;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// What a hog does over and over, until it is told to stop. Counts its rounds.
pub type Hog = fn(stop: &AtomicBool, rounds: &AtomicU64);

/// Goes round and round, without a call that could be a door into the runtime.
#[inline(never)]
pub fn turn(stop: &AtomicBool, rounds: &AtomicU64) {
    while !stop.load(Ordering::Relaxed) {
        for round in 0..100 {
            std::hint::black_box(round);
        }
        rounds.fetch_add(1, Ordering::Relaxed);
    }
}

/// Calls `body`, which starts hogs that nobody can interrupt and then has the goroutine wait for a P to be taken from
/// one, until that was for being a hog: one that the machine holds up just then is rescued from instead.
pub fn until_taken(body: impl Fn(&dyn Fn())) {
    let taken = || (stats().retaken_hogs, stats().rescues);
    loop {
        let before = taken();
        body(&|| {
            while taken() == before {
                gort::gosched();
            }
        });
        if taken().0 != before.0 {
            return;
        }
    }
}

/// Calls `body` with the rounds of `hogs`, each a goroutine of its own, while they run. From a goroutine.
pub fn among<R>(hogs: &[Hog], body: impl FnOnce(&[AtomicU64]) -> R) -> R {
    let stop = AtomicBool::new(false);
    let rounds: Vec<_> = hogs.iter().map(|_| AtomicU64::new(0)).collect();
    gort::scope(|s| {
        let over = Over(&stop);
        for (hog, rounds) in hogs.iter().zip(&rounds) {
            let stop = &stop;
            s.go(move || hog(stop, rounds));
        }
        let result = body(&rounds);
        drop(over);
        result
    })
}

/// Stops the hogs even if the body panics.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Others run although `run`, on a goroutine, has called the hog that it gets so often that `procs` of
/// them spin at the same time.
pub fn others_run_beside(procs: usize, run: impl FnOnce(&(dyn Fn() + Sync)) + Send) {
    let (stop, spinning) = (AtomicBool::new(false), AtomicUsize::new(0));
    let hog = || {
        spinning.fetch_add(1, Ordering::Relaxed);
        while !stop.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    };
    gort::scope(|s| {
        let _over = Over(&stop);
        s.go(|| run(&hog));
        while spinning.load(Ordering::Relaxed) < procs {
            gort::gosched();
        }
        for _ in 0..20 {
            assert_eq!(gort::go(|| 5).join().unwrap(), 5);
        }
    });
}

/// Yields until each hog has done `more` rounds from now on.
pub fn all_progress(rounds: &[AtomicU64], more: u64) {
    let before: Vec<_> = rounds.iter().map(|one| one.load(Ordering::Relaxed)).collect();
    for (one, before) in rounds.iter().zip(before) {
        while one.load(Ordering::Relaxed) < before + more {
            gort::gosched();
        }
    }
}
