//! Goroutines and ordinary threads at the same channels, in any mix, and under preemption.

mod support;

use gort::chan::{Receiver, Select, Sender, bounded, select, unbounded};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use support::{Child, matrix, moving, serial, watchdog};

/// Runs `body` on a goroutine or on a thread, and gives what it returns to `join`.
fn party<T: Send + 'static>(
    thread: bool,
    body: impl FnOnce() -> T + Send + 'static,
) -> Box<dyn FnOnce() -> T> {
    if thread {
        let handle = std::thread::spawn(body);
        Box::new(|| handle.join().unwrap())
    } else {
        let handle = gort::go(body);
        Box::new(|| handle.join().unwrap())
    }
}

/// `count` values from each of four senders to four receivers, every other a thread.
fn transfer(capacity: Option<usize>, count: u64) {
    let (s, r) = capacity.map_or_else(unbounded, bounded);
    let senders: Vec<_> = (0..4)
        .map(|i| {
            let s: Sender<u64> = s.clone();
            party(i % 2 == 0, move || (0..count).for_each(|n| s.send(i * count + n).unwrap()))
        })
        .collect();
    let receivers: Vec<_> = (0..4)
        .map(|i| {
            let r: Receiver<u64> = r.clone();
            party(i % 2 == 0, move || r.iter().collect::<Vec<_>>())
        })
        .collect();
    drop((s, r));
    senders.into_iter().for_each(|join| join());
    let mut all = Vec::new();
    for join in receivers {
        let got = join();
        // Of each sender's values, every receiver has seen its own in order.
        for i in 0..4 {
            assert!(got.iter().filter(|n| *n / count == i).is_sorted());
        }
        all.extend(got);
    }
    all.sort_unstable();
    assert!(all.into_iter().eq(0..4 * count));
}

#[test]
fn everything_arrives_once() {
    moving(|_| {
        for capacity in [Some(0), Some(1), Some(3), Some(128), None] {
            transfer(capacity, 300);
        }
    });
}

#[test]
fn to_and_fro() {
    matrix(|_| {
        for kinds in [(false, true), (true, false), (true, true)] {
            let (s1, r1) = bounded(0);
            let (s2, r2) = bounded(0);
            let one = party(kinds.0, move || r1.iter().try_for_each(|n: u32| s2.send(n + 1)));
            let other = party(kinds.1, move || {
                for n in 0..300 {
                    s1.send(n).unwrap();
                    assert_eq!(r2.recv(), Ok(n + 1));
                }
            });
            other();
            one().unwrap();
        }
    });
}

/// Everybody selects, sends and receives.
#[test]
fn selecting() {
    moving(|_| {
        for capacity in [0, 2] {
            let (s1, r1) = bounded(capacity);
            let (s2, r2) = bounded(capacity);
            let (done, ends) = unbounded();
            let parties: Vec<_> = (0..6)
                .map(|i| {
                    let (s1, r1, s2, r2) = (s1.clone(), r1.clone(), s2.clone(), r2.clone());
                    let (done, ends): (Sender<()>, Receiver<()>) = (done.clone(), ends.clone());
                    party(i % 3 == 0, move || {
                        let (mut to_send, mut sum, mut over) = (200i64, 0i64, false);
                        loop {
                            if to_send == 0 && !over {
                                over = true;
                                done.send(()).unwrap();
                            }
                            if to_send == 0 {
                                select! {
                                    recv(r1) -> n => match n { Ok(n) => sum += n, Err(_) => break },
                                    recv(r2) -> n => match n { Ok(n) => sum += n, Err(_) => break },
                                }
                            } else {
                                select! {
                                    send(s1, 1) -> sent => { sent.unwrap(); to_send -= 1; sum -= 1; }
                                    recv(r2) -> n => sum += n.unwrap(),
                                    send(s2, 1) -> sent => { sent.unwrap(); to_send -= 1; sum -= 1; }
                                    recv(r1) -> n => sum += n.unwrap(),
                                }
                            }
                        }
                        drop(ends);
                        sum
                    })
                })
                .collect();
            (0..6).for_each(|_| ends.recv().unwrap());
            // All is sent; what is still in the buffers is received before the end is seen, by somebody.
            while s1.len() + s2.len() > 0 {
                gort::gosched();
            }
            s1.close();
            s2.close();
            let left: i64 = r1.iter().chain(r2.iter()).sum();
            assert_eq!(parties.into_iter().map(|join| join()).sum::<i64>() + left, 0);
        }
    });
}

/// Lists made at run time, on threads.
#[test]
fn lists_on_threads() {
    matrix(|_| {
        let ends: Vec<_> = (0..10).map(|i| bounded(i % 2)).collect();
        let from: Vec<Receiver<usize>> = ends.iter().map(|(_, r)| r.clone()).collect();
        let reader = std::thread::spawn(move || {
            let mut list = Select::new();
            from.iter().for_each(|r| _ = list.recv(r));
            let mut sum = 0;
            for _ in 0..1000 {
                let chosen = list.select();
                let index = chosen.index();
                sum += chosen.recv(&from[index]).unwrap();
            }
            sum
        });
        for n in 0..1000 {
            ends[n % 10].0.send(n).unwrap();
        }
        assert_eq!(reader.join().unwrap(), 1000 * 999 / 2);
    });
}

/// Threads without any goroutine.
#[test]
fn threads_among_themselves() {
    let _one = serial();
    let _watchdog = watchdog();
    let (s, r) = bounded(3);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (s, r) = (s.clone(), r.clone());
            scope.spawn(move || (0..2000).for_each(|n| s.send(n).unwrap()));
            scope.spawn(move || (0..2000).for_each(|_| _ = r.recv().unwrap()));
        }
    });
    assert!(r.is_empty());
}

/// As many interruptions as there can be, among hogs that never come to a door.
#[test]
fn in_a_storm() {
    for procs in support::PROCS {
        let label = ["p1", "p2", "p4", "p16"][procs.ilog2().min(3) as usize];
        let output = Child::new(label, || {
            static STOP: AtomicBool = AtomicBool::new(false);
            let hogs: Vec<_> = (0..3)
                .map(|_| {
                    gort::go(|| {
                        while !STOP.load(Relaxed) {
                            std::hint::spin_loop();
                        }
                    })
                })
                .collect();
            gort::run(|| {
                for capacity in [Some(0), Some(7), None] {
                    transfer(capacity, 100);
                }
            });
            STOP.store(true, Relaxed);
            hogs.into_iter().for_each(|hog| hog.join().unwrap());
        })
        .env("GOMAXPROCS", procs)
        .env("GORT_DEBUG", "slice=100us")
        .run();
        assert!(output.status.success(), "{}", support::stderr(&output));
    }
}
