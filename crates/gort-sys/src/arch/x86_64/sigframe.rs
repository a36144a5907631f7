//! What the kernel saves on the stack when it calls a signal's handler, and will put back.
//!
//! # Safety
//!
//! A [`SignalFrame`] is only ever the kernel's: it has no constructor, and a handler with SA_SIGINFO
//! gets it as its third argument. Its pointer to the extended state is then null or leads to the
//! kernel's own XSAVE image, which lies beside it and lives as long.
//!
//! Sources: `struct ucontext`, `struct sigcontext_64`, `struct _fpx_sw_bytes` and `struct
//! _xstate` in the kernel's `asm/ucontext.h` and `asm/sigcontext.h`, which `linux-raw-sys` leaves
//! out. `tests/preempt/frame.rs` compares with libc's.

#![allow(unsafe_code)]

use super::registers::Registers;
use crate::types::{SigSet, SigStack};
use core::arch::naked_asm;

/// `ucontext_t` as the kernel writes it: the third argument of a handler with
/// [`SIGINFO`](crate::types::SaFlags::SIGINFO), which may name this type in its signature. What is
/// changed in it is changed in the interrupted code when the handler returns.
#[repr(C)]
#[derive(Debug)]
pub struct SignalFrame {
    flags: u64,
    link: usize,
    stack: SigStack,
    /// r8 to r15, rdi, rsi, rbp, rbx, rdx, rax, rcx.
    general: [usize; 15],
    sp: usize,
    pc: usize,
    rflags: usize,
    /// Segments, error code, trap number, old mask, fault address.
    rest: [usize; 5],
    extended: *const XsaveHead,
    reserved: [u64; 8],
    mask: SigSet,
}

/// The beginning of the extended state as the kernel writes it.
#[repr(C)]
struct XsaveHead {
    legacy: [u8; 464],
    /// `FP_XSTATE_MAGIC1` if more than the legacy part is there.
    magic: u32,
    size: u32,
    features: u64,
    software: [u64; 4],
    in_use: u64,
}

const _: () = assert!(core::mem::offset_of!(XsaveHead, in_use) == 512);
const FP_XSTATE_MAGIC1: u32 = 0x4650_5853;

impl SignalFrame {
    /// Where the interrupted code goes on.
    #[inline]
    pub fn pc(&self) -> usize {
        self.pc
    }

    /// Its stack pointer.
    #[inline]
    pub fn sp(&self) -> usize {
        self.sp
    }

    /// Its flags register.
    #[inline]
    pub fn flags(&self) -> usize {
        self.rflags
    }

    /// The signals that were blocked when it was interrupted, and will be again.
    #[inline]
    pub fn mask(&self) -> SigSet {
        self.mask
    }

    /// Which components of the extended state (XSTATE_BV: a bit for each of XCR0's) it was using.
    #[inline]
    pub fn extended_state(&self) -> u64 {
        const LEGACY: u64 = 0b11;
        // SAFETY: null or the kernel's image (see the module), whose legacy part is always there.
        match unsafe { self.extended.as_ref() } {
            None => 0,
            Some(image) if image.magic != FP_XSTATE_MAGIC1 => LEGACY,
            Some(image) => image.in_use,
        }
    }

    /// The interrupted code's general registers.
    pub fn registers(&self) -> Registers {
        let [r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx] =
            self.general;
        Registers::all([
            rax, rdx, rcx, rbx, rsi, rdi, rbp, self.sp, r8, r9, r10, r11, r12, r13, r14, r15,
            self.pc,
        ])
    }

    /// Has it go on elsewhere.
    ///
    /// # Safety
    ///
    /// `pc` is code that may begin with the interrupted registers.
    #[inline]
    pub unsafe fn set_pc(&mut self, pc: usize) {
        self.pc = pc;
    }

    /// Has it go on with another stack pointer.
    ///
    /// # Safety
    ///
    /// `sp` is what the code at its program counter expects.
    #[inline]
    pub unsafe fn set_sp(&mut self, sp: usize) {
        self.sp = sp;
    }

    /// Has it go on with other flags.
    ///
    /// # Safety
    ///
    /// The interrupted code does not depend on those that change.
    #[inline]
    pub unsafe fn set_flags(&mut self, flags: usize) {
        self.rflags = flags;
    }
}

/// Whether `code` is what handlers return to, in whatever library: `mov rax, 15; syscall`.
#[inline]
pub fn is_sigreturn(code: [u8; 9]) -> bool {
    code == [0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05]
}

/// What a handler returns to: the value of [`SigAction::restorer`](crate::types::SigAction). The
/// kernel puts back what the handler's [`SignalFrame`] holds. [sigreturn(2)]
///
/// [sigreturn(2)]: https://man7.org/linux/man-pages/man2/sigreturn.2.html
pub fn restorer() -> usize {
    sigreturn as *const () as usize + 1
}

/// There is no unwind information, for unwinders and debuggers know a signal's frame by these very
/// bytes (`48 c7 c0 0f 00 00 00 0f 05`). They look one byte before a return address, hence the nop.
#[unsafe(naked)]
unsafe extern "C" fn sigreturn() {
    naked_asm!("nop", ".byte 0x48, 0xc7, 0xc0, 15, 0, 0, 0", "syscall")
}
