//! One event that one party waits for: the end of a goroutine.
//!
//! # Safety
//!
//! A word that carries [`GOROUTINE`] was made of a `&'static G`, by its own [`Completion::wait`].
//!
//! # Protocol
//!
//! One word. It is 0 until somebody waits, then says who: a parked goroutine, a thread in a futex,
//! or an opaque pointer of the caller's (a waker). [`Completion::complete`] swaps in `DONE` and
//! wakes whoever was there; whoever comes later finds `DONE` and does not wait. A goroutine enters
//! itself only when it is off its stack (the commit of its park), so the completer can ready it at
//! once. Modelled by loom in `tests/loom_completion.rs`.

#![allow(unsafe_code)]

use super::park::{WaitReason, gopark, goready};
use crate::obj::g::{G, current};
use crate::prim::{AtomicU32, AtomicUsize, Ordering, const_fn, futex_wait, futex_wake};

const NOBODY: usize = 0;
const DONE: usize = 1;
/// A thread waits at `futex`.
const THREAD: usize = 2;
/// Bits of a pointer's low end that say whose it is.
const GOROUTINE: usize = 3;
const WAKER: usize = 4;
const KIND: usize = 7;

/// See the module. Eight-aligned pointers only.
#[derive(Debug, Default)]
pub struct Completion {
    word: AtomicUsize,
    futex: AtomicU32,
}

impl Completion {
    const_fn! {
        /// Not yet done, nobody waiting.
        pub const fn new() -> Completion {
            Completion { word: AtomicUsize::new(NOBODY), futex: AtomicU32::new(0) }
        }
    }

    /// Whether it is done. What was written before [`complete`](Completion::complete) can be read
    /// then.
    pub fn is_done(&self) -> bool {
        // Acquire: pairs with the swap in `complete`.
        self.word.load(Ordering::Acquire) == DONE
    }

    /// It is done: wakes who waits. Gives a waker back for the caller to wake.
    #[must_use]
    pub fn complete(&self) -> Option<usize> {
        // Release: publishes the result; Acquire: takes over the waiter.
        let waiter = self.word.swap(DONE, Ordering::AcqRel);
        match waiter & KIND {
            GOROUTINE => {
                let gp = core::ptr::with_exposed_provenance::<G>(waiter & !KIND);
                // SAFETY: see the module; Gs are never freed.
                goready(unsafe { &*gp });
            }
            THREAD => {
                self.futex.store(1, Ordering::Release);
                let _ = futex_wake(&self.futex, 1);
            }
            WAKER => return Some(waiter & !KIND),
            _ => {}
        }
        None
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
            // Acquire: pairs with the store in `complete`.
            while self.futex.load(Ordering::Acquire) == 0 {
                let _ = futex_wait(&self.futex, 0, None);
            }
        }
        // Relaxed: the wait has the ordering already, in builds without this line too.
        debug_assert_eq!(self.word.load(Ordering::Relaxed), DONE);
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
        while from != DONE {
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
