//! Injection at every instruction, by single-stepping.
//!
//! # Safety
//!
//! The trap flag changes nothing but that `SIGTRAP` comes after each instruction; its handler turns it
//! off outside of `hit`.

#![allow(unsafe_code)]

use super::away::away;
use super::inject::{count, handle, hit, open, set_up, try_inject};
use super::support::watchdog;
use super::work::WORK;
use gort_sys::context::preempt::Saved;
use gort_sys::context::sigframe::SignalFrame;
use gort_sys::types::{SigInfo, Signal};
use std::arch::asm;
use std::cell::Cell;
use std::hint::black_box;

/// Has the CPU trap after the next instruction.
pub(crate) const TRAP_FLAG: usize = 1 << 8;

thread_local! {
    /// Where this thread was injected into last: there it now goes on.
    static DONE: Cell<usize> = const { Cell::new(0) };
}

pub(crate) extern "C" fn on_trap(_: i32, _: &SigInfo, frame: &mut SignalFrame) {
    let pc = frame.pc();
    // What is called is not stepped through: `step_on` sets the flag again.
    if !open() || (DONE.replace(0) != pc && try_inject(frame)) {
        DONE.set(pc);
        // SAFETY: nobody depends on this flag.
        unsafe { frame.set_flags(frame.flags() & !TRAP_FLAG) };
    }
}

/// A hook.
pub(crate) fn step_on(saved: &mut Saved) {
    away(saved);
    // SAFETY: as above.
    unsafe { saved.set_flags(saved.flags() | TRAP_FLAG) };
}

/// Runs `body` with an injection at every instruction; how many that were.
fn stepped<T>(body: impl FnOnce() -> T) -> (T, u64) {
    let before = count();
    let result = hit(step_on, || {
        // SAFETY: as above.
        unsafe { asm!("pushfq", "or qword ptr [rsp], {}", "popfq", const TRAP_FLAG) };
        let result = body();
        // SAFETY: as above.
        unsafe { asm!("pushfq", "and qword ptr [rsp], {}", "popfq", const !TRAP_FLAG as isize) };
        result
    });
    (result, count() - before)
}

#[test]
fn results_are_exact_with_a_call_at_every_instruction() {
    watchdog();
    set_up();
    handle(Signal::TRAP, on_trap);
    for work in WORK.iter().filter(|work| work.possible()) {
        let rounds = work.steps * if cfg!(debug_assertions) { 1 } else { 4 };
        let want = (work.run)(rounds);
        let (got, steps) = stepped(|| (work.run)(black_box(rounds)));
        println!("{}: {steps} instructions", work.name);
        assert!(steps > 100, "{}: only {steps} instructions", work.name);
        assert_eq!(got, want, "{}", work.name);
    }
}
