//! The thread pointer: the FS base, which on x86-64 is the address of the thread's control block.
//!
//! # Safety
//!
//! Whoever installs a thread pointer answers for what is there: a control block that libc accepts
//! (its first word points at itself) with the static TLS of every loaded module below it. Compiled
//! code takes the pointer for a constant of the thread and may keep addresses derived from it across
//! anything but a call that it cannot see through, so a change happens inside one assembly block that
//! contains the call ([`call_with`]), or in a switch that also changes the stack.

#![allow(unsafe_code)]

use core::arch::asm;
use core::ffi::c_void;
use std::sync::OnceLock;

/// `HWCAP2_FSGSBASE`: the kernel lets user space use the FSGSBASE instructions. The kernel's headers
/// for user space have it in `asm/hwcap2.h`, which neither libc nor linux-raw-sys carries.
const HWCAP2_FSGSBASE: u64 = 1 << 1;

/// Whether `wrfsbase` may be used: the CPU has it, the kernel allows it, and `GORT_DEBUG` does not
/// contain `nofsgsbase`. Asked once; later calls are one load.
pub(crate) fn has_fsgsbase() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        // SAFETY: getauxval reads the auxiliary vector and has no conditions.
        let hwcap2 = unsafe { libc::getauxval(libc::AT_HWCAP2) };
        let debug = std::env::var_os("GORT_DEBUG").unwrap_or_default();
        let refused = debug.as_encoded_bytes().split(|b| *b == b',').any(|w| w == b"nofsgsbase");
        hwcap2 & HWCAP2_FSGSBASE != 0 && !refused
    })
}

/// The calling thread's thread pointer.
#[inline(always)]
pub(super) fn thread_pointer() -> usize {
    let fs;
    // SAFETY: the psABI wants the control block's first word to point at itself, and code compiled
    // for any TLS model relies on it.
    unsafe { asm!("mov {}, fs:[0]", out(reg) fs, options(nostack, readonly, preserves_flags)) };
    fs
}

/// Calls `f(arg)` on the present stack with another thread pointer, and puts the old one back.
///
/// # Safety
///
/// `fs` is a thread pointer nobody else runs with; `f` is sound for `arg`, and returns.
pub(crate) unsafe fn call_with(fs: usize, f: unsafe extern "C" fn(*mut c_void), arg: *mut c_void) {
    let old = thread_pointer();
    if has_fsgsbase() {
        // SAFETY: the module's contract; the pointer is the old one again before any code that was
        // compiled with it in mind runs on.
        unsafe {
            asm!(
                "wrfsbase r12",
                "call r13",
                "wrfsbase r14",
                inout("r12") fs => _,
                in("r13") f,
                in("r14") old,
                in("rdi") arg,
                clobber_abi("C"),
            );
        }
    } else {
        // SAFETY: as above; arch_prctl changes FS and nothing else, and the system call clobbers
        // registers that a C call clobbers too.
        unsafe {
            asm!(
                "mov r15, rdi",
                "mov eax, {nr}",
                "mov edi, {set}",
                "mov rsi, r12",
                "syscall",
                "mov rdi, r15",
                "call r13",
                "mov eax, {nr}",
                "mov edi, {set}",
                "mov rsi, r14",
                "syscall",
                nr = const libc::SYS_arch_prctl as i32,
                set = const ARCH_SET_FS,
                inout("r12") fs => _,
                in("r13") f,
                in("r14") old,
                in("rdi") arg,
                out("r15") _,
                clobber_abi("C"),
            );
        }
    }
}

/// `asm/prctl.h`, which the libc crate leaves out.
const ARCH_SET_FS: i32 = 0x1002;
