//! Firing the timers that are due. Go: `checkTimers`, `goroutineReady`.
//!
//! # Safety
//!
//! The argument of a timer without a function is the address of its goroutine (`timer/sleep.rs`), which
//! waits for it.

#![allow(unsafe_code)]

use super::latency;
use super::state::{SCHED, runqput};
use super::wake::wakep;
use crate::obj::g::G;
use crate::obj::p::P;
use crate::timer::{NEVER, Timers};
use gort_sys::vdso::nanotime;

/// Timers fired at a time, before anything else gets its turn.
const LIMIT: usize = 256;

/// Whether some of them are due.
#[inline]
pub(crate) fn is_due(timers: &Timers) -> bool {
    let next = timers.next();
    next != NEVER && next <= nanotime()
}

/// Fires those of `timers` that are due by now, if any. `pp` is the P of the M on which this is, if
/// it has one: the M looks into its queue next. Go: `timers.check`.
#[inline]
pub(crate) fn fire_due(timers: &Timers, pp: &'static P) {
    if is_due(timers) {
        fire(timers, Some(pp), nanotime());
    }
}

/// The same for those of all Ps.
pub(crate) fn fire_all(pp: Option<&'static P>, now: u64) {
    for owner in SCHED.ps() {
        if owner.timers.next() <= now {
            fire(&owner.timers, pp, now);
        }
    }
}

/// Fires those of `timers` that are due by `now`, and returns how many that were.
pub(crate) fn fire(timers: &Timers, pp: Option<&'static P>, now: u64) -> usize {
    let mut woken = 0;
    let fired = timers.run(now, LIMIT, |gp| {
        // SAFETY: see the module; Gs are never freed.
        ready(unsafe { &*core::ptr::with_exposed_provenance::<G>(gp) }, pp, woken == 0);
        woken += 1;
    });
    // The first is for the M on which this is.
    if woken > usize::from(pp.is_some()) {
        wakep();
    }
    fired
}

/// As [`goready`](super::park::goready), without seeing to it that somebody runs it. `first`: in front
/// of the queue.
fn ready(gp: &'static G, pp: Option<&'static P>, first: bool) {
    gp.status.readied();
    latency::queued(pp, gp);
    match pp {
        Some(pp) => runqput(pp, gp, first),
        None => SCHED.lock().globrunqput_urgent(gp),
    }
}
