//! Clocks and the current CPU without entering the kernel: the vDSO.
//!
//! The kernel maps a small ELF image into every process, with functions that read what it keeps
//! there up to date. [`elf`] finds them in the image; this file finds the image, and calls them.
//! Where there is no image, or a function is not in it, the real system call stands in.
//!
//! Each function's address is held in a slot that starts out with a resolver of the same
//! signature: it fills all slots and goes on to the function that the caller wanted. A slot thus
//! always holds something to call, and a call costs one load and one jump more than the function
//! itself, the first call included. Resolving takes no lock, allocates nothing, and every thread
//! that does it stores the same addresses, so it may race and may happen in a signal handler.
//! It needs about 2 KiB of stack; so do the functions themselves.
//!
//! Rejected: `Once` (a signal handler may interrupt its holder), and null for "not yet" (a branch
//! in each call for the sake of the first).
//!
//! # Safety
//!
//! The slots hold addresses of functions of one signature each: the resolver, the system call's
//! stand-in, or what the kernel's image has under the name that the kernel documents for it
//! (vdso(7)). The image stays mapped and unchanged for the life of the process, and its address is
//! the one the kernel gave; a program that unmaps it later takes the clocks away from libc as well. Valgrind does
//! so before the program starts: the kernel is asked whether the image is there.
//!
//! Source: vdso(7). Go: `runtime.vdsoauxv`, `runtime.nanotime1`, `runtime.walltime`.

#![allow(unsafe_code)]

#[doc(hidden)]
pub mod elf;

#[cfg(all(test, feature = "std"))]
mod tests;

use crate::fd::{self, AsRawFd, FromRawFd, OwnedFd};
use crate::types::{ClockId, Timespec, Timeval};
use crate::{Errno, Regs, Result, nr};
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};
use linux_raw_sys::auxvec::{AT_NULL, AT_SYSINFO_EHDR};
use linux_raw_sys::general::O_CLOEXEC;
use linux_raw_sys::prctl::PR_GET_AUXV;

/// The version of every function in an x86-64 vDSO.
const VERSION: &[u8] = b"LINUX_2.6";

/// For each function its slot, its resolver, its stand-in and the way to call what is in the slot.
macro_rules! functions {
    ($($name:ident = $symbol:literal, $nr:ident ($($arg:ident: $ty:ty),*) -> $ret:ty;)+) => {
        $(mod $name {
            use super::*;

            // Relaxed everywhere: the addresses are of code that was there before the process
            // started, so nothing else has to be visible with them.
            pub(super) static SLOT: AtomicPtr<()> = AtomicPtr::new(first as *mut ());

            pub(super) unsafe extern "C" fn first($($arg: $ty),*) -> $ret {
                resolve();
                // SAFETY: the caller's contract, passed on.
                unsafe { call($($arg),*) }
            }

            pub(super) unsafe extern "C" fn real($($arg: $ty),*) -> $ret {
                let regs = Regs::new()$(.push($arg as usize))*;
                // SAFETY: the caller's contract, passed on.
                unsafe { regs.trap(nr::$nr) as $ret }
            }

            #[inline(always)]
            pub(super) unsafe fn call($($arg: $ty),*) -> $ret {
                // SAFETY: the slot holds a function of this signature (module docs); what the
                // kernel writes to is the caller's contract.
                unsafe {
                    let function: unsafe extern "C" fn($($ty),*) -> $ret =
                        core::mem::transmute(SLOT.load(Relaxed));
                    function($($arg),*)
                }
            }
        })+

        /// Fills every slot from this image, or with the system call.
        fn bind(image: &'static [u8]) {
            let parsed = elf::Image::parse(image);
            $(
                let found = parsed.and_then(|parsed| parsed.function($symbol, VERSION));
                let function = match found.and_then(|offset| image.get(offset)) {
                    Some(code) => ptr::from_ref(code).cast_mut().cast(),
                    None => $name::real as *mut (),
                };
                $name::SLOT.store(function, Relaxed);
            )+
        }
    };
}

functions! {
    vdso_clock_gettime = b"__vdso_clock_gettime", CLOCK_GETTIME(clock: i32, at: *mut Timespec) -> i32;
    vdso_gettimeofday = b"__vdso_gettimeofday", GETTIMEOFDAY(at: *mut Timeval, zone: *mut ()) -> i32;
    vdso_getcpu = b"__vdso_getcpu", GETCPU(cpu: *mut u32, node: *mut u32, unused: *mut ()) -> i32;
    vdso_time = b"__vdso_time", TIME(at: *mut i64) -> i64;
}

#[cold]
fn resolve() {
    bind(image().unwrap_or(&[]));
}

/// The time of `clock`. [clock_gettime(2)]
///
/// # Errors
///
/// `EINVAL` for a clock that does not exist.
///
/// [clock_gettime(2)]: https://man7.org/linux/man-pages/man2/clock_gettime.2.html
#[inline]
pub fn clock_gettime(clock: ClockId) -> Result<Timespec> {
    let mut at = MaybeUninit::uninit();
    // SAFETY: `at` has room for what is written, and is filled if the call succeeds.
    unsafe {
        check(vdso_clock_gettime::call(clock.0, at.as_mut_ptr()).into())?;
        Ok(at.assume_init())
    }
}

/// The wall clock, to the microsecond. [gettimeofday(2)]
///
/// # Errors
///
/// None but those of a filter (seccomp(2)) where the kernel has to be asked.
///
/// [gettimeofday(2)]: https://man7.org/linux/man-pages/man2/gettimeofday.2.html
#[inline]
pub fn gettimeofday() -> Result<Timeval> {
    let mut at = MaybeUninit::uninit();
    // SAFETY: `at` has room for what is written, and is filled if the call succeeds; the zone may
    // be null.
    unsafe {
        check(vdso_gettimeofday::call(at.as_mut_ptr(), ptr::null_mut()).into())?;
        Ok(at.assume_init())
    }
}

/// The CPU and the NUMA node that the caller was on a moment ago. [getcpu(2)]
///
/// # Errors
///
/// As for [`gettimeofday`].
///
/// [getcpu(2)]: https://man7.org/linux/man-pages/man2/getcpu.2.html
#[inline]
pub fn getcpu() -> Result<(u32, u32)> {
    let [mut cpu, mut node] = [MaybeUninit::uninit(); 2];
    // SAFETY: both have room for what is written, and are filled if the call succeeds; the third
    // argument is not used.
    unsafe {
        check(vdso_getcpu::call(cpu.as_mut_ptr(), node.as_mut_ptr(), ptr::null_mut()).into())?;
        Ok((cpu.assume_init(), node.assume_init()))
    }
}

/// The wall clock in whole seconds, as of the last timer tick. [time(2)]
///
/// # Errors
///
/// As for [`gettimeofday`]. (Times before 1970 do not occur: the kernel refuses to set them.)
///
/// [time(2)]: https://man7.org/linux/man-pages/man2/time.2.html
#[inline]
pub fn time() -> Result<i64> {
    // SAFETY: null is for a caller who wants the result only.
    check(unsafe { vdso_time::call(ptr::null_mut()) })
}

/// The monotonic clock in nanoseconds. Go: `runtime.nanotime1`.
///
/// Does not fail: the kernel always has this clock. (Where a filter refuses the call and the vDSO
/// cannot do without it, this is 0.)
#[inline]
pub fn nanotime() -> u64 {
    let at = now(ClockId::MONOTONIC);
    (at.sec as u64).wrapping_mul(1_000_000_000).wrapping_add(at.nsec as u64)
}

/// The wall clock: seconds since 1970, and nanoseconds. Go: `runtime.walltime`.
///
/// Does not fail, as [`nanotime`] does not.
#[inline]
pub fn walltime() -> (i64, u32) {
    let at = now(ClockId::REALTIME);
    (at.sec, at.nsec as u32)
}

/// A clock that is always there.
#[inline(always)]
fn now(clock: ClockId) -> Timespec {
    let mut at = Timespec { sec: 0, nsec: 0 };
    // SAFETY: `at` has room for what is written.
    unsafe { vdso_clock_gettime::call(clock.0, &mut at) };
    at
}

/// Like the system calls, the functions answer with a negated error number.
#[inline(always)]
fn check(answer: i64) -> Result<i64> {
    Errno::from_ret(answer as usize).map(|value| value as i64)
}

/// The kernel's image, if it has mapped one.
fn image() -> Option<&'static [u8]> {
    let address = address().filter(|&address| is_mapped(address))?;
    let front = ptr::with_exposed_provenance::<u8>(address);
    // SAFETY: the first page was there just now, and the image is mapped for good (module docs), in whole
    // pages; its header says how far the rest goes.
    unsafe {
        let len = elf::loaded_len(core::slice::from_raw_parts(front, PAGE))?;
        Some(core::slice::from_raw_parts(front, len))
    }
}

/// Whether there is a page at `address`, as far as the kernel tells (mincore(2)).
fn is_mapped(address: usize) -> bool {
    let mut resident = 0_u8;
    let vec = (&raw mut resident).expose_provenance();
    // SAFETY: the kernel writes one byte there, for one page.
    let answer = unsafe { Regs::new().push(address).push(PAGE).push(vec).trap(nr::MINCORE) };
    Errno::from_ret(answer) != Err(Errno::ENOMEM)
}

/// The smallest page there is.
const PAGE: usize = 4096;

/// Room for the auxiliary vector, pairs of key and value: the kernel's has about 30 pairs.
type Auxv = [usize; 128];

/// Where the kernel has mapped the image (getauxval(3), `AT_SYSINFO_EHDR`).
fn address() -> Option<usize> {
    let mut auxv = [0; _];
    let len = auxv_by_prctl(&mut auxv).or_else(|_| auxv_by_proc(&mut auxv)).ok()?;
    image_in(auxv.get(..len)?)
}

/// The image's address in this auxiliary vector.
fn image_in(auxv: &[usize]) -> Option<usize> {
    auxv.chunks_exact(2)
        .take_while(|pair| pair[0] != AT_NULL as usize)
        .find(|pair| pair[0] == AT_SYSINFO_EHDR as usize)
        .map(|pair| pair[1])
        .filter(|&address| address != 0)
}

/// Asks for the auxiliary vector (Linux 6.4); returns how many words of it fit.
fn auxv_by_prctl(auxv: &mut Auxv) -> Result<usize> {
    let option = PR_GET_AUXV as usize;
    let regs = Regs::new().push(option).push(auxv.as_mut_ptr().expose_provenance());
    // SAFETY: the kernel writes at most this many bytes there; any words are valid.
    let len = unsafe { regs.push(size_of::<Auxv>()).push(0).push(0).trap(nr::PRCTL) };
    // The answer is the vector's whole size.
    Ok(Errno::from_ret(len)?.min(size_of::<Auxv>()) / size_of::<usize>())
}

/// Reads the auxiliary vector where it is shown as a file; returns how many words of it fit.
fn auxv_by_proc(auxv: &mut Auxv) -> Result<usize> {
    let path = c"/proc/self/auxv".as_ptr().expose_provenance();
    let open = Regs::new().push(fd::CWD.as_raw_fd() as usize).push(path).push(O_CLOEXEC as usize);
    let room = auxv.as_mut_ptr().expose_provenance();
    // SAFETY: the path is a C string; the descriptor is new and nobody else's; the kernel writes at
    // most `room`'s bytes there, and any words are valid.
    let len = unsafe {
        let file = OwnedFd::from_raw_fd(Errno::from_ret(open.trap(nr::OPENAT))? as i32);
        let fd = file.as_raw_fd() as usize;
        Regs::new().push(fd).push(room).push(size_of::<Auxv>()).trap(nr::READ)
    };
    Ok(Errno::from_ret(len)? / size_of::<usize>())
}
