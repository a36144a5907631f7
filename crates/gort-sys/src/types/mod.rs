//! The kernel's types, as Rust's.

#[macro_use]
mod macros;

mod address;
mod descriptor;
mod dirent;
mod event;
mod file;
mod ids;
mod io;
mod memory;
mod message;
mod mount;
mod poll;
mod process;
mod sched;
mod signal;
mod socket;
mod sockopt;
mod system;
mod time;

#[doc(no_inline)]
pub use crate::fd::{BorrowedFd, OwnedFd, RawFd};
pub use crate::form::*;
pub use address::*;
#[doc(no_inline)]
pub use core::ffi::CStr;
pub use descriptor::*;
pub use dirent::*;
pub use event::*;
pub use file::*;
pub use ids::*;
pub use io::*;
pub use memory::*;
pub use message::*;
pub use mount::*;
pub use poll::*;
pub use process::*;
pub use sched::*;
pub use signal::*;
pub use socket::*;
pub use sockopt::*;
pub use system::*;
pub use time::*;
