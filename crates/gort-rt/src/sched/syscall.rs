//! System calls that the scheduler knows of. Go: `entersyscall`, `exitsyscall`, `entersyscallblock`.
//!
//! # The problem
//!
//! A call may come back at once, or never. Before it, nobody knows; so the goroutine should keep its
//! P for the first case and others should get it in the second, and the first must cost next to
//! nothing.
//!
//! # How
//!
//! A goroutine outside the runtime can lose its P at any time (`obj/hold.rs`), so entering a call
//! leaves nothing to do for the P: [`entersyscall`] only says where the goroutine is. sysmon takes the
//! P if the call lasts and somebody needs it, as it would from any goroutine, only sooner.
//! [`exitsyscall`] is a door. Neither has a locked instruction.
//!
//! [`entersyscallblock`] is for calls that are made in order to wait: the P goes to others at once. So
//! it does in a call like the one for which the goroutine lost its P last time, until such a call is
//! short again: a reader of a slow pipe does not wait for sysmon each time.
//!
//! # Against Go
//!
//! Go checks that the stack pointer lies in the goroutine's stack. Here a program may have stacks of its
//! own (stacker, fibers), on which calls are as good.
//!
//! Go gives the P up by a store and takes it back by a compare-and-swap, in a state of P's own
//! (`_Psyscall`). Here the P's state does not change, only the G's: the taker pays, by a membarrier.
//!
//! # Safety
//!
//! [`Scheduled`] makes the call between the two, on whatever thread it is.

#![allow(unsafe_code)]

use super::state::SCHED;
use super::{door, park, preempt, threads, wake};
use crate::obj::g::{G, current};
use crate::obj::p::PStatus;
use crate::obj::status::Status;
use crate::prim::slot;
use crate::throw::throw;
use gort_sys::context::slot::Here;
use gort_sys::vdso::nanotime;
use gort_sys::{Entry, Regs};

/// A call as [`G::syscallnr`] has it.
#[inline(always)]
fn numbered(nr: usize) -> usize {
    nr.wrapping_add(1)
}

/// A call that was taken for one that waits, and is over sooner than this, is not: sysmon's least time.
const SHORT: u64 = 20_000;

/// The goroutine is about to call the kernel, or C, and may be a while. `call` is the number of the
/// call plus one, or a function of C's. Go: `entersyscall`.
#[inline(always)]
pub(crate) fn entersyscall(gp: &'static G, call: usize) {
    reentersyscall(gp, call, slot::here());
}

/// [`entersyscall`] at another place of the stack. Go: `reentersyscall`.
#[inline(always)]
pub(crate) fn reentersyscall(gp: &'static G, call: usize, here: Here) {
    gp.syscallnr.set(call);
    gp.syscallpc.set(here.pc);
    gp.syscallsp.set(here.sp);
    gp.syscallbp.set(here.bp);
    gp.status.entersyscall();
}

/// [`entersyscall`] for a call that will wait: the P goes to others now. Go: `entersyscallblock`.
pub(crate) fn entersyscallblock(gp: &'static G, call: usize, here: Here) {
    let pp = door::open(gp);
    reentersyscall(gp, call, here);
    let mp = gp.mp();
    pp.handed_off.bump();
    pp.m.set(None);
    pp.set_status(PStatus::Idle);
    mp.p.forgo();
    wake::handoffp(pp);
    preempt::quiet(mp);
    slot::unlock();
}

/// The call is over: the goroutine goes on when it has a P. What waits: the goroutine, in the global
/// queue, if its P is gone and no other is idle. Go: `exitsyscall`.
#[inline(always)]
pub(crate) fn exitsyscall(gp: &'static G) {
    slot::lock();
    gp.syscalltick.bump();
    if slot::here().sp > gp.syscallsp.get() {
        throw("exitsyscall: the frame that made the call is gone");
    }
    gp.syscallsp.set(0);
    // Go: `exitsyscallfast`.
    match gp.mp().p.held() {
        Ok(Some(pp)) if pp.preempt.get() != pp.schedtick.get() => gp.status.exitsyscall(),
        held => exitsyscall0(gp, held.is_err()),
    }
    slot::unlock();
}

/// The P is gone, or somebody has asked for it. Go: `exitsyscall0`.
#[cold]
fn exitsyscall0(gp: &'static G, taken: bool) {
    if taken {
        gp.slowcall.set(gp.syscallnr.get());
        door::regain(gp, door::Line::Waited);
        // Without having been queued, that is.
        if gp.status.get() == Status::Syscall {
            gp.status.exitsyscall();
        }
    } else {
        gp.status.exitsyscall();
        park::gopreempt(gp);
    }
}

/// [`blocking`] for a call like the one that took long last time.
#[inline(never)]
pub(super) fn again<R>(gp: &'static G, call: usize, work: impl FnOnce() -> R) -> R {
    let timed = || {
        let start = nanotime();
        (work(), nanotime() - start)
    };
    let (result, time) = blocking(gp, call, timed);
    if time < SHORT {
        gp.slowcall.set(0);
    }
    result
}

/// Does `work`, a call that waits, without a P.
#[inline(always)]
pub(super) fn blocking<R>(gp: &'static G, call: usize, work: impl FnOnce() -> R) -> R {
    // In a forked child there is nobody to give the P to.
    let forked = SCHED.is_forked();
    let counted = !forked && threads::enter();
    if forked {
        entersyscall(gp, call);
    } else {
        entersyscallblock(gp, call, slot::here());
    }
    let result = work();
    exitsyscall(gp);
    if counted {
        threads::leave();
    }
    result
}

/// The entry into the kernel that the scheduler knows of.
#[derive(Clone, Copy, Debug)]
pub enum Scheduled {}

// SAFETY: each makes the call once, between leaving the runtime and coming back; that may be on
// another thread afterwards, but the call itself is made on one.
unsafe impl Entry for Scheduled {
    #[inline(always)]
    unsafe fn sys(nr: usize, regs: Regs) -> usize {
        let Some(gp) = current() else {
            // SAFETY: the caller's contract, passed on.
            return unsafe { regs.trap(nr) };
        };
        if gp.slowcall.get() == numbered(nr) {
            // SAFETY: the caller's contract, passed on.
            return again(gp, numbered(nr), || unsafe { regs.trap(nr) });
        }
        entersyscall(gp, numbered(nr));
        // SAFETY: the caller's contract, passed on.
        let result = unsafe { regs.trap(nr) };
        exitsyscall(gp);
        result
    }

    #[inline(always)]
    unsafe fn sysblock(nr: usize, regs: Regs) -> usize {
        let Some(gp) = current() else {
            // SAFETY: the caller's contract, passed on.
            return unsafe { regs.trap(nr) };
        };
        // SAFETY: the caller's contract, passed on.
        blocking(gp, numbered(nr), || unsafe { regs.trap(nr) })
    }
}
