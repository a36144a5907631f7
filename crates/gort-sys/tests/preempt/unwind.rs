//! Walking the stack from inside the call.
//!
//! # Safety
//!
//! `_Unwind_Backtrace` is libgcc's, and takes no lock on its way. The handlers walk the thread's own
//! stack.

#![allow(unsafe_code)]

use super::alone::alone;
use super::inject::{handle, hit, set_up, try_inject};
use super::step::TRAP_FLAG;
use super::support::watchdog;
use gort_sys::context::preempt::{Saved, in_range};
use gort_sys::context::sigframe::SignalFrame;
use gort_sys::context::slot;
use gort_sys::raw;
use gort_sys::types::{SigInfo, Signal};
use std::arch::{asm, naked_asm};
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::hint::black_box;
use std::sync::OnceLock;

/// The trace, of the first time.
static TRACE: OnceLock<Backtrace> = OnceLock::new();

/// Spins until there is one; signals hit it here.
#[inline(never)]
fn interrupted_here() -> u64 {
    let mut spins = 0u64;
    while TRACE.get().is_none() {
        spins = black_box(spins) + 1;
    }
    spins
}

#[test]
fn a_backtrace_shows_who_was_interrupted() {
    watchdog();
    set_up();
    let (process, thread) = (raw::getpid(), raw::gettid());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            while TRACE.get().is_none() {
                raw::tgkill(process, thread, Signal::URG).unwrap();
            }
        });
        let capture = |_: &mut Saved| {
            TRACE.get_or_init(Backtrace::force_capture);
        };
        hit(capture, interrupted_here);
    });
    let trace = TRACE.get().unwrap().to_string();
    let mut rest = &trace[..];
    for name in ["clobber", "async_preempt", "interrupted_here", "a_backtrace_shows_who"] {
        rest =
            rest.split_once(name).unwrap_or_else(|| panic!("no {name}, or too late:\n{trace}")).1;
    }
}

unsafe extern "C" {
    fn _Unwind_Backtrace(
        each: extern "C" fn(*mut c_void, &mut Walk) -> c_int,
        walk: &mut Walk,
    ) -> c_int;
    safe fn _Unwind_GetIP(frame: *mut c_void) -> usize;
}

/// The program counters of the frames, from the innermost.
#[repr(C)]
struct Walk {
    frames: [usize; 128],
    len: usize,
}

impl Walk {
    const EMPTY: Walk = Walk { frames: [0; 128], len: 0 };

    /// From the frame at `pc` outwards.
    fn from(pc: usize) -> Walk {
        extern "C" fn each(frame: *mut c_void, walk: &mut Walk) -> c_int {
            let pc = _Unwind_GetIP(frame);
            if (walk.len > 0 || pc == walk.frames[0]) && walk.len < walk.frames.len() {
                walk.frames[walk.len] = pc;
                walk.len += 1;
            }
            0
        }
        let mut walk = Walk::EMPTY;
        walk.frames[0] = pc;
        // SAFETY: see the module.
        unsafe { _Unwind_Backtrace(each, &mut walk) };
        walk
    }

    fn frames(&self) -> &[usize] {
        &self.frames[..self.len]
    }
}

thread_local! {
    /// From the interrupted function, before the call.
    static BEFORE: RefCell<Walk> = const { RefCell::new(Walk::EMPTY) };
    static BEGUN: Cell<bool> = const { Cell::new(false) };
    /// At how many instructions the walk was the same behind the call's frame, and where it was not.
    static SAME: Cell<usize> = const { Cell::new(0) };
    static OTHER: Cell<usize> = const { Cell::new(0) };
}

/// Its second instruction is where the call is injected. One byte before, where unwinders look up a
/// return address, walks end.
#[unsafe(naked)]
unsafe extern "C" fn leaf() {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined rip",
        "nop",
        ".cfi_offset rip, -8",
        "nop",
        "ret",
        ".cfi_endproc",
    )
}

/// Steps to the leaf, injects there, and steps through the call.
extern "C" fn on_trap(_: i32, _: &SigInfo, frame: &mut SignalFrame) {
    let pc = frame.pc();
    if in_range(pc) {
        let walk = Walk::from(pc);
        let same = BEFORE.with(|before| walk.frames().get(1..) == Some(before.borrow().frames()));
        if same {
            SAME.set(SAME.get() + 1);
        } else {
            OTHER.set(pc);
        }
    } else if pc == leaf as *const () as usize + 1 && !BEGUN.replace(true) {
        BEFORE.with(|walk| *walk.borrow_mut() = Walk::from(pc));
        assert!(try_inject(frame));
    } else if BEGUN.get() && slot::locks() == 0 {
        // SAFETY: nobody depends on this flag.
        unsafe { frame.set_flags(frame.flags() & !TRAP_FLAG) };
    }
}

#[test]
fn every_instruction_of_the_call_can_be_walked_through() {
    alone("unwind::every_instruction_of_the_call_can_be_walked_through", || {
        watchdog();
        set_up();
        handle(Signal::TRAP, on_trap);
        let second = leaf as *const () as usize + 1;
        // SAFETY: the leaf can be begun there as well.
        let leaf = unsafe { std::mem::transmute::<usize, extern "C" fn()>(second) };
        let step = || {
            // SAFETY: the handler ends the stepping.
            unsafe { asm!("pushfq", "or qword ptr [rsp], {}", "popfq", const TRAP_FLAG) };
            leaf();
        };
        hit(|_| (), step);
        let depth = BEFORE.with(|walk| walk.borrow().len);
        assert!(depth > 3, "the walk from outside has {depth} frames");
        assert_eq!(OTHER.get(), 0, "at this address the walk goes wrong");
        assert!(SAME.get() > 60, "{} instructions", SAME.get());
    });
}
