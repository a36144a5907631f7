//! A timer.

use super::clock;
use super::func::Func;
use crate::boot;
use crate::chan::{Receiver, never};
use crate::sync::Mutex;
use gort_rt::timer::deadline;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Something that happens once, at a time to come: the time arrives at a channel, or a function is
/// called on a goroutine of its own. Go: `time.Timer`.
///
/// It can be stopped, and set anew, any number of times. Once a timer with a channel has been stopped or
/// set anew, nothing of what it was set for before arrives. Its channel works for as long as there is a
/// receiver, also when the timer has been dropped; when all are gone the timer is freed, whether it has
/// fired or not.
///
/// ```
/// use gort::time::Timer;
/// use std::time::Duration;
///
/// let timer = Timer::new(Duration::from_millis(1));
/// timer.chan().recv().unwrap();
/// assert!(!timer.stop());
/// assert!(!timer.reset(Duration::from_secs(3600)));
/// assert!(timer.stop());
/// ```
pub struct Timer {
    /// Nothing arrives here if there is a function.
    chan: Receiver<Instant>,
    func: Option<Arc<dyn Func>>,
    /// Held while a timer with a channel is changed in more than one step, which nobody is to see.
    changing: Mutex<()>,
}

impl Timer {
    /// A timer that sends the time on its channel, `duration` from now. Starts the runtime if need be.
    /// Go: `time.NewTimer`.
    ///
    /// # Panics
    ///
    /// When there is no memory for it, or the runtime cannot run on this system.
    #[doc(alias = "NewTimer")]
    pub fn new(duration: Duration) -> Timer {
        let timer = Timer::with_channel();
        timer.reset(duration);
        timer
    }

    pub(crate) fn at(moment: Instant) -> Timer {
        let timer = Timer::with_channel();
        let when = clock::nanos_at(moment);
        if when <= deadline(0) {
            timer.send(when);
        } else {
            timer.set(when);
        }
        timer
    }

    fn with_channel() -> Timer {
        ensure();
        Timer { chan: memory(Receiver::timed(0)), func: None, changing: Mutex::new(()) }
    }

    /// A timer that has `f` called on a goroutine, `duration` from now. If it is not needed for anything
    /// else it can be dropped: `f` is called all the same. Starts the runtime if need be. Go:
    /// `time.AfterFunc`.
    ///
    /// If the timer is set anew and fires again while `f` runs, `f` is called once more when it is done.
    /// If it panics, that is as in any goroutine.
    ///
    /// ```
    /// use gort::time::Timer;
    /// use std::time::Duration;
    ///
    /// let (s, r) = gort::chan::bounded(1);
    /// Timer::after_func(Duration::from_millis(1), move || s.send("now").unwrap());
    /// assert_eq!(r.recv(), Ok("now"));
    /// ```
    ///
    /// # Panics
    ///
    /// When there is no memory for it, or the runtime cannot run on this system. When there is no memory
    /// for the goroutine the program ends.
    #[doc(alias = "AfterFunc")]
    pub fn after_func<F>(duration: Duration, f: F) -> Timer
    where
        F: FnMut() + Send + 'static,
    {
        ensure();
        let func = memory(super::func::new(f));
        memory(func.reset(deadline(clock::nanos(duration))));
        Timer { chan: never(), func: Some(func), changing: Mutex::new(()) }
    }

    /// Where the time arrives; never, if the timer has a function.
    pub fn chan(&self) -> &Receiver<Instant> {
        &self.chan
    }

    /// The channel, which goes on working without the timer.
    pub(crate) fn into_chan(self) -> Receiver<Instant> {
        self.chan
    }

    /// Sets it to `duration` from now; if that is zero, the time is there when this returns. Whether it was
    /// set before: whether nothing has been received, or called, of that, and nothing will be. Go:
    /// `Timer.Reset`.
    ///
    /// # Panics
    ///
    /// When there is no memory for it.
    #[inline]
    pub fn reset(&self, duration: Duration) -> bool {
        let when = deadline(clock::nanos(duration));
        if duration.is_zero() && self.func.is_none() {
            let _changing = self.changing.lock();
            let was_set = self.unset();
            self.send(when);
            return was_set;
        }
        self.set(when)
    }

    /// Its time has come.
    fn send(&self, when: u64) {
        if let Some(chan) = self.chan.handle() {
            let _ = chan.offer(clock::instant_at(when));
        }
    }

    #[inline]
    fn set(&self, when: u64) -> bool {
        match &self.func {
            Some(func) => memory(func.reset(when)),
            None => self.set_channel(when),
        }
    }

    fn set_channel(&self, when: u64) -> bool {
        let Some(timer) = self.chan.timer() else { return false };
        if timer.delay(when) {
            return true;
        }
        let _changing = self.changing.lock();
        let was_set = self.unset();
        memory(timer.set(when)) || was_set
    }

    /// Stops it. Whether it was set: whether nothing has been received, or called, and nothing will be.
    /// Go: `Timer.Stop`.
    #[inline]
    pub fn stop(&self) -> bool {
        if let Some(func) = &self.func {
            return func.stop();
        }
        let _changing = self.changing.lock();
        self.unset()
    }

    /// Stops one with a channel.
    fn unset(&self) -> bool {
        // What has been sent and not received has not been seen by anybody.
        self.chan.timer().is_some_and(|timer| timer.stop()) | self.chan.try_recv().is_ok()
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Timer { .. }")
    }
}

/// Starts the runtime.
pub(super) fn ensure() {
    if let Err(error) = boot::ensure() {
        panic!("gort::time: {error}");
    }
}

/// What there was memory for.
pub(super) fn memory<T>(result: Result<T, gort_sys::Errno>) -> T {
    match result {
        Ok(value) => value,
        Err(errno) => panic!("gort::time: cannot set a timer: {errno}"),
    }
}
