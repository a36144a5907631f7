//! Linux system calls, the vDSO and CPU primitives, without libc.
//!
//! ```
//! use gort_sys::{Errno, raw, types::PipeFlags};
//! let pipe = raw::pipe2(PipeFlags::CLOEXEC)?;
//! assert_eq!(raw::write(&pipe.writer, b"typed"), Ok(5));
//! // Bad input is an `Errno`, never a panic.
//! assert_eq!(raw::write(&pipe.reader, b"typed"), Err(Errno::EBADF));
//! # Ok::<(), Errno>(())
//! ```
#![no_std]

#[cfg(feature = "std")]
extern crate std;

mod arch;
pub mod arg;
mod calls;
mod class;
mod entry;
mod errno;
pub mod fd;
pub mod form;
pub mod nr;
pub mod path;
mod sys;
pub mod types;
pub mod vdso;

pub use class::Class;
pub use entry::{Entry, Raw, Regs, raw_syscall, raw_syscall6};
pub use errno::{Errno, Result};

/// Stacks, thread-local storage and interrupted code: what a scheduler switches. Used by the runtime.
pub mod context {
    pub use crate::arch::{preempt, registers, sigframe, slot, switch};
}

/// Every declared call, generic over how it enters the kernel: `call::read::<Raw>(fd, buf)`.
pub mod call {
    use crate::{Result, types::*};
    use linux_raw_sys::general as kernel;
    crate::__calls!([generic]);
}

/// Every declared call by the bare trap: `raw::read(fd, buf)`.
pub mod raw {
    use crate::{Raw, Result, types::*};
    crate::__calls!([forward Raw]);
}

/// Where this crate is written, as the compiler calls it: for traces, which leave its frames out.
#[doc(hidden)]
pub const SOURCE: &str = file!().split_at(file!().len() - "lib.rs".len()).0;
