//! Channels at which time arrives.

use super::channel::{Receiver, bounded};
use crate::time::{Ticker, Timer};
use std::time::{Duration, Instant};

/// A channel at which the time arrives once, `duration` from now. Nothing else happens there: later
/// receives wait for ever. Go: `time.After`.
///
/// Nothing arrives, either, after a span that is longer than the clock can tell. The timer is freed when
/// the last receiver is dropped, whether it has fired or not.
///
/// ```
/// use gort::chan::{after, select, unbounded};
/// use std::time::Duration;
///
/// let (_s, r) = unbounded::<i32>();
/// select! {
///     recv(r) -> _ => unreachable!(),
///     recv(after(Duration::from_millis(5))) -> time => println!("nothing until {:?}", time.unwrap()),
/// }
/// ```
///
/// # Panics
///
/// As [`Timer::new`].
pub fn after(duration: Duration) -> Receiver<Instant> {
    Timer::new(duration).into_chan()
}

/// A channel at which the time arrives once, at `when`; otherwise as [`after`].
///
/// # Panics
///
/// As [`Timer::new`].
pub fn at(when: Instant) -> Receiver<Instant> {
    Timer::at(when).into_chan()
}

/// A channel at which the time arrives every `duration`. If nobody receives it, it has room for one;
/// what does not fit is left out. Go: `time.Tick`.
///
/// ```
/// let ticks = gort::chan::tick(std::time::Duration::from_millis(2));
/// let (first, second) = (ticks.recv().unwrap(), ticks.recv().unwrap());
/// assert!(second > first);
/// ```
///
/// If `duration` is zero it is always about now, as fast as it is received.
///
/// # Panics
///
/// As [`Timer::new`].
pub fn tick(duration: Duration) -> Receiver<Instant> {
    if !duration.is_zero() {
        return Ticker::new(duration).into_chan();
    }
    let (now, receiver) = bounded(1);
    let _ = now.try_send(Instant::now());
    crate::go(move || while now.send(Instant::now()).is_ok() {});
    receiver
}
