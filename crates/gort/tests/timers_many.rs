//! Very many timers, timers nobody refers to any more, and timers while everything around them changes.

mod support;

use gort::chan::{Receiver, after, bounded};
use gort::time::{Timer, sleep};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::hogs::{self, turn};
use support::storm::{storm, threads};
use support::{Child, PROCS, all, matrix, resident, serial, stderr, watchdog};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// All fire, none before its time.
#[test]
fn a_million() {
    let _one = serial();
    let _watchdog = watchdog();
    let count = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
    for procs in [1, 4] {
        gort::runtime::gomaxprocs(Some(procs));
        gort::run(|| {
            let set: Vec<(Instant, Receiver<Instant>)> = (0..count)
                .map(|i| {
                    let span = Duration::from_micros(i * 7919 % 300_000);
                    (Instant::now() + span, after(span))
                })
                .collect();
            for (due, timer) in set {
                assert!(timer.recv().unwrap() >= due);
                assert!(Instant::now() >= due);
            }
        });
    }
}

/// A timer that nobody refers to is freed, long before it would have fired.
#[test]
fn unreferenced_ones_are_freed() {
    matrix(|_| {
        let round = || (0..20_000).for_each(|_| drop(after(HOUR)));
        round();
        let before = resident();
        for _ in 0..10 {
            round();
        }
        let more = resident().saturating_sub(before);
        // If they were kept: 200,000 of at least 64 bytes, and their channels.
        assert!(more < 8 << 20, "{more} bytes more");
    });
}

/// The Ps on which they were set go away.
#[test]
fn set_on_ps_that_go_away() {
    let _one = serial();
    let _watchdog = watchdog();
    gort::run(|| {
        for round in 0..20u64 {
            gort::runtime::gomaxprocs(Some(16));
            let (fired, fires) = bounded(1000);
            all(10, |i| {
                for n in 0..100 {
                    let fired = fired.clone();
                    let span = Duration::from_micros((i as u64 * 31 + n * 53 + round) % 5000);
                    Timer::after_func(span, move || fired.send(()).unwrap());
                }
            });
            gort::runtime::gomaxprocs(Some(1 + round as usize % 3));
            for _ in 0..1000 {
                fires.recv().unwrap();
            }
        }
    });
}

/// While GOMAXPROCS changes all the time, and everything is pre-empted.
#[test]
fn while_the_world_stops_and_starts() {
    let _one = serial();
    let _watchdog = watchdog();
    gort::run(|| ());
    let storm = storm(Some(2000));
    gort::run(|| {
        let left = AtomicUsize::new(8);
        gort::scope(|s| {
            for i in 0..8 {
                let left = &left;
                s.go(move || {
                    let timer = Timer::new(HOUR);
                    for round in 0..100 {
                        let span = Duration::from_micros((i * 97 + round * 131) % 2000);
                        let begin = Instant::now();
                        timer.reset(span);
                        assert!(timer.chan().recv().unwrap() >= begin + span);
                        sleep(span / 4);
                    }
                    left.fetch_sub(1, Ordering::Relaxed);
                });
            }
            s.go(|| {
                for procs in PROCS.into_iter().cycle() {
                    gort::runtime::gomaxprocs(Some(procs));
                    sleep(MS);
                    if left.load(Ordering::Relaxed) == 0 {
                        break;
                    }
                }
            });
        });
    });
    drop(storm);
}

/// Nobody looks for work by himself: all Ps have hogs.
#[test]
fn among_hogs() {
    matrix(|procs| {
        hogs::among(&vec![turn as hogs::Hog; 2 * procs.min(4)], |_| {
            for _ in 0..5 {
                let begin = Instant::now();
                sleep(MS);
                assert!(begin.elapsed() >= MS);
                after(MS).recv().unwrap();
            }
        });
    });
}

/// Set by ordinary threads, while no goroutine is there and no P in use.
#[test]
fn set_by_threads() {
    let _one = serial();
    let _watchdog = watchdog();
    for procs in PROCS {
        gort::runtime::gomaxprocs(Some(procs));
        std::thread::scope(|s| {
            for i in 0..4 {
                s.spawn(move || {
                    for round in 0..20 {
                        let span = Duration::from_micros((i * 311 + round * 173) % 3000);
                        let begin = Instant::now();
                        assert!(after(span).recv().unwrap() >= begin + span);
                        let (sender, receiver) = bounded(1);
                        Timer::after_func(span, move || sender.send(()).unwrap());
                        receiver.recv().unwrap();
                    }
                });
            }
        });
    }
}

/// How often the threads of this process have gone to sleep, but for the one that this runs on.
fn sleeps() -> u64 {
    let me = gort_sys::raw::gettid();
    let of = |tid: gort_sys::types::Pid| {
        let path = format!("/proc/self/task/{}/status", tid.0);
        let status = std::fs::read_to_string(path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
    };
    threads().filter(|tid| *tid != me).map(of).sum()
}

/// While all wait for a time to come, no thread wakes up before.
#[test]
fn nobody_is_awake_in_vain() {
    for procs in PROCS {
        let child = || {
            let woken = Arc::new(AtomicUsize::new(0));
            for _ in 0..10 {
                let woken = woken.clone();
                gort::go(move || {
                    sleep(HOUR);
                    woken.fetch_add(1, Ordering::Relaxed);
                });
            }
            let _timer = Timer::new(HOUR);
            gort::go(|| sleep(MS)).join().unwrap();
            // Not before it has settled, but some time. Any polling would be in every span.
            loop {
                let before = sleeps();
                std::thread::sleep(100 * MS);
                if sleeps() == before {
                    break;
                }
            }
            assert_eq!(woken.load(Ordering::Relaxed), 0);
            println!("asleep");
        };
        let output = Child::new("idle", child).env("GOMAXPROCS", procs).run();
        assert!(support::is_child() || output.status.success(), "{}", stderr(&output));
        assert!(support::is_child() || support::stdout(&output).contains("asleep"));
    }
}
