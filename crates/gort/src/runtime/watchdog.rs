//! The watchdog: says on standard error which goroutines run, or wait to be run, for too long.
//!
//! The runtime finds them; a thread that does nothing else writes a line for each, and its trace.

use super::Title;
use crate::host;
use crate::traceback::{self, Stderr};
use gort_rt::traceback::Goroutine;
use gort_rt::{Alarm, Found};
use gort_sys::raw;
use gort_sys::types::{SigHow, SigSet, Signal};
use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

/// Sets for how long a goroutine may run without yielding, or wait to be run, before a line on standard
/// error says so, with its trace, and returns what it was. `None`, as at first, is for ever; less than a millisecond is a
/// millisecond. Starts the runtime, and the thread that writes, if need be.
/// `GORT_DEBUG=watchdog=50ms` does it from the beginning.
///
/// - *Running* is CPU time, since the goroutine was switched to, has called [`gosched`](crate::gosched), or
///   has come back from an announced call, as closely as a quarter of the limit, or 10 ms. One line for each
///   such stretch.
/// - *Waiting* is time in a run queue. The first of each queue is looked at, and for each queue there is at most
///   one line within the limit.
///
/// While it is set each switch costs some 30 ns more.
///
/// ```
/// use std::time::Duration;
/// let before = gort::runtime::set_watchdog(Some(Duration::from_secs(1)));
/// assert_eq!(before, None);
/// assert_eq!(gort::runtime::set_watchdog(None), Some(Duration::from_secs(1)));
/// ```
///
/// # Panics
///
/// When the runtime cannot run on this system, or there is no thread for the watchdog.
pub fn set_watchdog(limit: Option<Duration>) -> Option<Duration> {
    if let Err(error) = crate::boot::ensure().and_then(|()| limit.map_or(Ok(()), |_| start())) {
        panic!("gort::runtime::set_watchdog: {error}");
    }
    let nanos = limit.map(|limit| limit.as_nanos().try_into().unwrap_or(u64::MAX));
    gort_rt::set_watchdog(nanos).map(Duration::from_nanos)
}

/// Starts the thread, once.
pub(crate) fn start() -> io::Result<()> {
    static STARTED: OnceLock<Result<(), io::ErrorKind>> = OnceLock::new();
    let begin = || {
        let thread = thread::Builder::new().name("gort-watchdog".into());
        let started = host::real_threads(|| thread.spawn(listen));
        started.map(|_| ()).map_err(|error| error.kind())
    };
    STARTED.get_or_init(begin).map_err(io::Error::from)
}

fn listen() {
    // The program's signals are for other threads; glibc's own two are for all.
    let mask = SigSet::FULL.without(Signal(32)).without(Signal(33));
    let _ = raw::rt_sigprocmask(SigHow::SETMASK, Some(&mask));
    loop {
        // In one piece. Nothing can be done about a standard error that cannot be written.
        let _ = Stderr.write_all(&describe(&gort_rt::next_alarm()));
        gort_rt::alarm_done();
    }
}

/// The line, and where the goroutine is by now. One that is over has neither name nor trace.
fn describe(alarm: &Alarm) -> Vec<u8> {
    let name = RefCell::new(None);
    let wanted = |g: &Goroutine| {
        let found = g.id == alarm.goroutine;
        if found && let Some(text) = g.name.as_str() {
            *name.borrow_mut() = Some(text.to_owned());
        }
        found
    };
    let mut trace = Vec::new();
    let system = traceback::level().is_system();
    // Into memory: that does not fail.
    let _ = traceback::dump_if(&mut trace, system, &wanted);
    let name: Option<String> = name.take();
    let millis = alarm.nanos / 1_000_000;
    let title = format!("gort: watchdog: {}", Title(alarm.goroutine, name.as_deref()));
    let line = match (alarm.found, alarm.proc) {
        (Found::Waiting, Some(proc)) => {
            format!("{title} has waited for {millis}ms in the run queue of P {proc}\n")
        }
        (Found::Waiting, None) => {
            format!("{title} has waited for {millis}ms in a global run queue\n")
        }
        (Found::Running, proc) => {
            let thread = alarm.thread.unwrap_or_default();
            let with = proc.map_or("without a P".into(), |proc| format!("P {proc}"));
            format!("{title} has run for {millis}ms without yielding, M {thread}, {with}\n")
        }
    };
    let mut text = line.into_bytes();
    text.append(&mut trace);
    text.push(b'\n');
    text
}
