//! Timers on gort, and how late anybody's sleep is.

use crate::{TIMERS, distribution, measure, sized};
use gort::sync::WaitGroup;
use gort::time::{Timer, sleep};
use gort_sys::types::ClockId;
use gort_sys::vdso::clock_gettime;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often a goroutine, or a thread, sleeps, and for how long.
pub(crate) const SLEEPS: u64 = 500;
pub(crate) const SPAN: Duration = Duration::from_millis(1);
/// When a timer is due that is not to fire, and one that is: when all have been set.
const HOUR: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_secs(3);

/// [`SOON`], or as much less as there are fewer timers.
fn soon(count: u64) -> Duration {
    SOON.mul_f64((count as f64 / TIMERS as f64).max(0.1))
}

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

/// When the `n`th of `count` timers is due: none fires, and they come in no order.
pub(crate) fn due(n: u64, count: u64) -> Duration {
    HOUR + Duration::from_micros(n * 7919 % count)
}

/// Timers due at different times, which are stopped again.
fn add() -> f64 {
    let count = sized(TIMERS);
    let mut timers = Vec::with_capacity(count as usize);
    let nanos = measure(count, || {
        for n in 0..count {
            timers.push(Timer::after_func(due(n, count), || ()));
        }
    });
    timers.iter().for_each(|timer| assert!(timer.stop()));
    nanos
}

/// CPU time of what happens when they are due: a goroutine for each.
fn fire() -> f64 {
    let (group, count) = (WaitGroup::new(), sized(TIMERS));
    let soon = soon(count);
    let start = Instant::now();
    for _ in 0..count {
        group.add(1);
        let done = group.clone();
        Timer::after_func(soon.saturating_sub(start.elapsed()), move || done.done());
    }
    assert!(start.elapsed() < soon, "the machine is too slow");
    let before = cpu();
    group.wait();
    (cpu() - before) as f64 / count as f64
}

/// Each is set to a later time, as one that guards a connection.
fn reset() -> f64 {
    let timers: Vec<_> = (0..sized(TIMERS)).map(|_| Timer::after_func(HOUR, || ())).collect();
    let nanos = measure(4 * timers.len() as u64, || {
        for _ in 0..4 {
            timers.iter().for_each(|timer| assert!(timer.reset(HOUR)));
        }
    });
    timers.iter().for_each(|timer| assert!(timer.stop()));
    nanos
}

/// How late one of a hundred is at least, in nanoseconds, with the median and the distribution.
pub(crate) fn lateness(sleep: impl Fn(Duration)) -> f64 {
    late((0..sized(SLEEPS)).map(|_| {
        let start = Instant::now();
        sleep(SPAN);
        start.elapsed()
    }))
}

/// The same of sleeps that took so long.
pub(crate) fn late(slept: impl Iterator<Item = Duration>) -> f64 {
    distribution(slept.map(|slept| slept.saturating_sub(SPAN)).collect())
}

/// The same while four goroutines do not yield.
fn among_hogs() -> f64 {
    let stop = AtomicBool::new(false);
    gort::scope(|s| {
        for _ in 0..4 {
            s.go(|| crate::go::spin(&stop));
        }
        let late = lateness(sleep);
        stop.store(true, Ordering::Relaxed);
        late
    })
}

/// CPU time of the process, in nanoseconds.
fn cpu() -> u64 {
    let time = clock_gettime(ClockId::PROCESS_CPUTIME).expect("there is such a clock");
    time.sec.cast_unsigned() * 1_000_000_000 + time.nsec.cast_unsigned()
}
