//! M: a thread that runs goroutines.

use super::g::{G, getg};
use super::hold::Hold;
use super::p::P;
use crate::lock::Note;
use crate::prim::{AtomicI32, AtomicU32, AtomicU64, Link, Word};
use crate::sched::watchdog::Stretch;
use crate::traceback::freeze::Freeze;

/// A thread of the runtime.
///
/// Fields without a note are the thread's own.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct M {
    /// Its scheduler stack, which is the thread's own.
    pub(crate) g0: G,
    /// Where that stack begins for the scheduler, and the thread's own thread pointer.
    pub(crate) g0_sp: Word,
    pub(crate) fs: Word,
    /// Where the thread goes on to end.
    pub(crate) exit_sp: Word,
    /// The goroutine it runs.
    pub(crate) curg: Link<G>,
    /// Its P: see `hold.rs`.
    pub(crate) p: Hold,
    /// The P it gets when it wakes. Written by its waker before `park`.
    pub(crate) nextp: Link<P>,
    /// It sleeps here.
    pub(crate) park: Note,
    /// Whether it looks for work and is counted in `nmspinning`. Written by itself, and by its
    /// waker before `park`.
    pub(crate) spinning: Word,
    /// The goroutine it has taken from the queue but could not switch to directly.
    pub(crate) handoff: Link<G>,
    /// The goroutine that is locked to it.
    pub(crate) lockedg: Link<G>,
    /// Its signal stack, which it keeps for ever, and what its thread, if that is not the runtime's
    /// own, had before: base, length and flags (`sched/sigstack.rs`).
    pub(crate) sigstack: Word,
    pub(crate) sigstack_before: [Word; 3],
    /// The next idle or free M. Belongs to the scheduler's lock.
    pub(crate) schedlink: Link<M>,
    /// The next of all Ms. Fixed once it is there.
    pub(crate) alllink: Link<M>,
    /// Its number.
    pub(crate) id: Word,
    /// The kernel's number for the thread.
    pub(crate) tid: AtomicI32,
    /// Bits of the ranks of the locks it holds (debug builds).
    pub(crate) ranks: Word,
    /// The thread's signal mask when it runs goroutines. Fixed while it has this thread.
    pub(crate) sigmask: AtomicU64,
    /// The number of the goroutine that was last asked here to let others go first. Written by anybody.
    pub(crate) hog: AtomicU64,
    /// Whether somebody has sent it the signal that pre-empts, and it has not come yet.
    pub(crate) signalled: AtomicU32,
    /// How it is held where it is (`traceback/freeze.rs`).
    pub(crate) freeze: Freeze,
    /// Whether it is in the list of those without a P, and the next there (`sched/retake.rs`).
    pub(crate) astray: Word,
    pub(crate) astraylink: Link<M>,
    /// The P in whose queue of events it is, asleep. Under the scheduler's lock.
    pub(crate) watches: Link<P>,
    /// When sysmon looks at it again while it is there, how long it waits after a signal, and its CPU
    /// time at the last look. Written by sysmon, and by whoever puts it there.
    pub(crate) look_at: Word,
    pub(crate) patience: Word,
    pub(crate) cpu_seen: Word,
    /// What the watchdog has seen of it.
    pub(crate) stretch: Stretch,
}

impl M {
    pub(crate) const fn new() -> M {
        M {
            g0: G::new(),
            g0_sp: Word::new(0),
            fs: Word::new(0),
            exit_sp: Word::new(0),
            curg: Link::none(),
            p: Hold::none(),
            nextp: Link::none(),
            park: Note::new(),
            spinning: Word::new(0),
            handoff: Link::none(),
            lockedg: Link::none(),
            sigstack: Word::new(0),
            sigstack_before: [const { Word::new(0) }; 3],
            schedlink: Link::none(),
            alllink: Link::none(),
            id: Word::new(0),
            tid: AtomicI32::new(0),
            ranks: Word::new(0),
            sigmask: AtomicU64::new(0),
            hog: AtomicU64::new(0),
            signalled: AtomicU32::new(0),
            freeze: Freeze::new(),
            astray: Word::new(0),
            astraylink: Link::none(),
            watches: Link::none(),
            look_at: Word::new(0),
            patience: Word::new(0),
            cpu_seen: Word::new(0),
            stretch: Stretch::none(),
        }
    }

    pub(crate) fn is_spinning(&self) -> bool {
        self.spinning.get() != 0
    }

    /// Its P; it has one.
    #[inline(always)]
    pub(crate) fn pp(&self) -> &'static P {
        match self.p.get() {
            Some(pp) => pp,
            None => crate::throw::throw("an M that must have a P has none"),
        }
    }
}

/// The M this runs on, if the thread is the runtime's.
///
/// On a goroutine the answer is good only while `locks` is raised.
#[inline(always)]
pub(crate) fn current() -> Option<&'static M> {
    getg().and_then(|gp| gp.m.get())
}
