//! Go's way to recover: in deferred work, which takes the panic and so ends it.
//!
//! # How it follows Go
//!
//! A Rust destructor can neither stop a panic nor panic itself while one unwinds. So [`deferred`] does
//! not leave the deferred work to a destructor: it catches the panic where Go's function would begin to
//! run its deferred calls, and runs them on the stack that is left, when nothing unwinds. There they can
//! panic, recover, call [`goexit`](crate::goexit) and nest as they like. What is in flight is
//! a value meanwhile: it is resumed at the end, without a second message, or has been taken.
//!
//! `recovered` has no argument, as in Go: the panic in flight lies in a thread-local while deferred work
//! runs, and nothing lies there while anything else does.

use super::{Defers, Payload, crashes, discard, message, set_trace_aside};
use crate::goexit::is_goexit;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

thread_local! {
    /// What [`recovered`] takes. Whoever puts something there takes it away again, so there is nothing
    /// to destroy at the goroutine's end.
    static FLIGHT: Cell<ManuallyDrop<Option<Payload>>> =
        const { Cell::new(ManuallyDrop::new(None)) };

    /// The panics whose place one has taken that is in flight, for the policy *crash*.
    static PAST: RefCell<Past> = const { RefCell::new(Past { of: 0, panics: vec![] }) };
}

/// A panic is known by where its payload lies: what else carries it across frames is std's.
struct Past {
    of: usize,
    /// Their messages, oldest first, and whether they had been recovered.
    panics: Vec<(String, bool)>,
}

fn address(payload: &(dyn Any + Send)) -> usize {
    std::ptr::from_ref(payload).addr()
}

/// Runs `f`, which does not unwind, with this for `recovered` to take; returns what is left of it, too.
pub(super) fn with_flight<R>(
    flight: Option<Payload>,
    f: impl FnOnce() -> R,
) -> (R, Option<Payload>) {
    let outer = FLIGHT.replace(ManuallyDrop::new(flight));
    let result = f();
    (result, ManuallyDrop::into_inner(FLIGHT.replace(outer)))
}

/// The panic because of which this deferred work runs. It is over then: [`deferred`] returns when the
/// rest of its work has run. `None` if there is no panic, if somebody has taken it already, and
/// anywhere but in work deferred by [`Defers::push`] of a `deferred`. `goexit` is no panic. Go: `recover`.
///
/// Unlike Go's it may be called by a function that the deferred closure calls.
pub fn recovered() -> Option<Payload> {
    ManuallyDrop::into_inner(FLIGHT.replace(ManuallyDrop::new(None)))
}

/// Runs `f` as a function of Go's: what it defers runs when it is over, by returning or by a panic,
/// the last first, and may stop the panic by [`recovered`].
///
/// Returns what `f` returned, or `None` when it panicked and was stopped.
///
/// ```
/// use gort::panic::{deferred, recovered};
///
/// fn divide(a: i32, b: i32) -> Result<i32, &'static str> {
///     let mut result = Err("divided by zero");
///     let quotient = deferred(|d| {
///         d.push(|| drop(recovered()));
///         a / b
///     });
///     if let Some(quotient) = quotient {
///         result = Ok(quotient);
///     }
///     result
/// }
///
/// assert_eq!(divide(6, 3), Ok(2));
/// # std::panic::set_hook(Box::new(|_| {}));
/// assert_eq!(divide(6, 0), Err("divided by zero"));
/// ```
///
/// The deferred closures borrow from outside of `f`: its own variables are gone when they run.
///
/// Deferred work that panics takes the place of the panic in flight, with a message of its own; what is
/// still deferred runs. `goexit` in deferred work ends a panic in flight, and goes on after a panic of
/// deferred work has been recovered here. (A panic that leaves `deferred` has taken its place for good.)
///
/// # Panics
///
/// With the panic that nobody has taken, without a second message.
pub fn deferred<'a, T>(f: impl FnOnce(&Defers<'a>) -> T) -> Option<T> {
    let defers = Defers::new();
    let body = || catch_unwind(AssertUnwindSafe(|| f(&defers)));
    let (value, mut flight, mut exit) = match with_flight(None, body).0 {
        Ok(value) => (Some(value), None, None),
        Err(payload) if is_goexit(&*payload) => (None, None, Some(payload)),
        Err(payload) => (None, Some(payload), None),
    };
    loop {
        let before = flight.as_deref().filter(|_| crashes()).map(Before::new);
        let (result, left) = with_flight(flight, || defers.run_last());
        let recovered = left.is_none();
        flight = left;
        match result {
            Ok(more) => {
                before.into_iter().filter(|_| !recovered).for_each(Before::goes_on);
                if !more {
                    break;
                }
            }
            Err(payload) if is_goexit(&*payload) => {
                flight.take().into_iter().for_each(discard);
                exit = Some(payload);
            }
            Err(payload) => {
                if let Some(before) = before {
                    before.replaced_by(&*payload, recovered);
                }
                flight.replace(payload).into_iter().for_each(discard);
            }
        }
    }
    match flight.or(exit) {
        Some(payload) => resume_unwind(payload),
        None => value,
    }
}

/// A panic whose place another may take.
struct Before {
    at: usize,
    message: String,
    past: Vec<(String, bool)>,
    /// Puts back where it was.
    trace: Box<dyn FnOnce()>,
}

impl Before {
    fn new(payload: &(dyn Any + Send)) -> Before {
        let message = message(payload).to_owned();
        let (past, trace) = (take_past(payload), set_trace_aside());
        Before { at: address(payload), message, past, trace }
    }

    /// It is in flight as before.
    fn goes_on(self) {
        let _ = PAST.try_with(|past| past.replace(Past { of: self.at, panics: self.past }));
        (self.trace)();
    }

    fn replaced_by(mut self, payload: &(dyn Any + Send), recovered: bool) {
        let of = address(payload);
        // What was recovered may have been dropped, and another lie where it was.
        if of == self.at && message(payload) == self.message {
            // It was recovered and resumed.
            return self.goes_on();
        }
        self.past.push((self.message, recovered));
        self.past.append(&mut take_past(payload));
        let _ = PAST.try_with(|past| past.replace(Past { of, panics: self.past }));
    }
}

fn take_past(payload: &(dyn Any + Send)) -> Vec<(String, bool)> {
    let past = PAST.try_with(|past| past.replace(Past { of: 0, panics: vec![] }));
    past.ok().filter(|past| past.of == address(payload)).map_or(vec![], |past| past.panics)
}

/// The panics whose place this one has taken, as Go prints them in front of it: each on a line of its
/// own, all but the first indented, and so is what follows. Empty if there is none. Once.
pub(crate) fn past(payload: &(dyn Any + Send)) -> String {
    let mark = |recovered| if recovered { " [recovered]" } else { "" };
    let panics = take_past(payload).into_iter();
    panics.map(|(message, recovered)| format!("panic: {message}{}\n\t", mark(recovered))).collect()
}
