//! Timers on gort, and how late std's sleep is.

use crate::measure;
use gort::sync::WaitGroup;
use gort::time::{Timer, sleep};
use gort_sys::types::ClockId;
use gort_sys::vdso::clock_gettime;
use std::time::{Duration, Instant};

/// Timers at a time.
const TIMERS: u64 = 1_000_000;
/// How often a goroutine, or a thread, sleeps, and for how long.
const SLEEPS: usize = 2000;
const SPAN: Duration = Duration::from_millis(1);
/// When a timer is due that is not to fire, and one that is: when all have been set.
const HOUR: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_secs(3);

/// Runs a workload by name, on a goroutine.
pub(crate) fn run(workload: &str) -> Option<f64> {
    Some(match workload {
        "timeradd" => {
            add();
            add()
        }
        "timerfire" => fire(),
        "timerreset" => reset(),
        "sleep" => lateness(sleep),
        "sleephogs" => among_hogs(),
        _ => return None,
    })
}

/// As far as there is a comparison.
pub(crate) fn run_std(workload: &str) -> Option<f64> {
    (workload == "sleep").then(|| lateness(std::thread::sleep))
}

/// Timers due at different times, which are stopped again.
fn add() -> f64 {
    let mut timers = Vec::with_capacity(TIMERS as usize);
    let nanos = measure(TIMERS, || {
        for n in 0..TIMERS {
            let due = HOUR + Duration::from_micros(n * 7919 % TIMERS);
            timers.push(Timer::after_func(due, || ()));
        }
    });
    timers.iter().for_each(|timer| assert!(timer.stop()));
    nanos
}

/// CPU time of what happens when they are due: a goroutine for each.
fn fire() -> f64 {
    let group = WaitGroup::new();
    let start = Instant::now();
    for _ in 0..TIMERS {
        group.add(1);
        let done = group.clone();
        Timer::after_func(SOON.saturating_sub(start.elapsed()), move || done.done());
    }
    assert!(start.elapsed() < SOON, "the machine is too slow");
    let before = cpu();
    group.wait();
    (cpu() - before) as f64 / TIMERS as f64
}

/// Each is set to a later time, as one that guards a connection.
fn reset() -> f64 {
    let timers: Vec<_> = (0..TIMERS).map(|_| Timer::after_func(HOUR, || ())).collect();
    let nanos = measure(4 * TIMERS, || {
        for _ in 0..4 {
            timers.iter().for_each(|timer| assert!(timer.reset(HOUR)));
        }
    });
    timers.iter().for_each(|timer| assert!(timer.stop()));
    nanos
}

/// How late one of a hundred is at least, in nanoseconds.
fn lateness(sleep: impl Fn(Duration)) -> f64 {
    let late = || {
        let start = Instant::now();
        sleep(SPAN);
        (start.elapsed() - SPAN).as_nanos()
    };
    let mut all: Vec<_> = (0..SLEEPS).map(|_| late()).collect();
    all.sort_unstable();
    all[SLEEPS * 99 / 100] as f64
}

/// The same while four goroutines do not yield.
fn among_hogs() -> f64 {
    use std::sync::atomic::{AtomicBool, Ordering};
    let stop = AtomicBool::new(false);
    gort::scope(|s| {
        for _ in 0..4 {
            s.go(|| {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let late = lateness(sleep);
        stop.store(true, Ordering::Relaxed);
        late
    })
}

fn cpu() -> u64 {
    let time = clock_gettime(ClockId::PROCESS_CPUTIME).expect("there is such a clock");
    time.sec.cast_unsigned() * 1_000_000_000 + time.nsec.cast_unsigned()
}
