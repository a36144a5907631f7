//! x86-64 Linux.

pub mod preempt;
pub mod registers;
pub mod sigframe;
pub mod slot;
pub mod switch;
pub(crate) mod syscall;
