//! Ending a goroutine from within.

use std::any::Any;
use std::fmt;
use std::panic::resume_unwind;

/// What [`join`](crate::JoinHandle::join) returns as the error of a goroutine that ended by
/// [`goexit`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GoExit;

impl fmt::Display for GoExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the goroutine ended by goexit")
    }
}

impl std::error::Error for GoExit {}

/// Ends the goroutine, running all destructors on its stack. Go: `runtime.Goexit`.
///
/// It unwinds as a panic does, without a message. So `std::thread::panicking()` is true meanwhile,
/// a `catch_unwind` on the way stops it (and gets a `Box` of [`GoExit`]; `resume_unwind` lets it go
/// on), and where panics abort it says so and aborts.
///
/// ```
/// let handle = gort::go(|| { gort::goexit(); });
/// assert!(handle.join().unwrap_err().is::<gort::GoExit>());
/// ```
///
/// # Panics
///
/// When not called on a goroutine.
pub fn goexit() -> ! {
    assert!(gort_rt::current().is_some(), "gort::goexit: not on a goroutine");
    if cfg!(panic = "abort") {
        eprintln!("fatal error: gort: goexit unwinds, and in this program panics abort");
        std::process::abort()
    }
    resume_unwind(Box::new(GoExit))
}

pub(crate) fn is_goexit(payload: &(dyn Any + Send)) -> bool {
    payload.is::<GoExit>()
}
