//! The table of waiters: many addresses in one of its parts, many at one address, woken in any order.

mod support;

use gort::syscall::raw;
use gort::syscall::types::Timespec;
use gort_rt::sync::{Place, Wait, park_at, wake_at};
use gort_rt::{WaitReason, pinned};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use support::{PROCS, mixed, on_one_p};

fn wait(address: usize, arg: usize) -> Wait {
    Wait { address, place: Place::Back, arg, reason: WaitReason::Park }
}

/// A small generator of numbers that look random.
fn random(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state as usize
}

/// Each waits at one of `addresses`, `depth` at each; the last party wakes them one by one.
fn each_is_woken_once(procs: usize, addresses: &[usize], depth: usize, threads: usize) {
    let count = addresses.len() * depth;
    let (waiting, woken) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let entered: Vec<_> = addresses.iter().map(|_| AtomicUsize::new(0)).collect();
    mixed(procs, count + 1 - threads, threads, |i| {
        if i < count {
            let at = i % addresses.len();
            // Its turn at the address; known only when it has entered.
            let turn = AtomicUsize::new(usize::MAX);
            let enter = || {
                turn.store(entered[at].fetch_add(1, Relaxed), Relaxed);
                true
            };
            park_at(wait(addresses[at], i), enter, || {
                waiting.fetch_add(1, Relaxed);
            });
            woken.fetch_add(1, Relaxed);
            return;
        }
        while waiting.load(Relaxed) < count {
            gort::gosched();
        }
        let mut left: Vec<_> = addresses.iter().map(|address| (*address, depth)).collect();
        let (mut seed, mut taken) = (0x9e37_79b9 + procs as u64, vec![false; count]);
        while !left.is_empty() {
            let pick = random(&mut seed) % left.len();
            let (address, rest) = &mut left[pick];
            let mut who = None;
            // The second is looked at, and stays.
            let take = |arg| who.is_none() && who.replace(arg).is_none();
            let woken = wake_at(*address, take, |count, left| {
                assert_eq!((count, left), (1, *rest > 1), "who else is there");
            });
            assert_eq!(woken, 1);
            let who = who.expect("somebody was taken");
            assert_eq!(addresses[who % addresses.len()], *address, "somebody else's waiter");
            assert!(!std::mem::replace(&mut taken[who], true), "taken twice");
            *rest -= 1;
            if *rest == 0 {
                assert_eq!(wake_at(*address, |_| true, |_, left| assert!(!left)), 0);
                left.swap_remove(pick);
            }
        }
        assert!(taken.iter().all(|taken| *taken));
    });
    assert_eq!(woken.into_inner(), count);
}

/// As the table does it: addresses that share one of its 251 parts.
fn in_one_part(count: usize) -> Vec<usize> {
    let part = |address: &usize| address.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 251 == 7;
    (0x1000..).step_by(8).filter(part).take(count).collect()
}

#[test]
fn a_thousand_addresses_in_one_part() {
    for procs in PROCS {
        each_is_woken_once(procs, &in_one_part(1000), 1, 0);
    }
}

#[test]
fn several_at_each_of_many_addresses() {
    for procs in PROCS {
        each_is_woken_once(procs, &in_one_part(100), 5, 0);
    }
}

#[test]
fn threads_among_them() {
    for procs in PROCS {
        each_is_woken_once(procs, &in_one_part(10), 3, 10);
    }
}

/// A thread that sleeps behind the runtime's back has its P taken. Its goroutine may come here before it
/// has another.
#[test]
fn who_has_no_p_and_nothing_to_wait_for_goes_on() {
    on_one_p(|| {
        for _ in 0..5 {
            let queued = gort::go(|| ());
            while pinned(|p| p).is_some() {
                let _ = raw::nanosleep(&Timespec { sec: 0, nsec: 1_000_000 }, None);
            }
            assert!(!park_at(wait(1, 0), || false, || ()));
            queued.join().unwrap();
        }
    });
}
