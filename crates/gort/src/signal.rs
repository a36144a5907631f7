//! Signals that come to the process, as values in channels. Go: `os/signal`.
//!
//! ```
//! use gort::signal::{self, Signal};
//! gort::run(|| {
//!     let signals = signal::notify(&[Signal::USR1]);
//!     # std::process::Command::new("kill").args(["-USR1", &std::process::id().to_string()]).status().unwrap();
//!     // ... until somebody sends one: kill -USR1
//!     assert_eq!(signals.recv(), Ok(Signal::USR1));
//!     signal::reset(&[Signal::USR1]);
//! });
//! ```
//!
//! A server that ends in order when it is told to waits for `SIGTERM` and `SIGINT` in a goroutine, or in
//! a `select!` with what else can happen.
//!
//! # How
//!
//! The handler sets the signal's bit in a word, and adds to an eventfd. A goroutine sits at that, parked
//! in the poller, so that nothing runs as long as no signal comes, and sends on to the channels. The
//! goroutine is one that [`num_goroutine`](crate::runtime::num_goroutine) counts; it is started by the
//! first [`notify`] and stays.
//!
//! # Which
//!
//! An empty list of signals stands for all that there are, as in Go; real-time signals are `Signal(34)`
//! and so on. Not to be had are `SIGKILL` and `SIGSTOP`; `SIGSEGV`, `SIGBUS`, `SIGFPE`, `SIGILL` and
//! `SIGTRAP`, which say that the program is broken; `SIGURG`, by which goroutines are pre-empted; and 32
//! and 33, which are libc's own.
//!
//! # Safety
//!
//! The handler runs on any thread between any two instructions, with any goroutine's thread pointer: it
//! changes an atomic word and makes one system call.

#![allow(unsafe_code)]

use crate::chan::{Receiver, Sender, TrySendError, bounded};
use crate::polled::Polled;
use crate::sync::Mutex;
use gort_sys::context::sigframe;
use gort_sys::raw;
use gort_sys::types::{EventfdFlags, SaFlags, SigAction, SigHow, SigSet};
use std::cell::Cell;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

#[doc(no_inline)]
pub use gort_sys::types::Signal;

/// How many signals a channel holds for a receiver that does not come to receive them.
const ROOM: usize = 64;

/// What nobody can have.
const REFUSED: [Signal; 10] = [
    Signal::KILL,
    Signal::STOP,
    Signal::SEGV,
    Signal::BUS,
    Signal::FPE,
    Signal::ILL,
    Signal::TRAP,
    Signal::URG,
    Signal(32),
    Signal(33),
];

/// Signals that have come and are not sent on yet: bit 0 is signal 1.
static PENDING: AtomicU64 = AtomicU64::new(0);

/// The eventfd; -1 before there is one.
static EVENT: AtomicI32 = AtomicI32::new(-1);

static STATE: Mutex<State> = Mutex::new(State { receivers: Vec::new(), before: [None; 64] });

struct State {
    /// Who wants which.
    receivers: Vec<(SigSet, Sender<Signal>)>,
    /// For each signal that is notified of or ignored, what was done on it before.
    before: [Option<SigAction>; 64],
}

/// A channel in which these signals arrive from now on, instead of what happens on them otherwise. For
/// no signals, all that there are. Go: `signal.Notify`.
///
/// Every channel that wants a signal gets it. As with Go's, nobody waits for a receiver: there is room
/// for 64 signals, and what does not fit is lost; so is a signal that comes again before the
/// first has been sent on, as it is in the kernel. When all receivers of a channel have been dropped, it
/// is as if it had never been; what was done on a signal before [`notify`] is done again with the first
/// that comes when nobody wants it any more.
///
/// # Panics
///
/// For a signal that is not to be had, or is none; when the runtime cannot run on this system, or there is
/// no descriptor or memory for what it needs.
#[must_use]
pub fn notify(signals: &[Signal]) -> Receiver<Signal> {
    if let Err(error) = listen() {
        panic!("gort::signal::notify: {error}");
    }
    let set = checked(signals, "notify");
    let (sender, receiver) = bounded(ROOM);
    let mut state = STATE.lock();
    state.receivers.push((set, sender));
    for signal in members(set) {
        let action = SigAction {
            handler: handler as *const () as usize,
            flags: SaFlags::ONSTACK | SaFlags::RESTART | SaFlags::RESTORER,
            restorer: sigframe::restorer(),
            mask: SigSet::FULL,
        };
        state.replace(signal, &action);
    }
    receiver
}

/// Nothing happens on these signals from now on, and those who were notified are not any more. For no
/// signals, all that there are. Go: `signal.Ignore`.
///
/// Processes that are started from now on ignore them, too.
///
/// # Panics
///
/// For a signal that is not to be had, or is none.
pub fn ignore(signals: &[Signal]) {
    let set = checked(signals, "ignore");
    let mut state = STATE.lock();
    for signal in members(set) {
        state.replace(signal, &SigAction::IGNORE);
    }
    state.forget(set);
}

/// Undoes [`notify`] and [`ignore`]: those who were notified of these signals are not any more, and what
/// happened on them before happens again, also on one that is on its way to a thread just now. For no
/// signals, all that there are. Go: `signal.Reset`.
///
/// # Panics
///
/// For a signal that is not to be had, or is none.
pub fn reset(signals: &[Signal]) {
    let set = checked(signals, "reset");
    let mut state = STATE.lock();
    for signal in members(set) {
        state.restore(signal);
    }
    state.forget(set);
}

fn members(set: SigSet) -> impl Iterator<Item = Signal> {
    (1..=64).map(Signal).filter(move |signal| set.contains(*signal))
}

fn checked(signals: &[Signal], what: &str) -> SigSet {
    let all = REFUSED.iter().fold(SigSet::FULL, |all, signal| all.without(*signal));
    if signals.is_empty() {
        return all;
    }
    signals.iter().fold(SigSet::EMPTY, |set, signal| {
        assert!(all.contains(*signal), "gort::signal::{what}: {signal} is not to be had");
        set.with(*signal)
    })
}

impl State {
    /// Sets what happens on a signal, and keeps what did.
    fn replace(&mut self, signal: Signal, action: &SigAction) {
        let mut old = SigAction::DEFAULT;
        // SAFETY: `action` is a handler that is good in one, or none.
        if unsafe { raw::rt_sigaction(signal, Some(action), Some(&mut old)) }.is_ok() {
            self.before[signal.0 as usize - 1].get_or_insert(old);
        }
    }

    /// What happened before happens again.
    fn restore(&mut self, signal: Signal) {
        if let Some(before) = self.before[signal.0 as usize - 1].take() {
            // SAFETY: it was installed before.
            let _ = unsafe { raw::rt_sigaction(signal, Some(&before), None) };
        }
    }

    /// Nobody wants these any more, nor those that have come.
    fn forget(&mut self, set: SigSet) {
        PENDING.fetch_and(!set.0, Ordering::Relaxed);
        for (wanted, _) in &mut self.receivers {
            wanted.0 &= !set.0;
        }
        self.receivers.retain(|(wanted, _)| *wanted != SigSet::EMPTY);
    }

    /// Sends it to all who want it. Finds out who has dropped all receivers.
    fn send(&mut self, signal: Signal) {
        let mut dropped = SigSet::EMPTY;
        self.receivers.retain(|(wanted, sender)| {
            let gone = wanted.contains(signal)
                && matches!(sender.try_send(signal), Err(TrySendError::Disconnected(_)));
            if gone {
                dropped.0 |= wanted.0;
            }
            !gone
        });
        for (wanted, _) in &self.receivers {
            dropped.0 &= !wanted.0;
        }
        for signal in members(dropped) {
            self.restore(signal);
        }
        if dropped.contains(signal) {
            let _ = raw::kill(raw::getpid(), signal);
        }
    }
}

unsafe extern "C" fn handler(signal: Signal) {
    // AcqRel: with the swap of who sends on.
    let before = PENDING.fetch_or(1 << (signal.0 - 1), Ordering::AcqRel);
    if before == 0 {
        // SAFETY: it was stored before this was installed, and is never closed.
        let event = unsafe { BorrowedFd::borrow_raw(EVENT.load(Ordering::Relaxed)) };
        let _ = raw::write(event, &1u64.to_ne_bytes());
    }
}

thread_local! {
    /// In [`starting`]: the signal mask, which a fork changes meanwhile.
    static MASK: Cell<Option<SigSet>> = const { Cell::new(None) };
}

/// Runs `spawn`, which starts a child with another program, maybe by fork. Until that program runs the
/// child would have our handler, which does nothing for it. So between the fork and the time when the
/// child has put that right signals are blocked. (`posix_spawn` sees to it by itself.) On one thread,
/// in C. Go: `runtime_BeforeFork`, `runtime_AfterForkInChild`.
pub(crate) fn starting<R>(spawn: impl FnOnce() -> R) -> R {
    // Only asks.
    MASK.set(raw::rt_sigprocmask(SigHow::BLOCK, None).ok());
    let result = spawn();
    MASK.set(None);
    result
}

/// Before a fork.
pub(crate) fn before_fork() {
    if MASK.get().is_some() {
        let _ = raw::rt_sigprocmask(SigHow::BLOCK, Some(&SigSet::FULL));
    }
}

/// After it, in the parent.
pub(crate) fn after_fork() {
    if let Some(before) = MASK.get() {
        let _ = raw::rt_sigprocmask(SigHow::SETMASK, Some(&before));
    }
}

/// After it, in the child: what others are notified of is nothing to it. Go: `clearSignalHandlers`.
pub(crate) fn in_child() {
    if MASK.get().is_none() {
        return;
    }
    for signal in members(SigSet::FULL) {
        let mut now = SigAction::DEFAULT;
        // SAFETY: only asks, and then takes a handler away.
        unsafe {
            let asked = raw::rt_sigaction(signal, None, Some(&mut now));
            if asked.is_ok() && now.handler == handler as *const () as usize {
                let _ = raw::rt_sigaction(signal, Some(&SigAction::DEFAULT), None);
            }
        }
    }
    after_fork();
}

/// Starts the goroutine that sends on, once.
fn listen() -> io::Result<()> {
    static STARTED: Mutex<bool> = Mutex::new(false);
    let mut started = STARTED.lock();
    if *started {
        return Ok(());
    }
    let event = raw::eventfd2(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    let number = event.as_raw_fd();
    let event = Polled::new(event)?;
    crate::Builder::new().name("signals".into()).spawn(move || send_on(&event))?;
    EVENT.store(number, Ordering::Relaxed);
    *started = true;
    Ok(())
}

/// What waits: the goroutine, for the eventfd.
fn send_on(event: &Polled<OwnedFd>) {
    loop {
        let come = event.read(|event| Ok(raw::read(event, &mut [0; 8])?));
        debug_assert!(come.is_ok(), "{come:?}");
        let mut state = STATE.lock();
        // AcqRel: with the handler's.
        let set = SigSet(PENDING.swap(0, Ordering::AcqRel));
        for signal in members(set) {
            state.send(signal);
        }
    }
}
