//! The function that is called in the middle of interrupted code: it destroys what it can.
//!
//! # Safety
//!
//! It breaks the calling convention in what it leaves behind (direction flag, MXCSR, x87), which
//! only its one caller can bear: `async_preempt`, which puts everything back.

#![allow(unsafe_code)]

use super::inject::called;
use gort_sys::context::preempt::{Form, Saved};
use std::arch::naked_asm;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// Which vector registers there are: 0 xmm, 1 ymm, 2 zmm with masks.
pub(crate) static LEVEL: AtomicU8 = AtomicU8::new(0);
/// Flush to zero, denormals are zero, round to zero, every sticky bit.
static MXCSR: u32 = 0xffff;
/// Single precision, round to zero.
static CONTROL: u16 = 0x0c7f;

/// Finds out what there is to be destroyed. What `form` does not save has to be left alone.
pub(crate) fn learn(form: Form) {
    let level = match form {
        Form::Fxsave => 0,
        _ if is_x86_feature_detected!("avx512bw") => 2,
        _ => u8::from(is_x86_feature_detected!("avx")),
    };
    LEVEL.store(level, Relaxed);
}

/// Calls `called`, then destroys everything that a function may, and some that it may not.
#[unsafe(naked)]
pub(crate) extern "C" fn clobber(saved: &mut Saved) {
    naked_asm!(
        ".cfi_startproc",
        "sub rsp, 8",
        ".cfi_adjust_cfa_offset 8",
        "test spl, 15",
        "jz 5f",
        "ud2",
        "5:",
        "call {called}",
        "cmp byte ptr [rip + {level}], 1",
        "jb 2f",
        "je 3f",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
        "vpternlogd zmm\\n, zmm\\n, zmm\\n, 255",
        ".endr",
        ".irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31",
        "vpternlogd zmm\\n, zmm\\n, zmm\\n, 255",
        ".endr",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7",
        "kxnorq k\\n, k\\n, k\\n",
        ".endr",
        "jmp 4f",
        "2:",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
        "pcmpeqd xmm\\n, xmm\\n",
        ".endr",
        "jmp 4f",
        "3:",
        "vpcmpeqd xmm0, xmm0, xmm0",
        "vinsertf128 ymm0, ymm0, xmm0, 1",
        ".irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
        "vmovaps ymm\\n, ymm0",
        ".endr",
        "4:",
        ".rept 8",
        "fldpi",
        ".endr",
        "fldcw [rip + {control}]",
        "ldmxcsr [rip + {mxcsr}]",
        ".irp r, ax, cx, dx, si, di",
        "mov r\\r, -1",
        ".endr",
        ".irp r, 8, 9, 10, 11",
        "mov r\\r, -1",
        ".endr",
        "add rsp, 8",
        ".cfi_adjust_cfa_offset -8",
        // Carry, parity, zero, sign, direction and overflow, as they seldom are together.
        "pushfq",
        "or dword ptr [rsp], 0xcd5",
        "popfq",
        "ret",
        ".cfi_endproc",
        called = sym called,
        level = sym LEVEL,
        control = sym CONTROL,
        mxcsr = sym MXCSR,
    )
}
