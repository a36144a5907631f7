//! The end of goroutines. Go: `goexit0`, `gdestroy`, `gfput`.
//!
//! # When there is no memory for stacks
//!
//! A goroutine that cannot be given one waits in `starved` for one that another leaves. `nstarved` says
//! that somebody is there; both change under the scheduler's lock. A free stack must not stay where
//! nobody looks. It can be
//!
//! - in the common list: who starves looks there when it has entered itself ([`starve`]), who puts one
//!   there looks at `nstarved` afterwards; the list's lock orders the two, so one sees the other;
//! - with an idle P: who starves looks at those, and a P becomes idle under the same lock
//!   ([`pass_on`]);
//! - with a P that runs: its M looks at `nstarved` after each goroutine's end and each time that it
//!   comes through g0 ([`share`]). Without a fence it can overlook it; but then it looks again, at the
//!   latest before the P is idle, and it gets there because sysmon takes the time from a goroutine for
//!   which others starve.

use super::spawn;
use super::state::{Lists, SCHED};
use super::wake::wakep;
use crate::obj::g::G;
use crate::obj::p::P;
use crate::prim::Ordering;
use crate::stack;
use crate::throw::throw;

/// Takes a goroutine apart that is off its stack for good. The caller owns `pp`. Go: `gdestroy`.
pub(crate) fn gdestroy(pp: &'static P, gp: &'static G) {
    gp.status.died();
    unlock(gp);
    if let Some(slot) = gp.slot.take() {
        pp.slots.put(slot);
    }
    pp.exited.bump();
    if gp.done.bury() {
        spawn::gfput(pp, gp);
    }
    if SCHED.nstarved.load(Ordering::Relaxed) != 0 {
        feed(pp.slots.clear().max(1));
    }
}

/// Takes the goroutine of a foreign thread apart, which is in C.
pub(super) fn disown(gp: &'static G) {
    gp.status.exitsyscall();
    gp.status.died();
    gp.syscallsp.set(0);
    unlock(gp);
    if let Some(slot) = gp.slot.take() {
        stack::put_global(slot);
    }
    spawn::gfput_global(gp);
    if SCHED.nstarved.load(Ordering::Relaxed) != 0 {
        feed(1);
    }
}

/// What is locked to it the other way round sees to its own end (`worker::mexit`).
fn unlock(gp: &'static G) {
    if gp.lockedm.take().is_some() {
        gp.lock_count.set(0);
    }
}

/// There is no memory for `gp`'s stack: it waits until another goroutine has left its own. If there
/// is no other, that is the end.
#[cold]
pub(crate) fn starve(gp: &'static G) {
    let lists = SCHED.lock();
    lists.starved.push_back(gp);
    let starved = lists.starved.len();
    SCHED.nstarved.store(starved, Ordering::Relaxed);
    // Under the lock, for those in the list stay there.
    let alone = starved >= super::figures::numgoroutine();
    let idle: usize = lists.pidle.iter().map(|pp| pp.slots.clear()).sum();
    drop(lists);
    match stack::count_free(gp.shares_tls()) + idle {
        0 if alone => {
            throw("no memory for a goroutine's stack, and no goroutine that could leave its own")
        }
        0 => {}
        free => feed(free),
    }
}

/// If goroutines starve, `pp` keeps no stacks to itself. The caller owns it.
#[inline]
pub(crate) fn share(pp: &'static P) {
    if SCHED.nstarved.load(Ordering::Relaxed) != 0 {
        match pp.slots.clear() {
            0 => {}
            free => feed(free),
        }
    }
}

/// `pp` is about to be idle: what it keeps goes to those who starve.
#[cold]
pub(super) fn pass_on(lists: &mut Lists, pp: &'static P) {
    serve(lists, pp.slots.clear());
}

/// As many stacks as that have come free.
#[cold]
fn feed(count: usize) {
    serve(&mut SCHED.lock(), count);
    wakep();
}

fn serve(lists: &mut Lists, count: usize) {
    for _ in 0..count {
        let Some(gp) = lists.starved.pop_front() else { break };
        lists.globrunqput(gp);
    }
    SCHED.nstarved.store(lists.starved.len(), Ordering::Relaxed);
}
