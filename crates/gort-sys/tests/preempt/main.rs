//! Code that is interrupted anywhere, and finds everything as it was.
//!
//! The runtime's policy is not tested here: any instruction of this program's own text will do, and the
//! code runs in plain threads. On other CPUs than x86-64 the single-step tests need another way to step.

mod alone;
mod away;
mod clobber;
mod frame;
mod inject;
mod registers;
mod step;
mod storm;
#[path = "../support/mod.rs"]
mod support;
mod unwind;
mod work;
