//! The watchdog: who runs for too long without yielding, and who waits for too long to be run.
//!
//! sysmon looks, at four times the pace of the limit. What it finds goes into a short list, from which a
//! thread of the host's takes it ([`next_alarm`]) that may allocate, print and wait, as sysmon may not. If
//! the list is full, the alarm is only counted.
//!
//! *Running* is CPU time that the goroutine has used since it was last switched to, has called
//! [`gosched`](crate::gosched) or has come back from an announced call, as far as sysmon has seen: a stretch
//! begins at the look that finds it, so an alarm may be late by a quarter of the limit, or 10 ms. A thread that
//! sleeps in the kernel, or gets no CPU, does not run. One alarm for each stretch, with a P or without. Who is
//! interrupted, by other goroutines or by whoever looks where it is, and goes on, begins anew, but is not said
//! again: it has not yielded.
//!
//! *Waiting* is time since the goroutine was made runnable. Everybody gets a stamp for it while the watchdog is
//! on (`latency.rs`), which costs the clock twice at each switch. sysmon looks at the first of each
//! queue, which has waited for longest there, and at the one in front of a P's: one alarm for each goroutine
//! that it finds, and for each queue at most one within the limit. Goroutines that were queued before the
//! watchdog was set have no stamp.

use super::bed::Bed;
use super::retake::astray;
use super::state::SCHED;
use super::thread_state::cpu_time;
use super::{latency, park};
use crate::lock::{Mutex, Rank};
use crate::obj::g::G;
use crate::obj::m::M;
use crate::obj::p::P;
use crate::obj::status::Status;
use crate::prim::{AtomicU64, AtomicUsize, Ordering, Word};
use crate::timer::NEVER;

/// The least that makes sense, in nanoseconds: sysmon is no faster.
const LEAST: u64 = 1_000_000;

/// The limit, in nanoseconds; 0: there is no watchdog.
static LIMIT: AtomicU64 = AtomicU64::new(0);

/// Sets for how long a goroutine may run without yielding, or wait to be run, in nanoseconds (a millisecond
/// at least), before [`next_alarm`] says so, and returns what it was; `None`, as at first, is for ever.
pub fn set_watchdog(limit: Option<u64>) -> Option<u64> {
    let limit = limit.map_or(0, |limit| limit.max(LEAST));
    latency::time_all(limit != 0);
    let before = LIMIT.swap(limit, Ordering::Relaxed);
    (before != 0).then_some(before)
}

/// What the watchdog has found a goroutine doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It runs, and does not yield.
    Running,
    /// It is in a run queue, and nobody runs it.
    Waiting,
}

/// What the watchdog has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// The goroutine's number.
    pub goroutine: u64,
    /// What it does.
    pub found: Found,
    /// For how long, in nanoseconds: of CPU time if it runs.
    pub nanos: u64,
    /// The number of the M that it runs on.
    pub thread: Option<usize>,
    /// The number of the P that it runs with, or in whose queue it waits. Without: it goes on without one, or
    /// is in a global queue.
    pub proc: Option<usize>,
}

/// What was seen of what an M runs. sysmon's.
#[derive(Debug)]
pub(crate) struct Stretch {
    /// The goroutine; its P's tick, as long as it has one; its count of calls. Together, the stretch's name.
    goid: Word,
    tick: Word,
    calls: Word,
    /// The thread's CPU time at its beginning.
    cpu: Word,
}

impl Stretch {
    pub(crate) const fn none() -> Stretch {
        Stretch { goid: Word::new(0), tick: Word::new(0), calls: Word::new(0), cpu: Word::new(0) }
    }
}

/// What was last said of those in a queue. sysmon's.
#[derive(Debug)]
pub(crate) struct Starving {
    /// Since when that one had waited, and when it was said.
    since: Word,
    at: Word,
}

impl Starving {
    pub(crate) const fn nobody() -> Starving {
        Starving { since: Word::new(0), at: Word::new(0) }
    }
}

/// Those of the global queues.
static GLOBAL: [Starving; 2] = [const { Starving::nobody() }; 2];

/// Looks, if it is time to; within how many nanoseconds to look again. sysmon's.
pub(super) fn look(now: u64) -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let limit = LIMIT.load(Ordering::Relaxed);
    if limit == 0 {
        return NEVER;
    }
    let next = NEXT.load(Ordering::Relaxed);
    // Or the limit was longer when that was written.
    if now < next && next - now <= limit / 4 {
        return next - now;
    }
    NEXT.store(now + limit / 4, Ordering::Relaxed);
    for pp in SCHED.ps() {
        if let Some(mp) = pp.m.get() {
            watch(mp, Some(pp), limit);
        }
        let first = [pp.runq.oldest(), pp.runq.next_hint()];
        starving(&pp.starving, first, Some(pp), (now, limit));
    }
    astray(|mp| watch(mp, None, limit));
    if SCHED.runqsize.load(Ordering::Relaxed) != 0 {
        let (first, hog) = {
            let lists = SCHED.lock();
            (lists.runq.front(), lists.hogs.front())
        };
        let [urgent, hogs] = &GLOBAL;
        starving(urgent, [first, None], None, (now, limit));
        starving(hogs, [hog, None], None, (now, limit));
    }
    limit / 4
}

/// Looks at what `mp` runs, with `pp` or without.
fn watch(mp: &'static M, pp: Option<&'static P>, limit: u64) {
    let stretch = &mp.stretch;
    let Some(gp) = mp.curg.get() else { return };
    if gp.status.get() != Status::Running {
        gp.barked.set(0);
        return stretch.goid.set(0);
    }
    let Some(cpu) = cpu_time(mp.tid.load(Ordering::Relaxed)) else { return };
    let tick = pp.map_or(stretch.tick.get(), |pp| pp.schedtick.get());
    let (goid, calls) = (gp.id() as usize, gp.syscalltick.get());
    if (goid, tick, calls) != (stretch.goid.get(), stretch.tick.get(), stretch.calls.get()) {
        let left = !park::was_interrupted(gp)
            || stretch.goid.get() == goid && stretch.calls.get() != calls;
        if left {
            gp.barked.set(0);
        }
        stretch.goid.set(goid);
        stretch.tick.set(tick);
        stretch.calls.set(calls);
        stretch.cpu.set(cpu as usize);
        return;
    }
    let nanos = cpu.saturating_sub(stretch.cpu.get() as u64);
    if nanos >= limit && gp.barked.get() != goid {
        gp.barked.set(goid);
        raise(Alarm {
            goroutine: goid as u64,
            found: Found::Running,
            nanos,
            thread: Some(mp.id.get()),
            proc: pp.map(|pp| pp.id.get()),
        });
    }
}

/// Looks at the first of a queue.
fn starving(
    seen: &Starving,
    first: [Option<&'static G>; 2],
    pp: Option<&'static P>,
    (now, limit): (u64, u64),
) {
    for gp in first.into_iter().flatten() {
        // It may be run meanwhile: then it has no stamp, or waits once more.
        let Some(since) = latency::since(gp) else { continue };
        let nanos = now.saturating_sub(since);
        let said = since == seen.since.get() as u64
            || now.saturating_sub(seen.at.get() as u64) < limit && seen.at.get() != 0;
        if nanos >= limit && !said {
            seen.since.set(since as usize);
            seen.at.set(now as usize);
            raise(Alarm {
                goroutine: gp.id(),
                found: Found::Waiting,
                nanos,
                thread: None,
                proc: pp.map(|pp| pp.id.get()),
            });
        }
    }
}

/// Alarms that nobody has taken yet, the oldest first.
struct Pending {
    alarms: [Option<Alarm>; 16],
    /// Who takes them is about to sleep in `LISTENER`, or does, and has not been told.
    listens: bool,
}

static PENDING: Mutex<Pending> =
    Mutex::new(Rank::Alarms, Pending { alarms: [None; 16], listens: false });
static COUNT: AtomicUsize = AtomicUsize::new(0);
/// So it counts as one that waits, and a deadlock is one with the watchdog, too.
static LISTENER: Bed = Bed::new();

/// How many there were.
pub(super) fn count() -> usize {
    COUNT.load(Ordering::Relaxed)
}

fn raise(alarm: Alarm) {
    let mut pending = PENDING.lock();
    match pending.alarms.iter_mut().find(|place| place.is_none()) {
        Some(place) => *place = Some(alarm),
        None => _ = COUNT.fetch_add(1, Ordering::Relaxed),
    }
    let listened = core::mem::take(&mut pending.listens);
    drop(pending);
    if listened {
        LISTENER.tell();
    }
}

/// What the last alarm has led to is done: it counts.
pub fn alarm_done() {
    COUNT.fetch_add(1, Ordering::Relaxed);
}

/// The next alarm. What waits: the thread, of which there is one that asks, and none of the runtime's.
pub fn next_alarm() -> Alarm {
    loop {
        {
            let mut pending = PENDING.lock();
            let first = pending.alarms[0].take();
            pending.alarms.rotate_left(1);
            if let Some(alarm) = first {
                return alarm;
            }
            LISTENER.make();
            pending.listens = true;
        }
        LISTENER.sleep();
    }
}
