//! The ways into the kernel.
//!
//! # Safety
//!
//! A system call can do anything to the process: unmap its memory, close a descriptor that somebody
//! owns, write through a pointer. Whoever calls an `unsafe fn` of this file promises what the
//! call's manual page asks for: pointers that are valid for what the kernel does through them,
//! lengths that belong to them, descriptors that are the caller's to use. The typed functions in
//! [`raw`](crate::raw) and [`call`](crate::call) keep that promise for the calls they declare.
//!
//! # Two layers, one seam
//!
//! A declared call (see [`sys!`](crate::sys)) has a class: `sys` (the kernel may make the caller
//! wait), `sysblock` (waiting is what the call is for) or `sysnb` (the kernel answers at once).
//! The class picks a method of [`Entry`]. Here below the scheduler the only entry is [`Raw`], for
//! which all three are the bare trap; the scheduler above brings its own, which tells P, M and G
//! before and after. The functions are generic over the entry, so each instance is a direct,
//! inlined call, and no symbol of this crate refers to the scheduler.

#![allow(unsafe_code)]

use crate::Errno;
use crate::arch;

/// A call's arguments, in the kernel's order.
///
/// Built by [`Arg`](crate::arg::Arg); up to six. A function that is declared with more does not
/// compile where it is called: `sys!` adds up what its arguments take.
#[derive(Clone, Copy, Debug)]
pub struct Regs {
    values: [usize; 6],
    len: usize,
}

impl Regs {
    /// No arguments.
    #[inline(always)]
    pub const fn new() -> Regs {
        Regs { values: [0; 6], len: 0 }
    }

    /// These and one more, if there are less than six: `sys!` takes no more. (A debug build checks
    /// that.)
    #[inline(always)]
    #[must_use]
    pub const fn push(mut self, value: usize) -> Regs {
        debug_assert!(self.len < 6, "an Arg whose REGISTERS is wrong");
        if self.len < 6 {
            self.values[self.len] = value;
            self.len += 1;
        }
        self
    }

    /// These, of which there are `len`: tells the compiler what it cannot always see.
    #[inline(always)]
    pub(crate) const fn exactly(self, len: usize) -> Regs {
        debug_assert!(self.len == len, "an Arg whose REGISTERS is wrong");
        Regs { len, ..self }
    }

    /// The arguments pushed so far.
    #[inline(always)]
    pub fn as_slice(&self) -> &[usize] {
        &self.values[..self.len]
    }

    /// Makes the call with exactly these arguments and returns the kernel's result register.
    ///
    /// # Safety
    ///
    /// The contract of this module.
    #[inline(always)]
    pub unsafe fn trap(self, nr: usize) -> usize {
        let [a, b, c, d, e, f] = self.values;
        // SAFETY: the caller's contract, passed on. `len` is a constant once this is inlined, so
        // one arm is left of the match.
        unsafe {
            match self.len {
                0 => arch::syscall0(nr),
                1 => arch::syscall1(nr, a),
                2 => arch::syscall2(nr, a, b),
                3 => arch::syscall3(nr, a, b, c),
                4 => arch::syscall4(nr, a, b, c, d),
                5 => arch::syscall5(nr, a, b, c, d, e),
                _ => arch::syscall6(nr, a, b, c, d, e, f),
            }
        }
    }
}

impl Default for Regs {
    fn default() -> Regs {
        Regs::new()
    }
}

/// How a declared call reaches the kernel.
///
/// Each method makes the call and returns the kernel's result register unchanged: a value of
/// [`Errno::MAX`]'s range from the top is an error, anything else is the result.
///
/// # Safety
///
/// An implementation makes exactly the call it is given, once, on the calling thread, and returns
/// the kernel's answer (or an error that the kernel could have given, without having made the
/// call): the typed functions read out parameters after a success, and rely on it.
pub unsafe trait Entry {
    /// The kernel may make the caller wait (class `sys`).
    ///
    /// # Safety
    ///
    /// The contract of this module.
    unsafe fn sys(nr: usize, regs: Regs) -> usize;

    /// Waiting is what the call is for (class `sysblock`).
    ///
    /// # Safety
    ///
    /// The contract of this module.
    unsafe fn sysblock(nr: usize, regs: Regs) -> usize;

    /// The kernel answers at once (class `sysnb`): no entry has a reason to do more than trap.
    ///
    /// # Safety
    ///
    /// The contract of this module.
    #[inline(always)]
    unsafe fn sysnb(nr: usize, regs: Regs) -> usize {
        // SAFETY: the caller's contract, passed on.
        unsafe { regs.trap(nr) }
    }
}

/// Straight to the kernel; nobody is told.
///
/// This is what the runtime uses for itself: it takes no lock, leaves libc's `errno` alone, and is
/// good in a signal handler and on any stack. A call that waits holds up its thread, and with it
/// whatever goroutines are queued behind that thread's P until the runtime's rescue notices.
#[derive(Clone, Copy, Debug)]
pub enum Raw {}

// SAFETY: both methods are the trap itself.
unsafe impl Entry for Raw {
    #[inline(always)]
    unsafe fn sys(nr: usize, regs: Regs) -> usize {
        // SAFETY: the caller's contract, passed on.
        unsafe { regs.trap(nr) }
    }

    #[inline(always)]
    unsafe fn sysblock(nr: usize, regs: Regs) -> usize {
        // SAFETY: the caller's contract, passed on.
        unsafe { regs.trap(nr) }
    }
}

/// Any call with up to three arguments, without telling the scheduler.
///
/// Returns `(r1, r2, errno)`: on success the kernel's two result registers and [`Errno::NONE`], on
/// failure `r1` is all ones, `r2` zero, and the error number. libc's `errno` is not touched.
/// Interrupted calls give [`Errno::EINTR`]; nothing is retried.
///
/// A call that blocks blocks its thread: the goroutines queued on that thread's P wait until the
/// runtime's rescue notices. Go: `syscall.RawSyscall`.
///
/// ```
/// use gort_sys::{nr, raw_syscall};
/// // SAFETY: getppid takes no arguments and cannot fail.
/// let (r1, _, errno) = unsafe { raw_syscall(nr::GETPPID, 0, 0, 0) };
/// assert!(errno.is_none() && r1 == std::os::unix::process::parent_id() as usize);
/// ```
///
/// # Safety
///
/// The call may do anything its manual page says, with pointers and descriptors made of these
/// numbers.
#[inline(always)]
pub unsafe fn raw_syscall(nr: usize, a1: usize, a2: usize, a3: usize) -> (usize, usize, Errno) {
    // SAFETY: the caller's contract, passed on.
    decode(unsafe { arch::syscall3_two(nr, a1, a2, a3) })
}

/// [`raw_syscall`] with six arguments. Go: `syscall.RawSyscall6`.
///
/// # Safety
///
/// As for [`raw_syscall`].
#[inline(always)]
pub unsafe fn raw_syscall6(
    nr: usize,
    a1: usize,
    a2: usize,
    a3: usize,
    a4: usize,
    a5: usize,
    a6: usize,
) -> (usize, usize, Errno) {
    // SAFETY: the caller's contract, passed on.
    decode(unsafe { arch::syscall6_two(nr, [a1, a2, a3, a4, a5, a6]) })
}

#[inline(always)]
fn decode((r1, r2): (usize, usize)) -> (usize, usize, Errno) {
    match Errno::from_ret(r1) {
        Ok(r1) => (r1, r2, Errno::NONE),
        Err(errno) => (usize::MAX, 0, errno),
    }
}
