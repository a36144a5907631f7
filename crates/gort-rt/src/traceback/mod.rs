//! Where every goroutine is: a walk over its stack, for dumps. Go: `traceback`, `tracebackothers`.

mod name;

pub use name::Name;

use crate::sched::park::WaitReason;

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
/// that this is called on, then the others from the newest to the oldest.
///
/// What waits with [`How::Live`]: the thread, until the world has stopped and threads that are outside the
/// runtime have been looked at.
pub fn each(how: How, f: &mut dyn FnMut(&Goroutine, &[Pc])) {
    let _ = (how, f);
}

/// The caller's own stack, from the newest frame on: as many frames as `out` has room for. Returns how
/// many there are in `out`. Allocates nothing, good in a signal handler.
pub fn callers(out: &mut [Pc]) -> usize {
    let _ = out;
    0
}
