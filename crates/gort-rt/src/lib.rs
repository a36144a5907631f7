//! The gort runtime: goroutines on threads, without libc.
//!
//! The map, in the order in which a goroutine meets it: [`newproc`] makes a G (`sched/spawn.rs`),
//! a P queues it (`sched/runq.rs`), an M that owns a P finds it (`sched/find.rs`), gives it a stack
//! (`stack/`), switches to it (`sched/worker.rs`, and straight from goroutine to goroutine in
//! `sched/park.rs`), leaves it when it parks ([`gopark`]) and takes it up when it is made ready
//! ([`goready`]), and takes it apart (`sched/exit.rs`). `obj/` has the three structures, `lock/`
//! what blocks an M, `host.rs` what the program around must supply. `chan/` is what goroutines talk by,
//! `sync/` what the program's locks are made of.
//!
//! Nothing here calls libc, allocates from the program's allocator, unwinds, or uses std.

#![no_std]

pub mod chan;
pub mod host;
mod lock;
mod mem;
pub mod netpoll;
mod obj;
mod out;
mod prim;
mod sched;
mod stack;
pub mod sync;
mod throw;
pub mod timer;
pub mod traceback;

pub use obj::g::{G, PAYLOAD, current, m_thread_pointer, may_park};
pub use sched::boot::{Options, boot, forked};
pub use sched::census::{Census, Party, Pit, census, stacks};
pub use sched::cgo::{
    CFunction, Callback, cgocall, cgocall_blocking, cgocallback, in_c, stack_here,
};
pub use sched::completion::{Completed, Completion, Detached};
pub use sched::deadlock::main_is_over;
pub use sched::errand::call_on_thread;
pub use sched::figures::{Figures, each_waiting, figures, numgoroutine, procs, run_queues};
pub use sched::foreign::Foreign;
pub use sched::latency::Latency;
pub use sched::lockm::{lock_os_thread, unlock_os_thread};
pub use sched::park::{Commit, WaitReason, gopark, goready, gosched};
pub use sched::parker::Parker;
pub use sched::pin::pinned;
pub use sched::preempt::{SIGNAL, on_signal};
pub use sched::schedtrace::Trace;
pub use sched::spawn::{Spawn, newproc, release};
pub use sched::stop::gomaxprocs;
pub use sched::syscall::Scheduled;
pub use sched::threads::{set_max_blocked, set_max_threads};
pub use sched::waits::join;
pub use sched::watchdog::{Alarm, Found, alarm_done, next_alarm, set_watchdog};
pub use stack::{StackRange, measure_stacks};
pub use throw::{Whose, last_words, set_traces, throw};

/// A place in the function that this is inlined into, as [`Spawn::creator`] wants it.
#[inline(always)]
pub fn here() -> usize {
    gort_sys::context::slot::here().pc
}

/// Where this crate is written, as the compiler calls it: for traces, which leave its frames out.
#[doc(hidden)]
pub const SOURCE: &str = file!().split_at(file!().len() - "lib.rs".len()).0;
