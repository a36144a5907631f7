//! The thread that starts threads for those that must not. Go: `templateThread`.
//!
//! A new thread inherits its maker's signal mask, affinity, namespaces and the like. A goroutine
//! locks itself to its thread in order to change just these, so Ms are not made there, but here: by
//! a thread that is started before the first goroutine is locked, runs nothing, and owns nothing.
//!
//! # Safety
//!
//! The thread's argument is not used.

#![allow(unsafe_code)]

use super::state::SCHED;
use super::wake;
use crate::host;
use crate::lock::Note;
use crate::obj::m::{self, M};
use crate::prim::{AtomicU32, Ordering};

const NONE: u32 = 0;
const STARTING: u32 = 1;
const STARTED: u32 = 2;

static STATE: AtomicU32 = AtomicU32::new(NONE);
static WORK: Note = Note::new();

/// Makes there be one, if the machine gives a thread for it. Before a goroutine is locked. Go:
/// `startTemplateThread`.
pub(super) fn ensure() {
    if STATE.load(Ordering::Relaxed) != NONE
        || STATE.compare_exchange(NONE, STARTING, Ordering::Relaxed, Ordering::Relaxed).is_err()
    {
        return;
    }
    // SAFETY: `run` may be called on a new thread.
    let started = unsafe { (host::get().start_thread)(run, 0) }.is_ok();
    STATE.store(if started { STARTED } else { NONE }, Ordering::Relaxed);
}

/// Whether it is there, for good.
pub(super) fn is_there() -> bool {
    STATE.load(Ordering::Relaxed) == STARTED
}

/// Has `mp`'s thread started from here if the caller's thread is locked; whether it is so. Without
/// a template the caller has to do it after all.
pub(super) fn take_over(mp: &'static M) -> bool {
    let locked = m::current().is_some_and(|here| !here.lockedg.is_none());
    if !locked || !is_there() {
        return false;
    }
    SCHED.lock().mstarting.push(mp);
    WORK.wakeup();
    true
}

unsafe extern "C" fn run(_: usize) {
    loop {
        WORK.sleep();
        // What is entered after this wakes us again; what was entered before is in the list.
        WORK.clear();
        while let Some(mp) = next() {
            wake::launch(mp);
        }
    }
}

fn next() -> Option<&'static M> {
    SCHED.lock().mstarting.pop()
}
