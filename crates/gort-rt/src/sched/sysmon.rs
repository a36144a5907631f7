//! The thread that watches: it has no P, and sees to it that no P is held in vain. Go: `sysmon`.
//!
//! # What it does
//!
//! At each look, for each P that an M has:
//!
//! - a goroutine in an announced system call since the last look loses its P, if anybody could use it;
//! - one whose thread sleeps in the kernel without having said so (its CPU clock stands still, and
//!   its `stat` says so) loses it, too: this is the *rescue*;
//! - one that has used more of the CPU than its slice while others wait is asked to let them go first
//!   (`preempt.rs`), and again at each look; after [`PATIENCE`] its P is taken all the same;
//! - timers that are due are fired, if all Ps are busy, or the M that should have done it is late;
//! - a thread that goes on without a P is sent the signal until it reaches a door. There may be
//!   thousands of them, nearly all asleep: those that were last seen asleep are looked at every 10 ms,
//!   and by their CPU clock first.
//!
//! # How often
//!
//! Every 20 microseconds while there is something to do, less and less often up to 10 ms while there
//! is not, and not at all while all Ps are idle and nobody is known to run without one: then it sleeps
//! until an M gets a P, or the next report is due (`schedtrace.rs`); but not if the machine refuses a thread for what is to be done. And when a timer
//! is due.
//!
//! # Safety
//!
//! The thread's argument is not used.

#![allow(unsafe_code)]

use super::deadlock::{self, Finding};
use super::fire::fire_all;
use super::keeper;
use super::preempt::{self, MIN_RUN};
use super::retake::{astray, retake};
use super::schedtrace::Reports;
use super::state::SCHED;
use super::thread_state::{Asker, cpu_time, is_running};
use super::wake::{handoffp, wakep};
use super::{clock, eager, errand, watchdog};
use crate::host;
use crate::netpoll::{self, poller::GAP};
use crate::obj::m::M;
use crate::obj::p::{P, PStatus};
use crate::obj::status::Status;
use crate::prim::{AtomicU64, Ordering, Word, fence};
use crate::timer::NEVER;
use gort_sys::context::slot;
use gort_sys::types::{SigHow, SigSet, Signal};
use gort_sys::vdso::nanotime;
use gort_sys::{Errno, raw};

const MICRO: u64 = 1_000;
const MILLI: u64 = 1_000_000;

/// Between two looks.
const SHORTEST: u64 = 20 * MICRO;
const LONGEST: u64 = 10 * MILLI;
/// While a goroutine that may be a hog keeps others waiting.
const WATCHFUL: u64 = MILLI;
/// While one that has been asked to yield has not. Twice that, and so on, up to [`WATCHFUL`], for
/// one without a P: signals cannot hit a long function of C's, and cost it time.
const URGENT: u64 = 50 * MICRO;
/// Looks in vain before the time between them grows.
const EAGER: u32 = 50;
/// As many looks that find nothing but idle Ps, and the long sleep begins; the time between them doubles.
const IDLE: u32 = 4;

/// How much CPU time a goroutine that was asked to yield may use before its P is taken.
const PATIENCE: u64 = 2 * MILLI;
/// How long a P that nobody needs stays with a goroutine that sleeps in the kernel.
const SPARE: u64 = 10 * MILLI;

/// The program's signal handlers are for other threads. glibc's own two signals are for all: who calls
/// `setuid` waits until every thread has handled the one.
const MASK: SigSet = SigSet::FULL.without(Signal(32)).without(Signal(33));

/// How long the present nap is, in nanoseconds, and until when; [`AWAKE`] between naps.
static NAP: AtomicU64 = AtomicU64::new(AWAKE);
static UNTIL: AtomicU64 = AtomicU64::new(AWAKE);
/// Later than any: whoever hurries sysmon while it looks has it look again.
const AWAKE: u64 = u64::MAX;

/// Starts the thread.
///
/// # Errors
///
/// The host's.
pub(crate) fn start() -> Result<(), Errno> {
    // SAFETY: `sysmon` may be called on a new thread.
    unsafe { (host::get().start_thread)(sysmon, 0) }
}

unsafe extern "C" fn sysmon(_: usize) {
    slot::lock();
    let _ = raw::rt_sigprocmask(SigHow::SETMASK, Some(&MASK));
    eager::become_eager();
    let (mut looks, mut idle, mut quiet) = (0, 0, 0);
    let mut delay = SHORTEST;
    let mut reports = Reports::new();
    loop {
        reports.write(nanotime());
        nap(delay);
        errand::run();
        idle = if all_idle() { IDLE.min(idle + 1) } else { 0 };
        if idle == IDLE
            && let Some(undisturbed) = sleep(reports.due(), quiet)
        {
            quiet = if undisturbed { quiet.saturating_add(1) } else { 0 };
            (looks, idle, delay) = (0, 0, SHORTEST);
            continue;
        }
        let found = look(nanotime());
        if found.strays {
            idle = 0;
        }
        looks = if found.acted { 0 } else { looks + 1 };
        delay = match looks {
            0 => SHORTEST,
            1..EAGER => delay,
            _ => (delay * 2).min(LONGEST),
        };
        delay = delay.min(found.within).max(SHORTEST << idle);
    }
}

/// Waits between two looks, unless [`hurry`] says otherwise.
fn nap(time: u64) {
    NAP.store(time, Ordering::Relaxed);
    let until = (nanotime() + time).min(keeper::watch());
    UNTIL.store(until, Ordering::Relaxed);
    // SeqCst: between `UNTIL` and the heaps' `next`, as `keeper::tell` has it the other way round.
    fence(Ordering::SeqCst);
    SCHED.sysmonnote.sleep_until(until.min(keeper::watch()));
    SCHED.sysmonnote.clear();
    UNTIL.store(AWAKE, Ordering::Relaxed);
    NAP.store(AWAKE, Ordering::Relaxed);
    // SeqCst: between this and the queues that are looked at now, as `wakep` has it the other way round.
    fence(Ordering::SeqCst);
}

/// Somebody waits who should not have to wait for the end of a long nap. Who has queued something has
/// called `wakep` since, for its fence.
pub(crate) fn hurry() {
    if NAP.load(Ordering::Relaxed) > MIN_RUN {
        SCHED.sysmonnote.wakeup();
    }
}

/// Something is to be done at `when`.
pub(crate) fn hurry_until(when: u64) {
    if UNTIL.load(Ordering::Relaxed) > when {
        SCHED.sysmonnote.wakeup();
    }
}

fn all_idle() -> bool {
    SCHED.stopping() || SCHED.npidle.load(Ordering::Relaxed) as usize >= SCHED.procs()
}

/// Sleeps until an M gets a P, or until `until`, unless some are not idle, or something is to be done for
/// which there is no M; if it has, whether nothing has happened until then. It has slept so `quiet` times before.
fn sleep(until: u64, quiet: u32) -> Option<bool> {
    // Timers that have been stopped are nobody's any more.
    SCHED.ps().for_each(|pp| pp.timers.settle());
    let lists = SCHED.lock();
    if !all_idle() || !SCHED.stopping() && (lists.queued() || keeper::is_needed()) {
        return None;
    }
    if SCHED.all_ps().any(|pp| pp.poller.is_unwatched()) {
        return None;
    }
    SCHED.sysmonnote.clear();
    if errand::is_there() {
        return None;
    }
    // Under the lock, as every P that stops being idle is.
    SCHED.sysmonwait.store(1, Ordering::Relaxed);
    let until = match deadlock::look(&lists, quiet) {
        Finding::Alive => until,
        Finding::Later => until.min(nanotime() + deadlock::PAUSE),
        Finding::Soon => {
            SCHED.sysmonwait.store(0, Ordering::Relaxed);
            return None;
        }
        Finding::Dead(what) => {
            drop(lists);
            deadlock::end(what);
        }
    };
    drop(lists);
    let undisturbed = if until == NEVER {
        SCHED.sysmonnote.sleep();
        false
    } else {
        SCHED.sysmonnote.sleep_until(until);
        // Whoever has been faster wakes us once more, for nothing.
        SCHED.sysmonwait.swap(0, Ordering::Relaxed) != 0
    };
    SCHED.sysmonnote.clear();
    Some(undisturbed)
}

/// An M has got a P while sysmon sleeps.
#[cold]
pub(crate) fn awaken() {
    if SCHED.sysmonwait.swap(0, Ordering::Relaxed) != 0 {
        clock::tell(nanotime());
        SCHED.sysmonnote.wakeup();
    }
}

/// What a look has come to.
struct Found {
    /// A P was taken. Not for those asked to yield, or time that has come: sysmon must use little of the
    /// CPU, or the kernel has it wait (`eager.rs`).
    acted: bool,
    /// Somebody runs without a P.
    strays: bool,
    /// When to look again at the latest, in nanoseconds from now.
    within: u64,
}

/// What is to be done about one P.
enum Verdict {
    /// Nothing, for now; look again within so many nanoseconds.
    Leave(u64),
    /// Its goroutine is to yield.
    Ask,
    /// It is to be taken.
    Take(Why),
}

/// What a P's goroutine does that the P is taken for.
#[derive(Clone, Copy)]
enum Why {
    /// It is in an announced system call.
    Call = 1,
    /// Its thread sleeps in the kernel.
    Sleep,
    /// It does not yield.
    Hog,
}

/// How many Ps were taken, by reason. Written by sysmon.
pub(crate) struct Counts {
    pub(crate) calls: Word,
    pub(crate) rescues: Word,
    pub(crate) hogs: Word,
}

pub(crate) static COUNTS: Counts =
    Counts { calls: Word::new(0), rescues: Word::new(0), hogs: Word::new(0) };

fn look(now: u64) -> Found {
    clock::tell(now);
    let mut found = Found { acted: false, strays: false, within: LONGEST };
    if SCHED.stopping() {
        return found;
    }
    if SCHED.refused.load(Ordering::Relaxed) != 0 && SCHED.runqsize.load(Ordering::Relaxed) != 0 {
        wakep();
    }
    if keeper::watch() <= now {
        fire_all(None, now);
    }
    found.within = found.within.min(overlooked(now));
    let mut take = false;
    for pp in SCHED.ps() {
        match judge(pp, now) {
            Verdict::Leave(within) => found.within = found.within.min(within),
            Verdict::Ask => {
                found.within = found.within.min(URGENT);
            }
            Verdict::Take(why) => {
                pp.seen.verdict.set(why as usize);
                take = true;
                continue;
            }
        }
        pp.seen.verdict.set(0);
    }
    if take {
        // The goroutine may have changed since; then there is nothing to take it for.
        let taken =
            retake(|pp| pp.seen.verdict.get() != 0 && pp.seen.tick.get() == pp.schedtick.get());
        while let Some(pp) = taken.pop() {
            found.acted = true;
            match pp.seen.verdict.get() {
                1 => COUNTS.calls.bump(),
                2 => COUNTS.rescues.bump(),
                _ => COUNTS.hogs.bump(),
            };
            handoffp(pp);
        }
    }
    astray(|mp| {
        found.within = found.within.min(stray(mp, now));
        found.strays |= mp.patience.get() != 0;
    });
    found.within = found.within.min(watchdog::look(now));
    found
}

/// Looks for events where nobody else has for too long. Within how many nanoseconds to look again.
fn overlooked(now: u64) -> u64 {
    let mut within = LONGEST;
    for pp in SCHED.all_ps().filter(|pp| pp.poller.is_used() && !pp.poller.is_ward()) {
        if pp.status() == PStatus::Idle {
            if !pp.poller.is_unwatched() {
                continue;
            }
            // There was no thread for it.
            keeper::see_to(pp);
        }
        within = within.min(GAP);
        // One that goes from goroutine to goroutine looks by itself, and has them in its caches.
        let lively = pp.status() == PStatus::Running && pp.seen.tick.get() != pp.schedtick.get();
        if !lively && pp.poller.overlooked_for(now) >= GAP {
            netpoll::poll(pp, None);
        }
    }
    within
}

/// Has `mp`, which runs a goroutine without a P, come to a door, if it does run. Within how many
/// nanoseconds to look again.
fn stray(mp: &'static M, now: u64) -> u64 {
    let at = mp.look_at.get() as u64;
    if now < at {
        return at - now;
    }
    let Some(cpu) = cpu_time(mp.tid.load(Ordering::Relaxed)) else { return LONGEST };
    // New in the list, or awake again, or awake when it was last looked at.
    let last = if at == 0 { 0 } else { mp.patience.get() as u64 };
    let has_run = at == 0 || mp.cpu_seen.get() != cpu as usize;
    let runs = (last != 0 || has_run) && preempt::signal(Asker::Sysmon, mp, || mp.p.is_taken());
    mp.cpu_seen.set(cpu as usize);
    let (patience, within) = match (runs, has_run) {
        (true, _) => {
            let patience = (2 * last).clamp(URGENT, WATCHFUL);
            (patience, patience)
        }
        // One that sleeps over and over: sysmon is not to sleep for that.
        (false, true) => (URGENT, LONGEST),
        (false, false) => (0, LONGEST),
    };
    mp.patience.set(patience as usize);
    mp.look_at.set((now + within) as usize);
    within
}

/// What is to be done about `pp`.
fn judge(pp: &'static P, now: u64) -> Verdict {
    let seen = &pp.seen;
    let tick = pp.schedtick.acquire();
    let (Some(mp), PStatus::Running) = (pp.m.get(), pp.status()) else {
        seen.tick.set(tick.wrapping_sub(1));
        return Verdict::Leave(LONGEST);
    };
    // An M that is on g0 looks for work and is about to change the tick, or to give its P up.
    let Some(gp) = mp.curg.get() else { return Verdict::Leave(LONGEST) };
    let in_call = gp.status.get() == Status::Syscall;
    let call = gp.syscalltick.get() << 1 | usize::from(in_call);
    if seen.tick.get() != tick {
        let cpu = cpu_time(mp.tid.load(Ordering::Relaxed)).unwrap_or(0);
        seen.cpu.set(cpu as usize);
        // In this order: `preempt::hog` takes the ones for the other's.
        seen.cpu_since.set(cpu as usize);
        seen.since.set(now as usize);
        seen.tick.set(tick);
        seen.asked.set(0);
        seen.call.set(call);
        seen.call_since.set(now as usize);
        // Not for what it has readied itself: those who ready each other all the time are no hogs.
        let urgent = SCHED.nurgent.load(Ordering::Relaxed) != 0;
        let pace = if urgent { MIN_RUN } else { WATCHFUL };
        return Verdict::Leave(if waiting(pp) { pace } else { LONGEST });
    }
    if seen.call.get() != call {
        seen.call.set(call);
        seen.call_since.set(now as usize);
    } else if in_call {
        return stuck(pp, Why::Call, now.saturating_sub(seen.call_since.get() as u64));
    }
    let ran = now.saturating_sub(seen.since.get() as u64);
    if !in_call && sleeps(pp, mp) {
        return stuck(pp, Why::Sleep, ran);
    }
    overdue(pp, mp, ran)
}

/// A goroutine that has been waiting in the kernel at least since the last look, and in this call, or
/// without leaving its M, for `time`.
fn stuck(pp: &'static P, why: Why, time: u64) -> Verdict {
    let others = SCHED.nmspinning.load(Ordering::Relaxed) + SCHED.npidle.load(Ordering::Relaxed);
    if waiting(pp) || others == 0 || time >= SPARE {
        return Verdict::Take(why);
    }
    Verdict::Leave(SPARE - time)
}

/// Whether goroutines wait for which `pp`, or any P, would be the right one.
fn waiting(pp: &'static P) -> bool {
    !pp.runq.is_empty()
        || SCHED.runqsize.load(Ordering::Relaxed) != 0
        || SCHED.nstarved.load(Ordering::Relaxed) != 0
}

/// Whether those who wait have waited for something: not for the end of a slice, too.
fn is_urgent(pp: &'static P) -> bool {
    pp.readied.get() == pp.seen.tick.get() || SCHED.nurgent.load(Ordering::Relaxed) != 0
}

/// Whether `mp`'s thread has slept since the last look, and still does. If that cannot be told (no
/// `/proc`, no descriptor left) a thread that has used no CPU time counts: one that gets no CPU loses
/// its P in vain, but without the rescue all could wait for ever.
fn sleeps(pp: &'static P, mp: &'static M) -> bool {
    let tid = mp.tid.load(Ordering::Relaxed);
    let Some(cpu) = cpu_time(tid) else { return false };
    let before = pp.seen.cpu.get();
    pp.seen.cpu.set(cpu as usize);
    before == cpu as usize && is_running(Asker::Sysmon, tid) != Some(true)
}

/// A goroutine that has been running for `ran`. A slice is of CPU time, but of real time for one whose
/// thread sleeps over and over.
fn overdue(pp: &'static P, mp: &'static M, ran: u64) -> Verdict {
    let seen = &pp.seen;
    if !waiting(pp) {
        return Verdict::Leave(LONGEST);
    }
    // By its own clock: a thread that gets no CPU is no hog, and cannot hear.
    let cpu = seen.cpu.get() as u64;
    let used = cpu.saturating_sub(seen.cpu_since.get() as u64);
    let slice = if is_urgent(pp) { MIN_RUN } else { preempt::slice() };
    if used < slice {
        let sleepy = ran >= slice
            && is_running(Asker::Sysmon, mp.tid.load(Ordering::Relaxed)) == Some(false);
        let left = (slice - used).min(WATCHFUL);
        return if sleepy { Verdict::Take(Why::Sleep) } else { Verdict::Leave(left) };
    }
    if seen.asked.get() == 0 {
        seen.asked.set(cpu as usize);
    } else if cpu.saturating_sub(seen.asked.get() as u64) > PATIENCE {
        return Verdict::Take(Why::Hog);
    }
    preempt::request(Asker::Sysmon, pp, mp);
    Verdict::Ask
}
