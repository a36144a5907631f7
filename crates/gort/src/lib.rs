//! Goroutines for Rust: plain blocking code, scheduled M:N by work stealing, safe to move.
//!
//! ```
//! let numbers: Vec<_> = (0..10).map(|n| gort::go(move || n * n)).collect();
//! let sum: u32 = numbers.into_iter().map(|square| square.join().unwrap()).sum();
//! assert_eq!(sum, 285);
//! ```
//!
//! A goroutine costs a stack of which only touched pages are memory, and is switched in tens of
//! nanoseconds. It runs on whatever thread is free, and moves; but it owns its thread-local
//! storage, so `thread_local!`, `errno`, `std::thread::current()` and what any crate builds on
//! them stay with it, and [`go`](fn@crate::go) is a safe function with `std::thread::spawn`'s bounds. What does
//! belong to the kernel's thread (signal mask, affinity, namespaces) needs [`lock_os_thread`].
//!
//! The runtime starts with the first goroutine, or by [`main`](macro@main).

mod boot;
mod builder;
pub mod chan;
pub mod context;
mod deadlock;
mod debug;
pub mod ffi;
pub mod fs;
pub mod future;
mod goexit;
mod host;
pub mod io;
mod join;
pub mod net;
pub mod panic;
mod polled;
pub mod process;
pub mod runtime;
mod scope;
pub mod signal;
mod stack_use;
pub mod sync;
pub mod syscall;
mod task;
pub mod time;
mod traceback;

pub use boot::run;
pub use builder::{Builder, go};
pub use goexit::{GoExit, goexit};
pub use gort_macros::{go, main, test};
pub use gort_rt::gosched;
pub use join::{GoId, JoinHandle};
pub use runtime::{OsThreadGuard, current, lock_os_thread};
pub use scope::{Scope, ScopedJoinHandle, scope};

#[doc(hidden)]
pub use boot::__main;
