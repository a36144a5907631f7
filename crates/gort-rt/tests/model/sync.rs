//! The real table and locks with what they need, and parties to use them.

#[path = "../../src/sync/mod.rs"]
pub(crate) mod sync;

#[path = "goroutine.rs"]
mod goroutine;

pub(crate) mod lock {
    use loom::sync::MutexGuard;

    pub(crate) enum Rank {
        Waiters,
    }

    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(_: Rank, value: T) -> Mutex<T> {
            Mutex(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap()
        }
    }
}

pub(crate) mod sched {
    pub(crate) use crate::model::goroutine::{bed, waits};

    pub(crate) mod errand {
        /// The model looks by itself.
        pub(crate) fn call() {}
    }

    pub(crate) mod park {
        pub(crate) use crate::model::goroutine::park::*;

        /// Loom does that of itself.
        pub(crate) fn goyield() {}
    }

    pub(crate) mod spin {
        use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

        /// How often it makes sense to spin. Set before a model runs.
        pub(crate) static SPINS: AtomicU32 = AtomicU32::new(0);

        pub(crate) fn canspin(spins: u32) -> bool {
            spins < SPINS.load(Relaxed)
        }

        pub(crate) fn procyield() {
            loom::thread::yield_now();
        }
    }
}

pub(crate) use goroutine::Kind::{self, Goroutine, Thread};
pub(crate) use goroutine::{obj, spawn, timer};
