//! An M's life: it starts, owns a P, runs goroutines, sleeps, ends. Go: `mstart`, `schedule`,
//! `execute`, `stopm`, `mexit`.
//!
//! # Safety
//!
//! The scheduler stack (g0) is the thread's own, below [`mstart`]'s frame. Nobody is on it while
//! the M runs a goroutine, so each return to it begins at the same place, `g0_sp`, over whatever
//! was there. A goroutine is resumed by the one M that took it from a queue, with the thread
//! pointer of its own block, or of the thread if it shares that.

#![allow(unsafe_code)]

pub(crate) use super::keeper::stopm;
pub(crate) use super::own::{acquirep, releasep, take_on};
use super::state::SCHED;
use super::{deadlock, exit, find, keeper, latency, lockm, park, retake, sigstack, spawn};
use crate::host;
use crate::obj::g::{G, setg};
use crate::obj::m::M;
use crate::prim::Ordering;
use crate::throw::throw;
use gort_sys::context::{slot, switch};
use gort_sys::raw;

/// How much of the thread's stack [`mstart`] keeps for its own frame, which is needed again when
/// the thread ends.
const RESERVE: usize = 4096;

/// Where a thread of the runtime begins; `arg` is its M's address.
pub(crate) unsafe extern "C" fn mstart(arg: usize) {
    // SAFETY: `newm` passed the address of an M that nobody else starts.
    let mp: &'static M = unsafe { &*core::ptr::with_exposed_provenance::<M>(arg) };
    mp.fs.set(slot::thread_pointer());
    mp.tid.store(raw::gettid().0, Ordering::Relaxed);
    setg(&mp.g0);
    slot::lock();
    mp.signalled.store(0, Ordering::Relaxed);
    mp.sigmask.store(super::preempt::set_thread_mask(), Ordering::Relaxed);
    // Without memory for one the handlers run where they find themselves.
    let _ = sigstack::install(mp);
    let (lo, hi) = (host::get().thread_stack)();
    mp.g0.stack_lo.set(lo);
    mp.g0.stack_hi.set(hi);
    enroll(mp);
    let here = core::ptr::from_ref(&arg).addr();
    let base = (here - RESERVE) & !63;
    mp.g0_sp.set(base);
    // SAFETY: the thread's own stack, below this frame; it is left for the scheduler, which comes
    // back here by `exit_sp` when the thread is to end.
    unsafe {
        let sp = switch::prepare(base, begin);
        switch::switch(mp.exit_sp.as_ptr(), sp, mp.fs.get(), 0);
    }
    sigstack::remove(mp);
    slot::set_current(0);
    slot::unlock();
    // From here on another thread may have it.
    SCHED.lock().mfree.push(mp);
}

/// The first thing on the scheduler stack.
unsafe extern "C" fn begin(_from: usize) -> ! {
    let Some(mp) = crate::obj::m::current() else { throw("an M does not know itself") };
    if let Some(pp) = mp.nextp.take() {
        acquirep(mp, pp);
    }
    schedule(mp)
}

/// Where a goroutine's M goes on when it has left the goroutine without knowing the next.
pub(crate) unsafe extern "C" fn left(from: usize) -> ! {
    // SAFETY: `park::leave` passes the goroutine it has left.
    let gp: &'static G = unsafe { &*core::ptr::with_exposed_provenance::<G>(from) };
    let mp = gp.mp();
    if gp.shares_tls() {
        setg(&mp.g0);
    } else {
        // SAFETY: the block is not running any more, and still ours.
        unsafe { host::carry(gp.fs.get(), mp.fs.get()) };
    }
    mp.curg.set(None);
    if mp.p.is_taken() {
        mp.p.set(None);
    }
    let ended = gp.after.get() == park::EXIT && mp.lockedg.is(gp);
    park::finish(mp, gp);
    if ended {
        mexit(mp);
    }
    schedule(mp)
}

/// Runs goroutines for ever. On g0.
fn schedule(mp: &'static M) -> ! {
    loop {
        if let Some(gp) = mp.lockedg.get() {
            lockm::stoplockedm(mp);
            execute(mp, gp);
        }
        if mp.p.get().is_none() {
            stopm(mp);
        }
        exit::share(mp.pp());
        let gp = mp.handoff.take().unwrap_or_else(|| find::findrunnable(mp));
        if mp.is_spinning() {
            find::resetspinning(mp);
        }
        if !gp.lockedm.is_none() {
            lockm::startlockedm(mp, gp);
            continue;
        }
        if gp.sp.get() == 0 && spawn::attach(mp.pp(), gp).is_err() {
            exit::starve(gp);
            continue;
        }
        execute(mp, gp)
    }
}

/// Runs `gp`. Go: `execute`.
fn execute(mp: &'static M, gp: &'static G) -> ! {
    keeper::tell_news(mp.pp());
    latency::runs(mp.pp(), gp);
    take_on(mp, gp);
    // SAFETY: we have taken `gp` from the one place that held it; nothing on this stack is needed.
    unsafe {
        let fs = if gp.shares_tls() {
            setg(gp);
            mp.fs.get()
        } else {
            host::carry(mp.fs.get(), gp.fs.get());
            gp.fs.get()
        };
        switch::gogo(gp.sp.get(), fs, 0)
    }
}

/// Sleeps until woken with a P in `nextp`.
pub(crate) fn sleep(mp: &'static M) {
    mp.park.sleep();
    mp.park.clear();
    match mp.nextp.take() {
        Some(pp) => acquirep(mp, pp),
        None => throw("an M was woken without a P"),
    }
}

/// Ends the thread: there are idle ones enough, or the goroutine that was locked to it is over, and may
/// have changed the thread in ways that others must not find. On g0. Go: `mexit`.
pub(super) fn mexit(mp: &'static M) -> ! {
    strike(mp);
    if let Some(pp) = retake::retire(mp) {
        super::wake::handoffp(pp);
    }
    // Not before: until here no thread may be made from this one.
    mp.lockedg.set(None);
    // SAFETY: back to `mstart`, whose frame is intact.
    unsafe { switch::gogo(mp.exit_sp.get(), mp.fs.get(), 0) }
}

/// `mp` has a thread now: into the list of all.
pub(super) fn enroll(mp: &'static M) {
    let _lists = SCHED.lock();
    mp.alllink.set(SCHED.allm.get());
    SCHED.allm.publish(mp);
}

/// `mp` is about to lose its thread: out of the list, and of the count.
pub(super) fn strike(mp: &'static M) {
    let mut lists = SCHED.lock();
    lists.mcount -= 1;
    deadlock::rested(&lists);
    let mut link = &SCHED.allm;
    while let Some(here) = link.get() {
        if core::ptr::eq(here, mp) {
            link.set(mp.alllink.get());
            break;
        }
        link = &here.alllink;
    }
}
