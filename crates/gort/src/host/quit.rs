//! SIGQUIT: what all goroutines do, and the end. Go: `sighandler`.
//!
//! The handler can do nothing of that itself: it may have interrupted whoever holds malloc's lock. It has
//! sysmon start a thread, which writes the dump. Should nothing be written for [`PATIENCE`], because a lock
//! that it needs is held for ever, a timer has the signal sent again, and the runtime writes the dump that
//! needs no lock. A long one that somebody reads slowly is let be.
//!
//! A handler that the program has by the time the runtime starts is left alone, and one that it installs
//! later, be it by [`signal::notify`](crate::signal::notify), takes this one's place. That the signal is
//! ignored, as by shells for what they start in the background, is not respected: Go does the same. Children
//! have this handler until they call `exec`; it then does what the signal does by default.
//!
//! # Safety
//!
//! The handler runs on any thread between any two instructions: it writes atomics and makes system calls.

#![allow(unsafe_code)]

use super::fork;
use crate::traceback::{self, Level, level};
use gort_rt::Whose;
use gort_sys::context::sigframe::{self, SignalFrame};
use gort_sys::raw;
use gort_sys::types::{
    ClockId, Itimerspec, SaFlags, SigAction, SigInfo, SigSet, Sigevent, Signal, TimerFlags,
    Timespec,
};
use std::io;
use std::process::abort;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

/// How long the dump may take to go on, in seconds.
const PATIENCE: u64 = 10;

/// `si_code` of a timer's signal.
const SI_TIMER: i32 = -2;

/// The thread that has got the signal; 0 before. What it was told, and where it was.
static THREAD: AtomicI32 = AtomicI32::new(0);
static CODE: AtomicI32 = AtomicI32::new(0);
static PC: AtomicUsize = AtomicUsize::new(0);
/// How much was written when the timer was started.
static WRITTEN: AtomicUsize = AtomicUsize::new(0);

/// Installs the handler, unless there is one.
pub(super) fn install() -> io::Result<()> {
    let mut before = SigAction::DEFAULT;
    let action = SigAction {
        handler: handler as *const () as usize,
        flags: SaFlags::SIGINFO | SaFlags::ONSTACK | SaFlags::RESTART | SaFlags::RESTORER,
        restorer: sigframe::restorer(),
        mask: SigSet::EMPTY,
    };
    // SAFETY: asks; then `handler` is good in one.
    unsafe {
        raw::rt_sigaction(Signal::QUIT, None, Some(&mut before))?;
        if [SigAction::DEFAULT.handler, SigAction::IGNORE.handler].contains(&before.handler) {
            raw::rt_sigaction(Signal::QUIT, Some(&action), None)?;
        }
    }
    Ok(())
}

unsafe extern "C" fn handler(signal: Signal, info: *mut SigInfo, frame: *mut SignalFrame) {
    // SAFETY: the kernel passes valid ones.
    let (code, pc) = unsafe { ((*info).code(), (*frame).pc()) };
    if fork::is_child() {
        // SAFETY: what it does by default; it comes when this returns.
        let _ = unsafe { raw::rt_sigaction(signal, Some(&SigAction::DEFAULT), None) };
        let _ = raw::kill(raw::getpid(), signal);
        return;
    }
    let first =
        THREAD.compare_exchange(0, raw::gettid().0, Ordering::Relaxed, Ordering::Relaxed).is_ok();
    if first {
        CODE.store(code, Ordering::Relaxed);
        PC.store(pc, Ordering::Relaxed);
        start_timer(signal);
        // SAFETY: `dump` may be called on a thread.
        unsafe { gort_rt::call_on_thread(dump) };
    } else if code == SI_TIMER && WRITTEN.load(Ordering::Relaxed) != traceback::written() {
        start_timer(signal);
    } else if code == SI_TIMER {
        let why = "\nSIGQUIT: the dump is not done in time; here is what needs no locks\n\n";
        gort_rt::last_words(why, Whose::All, end);
    }
}

fn start_timer(signal: Signal) {
    WRITTEN.store(traceback::written(), Ordering::Relaxed);
    let event = Sigevent::signal(signal, 0);
    let time = Itimerspec {
        value: Timespec::from_nanos(PATIENCE * 1_000_000_000),
        interval: Timespec::from_nanos(0),
    };
    // Without one there is only the first attempt.
    if let Ok(timer) = raw::timer_create(ClockId::MONOTONIC, Some(&event)) {
        let _ = raw::timer_settime(timer, TimerFlags::empty(), &time);
    }
}

/// Writes the dump and ends the process.
unsafe extern "C" fn dump(_: usize) {
    let (pc, thread) = (PC.load(Ordering::Relaxed), THREAD.load(Ordering::Relaxed));
    let code = CODE.load(Ordering::Relaxed);
    traceback::fatal_dump(&format!("SIGQUIT: quit\nPC={pc:#x} tid={thread} sigcode={code}"))
}

fn end() -> ! {
    if level() == Level::Crash { abort() } else { raw::exit_group(traceback::STATUS) }
}
