//! Whether something has ever been done: for those who would have to see to it, and mostly need not.
//!
//! # Protocol
//!
//! | who does it | who asks |
//! |-|-|
//! | says so | has written something |
//! | membarrier: a full fence on every thread of the process | (no fence) |
//! | reads what the other has written | looks whether it has been said |
//!
//! One of the two sees the other's. Whoever does it while nobody is known to have got beyond the membarrier makes
//! one of its own.
//!
//! Explored exhaustively, store buffers and all, in `tests/tso_ever.rs`: loom knows no membarrier.

use crate::prim::{AtomicU32, Ordering, const_fn, light_fence, membarrier};

const NEVER: u32 = 0;
/// It is said, and somebody's membarrier has yet to be.
const SAID: u32 = 1;
/// All threads have made a fence since it was said.
const KNOWN: u32 = 2;

#[derive(Debug)]
pub(crate) struct Ever(AtomicU32);

impl Ever {
    const_fn! {
        /// Nobody has done it.
        pub(crate) const fn new() -> Ever {
            Ever(AtomicU32::new(NEVER))
        }
    }

    /// The caller is about to do it.
    #[inline]
    pub(crate) fn say(&self) {
        // Acquire: pairs with the Release below.
        if self.0.load(Ordering::Acquire) != KNOWN {
            self.0.store(SAID, Ordering::Relaxed);
            // It can be had: the runtime does not start without.
            membarrier();
            // Release: the membarrier has been.
            self.0.store(KNOWN, Ordering::Release);
        }
    }

    /// Whether anybody has, as far as it matters for what the caller has written.
    #[inline]
    pub(crate) fn is_said(&self) -> bool {
        light_fence();
        self.0.load(Ordering::Relaxed) != NEVER
    }

    /// Nobody has. By the one thread of a process.
    pub(crate) fn forget(&self) {
        self.0.store(NEVER, Ordering::Relaxed);
    }
}
