//! Child processes: std's, but who waits for them is the goroutine.
//!
//! ```
//! use gort::process::Command;
//! gort::run(|| {
//!     let output = Command::new("echo").arg("hello").output().unwrap();
//!     assert!(output.status.success());
//!     assert_eq!(output.stdout, b"hello\n");
//! });
//! ```
//!
//! # What waits
//!
//! For a child's end and at its pipes the goroutine parks, so a hundred children take no thread. To start
//! one is a call to the scheduler: the goroutine's thread waits until the child has begun its program.

mod child;
mod command;

pub use child::{Child, ChildStderr, ChildStdin, ChildStdout};
pub use command::Command;
#[doc(no_inline)]
pub use std::process::{
    CommandArgs, CommandEnvs, ExitCode, ExitStatus, Output, Stdio, Termination, abort, exit, id,
};
