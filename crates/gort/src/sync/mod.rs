//! Locks, and what else goroutines wait for one another with.
//!
//! Everything here is for goroutines and ordinary threads in any mix: who waits parks if it is a
//! goroutine, and sleeps if it is a thread. Nothing is poisoned but [`Once`] and [`LazyLock`], as in
//! std. Mutexes and read-write locks are `lock_api`'s types over locks of gort's own.

mod barrier;
mod condvar;
mod errgroup;
mod lazy_lock;
mod mutex;
mod once;
mod once_lock;
mod pool;
mod reentrant;
mod rwlock;
mod semaphore;
mod waitgroup;

pub use barrier::{Barrier, BarrierWaitResult};
pub use condvar::{Condvar, WaitTimeoutResult};
pub use errgroup::ErrGroup;
pub use lazy_lock::LazyLock;
pub use mutex::{MappedMutexGuard, Mutex, MutexGuard, RawMutex};
pub use once::{Once, OnceState};
pub use once_lock::OnceLock;
pub use pool::Pool;
pub use reentrant::{
    MappedReentrantMutexGuard, RawGoId, RawReentrant, ReentrantMutex, ReentrantMutexGuard,
};
pub use rwlock::{
    MappedRwLockReadGuard, MappedRwLockWriteGuard, RawRwLock, RwLock, RwLockReadGuard,
    RwLockUpgradableReadGuard, RwLockWriteGuard,
};
pub use semaphore::{Semaphore, SemaphorePermit};
pub use waitgroup::WaitGroup;
