//! Asking and steering the runtime.
//!
//! # What the environment says
//!
//! | Variable | Meaning |
//! |-|-|
//! | `GOMAXPROCS=4` | how many goroutines run at the same time |
//! | `GORT_PANIC=crash` | a panic that nobody caught ends the process: see [`panic`](crate::panic) |
//! | `GORT_STACK=64K` | how large stacks are |
//! | `GORT_TRACEBACK=all` | how much is written when the process ends for an error: `none`, `single`, `all`, `system`, `crash`, as Go's |
//! | `GORT_DEBUG=...` | words of the next table, with commas between |
//!
//! | Word | Meaning |
//! |-|-|
//! | `asyncpreemptoff=1` | no goroutine is interrupted by a signal: a hog then runs on beside the others |
//! | `deadlock=0` | a deadlock does not end the program |
//! | `scheddetail=1` | with `schedtrace`: a line for each P, thread and goroutine as well |
//! | `schedtrace=1000` | a line about the scheduler every 1000 ms, in Go's format |
//! | `slice=1ms` | how long a goroutine may run while others wait |
//! | `stackwater=1` | how much of their stacks goroutines used: [`stack_profile`] |
//! | `watchdog=50ms` | who runs, or waits to be run, for longer than that: [`set_watchdog`] |
//!
//! # Deadlocks
//!
//! A program in which nobody will do anything any more ends with `all goroutines are asleep - deadlock!`, what
//! they wait for, and status 2. It is one when every goroutine waits, for neither a descriptor nor a time; and
//! every other thread of the process, whoever has made it, waits in gort as well, without a limit of time.
//! Who waits in std or in C (`thread::park`, a mutex of std's) is taken for somebody who may yet wake
//! a goroutine, so a program that waits for such a thread hangs; and so may one whose last such thread ends long
//! after all others have begun to wait.
//!
//! A signal's handler that the program has installed by itself does not count: nothing of gort may be called in
//! one, and what it may write to is a descriptor, for which somebody waits then. With
//! [`gort::signal`](crate::signal) somebody always does.

mod stats;
mod watchdog;

pub use stats::{Figures, Latency, Metric, Stats, Tier, Value, run_queues, stats, waiting_for};
pub use watchdog::set_watchdog;
pub(crate) use watchdog::start as start_watchdog;

#[doc(inline)]
pub use crate::deadlock::{Cycle, Leak, Waiting, deadlocks, leaks};
use crate::join::GoId;
pub use crate::stack_use::{StackUse, stack_profile};
#[doc(inline)]
pub use gort_rt::WaitReason;
use std::fmt;
use std::io;
use std::marker::PhantomData;

/// The goroutine this runs on; `None` on an ordinary thread.
pub fn current() -> Option<GoId> {
    gort_rt::current().map(|gp| GoId(gp.id()))
}

/// A goroutine's number and name as text: `goroutine 7 [name]`.
pub(crate) struct Title<'a>(pub(crate) u64, pub(crate) Option<&'a str>);

impl fmt::Display for Title<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "goroutine {}", self.0)?;
        self.1.map_or(Ok(()), |name| write!(f, " [{name}]"))
    }
}

/// `goroutine 7 [name]`, or `thread 'name'`, for messages.
pub(crate) fn title() -> String {
    match gort_rt::current() {
        Some(gp) => Title(gp.id(), gp.name_here()).to_string(),
        None => format!("thread '{}'", std::thread::current().name().unwrap_or("<unnamed>")),
    }
}

/// Ties the goroutine to its thread while the guard lives: it runs on no other, and the thread runs
/// no other goroutine. For what belongs to the kernel's thread: namespaces, signal mask, affinity,
/// credentials of one thread, ptrace. A goroutine that ends with a guard leaked ends its thread.
/// On an ordinary thread it does nothing. Go: `runtime.LockOSThread`.
///
/// ```
/// gort::run(|| {
///     let _guard = gort::lock_os_thread();
///     let thread = gort_sys::raw::gettid();
///     gort::gosched();
///     assert_eq!(gort_sys::raw::gettid(), thread);
/// });
/// ```
#[doc(alias = "LockOSThread")]
pub fn lock_os_thread() -> OsThreadGuard {
    gort_rt::lock_os_thread();
    OsThreadGuard { not_send: PhantomData }
}

/// See [`lock_os_thread`].
#[derive(Debug)]
#[must_use = "the goroutine is unlocked when the guard is dropped"]
pub struct OsThreadGuard {
    not_send: PhantomData<*const ()>,
}

impl Drop for OsThreadGuard {
    fn drop(&mut self) {
        gort_rt::unlock_os_thread();
    }
}

/// How many goroutines run at the same time: sets it if `count` is given (1 to 1024), and returns
/// what it was. Setting it waits until nobody is inside the runtime: microseconds, mostly. Starts the
/// runtime if need be.
///
/// The default is what the process may use: its affinity mask and cgroup quota, or `GOMAXPROCS`.
///
/// # Panics
///
/// When the runtime cannot run on this system, or has no memory for more.
pub fn gomaxprocs(count: Option<usize>) -> usize {
    if let Err(error) = crate::boot::ensure() {
        panic!("gort::runtime::gomaxprocs: {error}");
    }
    match count.map(gort_rt::gomaxprocs) {
        None => gort_rt::procs(),
        Some(Ok(before)) => before,
        Some(Err(errno)) => panic!("gort::runtime::gomaxprocs: {errno}"),
    }
}

/// Sets how many threads there may be for goroutines, and returns what it was: 10,000 at first. A
/// program that needs more ends with a message that says so. Threads are needed for goroutines that
/// run, and for those in blocking calls. Go: `debug.SetMaxThreads`.
///
/// ```
/// let before = gort::runtime::set_max_threads(20_000);
/// assert_eq!(before, 10_000);
/// ```
#[doc(alias = "SetMaxThreads")]
pub fn set_max_threads(count: usize) -> usize {
    gort_rt::set_max_threads(count)
}

/// Sets how many goroutines may be in calls that are known to wait (class `sysblock`, or slow last
/// time) at the same time, and returns what it was; `None`, as at first, is no limit. Further ones
/// queue, first come first served, instead of taking more threads. What queues is the goroutine.
///
/// A limit can deadlock a program in which one such call waits for what another would do.
pub fn set_max_blocked(count: Option<usize>) -> Option<usize> {
    gort_rt::set_max_blocked(count)
}

/// How many CPUs the process may use: its affinity mask, read now.
pub fn num_cpu() -> usize {
    crate::host::num_cpu()
}

/// How many goroutines have been started and are not over.
pub fn num_goroutine() -> usize {
    gort_rt::numgoroutine()
}

/// Writes what every goroutine does, and where: why it waits and for how long, the functions that it is in
/// with their files and lines, and who started it. The layout is Go's, so that what reads Go's dumps reads
/// these; a goroutine's name comes last in the brackets.
///
/// Frames of the runtime are left out, but for what the program has called, unless `GORT_TRACEBACK` is
/// `system`. From goroutines and ordinary threads. Everybody stands still until all have been looked at,
/// and goes on before anything is written. What waits: the thread; in `out`'s calls what it says. Go:
/// `runtime.Stack` for all, `pprof.Lookup("goroutine").WriteTo(out, 2)`.
///
/// ```
/// gort::run(|| {
///     let (_sender, receiver) = gort::chan::bounded::<()>(0);
///     let worker = gort::Builder::new().name("worker".into()).spawn(move || receiver.recv()).unwrap();
///     gort::time::sleep(std::time::Duration::from_millis(10));
///     let mut text = Vec::new();
///     gort::runtime::dump(&mut text).unwrap();
///     let text = String::from_utf8(text).unwrap();
///     assert!(text.contains(&format!("goroutine {} [chan receive, \"worker\"]:", worker.id())));
/// });
/// ```
///
/// # Errors
///
/// Those of `out`.
#[doc(alias = "Stack")]
pub fn dump(out: &mut dyn io::Write) -> io::Result<()> {
    crate::traceback::dump(out, crate::traceback::level().is_system())
}
