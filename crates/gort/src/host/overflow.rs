//! A stack that has run out.
//!
//! # Safety
//!
//! The handler runs on the M's signal stack, with the goroutine's own thread-local storage. For any
//! fault that is not in the running goroutine's guard it does what the handler before it does.

#![allow(unsafe_code)]

use super::chain::Chain;
use super::thread;
use crate::runtime::Title;
use crate::traceback::level;
use gort_rt::Whose;
use gort_sys::context::sigframe::SignalFrame;
use gort_sys::raw;
use gort_sys::types::{SigAction, SigInfo, SigSet, Signal};
use std::io::{self, Write};

static FAULTS: [Chain; 2] = [Chain::new(Signal::SEGV), Chain::new(Signal::BUS)];

/// Installs the handler, once.
pub(super) fn install() -> io::Result<()> {
    for fault in &FAULTS {
        // SAFETY: `handler` is good in a handler.
        unsafe { fault.install(handler, SigSet::EMPTY)? };
    }
    Ok(())
}

unsafe extern "C" fn handler(signal: Signal, info: *mut SigInfo, frame: *mut SignalFrame) {
    // SAFETY: the kernel passes a valid siginfo.
    let address = unsafe { (*info).address() };
    if let Some(gp) = gort_rt::current()
        && let Some(room) = gp.room()
        && (room.lo..room.lo + room.guard).contains(&address)
    {
        let size = room.hi - room.lo - room.guard;
        report(gp.id(), gp.name_here(), "", size, "Builder::stack_size, or all by GORT_STACK");
    }
    if let Some((gp, lo, hi)) = gort_rt::in_c()
        && (lo - thread::GUARD..lo).contains(&address)
    {
        report(gp.id(), None, " in C", hi - lo, "gort::ffi::set_stack_size");
    }
    for fault in FAULTS.iter().filter(|fault| fault.signal() == signal) {
        // SAFETY: the same arguments. Without a handler the fault comes again, and does what it does
        // by default.
        unsafe {
            if !fault.pass_on(info, frame) {
                let _ = raw::rt_sigaction(signal, Some(&SigAction::DEFAULT), None);
            }
        }
    }
}

/// Says whose stack it was, how large, and where; then aborts.
fn report(id: u64, name: Option<&str>, place: &str, size: usize, remedy: &str) -> ! {
    let mut line = [0u8; 512];
    let mut rest = &mut line[..];
    let (who, size) = (Title(id, name), size >> 10);
    let _ = writeln!(
        rest,
        "\n{who} stack overflow{place}: it has {size} KiB; give it more by {remedy}"
    );
    let left = rest.len();
    let line = &line[..line.len() - left];
    // A name that does not fit is cut, be it in the middle of a character.
    let line = str::from_utf8(line).or_else(|cut| str::from_utf8(&line[..cut.valid_up_to()]));
    let whose = if level().is_all() { Whose::All } else { Whose::Own(id) };
    gort_rt::last_words(line.unwrap_or_default(), whose, || std::process::abort())
}
