//! Channels on threads: crossbeam-channel and flume.

use crate::{BUFFER, VALUES, measure};

/// Runs a workload by name on crossbeam-channel.
pub(crate) fn run_crossbeam(workload: &str) -> Option<f64> {
    if workload == "select3" {
        return Some(measure(VALUES / 30, || crossbeam::select_of_three(VALUES / 30)));
    }
    crossbeam::run(workload)
}

/// Runs a workload by name on flume, whose list of operations to choose from is made anew each time,
/// so that one is left out.
pub(crate) fn run_flume(workload: &str) -> Option<f64> {
    flume::run(workload)
}

/// The workloads of `channels.rs` that need no `select!`. Threads are slow, so a tenth of the values
/// is enough.
macro_rules! workloads {
    () => {
        use super::{BUFFER, VALUES, measure};

        pub(crate) fn run(workload: &str) -> Option<f64> {
            Some(match workload {
                "pingpong" => measure(VALUES / 30, || ping_pong(VALUES / 30)),
                "buffered1x1" => measure(VALUES / 10, || transfer(1, VALUES / 10)),
                "buffered4x4" => measure(VALUES / 10, || transfer(4, VALUES / 10)),
                _ => return None,
            })
        }

        fn ping_pong(times: u64) {
            let (ping, to) = bounded(0);
            let (from, pong) = bounded(0);
            std::thread::scope(|s| {
                s.spawn(move || to.iter().try_for_each(|n: u64| from.send(n)));
                for n in 0..times {
                    ping.send(n).unwrap();
                    assert_eq!(pong.recv(), Ok(n));
                }
                drop(ping);
            });
        }

        fn transfer(ends: u64, count: u64) {
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
}

mod crossbeam {
    use crossbeam_channel::{bounded, select};

    workloads!();

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
