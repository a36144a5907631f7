//! Where an ordinary thread sleeps until somebody tells it to go on.
//!
//! # Protocol
//!
//! | Word | Meaning | Left by |
//! |-|-|-|
//! | `AWAKE` | it has not been told, and is not asleep for good | the thread, to `ASLEEP`; who tells, to `TOLD` |
//! | `ASLEEP` | it sleeps without a limit of time, and counts as such | who tells, to `TOLD` |
//! | `TOLD` | it has been told | nobody, until the next use |
//!
//! Who sleeps for good is counted (`deadlock.rs`): by itself once the word says so, and as awake again by
//! who tells it, before the word says that. So the count is never too high. One party tells, once.
//!
//! Modelled by loom in `tests/loom_deadlock.rs`, and with whatever uses it.

use crate::prim::{
    AtomicU32, Ordering, const_fn, futex_wait, futex_wait_until, futex_wake, thread_sleeps,
    thread_told,
};
use gort_sys::Errno;
use gort_sys::types::Timespec;

const AWAKE: u32 = 0;
const TOLD: u32 = 1;
const ASLEEP: u32 = 2;

/// See the module. One thread at a time.
#[derive(Debug, Default)]
pub(crate) struct Bed(AtomicU32);

impl Bed {
    const_fn! {
        /// Nobody is told.
        pub(crate) const fn new() -> Bed {
            Bed(AtomicU32::new(AWAKE))
        }
    }

    /// As new. By who will sleep here, or has it alone.
    pub(crate) fn make(&self) {
        self.0.store(AWAKE, Ordering::Relaxed);
    }

    /// Sleeps until it is told. What waits: the thread.
    pub(crate) fn sleep(&self) {
        // Acquire, here and below: pairs with the Release in `tell`.
        let asleep = self.0.compare_exchange(AWAKE, ASLEEP, Ordering::Relaxed, Ordering::Acquire);
        if asleep.is_err() {
            return;
        }
        thread_sleeps();
        while self.0.load(Ordering::Acquire) != TOLD {
            let _ = futex_wait(&self.0, ASLEEP, None);
        }
    }

    /// Sleeps until it is told, or until the time `until`, in nanoseconds of monotonic time: whether it was
    /// told. What waits: the thread.
    pub(crate) fn sleep_until(&self, until: u64) -> bool {
        let time = Timespec::from_nanos(until);
        // Acquire: as above.
        while self.0.load(Ordering::Acquire) != TOLD {
            if futex_wait_until(&self.0, AWAKE, Some(&time)) == Err(Errno::ETIMEDOUT) {
                return false;
            }
        }
        true
    }

    /// Has who sleeps here, or is about to, go on; its word may be anybody's then, who has a wake-up for
    /// nothing.
    pub(crate) fn tell(&self) {
        // Release, here and below: pairs with the Acquire in `sleep`.
        let asleep =
            self.0.compare_exchange(AWAKE, TOLD, Ordering::Release, Ordering::Relaxed).is_err();
        if asleep {
            thread_told();
            self.0.store(TOLD, Ordering::Release);
        }
        let _ = futex_wake(&self.0, 1);
    }
}
