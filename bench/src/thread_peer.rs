//! Channels on threads: crossbeam-channel, flume and std. Threads are slow, so a tenth of the values is enough.

use crate::{VALUES, timed};

/// Runs a workload by name on crossbeam-channel.
pub(crate) fn run_crossbeam(workload: &str) -> Option<f64> {
    match workload {
        "select3" => Some(timed(VALUES / 100, crossbeam::select_of_three)),
        "buffered4x4" => Some(timed(VALUES / 10, |count| crossbeam::transfer(4, count))),
        _ => crossbeam::run(workload),
    }
}

/// Runs a workload by name on flume, whose list of operations to choose from is made anew each time,
/// so that one is left out.
pub(crate) fn run_flume(workload: &str) -> Option<f64> {
    match workload {
        "buffered4x4" => Some(timed(VALUES / 10, |count| flume::transfer(4, count))),
        _ => flume::run(workload),
    }
}

/// Runs a workload by name on std, whose channels have one receiver.
pub(crate) fn run_std(workload: &str) -> Option<f64> {
    std_channels::run(workload)
}

/// The workloads of `channels.rs` that need no `select!` and one receiver.
macro_rules! workloads {
    () => {
        use crate::{BUFFER, SIEVE, VALUES, again, timed};

        pub(super) fn run(workload: &str) -> Option<f64> {
            Some(match workload {
                "pingpong" => timed(VALUES / 30, |count| ping_pong(0, count)),
                "pingpong128" => timed(VALUES / 30, |count| ping_pong(BUFFER, count)),
                "buffered1x1" => timed(VALUES / 10, one_to_one),
                "sieve" => again(SIEVE, sieve),
                _ => return None,
            })
        }

        fn ping_pong(room: usize, times: u64) {
            let (ping, to) = bounded(room);
            let (from, pong) = bounded(room);
            std::thread::scope(|s| {
                s.spawn(move || to.iter().try_for_each(|n: u64| from.send(n)));
                for n in 0..times {
                    ping.send(n).unwrap();
                    assert_eq!(pong.recv(), Ok(n));
                }
                drop(ping);
            });
        }

        fn one_to_one(count: u64) {
            let (sender, receiver) = bounded(BUFFER);
            std::thread::scope(|s| {
                s.spawn(move || (0..count).for_each(|n| sender.send(n).unwrap()));
                receiver.iter().for_each(drop);
            });
        }

        fn sieve(count: u64) {
            let (numbers, mut from) = bounded(0);
            std::thread::spawn(move || (2..count).try_for_each(|n: u64| numbers.send(n)));
            while let Ok(prime) = from.recv() {
                let (rest, next) = bounded(0);
                std::thread::spawn(move || {
                    from.iter().filter(|n| n % prime != 0).try_for_each(|n| rest.send(n))
                });
                from = next;
            }
        }
    };
}

/// From several to several.
macro_rules! many {
    () => {
        pub(super) fn transfer(ends: u64, count: u64) {
            let (sender, receiver) = bounded(BUFFER);
            std::thread::scope(|s| {
                for _ in 0..ends {
                    let (sender, receiver) = (sender.clone(), receiver.clone());
                    s.spawn(move || (0..count / ends).for_each(|n| sender.send(n).unwrap()));
                    s.spawn(move || receiver.iter().for_each(drop));
                }
                drop((sender, receiver));
            });
        }
    };
}

mod flume {
    use flume::bounded;

    workloads!();
    many!();
}

mod std_channels {
    use std::sync::mpsc::sync_channel as bounded;

    workloads!();
}

mod crossbeam {
    use crossbeam_channel::{bounded, select};

    workloads!();
    many!();

    pub(crate) fn select_of_three(count: u64) {
        let [(s1, r1), (s2, r2), (s3, r3)] = [(); 3].map(|()| bounded(0));
        std::thread::scope(|s| {
            for sender in [&s1, &s2, &s3] {
                s.spawn(move || (0..count / 3).for_each(|n| sender.send(n).unwrap()));
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
}
