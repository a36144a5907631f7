//! The end, when an invariant of the runtime is broken. Go: `throw`, `fatalthrow`, `dopanic_m`.
//!
//! One line that says what and where, what all Ps and Ms do, what all goroutines do, then SIGABRT. Nothing
//! here allocates, unwinds, takes a lock or uses std: it works on any stack and in a signal handler.
//!
//! The first to come ends the process. Who else comes meanwhile waits for that; and whatever goes wrong on
//! the way, be it another throw or a fault for what the broken invariant has left, ends it at once.
//!
//! # Safety
//!
//! The handler of faults during the end ends the process.

#![allow(unsafe_code)]

mod dump;
mod out;
mod status;

use crate::prim::{AtomicI32, AtomicU32, Ordering};
use gort_sys::context::sigframe;
use gort_sys::raw;
use gort_sys::types::{SaFlags, SigAction, SigHow, SigSet, Signal, Timespec};
use out::Out;

/// One piece of the last line.
#[derive(Clone, Copy)]
pub(crate) enum Say<'a> {
    Text(&'a str),
    Dec(u64),
    Hex(usize),
}

/// The thread that ends the process; 0 for none.
static ENDING: AtomicI32 = AtomicI32::new(0);
/// Whether goroutines are shown.
static TRACES: AtomicU32 = AtomicU32::new(1);

/// Whether the last words are more than a line. Go: `GOTRACEBACK=none` or not.
pub fn set_traces(traces: bool) {
    TRACES.store(traces.into(), Ordering::Relaxed);
}

/// Writes `fatal error: gort: ` and the pieces to standard error, what everybody does, and aborts.
#[cold]
#[inline(never)]
pub(crate) fn throw_with(pieces: &[Say<'_>]) -> ! {
    begin();
    let mut out = Out::new();
    out.text("fatal error: gort: ");
    out.say(pieces);
    out.text("\n");
    drop(out);
    if TRACES.load(Ordering::Relaxed) != 0 {
        status::write(&mut Out::new());
        dump::write(&mut Out::new());
    }
    abort()
}

/// The end of the program, for something that nobody can go on from: writes `fatal error: gort: ` and the
/// text to standard error, what all Ps, Ms and goroutines do, and aborts. Neither unwinds nor allocates, and
/// good in a signal handler. Go: `throw`.
#[cold]
#[inline(never)]
pub fn throw(what: &str) -> ! {
    throw_with(&[Say::Text(what)])
}

/// Whose frames [`last_words`] shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The goroutine's with this number, on which this is, or in a signal's handler that has interrupted it.
    Own(u64),
    /// Everybody's.
    All,
}

/// The host's own end of the process: writes `text` and, unless [`set_traces`] was told otherwise, frames;
/// then `end` is called. Does what [`throw`] does, as it does it.
#[cold]
pub fn last_words(text: &str, whose: Whose, end: fn() -> !) -> ! {
    begin();
    Out::new().text(text);
    if TRACES.load(Ordering::Relaxed) != 0 {
        match whose {
            Whose::Own(id) => dump::here(&mut Out::new(), id),
            Whose::All => dump::write(&mut Out::new()),
        }
    }
    end()
}

/// From here on this thread ends the process. Another one that wants to waits for ever.
fn begin() {
    gort_sys::context::slot::lock();
    let own = raw::gettid().0;
    match ENDING.compare_exchange(0, own, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => {}
        Err(ending) if ending == own => abort(),
        Err(_) => loop {
            let _ = raw::nanosleep(&Timespec::from_nanos(1_000_000_000), None);
        },
    }
    let action = SigAction {
        handler: fault as *const () as usize,
        flags: SaFlags::ONSTACK | SaFlags::NODEFER | SaFlags::RESTORER,
        restorer: sigframe::restorer(),
        mask: SigSet::EMPTY,
    };
    for signal in [Signal::SEGV, Signal::BUS, Signal::ILL, Signal::FPE] {
        // SAFETY: `fault` is good in a handler, and does not return.
        let _ = unsafe { raw::rt_sigaction(signal, Some(&action), None) };
    }
}

unsafe extern "C" fn fault(_: Signal) {
    abort()
}

/// SIGABRT, and if the program survives that, its end by exit status 2.
pub(crate) fn abort() -> ! {
    // sysmon has blocked all signals.
    let _ = raw::rt_sigprocmask(SigHow::UNBLOCK, Some(&SigSet::EMPTY.with(Signal::ABRT)));
    let _ = raw::tgkill(raw::getpid(), raw::gettid(), Signal::ABRT);
    // A handler returned, or it is ignored.
    raw::exit_group(2)
}
