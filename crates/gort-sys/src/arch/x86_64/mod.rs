//! x86-64 Linux.

pub mod slot;
pub mod switch;
pub(crate) mod syscall;
