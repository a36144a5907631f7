//! The states of a G and a P, and who may change them.
//!
//! A G's state says who owns its stack and what list it is on:
//!
//! | state | its stack belongs to | it is | who changes it, to what |
//! |-|-|-|-|
//! | idle | nobody | being made | its maker: runnable |
//! | runnable | nobody | in one run queue | the M that takes it from there: running |
//! | running | the G, on its M | an M's `curg` | itself: syscall; its own M: runnable, waiting, dead |
//! | syscall | the G, on its M | an M's `curg` | itself: running; its own M: runnable |
//! | waiting | nobody | wherever it waits | who takes it from there: runnable |
//! | dead | nobody | in a free list, or its handle's | its next maker: idle |
//!
//! The party that changes a state is always the only one that may: the one that has taken the G
//! from the one place that held it. So a transition is a plain store, and what orders it before the
//! next owner's look is the queue, lock or swap that hands the G over. Debug builds check what the
//! state was; a wrong one is a throw.

use crate::prim::{AtomicU32, Ordering};
use crate::throw::{Say, throw_with};

/// A goroutine's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Status {
    /// Memory of a goroutine that is being made.
    Idle,
    /// In a run queue.
    Runnable,
    /// On an M, which has a P, or will want one at the next door.
    Running,
    /// In a system call or in C, on an M that may or may not have its P.
    Syscall,
    /// Parked.
    Waiting,
    /// Over; in a free list, or held by its handle.
    Dead,
}

/// The word that holds it.
#[derive(Debug)]
pub(crate) struct StatusWord(AtomicU32);

/// The legal transitions, by name.
impl StatusWord {
    pub(crate) const fn new() -> StatusWord {
        StatusWord(AtomicU32::new(Status::Idle as u32))
    }

    pub(crate) fn get(&self) -> Status {
        StatusWord::named(self.0.load(Ordering::Relaxed))
    }

    /// The state, read before whatever is read after it.
    pub(crate) fn acquire(&self) -> Status {
        // Acquire: pairs with the Release in `change`.
        StatusWord::named(self.0.load(Ordering::Acquire))
    }

    fn named(value: u32) -> Status {
        match value {
            0 => Status::Idle,
            1 => Status::Runnable,
            2 => Status::Running,
            3 => Status::Syscall,
            4 => Status::Waiting,
            _ => Status::Dead,
        }
    }

    #[inline(always)]
    fn change(&self, from: Status, to: Status) {
        if cfg!(debug_assertions) && self.get() != from {
            self.wrong(from, to);
        }
        // Release: pairs with the Acquire in `acquire`, for who looks at goroutines that are not his.
        self.0.store(to as u32, Ordering::Release);
    }

    #[cold]
    fn wrong(&self, from: Status, to: Status) -> ! {
        throw_with(&[
            Say::Text("goroutine status is "),
            Say::Dec(self.0.load(Ordering::Relaxed).into()),
            Say::Text(" at the change from "),
            Say::Dec(from as u64),
            Say::Text(" to "),
            Say::Dec(to as u64),
        ])
    }

    /// Its maker has finished it.
    #[inline(always)]
    pub(crate) fn made(&self) {
        self.change(Status::Idle, Status::Runnable);
    }

    /// An M runs it.
    #[inline(always)]
    pub(crate) fn execute(&self) {
        self.change(Status::Runnable, Status::Running);
    }

    /// It lets others go first.
    #[inline(always)]
    pub(crate) fn yielded(&self) {
        self.change(Status::Running, Status::Runnable);
    }

    /// It leaves for the kernel, or for C.
    #[inline(always)]
    pub(crate) fn entersyscall(&self) {
        self.change(Status::Running, Status::Syscall);
    }

    /// It is back.
    #[inline(always)]
    pub(crate) fn exitsyscall(&self) {
        self.change(Status::Syscall, Status::Running);
    }

    /// It queues for a P, having lost its own.
    pub(crate) fn requeued(&self) {
        let from = if self.get() == Status::Syscall { Status::Syscall } else { Status::Running };
        self.change(from, Status::Runnable);
    }

    /// It waits.
    #[inline(always)]
    pub(crate) fn parked(&self) {
        self.change(Status::Running, Status::Waiting);
    }

    /// What it waited for has come.
    ///
    /// Checked in release builds too: to ready a goroutine twice would run it on two threads.
    #[inline(always)]
    pub(crate) fn readied(&self) {
        if self.get() != Status::Waiting {
            self.wrong(Status::Waiting, Status::Runnable);
        }
        self.change(Status::Waiting, Status::Runnable);
    }

    /// It is over.
    #[inline(always)]
    pub(crate) fn died(&self) {
        self.change(Status::Running, Status::Dead);
    }

    /// It is used again.
    #[inline(always)]
    pub(crate) fn reborn(&self) {
        self.change(Status::Dead, Status::Idle);
    }
}
