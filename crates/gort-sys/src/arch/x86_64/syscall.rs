//! The trap instruction.
//!
//! # Safety
//!
//! Everything here is an `unsafe fn` that hands its arguments to the kernel: the caller answers for
//! what the call does with them (see `entry.rs`, where the contract is written).
//!
//! Number in RAX, arguments in RDI RSI RDX R10 R8 R9 (R10 stands in for RCX, which the instruction
//! overwrites with the return address, as it does R11 with the flags, which come back from there).
//! The result is in RAX. The calling convention has a second one in RDX, but no call of Linux gives
//! it: RDX comes back as it was, as every other register does. The kernel leaves the red zone alone,
//! so the blocks may be `nostack`. They are not `nomem`: most calls read or write memory behind the
//! compiler's back.
//!
//! Sources: syscall(2), "Architecture calling conventions"; the x86-64 psABI, A.2.1.

#![allow(unsafe_code)]

use core::arch::asm;

macro_rules! trap {
    ($(#[$doc:meta])* $name:ident($($arg:ident in $reg:tt),*)) => {
        $(#[$doc])*
        #[inline(always)]
        pub(crate) unsafe fn $name(nr: usize $(, $arg: usize)*) -> usize {
            let rax: usize;
            // SAFETY: the caller's contract (entry.rs) covers what the kernel does with the
            // arguments; the clobbers are those of the instruction.
            unsafe {
                asm!(
                    "syscall",
                    inlateout("rax") nr => rax,
                    $(in($reg) $arg,)*
                    lateout("rcx") _,
                    lateout("r11") _,
                    options(nostack, preserves_flags),
                );
            }
            rax
        }
    };
}

trap!(syscall0());
trap!(syscall1(a1 in "rdi"));
trap!(syscall2(a1 in "rdi", a2 in "rsi"));
trap!(syscall3(a1 in "rdi", a2 in "rsi", a3 in "rdx"));
trap!(syscall4(a1 in "rdi", a2 in "rsi", a3 in "rdx", a4 in "r10"));
trap!(syscall5(a1 in "rdi", a2 in "rsi", a3 in "rdx", a4 in "r10", a5 in "r8"));
trap!(syscall6(a1 in "rdi", a2 in "rsi", a3 in "rdx", a4 in "r10", a5 in "r8", a6 in "r9"));

/// Three arguments, both result registers.
#[inline(always)]
pub(crate) unsafe fn syscall3_two(nr: usize, a1: usize, a2: usize, a3: usize) -> (usize, usize) {
    let (rax, rdx): (usize, usize);
    // SAFETY: as in `trap!`.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") nr => rax,
            in("rdi") a1,
            in("rsi") a2,
            inlateout("rdx") a3 => rdx,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack, preserves_flags),
        );
    }
    (rax, rdx)
}

/// Six arguments, both result registers.
#[inline(always)]
pub(crate) unsafe fn syscall6_two(nr: usize, a: [usize; 6]) -> (usize, usize) {
    let (rax, rdx): (usize, usize);
    // SAFETY: as in `trap!`.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") nr => rax,
            in("rdi") a[0],
            in("rsi") a[1],
            inlateout("rdx") a[2] => rdx,
            in("r10") a[3],
            in("r8") a[4],
            in("r9") a[5],
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack, preserves_flags),
        );
    }
    (rax, rdx)
}
