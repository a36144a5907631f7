//! Waiting for something, but not for ever.

use crate::chan::{RecvTimeoutError, bounded};
use std::error::Error;
use std::fmt;
use std::panic::resume_unwind;
use std::time::Duration;

/// [`timeout`] has not waited any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("the time has elapsed")
    }
}

impl Error for Elapsed {}

/// Runs `f` on a goroutine, and waits for its result, but not for longer than `duration`. What waits:
/// the goroutine that calls this, or the thread if it is an ordinary one.
///
/// Nothing can make code stop that does not want to: if the time runs out `f` goes on, and what it
/// returns is dropped.
///
/// # Errors
///
/// [`Elapsed`] if `f` has not returned in time.
///
/// # Panics
///
/// With `f`'s panic, if it panics in time; if it ends by [`goexit`](crate::goexit); and as
/// [`go`](fn@crate::go).
///
/// ```
/// use gort::time::{Elapsed, sleep, timeout};
/// use std::time::Duration;
///
/// let (short, long) = (Duration::from_millis(1), Duration::from_secs(60));
/// assert_eq!(timeout(long, || 6 * 7), Ok(42));
/// assert_eq!(timeout(short, move || sleep(long)), Err(Elapsed));
/// ```
pub fn timeout<T, F>(duration: Duration, f: F) -> Result<T, Elapsed>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let (done, result) = bounded(1);
    let goroutine = crate::go(move || drop(done.send(f())));
    match result.recv_timeout(duration) {
        Ok(value) => Ok(value),
        Err(RecvTimeoutError::Timeout) => Err(Elapsed),
        Err(RecvTimeoutError::Disconnected) => match goroutine.join() {
            Err(payload) => resume_unwind(payload),
            Ok(()) => unreachable!("it has sent its result"),
        },
    }
}
