//! P: the right to run goroutines, and what comes with it.

use super::g::G;
use super::list::Stack;
use super::m::M;
use crate::netpoll::poller::Poller;
use crate::prim::{AtomicU32, Link, Ordering, Word};
use crate::sched::latency::Tally;
use crate::sched::runq::RunQueue;
use crate::sched::watchdog::Starving;
use crate::stack::SlotCache;
use crate::timer::{Timer, Timers};

/// A P's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum PStatus {
    /// In the idle list, or on its way to an M.
    Idle,
    /// Owned by an M.
    Running,
    /// Stopped with the world.
    Stopped,
    /// Not in use: GOMAXPROCS is lower.
    Dead,
}

/// A processor. Fields without a note belong to the M that owns it.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct P {
    /// Where others take from, too.
    pub(crate) runq: RunQueue<G>,
    pub(crate) id: Word,
    status: AtomicU32,
    pub(crate) m: Link<M>,
    /// The next idle P. Belongs to the scheduler's lock.
    pub(crate) link: Link<P>,
    /// Scheduling rounds.
    pub(crate) schedtick: Word,
    /// The next goroutine number, and where the batch ends.
    pub(crate) goid: Word,
    pub(crate) goid_end: Word,
    /// Dead goroutines, to be used again.
    pub(crate) gfree: Stack<G>,
    /// Stacks with their TLS blocks, warm.
    pub(crate) slots: SlotCache,
    /// State of the victim order's random numbers.
    pub(crate) random: Word,
    /// How many goroutines it has made and buried. Read by others for statistics.
    pub(crate) spawned: Word,
    pub(crate) exited: Word,
    pub(crate) steals: Word,
    pub(crate) handed_off: Word,
    /// The tick of a goroutine that is not to run for a whole slice while others wait: it has made one
    /// of them ready, or goes before them.
    pub(crate) readied: Word,
    /// The tick of the goroutine that somebody wants to let others go first. Written by anybody.
    pub(crate) preempt: Word,
    /// Timers that are nobody's.
    pub(crate) timers_free: Stack<Timer>,
    /// When a timer is due that nobody may have taken notice of yet; 0 for none.
    pub(crate) timer_news: Word,
    /// Its descriptors.
    pub(crate) poller: Poller,
    /// What sysmon has seen here.
    pub(crate) seen: Seen,
    /// What the watchdog has seen of its queue.
    pub(crate) starving: Starving,
    /// Its timers. They have a lock of their own.
    pub(crate) timers: Timers,
    /// For how long those goroutines had waited that it has run.
    pub(crate) latency: Tally,
}

/// What sysmon has seen of a P, and when. Written by sysmon only.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The P's tick, and since when it has been that: since when one goroutine runs.
    pub(crate) tick: Word,
    pub(crate) since: Word,
    /// That goroutine's count of system calls and whether it is in one, and since when.
    pub(crate) call: Word,
    pub(crate) call_since: Word,
    /// The thread's CPU time at the last look, and at the first at this goroutine.
    pub(crate) cpu: Word,
    pub(crate) cpu_since: Word,
    /// What that was when the goroutine was asked to yield; 0 if it has not been.
    pub(crate) asked: Word,
    /// Why the P is to be taken; 0 if it is not.
    pub(crate) verdict: Word,
}

impl Seen {
    pub(crate) const fn nothing() -> Seen {
        Seen {
            tick: Word::new(0),
            since: Word::new(0),
            call: Word::new(0),
            call_since: Word::new(0),
            cpu: Word::new(0),
            cpu_since: Word::new(0),
            asked: Word::new(0),
            verdict: Word::new(0),
        }
    }
}

impl P {
    pub(crate) const fn new() -> P {
        P {
            runq: RunQueue::new(),
            id: Word::new(0),
            status: AtomicU32::new(PStatus::Stopped as u32),
            m: Link::none(),
            link: Link::none(),
            schedtick: Word::new(0),
            goid: Word::new(0),
            goid_end: Word::new(0),
            gfree: Stack::new(),
            slots: SlotCache::new(),
            random: Word::new(0),
            spawned: Word::new(0),
            exited: Word::new(0),
            steals: Word::new(0),
            handed_off: Word::new(0),
            readied: Word::new(usize::MAX),
            preempt: Word::new(usize::MAX),
            timers_free: Stack::new(),
            timer_news: Word::new(0),
            poller: Poller::new(),
            seen: Seen::nothing(),
            starving: Starving::nobody(),
            timers: Timers::new(),
            latency: Tally::new(),
        }
    }

    pub(crate) fn status(&self) -> PStatus {
        match self.status.load(Ordering::Relaxed) {
            0 => PStatus::Idle,
            1 => PStatus::Running,
            2 => PStatus::Stopped,
            _ => PStatus::Dead,
        }
    }

    /// Changed by the owner, or under the scheduler's lock where there is none.
    pub(crate) fn set_status(&self, to: PStatus) {
        self.status.store(to as u32, Ordering::Relaxed);
    }

    /// A cheap random number (xorshift). Go: `cheaprand`.
    pub(crate) fn cheaprand(&self) -> usize {
        let mut x = self.random.get() as u64;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.random.set(x as usize);
        (x >> 16) as usize
    }
}
