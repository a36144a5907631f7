//! Finding the next goroutine. Go: `findRunnable`, `stealWork`, `checkRunqsNoP`.

use super::fire::fire_due;
use super::state::SCHED;
use super::worker::{acquirep, releasep, stopm};
use super::{keeper, stop, wake};
use crate::netpoll;
use crate::obj::g::G;
use crate::obj::m::M;
use crate::obj::p::{P, PStatus};
use crate::prim::{Ordering, ROUNDS, fence, nap};

/// In so many rounds each of the global queues and the ring goes first once, or two goroutines that keep
/// readying each other by way of `next` would starve them. Go's number for the global queue.
const FAIR_TICKS: usize = 61;

/// Nanoseconds to sleep before taking what a running P has in front. The kernel makes some 50
/// microseconds of it. Who sleeps here counts as spinning all the while, and takes nothing from two
/// goroutines that ready each other at the victim's. Go: `usleep(3)` in `runqgrab`.
const NEXT_PATIENCE: u32 = 3_000;

/// The next goroutine for `mp`, which has a P (maybe another one afterwards); sleeps until there is
/// one. On g0.
pub(crate) fn findrunnable(mp: &'static M) -> &'static G {
    loop {
        if SCHED.stopping() {
            stop::gcstopm(mp);
            continue;
        }
        let pp = mp.pp();
        fire_due(&pp.timers, pp);
        if let Some(turn) = turn(pp)
            && let Some(gp) = fair(pp, turn)
        {
            return gp;
        }
        if let Some((gp, _inherits)) = pp.runq.get() {
            return gp;
        }
        if SCHED.runqsize.load(Ordering::Relaxed) != 0
            && let Some(gp) = SCHED.lock().globrunqget(pp, super::runq::LEN / 2)
        {
            return gp;
        }
        if pp.poller.is_used() {
            netpoll::poll(pp, Some(pp));
            if let Some((gp, _inherits)) = pp.runq.get() {
                return gp;
            }
        }
        if let Some(gp) = spin(mp, pp) {
            return gp;
        }
        if let Some(gp) = go_idle(mp, pp) {
            return gp;
        }
    }
}

/// A queue that is first at this round.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Global,
    Hogs,
    Ring,
    Events,
}

/// Whose turn it is, if it is not `next`'s.
#[inline(always)]
pub(crate) fn turn(pp: &'static P) -> Option<Turn> {
    match pp.schedtick.get() % FAIR_TICKS {
        0 => Some(Turn::Global),
        20 => Some(Turn::Hogs),
        40 => Some(Turn::Ring),
        50 if pp.poller.is_overdue(pp.runq.len() > super::runq::LEN / 2) => Some(Turn::Events),
        _ => None,
    }
}

fn fair(pp: &'static P, turn: Turn) -> Option<&'static G> {
    match turn {
        Turn::Ring => pp.runq.get_oldest(),
        Turn::Events => {
            netpoll::poll(pp, Some(pp));
            None
        }
        _ if SCHED.runqsize.load(Ordering::Relaxed) == 0 => None,
        Turn::Global => SCHED.lock().globrunqget(pp, 1),
        Turn::Hogs => SCHED.lock().hogget(pp),
    }
}

/// Looks for work at the other Ps, unless half of the busy ones are looking already.
fn spin(mp: &'static M, pp: &'static P) -> Option<&'static G> {
    if !mp.is_spinning() {
        let busy =
            SCHED.procs() as u32 - SCHED.npidle.load(Ordering::Relaxed).min(SCHED.procs() as u32);
        if 2 * SCHED.nmspinning.load(Ordering::Relaxed) >= busy {
            return None;
        }
        becomespinning(mp);
    }
    for round in 0..ROUNDS {
        let last = round == ROUNDS - 1;
        for victim in victims(pp.cheaprand()) {
            if SCHED.stopping() {
                return None;
            }
            if core::ptr::eq(victim, pp) {
                continue;
            }
            if last {
                fire_due(&victim.timers, pp);
                if let Some((gp, _inherits)) = pp.runq.get() {
                    return Some(gp);
                }
            }
            let take_next = last && next_is_left(victim);
            if let Some(gp) = victim.runq.steal_into(&pp.runq, take_next) {
                pp.steals.bump();
                return Some(gp);
            }
        }
    }
    None
}

/// Whether what is in front of `victim`'s queue is still there after a little while: its owner, if
/// it runs, is about to get to it, and would otherwise have to steal it back.
fn next_is_left(victim: &'static P) -> bool {
    let next = victim.runq.next();
    if next.is_null() {
        return false;
    }
    if victim.status() == PStatus::Running {
        nap(NEXT_PATIENCE);
    }
    victim.runq.next() == next
}

/// Every P once, in an order that depends on `random`. Go: `randomOrder`.
fn victims(random: usize) -> impl Iterator<Item = &'static P> {
    let count = SCHED.procs().max(1);
    // A step that has no factor in common with the count visits everything.
    let mut step = random / count % count + 1;
    while gcd(step, count) != 1 {
        step += 1;
    }
    (0..count).filter_map(move |i| SCHED.allp.get((random + i * step) % count)?.get())
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

pub(crate) fn becomespinning(mp: &'static M) {
    mp.spinning.set(1);
    SCHED.nmspinning.fetch_add(1, Ordering::AcqRel);
}

/// Gives `pp` up and sleeps, unless there is work after all.
fn go_idle(mp: &'static M, pp: &'static P) -> Option<&'static G> {
    let mut lists = SCHED.lock();
    if SCHED.stopping() {
        return None;
    }
    if let Some(gp) = lists.globrunqget(pp, super::runq::LEN / 2) {
        return Some(gp);
    }
    releasep(mp);
    // Whoever sleeps now looks at all timers.
    pp.timer_news.set(0);
    lists.pidleput(pp);
    drop(lists);

    if mp.is_spinning() {
        mp.spinning.set(0);
        SCHED.nmspinning.fetch_sub(1, Ordering::AcqRel);
    }
    // SeqCst: between the idle list and `nmspinning` above and the queues below, as `wakep` has it
    // the other way round (see `sched/mod.rs`).
    fence(Ordering::SeqCst);
    if work_somewhere() {
        let idle = SCHED.lock().pidleget();
        if let Some(pp) = idle {
            acquirep(mp, pp);
            becomespinning(mp);
            return None;
        }
    }
    stopm(mp);
    None
}

/// Whether any queue has something.
pub(super) fn work_somewhere() -> bool {
    SCHED.runqsize.load(Ordering::Relaxed) != 0 || SCHED.ps().any(|pp| !pp.runq.is_empty())
}

/// A spinning M has found work: it no longer looks, so somebody else may have to. Go:
/// `resetspinning`.
pub(crate) fn resetspinning(mp: &'static M) {
    mp.spinning.set(0);
    SCHED.nmspinning.fetch_sub(1, Ordering::AcqRel);
    wake::wakep();
    keeper::check();
}
