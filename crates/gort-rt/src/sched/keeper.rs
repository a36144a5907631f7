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
//! # Sleepers
//!
//! An M may also go to sleep in the queue of events of an idle P, as its sleeper (`netpoll/poller.rs`), with
//! or without being the keeper. Such a one is in no list; the P says who it is. Whoever takes one of the two
//! that it is takes both ([`Lists::call`]), under the lock, wakes it afterwards, and is the only one to do so.
//! One that comes out by itself gives both up under the lock.
//!
//! Modelled by loom in `tests/loom_keeper.rs`.

use super::deadlock;
use super::fire::fire_all;
use super::state::{Lists, SCHED};
use super::sysmon;
use super::threads::KEEP;
use super::wake::{startm, wakep};
use super::worker::{acquirep, mexit, sleep};
use crate::lock::Guard;
use crate::netpoll;
use crate::obj::g::{G, current};
use crate::obj::list::Queue;
use crate::obj::m::M;
use crate::obj::p::{P, PStatus};
use crate::prim::{Ordering, fence, nanotime};
use crate::timer::NEVER;

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
    let mut lists = SCHED.lock();
    if until() <= when {
        return;
    }
    if let Some(mp) = lists.keeper.get() {
        lists.call(mp);
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

/// A descriptor has been put into `pp`'s queue of events, or `pp` has become idle: if nobody looks there,
/// somebody is to. Who does so finds nothing to do, and becomes the sleeper.
pub(crate) fn see_to(pp: &'static P) {
    // SeqCst: between the count of descriptors and the status, as who makes a P idle has it the other way
    // round.
    fence(Ordering::SeqCst);
    if pp.status() != PStatus::Idle || !pp.poller.is_unwatched() {
        return;
    }
    let mut lists = SCHED.lock();
    let ours = pp.poller.is_unwatched() && lists.pidletake(pp);
    drop(lists);
    if ours {
        startm(pp, false);
    }
}

/// `pp` is not in use any more: its sleeper is one among the idle Ms. The world is stopped.
pub(crate) fn dismiss(pp: &'static P) {
    let mut lists = SCHED.lock();
    let Some(mp) = pp.poller.sleeper.get() else { return };
    if lists.call(mp) {
        SCHED.keeper_until.store(0, Ordering::Relaxed);
    }
    drop(lists);
    rouse(mp);
}

/// Wakes `mp`, which has been called under the lock, whatever it sleeps in.
pub(crate) fn rouse(mp: &'static M) {
    // Before it is woken: it may sleep in another then.
    let watches = mp.watches.get();
    mp.park.wakeup();
    if let Some(pp) = watches {
        pp.poller.interrupt();
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
    /// An M that sleeps without work; the keeper if there is no other, unless it looks after a P. Go: `mget`.
    pub(crate) fn mget(&mut self) -> Option<&'static M> {
        self.midle.pop().or_else(|| {
            let mp = self.keeper.get().filter(|mp| mp.watches.is_none())?;
            self.take(mp);
            Some(mp)
        })
    }

    /// An M to run `pp`: its sleeper, if it has one.
    pub(crate) fn mget_for(&mut self, pp: &'static P) -> Option<&'static M> {
        match pp.poller.sleeper.get() {
            Some(mp) => {
                self.take(mp);
                Some(mp)
            }
            None => self.mget(),
        }
    }

    /// `mp`, the keeper or a sleeper, is called: the caller wakes it ([`rouse`]). Whether it was the keeper.
    fn call(&mut self, mp: &'static M) -> bool {
        if let Some(pp) = mp.watches.get()
            && pp.poller.sleeper.is(mp)
        {
            pp.poller.sleeper.set(None);
        }
        let kept = self.keeper.is(mp);
        if kept {
            self.keeper.set(None);
        }
        kept
    }

    /// Calls `mp` for other work.
    fn take(&mut self, mp: &'static M) {
        if self.call(mp) {
            let when = SCHED.keeper_until.swap(NEVER, Ordering::Relaxed);
            // SeqCst: between `keeper_until` and how long sysmon naps, as `nap` has it the other way round.
            fence(Ordering::SeqCst);
            sysmon::hurry_until(when);
        }
    }

    /// How many Ms sleep without work.
    pub(crate) fn idle_ms(&self) -> usize {
        self.midle.len() + usize::from(self.keeper.get().is_some_and(|mp| mp.watches.is_none()))
    }

    /// Makes `mp` the keeper if nobody else will be awake at the time when the first timer is due:
    /// that time. `again` says that `mp` is a keeper that was woken.
    fn engage(&mut self, mp: &'static M, again: bool) -> Option<u64> {
        let mut first = earliest();
        if !again && until() <= first {
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
        if first == NEVER {
            return None;
        }
        // Another that sleeps for a later time. It finds out when that has come.
        if let Some(other) = self.keeper.take()
            && other.watches.is_none()
        {
            self.midle.push(other);
        }
        self.keeper.set(Some(mp));
        Some(first)
    }

    /// Makes `mp` the sleeper of an idle P that needs one: that P. Whoever made it idle has a fence between
    /// that and this, or calls [`see_to`] afterwards.
    fn watch(&mut self, mp: &'static M) -> Option<&'static P> {
        let needs = |pp: &&P| pp.poller.is_unwatched() && pp.poller.inside.get() == 0;
        let pp = self.pidle.iter().find(needs)?;
        pp.poller.sleeper.set(Some(mp));
        pp.poller.inside.set(1);
        mp.watches.set(Some(pp));
        Some(pp)
    }

    /// `mp` is awake. Whether it was the keeper still, and whether nobody has called it.
    fn rise(&mut self, mp: &'static M) -> (bool, bool) {
        let kept = self.keeper.is(mp);
        let Some(pp) = mp.watches.take() else {
            if kept {
                self.keeper.set(None);
            }
            return (kept, kept);
        };
        pp.poller.inside.set(0);
        let free = pp.poller.sleeper.is(mp);
        if free {
            pp.poller.sleeper.set(None);
            if kept {
                self.keeper.set(None);
            }
        }
        (kept, free)
    }
}

/// Sleeps until somebody has a P for `mp`, or a timer is due, or a descriptor ready. `mp` may have a P
/// afterwards that it was not woken for. Go: `stopm`, and the end of `findRunnable`.
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
        let until = lists.engage(mp, again);
        let watched = lists.watch(mp);
        if until.is_none() && watched.is_none() {
            if lists.midle.len() >= KEEP && mp.lockedg.is_none() {
                drop(lists);
                mexit(mp);
            }
            lists.midle.push(mp);
            deadlock::rested(&lists);
            drop(lists);
            return sleep(mp);
        }
        deadlock::rested(&lists);
        drop(lists);
        match doze(mp, until, watched) {
            Dozed::Owner => return,
            Dozed::Keeper => again = true,
            Dozed::Nobody => again = false,
        }
    }
}

/// What an M is when it has slept.
enum Dozed {
    /// It has a P.
    Owner,
    /// It was the keeper, and is to look again.
    Keeper,
    /// It has nothing to do.
    Nobody,
}

/// Sleeps as the keeper, until `until`, or as a sleeper, or both, and does what is to be done then.
fn doze(mp: &'static M, until: Option<u64>, watched: Option<&'static P>) -> Dozed {
    let ready = match watched {
        Some(pp) => pp.poller.sleep(until),
        None => {
            mp.park.sleep_until(until.unwrap_or(NEVER));
            Queue::new()
        }
    };
    let mut lists = SCHED.lock();
    let (kept, free) = lists.rise(mp);
    if free {
        let due = kept && until.is_some_and(|until| until <= nanotime());
        if due || ready.len() != 0 {
            return time_has_come(mp, lists, &ready, watched, kept);
        }
        if kept {
            SCHED.keeper_until.store(0, Ordering::Relaxed);
            return Dozed::Keeper;
        }
        return Dozed::Nobody;
    }
    drop(lists);
    // Somebody has called it, or has become the keeper instead.
    mp.park.sleep();
    mp.park.clear();
    let pp = mp.nextp.take();
    if let Some(pp) = pp {
        acquirep(mp, pp);
    }
    netpoll::inject(&ready, pp);
    // To look again, if it is without one: it was called as the keeper, or dismissed.
    if pp.is_some() { Dozed::Owner } else { Dozed::Keeper }
}

/// Fires what is due, if `mp` has `kept` the time, and readies what has come, for `watched` if that P is idle
/// still. If no P is idle, those that run see to what has been made ready.
fn time_has_come(
    mp: &'static M,
    mut lists: Guard<'_, Lists>,
    ready: &Queue<G>,
    watched: Option<&'static P>,
    kept: bool,
) -> Dozed {
    let pp = if SCHED.stopping() {
        None
    } else {
        watched.filter(|pp| lists.pidletake(pp)).or_else(|| lists.pidleget())
    };
    if kept {
        SCHED.keeper_until.store(if pp.is_some() { NEVER } else { 0 }, Ordering::Relaxed);
    }
    drop(lists);
    if let Some(pp) = pp {
        acquirep(mp, pp);
        // SeqCst: who has read the 0, or the time before, told nobody: its entry is seen.
        fence(Ordering::SeqCst);
    }
    netpoll::inject(ready, pp);
    if kept {
        fire_all(pp, nanotime());
    }
    match pp {
        Some(_) => check(),
        None => sysmon::hurry(),
    }
    match (pp, kept) {
        (Some(_), _) => Dozed::Owner,
        (None, true) => Dozed::Keeper,
        (None, false) => Dozed::Nobody,
    }
}
