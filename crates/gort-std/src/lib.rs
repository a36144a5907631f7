//! `std` on goroutines: takes over the entry points of libc that wait.
//!
//! ```
//! use gort_std as _;
//! use std::time::Duration;
//!
//! gort::run(|| {
//!     let sleepers: Vec<_> =
//!         (0..1_000).map(|_| gort::go(|| std::thread::sleep(Duration::from_millis(1)))).collect();
//!     sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
//! });
//! ```
//!
//! One line, and `std::net`, `std::sync`, `std::thread::sleep`, `std::process` and whatever crate is made of
//! them park the goroutine where they would block its thread. Nothing else changes: the functions have libc's
//! names, types and errors, and anywhere but on a goroutine (on an ordinary thread, in a signal's handler, in C
//! called by [`gort::ffi`], in a child after `fork`, before the runtime has started) they go straight to
//! the kernel.
//!
//! What is taken over [`taken_over`] lists. [`passthrough`] does without for as long as a closure lasts,
//! `GORT_STD=off` in the environment for the whole process, and `GORT_STD=-read,-poll` for some of them.
//!
//! Calls that libc makes inside itself are not seen, nor are a crate's that has its own assembly for system calls:
//! those block the thread as before, and the runtime rescues its P.

mod arch;
mod epoll;
mod fds;
mod files;
mod futex;
mod here;
mod long;
mod poll;
mod process;
mod pthread;
mod real;
mod select;
mod signals;
mod syscall;
mod taken;
mod time;
mod watch;
mod words;

pub use here::passthrough;
pub use taken::{Entry, taken_over};

/// The README's programs are compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// What [`threads!`] has called before `main`.
#[doc(hidden)]
pub extern "C" fn __threads() {
    pthread::enable();
}
