//! One goroutine: what it does, and its frames.
//!
//! # Safety
//!
//! What a held thread shows is the frame that the kernel has made for its signal, which is there as long as
//! it is held. A name's text is there as long as [`name`] says.
//!
//! # What may be looked at while the world is stopped
//!
//! Nobody has a P. So a goroutine that is parked or in a queue stays there: others may make it ready, but
//! nobody takes it up. One in a system call or in C may come back, but then needs a P before it leaves the
//! frame that made the call. So what lies above the stack pointers that these have left is as it is.
//!
//! One that runs without a P goes on, and may get into any of these states, once; none of them ends
//! before the world goes on, for that takes a P too. It is held by a signal (`freeze.rs`), and if it is not
//! on its stack then, or does not run any more, it is looked at again.
//!
//! Where a process is dying nothing is certain. Stacks are still read within their bounds only, and a stack
//! is never unmapped.

#![allow(unsafe_code)]

use super::cache::Cache;
use super::memory::Stacks;
use super::walk::Walk;
use super::{FIRST, Goroutine, How, Name, Pc, State};
use crate::obj::g::G;
use crate::obj::m::M;
use crate::obj::status::Status;
use crate::prim::{Ordering, nanotime, nap};
use crate::sched::park::WaitReason;
use crate::sched::thread_state::{Asker, is_running};
use crate::sched::{preempt, sigstack};
use gort_sys::context::registers::{PC, RBP, RSP, Registers};
use gort_sys::context::sigframe::SignalFrame;
use gort_sys::raw;
use gort_sys::types::Pid;

/// For how long a thread is waited for that is to be held, in nanoseconds.
pub(super) const PATIENCE: u64 = 100_000_000;

/// How often a goroutine is looked at that is on its way somewhere, and how long in between: for a second at
/// least, for its thread may wait for a CPU.
const LOOKS: usize = 2_000;
const PAUSE: u32 = 500_000;

/// The frames of one stack: the newest, and then the oldest, as a ring.
pub(super) struct Frames {
    kept: [Pc; 2 * FIRST],
    count: usize,
}

impl Frames {
    const NONE: Frames = Frames { kept: [Pc { pc: 0, exact: false }; 2 * FIRST], count: 0 };

    fn push(&mut self, pc: Pc) {
        let place = if self.count < FIRST { self.count } else { FIRST + self.count % FIRST };
        if let Some(place) = self.kept.get_mut(place) {
            *place = pc;
        }
        self.count += 1;
    }

    /// The ring begins at its beginning from here on; how many frames are not kept.
    fn finish(&mut self) -> usize {
        let elided = self.count.saturating_sub(2 * FIRST);
        if let Some(ring) = self.kept.get_mut(FIRST..).filter(|_| elided != 0) {
            for _ in 0..self.count % FIRST {
                for i in 1..FIRST {
                    ring.swap(i - 1, i);
                }
            }
        }
        elided
    }

    /// Those that are kept, from the newest on.
    pub(super) fn kept(&self) -> &[Pc] {
        self.kept.get(..self.count).unwrap_or(&self.kept)
    }
}

/// Who looks, and how.
pub(super) struct Looker<'a> {
    pub(super) how: How,
    pub(super) now: u64,
    /// The goroutine that asks, and where it is.
    pub(super) own: Option<(&'static G, Registers)>,
    pub(super) cache: Option<&'a mut Cache>,
}

impl Looker<'_> {
    /// Looks at `gp`; `None` if it is over, or not there yet.
    pub(super) fn look(&mut self, gp: &'static G) -> Option<(Goroutine, Frames)> {
        let mut looks = 0;
        loop {
            looks += 1;
            // Acquire: pairs with the Release of whoever changes the status.
            let status = gp.status.acquire();
            let own = self.own.filter(|(own, _)| core::ptr::eq(*own, gp));
            let mut held = None;
            let stacks = stacks(gp);
            let cache = self.cache.as_deref_mut();
            let walk = match (status, own) {
                (Status::Idle | Status::Dead, _) => return None,
                (_, Some((_, registers))) => Walk::new(registers, true, stacks, cache),
                (Status::Waiting, _) => Walk::suspended(gp.sp.get(), stacks, cache),
                (Status::Runnable, _) if gp.sp.get() == 0 => Walk::none(None),
                (Status::Runnable, _) => Walk::suspended(gp.sp.get(), stacks, cache),
                (Status::Syscall, _) if self.how == How::Live => match called(gp, stacks, cache) {
                    Some(walk) => walk,
                    // The world has stopped: it comes to a queue.
                    None if looks < LOOKS => {
                        nap(PAUSE);
                        continue;
                    }
                    None => Walk::none(Some("it is on its way out of a call")),
                },
                (Status::Running | Status::Syscall, _) => match hold(self.how, gp) {
                    Held::At(mp, registers) => {
                        held = Some(mp);
                        Walk::new(registers, true, stacks, cache)
                    }
                    _ if status == Status::Syscall => {
                        called(gp, stacks, cache).unwrap_or_else(|| Walk::none(None))
                    }
                    Held::Elsewhere if self.how == How::Live && looks < LOOKS => {
                        nap(PAUSE);
                        continue;
                    }
                    Held::Elsewhere => Walk::none(Some("its thread is in the scheduler")),
                    Held::Never => Walk::none(Some("its thread does not answer")),
                },
            };
            let unseen = own.is_none() && status == Status::Running && held.is_none();
            let mut goroutine = describe(gp, status, self.now);
            goroutine.current = own.is_some();
            if !unseen {
                goroutine.name = name(gp, self.how);
            }
            let frames = frames(walk, &mut goroutine);
            if let Some(mp) = held.filter(|_| self.how == How::Live) {
                mp.freeze.release();
            }
            return Some((goroutine, frames));
        }
    }
}

/// Holds the thread on which `gp` runs.
fn hold(how: How, gp: &'static G) -> Held {
    let Some(mp) = gp.m.get() else { return Held::Elsewhere };
    let until = match how {
        How::Live => {
            mp.freeze.ask();
            let tid = Pid(mp.tid.load(Ordering::Relaxed));
            if raw::tgkill(raw::getpid(), tid, preempt::SIGNAL).is_err() {
                // The thread is over: the M's next one is not to be held by nobody.
                if mp.freeze.held(0).is_some() {
                    mp.freeze.release();
                }
                return Held::Elsewhere;
            }
            // One that waits for a CPU will come.
            let start = nanotime();
            let mut until = start.saturating_add(PATIENCE);
            while mp.freeze.wait(until)
                && is_running(Asker::Dump, tid.0) == Some(true)
                && until < start.saturating_add(10 * PATIENCE)
            {
                until = until.saturating_add(PATIENCE);
            }
            until
        }
        // It has been asked, and waited for.
        How::Dying => 0,
    };
    let Some(frame) = mp.freeze.held(until) else { return Held::Never };
    let frame = core::ptr::with_exposed_provenance::<SignalFrame>(frame);
    // SAFETY: see the module.
    let registers = unsafe { &*frame }.registers();
    // Here, and neither on its way to or from it nor another one's.
    let outside = on_scheduler(mp, gp, registers.get(RSP).unwrap_or(0)) || !mp.curg.is(gp);
    if outside || !matches!(gp.status.acquire(), Status::Running | Status::Syscall) {
        if how == How::Live {
            mp.freeze.release();
        }
        return Held::Elsewhere;
    }
    Held::At(mp, registers)
}

/// What has come of holding a thread.
enum Held {
    At(&'static M, Registers),
    /// It is not where the goroutine is, just now.
    Elsewhere,
    /// It is not held.
    Never,
}

/// Whether `mp`, whose goroutine runs, is on its scheduler's stack, at `sp`: on the way.
fn on_scheduler(mp: &'static M, gp: &'static G, sp: usize) -> bool {
    let g0 = (mp.g0.stack_lo.get()..mp.g0.stack_hi.get()).contains(&sp);
    g0 && gp.status.get() == Status::Running
}

/// The stacks that `gp`'s frames may be on.
fn stacks(gp: &'static G) -> Stacks {
    let mut stacks = Stacks::NONE;
    stacks.add(gp.stack_lo.get(), gp.stack_hi.get());
    // C's frames, and handlers'.
    if let Some(mp) = gp.m.get() {
        add_thread(&mut stacks, mp);
    }
    stacks
}

/// Those of `mp`'s thread.
pub(super) fn add_thread(stacks: &mut Stacks, mp: &'static M) {
    stacks.add(mp.g0.stack_lo.get(), mp.g0.stack_hi.get());
    let (lo, hi) = sigstack::bounds(mp);
    stacks.add(lo, hi);
}

/// From where `gp` has called the kernel or C; `None` if it is on its way out of there. What the other registers are
/// only the callee knows.
fn called<'a>(gp: &'static G, stacks: Stacks, cache: Option<&'a mut Cache>) -> Option<Walk<'a>> {
    let sp = gp.syscallsp.get();
    if sp == 0 {
        return None;
    }
    if sp >= gp.stack_hi.get() && gp.shares_tls() {
        // A foreign thread in its own C.
        return Some(Walk::none(None));
    }
    let mut registers = Registers::UNKNOWN;
    registers.set(PC, gp.syscallpc.get());
    registers.set(RSP, sp);
    registers.set(RBP, gp.syscallbp.get());
    Some(Walk::new(registers, true, stacks, cache))
}

pub(super) fn frames(mut walk: Walk<'_>, goroutine: &mut Goroutine) -> Frames {
    let mut frames = Frames::NONE;
    while let Some(pc) = walk.next() {
        frames.push(pc);
    }
    goroutine.elided = frames.finish();
    goroutine.unseen = walk.why;
    frames
}

fn describe(gp: &'static G, status: Status, now: u64) -> Goroutine {
    /// Larger than any system call's number, less than any function's address.
    const CALLS: usize = 4096;
    let call = gp.syscallnr.get().checked_sub(1).filter(|call| *call < CALLS);
    let started = status != Status::Runnable || gp.sp.get() != 0;
    let state = match status {
        Status::Runnable if !started => State::NotStarted,
        Status::Runnable => State::Runnable,
        Status::Waiting => State::Waiting,
        Status::Syscall if call.is_none() => State::InC,
        Status::Syscall => State::Syscall,
        _ => State::Running,
    };
    let waits = state == State::Waiting;
    Goroutine {
        id: gp.id(),
        parent: gp.parent.load(Ordering::Relaxed),
        creator: gp.creator.get(),
        entry: gp.entry.get(),
        state,
        reason: WaitReason::of(gp.waitreason.get()).filter(|_| waits),
        waited: waits.then(|| now.saturating_sub(gp.waitsince.get() as u64)),
        locked: !gp.lockedm.is_none(),
        call: call.filter(|_| state == State::Syscall),
        name: Name::NONE,
        stack: if started { (gp.stack_lo.get(), gp.stack_hi.get()) } else { (0, 0) },
        current: false,
        elided: 0,
        unseen: None,
    }
}

/// The name of `gp`, which does not run, or is held, or asks. Its text is the program's, which takes it
/// away only after the goroutine itself has said so here (`G::clear_name`), and it is not about to.
pub(crate) fn name(gp: &'static G, how: How) -> Name {
    let (at, len) = (gp.name.get(), gp.name_len.get().min(Name::ROOM));
    // Of a process that is dying not even that is certain.
    if at == 0 || how == How::Dying && !{ Stacks::NONE }.has(at, len) {
        return Name::NONE;
    }
    let at = core::ptr::with_exposed_provenance::<u8>(at);
    // SAFETY: see above; the text of a goroutine that has one is a `str`.
    Name::new(unsafe { core::slice::from_raw_parts(at, len) })
}
