//! Locks and what else goroutines wait for one another with.

mod mutex;

pub use mutex::{MappedMutexGuard, Mutex, MutexGuard, RawMutex};
