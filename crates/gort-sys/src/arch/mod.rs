//! What an architecture must supply.
//!
//! One folder an architecture, each with the same exports; nothing outside this folder names a
//! register or an instruction. A second architecture supplies:
//!
//! - `syscall0` … `syscall6`: put the number and that many arguments where the kernel wants them,
//!   trap, and return the kernel's result register as it is. They touch nothing else: no errno,
//!   no stack, no lock.
//! - `syscall6_two`: the same with six arguments, returning the second result register too
//!   (`r2` of [`raw_syscall6`](crate::raw_syscall6); on x86-64 that is RDX).
//! - `syscall3_two`: the three-argument form of it.
//!
//! - `switch`: one stack to another (`switch`, `gogo`, `mcall`, `systemstack`, `prepare`), with
//!   unwind information, and `set_fsgsbase` where the thread pointer can be set in two ways.
//! - `slot`: two words of thread-local storage at a fixed distance from the thread pointer.
//! - `sigframe`: what the kernel saves for a signal's handler (`SignalFrame`: read and change where
//!   the interrupted code goes on, read the mask and which extended state is in use), and `restorer`.
//! - `preempt`: a call injected into interrupted code (`Form`, `setup`, `needed`, `saves_all`,
//!   `in_range`, `inject`, `Saved`): every register that user code can see is saved and put back, with
//!   unwind information, and `locks` is lowered by one instruction inside the range.
//!
//! The kernel's own conventions that differ between architectures (which numbers exist, the layout
//! of `struct stat`) come from `linux-raw-sys`, which is made for each of them.

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::syscall::*;
#[cfg(target_arch = "x86_64")]
pub use x86_64::{preempt, registers, sigframe, slot, switch};

#[cfg(not(target_arch = "x86_64"))]
compile_error!("gort-sys supports x86_64 only; see arch/mod.rs for what a port supplies");
