//! Programs of many goroutines: skynet, and a prime sieve.

mod support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use support::{matrix, serial, watchdog};

/// Skynet's leaves: a million, in a debug build fewer.
const LEAVES: u64 = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };

/// The sum of `number..number + size`, by ten goroutines for a tenth each.
fn skynet(number: u64, size: u64) -> u64 {
    if size == 1 {
        return number;
    }
    let part = size / 10;
    let children: Vec<_> =
        (0..10).map(|i| gort::go(move || skynet(number + i * part, part))).collect();
    children.into_iter().map(|child| child.join().unwrap()).sum()
}

#[test]
fn skynet_adds_up() {
    matrix(|procs| {
        let before = gort::runtime::stats().spawned;
        assert_eq!(skynet(0, LEAVES), LEAVES * (LEAVES - 1) / 2, "GOMAXPROCS={procs}");
        let started = (gort::runtime::stats().spawned - before) as u64;
        // All nodes of the tree but its root.
        assert_eq!(started, (LEAVES * 10 - 10) / 9);
    });
}

/// The primes below `end`: each block of candidates is sieved by a goroutine.
fn primes(end: usize, blocks: usize) -> Vec<usize> {
    if end <= 2 {
        return Vec::new();
    }
    let root = end.isqrt() + 1;
    // Trial division's small brother gives the divisors.
    let divisors = if root < end { primes(root, 1) } else { vec![] };
    let mut composite = vec![false; end];
    gort::scope(|s| {
        for (i, block) in composite.chunks_mut(end.div_ceil(blocks)).enumerate() {
            let (first, divisors) = (i * end.div_ceil(blocks), &divisors);
            s.go(move || {
                for &divisor in divisors {
                    let multiple = (divisor * divisor).max(first.next_multiple_of(divisor));
                    for at in (multiple..first + block.len()).step_by(divisor) {
                        block[at - first] = true;
                    }
                    gort::gosched();
                }
            });
        }
    });
    (2..end).filter(|n| !composite[*n]).collect()
}

#[test]
fn a_sieve_finds_the_primes() {
    matrix(|_| {
        for blocks in [1, 3, 64] {
            let found = primes(100_000, blocks);
            assert_eq!(found.len(), 9592);
            assert_eq!((found[..5].to_vec(), found[9591]), (vec![2, 3, 5, 7, 11], 99_991));
        }
    });
}

#[test]
fn a_hundred_thousand_are_there_at_once() {
    let _one = serial();
    let _watchdog = watchdog();
    const COUNT: usize = 100_000;
    gort::runtime::gomaxprocs(Some(2));
    gort::run(|| {
        let (go_on, there) = (AtomicBool::new(false), AtomicUsize::new(0));
        let sum: usize = gort::scope(|s| {
            let (go_on, there) = (&go_on, &there);
            let all: Vec<_> = (0..COUNT)
                .map(|i| {
                    s.go(move || {
                        let own = [i; 4];
                        there.fetch_add(1, Ordering::Relaxed);
                        while !go_on.load(Ordering::Relaxed) {
                            gort::gosched();
                        }
                        own[i % 4]
                    })
                })
                .collect();
            // Each runs, on a stack of its own.
            while there.load(Ordering::Relaxed) < COUNT {
                gort::gosched();
            }
            assert!(gort::runtime::num_goroutine() > COUNT);
            go_on.store(true, Ordering::Relaxed);
            all.into_iter().map(|one| one.join().unwrap()).sum()
        });
        assert_eq!(sum, COUNT * (COUNT - 1) / 2);
    });
}
