//! The runtime's beginning. Go: `schedinit`.

use super::schedtrace::Trace;
use super::state::SCHED;
use super::stop::procresize;
use super::{deadlock, figures, preempt, schedtrace, sysmon, thread_state, watchdog};
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
    /// How often the state of the scheduler is written to standard error, if it is.
    pub schedtrace: Option<Trace>,
    /// What the watchdog waits for: see [`set_watchdog`](crate::set_watchdog).
    pub watchdog: Option<u64>,
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
    thread_state::setup();
    figures::begin();
    if options.deadlock {
        deadlock::enable();
    }
    super::clock::tell(gort_sys::vdso::nanotime());
    preempt::setup(options.slice, options.async_preempt);
    schedtrace::setup(options.schedtrace);
    watchdog::set_watchdog(options.watchdog);
    procresize(options.procs.clamp(1, super::state::MAX_PROCS))?;
    let mut lists = SCHED.lock();
    for pp in SCHED.ps() {
        lists.pidleput(pp);
    }
    drop(lists);
    sysmon::start()
}

/// Says that this process was forked: none of the runtime's threads is in it. A goroutine that has
/// forked goes on as plain code. In the child, before anything else.
pub fn forked() {
    SCHED.forked.store(1, Ordering::Relaxed);
    SCHED.gcwaiting.store(1, Ordering::Relaxed);
    crate::sync::forked();
}
