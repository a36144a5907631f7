//! The end, when an invariant of the runtime is broken. Go: `throw`, `fatalthrow`, `dopanic_m`.
//!
//! One line that says what and where, what all Ps and Ms do, what all goroutines do, then SIGABRT. Nothing
//! here allocates, unwinds, takes a lock or uses std: it works on any stack and in a signal handler.
//!
//! The first to come ends the process. Who else comes meanwhile waits for that; and whatever goes wrong on
//! the way, be it another throw or a fault for what the broken invariant has left, ends it at once.
//!
//! It works on a stack of its own: the one it was called on may have run out, or be a foreign thread's
//! signal stack, on which there is hardly room for the frame.
//!
//! # Safety
//!
//! The handler of faults during the end ends the process. The last stack is used by the thread that ends
//! it, which is one.

#![allow(unsafe_code)]

mod dump;

use crate::out::Out;
use crate::prim::{AtomicI32, AtomicU32, Ordering};
use crate::sched::schedtrace;
use core::cell::UnsafeCell;
use gort_sys::context::{sigframe, slot, switch};
use gort_sys::raw;
use gort_sys::types::{SaFlags, SigAction, SigHow, SigSet, Signal, Timespec};

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
    on_last_stack(&mut || {
        let mut out = Out::new();
        out.text("fatal error: gort: ");
        out.say(pieces);
        out.text("\n");
        // What comes next may be the end.
        out.flush();
        if TRACES.load(Ordering::Relaxed) != 0 {
            out.text("\n");
            schedtrace::at_the_end(&mut out);
            dump::write(&mut out);
        }
    });
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
    on_last_stack(&mut || {
        Out::new().text(text);
        if TRACES.load(Ordering::Relaxed) != 0 {
            match whose {
                Whose::Own(id) => dump::here(&mut Out::new(), id),
                Whose::All => dump::write(&mut Out::new()),
            }
        }
    });
    end()
}

/// From here on this thread ends the process. Another one that wants to waits for ever.
fn begin() {
    slot::lock();
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

/// SIGABRT, for whose handler this is called once, and if the program survives that, its end by exit
/// status 2.
pub(crate) fn abort() -> ! {
    static AGAIN: AtomicU32 = AtomicU32::new(0);
    if AGAIN.swap(1, Ordering::Relaxed) != 0 {
        // In its handler, which would be called again and again.
        // SAFETY: what a signal without a handler does.
        let _ = unsafe { raw::rt_sigaction(Signal::ABRT, Some(&SigAction::DEFAULT), None) };
    }
    // sysmon has blocked all signals.
    let _ = raw::rt_sigprocmask(SigHow::UNBLOCK, Some(&SigSet::EMPTY.with(Signal::ABRT)));
    let _ = raw::tgkill(raw::getpid(), raw::gettid(), Signal::ABRT);
    // A handler returned, or it is ignored.
    raw::exit_group(2)
}

/// How large the last stack is. What is not touched is no memory.
const STACK: usize = 256 << 10;

#[repr(C, align(16))]
struct LastStack(UnsafeCell<[u8; STACK]>);

// SAFETY: see the module.
unsafe impl Sync for LastStack {}

static LAST_STACK: LastStack = LastStack(UnsafeCell::new([0; STACK]));

/// Calls `f` there, from the thread that ends the process.
fn on_last_stack(mut f: &mut dyn FnMut()) {
    unsafe extern "C" fn call(f: usize) -> usize {
        // SAFETY: `on_last_stack` passes the address of its own argument.
        let f = unsafe { &mut *core::ptr::with_exposed_provenance_mut::<&mut dyn FnMut()>(f) };
        f();
        0
    }
    let (mut below, top) = (0, LAST_STACK.0.get().expose_provenance() + STACK);
    // SAFETY: nobody else runs there (`begin`), and gort-rt does not unwind.
    unsafe { switch::systemstack(call, (&raw mut f).expose_provenance(), top, &mut below) };
}
