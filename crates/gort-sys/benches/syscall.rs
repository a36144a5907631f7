//! What a call costs: bare, through this crate, and through libc.
//!
//! `cargo bench -p gort-sys`; the medians of a group are to be compared with one another. That the
//! untyped entry points compile to what bare assembly does is checked by `tests/codegen/`.
//!
//! # Safety
//!
//! Each way of making a call gets the same arguments: memory and descriptors of the benchmark's own.

#![allow(unsafe_code, missing_docs)]

use divan::{Bencher, black_box};
use gort_sys::fd::{AsRawFd, CWD};
use gort_sys::types::{ClockId, Pid, Timespec};
use gort_sys::{Errno, Result, nr, raw, raw_syscall, sys, vdso};
use std::arch::asm;
use std::ffi::CStr;
use std::fs::File;
use std::mem::MaybeUninit;
use std::time::Instant;

fn main() {
    divan::main();
}

sys! { unsafe extern "kernel" {
    sysnb getppid() -> Pid;
    sys openat(dir: impl AsFd, path: impl Path, flags: i32, mode: u32) -> Result<i32>;
} }

/// The instruction and nothing else.
///
/// # Safety
///
/// That of the call.
#[inline(always)]
unsafe fn bare(nr: usize, a: [usize; 4]) -> usize {
    let rax;
    // SAFETY: the caller's contract; the clobbers are the instruction's.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") nr => rax,
            in("rdi") a[0], in("rsi") a[1], in("rdx") a[2], in("r10") a[3],
            lateout("rcx") _, lateout("r11") _,
            options(nostack, preserves_flags),
        );
    }
    rax
}

/// An opened file's descriptor is closed again, in the same way in all of a group.
fn close(fd: usize) {
    // SAFETY: the caller has just opened it.
    unsafe { bare(nr::CLOSE, [fd, 0, 0, 0]) };
}

#[divan::bench_group(sample_size = 200, sample_count = 5000)]
mod a_getppid {
    use super::*;

    #[divan::bench]
    fn a_bare() -> usize {
        // SAFETY: the call only answers with a number, as do all of this group.
        unsafe { bare(nr::GETPPID, [0; 4]) }
    }

    #[divan::bench]
    fn b_raw_syscall() -> (usize, usize, Errno) {
        // SAFETY: as above.
        unsafe { raw_syscall(nr::GETPPID, 0, 0, 0) }
    }

    #[divan::bench]
    fn c_declared() -> Pid {
        getppid()
    }

    #[divan::bench]
    fn d_libc_syscall() -> i64 {
        // SAFETY: as above.
        unsafe { libc::syscall(libc::SYS_getppid) }
    }

    #[divan::bench]
    fn e_libc_getppid() -> i32 {
        // SAFETY: as above.
        unsafe { libc::getppid() }
    }
}

#[divan::bench_group(sample_size = 200, sample_count = 5000)]
mod b_read_one_byte {
    use super::*;

    #[divan::bench]
    fn a_bare(bencher: Bencher<'_, '_>) {
        let zero = File::open("/dev/zero").unwrap();
        let mut byte = [0u8];
        bencher.bench_local(|| {
            let regs = [black_box(&zero).as_raw_fd() as usize, byte.as_mut_ptr().addr(), 1, 0];
            // SAFETY: one byte is written, to where there is one.
            unsafe { bare(nr::READ, regs) }
        });
    }

    #[divan::bench]
    fn b_declared(bencher: Bencher<'_, '_>) {
        let zero = File::open("/dev/zero").unwrap();
        let mut byte = [0u8];
        bencher.bench_local(|| raw::read(black_box(&zero), black_box(&mut byte)));
    }

    #[divan::bench]
    fn c_libc(bencher: Bencher<'_, '_>) {
        let zero = File::open("/dev/zero").unwrap();
        let mut byte = [0u8];
        bencher.bench_local(|| {
            // SAFETY: one byte is written, to where there is one.
            unsafe { libc::read(black_box(&zero).as_raw_fd(), byte.as_mut_ptr().cast(), 1) }
        });
    }
}

#[divan::bench_group(sample_size = 200, sample_count = 5000)]
mod c_open_and_close {
    use super::*;

    const FLAGS: i32 = libc::O_RDONLY | libc::O_CLOEXEC;

    #[divan::bench]
    fn a_bare_c_string() {
        let path = black_box(c"/dev/null").as_ptr().addr();
        let regs = [CWD.as_raw_fd() as usize, path, FLAGS as usize, 0];
        // SAFETY: the path is a C string.
        close(unsafe { bare(nr::OPENAT, regs) });
    }

    #[divan::bench]
    fn b_declared_c_string() {
        close(openat(CWD, black_box(c"/dev/null"), FLAGS, 0).unwrap() as usize);
    }

    #[divan::bench]
    fn c_declared_str() {
        close(openat(CWD, black_box("/dev/null"), FLAGS, 0).unwrap() as usize);
    }

    #[divan::bench]
    fn d_libc_c_string() {
        let path: &CStr = black_box(c"/dev/null");
        // SAFETY: the path is a C string.
        close(unsafe { libc::openat(libc::AT_FDCWD, path.as_ptr(), FLAGS, 0) } as usize);
    }
}

#[divan::bench_group(sample_size = 200, sample_count = 5000)]
mod d_monotonic_clock {
    use super::*;

    // The parts of the time are handed to the harness in registers: in memory they would be copied
    // in pieces of another size than they were written in, which costs as much as the clock.

    #[divan::bench]
    fn a_vdso() -> Option<u64> {
        let at = vdso::clock_gettime(black_box(ClockId::MONOTONIC)).ok()?;
        Some((at.sec ^ at.nsec) as u64)
    }

    #[divan::bench]
    fn b_libc() -> Option<u64> {
        let mut at = MaybeUninit::<libc::timespec>::uninit();
        // SAFETY: the time is filled in if the call succeeds.
        unsafe {
            let ret = libc::clock_gettime(black_box(libc::CLOCK_MONOTONIC), at.as_mut_ptr());
            let at = (ret == 0).then(|| at.assume_init())?;
            Some((at.tv_sec ^ at.tv_nsec) as u64)
        }
    }

    #[divan::bench]
    fn c_system_call() -> Option<u64> {
        let mut at = MaybeUninit::<Timespec>::uninit();
        let clock = black_box(libc::CLOCK_MONOTONIC) as usize;
        // SAFETY: as above.
        unsafe {
            let ret = bare(nr::CLOCK_GETTIME, [clock, at.as_mut_ptr().expose_provenance(), 0, 0]);
            let at = (ret == 0).then(|| at.assume_init())?;
            Some((at.sec ^ at.nsec) as u64)
        }
    }

    #[divan::bench]
    fn d_nanotime() -> u64 {
        vdso::nanotime()
    }

    #[divan::bench]
    fn e_instant_now() -> Instant {
        Instant::now()
    }
}

#[divan::bench_group(sample_size = 200, sample_count = 5000)]
mod e_wall_clock {
    use super::*;

    #[divan::bench]
    fn a_walltime() -> (i64, u32) {
        vdso::walltime()
    }

    #[divan::bench]
    fn b_system_time_now() -> std::time::SystemTime {
        std::time::SystemTime::now()
    }
}

#[divan::bench_group(sample_size = 200, sample_count = 5000)]
mod f_getcpu {
    use super::*;

    #[divan::bench]
    fn a_vdso() -> Result<(u32, u32)> {
        vdso::getcpu()
    }

    unsafe extern "C" {
        fn getcpu(cpu: *mut u32, node: *mut u32) -> i32;
    }

    #[divan::bench]
    fn b_libc() -> (u32, u32) {
        let (mut cpu, mut node) = (0, 0);
        // SAFETY: two out parameters.
        unsafe { getcpu(&mut cpu, &mut node) };
        (cpu, node)
    }

    /// By restartable sequences: the kernel keeps the number in the thread's memory.
    #[divan::bench]
    fn d_libc_sched_getcpu() -> i32 {
        // SAFETY: only answers with a number.
        unsafe { libc::sched_getcpu() }
    }

    #[divan::bench]
    fn c_system_call() -> u32 {
        let mut cpu = 0u32;
        // SAFETY: the CPU's number has room; the others may be null.
        unsafe { bare(nr::GETCPU, [(&raw mut cpu).expose_provenance(), 0, 0, 0]) };
        cpu
    }
}
