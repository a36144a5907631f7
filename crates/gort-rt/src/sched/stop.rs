//! Stopping the world, and GOMAXPROCS. Go: `stopTheWorld`, `gcstopm`, `procresize`.
//!
//! # Safety
//!
//! Ps are allocated here, once for each number, and never freed.
//!
//! The world is stopped when no M owns a P but the one that stops it: nothing then changes a run
//! queue, a free list or the idle lists. Goroutines outside the runtime lose their P on the spot, and
//! go on until they reach a door (`obj/hold.rs`); those inside give it up when they next look for
//! work, or lose it when they come out. Who needs more, such as to read a goroutine's stack, has to
//! stop its thread.

#![allow(unsafe_code)]

use super::retake::retake;
use super::state::{Lists, MAX_PROCS, SCHED};
use super::sysmon;
use super::thread_state::Asker;
use super::wake::{startm, wakep};
use super::worker::{acquirep, releasep, stopm};
use super::{door, keeper, preempt};
use crate::obj::m::{self, M};
use crate::obj::p::{P, PStatus};
use crate::prim::{AtomicU32, Ordering};
use crate::throw::throw;
use gort_sys::Errno;
use gort_sys::context::slot;

/// Who may stop the world.
static WORLD: AtomicU32 = AtomicU32::new(0);

/// Nanoseconds between two attempts to take what is left.
const LOOK: u64 = 20_000;

/// Sets how many goroutines run at the same time, between 1 and 1024, and returns how many there
/// were. Waits (G, or the thread) until nobody is inside the runtime.
/// Go: `runtime.GOMAXPROCS`.
///
/// # Errors
///
/// `ENOMEM` when there is no memory for more; nothing has changed then.
pub fn gomaxprocs(count: usize) -> Result<usize, Errno> {
    let count = count.clamp(1, MAX_PROCS);
    exclusively(|mp| {
        let before = SCHED.procs();
        if count == before {
            return Ok(before);
        }
        stop(mp);
        let result = procresize(count).map(|()| before);
        start(mp);
        result
    })
}

/// Does `work` while the world is stopped. Waits (G, or the thread) until nobody is inside the runtime.
/// `work` neither parks nor allocates. Go: `stopTheWorld`, `startTheWorld`.
pub(crate) fn stop_the_world(work: impl FnOnce()) {
    exclusively(|mp| {
        stop(mp);
        work();
        start(mp);
    });
}

/// Does `work`, with the caller's M if that has a P, as the only one who may stop the world.
fn exclusively<R>(work: impl FnOnce(Option<&'static M>) -> R) -> R {
    // Acquire: pairs with the Release below.
    while WORLD.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_err() {
        super::park::gosched();
    }
    door::open_anywhere();
    let result = work(m::current().filter(|mp| mp.p.get().is_some()));
    // Release: pairs with the Acquire above.
    WORLD.store(0, Ordering::Release);
    slot::unlock();
    result
}

/// Waits until no other M owns a P. `mp`, if the caller has one, keeps its own.
fn stop(mp: Option<&'static M>) {
    let mut lists = SCHED.lock();
    lists.stopwait = SCHED.procs();
    SCHED.stopnote.clear();
    SCHED.gcwaiting.store(1, Ordering::Relaxed);
    if let Some(mp) = mp {
        mp.pp().set_status(PStatus::Stopped);
        lists.stopwait -= 1;
    }
    while let Some(pp) = lists.pidleget() {
        pp.set_status(PStatus::Stopped);
        lists.stopwait -= 1;
    }
    let wait = lists.stopwait != 0;
    drop(lists);
    while wait && !SCHED.stopnote.happened() {
        // The caller's own is stopped already.
        let taken = retake(|pp| pp.status() == PStatus::Running);
        while let Some(pp) = taken.pop() {
            stopped(&mut SCHED.lock(), pp);
        }
        // Who opens doors all the time finds each mark in time: he has to be asked.
        for pp in SCHED.ps() {
            if let (PStatus::Running, Some(mp)) = (pp.status(), pp.m.get()) {
                preempt::request(Asker::Hurried, pp, mp);
            }
        }
        SCHED.stopnote.sleep_for(LOOK);
    }
}

/// `pp` has stopped. Under the lock.
pub(super) fn stopped(lists: &mut Lists, pp: &'static P) {
    pp.set_status(PStatus::Stopped);
    // Nobody waits for it in a process that is dying (`traceback/dying.rs`).
    let Some(left) = lists.stopwait.checked_sub(1) else { return };
    lists.stopwait = left;
    if left == 0 {
        SCHED.stopnote.wakeup();
    }
}

/// `mp` gives its P up for the world to stop, and sleeps. Go: `gcstopm`.
pub(super) fn gcstopm(mp: &'static M) {
    if mp.is_spinning() {
        mp.spinning.set(0);
        SCHED.nmspinning.fetch_sub(1, Ordering::AcqRel);
    }
    let pp = releasep(mp);
    stopped(&mut SCHED.lock(), pp);
    stopm(mp);
}

/// Lets the world go on. `mp`, if any, gets a P for the one it stopped with.
fn start(mp: Option<&'static M>) {
    if let Some(mp) = mp {
        let pp = match mp.p.get() {
            Some(pp) if pp.status() != PStatus::Dead => pp,
            _ => {
                mp.p.set(None);
                match SCHED.allp[0].get() {
                    Some(pp) => pp,
                    None => throw("there is no P 0"),
                }
            }
        };
        mp.p.set(None);
        acquirep(mp, pp);
    }
    {
        // Under the lock: sysmon either sees this before it sleeps, or is seen to sleep.
        let _lists = SCHED.lock();
        SCHED.gcwaiting.store(0, Ordering::Relaxed);
    }
    if SCHED.sysmonwait.load(Ordering::Relaxed) != 0 {
        sysmon::awaken();
    }
    for pp in SCHED.ps() {
        if pp.status() != PStatus::Stopped {
            continue;
        }
        if pp.runq.is_empty() {
            SCHED.lock().pidleput(pp);
            keeper::see_to(pp);
        } else {
            pp.set_status(PStatus::Idle);
            startm(pp, false);
        }
    }
    wakep();
    // A P may have been stopped before anybody was told about its timers.
    keeper::check();
}

/// Makes there be `count` Ps, all stopped. The world is stopped, or has not begun.
pub(super) fn procresize(count: usize) -> Result<(), Errno> {
    for (id, link) in SCHED.allp.iter().enumerate().take(count) {
        let pp = match link.get() {
            Some(pp) => pp,
            None => {
                let at = crate::mem::alloc::<P>(1)?;
                // SAFETY: fresh memory of the runtime's own, never freed.
                let pp: &'static P = unsafe {
                    at.write(P::new());
                    &*at
                };
                pp.id.set(id);
                pp.random.set(id.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
                link.set(Some(pp));
                pp
            }
        };
        if pp.status() == PStatus::Dead {
            pp.timers.open();
            if let Some(heir) = SCHED.allp[0].get() {
                heir.poller.let_go(&pp.poller);
            }
            pp.set_status(PStatus::Stopped);
        }
    }
    let Some(heir) = SCHED.allp[0].get() else { throw("there is no P 0") };
    let gone = || SCHED.allp.iter().skip(count).filter_map(|link| link.get());
    heir.timers.reserve(gone().map(|pp| pp.timers.len()).sum())?;
    for pp in gone() {
        if pp.status() != PStatus::Dead {
            bury(pp, heir);
        }
    }
    SCHED.gomaxprocs.store(count as u32, Ordering::Relaxed);
    Ok(())
}

/// What `pp` had goes to everybody; its timers, and who looks for its events, to `heir`.
fn bury(pp: &'static P, heir: &'static P) {
    if pp.timers.close(&heir.timers).is_err() {
        throw("no memory for the timers of a P that is not in use any more");
    }
    heir.poller.take_in(&pp.poller);
    keeper::dismiss(pp);
    crate::timer::abandon(pp);
    let mut lists = SCHED.lock();
    while let Some((gp, _)) = pp.runq.get() {
        lists.globrunqput(gp);
    }
    drop(lists);
    super::spawn::gfpurge(pp);
    pp.slots.clear();
    pp.set_status(PStatus::Dead);
}
