//! Panics on goroutines.
//!
//! A panic unwinds to the goroutine's root and becomes the error that
//! [`join`](crate::JoinHandle::join) returns; other goroutines go on. Under the policy *crash*
//! (`GORT_PANIC=crash`, or `#[gort::main(panic = "crash")]`) a panic that reaches the root ends the
//! process with exit status 2, as in Go. The message is std's, with the goroutine's number and name
//! in the place of the thread's.
//!
//! # What happens to a panic
//!
//! | Where | What |
//! |-|-|
//! | a goroutine, a scope's goroutine, [`run`](crate::run) | unwinds to its root, and whoever joins gets the payload |
//! | main, under `#[gort::main]` | the same, and the process ends with status 101 |
//! | any of these under *crash* | the process ends with status 2 |
//! | on the way, [`recover`] or `catch_unwind` | it ends there |
//! | on the way, [`deferred`] | its deferred work runs, and may end it by [`recovered`] |
//! | in deferred work of [`deferred`] while another unwinds | it takes the other's place |
//! | in deferred work of [`Defers`] while another unwinds | message; the other goes on |
//! | in a destructor, also of [`defer!`](crate::defer), while another unwinds | both messages, SIGABRT |
//! | in a destructor of a thread-local; in a panic hook | message, SIGABRT: std's rules |
//! | in a destructor of a result or a payload that nobody takes | message, SIGABRT |
//! | in C's callback | message, SIGABRT |
//!
//! [`resume_unwind`] raises without a message what `join` gave.
//!
//! # Where panics abort
//!
//! With `panic = "abort"` in the profile every panic is one message, by the hook, and then SIGABRT; nothing
//! unwinds. So nothing is recovered or joined, deferred work runs only when its block ends otherwise,
//! [`goexit`](crate::goexit) says that it cannot, and aborts. Under *crash* the process ends as it would
//! otherwise, for what nobody can catch has nobody to catch it. [`on_panic`] is not called under
//! *contain*. All else works.

mod defer;
mod deferred;
mod defers;
mod hook;

#[doc(hidden)]
pub use defer::__Defer;
pub(crate) use deferred::past;
pub use deferred::{deferred, recovered};
pub use defers::Defers;
pub use hook::{PanicInfo, on_panic};

use crate::traceback::{self, Trace};
use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::RefCell;
use std::io::Write;
use std::panic::{
    AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind, set_hook, take_hook,
};
use std::sync::atomic::{AtomicBool, Ordering};

/// What a panic carries.
type Payload = Box<dyn Any + Send>;

static CRASH: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Where the last panic of this goroutine happened, for the policy *crash*.
    static TRACE: RefCell<Option<Trace>> = const { RefCell::new(None) };
}

/// Runs `f` and gives a panic back as a value: [`std::panic::catch_unwind`], except that
/// [`goexit`](crate::goexit) passes through.
///
/// ```
/// let caught = gort::panic::recover(|| { if true { panic!("oh"); } });
/// assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"oh"));
/// ```
///
/// # Errors
///
/// The panic's payload.
pub fn recover<T>(f: impl FnOnce() -> T) -> Result<T, Payload> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| {
        if crate::goexit::is_goexit(&*payload) {
            resume_unwind(payload);
        }
        payload
    })
}

/// Whether a panic that reaches a goroutine's root ends the process.
pub(crate) fn set_crash(crash: bool) {
    CRASH.store(crash, Ordering::Relaxed);
}

fn crashes() -> bool {
    CRASH.load(Ordering::Relaxed)
}

/// Drops what nobody gets. If its destructor panics, that panic has printed its message and ends here.
fn discard(payload: Payload) {
    if let Err(worse) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(worse);
    }
}

/// Puts the goroutine's number and name into panic messages, unless the program has set a hook of
/// its own: that one is called for goroutines too, as is one that is set later.
pub(crate) fn install_hook() {
    if std::thread::panicking() {
        // The hook cannot be changed now. Messages say "thread" instead.
        return;
    }
    let before = take_hook();
    // What there is without any.
    let default = take_hook();
    // Both are functions without captures, so their addresses are alike and the tables decide.
    #[allow(ambiguous_wide_pointer_comparisons)]
    let custom = !std::ptr::eq(&raw const *before, &raw const *default);
    set_hook(Box::new(move |info| {
        if gort_rt::current().is_some() {
            if crashes() {
                let here = Trace::here();
                let _ = TRACE.try_with(|trace| trace.replace(Some(here)));
            }
            if !custom {
                return report(info);
            }
        }
        before(info);
    }));
}

fn report(info: &PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("Box<dyn Any>");
    let place = info.location().map(|place| format!("{place}:\n")).unwrap_or_default();
    let text = format!("\n{} panicked at {place}{message}\n", crate::runtime::title());
    let mut err = std::io::stderr().lock();
    let _ = err.write_all(text.as_bytes());
    if crashes() {
        // The trace follows when nobody has caught it, and where panics abort nobody can.
        if cfg!(panic = "abort") {
            drop(err);
            reached_the_root(info.payload());
        }
        return;
    }
    let trace = Backtrace::capture();
    let _ = match trace.status() {
        BacktraceStatus::Captured => write!(err, "stack backtrace:\n{trace}"),
        _ => writeln!(
            err,
            "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace"
        ),
    };
}

/// A panic that nobody caught has reached its goroutine's root.
pub(crate) fn reached_the_root(payload: &(dyn Any + Send)) {
    hook::call(payload);
    if !crashes() {
        return;
    }
    let message = format!("{}panic: {}", past(payload), message(payload));
    traceback::crash(&message, take_trace())
}

/// Where this goroutine's last panic happened, under the policy *crash*.
pub(crate) fn take_trace() -> Option<Trace> {
    TRACE.try_with(RefCell::take).ok().flatten()
}

/// Takes that away, while work runs that may panic itself; and puts it back when it is called.
fn set_trace_aside() -> Box<dyn FnOnce()> {
    let trace = take_trace();
    Box::new(|| {
        let _ = TRACE.try_with(|last| last.replace(trace));
    })
}

/// A panic's text, as std's message has it.
pub(crate) fn message(payload: &(dyn Any + Send)) -> &str {
    text(payload).unwrap_or("Box<dyn Any>")
}

fn text(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied())
}
