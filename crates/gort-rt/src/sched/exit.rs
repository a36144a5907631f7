//! The end of goroutines. Go: `goexit0`, `gdestroy`, `gfput`.

use super::spawn;
use super::state::SCHED;
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
        // Any P may have it, for any may take up who waits.
        pp.slots.clear();
        feed();
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
        feed();
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
    drop(lists);
    if starved >= super::boot::numgoroutine() {
        throw("no memory for a goroutine's stack, and no goroutine that could leave its own");
    }
}

/// A stack has come free.
#[cold]
fn feed() {
    let mut lists = SCHED.lock();
    if let Some(gp) = lists.starved.pop_front() {
        lists.globrunqput(gp);
    }
    SCHED.nstarved.store(lists.starved.len(), Ordering::Relaxed);
    drop(lists);
    wakep();
}
