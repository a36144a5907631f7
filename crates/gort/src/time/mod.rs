//! Time: sleeping, timers, tickers.
//!
//! Spans are std's [`Duration`], moments its [`Instant`](std::time::Instant), and the clock is the
//! monotonic one. How exactly a timer fires is up to the kernel, which is asked to be precise; a process
//! whose goroutines all wait sleeps until the first timer is due. A span that is longer than the clock
//! can tell (some 73 years after the machine was started) never ends.

pub(crate) mod clock;
mod func;
mod ticker;
mod timeout;
mod timer;

pub use ticker::Ticker;
pub use timeout::{Elapsed, timeout};
pub use timer::Timer;

use std::time::Duration;

/// Sleeps for `duration` or a little longer; not at all if it is zero. What waits: the goroutine, or the
/// thread if it is an ordinary one. Nothing is allocated. Go: `time.Sleep`.
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
    let asleep =
        gort_rt::current().is_some() && gort_rt::timer::sleep(clock::nanos(duration)).is_ok();
    if !asleep {
        // Or there was no memory for the goroutine's timer: sysmon sees that the thread sleeps.
        std::thread::sleep(duration);
    }
}
