//! The P that an M has, and the one way to take it from an M that does not give it.
//!
//! # The problem
//!
//! A goroutine that sits in the kernel, or runs on and on, keeps its M's P from all others. Whoever
//! wants the P cannot ask: the thread may never look. And looking must cost next to nothing, for it
//! is done at every call into the runtime.
//!
//! # Protocol
//!
//! The runtime's state (what belongs to Ps) is touched by a goroutine's M only inside a *door*: from
//! where it has raised `locks` and found that it has its P ([`Hold::held`]) until it lowers `locks`
//! again. Outside, the P can be taken:
//!
//! | | the M, at a door | who takes (one at a time) |
//! |-|-|-|
//! | 1 | `locks` += 1, a plain store | [`mark`](Hold::mark): swap in "P, marked" |
//! | 2 | (no fence) | membarrier: a full fence on every thread of the process |
//! | 3 | load this word | read the running goroutine's `locks` |
//! | 4 | marked: compare-and-swap the mark away | 0: [`take`](Hold::take), compare-and-swap "P, marked" to [`TAKEN`] |
//! | | taken: do without, or queue for a P | else: [`unmark`](Hold::unmark) |
//!
//! If the M has loaded the word before the mark was there, its raised `locks` is visible after the
//! membarrier, and the taker keeps off. If it loads it later, it sees the mark, and either its swap
//! comes first and the taker's fails, or the other way round. A door that is still open when the
//! taker looks may close and leave the mark; the taker then takes the P of a goroutine that is
//! outside, which is what it is for.
//!
//! `locks` belongs to a goroutine and the P to its M, so the taker also has to know that the
//! goroutine it looks at was on that M while it looked: the P's tick, which each switch changes, is
//! the same before and after.
//!
//! Explored exhaustively, store buffers and all, in `tests/tso_hold.rs`: loom knows no membarrier.

//!
//! # Safety
//!
//! The word holds an address made of a `&'static P`, with or without the mark, or none.

#![allow(unsafe_code)]

use super::p::P;
use crate::prim::{AtomicPtr, Ordering, const_fn};
use core::ptr::null_mut;

/// The word: a P's address, plus [`MARK`] while somebody is about to take it.
#[derive(Debug)]
pub(crate) struct Hold(AtomicPtr<P>);

const MARK: usize = 1;

/// The M runs a goroutine without a P: it was taken, or given away for a call that blocks. A mark
/// without a P, so that a door needs one test.
const TAKEN: *mut P = core::ptr::without_provenance_mut(MARK);

/// What a door finds when there is no P under the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken;

fn plain(pp: &'static P) -> *mut P {
    core::ptr::from_ref(pp).cast_mut()
}

fn marked(pp: &'static P) -> *mut P {
    plain(pp).map_addr(|address| address | MARK)
}

fn unmarked(word: *mut P) -> *mut P {
    word.map_addr(|address| address & !MARK)
}

/// The P at this address, if any.
#[inline(always)]
fn at(word: *mut P) -> Option<&'static P> {
    // SAFETY: see the module; Ps are never freed.
    unsafe { word.as_ref() }
}

impl Hold {
    const_fn! {
        pub(crate) const fn none() -> Hold {
            Hold(AtomicPtr::new(null_mut()))
        }
    }

    /// What a door asks, once `locks` is raised: the P. None on g0, if the M has none.
    #[inline(always)]
    pub(crate) fn held(&self) -> Result<Option<&'static P>, Taken> {
        // Relaxed: what keeps this load behind the store to `locks` is the taker's membarrier.
        let word = self.0.load(Ordering::Relaxed);
        if word.addr() & MARK == 0 { Ok(at(word)) } else { self.keep(word).map(Some) }
    }

    /// Withdraws the mark, if there is still a P under it.
    #[cold]
    fn keep(&self, word: *mut P) -> Result<&'static P, Taken> {
        let own = at(unmarked(word)).ok_or(Taken)?;
        // AcqRel: with the taker's swaps; one of the two comes first.
        match self.0.compare_exchange(word, plain(own), Ordering::AcqRel, Ordering::Relaxed) {
            Err(now) if now == TAKEN => Err(Taken),
            // Or the taker has withdrawn the mark itself.
            _ => Ok(own),
        }
    }

    /// The P, as the M itself finds it inside a door or on g0, where it cannot be taken: a mark is
    /// there in vain. Of another M's this is a hint.
    #[inline(always)]
    pub(crate) fn get(&self) -> Option<&'static P> {
        at(unmarked(self.0.load(Ordering::Relaxed)))
    }

    /// The M has `pp`, or nothing, from here on: by itself inside a door or on g0.
    #[inline(always)]
    pub(crate) fn set(&self, pp: Option<&'static P>) {
        self.0.store(pp.map_or(null_mut(), plain), Ordering::Relaxed);
    }

    /// The M's goroutine goes on without a P, outside the runtime: by itself, inside a door.
    pub(crate) fn forgo(&self) {
        self.0.store(TAKEN, Ordering::Relaxed);
    }

    /// Whether the M runs a goroutine without a P. Of another M's this is a hint.
    pub(crate) fn is_taken(&self) -> bool {
        self.0.load(Ordering::Relaxed) == TAKEN
    }

    /// Step 1 of the taker's: whether `pp` was the M's.
    pub(crate) fn mark(&self, pp: &'static P) -> bool {
        // AcqRel: see `keep`; the membarrier that follows does the rest.
        self.0.compare_exchange(plain(pp), marked(pp), Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Step 4: whether `pp` is the taker's now, with what the M wrote inside its last door.
    pub(crate) fn take(&self, pp: &'static P) -> bool {
        // AcqRel: see `keep`.
        self.0.compare_exchange(marked(pp), TAKEN, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Step 4, if it is not to be: the M keeps its P, or has found the mark already.
    pub(crate) fn unmark(&self, pp: &'static P) {
        // AcqRel: see `keep`.
        let _ = self.0.compare_exchange(marked(pp), plain(pp), Ordering::AcqRel, Ordering::Relaxed);
    }
}
