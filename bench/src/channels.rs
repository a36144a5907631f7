//! Channel workloads on gort.

use crate::{BUFFER, VALUES, measure};
use gort::chan::{bounded, select};

/// Runs a workload by name, on a goroutine.
pub(crate) fn run(workload: &str) -> Option<f64> {
    Some(match workload {
        "pingpong" => {
            ping_pong(VALUES / 30);
            measure(VALUES / 3, || ping_pong(VALUES / 3))
        }
        "buffered1x1" => buffered(1),
        "buffered4x4" => buffered(4),
        "select3" => {
            select_of_three(VALUES / 30);
            measure(VALUES / 3, || select_of_three(VALUES / 3))
        }
        _ => return None,
    })
}

/// To and fro, `times`.
fn ping_pong(times: u64) {
    let (ping, to) = bounded(0);
    let (from, pong) = bounded(0);
    gort::scope(|s| {
        s.go(move || to.iter().try_for_each(|n: u64| from.send(n)));
        for n in 0..times {
            ping.send(n).unwrap();
            assert_eq!(pong.recv(), Ok(n));
        }
        drop(ping);
    });
}

fn buffered(ends: u64) -> f64 {
    transfer(ends, VALUES / 10);
    measure(VALUES, || transfer(ends, VALUES))
}

/// `count` values from as many senders to as many receivers.
fn transfer(ends: u64, count: u64) {
    let (sender, receiver) = bounded(BUFFER);
    gort::scope(|s| {
        for _ in 0..ends {
            let (sender, receiver) = (sender.clone(), receiver.clone());
            s.go(move || (0..count / ends).for_each(|n| sender.send(n).unwrap()));
            s.go(move || receiver.iter().for_each(drop));
        }
        drop((sender, receiver));
    });
}

/// `count` values from three senders through a channel each to one who selects.
fn select_of_three(count: u64) {
    let [(s1, r1), (s2, r2), (s3, r3)] = [(); 3].map(|()| bounded(0));
    gort::scope(|s| {
        for sender in [&s1, &s2, &s3] {
            s.go(move || (0..count / 3).for_each(|n| sender.send(n).unwrap()));
        }
        for _ in 0..count / 3 * 3 {
            let value = select! {
                recv(r1) -> value => value,
                recv(r2) -> value => value,
                recv(r3) -> value => value,
            };
            value.unwrap();
        }
    });
}
