//! Where every goroutine is: a walk over its stack, for dumps. Go: `traceback`, `tracebackothers`.

mod buffer;
mod cache;
mod capture;
mod dying;
mod expression;
pub(crate) mod freeze;
mod live;
mod memory;
mod name;
mod rule;
mod table;
mod walk;

pub(crate) use capture::name;
pub use name::Name;

use crate::host;
use crate::obj::g::{G, getg};
use crate::obj::status::Status;
use crate::sched::park::WaitReason;
use gort_sys::context::registers::Registers;
use memory::Stacks;
use walk::Walk;

/// A frame's program counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pc {
    /// The address.
    pub pc: usize,
    /// Whether the frame was interrupted there, or stands there. Else it is a return address, and the
    /// call is what ends there: look `pc - 1` up.
    pub exact: bool,
}

/// What a goroutine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In a run queue, for the first time: it has no frames.
    NotStarted,
    /// In a run queue.
    Runnable,
    /// On a thread.
    Running,
    /// In a system call that it has announced.
    Syscall,
    /// In C.
    InC,
    /// Parked.
    Waiting,
}

/// What is known about a goroutine but its frames.
#[derive(Clone, Copy, Debug)]
pub struct Goroutine {
    /// Its number; 0 for a thread's own stack (only [`How::Dying`], only the first).
    pub id: u64,
    /// The number of the goroutine that made it; 0 for a thread.
    pub parent: u64,
    /// Where it was made, a return address in the function that asked for it; 0 if that is not known.
    pub creator: usize,
    /// The function that it began with.
    pub entry: usize,
    /// What it does.
    pub state: State,
    /// Why it waits, if it does.
    pub reason: Option<WaitReason>,
    /// For how long it has been doing that, in nanoseconds; good to a second or so.
    pub waited: Option<u64>,
    /// Whether it is locked to its thread.
    pub locked: bool,
    /// The number of the system call that it is in.
    pub call: Option<usize>,
    /// Its name, as much of it as there is room for.
    pub name: Name,
    /// Its stack, from the lowest address to one past the highest.
    pub stack: (usize, usize),
    /// Whether it is the one that asks.
    pub current: bool,
    /// How many frames are left out after the first [`FIRST`].
    pub elided: usize,
    /// Why there are no frames, or no more of them.
    pub unseen: Option<&'static str>,
}

impl Goroutine {
    /// What it does, in a word or two: Go's, by which readers of dumps know it.
    pub fn status(&self) -> &'static str {
        match (self.state, self.reason) {
            (State::Waiting, Some(reason)) => reason.text(),
            (State::Waiting, None) => "waiting",
            (State::NotStarted | State::Runnable, _) => "runnable",
            (State::Running, _) => "running",
            (State::Syscall | State::InC, _) => "syscall",
        }
    }

    /// For how many whole minutes it has waited.
    pub fn minutes(&self) -> u64 {
        self.waited.unwrap_or(0) / 60_000_000_000
    }
}

/// How many of the newest frames are kept, and as many of the oldest. Go: `tracebackInnerFrames`.
pub const FIRST: usize = 50;

/// What may be done to get at the goroutines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// They go on afterwards. Stops the world, walks, starts it again, and only then calls `f`, which may
    /// do anything. From goroutines and threads, not from signal handlers.
    Live,
    /// The process ends afterwards: the other threads are stopped for ever, as far as they can be.
    /// Without locks and without allocation, from anywhere; `f` is called at once, and keeps to that.
    Dying,
}

/// Calls `f` for every goroutine that is not over, with its frames from the newest on: first the one
/// that this is called on, then the others, roughly the oldest first, or with [`How::Dying`] the newest. Returns how
/// many are missing, for want of memory to note them. In a forked child there is nobody but the caller.
///
/// What waits with [`How::Live`]: the thread, until the world has stopped and threads that are outside the
/// runtime have been looked at, which is some 100 ms for one that does not answer a signal (it sleeps in
/// the kernel for good, or has the signal blocked).
///
/// With [`How::Dying`] a second thread waits for ever, and a second call on the same thread does nothing:
/// something has gone wrong while `f` was working.
#[inline(never)]
pub fn each(how: How, f: &mut dyn FnMut(&Goroutine, &[Pc])) -> usize {
    let here = Registers::here();
    match how {
        How::Live => live::each(here, f),
        How::Dying => dying::each(here, f),
    }
}

/// The caller's own stack, from the newest frame on: as many frames as `out` has room for. Returns how
/// many there are in `out`. Allocates nothing, good in a signal handler; none before the runtime has
/// started.
#[inline(never)]
pub fn callers(out: &mut [Pc]) -> usize {
    if host::try_get().is_none() {
        return 0;
    }
    let mut walk = Walk::new(Registers::here(), true, own_stacks(), None);
    let mut count = 0;
    for place in out {
        let Some(pc) = walk.next() else { break };
        *place = pc;
        count += 1;
    }
    count
}

/// The stacks of the thread that this is on, as far as they are known.
fn own_stacks() -> Stacks {
    let mut stacks = Stacks::NONE;
    if let Some(g) = getg()
        && let Some(mp) = g.m.get()
    {
        // In C, and on its way from goroutine to goroutine, it is g0.
        let gp = if g.is_g0() { mp.curg.get() } else { Some(g) };
        if let Some(gp) = gp {
            stacks.add(gp.stack_lo.get(), gp.stack_hi.get());
        }
        capture::add_thread(&mut stacks, mp);
    }
    stacks
}

/// The goroutine that this is on, or that has called C, which this is in.
fn own() -> Option<&'static G> {
    let g = getg()?;
    if !g.is_g0() {
        return Some(g);
    }
    g.m.get()?.curg.get().filter(|gp| gp.status.get() == Status::Syscall)
}
