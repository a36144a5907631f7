//! Calling a thread's routine so that `pthread_exit` comes back from it.
//!
//! # Safety
//!
//! libc unwinds a thread that ends itself to the place that was registered last, runs what C has to clean up on
//! the way, and jumps there. For a thread of libc's that is where it has called the routine; here it is this. The
//! place is registered and taken back as the macros of pthread.h do that, with the functions that are there for
//! them.
//!
//! It cannot be Rust because `__sigsetjmp` returns twice. What is needed the second time is in registers
//! that it keeps.

#![allow(unsafe_code)]

use std::arch::naked_asm;
use std::ffi::{c_int, c_void};

/// `__pthread_unwind_buf_t`.
#[repr(C, align(16))]
pub(crate) struct UnwindBuf([u64; 14]);

impl UnwindBuf {
    pub(crate) const fn new() -> UnwindBuf {
        UnwindBuf([0; 14])
    }
}

unsafe extern "C-unwind" {
    fn __sigsetjmp(buf: *mut UnwindBuf, mask: c_int) -> c_int;
    fn __pthread_register_cancel(buf: *mut UnwindBuf);
    fn __pthread_unregister_cancel(buf: *mut UnwindBuf);
}

/// Calls `routine(arg)`, and writes what it returns to `result`: 0. If it does not return but ends the thread: 1.
///
/// ```text
///   higher   |  return addr   |
///            |  rbx           |  buf
///            |  r12           |  routine
///            |  r13           |  arg
///            |  r14           |  result
///   lower    |  (alignment)   |
/// ```
///
/// # Safety
///
/// `routine(arg)` may be called. `buf` is not used for anything else meanwhile.
#[unsafe(naked)]
pub(crate) unsafe extern "C-unwind" fn call_until_exit(
    buf: *mut UnwindBuf,
    routine: unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void,
    arg: *mut c_void,
    result: *mut *mut c_void,
) -> c_int {
    naked_asm!(
        ".cfi_startproc",
        "push rbx",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset rbx, 0",
        "push r12",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset r12, 0",
        "push r13",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset r13, 0",
        "push r14",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset r14, 0",
        "sub rsp, 8",
        ".cfi_adjust_cfa_offset 8",
        "mov rbx, rdi",
        "mov r12, rsi",
        "mov r13, rdx",
        "mov r14, rcx",
        "xor esi, esi",
        "call {setjmp}",
        "test eax, eax",
        "jne 2f",
        "mov rdi, rbx",
        "call {register}",
        "mov rdi, r13",
        "call r12",
        "mov [r14], rax",
        "mov rdi, rbx",
        "call {unregister}",
        "xor eax, eax",
        "jmp 3f",
        "2:",
        "mov eax, 1",
        "3:",
        "add rsp, 8",
        ".cfi_adjust_cfa_offset -8",
        "pop r14",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore r14",
        "pop r13",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore r13",
        "pop r12",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore r12",
        "pop rbx",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore rbx",
        "ret",
        ".cfi_endproc",
        setjmp = sym __sigsetjmp,
        register = sym __pthread_register_cancel,
        unregister = sym __pthread_unregister_cancel,
    )
}
