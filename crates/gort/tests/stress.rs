//! Trees of goroutines that start, yield, move and join, in every combination.

mod support;

use std::collections::HashSet;
use std::thread;
use support::{PROCS, serial, watchdog};

/// What a node of the tree does.
#[derive(Clone, Copy)]
struct Plan {
    fan: u64,
    yields: usize,
    scoped: bool,
}

/// A node's value: its own and its children's, mixed so that each counts once and in its place.
fn node(plan: Plan, depth: u32, seed: u64) -> u64 {
    let mut own = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(depth);
    for _ in 0..plan.yields {
        let held = std::hint::black_box([own; 8]);
        gort::gosched();
        own =
            own.rotate_left(5) ^ held.iter().fold(1u64, |a, b| a.wrapping_mul(31).wrapping_add(*b));
    }
    if depth == 0 {
        return own;
    }
    let mix = |values: Vec<u64>| values.iter().fold(own, |a, b| a.rotate_left(7).wrapping_add(*b));
    let child = move |i: u64| node(plan, depth - 1, seed * plan.fan + i);
    if plan.scoped {
        gort::scope(|s| {
            let children: Vec<_> = (0..plan.fan).map(|i| s.go(move || child(i))).collect();
            mix(children.into_iter().map(|one| one.join().unwrap()).collect())
        })
    } else {
        let children: Vec<_> = (0..plan.fan).map(|i| gort::go(move || child(i))).collect();
        // The last first: joins of what is over, and of what has not begun.
        let mut values: Vec<_> = children.into_iter().rev().map(|c| c.join().unwrap()).collect();
        values.reverse();
        mix(values)
    }
}

#[test]
fn trees_add_up_under_every_combination() {
    let _one = serial();
    let _watchdog = watchdog();
    for (fan, depth) in [(1, 40), (2, 7), (8, 3), (100, 1)] {
        for yields in [0, 1, 10] {
            let mut results = HashSet::new();
            for (i, procs) in PROCS.into_iter().enumerate() {
                gort::runtime::gomaxprocs(Some(procs));
                for scoped in [false, true] {
                    let migration = (i % 2 == 0).then(support::Migration::start);
                    let plan = Plan { fan, yields, scoped };
                    results.insert(gort::run(|| node(plan, depth, 1)));
                    // Two trees at a time.
                    gort::run(|| {
                        let other = gort::go(move || node(plan, depth, 1));
                        results.insert(node(plan, depth, 1));
                        results.insert(other.join().unwrap());
                    });
                    drop(migration);
                }
            }
            assert_eq!(results.len(), 1, "fan {fan}, depth {depth}, yields {yields}");
        }
    }
    while gort::runtime::num_goroutine() != 0 {
        thread::yield_now();
    }
}
