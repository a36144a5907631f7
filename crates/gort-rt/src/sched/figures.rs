//! What can be asked of the scheduler at any time, in numbers.
//!
//! Everything is counted by whoever does it, on its own P, in words that others only read: asking costs a
//! look at each P and each M, and does not depend on how many goroutines there are. What depends on that,
//! why those that wait do so, is a call of its own ([`each_waiting`]).

use super::all::{all_gs, all_ms};
use super::latency::Latency;
use super::park::WaitReason;
use super::state::SCHED;
use super::{preempt, sysmon, watchdog};
use crate::obj::p::{P, PStatus};
use crate::obj::status::Status;
use crate::prim::{AtomicU64, Ordering};
use gort_sys::vdso::nanotime;

/// When the runtime was started.
static START: AtomicU64 = AtomicU64::new(0);

/// It starts now.
pub(super) fn begin() {
    START.store(nanotime(), Ordering::Relaxed);
}

/// Since when the runtime runs, by `nanotime`.
pub(super) fn start() -> u64 {
    START.load(Ordering::Relaxed)
}

/// How many goroutines there are: made and not yet over. The counters are not read at one moment, so
/// it can be more than there ever were at one, but not less.
pub fn numgoroutine() -> usize {
    // Acquire: those that are over before those that were made, or one could be over and not made.
    let over = SCHED.all_ps().fold(SCHED.exited.load(Ordering::Acquire), |over, pp| {
        over.wrapping_add(pp.exited.acquire())
    });
    spawned().saturating_sub(over)
}

/// How many goroutines were ever made.
fn spawned() -> usize {
    SCHED
        .all_ps()
        .fold(SCHED.spawned.load(Ordering::Relaxed), |made, pp| made.wrapping_add(pp.spawned.get()))
}

/// How many goroutines can run at the same time.
pub fn procs() -> usize {
    SCHED.procs()
}

/// Figures about the scheduler, each read by itself. Those that only grow are marked as counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Nanoseconds since the runtime was started; 0 before.
    pub uptime: u64,
    /// Goroutines that are not over.
    pub goroutines: usize,
    /// Goroutines in run queues.
    pub runnable: usize,
    /// Goroutines that run, with a P or, for a while, without.
    pub running: usize,
    /// Goroutines in announced system calls, or in C.
    pub in_calls: usize,
    /// Goroutines that wait: all others.
    pub waiting: usize,
    /// Goroutines ever made: a count.
    pub spawned: usize,
    /// GOMAXPROCS.
    pub procs: usize,
    /// Ps without work.
    pub idle_procs: usize,
    /// Ps whose goroutine is in an announced call, and may lose it.
    pub procs_in_calls: usize,
    /// Threads of the runtime, and how many of them sleep without work.
    pub threads: usize,
    /// See `threads`.
    pub idle_threads: usize,
    /// Threads that look for work.
    pub spinning_threads: usize,
    /// Goroutines in the global queues, and in the Ps' own.
    pub global_queue: usize,
    /// See `global_queue`.
    pub local_queues: usize,
    /// How often a P has taken goroutines from another: a count.
    pub steals: usize,
    /// Rounds of scheduling: switches to a goroutine, and yields for which there was nobody: a count.
    pub switches: usize,
    /// Goroutines that were interrupted by a signal to let others go first: a count.
    pub preemptions: usize,
    /// Ps taken from goroutines in announced system calls, from others that slept in the kernel
    /// (rescues), and from others that ran on: counts.
    pub retaken_calls: usize,
    /// See `retaken_calls`.
    pub rescues: usize,
    /// See `retaken_calls`.
    pub retaken_hogs: usize,
    /// Ps given away before calls that wait: a count.
    pub handed_off: usize,
    /// Timers that are set, about: one that was stopped may be counted for a while.
    pub timers: usize,
    /// Timers that have fired: a count.
    pub timers_fired: usize,
    /// How often the kernel was asked for events of descriptors, and how many it had: counts.
    pub polls: usize,
    /// See `polls`.
    pub events: usize,
    /// What the watchdog has found, and said if there was not too much of it: a count.
    pub alarms: usize,
    /// For how long goroutines have waited to be run: counts.
    pub latency: Latency,
}

/// The present figures. Costs a look at each P and each thread, at these under the scheduler's lock: 100 ns
/// for a few.
pub fn figures() -> Figures {
    let mut figures = Figures {
        uptime: if start() == 0 { 0 } else { nanotime().saturating_sub(start()) },
        goroutines: numgoroutine(),
        spawned: spawned(),
        procs: SCHED.procs(),
        idle_procs: SCHED.npidle.load(Ordering::Relaxed) as usize,
        spinning_threads: SCHED.nmspinning.load(Ordering::Relaxed) as usize,
        global_queue: SCHED.runqsize.load(Ordering::Relaxed),
        preemptions: preempt::preemptions(),
        retaken_calls: sysmon::COUNTS.calls.get(),
        rescues: sysmon::COUNTS.rescues.get(),
        retaken_hogs: sysmon::COUNTS.hogs.get(),
        alarms: watchdog::count(),
        ..Figures::default()
    };
    for pp in SCHED.all_ps() {
        figures.add(pp);
    }
    let lists = SCHED.lock();
    figures.threads = lists.mcount;
    figures.idle_threads = lists.idle_ms();
    for mp in all_ms() {
        match mp.curg.get().map(|gp| gp.status.get()) {
            Some(Status::Running) => figures.running += 1,
            Some(Status::Syscall) => figures.in_calls += 1,
            _ => {}
        }
    }
    drop(lists);
    figures.runnable = figures.global_queue + figures.local_queues;
    let busy = figures.runnable + figures.running + figures.in_calls;
    figures.waiting = figures.goroutines.saturating_sub(busy);
    figures
}

impl Figures {
    fn add(&mut self, pp: &'static P) {
        self.local_queues += pp.runq.len();
        self.steals += pp.steals.get();
        self.switches += pp.schedtick.get();
        self.handed_off += pp.handed_off.get();
        self.timers += pp.timers.pending();
        self.timers_fired += pp.timers.fired();
        self.polls += pp.poller.polls();
        self.events += pp.poller.events();
        self.latency.add(pp);
        let in_call = || pp.m.get()?.curg.get().map(|gp| gp.status.get());
        if pp.status() == PStatus::Running && in_call() == Some(Status::Syscall) {
            self.procs_in_calls += 1;
        }
    }
}

/// How many goroutines are in each P's own queue, by the P's number; each read by itself.
pub fn run_queues() -> impl Iterator<Item = usize> {
    SCHED.ps().map(|pp| pp.runq.len())
}

/// Calls `f` with the reason of each goroutine that waits. It looks at every goroutine that there has ever
/// been room for, without a lock and while they go on: some 30 ms for 100,000.
pub fn each_waiting(mut f: impl FnMut(WaitReason)) {
    for gp in all_gs().filter(|gp| gp.status.get() == Status::Waiting) {
        if let Some(reason) = WaitReason::of(gp.waitreason.get()) {
            f(reason);
        }
    }
}
