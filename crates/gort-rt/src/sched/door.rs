//! Doors: how a goroutine gets into the runtime.
//!
//! A goroutine's M may have lost its P while it was outside (`obj/hold.rs`). So whatever touches what
//! belongs to a P first opens a door: it raises `locks`, from when on the P cannot be taken and the
//! goroutine stays on its M, and then sees to it that there is a P, queueing for one if need be. It
//! is closed by lowering `locks` ([`slot::unlock`]).
//!
//! Doors within doors, and doors on g0, cost the same and find what is there.

use super::state::SCHED;
use super::worker::acquirep;
use super::{park, preempt};
use crate::obj::g::{G, current};
use crate::obj::hold::Taken;
use crate::obj::m;
use crate::obj::p::P;
use crate::prim::slot;
use crate::throw::throw;

/// Opens the door for `gp`, on which this is.
#[inline(always)]
pub(crate) fn open(gp: &'static G) -> &'static P {
    slot::lock();
    match gp.mp().p.held() {
        Ok(Some(pp)) => pp,
        _ => regain(gp, Line::of(gp)),
    }
}

/// Opens the door for whoever comes: no P for a thread that is not the runtime's, or has none.
#[inline(always)]
pub(crate) fn open_anywhere() -> Option<&'static P> {
    slot::lock();
    match m::current()?.p.held() {
        Ok(pp) => pp,
        Err(Taken) => current().map(|gp| regain(gp, Line::of(gp))),
    }
}

/// Where a goroutine queues for a P.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// With those who have waited for something.
    Waited,
    /// With the hogs.
    Hogs,
}

impl Line {
    /// Where `gp` belongs, which has come to a door by itself.
    fn of(gp: &'static G) -> Line {
        if preempt::is_hog(gp) { Line::Hogs } else { Line::Waited }
    }
}

/// `gp`, inside a door, comes by a P: an idle one; one that a hog has, if `gp` has waited for something;
/// or that of whoever takes it from the queue. What waits: the goroutine, in a global queue.
#[cold]
pub(crate) fn regain(gp: &'static G, line: Line) -> &'static P {
    if SCHED.is_forked() {
        return alone(gp);
    }
    let Some(pp) = idle().or_else(|| (line == Line::Waited).then(preempt::seize).flatten()) else {
        park::requeue(gp, line);
        return gp.mp().pp();
    };
    acquirep(gp.mp(), pp);
    // Whoever had it has run under another number.
    pp.schedtick.bump();
    pp
}

fn idle() -> Option<&'static P> {
    let mut lists = SCHED.lock();
    if SCHED.stopping() { None } else { lists.pidleget() }
}

/// In a child that a goroutine forked while it had no P: all of them are there to take.
fn alone(gp: &'static G) -> &'static P {
    let Some(pp) = SCHED.allp[0].get() else { throw("there is no P 0") };
    gp.mp().p.set(Some(pp));
    pp
}
