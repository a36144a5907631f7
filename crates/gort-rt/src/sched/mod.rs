//! The scheduler: which goroutine runs where and when.
//!
//! # The problem
//!
//! Many goroutines, few threads, no central queue that everybody fights for, no thread awake
//! without work, and no work without a thread awake.
//!
//! # The protocol
//!
//! An M runs goroutines while it owns a P. Each P has a run queue that only its owner fills
//! ([`runq`]); there is one global queue under the scheduler's lock for what spills over, what is
//! made by threads without a P, and what must not run next. An M with nothing to do looks for work
//! (`spinning`), gives its P to the idle list, and sleeps.
//!
//! Nothing is lost between "new work" and "going to sleep", because each side writes its own word
//! and then reads the other's, with a full fence between:
//!
//! - who submits work puts it into a queue, fences, and reads `nmspinning` and `npidle`: if nobody
//!   spins and a P is idle it wakes an M ([`wake::wakep`]);
//! - who stops spinning lowers `nmspinning` (having put its P into the idle list, which raises
//!   `npidle`), fences, and looks once more at every queue ([`find`]).
//!
//! One of them sees the other. At most one M is woken at a time (`nmspinning` goes from 0 to 1 by
//! compare-and-swap), and an M that finds work while spinning wakes the next before it runs it.
//! Loom models this in `tests/loom_sched.rs`.
//!
//! # Leaving a goroutine
//!
//! A goroutine that yields, parks or ends raises `locks`, picks the next from its own P's queue and
//! switches straight to it; only when there is none does it go through the M's scheduler stack.
//! Whatever has to happen to the one that was left happens on the other side of the switch
//! ([`park::finish`]), when nobody is on its stack any more: being put into a queue, unlocking what
//! it waits for, giving its stack away.
//!
//! # Designs rejected
//!
//! A turn through the scheduler stack at every switch, as in Go: two thread pointers to set instead
//! of one. A status compare-and-swap at each transition: the queue that hands a goroutine over
//! orders the stores already (`obj/status.rs`).

pub(crate) mod all;
pub(crate) mod bed;
pub(crate) mod boot;
pub(crate) mod census;
pub(crate) mod cgo;
pub(crate) mod clock;
pub(crate) mod completion;
pub(crate) mod counts;
pub(crate) mod deadlock;
pub(crate) mod door;
mod eager;
pub(crate) mod errand;
pub(crate) mod exit;
pub(crate) mod figures;
pub(crate) mod find;
pub(crate) mod fire;
pub(crate) mod foreign;
pub(crate) mod keeper;
pub(crate) mod latency;
pub(crate) mod lockm;
pub(crate) mod own;
pub(crate) mod park;
pub(crate) mod parker;
pub(crate) mod pin;
pub(crate) mod preempt;
pub(crate) mod rand;
pub(crate) mod retake;
pub(crate) mod runq;
pub(crate) mod schedtrace;
pub(crate) mod sigstack;
pub(crate) mod spawn;
pub(crate) mod spin;
pub(crate) mod state;
pub(crate) mod stop;
pub(crate) mod syscall;
pub(crate) mod sysmon;
pub(crate) mod template;
pub(crate) mod thread;
pub(crate) mod thread_state;
pub(crate) mod threads;
pub(crate) mod waits;
pub(crate) mod wake;
pub(crate) mod watchdog;
pub(crate) mod worker;
