//! Injecting into the running thread: who may be hit, where, and what is called then.
//!
//! # Safety
//!
//! Only a thread inside [`hit`] is injected into, only in the test program's own text, and its handlers
//! run on a signal stack that lives as long. What is called then is a function of these tests.

#![allow(unsafe_code)]

use super::away::Elsewhere;
use super::clobber::{clobber, learn};
use gort_sys::context::preempt::{self, Form, Saved};
use gort_sys::context::sigframe::{self, SignalFrame};
use gort_sys::context::{slot, switch};
use gort_sys::raw;
use gort_sys::types::{SaFlags, SigAction, SigInfo, SigSet, SigStack, SigStackFlags, Signal};
use std::arch::asm;
use std::cell::Cell;
use std::ops::Range;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

thread_local! {
    // Constants without destructors: plain words, which a handler may use.
    /// What is called in this thread; none outside of [`hit`].
    static HOOK: Cell<Option<Hook>> = const { Cell::new(None) };
    /// How often that was.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// What a test does in the middle of its interrupted code, before everything is destroyed.
pub(crate) type Hook = fn(&mut Saved);

/// Whether this program's own text uses no more than SSE, so that what libc has left in the wider
/// registers does not matter.
static NARROW: AtomicBool = AtomicBool::new(false);

/// From [`clobber`].
pub(crate) extern "C" fn called(saved: &mut Saved) {
    assert_eq!(slot::locks(), 1);
    assert_eq!(control(), (0x400, 0x37f, 0, 0x1f80), "what every function may expect");
    COUNT.set(COUNT.get() + 1);
    HOOK.get().expect("nobody else is injected into")(saved);
}

/// The direction flag turned round, x87's control and status words, MXCSR.
fn control() -> (u64, u16, u16, u32) {
    let (mut flags, mut control, mut status, mut mxcsr) = (0u64, 0u16, 0u16, 0u32);
    // SAFETY: stores to these four.
    unsafe {
        asm!(
            "pushfq",
            "pop [{0}]",
            "fnstcw [{1}]",
            "fnstsw [{2}]",
            "stmxcsr [{3}]",
            in(reg) &mut flags, in(reg) &mut control, in(reg) &mut status, in(reg) &mut mxcsr,
        );
    }
    (!flags & 0x400, control, status, mxcsr)
}

/// How often this thread was injected into.
pub(crate) fn count() -> u64 {
    COUNT.get()
}

/// Whether this thread is in [`hit`].
pub(crate) fn open() -> bool {
    HOOK.get().is_some()
}

/// The program's own code, as the linker says.
pub(crate) fn text() -> Range<usize> {
    unsafe extern "C" {
        safe static __executable_start: u8;
        safe static etext: u8;
    }
    (&raw const __executable_start).addr()..(&raw const etext).addr()
}

/// What a runtime's handler does, but for its policy. Whether it has injected.
pub(crate) fn try_inject(frame: &mut SignalFrame) -> bool {
    let yes = open()
        && slot::locks() == 0
        && text().contains(&frame.pc())
        && !preempt::in_range(frame.pc())
        && (preempt::saves_all(frame) || NARROW.load(Relaxed));
    if yes {
        slot::lock();
        // SAFETY: the conditions above; threads of tests have deep stacks.
        unsafe { preempt::inject(frame) };
    }
    yes
}

extern "C" fn on_urgent(_: i32, _: &SigInfo, frame: &mut SignalFrame) {
    try_inject(frame);
}

/// A handler's type.
pub(crate) type Handler = extern "C" fn(i32, &SigInfo, &mut SignalFrame);

pub(crate) fn handle(signal: Signal, handler: Handler) {
    let action = SigAction {
        handler: handler as *const () as usize,
        flags: SaFlags::SIGINFO | SaFlags::ONSTACK | SaFlags::RESTART | SaFlags::RESTORER,
        restorer: sigframe::restorer(),
        mask: SigSet::FULL,
    };
    // SAFETY: the handler has the signature of one; the restorer is one.
    unsafe { raw::rt_sigaction(signal, Some(&action), None) }.unwrap();
}

/// Sets up once a process.
pub(crate) fn set_up() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| set_up_as(Form::detect()));
}

/// Sets up with this way to save, in a process where nothing is injected.
pub(crate) fn set_up_as(form: Form) {
    const FSGSBASE: u64 = 1 << 1;
    // SAFETY: only looks a number up.
    switch::set_fsgsbase(unsafe { libc::getauxval(libc::AT_HWCAP2) } & FSGSBASE != 0);
    learn(form);
    NARROW.store(form == Form::Fxsave, Relaxed);
    // SAFETY: the tests ask for what `detect` gives, or for less.
    unsafe { preempt::setup(form, clobber) };
    handle(Signal::URG, on_urgent);
    let report = std::panic::take_hook();
    // Panics are work, too.
    std::panic::set_hook(Box::new(move |info| {
        if info.location().is_none_or(|location| !location.file().ends_with("work.rs")) {
            report(info);
        }
    }));
}

/// Runs `body`, in which this thread is injected into at every `SIGURG`, with `hook` called each time.
pub(crate) fn hit<T>(hook: Hook, body: impl FnOnce() -> T) -> T {
    let _elsewhere = Elsewhere::new();
    let _closed = Open::new(hook);
    body()
}

/// While it lives, the thread may be hit.
struct Open {
    before: SigStack,
    _stack: Vec<u8>,
}

impl Open {
    fn new(hook: Hook) -> Open {
        const LEN: usize = 256 << 10;
        let mut stack = vec![0u8; LEN];
        let new = SigStack { base: stack.as_mut_ptr(), flags: SigStackFlags::empty(), len: LEN };
        let mut before = SigStack::NONE;
        // SAFETY: replaced by `drop` before it is freed.
        unsafe { raw::sigaltstack(Some(&new), Some(&mut before)) }.unwrap();
        HOOK.set(Some(hook));
        Open { before, _stack: stack }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        HOOK.set(None);
        // SAFETY: what was there before.
        unsafe { raw::sigaltstack(Some(&self.before), None) }.unwrap();
    }
}
