//! The M that keeps the time: of those that sleep without work, the one that wakes for a timer.
//!
//! # The problem
//!
//! When a timer is due somebody has to be awake, on time, and nobody a moment before. Ms that run
//! goroutines look at the clock now and then, but cannot be relied on. And one may set a timer at any
//! moment that is due before all others.
//!
//! # Protocol
//!
//! An M that goes to sleep and finds that a timer is due before the time `keeper_until` becomes the
//! *keeper*: it is not in the list of idle Ms, but in a place of its own, and sleeps until then. When
//! the time has come it takes an idle P and fires what is due. It is the last that is taken for other
//! work.
//!
//! Nothing is lost between setting a timer and going to sleep, for each side writes its own word and
//! then reads the other's, with a full fence between:
//!
//! - who makes a heap's first entry an earlier one writes the heap's `next`, fences, and reads
//!   `keeper_until`: if that is later, the keeper is woken to look again; if there is none, some M is
//!   woken to become it; if no P is idle, sysmon is told, which reads the same words for how long it
//!   naps;
//! - who becomes the keeper writes `keeper_until`, fences, and reads every heap's `next` once more.
//!
//! `keeper_until` is 0 while a keeper is awake that is about to look again, and [`NEVER`] if there is
//! none. Whoever takes the keeper for other work tells sysmon what it would have woken for. When there is
//! no keeper, so does an M that has looked for work and found some, and whoever is refused the thread
//! for one.
//!
//! A goroutine that goes to sleep mostly leaves its M without work, which then finds out about the
//! timer by itself: so on g0 there is only a note in the P, and somebody is told when it turns out
//! that the M has something else to do ([`tell_news`]).
//!
//! Modelled by loom in `tests/loom_keeper.rs`.

use super::fire::fire_all;
use super::state::{Lists, SCHED};
use super::sysmon;
use super::threads::KEEP;
use super::wake::wakep;
use super::worker::{acquirep, mexit, sleep};
use crate::lock::Guard;
use crate::netpoll::{self, epoll};
use crate::obj::g::{G, current};
use crate::obj::list::Queue;
use crate::obj::m::M;
use crate::obj::p::P;
use crate::prim::{Ordering, fence, nanotime};
use crate::timer::NEVER;

/// A time that has come; 0 says something else.
const AT_ONCE: u64 = 1;

/// How late a keeper may be before sysmon does its work.
const GRACE: u64 = 1_000_000;

/// When the first timer of all is due, or a moment before that.
pub(crate) fn earliest() -> u64 {
    SCHED.ps().map(|pp| pp.timers.next()).min().unwrap_or(NEVER)
}

fn until() -> u64 {
    SCHED.keeper_until.load(Ordering::Relaxed)
}

/// A heap's first entry has become one for `when`, earlier than what was first. `pp` is the P of the M
/// that this runs on, if it has one. Go: `wakeNetPoller`.
pub(crate) fn timer_added(when: u64, pp: Option<&'static P>) {
    match pp {
        Some(pp) if current().is_none() => {
            let news = pp.timer_news.get() as u64;
            if news == 0 || when < news {
                pp.timer_news.set(when as usize);
            }
        }
        _ => tell(when),
    }
}

/// `pp`'s M goes on with a goroutine.
#[inline(always)]
pub(crate) fn tell_news(pp: &'static P) {
    if pp.timer_news.get() != 0 {
        tell(pp.timer_news.get() as u64);
        pp.timer_news.set(0);
    }
}

/// Sees to it that somebody is awake at `when`.
pub(crate) fn tell(when: u64) {
    // SeqCst: between the heap's `next` and `keeper_until`, as `engage` has it the other way round.
    fence(Ordering::SeqCst);
    if until() > when {
        tell_slow(when);
    }
}

#[cold]
fn tell_slow(when: u64) {
    let lists = SCHED.lock();
    if until() <= when {
        return;
    }
    if let Some(mp) = lists.keeper.take() {
        SCHED.keeper_until.store(0, Ordering::Relaxed);
        drop(lists);
        return rouse(mp);
    }
    drop(lists);
    wakep();
    if SCHED.npidle.load(Ordering::Relaxed) | SCHED.nmspinning.load(Ordering::Relaxed) == 0 {
        sysmon::hurry_until(when);
    }
}

/// Somebody waits for a descriptor, and nobody did before: the keeper is to wait for that, too, and there
/// is to be one, unless all Ps are busy: their Ms look for events, and sysmon does. `pp` is the P of the M
/// that this runs on.
pub(crate) fn descriptor_awaited(pp: Option<&'static P>) {
    if SCHED.keeper_polls.load(Ordering::Relaxed) == 0 && SCHED.npidle.load(Ordering::Relaxed) != 0
    {
        match pp {
            Some(pp) => pp.timer_news.set(AT_ONCE as usize),
            None => tell(AT_ONCE),
        }
    }
}

/// Wakes `mp`, whatever it sleeps in. It has been taken from where those are who sleep.
pub(crate) fn rouse(mp: &'static M) {
    // Before it is woken: it may poll again then.
    let polls = mp.polls.get() != 0;
    mp.park.wakeup();
    if polls {
        epoll::interrupt();
    }
}

/// When sysmon has to look for timers that are due. It leaves the keeper some time, unless all Ps are
/// busy: then so are the CPUs, and the kernel lets the keeper wait for longer than sysmon (`eager.rs`).
pub(crate) fn watch() -> u64 {
    let first = earliest();
    let kept = until() <= first && SCHED.npidle.load(Ordering::Relaxed) != 0;
    if kept { first.saturating_add(GRACE) } else { first }
}

/// Whether a timer is due before anybody wakes for it.
pub(crate) fn is_needed() -> bool {
    earliest() < until()
}

/// An M that could have become the keeper does not: it has found work, or could not be had.
pub(crate) fn check() {
    if is_needed() {
        sysmon::hurry_until(earliest());
    }
}

impl Lists {
    /// An M that sleeps without work; the keeper if there is no other. Go: `mget`.
    pub(crate) fn mget(&mut self) -> Option<&'static M> {
        self.midle.pop().or_else(|| {
            let mp = self.keeper.take()?;
            let when = SCHED.keeper_until.swap(NEVER, Ordering::Relaxed);
            // SeqCst: between `keeper_until` and how long sysmon naps, as `nap` has it the other way round.
            fence(Ordering::SeqCst);
            sysmon::hurry_until(when);
            Some(mp)
        })
    }

    /// How many Ms sleep without work.
    pub(crate) fn idle_ms(&self) -> usize {
        self.midle.len() + usize::from(!self.keeper.is_none())
    }

    /// Makes `mp` the keeper if nobody else will be awake at the time when the first timer is due:
    /// that time. `again` says that `mp` is a keeper that was woken.
    fn engage(&mut self, mp: &'static M, again: bool) -> Option<u64> {
        let mut first = earliest();
        // Of those who have a P all look for events: none is to wake for each that comes.
        let watches = || netpoll::is_awaited() && SCHED.npidle.load(Ordering::Relaxed) != 0;
        let watched = SCHED.keeper_polls.load(Ordering::Relaxed) != 0;
        if !again && until() <= first && (watched || !watches()) {
            return None;
        }
        if let Some(other) = self.keeper.get()
            && other.polls.get() != 0
        {
            // There is one kernel's queue, and one that sleeps in it: it is to look again.
            self.keeper.set(None);
            SCHED.keeper_until.store(0, Ordering::Relaxed);
            rouse(other);
            return None;
        }
        loop {
            SCHED.keeper_until.store(first, Ordering::Relaxed);
            // SeqCst: between `keeper_until` and the heaps' `next`, as `tell` has it the other way
            // round.
            fence(Ordering::SeqCst);
            let now = earliest();
            if now >= first {
                break;
            }
            first = now;
        }
        // SeqCst, in the loop: as `netpoll`'s commit has it the other way round.
        let awaited = watches();
        if first == NEVER && !awaited {
            return None;
        }
        // One at a time sleeps in the kernel's queue, or an interruption could reach another. Who was
        // the keeper and has not come out yet sees to it that this one looks again.
        let polls = awaited && SCHED.keeper_polls.load(Ordering::Relaxed) == 0;
        if polls {
            mp.polls.set(1);
            SCHED.keeper_polls.store(1, Ordering::Relaxed);
        }
        // Another that sleeps for a later time. It finds out when that has come.
        if let Some(other) = self.keeper.take() {
            self.midle.push(other);
        }
        self.keeper.set(Some(mp));
        Some(first)
    }
}

/// Sleeps until somebody has a P for `mp`, or a timer is due. `mp` may have a P afterwards that it was
/// not woken for. Go: `stopm`, and the end of `findRunnable`.
pub(crate) fn stopm(mp: &'static M) {
    let mut again = false;
    loop {
        if is_needed() || again {
            SCHED.ps().for_each(|pp| pp.timers.settle());
        }
        let mut lists = SCHED.lock();
        if lists.queued()
            && let Some(pp) = lists.pidleget()
        {
            // Queued by somebody who found no M to wake, and could make none.
            if again {
                SCHED.keeper_until.store(NEVER, Ordering::Relaxed);
            }
            drop(lists);
            acquirep(mp, pp);
            return check();
        }
        let Some(until) = lists.engage(mp, again) else {
            if lists.midle.len() >= KEEP && mp.lockedg.is_none() {
                drop(lists);
                mexit(mp);
            }
            lists.midle.push(mp);
            drop(lists);
            return sleep(mp);
        };
        drop(lists);
        if doze(mp, until) {
            return;
        }
        again = true;
    }
}

/// Sleeps until `until`, as the keeper, and does what is to be done then. Whether `mp` has a P now.
fn doze(mp: &'static M, until: u64) -> bool {
    let polls = mp.polls.get() != 0;
    let ready = if polls { epoll::poll((until != NEVER).then_some(until)) } else { Queue::new() };
    if polls || !mp.park.sleep_until(until) {
        let lists = SCHED.lock();
        if polls {
            mp.polls.set(0);
            SCHED.keeper_polls.store(0, Ordering::Relaxed);
        }
        if lists.keeper.is(mp) {
            lists.keeper.set(None);
            return time_has_come(mp, lists, &ready);
        }
        drop(lists);
        if polls {
            netpoll::inject(&ready, None);
            if netpoll::is_awaited() {
                tell(AT_ONCE);
            }
        }
        // Somebody has taken it, or has become the keeper instead.
        mp.park.sleep();
    }
    mp.park.clear();
    match mp.nextp.take() {
        Some(pp) => {
            acquirep(mp, pp);
            true
        }
        // To look again.
        None => false,
    }
}

/// Fires what is due, on `mp`, which was the keeper. Whether it has a P now: if none is idle, those that
/// run see to what has been made ready.
fn time_has_come(mp: &'static M, mut lists: Guard<'_, Lists>, ready: &Queue<G>) -> bool {
    let pp = if SCHED.stopping() { None } else { lists.pidleget() };
    SCHED.keeper_until.store(if pp.is_some() { NEVER } else { 0 }, Ordering::Relaxed);
    drop(lists);
    if let Some(pp) = pp {
        acquirep(mp, pp);
        // SeqCst: who has read the 0, or the time before, told nobody: its entry is seen.
        fence(Ordering::SeqCst);
    }
    netpoll::inject(ready, pp);
    fire_all(pp, nanotime());
    match pp {
        Some(_) => check(),
        None => sysmon::hurry(),
    }
    pp.is_some()
}
