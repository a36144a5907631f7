//! From one stack to another.
//!
//! # Safety
//!
//! Every function here abandons or leaves the stack it is called on. The caller vouches that the
//! stack pointer it hands over was made by [`switch`], [`mcall`] or [`prepare`] and is used once,
//! that nothing runs on that stack, and that the thread pointer belongs to it.
//!
//! # What a suspended stack looks like
//!
//! ```text
//!   higher   |  ...           |
//!            |  return addr   |
//!            |  rbp           |
//!            |  rbx           |
//!            |  r12           |
//!            |  r13           |
//!            |  r14           |
//!   lower    |  r15           |  <- the saved stack pointer
//! ```
//!
//! Callee-saved registers and the return address; the other registers are dead at a call, by the
//! ABI. The x87 control word and MXCSR are callee-saved too, but Rust takes them to be the defaults
//! everywhere, so they are left alone.
//!
//! Both stacks have this shape, so the unwind information, which is relative to the stack pointer,
//! stays true while it changes: an unwinder or debugger that stops in the middle walks whichever
//! stack the pointer is on. It ends at `start`'s frame, whose return address is undefined.
//!
//! The thread pointer is written last: a signal handler that comes in between finds the old
//! goroutine's storage, whose `locks` word is raised, and keeps away. `wrfsbase` where the kernel
//! allows it (AT_HWCAP2 bit 1), else `arch_prctl`.
//!
//! They cannot be Rust because they change the stack pointer, and cannot be inline assembly because
//! the suspended half needs a return address that anybody may resume.

#![allow(unsafe_code)]

use core::arch::naked_asm;
use core::sync::atomic::{AtomicU8, Ordering};

/// Not zero where the thread pointer has to be set by a system call.
static NO_FSGSBASE: AtomicU8 = AtomicU8::new(0);

/// Says whether `wrfsbase` may be used. Before the first switch.
pub fn set_fsgsbase(available: bool) {
    NO_FSGSBASE.store(u8::from(!available), Ordering::Relaxed);
}

/// Pushes what a suspended stack holds. On entry only the return address is on the stack.
macro_rules! save {
    () => {
        "push rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset rbp, 0
        push rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset rbx, 0
        push r12
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset r12, 0
        push r13
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset r13, 0
        push r14
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset r14, 0
        push r15
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset r15, 0"
    };
}

/// Sets the thread pointer to rdx, keeping rcx and the callee-saved registers but r12.
macro_rules! set_thread_pointer {
    () => {
        "cmp byte ptr [rip + {no_fsgsbase}], 0
        jne 3f
        wrfsbase rdx
        jmp 4f
        3:
        mov r12, rcx
        mov rsi, rdx
        mov edi, 0x1002
        mov eax, 158
        syscall
        mov rcx, r12
        4:"
    };
}

/// Pops what `save` pushed and returns rax to whoever called.
macro_rules! restore {
    () => {
        "pop r15
        .cfi_adjust_cfa_offset -8
        .cfi_restore r15
        pop r14
        .cfi_adjust_cfa_offset -8
        .cfi_restore r14
        pop r13
        .cfi_adjust_cfa_offset -8
        .cfi_restore r13
        pop r12
        .cfi_adjust_cfa_offset -8
        .cfi_restore r12
        pop rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore rbx
        pop rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore rbp
        ret"
    };
}

/// Suspends the caller, leaving its stack pointer in `*save`, and resumes `sp` with thread pointer
/// `fs`. The resumed call returns `from`.
///
/// # Safety
///
/// See the module.
#[unsafe(naked)]
pub unsafe extern "C" fn switch(save: *mut usize, sp: usize, fs: usize, from: usize) -> usize {
    naked_asm!(
        ".cfi_startproc",
        save!(),
        "mov [rdi], rsp",
        "mov rsp, rsi",
        set_thread_pointer!(),
        "mov rax, rcx",
        restore!(),
        ".cfi_endproc",
        no_fsgsbase = sym NO_FSGSBASE,
    )
}

/// Resumes `sp` with thread pointer `fs`, abandoning the caller's stack. The resumed call returns
/// `from`. Go: `gogo`.
///
/// # Safety
///
/// See the module; nothing on the caller's stack is needed any more.
#[unsafe(naked)]
pub unsafe extern "C" fn gogo(sp: usize, fs: usize, from: usize) -> ! {
    naked_asm!(
        ".cfi_startproc",
        "mov rcx, rdx",
        "mov rdx, rsi",
        "mov rsp, rdi",
        // From here on this is a suspended stack.
        ".cfi_def_cfa rsp, 56",
        ".cfi_offset rbp, -16",
        ".cfi_offset rbx, -24",
        ".cfi_offset r12, -32",
        ".cfi_offset r13, -40",
        ".cfi_offset r14, -48",
        ".cfi_offset r15, -56",
        set_thread_pointer!(),
        "mov rax, rcx",
        restore!(),
        ".cfi_endproc",
        no_fsgsbase = sym NO_FSGSBASE,
    )
}

/// Suspends the caller, leaving its stack pointer in `*save`, and calls `f(from)` at the bottom of
/// another stack (`sp`, 16-aligned) with thread pointer `fs`. `f` never returns; the caller goes on
/// when somebody resumes it. Go: `mcall`.
///
/// # Safety
///
/// See the module; what was on the other stack below `sp` is overwritten.
#[unsafe(naked)]
pub unsafe extern "C" fn mcall(
    save: *mut usize,
    sp: usize,
    fs: usize,
    from: usize,
    f: unsafe extern "C" fn(usize) -> !,
) -> usize {
    naked_asm!(
        ".cfi_startproc",
        save!(),
        "mov [rdi], rsp",
        "mov rsp, rsi",
        // The other stack has no caller to walk to.
        ".cfi_undefined rip",
        "mov rbx, r8",
        set_thread_pointer!(),
        "xor ebp, ebp",
        "mov rdi, rcx",
        "call rbx",
        "ud2",
        ".cfi_endproc",
        no_fsgsbase = sym NO_FSGSBASE,
    )
}

/// Calls `f(arg)` on another stack (`sp`, 16-aligned) and returns what it returns; the thread
/// pointer stays the caller's. Meanwhile the caller's stack is free below what it leaves in `*save`,
/// which is 16-aligned, too. Go: `systemstack`.
///
/// # Safety
///
/// Nothing else runs on that stack meanwhile, and `f` does not unwind.
#[unsafe(naked)]
pub unsafe extern "C" fn systemstack(
    f: unsafe extern "C" fn(usize) -> usize,
    arg: usize,
    sp: usize,
    save: *mut usize,
) -> usize {
    naked_asm!(
        ".cfi_startproc",
        "push rbp",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset rbp, 0",
        "mov rbp, rsp",
        ".cfi_def_cfa_register rbp",
        "mov [rcx], rsp",
        "mov rsp, rdx",
        "mov rax, rdi",
        "mov rdi, rsi",
        "call rax",
        "mov rsp, rbp",
        ".cfi_def_cfa_register rsp",
        "pop rbp",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore rbp",
        "ret",
        ".cfi_endproc",
    )
}

/// Where a fresh stack begins: calls the function that [`prepare`] left in rbx with what was handed
/// over. The return address is undefined, so that walks end here. A stack that has not begun returns
/// to the second instruction: walkers look one byte before a return address.
#[unsafe(naked)]
unsafe extern "C" fn start() {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined rip",
        "nop",
        "xor ebp, ebp",
        "mov rdi, rax",
        "call rbx",
        "ud2",
        ".cfi_endproc",
    )
}

/// Makes the stack below `top` look suspended, so that resuming it calls `f(from)`. Returns its
/// stack pointer.
///
/// # Safety
///
/// The 128 bytes below `top`, which is 16-aligned, are the caller's to write.
pub unsafe fn prepare(top: usize, f: unsafe extern "C" fn(usize) -> !) -> usize {
    debug_assert!(top.is_multiple_of(16));
    // Two words of zeros at the very top: walkers by frame pointer end there.
    let words: [usize; 9] =
        [0, 0, 0, 0, f as *const () as usize, 0, start as *const () as usize + 1, 0, 0];
    let sp = top - size_of_val(&words);
    // SAFETY: within the 128 bytes below `top`.
    unsafe { core::ptr::with_exposed_provenance_mut::<[usize; 9]>(sp).write(words) };
    sp
}
