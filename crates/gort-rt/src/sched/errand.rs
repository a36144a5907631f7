//! What a signal's handler cannot do itself: start a thread, and wake goroutines. sysmon does it for him.
//!
//! Protocol: the handler leaves what is to be done, then wakes sysmon. sysmon, before it sleeps, makes
//! its note one that has not happened, then looks here. One of the two sees the other's: a full fence lies
//! between the steps of each.
//!
//! # Safety
//!
//! The word holds zero or the address of a function of the one type.

#![allow(unsafe_code)]

use super::state::SCHED;
use crate::host;
use crate::prim::{AtomicUsize, Ordering, fence};
use crate::sync;

type Errand = unsafe extern "C" fn(usize);

static ERRAND: AtomicUsize = AtomicUsize::new(0);

/// Has a new thread call `f(0)`, soon, on which all signals are blocked. Good in a signal's handler, once the
/// runtime has started; not again until `f` has been called.
///
/// # Safety
///
/// `f(0)` may be called on a new thread.
pub unsafe fn call_on_thread(f: unsafe extern "C" fn(usize)) {
    ERRAND.store(f as *const () as usize, Ordering::Relaxed);
    call();
}

/// Has sysmon look, once what it is to do has been left.
pub(crate) fn call() {
    // SeqCst: see the module.
    fence(Ordering::SeqCst);
    SCHED.sysmonwait.store(0, Ordering::Relaxed);
    SCHED.sysmonnote.wakeup();
}

/// Whether there is something to do. sysmon, after it has cleared its note.
pub(super) fn is_there() -> bool {
    // SeqCst: see the module.
    fence(Ordering::SeqCst);
    ERRAND.load(Ordering::Relaxed) != 0 || sync::is_noted()
}

/// Does it; if there is no thread to be had, tries again next time.
pub(super) fn run() {
    if !is_there() {
        return;
    }
    sync::wake_noted();
    if ERRAND.load(Ordering::Relaxed) == 0 {
        return;
    }
    // SAFETY: see the module.
    let f = unsafe { core::mem::transmute::<usize, Errand>(ERRAND.load(Ordering::Relaxed)) };
    // SAFETY: by the contract of `call_on_thread`.
    if unsafe { (host::get().start_thread)(f, 0) }.is_ok() {
        ERRAND.store(0, Ordering::Relaxed);
    }
}
