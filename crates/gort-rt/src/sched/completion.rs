//! One event that one party waits for: the end of a goroutine.
//!
//! # Safety
//!
//! A word that carries [`GOROUTINE`] was made of a `&'static G`, by its own [`Completion::wait`].
//!
//! # Protocol
//!
//! One word. It is 0 until somebody waits, then says who: a parked goroutine, a thread in its bed,
//! or an opaque pointer of the caller's (a waker). [`Completion::complete`] swaps in `DONE` and
//! wakes whoever was there; whoever comes later finds `DONE` and does not wait. A goroutine enters
//! itself only when it is off its stack (the commit of its park), so the completer can ready it at
//! once.
//!
//! A goroutine's completion also says who disposes of what goroutine and handle share, without a
//! count. There are two things: the task (closure and result), and the G that it may lie in.
//!
//! | the goroutine | the handle, meanwhile | the task is disposed of by | the G goes back by |
//! |-|-|-|-|
//! | runs | lets go: `DETACHED` | the goroutine, when it has completed | whoever buries it |
//! | has completed: `DONE` | lets go: it disposes, then `DETACHED` | the handle | whoever buries it |
//! | is off its stack: `BURIED` | lets go: it disposes, then `DETACHED` | the handle | the handle |
//!
//! Modelled by loom in `tests/loom_completion.rs`.

#![allow(unsafe_code)]

use super::park::{WaitReason, gopark, goready};
use crate::obj::g::{G, current};
use crate::prim::{AtomicUsize, Ordering, const_fn};
use crate::sched::bed::Bed;

const NOBODY: usize = 0;
const DONE: usize = 1;
/// A thread waits in `bed`.
const THREAD: usize = 2;
/// Bits of a pointer's low end that say whose it is.
const GOROUTINE: usize = 3;
const WAKER: usize = 4;
const KIND: usize = 7;
/// There is no handle any more.
const DETACHED: usize = 5;
/// Done, and nobody is on the goroutine's stack any more.
const BURIED: usize = 6;

/// See the module. Eight-aligned pointers only.
#[derive(Debug, Default)]
pub struct Completion {
    word: AtomicUsize,
    bed: Bed,
}

/// What [`Completion::complete`] leaves to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Completed {
    /// Nothing: whoever waited is awake, and the task is the handle's.
    Told,
    /// The same, but this waker is the caller's to wake.
    Wake(usize),
    /// There is no handle: the task is the caller's to dispose of.
    Alone,
}

/// What [`Completion::detach`] leaves to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Detached {
    /// The waker, if not 0, is the caller's to forget; the goroutine sees to the rest.
    Early(usize),
    /// It is done: the task is the caller's to dispose of, and then the G is to be given back by
    /// [`release`](crate::release).
    Over,
}

/// Whether a word says that it is done.
fn is_over(word: usize) -> bool {
    word == DONE || word == BURIED
}

impl Completion {
    const_fn! {
        /// Not yet done, nobody waiting.
        pub const fn new() -> Completion {
            Completion { word: AtomicUsize::new(NOBODY), bed: Bed::new() }
        }
    }

    /// As new. By whoever has it alone.
    pub(crate) fn reset(&self) {
        self.word.store(NOBODY, Ordering::Relaxed);
        self.bed.make();
    }

    /// Whether it is done. What was written before [`complete`](Completion::complete) can be read
    /// then.
    pub fn is_done(&self) -> bool {
        // Acquire: pairs with the swap in `complete`, or with what `bury` puts in its place.
        is_over(self.word.load(Ordering::Acquire))
    }

    /// Whether there is no handle any more.
    pub fn is_detached(&self) -> bool {
        // Acquire: pairs with the Release in `detach`; the handle has read the task for the last
        // time.
        self.word.load(Ordering::Acquire) == DETACHED
    }

    /// It is done: wakes who waits.
    pub fn complete(&self) -> Completed {
        if self.is_detached() {
            return Completed::Alone;
        }
        // Release: publishes the result; Acquire: takes over the waiter, or the task.
        let waiter = self.word.swap(DONE, Ordering::AcqRel);
        match waiter & KIND {
            GOROUTINE => {
                let gp = core::ptr::with_exposed_provenance::<G>(waiter & !KIND);
                // SAFETY: see the module; Gs are never freed.
                goready(unsafe { &*gp });
            }
            THREAD => self.bed.tell(),
            WAKER => return Completed::Wake(waiter & !KIND),
            DETACHED => {
                self.word.store(DETACHED, Ordering::Relaxed);
                return Completed::Alone;
            }
            _ => {}
        }
        Completed::Told
    }

    /// The handle lets go.
    pub fn detach(&self) -> Detached {
        let mut from = self.word.load(Ordering::Acquire);
        while !is_over(from) {
            // Release: gives the task to the goroutine (`is_detached`, `complete`). Acquire on
            // failure: takes it over.
            match self.word.compare_exchange(from, DETACHED, Ordering::Release, Ordering::Acquire) {
                Ok(_) => return Detached::Early(from & !KIND),
                Err(now) => from = now,
            }
        }
        Detached::Over
    }

    /// The handle has disposed of the task: whether the G, too, is its to give back.
    pub(crate) fn release(&self) -> bool {
        // AcqRel: with `bury`, one of the two is second and takes over what the first has done.
        self.word.swap(DETACHED, Ordering::AcqRel) == BURIED
    }

    /// The goroutine is off its stack for good: whether the G can go back. If not, its handle sees to
    /// that.
    pub(crate) fn bury(&self) -> bool {
        // Release, and Acquire on failure: see `release`. It was DONE if it is not DETACHED.
        self.is_detached()
            || self
                .word
                .compare_exchange(DONE, BURIED, Ordering::Release, Ordering::Acquire)
                .is_err()
    }

    /// Waits until it is done: parks the goroutine, blocks an ordinary thread. One waiter at a
    /// time, and no waker left (see [`set_waker`](Completion::set_waker)).
    pub fn wait(&self) {
        if self.is_done() {
            return;
        }
        if current().is_some() {
            gopark(commit, core::ptr::from_ref(self).expose_provenance(), WaitReason::Join);
        } else if self.enter(NOBODY, THREAD) {
            self.bed.sleep();
        }
        // Relaxed: the wait has the ordering already, in builds without this line too.
        debug_assert!(is_over(self.word.load(Ordering::Relaxed)));
    }

    /// Replaces the waker (0 for none). Gives back the old one, or the new one as an error if it is
    /// done already.
    ///
    /// # Errors
    ///
    /// `waker`, when it is done and there will be no wake-up.
    pub fn set_waker(&self, waker: usize) -> Result<usize, usize> {
        let to = if waker == 0 { NOBODY } else { waker | WAKER };
        let mut from = self.word.load(Ordering::Acquire);
        while !is_over(from) {
            if from == to {
                return Ok(0);
            }
            // AcqRel: publishes the waker to the completer, takes the old one back.
            match self.word.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(from & !KIND),
                Err(now) => from = now,
            }
        }
        Err(waker)
    }

    fn enter(&self, from: usize, to: usize) -> bool {
        // Release: what the waiter did before is seen by the completer. Acquire on failure: done.
        self.word.compare_exchange(from, to, Ordering::Release, Ordering::Acquire).is_ok()
    }
}

/// The goroutine is off its stack: it can be readied from here on.
fn commit(gp: &'static G, completion: usize) -> bool {
    let completion = core::ptr::with_exposed_provenance::<Completion>(completion);
    // SAFETY: the waiter keeps it alive: it is parked in `wait`.
    let completion = unsafe { &*completion };
    completion.enter(NOBODY, core::ptr::from_ref(gp).expose_provenance() | GOROUTINE)
}
