//! Functions in pairs: by this crate, and by hand. Compiled by `main.rs`, which compares what comes
//! out.
//!
//! # Safety
//!
//! Nothing here is run or linked: whatever a call would do with its arguments, it is not made.

use gort_sys::fd::BorrowedFd;
use gort_sys::types::Pid;
use gort_sys::{Errno, Result, nr, raw, raw_syscall, raw_syscall6, sys, vdso};
use std::arch::asm;
use std::ffi::CStr;
use std::os::fd::AsRawFd;

sys! { unsafe extern "kernel" {
    sysnb getppid() -> Pid;
    sys openat(dir: impl AsFd, path: impl Path, flags: i32, mode: u32) -> Result<i32>;
} }

/// The instruction with these inputs in front of it.
macro_rules! bare {
    ($nr:expr; $($reg:tt $value:expr),*) => {{
        let rax: usize;
        asm!(
            "syscall",
            inlateout("rax") $nr => rax,
            $(in($reg) $value,)*
            lateout("rcx") _, lateout("r11") _,
            options(nostack, preserves_flags),
        );
        rax
    }};
}

/// The instruction with a third argument, of whose register the result is wanted too.
macro_rules! bare_two {
    ($nr:expr, $third:expr; $($reg:tt $value:expr),*) => {{
        let (rax, rdx): (usize, usize);
        asm!(
            "syscall",
            inlateout("rax") $nr => rax,
            inlateout("rdx") $third => rdx,
            $(in($reg) $value,)*
            lateout("rcx") _, lateout("r11") _,
            options(nostack, preserves_flags),
        );
        (rax, rdx)
    }};
}

/// Value or error, by the kernel's rule.
fn split(rax: usize) -> Result<usize> {
    if rax > -4096isize as usize { Err(Errno::from_raw(-(rax as isize) as i32)) } else { Ok(rax) }
}

#[unsafe(no_mangle)]
pub fn unused_ours() {
    // SAFETY: never run.
    unsafe { raw_syscall(nr::GETPPID, 0, 0, 0) };
}

#[unsafe(no_mangle)]
pub fn unused_bare() {
    // SAFETY: never run.
    unsafe { bare!(nr::GETPPID; "rdi" 0, "rsi" 0, "rdx" 0) };
}

#[unsafe(no_mangle)]
pub fn three_ours(a: usize, b: usize, c: usize) -> (usize, usize, Errno) {
    // SAFETY: never run.
    unsafe { raw_syscall(nr::GETPPID, a, b, c) }
}

#[unsafe(no_mangle)]
pub fn three_bare(a: usize, b: usize, c: usize) -> (usize, usize, Errno) {
    // SAFETY: never run.
    let (rax, rdx) = unsafe { bare_two!(nr::GETPPID, c; "rdi" a, "rsi" b) };
    match split(rax) {
        Ok(value) => (value, rdx, Errno::NONE),
        Err(errno) => (usize::MAX, 0, errno),
    }
}

#[unsafe(no_mangle)]
pub fn six_ours(a: [usize; 6]) -> bool {
    // SAFETY: never run.
    unsafe { raw_syscall6(nr::MMAP, a[0], a[1], a[2], a[3], a[4], a[5]) }.2.is_none()
}

#[unsafe(no_mangle)]
pub fn six_bare(a: [usize; 6]) -> bool {
    // SAFETY: never run.
    let (rax, _) = unsafe {
        bare_two!(nr::MMAP, a[2]; "rdi" a[0], "rsi" a[1], "r10" a[3], "r8" a[4], "r9" a[5])
    };
    rax <= -4096isize as usize
}

#[unsafe(no_mangle)]
pub fn declared_ours() -> Pid {
    getppid()
}

#[unsafe(no_mangle)]
pub fn declared_bare() -> Pid {
    // SAFETY: never run.
    Pid(unsafe { bare!(nr::GETPPID;) } as i32)
}

#[unsafe(no_mangle)]
pub fn array_ours(fd: BorrowedFd<'_>, buf: &mut [u8; 64]) -> Result<usize> {
    raw::read(fd, buf)
}

#[unsafe(no_mangle)]
pub fn array_bare(fd: BorrowedFd<'_>, buf: &mut [u8; 64]) -> Result<usize> {
    let fd = fd.as_raw_fd() as usize;
    // SAFETY: never run.
    split(unsafe { bare!(nr::READ; "rdi" fd, "rsi" buf.as_mut_ptr(), "rdx" 64) })
}

#[unsafe(no_mangle)]
pub fn slice_ours(fd: BorrowedFd<'_>, buf: &mut [u8]) -> Result<usize> {
    raw::read(fd, buf)
}

#[unsafe(no_mangle)]
pub fn slice_bare(fd: BorrowedFd<'_>, buf: &mut [u8]) -> Result<usize> {
    /// What an empty slice points to.
    static EMPTY: u64 = 0;
    let fd = fd.as_raw_fd() as usize;
    let address = if buf.is_empty() { (&raw const EMPTY).cast() } else { buf.as_ptr() };
    // SAFETY: never run.
    split(unsafe { bare!(nr::READ; "rdi" fd, "rsi" address, "rdx" buf.len()) })
}

#[unsafe(no_mangle)]
pub fn path_ours(dir: BorrowedFd<'_>, path: &CStr) -> Result<i32> {
    openat(dir, path, 1, 2)
}

#[unsafe(no_mangle)]
pub fn path_bare(dir: BorrowedFd<'_>, path: &CStr) -> Result<i32> {
    let dir = dir.as_raw_fd() as usize;
    // SAFETY: never run.
    let rax = unsafe { bare!(nr::OPENAT; "rdi" dir, "rsi" path.as_ptr(), "rdx" 1, "r10" 2) };
    split(rax).map(|fd| fd as i32)
}

#[unsafe(no_mangle)]
pub fn nanotime_ours() -> u64 {
    vdso::nanotime()
}

#[unsafe(no_mangle)]
pub fn short_path_ours(dir: BorrowedFd<'_>, path: &str) -> Result<i32> {
    openat(dir, path, 1, 2)
}
