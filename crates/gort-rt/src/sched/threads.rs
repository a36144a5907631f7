//! How many threads there may be. Go: `checkmcount`, `debug.SetMaxThreads`.
//!
//! A call that blocks takes its thread with it, and another goes on with the P. So a program that has
//! many blocking calls under way has many threads. Three limits:
//!
//! - beyond [`set_max_threads`] the program ends: something is wrong with it;
//! - beyond [`set_max_blocked`], if it is set, goroutines queue before calls that are known to wait
//!   (class `sysblock`, and calls that were slow last time) instead of taking threads;
//! - beyond [`KEEP`] idle ones threads end instead of waiting for work.

use super::park::{WaitReason, gopark, goready};
use super::state::{Lists, SCHED};
use crate::lock::{Mutex, Rank};
use crate::obj::g::G;
use crate::obj::list::Queue;
use crate::prim::{AtomicUsize, Ordering};
use crate::throw::{Say, throw_with};

/// Idle threads that are kept.
pub(crate) const KEEP: usize = 512;

/// Go's.
const MAX_THREADS: usize = 10_000;

static MAX: AtomicUsize = AtomicUsize::new(MAX_THREADS);

/// Sets how many threads there may be for goroutines, and returns what it was (10,000 at first). A
/// program that needs more ends with a message. Go: `debug.SetMaxThreads`.
pub fn set_max_threads(count: usize) -> usize {
    let before = MAX.swap(count.max(1), Ordering::Relaxed);
    check(&SCHED.lock());
    before
}

/// Go: `checkmcount`.
pub(super) fn check(lists: &Lists) {
    let max = MAX.load(Ordering::Relaxed);
    if lists.mcount > max {
        throw_with(&[
            Say::Text("the program exceeds its limit of "),
            Say::Dec(max as u64),
            Say::Text(" threads: too many calls block at the same time (runtime::set_max_threads)"),
        ]);
    }
}

/// How many goroutines may be in calls that wait; no limit if 0.
static LIMIT: AtomicUsize = AtomicUsize::new(0);

static BLOCKED: Mutex<Blocked> =
    Mutex::new(Rank::Blocked, Blocked { count: 0, queue: Queue::new() });

struct Blocked {
    /// Goroutines in such calls, if there is or was a limit.
    count: usize,
    /// Those that queue.
    queue: Queue<G>,
}

/// Sets how many goroutines may be in calls that are known to wait at the same time, and returns what
/// it was; `None`, as at first, for no limit. Others queue, first come first served.
pub fn set_max_blocked(count: Option<usize>) -> Option<usize> {
    let before = LIMIT.swap(count.map_or(0, |count| count.max(1)), Ordering::Relaxed);
    // Those for whom there is room now. Without a limit, all.
    loop {
        let blocked = BLOCKED.lock();
        let next = if has_room(blocked.count) { blocked.queue.pop_front() } else { None };
        let Some(gp) = next else { break };
        let mut blocked = blocked;
        blocked.count += 1;
        drop(blocked);
        goready(gp);
    }
    (before != 0).then_some(before)
}

fn has_room(count: usize) -> bool {
    let limit = LIMIT.load(Ordering::Relaxed);
    limit == 0 || count < limit
}

/// `gp`, on which this is, is about to make a call that waits; whether it has been counted. What waits:
/// the goroutine, while there are as many as may be.
pub(super) fn enter() -> bool {
    if LIMIT.load(Ordering::Relaxed) == 0 {
        return false;
    }
    gopark(counted, 0, WaitReason::ThreadLimit);
    true
}

/// The goroutine is off its stack: it queues, or goes on at once.
fn counted(gp: &'static G, _: usize) -> bool {
    let mut blocked = BLOCKED.lock();
    if has_room(blocked.count) {
        blocked.count += 1;
        return false;
    }
    blocked.queue.push_back(gp);
    true
}

/// A call that was counted is over: the next may begin.
#[cold]
pub(super) fn leave() {
    let mut blocked = BLOCKED.lock();
    blocked.count -= 1;
    let next = if has_room(blocked.count) { blocked.queue.pop_front() } else { None };
    if next.is_some() {
        blocked.count += 1;
    }
    drop(blocked);
    if let Some(gp) = next {
        goready(gp);
    }
}
