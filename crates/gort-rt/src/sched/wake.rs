//! Waking and starting Ms. Go: `wakep`, `startm`, `handoffp`, `newm`.
//!
//! # Safety
//!
//! A new M's memory is written before the thread that gets its address starts.

#![allow(unsafe_code)]

use super::state::{Lists, SCHED};
use super::{keeper, sysmon, template, thread};
use crate::lock::Guard;
use crate::obj::m::M;
use crate::obj::p::P;
use crate::prim::{Ordering, fence, nanotime};
use crate::throw::{Say, throw_with};
use crate::timer::NEVER;
use gort_sys::Errno;

/// Nanoseconds for which no thread is asked for after one has been refused.
const PAUSE: u64 = 10_000_000;

/// There is new work: sees to it that somebody looks for it, if a P is free to run it.
#[inline]
pub(crate) fn wakep() {
    // SeqCst: between the queue we have just filled and the two counters, as `find` has it the
    // other way round (see `sched/mod.rs`). Weaker would let the reads go first.
    fence(Ordering::SeqCst);
    if SCHED.npidle.load(Ordering::Relaxed) != 0 && SCHED.nmspinning.load(Ordering::Relaxed) == 0 {
        wakep_slow();
    }
}

#[cold]
fn wakep_slow() {
    // Be the one; the others are content that somebody looks.
    if SCHED.nmspinning.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Relaxed).is_err() {
        return;
    }
    let mut lists = SCHED.lock();
    let Some(pp) = lists.pidleget() else {
        // Under the lock, so before the next P becomes idle: who submits and sees that P must not
        // see us any more, or it would leave the waking to us.
        SCHED.nmspinning.fetch_sub(1, Ordering::AcqRel);
        return;
    };
    drop(lists);
    startm(pp, true);
}

/// Gets an M to run `pp`: an idle one, or a new one. If `spinning`, the caller has counted it in
/// `nmspinning`.
pub(crate) fn startm(pp: &'static P, spinning: bool) {
    let mut lists = SCHED.lock();
    let Some(mp) = lists.mget_for(pp) else {
        if refused_lately() && lists.mcount.cast_signed() != lists.mlocked {
            return do_without(lists, pp, spinning);
        }
        let id = lists.mnext;
        lists.mnext += 1;
        lists.mcount += 1;
        super::threads::check(&lists);
        drop(lists);
        return newm(pp, spinning, id);
    };
    drop(lists);
    rouse(mp, pp, spinning);
}

/// Wakes `mp`, which is in the idle list no more, to run `pp`.
fn rouse(mp: &'static M, pp: &'static P, spinning: bool) {
    mp.spinning.set(usize::from(spinning));
    mp.nextp.set(Some(pp));
    keeper::rouse(mp);
}

/// Makes an M to run `pp`.
fn newm(pp: &'static P, spinning: bool, id: usize) {
    match allocm(id) {
        Ok(mp) => {
            mp.spinning.set(usize::from(spinning));
            mp.nextp.set(Some(pp));
            if !template::take_over(mp) {
                launch(mp);
            }
        }
        Err(errno) => refused(pp, spinning, errno),
    }
}

/// Starts `mp`'s thread.
pub(super) fn launch(mp: &'static M) {
    match thread::start(mp) {
        Ok(()) => SCHED.refused.store(0, Ordering::Relaxed),
        Err(errno) => {
            let (pp, spinning) = (mp.nextp.take(), mp.is_spinning());
            SCHED.lock().mfree.push(mp);
            if let Some(pp) = pp {
                refused(pp, spinning, errno);
            }
        }
    }
}

/// Whether it is too early to ask for a thread again.
fn refused_lately() -> bool {
    let last = SCHED.refused.load(Ordering::Relaxed) as u64;
    last != 0 && nanotime().saturating_sub(last) < PAUSE
}

/// The machine refuses another thread. If there is none, or all wait for the goroutines locked to
/// them, that is the end.
#[cold]
fn refused(pp: &'static P, spinning: bool, errno: Errno) {
    SCHED.refused.store(nanotime() as usize, Ordering::Relaxed);
    let mut lists = SCHED.lock();
    lists.mcount -= 1;
    if lists.mcount.cast_signed() == lists.mlocked {
        no_thread(errno);
    }
    do_without(lists, pp, spinning);
}

/// There is no M for `pp`: it becomes idle again, and the Ms that there are go on without. Whoever
/// wakes next, or sysmon, asks again after [`PAUSE`].
#[cold]
fn do_without(mut lists: Guard<'_, Lists>, pp: &'static P, spinning: bool) {
    if spinning {
        SCHED.nmspinning.fetch_sub(1, Ordering::AcqRel);
    }
    give_back(&mut lists, pp);
    // An M that has gone to sleep meanwhile has not seen what was queued here.
    let pair = lists.pair();
    let left = pair.is_none() && lists.queued() || pp.poller.is_unwatched();
    drop(lists);
    if left {
        // If it is fast asleep; it stays awake as long as that is so.
        sysmon::awaken();
    }
    if let Some((mp, pp)) = pair {
        rouse(mp, pp, false);
    }
    keeper::check();
}

/// What `pp` had queued must not wait for the thread that could not be had.
fn give_back(lists: &mut Lists, pp: &'static P) {
    while let Some((gp, _)) = pp.runq.get() {
        lists.globrunqput(gp);
    }
    if SCHED.stopping() {
        return super::stop::stopped(lists, pp);
    }
    lists.pidleput(pp);
}

#[cold]
fn no_thread(errno: Errno) -> ! {
    throw_with(&[
        Say::Text("cannot start a thread, and there is none to run goroutines: "),
        Say::Text(errno.message()),
        Say::Text(" (a limit on processes or memory?)"),
    ])
}

/// An M that no thread has: used before, or new.
pub(super) fn allocm(id: usize) -> Result<&'static M, Errno> {
    let free = SCHED.lock().mfree.pop();
    if let Some(mp) = free {
        mp.id.set(id);
        return Ok(mp);
    }
    let at = crate::mem::alloc::<M>(1)?;
    // SAFETY: fresh memory of the runtime's own, never freed.
    let mp: &'static M = unsafe {
        at.write(M::new());
        &*at
    };
    mp.id.set(id);
    mp.g0.m.set(Some(mp));
    Ok(mp)
}

/// Gives `pp` to whoever has work for it, or makes it idle. The caller no longer owns it.
/// Go: `handoffp`.
pub(crate) fn handoffp(pp: &'static P) {
    if !pp.runq.is_empty() || SCHED.runqsize.load(Ordering::Relaxed) != 0 {
        return startm(pp, false);
    }
    // Nobody looks for work and nobody is idle: this one could be missed.
    if SCHED.nmspinning.load(Ordering::Relaxed) + SCHED.npidle.load(Ordering::Relaxed) == 0
        && SCHED.nmspinning.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    {
        return startm(pp, true);
    }
    let mut lists = SCHED.lock();
    if SCHED.stopping() {
        super::stop::stopped(&mut lists, pp);
        return;
    }
    if SCHED.runqsize.load(Ordering::Relaxed) != 0 {
        drop(lists);
        return startm(pp, false);
    }
    // Its M may have left without looking at the timers: see below.
    pp.timer_news.set(0);
    lists.pidleput(pp);
    drop(lists);
    // SeqCst: as in `find::go_idle`. What was queued while all Ps were busy and nobody looked.
    fence(Ordering::SeqCst);
    if super::find::work_somewhere() {
        wakep();
    }
    if pp.timers.next() != NEVER {
        keeper::tell(pp.timers.next());
    }
    keeper::see_to(pp);
}
