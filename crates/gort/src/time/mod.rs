//! Time: sleeping.

use std::time::Duration;

/// Sleeps for `duration` or a little longer; not at all if it is zero, and for ever if it is more than
/// the clock can tell. What waits: the goroutine, or the thread if it is an ordinary one. Go:
/// `time.Sleep`.
///
/// How much longer is up to the kernel: it is asked to be precise.
///
/// ```
/// use std::time::{Duration, Instant};
/// let start = Instant::now();
/// let sleepers: Vec<_> =
///     (0..1000).map(|_| gort::go(|| gort::time::sleep(Duration::from_millis(10)))).collect();
/// sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
/// assert!(start.elapsed() >= Duration::from_millis(10));
/// ```
pub fn sleep(duration: Duration) {
    let asleep = gort_rt::current().is_some() && gort_rt::timer::sleep(nanos(duration)).is_ok();
    if !asleep {
        // Or there was no memory for the timer: sysmon sees that the thread sleeps.
        std::thread::sleep(duration);
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
