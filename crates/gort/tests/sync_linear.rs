//! What each sees of a mutex could have happened in some order of single steps.
//!
//! Goroutines and threads lock, try and unlock, and note when each operation began and ended by one
//! counter. Then an order is looked for in which every operation lies between its begin and its end,
//! and in which a plain sequential lock gives the same answers.

mod support;

use gort::sync::Mutex;
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use support::storm::storm;
use support::{PROCS, mixed};

/// So long that whoever waits is sometimes woken in time.
const SHORT: Duration = Duration::from_micros(20);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    /// Returned with the lock. The value was this; it is one more afterwards.
    Lock(usize),
    /// Whether it got it, at once or soon, and the value as above. If not, it was locked.
    Try(Option<usize>),
    Unlock,
}

#[derive(Clone, Copy, Debug)]
struct Event {
    op: Op,
    begun: usize,
    ended: usize,
}

/// Whether the events can be put into an order.
fn is_linear(history: &[Event]) -> bool {
    fn search(
        history: &[Event],
        done: u64,
        locked: bool,
        value: usize,
        seen: &mut HashSet<u64>,
    ) -> bool {
        if done.count_ones() as usize == history.len() {
            return true;
        }
        // The same operations leave the same state, whatever their order was.
        if !seen.insert(done) {
            return false;
        }
        let left = || (0..history.len()).filter(|i| done & 1 << i == 0);
        let first_end = left().map(|i| history[i].ended).min().unwrap_or(usize::MAX);
        left().any(|i| {
            // Nothing that is left may have ended before this began.
            let (locked, value) = match history[i].op {
                _ if history[i].begun > first_end => return false,
                Op::Lock(was) | Op::Try(Some(was)) if !locked && was == value => (true, value + 1),
                Op::Try(None) if locked => (true, value),
                Op::Unlock if locked => (false, value),
                _ => return false,
            };
            search(history, done | 1 << i, locked, value, seen)
        })
    }
    search(history, 0, false, 0, &mut HashSet::new())
}

/// What a few parties see that each do a few things.
fn record(procs: usize, goroutines: usize, threads: usize, seed: usize) -> Vec<Event> {
    let (lock, clock) = (Mutex::new(0), AtomicUsize::new(0));
    let history = std::sync::Mutex::new(Vec::new());
    let timed = |op: &mut dyn FnMut() -> Op| {
        let begun = clock.fetch_add(1, SeqCst);
        let op = op();
        Event { op, begun, ended: clock.fetch_add(1, SeqCst) }
    };
    mixed(procs, goroutines, threads, |i| {
        let mut own = Vec::new();
        for round in 0..3 {
            let mut guard = None;
            own.push(timed(&mut || {
                let kind = (i + round + seed) % 4;
                guard = match kind {
                    0 => lock.try_lock(),
                    1 => lock.try_lock_for(SHORT),
                    _ => Some(lock.lock()),
                };
                let was = guard.as_deref_mut().map(|value| std::mem::replace(value, *value + 1));
                match was {
                    Some(was) if kind > 1 => Op::Lock(was),
                    was => Op::Try(was),
                }
            }));
            if guard.is_some() {
                if (i + seed).is_multiple_of(2) {
                    gort::gosched();
                }
                own.push(timed(&mut || {
                    guard = None;
                    Op::Unlock
                }));
            }
        }
        history.lock().unwrap().extend(own);
    });
    history.into_inner().unwrap()
}

fn all_are_linear(seeds: usize) {
    for procs in PROCS {
        for seed in 0..seeds {
            let (goroutines, threads) = [(4, 0), (3, 1), (8, 0), (2, 2)][seed % 4];
            let history = record(procs, goroutines, threads, seed);
            assert!(is_linear(&history), "{history:#?}");
        }
    }
}

#[test]
fn histories_are_linear() {
    all_are_linear(150);
}

#[test]
fn histories_are_linear_in_a_storm() {
    let _storm = storm(Some(5000));
    all_are_linear(50);
}

/// The search itself says no where it should.
#[test]
fn histories_that_cannot_be_are_found() {
    let event = |op, begun, ended| Event { op, begun, ended };
    let two_at_once = [event(Op::Lock(0), 0, 1), event(Op::Lock(1), 2, 3), event(Op::Unlock, 4, 5)];
    let lost = [
        event(Op::Lock(0), 0, 1),
        event(Op::Unlock, 2, 3),
        event(Op::Lock(0), 4, 5),
        event(Op::Unlock, 6, 7),
    ];
    let refused_for_nothing = [event(Op::Try(None), 0, 1), event(Op::Lock(0), 2, 3)];
    for history in [&two_at_once[..], &lost, &refused_for_nothing] {
        assert!(!is_linear(history), "{history:?}");
    }
    // Overlapping, the same may be.
    let refused = [event(Op::Try(None), 0, 3), event(Op::Lock(0), 1, 2), event(Op::Unlock, 4, 5)];
    assert!(is_linear(&refused));
}
