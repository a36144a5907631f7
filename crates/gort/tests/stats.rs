//! The runtime's figures: what they say after known work, what must always hold, and how they are
//! written for Prometheus.

mod support;

use gort::runtime::{
    Figures, Latency, Stats, Value, gomaxprocs, num_goroutine, run_queues, set_watchdog, stats,
    waiting_for,
};
use gort::syscall::nanosleep;
use gort::syscall::types::Timespec;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::{matrix, serial, watchdog};

/// The figures once this holds.
fn when(holds: impl Fn(&Stats) -> bool) -> Stats {
    loop {
        let now = stats();
        if holds(&now) {
            return now;
        }
        gort::time::sleep(Duration::from_millis(1));
    }
}

/// The figures that only grow, by name.
fn counters(stats: &Stats) -> BTreeMap<&'static str, u64> {
    let mut counters = BTreeMap::new();
    stats.each(|metric| match metric.value {
        Value::Counter(count) => assert!(counters.insert(metric.name, count).is_none()),
        Value::Histogram(times) => {
            assert!(counters.insert(metric.name, times.count() as u64).is_none());
        }
        Value::Gauge(_) => {}
    });
    counters
}

#[test]
fn goroutines_by_what_they_do() {
    const EACH: usize = 300;
    matrix(|procs| {
        // That of the test before may be about to end.
        let before = when(|now| now.goroutines == 1);
        assert_eq!(num_goroutine(), 1);
        let (sender, receiver) = gort::chan::bounded::<()>(0);
        let waiters: Vec<_> = (0..EACH)
            .map(|_| {
                let receiver = receiver.clone();
                gort::go(move || receiver.recv())
            })
            .collect();
        let sleepers: Vec<_> =
            (0..EACH).map(|_| gort::go(|| gort::time::sleep(Duration::from_secs(2)))).collect();
        let over = AtomicBool::new(false);
        gort::scope(|s| {
            let time = Timespec { sec: 0, nsec: 2_000_000 };
            for _ in 0..10 {
                let over = &over;
                s.go(move || {
                    while !over.load(Ordering::Relaxed) {
                        nanosleep(&time, None).unwrap();
                    }
                });
            }
            when(|now| now.in_calls >= 5 && now.handed_off >= before.handed_off + 50);
            let waiting = when(|_| {
                let why = waiting_for();
                why.get("chan receive") == Some(&EACH) && why.get("sleep") >= Some(&EACH)
            });
            // Those in calls may be anything just now; the others are where they are.
            assert!((2 * EACH..=2 * EACH + 12).contains(&waiting.waiting), "{waiting:?}");
            assert_eq!(waiting.goroutines, before.goroutines + 2 * EACH + 10);
            assert!(waiting.timers >= EACH && waiting.threads > waiting.idle_threads);
            assert!(waiting.procs == procs && waiting.procs_in_calls <= procs);
            over.store(true, Ordering::Relaxed);
        });
        drop(sender);
        waiters.into_iter().for_each(|waiter| assert!(waiter.join().unwrap().is_err()));
        sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
        let after = when(|now| now.goroutines == before.goroutines);
        assert_eq!(after.spawned - before.spawned, 2 * EACH + 10);
        assert!(after.timers_fired >= before.timers_fired + EACH);
        assert!(after.uptime > before.uptime);
        let quiet = when(|now| now.in_calls == 0);
        let parts = quiet.runnable + quiet.running + quiet.in_calls + quiet.waiting;
        assert_eq!((parts, quiet.running), (quiet.goroutines, 1), "{quiet:?}");
    });
}

#[test]
fn events_of_descriptors() {
    matrix(|_| {
        let before = stats();
        let (mut ours, mut theirs) = gort::net::UnixStream::pair().unwrap();
        let echo = gort::go(move || {
            let mut byte = [0];
            while theirs.read(&mut byte).unwrap() == 1 {
                theirs.write_all(&byte).unwrap();
            }
        });
        for round in 0..100 {
            ours.write_all(&[round]).unwrap();
            let mut byte = [0];
            ours.read_exact(&mut byte).unwrap();
            assert_eq!(byte, [round]);
        }
        drop(ours);
        echo.join().unwrap();
        let after = stats();
        let (polls, events) = (after.polls - before.polls, after.events - before.events);
        assert!(polls > 0 && events > 0, "{polls} {events}");
        assert!(after.switches > before.switches + 100);
    });
}

#[test]
fn queues_have_what_waits_there() {
    let _one = serial();
    let _watchdog = watchdog();
    gomaxprocs(Some(1));
    gort::run(|| {
        loop {
            let goroutines: Vec<_> = (0..100).map(|_| gort::go(|| ())).collect();
            let queued = || run_queues().sum::<usize>();
            let (first, now, last) = (queued(), stats(), queued());
            goroutines.into_iter().for_each(|goroutine| goroutine.join().unwrap());
            // Nobody else has a P, and this goroutine has not left its own.
            if first == last && first >= 100 {
                assert_eq!((now.local_queues, now.runnable), (first, first + now.global_queue));
                break;
            }
        }
        assert_eq!(run_queues().count(), 1);
    });
}

fn sane(times: &Latency) {
    let bounds: Vec<_> = times.buckets().map(|(bound, _)| bound).collect();
    assert_eq!((bounds[0], bounds.last()), (Some(256), Some(&None)));
    let (bounded, _) = bounds.split_at(bounds.len() - 1);
    assert!(bounded.windows(2).all(|pair| pair[1] == pair[0].map(|bound| 2 * bound)));
    assert_eq!(times.buckets().map(|(_, count)| count).sum::<usize>(), times.count());
}

/// How many waited for this long, at the least.
fn as_long_as(times: &Latency, least: Duration) -> usize {
    let least = least.as_nanos() as u64;
    let long = times.buckets().filter(|(bound, _)| bound.is_none_or(|bound| bound > least));
    long.map(|(_, count)| count).sum()
}

#[test]
fn some_are_timed() {
    matrix(|procs| {
        let before = stats();
        gort::scope(|s| {
            for _ in 0..4 {
                s.go(|| (0..20_000).for_each(|_| gort::gosched()));
            }
        });
        let after = stats();
        let times = after.latency.since(&before.latency);
        sane(&times);
        let switches = after.switches - before.switches;
        // About one in 512; with several Ps most yields find nobody waiting.
        assert!(times.count() <= switches / 256, "{} of {switches}", times.count());
        assert!(procs > 1 || times.count() >= switches / 1024, "{} of {switches}", times.count());
    });
}

/// Under the watchdog all are timed, so it is known what is counted.
#[test]
fn all_are_timed() {
    const ROUNDS: usize = 1000;
    const LONG: Duration = Duration::from_millis(20);
    let _one = serial();
    let _watchdog = watchdog();
    set_watchdog(Some(Duration::from_secs(3600)));
    gomaxprocs(Some(1));
    gort::run(|| {
        let before = stats().latency;
        let yields = || (0..ROUNDS).for_each(|_| gort::gosched());
        gort::scope(|s| {
            s.go(yields);
            s.go(yields);
        });
        let times = stats().latency.since(&before);
        sane(&times);
        assert!(times.count() >= ROUNDS, "{times:?}");
        let half = times.quantile(0.5).unwrap();
        assert!(times.nanos() > 0 && half <= times.quantile(1.0).unwrap_or(u64::MAX));

        // Whoever lets a hog go first waits for as long as that runs; a signal does not interrupt this one.
        let before = stats().latency;
        let hog = gort::go(|| {
            gort_rt::pinned(|_| {
                let start = Instant::now();
                while start.elapsed() < LONG {}
            });
        });
        gort::gosched();
        hog.join().unwrap();
        let times = stats().latency.since(&before);
        sane(&times);
        assert!(as_long_as(&times, LONG) >= 1, "{times:?}");
    });
    set_watchdog(None);
}

#[test]
fn nothing_counts_backwards() {
    let _one = serial();
    let _watchdog = watchdog();
    let over = AtomicBool::new(false);
    gort::run(|| {
        gort::scope(|s| {
            let over = &over;
            for _ in 0..8 {
                s.go(move || {
                    while !over.load(Ordering::Relaxed) {
                        gort::go(gort::gosched).join().unwrap();
                        gort::time::sleep(Duration::from_micros(50));
                    }
                });
            }
            let changer = s.go(|| {
                for round in 0..200 {
                    gomaxprocs(Some([1, 2, 4, 16][round % 4]));
                    gort::time::sleep(Duration::from_micros(500));
                }
            });
            s.go(move || {
                let mut before = counters(&stats());
                while !over.load(Ordering::Relaxed) {
                    let now = stats();
                    let after = counters(&now);
                    for (name, count) in &after {
                        assert!(*count >= before[name], "{name}: {} then {count}", before[name]);
                    }
                    assert!(now.idle_procs <= 16 && now.running <= now.threads, "{now:?}");
                    assert!(run_queues().count() <= 16);
                    sane(&now.latency);
                    before = after;
                    gort::gosched();
                }
            });
            changer.join().unwrap();
            over.store(true, Ordering::Relaxed);
        });
    });
}

#[test]
fn what_prometheus_reads() {
    let _one = serial();
    let now = gort::run(|| {
        (0..1000).for_each(|_| gort::go(|| ()).join().unwrap());
        stats()
    });
    let text = now.to_string();
    let (mut names, mut lines) = (BTreeSet::new(), text.lines().peekable());
    while let Some(help) = lines.next() {
        let (name, words) = help.strip_prefix("# HELP ").unwrap().split_once(' ').unwrap();
        assert!(words.ends_with('.') && names.insert(name.to_owned()), "{help}");
        let valid = |c: char| c.is_ascii_lowercase() || c == '_';
        assert!(name.starts_with("gort_") && name.chars().all(valid), "{name}");
        let kind = lines.next().unwrap().strip_prefix(&format!("# TYPE {name} ")).unwrap();
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
        let mut values = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().unwrap() >= 0.0, "{line}");
            values.push((series.strip_prefix(name).unwrap(), value));
        }
        if kind == "histogram" {
            let [buckets @ .., (inf, all), (sum, _), (count, counted)] = &*values else {
                panic!("{values:?}")
            };
            assert_eq!((*inf, *sum, *count), ("_bucket{le=\"+Inf\"}", "_sum", "_count"));
            assert_eq!((all, buckets.len()), (counted, 27));
            let bound = |series: &str| {
                let le = series.strip_prefix("_bucket{le=\"").unwrap().strip_suffix("\"}");
                le.unwrap().parse::<f64>().unwrap()
            };
            assert_eq!(bound(buckets[0].0), 256e-9);
            let count = |value: &str| value.parse::<u64>().unwrap();
            for pair in buckets.windows(2) {
                assert!(
                    bound(pair[0].0) < bound(pair[1].0) && count(pair[0].1) <= count(pair[1].1)
                );
            }
        } else {
            assert!(["counter", "gauge"].contains(&kind) && values.len() == 1);
            assert_eq!(values[0].0, "");
        }
    }
    let mut each = BTreeSet::new();
    now.each(|metric| assert!(each.insert(metric.name.to_owned())));
    assert_eq!(each, names);
    assert!(text.contains(&format!("\ngort_goroutines_created_total {}\n", now.spawned)));
}

/// Each under its own name.
#[test]
fn figures_and_their_names() {
    let mut made = stats();
    let mut expected = String::new();
    let mut number = 0;
    macro_rules! figures {
        ($($name:literal: $field:ident,)*) => {
            made.scheduler = Figures {
                uptime: 1_500_000_000,
                $($field: { number += 1; number },)*
                ..Figures::default()
            };
            $(expected += &format!("gort_{} {}\n", $name, made.$field);)*
        };
    }
    figures! {
        "goroutines": goroutines,
        "goroutines_runnable": runnable,
        "goroutines_running": running,
        "goroutines_in_calls": in_calls,
        "goroutines_waiting": waiting,
        "procs": procs,
        "procs_idle": idle_procs,
        "procs_in_calls": procs_in_calls,
        "threads": threads,
        "threads_idle": idle_threads,
        "threads_spinning": spinning_threads,
        "queue_global": global_queue,
        "queue_local": local_queues,
        "timers": timers,
        "goroutines_created_total": spawned,
        "switches_total": switches,
        "steals_total": steals,
        "preemptions_total": preemptions,
        "retaken_calls_total": retaken_calls,
        "rescues_total": rescues,
        "retaken_hogs_total": retaken_hogs,
        "handoffs_total": handed_off,
        "timers_fired_total": timers_fired,
        "polls_total": polls,
        "poll_events_total": events,
        "watchdog_alarms_total": alarms,
    }
    expected += "gort_uptime_seconds 1.5\n";
    let text = made.to_string();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.contains("latency"));
    assert_eq!(lines.map(|line| format!("{line}\n")).collect::<String>(), expected);
}
