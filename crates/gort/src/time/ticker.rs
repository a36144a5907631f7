//! A ticker.

use super::clock;
use super::timer::{ensure, memory};
use crate::chan::Receiver;
use crate::sync::Mutex;
use gort_rt::timer::deadline;
use std::fmt;
use std::time::{Duration, Instant};

/// The time arrives at a channel, again and again, with the same span between. Go: `time.Ticker`.
///
/// The channel has room for one; if nobody has received that when the next is due, the next is left out.
/// Otherwise it is as a [`Timer`](super::Timer).
///
/// ```
/// use gort::time::Ticker;
/// use std::time::Duration;
///
/// let ticker = Ticker::new(Duration::from_millis(2));
/// for _ in 0..3 {
///     ticker.chan().recv().unwrap();
/// }
/// ticker.stop();
/// ```
pub struct Ticker {
    chan: Receiver<Instant>,
    /// Held while it is changed in more than one step, which nobody is to see.
    changing: Mutex<()>,
}

impl Ticker {
    /// A ticker that first ticks `period` from now. Starts the runtime if need be. Go: `time.NewTicker`.
    ///
    /// # Panics
    ///
    /// If `period` is zero. When there is no memory for it, or the runtime cannot run on this system.
    #[doc(alias = "NewTicker")]
    pub fn new(period: Duration) -> Ticker {
        let nanos = nanos(period);
        ensure();
        let ticker = Ticker { chan: memory(Receiver::timed(nanos)), changing: Mutex::new(()) };
        ticker.start(nanos);
        ticker
    }

    /// Where the time arrives.
    pub fn chan(&self) -> &Receiver<Instant> {
        &self.chan
    }

    /// The channel, which goes on working without the ticker.
    pub(crate) fn into_chan(self) -> Receiver<Instant> {
        self.chan
    }

    /// Stops it, and starts it with another period. The next tick is `period` from now. Go:
    /// `Ticker.Reset`.
    ///
    /// # Panics
    ///
    /// If `period` is zero. When there is no memory for it.
    pub fn reset(&self, period: Duration) {
        let nanos = nanos(period);
        let _changing = self.changing.lock();
        self.unset();
        if let Some(timer) = self.chan.timer() {
            timer.set_period(nanos);
        }
        self.start(nanos);
    }

    fn start(&self, nanos: u64) {
        if let Some(timer) = self.chan.timer() {
            memory(timer.set(deadline(nanos)));
        }
    }

    /// Stops it. Nothing arrives any more, but the channel is not closed. Go: `Ticker.Stop`.
    pub fn stop(&self) {
        let _changing = self.changing.lock();
        self.unset();
    }

    fn unset(&self) {
        if let Some(timer) = self.chan.timer() {
            timer.stop();
        }
        let _ = self.chan.try_recv();
    }
}

/// A period in nanoseconds.
fn nanos(period: Duration) -> u64 {
    assert!(!period.is_zero(), "a ticker's period must not be zero");
    clock::nanos(period)
}

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Ticker { .. }")
    }
}
