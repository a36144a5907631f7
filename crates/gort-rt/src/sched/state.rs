//! What all Ms share.
//!
//! # Safety
//!
//! What a run queue hands over when it is full are pointers made of `&'static G` (`runq.rs`).

#![allow(unsafe_code)]

use super::exit;
use crate::lock::{Guard, Mutex, Rank};
use crate::obj::deque::Deque;
use crate::obj::g::G;
use crate::obj::list::{Queue, Stack};
use crate::obj::m::M;
use crate::obj::p::{P, PStatus};
use crate::prim::{AtomicU32, AtomicU64, AtomicUsize, Link, Ordering, PROCS, global, links};
use crate::timer::NEVER;

/// As many Ps as there can be.
pub(crate) const MAX_PROCS: usize = PROCS;

/// The scheduler's lists.
pub(crate) struct Lists {
    /// Ms that sleep without work.
    pub(crate) midle: Stack<M>,
    /// The M that sleeps without work until a timer is due (`keeper.rs`).
    pub(crate) keeper: Link<M>,
    /// Ms that no thread has: it has ended, or could not be had.
    pub(crate) mfree: Stack<M>,
    /// Ms whose thread the template starts.
    pub(crate) mstarting: Stack<M>,
    /// Ps that nobody owns.
    pub(crate) pidle: Stack<P>,
    /// The global run queue.
    pub(crate) runq: Deque<G>,
    /// Goroutines that have used up their time: behind all others.
    pub(crate) hogs: Queue<G>,
    /// Goroutines that wait for memory for their stack.
    pub(crate) starved: Queue<G>,
    /// How many Ms there are, and how many have ever been.
    pub(crate) mcount: usize,
    pub(crate) mnext: usize,
    /// How many Ms sleep because they may run only the goroutine that is locked to them. Less than
    /// none for the moment in which one is woken before it has gone to sleep.
    pub(crate) mlocked: isize,
    /// How many Ps have yet to stop.
    pub(crate) stopwait: usize,
}

/// What all Ms share. The counters are changed under the lock unless it says otherwise, and read
/// without.
pub(crate) struct Sched {
    lists: Mutex<Lists>,
    pub(crate) npidle: AtomicU32,
    /// Goroutines in the two global queues, and about how many of them should not wait for hogs.
    pub(crate) runqsize: AtomicUsize,
    pub(crate) nurgent: AtomicUsize,
    /// Ms that look for work. Changed without the lock.
    pub(crate) nmspinning: AtomicU32,
    /// Whether the world is to stop.
    pub(crate) gcwaiting: AtomicU32,
    /// When a thread was refused, by `nanotime`; 0 when one has been granted since. Without the lock.
    pub(crate) refused: AtomicUsize,
    /// Whether there are goroutines in `starved`.
    pub(crate) nstarved: AtomicUsize,
    /// Whether this is a child that a goroutine forked: the other threads stayed behind.
    pub(crate) forked: AtomicU32,
    /// The Ps, by number. Changed while the world is stopped.
    pub(crate) allp: [Link<P>; MAX_PROCS],
    pub(crate) gomaxprocs: AtomicU32,
    /// Goroutines that have ever been allocated.
    pub(crate) gallocated: AtomicUsize,
    pub(crate) goidgen: AtomicUsize,
    /// Made and buried by threads without a P, and by Ps that are no more.
    pub(crate) spawned: AtomicUsize,
    pub(crate) exited: AtomicUsize,
    /// All Ms, newest first. Under the lock.
    pub(crate) allm: Link<M>,
    /// All goroutines ever allocated, newest first. Under the lock.
    pub(crate) allg: Link<G>,
    pub(crate) stopnote: crate::lock::Note,
    /// Whether sysmon sleeps until an M gets a P. Set under the lock.
    pub(crate) sysmonwait: AtomicU32,
    pub(crate) sysmonnote: crate::lock::Note,
    /// When the keeper will wake; 0 while it is about to say so, and a time that never comes while
    /// there is none. Set under the lock.
    pub(crate) keeper_until: AtomicU64,
}

global! {
    pub(crate) static SCHED: Sched = Sched {
        lists: Mutex::new(
            Rank::Sched,
            Lists {
                midle: Stack::new(),
                keeper: Link::none(),
                mfree: Stack::new(),
                mstarting: Stack::new(),
                pidle: Stack::new(),
                runq: Deque::new(),
                hogs: Queue::new(),
                starved: Queue::new(),
                mcount: 0,
                mnext: 0,
                mlocked: 0,
                stopwait: 0,
            },
        ),
        npidle: AtomicU32::new(0),
        runqsize: AtomicUsize::new(0),
        nurgent: AtomicUsize::new(0),
        nmspinning: AtomicU32::new(0),
        gcwaiting: AtomicU32::new(0),
        refused: AtomicUsize::new(0),
        nstarved: AtomicUsize::new(0),
        forked: AtomicU32::new(0),
        allp: links(),
        gomaxprocs: AtomicU32::new(0),
        gallocated: AtomicUsize::new(0),
        goidgen: AtomicUsize::new(1),
        spawned: AtomicUsize::new(0),
        exited: AtomicUsize::new(0),
        allm: Link::none(),
        allg: Link::none(),
        stopnote: crate::lock::Note::new(),
        sysmonwait: AtomicU32::new(0),
        sysmonnote: crate::lock::Note::new(),
        keeper_until: AtomicU64::new(NEVER),
    };
}

impl Sched {
    pub(crate) fn lock(&self) -> Guard<'_, Lists> {
        self.lists.lock()
    }

    pub(crate) fn procs(&self) -> usize {
        self.gomaxprocs.load(Ordering::Relaxed) as usize
    }

    /// Whether the world is to stop, or is not there: see `forked`.
    #[inline(always)]
    pub(crate) fn stopping(&self) -> bool {
        self.gcwaiting.load(Ordering::Relaxed) != 0
    }

    /// See `forked`.
    #[inline]
    pub(crate) fn is_forked(&self) -> bool {
        self.forked.load(Ordering::Relaxed) != 0
    }

    /// The Ps that have ever been in use.
    pub(crate) fn all_ps(&self) -> impl Iterator<Item = &'static P> {
        self.allp.iter().map_while(Link::get)
    }

    /// The Ps in use.
    pub(crate) fn ps(&self) -> impl Iterator<Item = &'static P> {
        self.allp.iter().take(self.procs()).filter_map(Link::get)
    }
}

impl Lists {
    /// Go: `pidleput`.
    pub(crate) fn pidleput(&mut self, pp: &'static P) {
        pp.set_status(PStatus::Idle);
        if SCHED.nstarved.load(Ordering::Relaxed) != 0 {
            exit::pass_on(self, pp);
        }
        self.pidle.push(pp);
        // Relaxed: ordered by the fences of the protocol in `sched/mod.rs`.
        SCHED.npidle.fetch_add(1, Ordering::Relaxed);
    }

    /// Go: `pidleget`.
    pub(crate) fn pidleget(&mut self) -> Option<&'static P> {
        let pp = self.pidle.pop()?;
        SCHED.npidle.fetch_sub(1, Ordering::Relaxed);
        Some(pp)
    }

    /// Takes `pp` out of the idle list; whether it was there.
    pub(crate) fn pidletake(&mut self, pp: &'static P) -> bool {
        let there = self.pidle.remove(pp);
        if there {
            SCHED.npidle.fetch_sub(1, Ordering::Relaxed);
        }
        there
    }

    /// An idle M and an idle P, if there is work in the global queue and both. An M that sleeps for a P takes
    /// that one.
    pub(crate) fn pair(&mut self) -> Option<(&'static M, &'static P)> {
        if !self.queued() {
            return None;
        }
        let pp = if self.idle_ms() != 0 {
            self.pidleget()?
        } else {
            let pp = self.pidle.iter().find(|pp| !pp.poller.sleeper.is_none())?;
            self.pidletake(pp);
            pp
        };
        Some((self.mget_for(pp)?, pp))
    }

    /// To the end of the global queue. Go: `globrunqput`.
    pub(crate) fn globrunqput(&mut self, gp: &'static G) {
        self.runq.push_back(gp);
        self.counted();
    }

    /// To the end of the queue of hogs.
    pub(crate) fn hogput(&mut self, gp: &'static G) {
        self.hogs.push_back(gp);
        self.counted();
    }

    /// Whether any goroutine is in a global queue.
    pub(crate) fn queued(&self) -> bool {
        self.runq.len() + self.hogs.len() != 0
    }

    fn counted(&self) {
        SCHED.runqsize.store(self.runq.len() + self.hogs.len(), Ordering::Relaxed);
    }

    /// [`globrunqput`](Lists::globrunqput) of one that has waited for something, and should not wait
    /// for hogs as well.
    pub(crate) fn globrunqput_urgent(&mut self, gp: &'static G) {
        let urgent = SCHED.nurgent.load(Ordering::Relaxed) + 1;
        SCHED.nurgent.store(urgent, Ordering::Relaxed);
        self.globrunqput(gp);
    }

    /// The first of the global queue; up to `max` more of a fair share go to `pp`'s own queue.
    /// Go: `globrunqget`.
    pub(crate) fn globrunqget(&mut self, pp: &'static P, max: usize) -> Option<&'static G> {
        let share = self.runq.len() / SCHED.procs().max(1) + 1;
        let Some(first) = self.runq.pop_front() else { return self.hogget(pp) };
        for _ in 1..share.min(max) {
            let Some(gp) = self.runq.pop_front() else { break };
            // `max` is at most half of an empty ring, so nothing spills.
            pp.runq.put(gp, |_, _| crate::throw::throw("globrunqget filled a run queue"));
        }
        // Whoever was queued is in a P's hands, or still here: there are no more urgent ones than these.
        let urgent = SCHED.nurgent.load(Ordering::Relaxed).saturating_sub(1);
        SCHED.nurgent.store(urgent.min(self.runq.len()), Ordering::Relaxed);
        if urgent != 0 {
            be_brief(pp);
        }
        self.counted();
        Some(first)
    }

    /// The first of the hogs, for `pp` to run.
    pub(crate) fn hogget(&mut self, pp: &'static P) -> Option<&'static G> {
        let gp = self.hogs.pop_front()?;
        self.counted();
        be_brief(pp);
        Some(gp)
    }
}

/// Whoever runs next with `pp`, which the caller owns, goes before others that may have waited for long:
/// not for a whole slice, if there are any.
fn be_brief(pp: &'static P) {
    if !pp.runq.is_empty() {
        pp.readied.set(pp.schedtick.get().wrapping_add(1));
    }
}

/// Puts `gp` at the end of `pp`'s queue, or in front. The caller owns `pp`. Go: `runqput`.
#[inline]
pub(crate) fn runqput(pp: &'static P, gp: &'static G, next: bool) {
    if next {
        pp.runq.put_next(gp, runqputslow);
    } else {
        pp.runq.put(gp, runqputslow);
    }
}

/// Half a queue and one more go to the global queue. Go: `runqputslow`.
#[cold]
fn runqputslow(batch: &super::runq::Batch<G>, gp: &'static G) {
    let mut lists = SCHED.lock();
    for one in batch {
        lists.runq.push_back(from_ring(*one));
    }
    lists.globrunqput(gp);
}

fn from_ring(gp: *mut G) -> &'static G {
    // SAFETY: the ring holds pointers made of `&'static G` (see `runq.rs`).
    unsafe { &*gp }
}
