//! Futures that wait for time.
//!
//! A timer of the runtime's calls whatever waker was left last. It may be late, and wake for nothing; that
//! the time has come is told by the clock alone, after a waker has been left.

use crate::sync::Mutex;
use crate::time::{Elapsed, Timer};
use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

type Slot = Arc<Mutex<Option<Waker>>>;

/// A future that is ready when a time has come; see [`sleep`] and [`sleep_until`].
///
/// Dropping it leaves no timer behind.
#[must_use = "futures do nothing unless polled"]
pub struct Sleep {
    /// None for never.
    deadline: Option<Instant>,
    /// Once it has been polled in vain: what calls the waker, and where that is.
    timer: Option<(Timer, Slot)>,
}

/// Waits until `duration` from now; for ever if that is too far away to be told. As
/// [`time::sleep`](crate::time::sleep), but a future.
///
/// ```
/// use gort::future::{block_on, sleep};
/// use std::time::{Duration, Instant};
///
/// let begin = Instant::now();
/// block_on(sleep(Duration::from_millis(2)));
/// assert!(begin.elapsed() >= Duration::from_millis(2));
/// ```
///
/// # Panics
///
/// When polled, if there is no memory for a timer, or the runtime cannot run on this system.
pub fn sleep(duration: Duration) -> Sleep {
    Sleep { deadline: Instant::now().checked_add(duration), timer: None }
}

/// Waits until `deadline`; not at all if that has passed.
///
/// ```
/// use gort::future::{block_on, sleep_until};
/// use std::time::{Duration, Instant};
///
/// let deadline = Instant::now() + Duration::from_millis(2);
/// block_on(sleep_until(deadline));
/// assert!(Instant::now() >= deadline);
/// ```
///
/// # Panics
///
/// As for [`sleep`].
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep { deadline: Some(deadline), timer: None }
}

impl Sleep {
    /// When it is ready; none for never.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether it is ready.
    pub fn is_elapsed(&self) -> bool {
        self.left().is_some_and(|left| left.is_zero())
    }

    /// Gives it another deadline, whether it was ready or not. To be polled again then.
    pub fn reset(&mut self, deadline: Instant) {
        self.deadline = Some(deadline);
        if let (Some((timer, _)), Some(left)) = (&self.timer, self.left()) {
            timer.reset(left);
        }
    }

    fn left(&self) -> Option<Duration> {
        Some(self.deadline?.saturating_duration_since(Instant::now()))
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(left) = self.left() else { return Poll::Pending };
        if left.is_zero() {
            return Poll::Ready(());
        }
        let waker = context.waker().clone();
        if let Some((_, slot)) = &self.timer {
            // The old one is dropped without the lock: its destructor may be anybody's.
            let old = slot.lock().replace(waker);
            drop(old);
            // The timer may have called the old one.
            return if self.is_elapsed() { Poll::Ready(()) } else { Poll::Pending };
        }
        let slot = Slot::new(Mutex::new(Some(waker)));
        let leads = Arc::clone(&slot);
        let wake = move || {
            let waker = leads.lock().take();
            if let Some(waker) = waker {
                waker.wake();
            }
        };
        self.timer = Some((Timer::after_func(left, wake), slot));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some((timer, slot)) = &self.timer {
            timer.stop();
            let waker = slot.lock().take();
            drop(waker);
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

/// Runs a future, but not for longer than `duration`, counted from now. If the time runs out the future is
/// dropped. A future that is ready at the first poll is in time.
///
/// ```
/// use gort::future::{block_on, timeout};
/// use gort::time::Elapsed;
/// use std::future::{pending, ready};
/// use std::time::Duration;
///
/// let (short, long) = (Duration::from_millis(1), Duration::from_secs(60));
/// assert_eq!(block_on(timeout(long, ready(42))), Ok(42));
/// assert_eq!(block_on(timeout(short, pending::<()>())), Err(Elapsed));
/// ```
///
/// # Errors
///
/// [`Elapsed`] if it is not ready in time.
///
/// # Panics
///
/// With the future's panic, and as [`sleep`].
pub fn timeout<F: Future>(
    duration: Duration,
    future: F,
) -> impl Future<Output = Result<F::Output, Elapsed>> {
    let mut sleep = sleep(duration);
    async move {
        let mut future = pin!(future);
        poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Ok(value)),
            Poll::Pending => Pin::new(&mut sleep).poll(context).map(|()| Err(Elapsed)),
        })
        .await
    }
}

/// Ticks again and again; see [`interval`].
#[derive(Debug)]
pub struct Interval {
    sleep: Sleep,
    period: Duration,
}

/// Ticks at once, and then every `period`. Ticks that nobody has waited for are left out, as with a
/// [`Ticker`](crate::time::Ticker).
///
/// ```
/// use gort::future::{block_on, interval};
/// use std::time::{Duration, Instant};
///
/// let mut ticks = interval(Duration::from_millis(2));
/// block_on(async {
///     let first = ticks.tick().await;
///     let second = ticks.tick().await;
///     assert!(second >= first + Duration::from_millis(2) && Instant::now() >= second);
/// });
/// ```
///
/// # Panics
///
/// If `period` is zero.
pub fn interval(period: Duration) -> Interval {
    assert!(!period.is_zero(), "an interval's period must not be zero");
    Interval { sleep: sleep_until(Instant::now()), period }
}

impl Interval {
    /// The next tick: when it was due. Dropping the future loses none.
    ///
    /// # Panics
    ///
    /// As for [`sleep`].
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|context| self.poll_tick(context)).await
    }

    /// [`tick`](Interval::tick), polled.
    ///
    /// # Panics
    ///
    /// As for [`sleep`].
    pub fn poll_tick(&mut self, context: &mut Context<'_>) -> Poll<Instant> {
        let Some(due) = self.sleep.deadline else { return Poll::Pending };
        if Pin::new(&mut self.sleep).poll(context).is_pending() {
            return Poll::Pending;
        }
        let now = Instant::now();
        let phase = (now - due).as_nanos() % self.period.as_nanos();
        match now.checked_add(self.period - Duration::from_nanos_u128(phase)) {
            Some(next) => self.sleep.reset(next),
            None => self.sleep = Sleep { deadline: None, timer: None },
        }
        Poll::Ready(due)
    }
}
