//! x86-64 Linux.

pub(crate) mod syscall;
