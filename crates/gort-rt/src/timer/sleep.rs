//! A goroutine sleeps. Go: `timeSleep`, `resetForSleep`.
//!
//! Its timer is its own, and stays with it: it comes from the pool when the goroutine first sleeps.
//!
//! # Safety
//!
//! What the commit is given lies on the stack of the goroutine that has just parked, and is not touched
//! once somebody can ready it.

#![allow(unsafe_code)]

use super::{deadline, pool, set};
use crate::obj::g::{G, current};
use crate::prim::Ordering;
use crate::sched::park::{WaitReason, gopark};
use crate::sched::state::SCHED;
use core::cell::Cell;
use gort_sys::Errno;

/// What a goroutine that goes to sleep leaves behind.
struct Bed {
    when: u64,
    failed: Cell<Option<Errno>>,
}

/// Parks the goroutine for `nanos` nanoseconds or a little longer. Go: `time.Sleep`.
///
/// # Errors
///
/// `ENOMEM` when there is no memory for the timer, `ESRCH` when there is no goroutine that could be
/// parked. It has not slept then.
pub fn sleep(nanos: u64) -> Result<(), Errno> {
    let forked = SCHED.forked.load(Ordering::Relaxed) != 0;
    let gp = current().filter(|_| !forked).ok_or(Errno::ESRCH)?;
    if gp.timer.is_none() {
        let timer = pool::take()?;
        timer.init(None, core::ptr::from_ref(gp).expose_provenance(), 0);
        gp.timer.set(Some(timer));
    }
    let bed = Bed { when: deadline(nanos), failed: Cell::new(None) };
    gopark(commit, core::ptr::from_ref(&bed).expose_provenance(), WaitReason::Sleep);
    bed.failed.get().map_or(Ok(()), Err)
}

/// The goroutine is off its stack: the timer may ready it.
fn commit(gp: &'static G, bed: usize) -> bool {
    // SAFETY: see the module.
    let bed = unsafe { &*core::ptr::with_exposed_provenance::<Bed>(bed) };
    let Some(timer) = gp.timer.get() else { return false };
    match set(timer, bed.when) {
        Ok(_) => true,
        Err(errno) => {
            bed.failed.set(Some(errno));
            false
        }
    }
}
