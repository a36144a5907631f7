//! The runtime's beginning, and what can be asked of it. Go: `schedinit`.

use super::state::SCHED;
use super::stop::procresize;
use super::{deadlock, preempt, sysmon};
use crate::host::{self, Host};
use crate::prim::Ordering;
use crate::stack::DEFAULT_CLASS;
use gort_sys::types::MembarrierCommand;
use gort_sys::{Errno, raw};

/// What can be chosen at the start.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many goroutines run at the same time.
    pub procs: usize,
    /// How long a goroutine may run while others wait that have run as long, in nanoseconds; Go's
    /// 10 ms if `None`.
    pub slice: Option<u64>,
    /// Whether goroutines that do not yield are interrupted by signals.
    pub async_preempt: bool,
    /// Whether a deadlock ends the program.
    pub deadlock: bool,
}

/// Starts the runtime, and its thread that watches. Once.
///
/// # Errors
///
/// `ENOMEM` when there is no memory for it; those of [membarrier(2)] and of starting a thread; `EINVAL` for a host whose TLS block leaves no room for
/// a stack, or that has more words carried than there can be.
///
/// [membarrier(2)]: https://man7.org/linux/man-pages/man2/membarrier.2.html
pub fn boot(host: &'static Host, options: &Options) -> Result<(), Errno> {
    if host.tls_reserve > 1 << (DEFAULT_CLASS - 1) || host.carried.len() > host::MAX_CARRIED {
        return Err(Errno::EINVAL);
    }
    host::set(host);
    gort_sys::context::switch::set_fsgsbase(host.fsgsbase);
    raw::membarrier(MembarrierCommand::REGISTER_PRIVATE_EXPEDITED, 0, 0)?;
    if options.deadlock {
        deadlock::enable();
    }
    super::clock::tell(gort_sys::vdso::nanotime());
    preempt::setup(options.slice, options.async_preempt);
    procresize(options.procs.clamp(1, super::state::MAX_PROCS))?;
    let mut lists = SCHED.lock();
    for pp in SCHED.ps() {
        lists.pidleput(pp);
    }
    drop(lists);
    sysmon::start()
}

/// How many goroutines there are: made and not yet over. The counters are not read at one moment, so
/// it can be more than there ever were at one, but not less.
pub fn numgoroutine() -> usize {
    // Acquire: those that are over before those that were made, or one could be over and not made.
    let over = SCHED.all_ps().fold(SCHED.exited.load(Ordering::Acquire), |over, pp| {
        over.wrapping_add(pp.exited.acquire())
    });
    let made = SCHED.all_ps().fold(SCHED.spawned.load(Ordering::Relaxed), |made, pp| {
        made.wrapping_add(pp.spawned.get())
    });
    made.saturating_sub(over)
}

/// How many goroutines can run at the same time.
pub fn procs() -> usize {
    SCHED.procs()
}

/// Figures about the scheduler, each read by itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Goroutines that are not over.
    pub goroutines: usize,
    /// Goroutines ever made.
    pub spawned: usize,
    /// GOMAXPROCS.
    pub procs: usize,
    /// Ps without work.
    pub idle_procs: usize,
    /// Threads of the runtime, and how many of them sleep without work.
    pub threads: usize,
    /// See `threads`.
    pub idle_threads: usize,
    /// Threads that look for work.
    pub spinning_threads: usize,
    /// Goroutines in the global queue, and in the Ps' own.
    pub global_queue: usize,
    /// See `global_queue`.
    pub local_queues: usize,
    /// How often a P has taken goroutines from another.
    pub steals: usize,
    /// Switches to a goroutine.
    pub switches: usize,
    /// Goroutines that were interrupted by a signal to let others go first.
    pub preemptions: usize,
    /// Ps taken from goroutines in announced system calls, from others that slept in the kernel
    /// (rescues), and from others that ran on.
    pub retaken_calls: usize,
    /// See `retaken_calls`.
    pub rescues: usize,
    /// See `retaken_calls`.
    pub retaken_hogs: usize,
    /// Ps given away before calls that wait.
    pub handed_off: usize,
}

/// The present figures.
pub fn figures() -> Figures {
    let mut figures = Figures {
        goroutines: numgoroutine(),
        procs: SCHED.procs(),
        idle_procs: SCHED.npidle.load(Ordering::Relaxed) as usize,
        spinning_threads: SCHED.nmspinning.load(Ordering::Relaxed) as usize,
        global_queue: SCHED.runqsize.load(Ordering::Relaxed),
        spawned: SCHED.spawned.load(Ordering::Relaxed),
        ..Figures::default()
    };
    for pp in SCHED.all_ps() {
        figures.local_queues += pp.runq.len();
        figures.steals += pp.steals.get();
        figures.switches += pp.schedtick.get();
        figures.spawned += pp.spawned.get();
        figures.handed_off += pp.handed_off.get();
    }
    figures.preemptions = preempt::preemptions();
    let counts = &sysmon::COUNTS;
    figures.retaken_calls = counts.calls.get();
    figures.rescues = counts.rescues.get();
    figures.retaken_hogs = counts.hogs.get();
    let lists = SCHED.lock();
    figures.threads = lists.mcount;
    figures.idle_threads = lists.idle_ms();
    figures
}

/// Says that this process was forked: none of the runtime's threads is in it. A goroutine that has
/// forked goes on as plain code. In the child, before anything else.
pub fn forked() {
    SCHED.forked.store(1, Ordering::Relaxed);
    SCHED.gcwaiting.store(1, Ordering::Relaxed);
}
