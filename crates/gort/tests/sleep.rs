//! Sleeping goroutines wake when their time has come, and not before.

mod support;

use std::sync::Mutex;
use std::time::{Duration, Instant};
use support::{all, matrix};

#[test]
fn sleeps_no_shorter_than_asked() {
    matrix(|_| {
        all(50, |i| {
            for round in 0..20 {
                let span = Duration::from_micros((i * 37 + round * 101) as u64 % 3000);
                let start = Instant::now();
                gort::time::sleep(span);
                assert!(start.elapsed() >= span);
            }
        });
    });
}

/// Unless the machine is so busy that one falls asleep when another's time has come: then once more.
#[test]
fn wakes_in_the_order_of_the_deadlines() {
    matrix(|_| {
        loop {
            let woken = Mutex::new(Vec::new());
            all(20, |i| {
                gort::time::sleep(Duration::from_millis(5 * (20 - i as u64)));
                woken.lock().unwrap().push(i);
            });
            if woken.into_inner().unwrap().is_sorted_by(|a, b| a > b) {
                break;
            }
        }
    });
}
