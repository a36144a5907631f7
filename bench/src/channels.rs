//! Channel workloads on gort.

use crate::{BUFFER, SIEVE, VALUES, again, timed};
use gort::chan::{Receiver, bounded, select};

/// Runs a workload by name, on a goroutine.
pub(crate) fn run(workload: &str) -> Option<f64> {
    Some(match workload {
        "pingpong" => timed(VALUES / 3, |count| ping_pong(0, count)),
        "pingpong128" => timed(VALUES / 3, |count| ping_pong(BUFFER, count)),
        "buffered1x1" => timed(VALUES, |count| transfer(1, count)),
        "buffered4x4" => timed(VALUES, |count| transfer(4, count)),
        "select3" => timed(VALUES / 3, select_of_three),
        "sieve" => again(SIEVE, sieve),
        _ => return None,
    })
}

/// To and fro, `times`.
fn ping_pong(room: usize, times: u64) {
    let (ping, to) = bounded(room);
    let (from, pong) = bounded(room);
    gort::scope(|s| {
        s.go(move || to.iter().try_for_each(|n: u64| from.send(n)));
        for n in 0..times {
            ping.send(n).unwrap();
            assert_eq!(pong.recv(), Ok(n));
        }
        drop(ping);
    });
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

/// The primes below `count`, each of which takes its multiples out of what goes through a channel.
fn sieve(count: u64) {
    let (numbers, mut from) = bounded(0);
    gort::go(move || (2..count).try_for_each(|n| numbers.send(n)));
    while let Ok(prime) = from.recv() {
        let (rest, next): (_, Receiver<u64>) = bounded(0);
        gort::go(move || from.iter().filter(|n| n % prime != 0).try_for_each(|n| rest.send(n)));
        from = next;
    }
}
