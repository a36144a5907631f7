//! Who has a lock: for reports of deadlocks.
//!
//! Written by whoever has taken the lock, and cleared before it is let go: so what is here is the one that has
//! it, or nobody for a moment at the beginning and the end. Nobody's, too, if it is an ordinary thread. A
//! lock whose guard was given to another goroutine counts as the first one's.
//!
//! # Designs rejected
//!
//! The number in the lock's own word, which comes and goes by the same step: that step then waits for the
//! number, and is 1.5 ns longer instead of 0.3. No clearing: whoever has been stopped between taking a lock and
//! saying so would leave it to the one before, who may well wait by then, and there would be a cycle where
//! there is none.

use crate::obj::g::id_here;
use crate::prim::{AtomicU64, Ordering, const_fn};

/// The number of a goroutine, or 0.
#[derive(Debug, Default)]
pub(crate) struct Holder(AtomicU64);

impl Holder {
    const_fn! {
        pub(crate) const fn nobody() -> Holder {
            Holder(AtomicU64::new(0))
        }
    }

    /// The caller has it.
    #[inline(always)]
    pub(crate) fn set(&self) {
        self.0.store(id_here(), Ordering::Relaxed);
    }

    /// The caller is about to let it go.
    #[inline(always)]
    pub(crate) fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Who has it, if that is known.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
