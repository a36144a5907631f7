//! Threads for Ms, made by libc so that C code works on them.
//!
//! # Safety
//!
//! The thread's argument is memory that the new thread takes over.

#![allow(unsafe_code)]

use gort_sys::Errno;
use gort_sys::types::{MapFlags, Prot, SigStack, SigStackFlags};
use std::ffi::c_void;
use std::ptr;

/// A scheduler stack: what the runtime needs is a few KiB, the dynamic linker more.
const STACK: usize = 256 << 10;
/// A signal stack; the kernel's frame alone is up to 12 KiB with AMX.
const SIGNAL_STACK: usize = 64 << 10;

struct Start {
    entry: unsafe extern "C" fn(usize),
    arg: usize,
}

/// Starts a detached thread that calls `entry(arg)`. Allocates from libc only.
///
/// # Safety
///
/// `entry(arg)` may be called once, on a new thread.
pub(super) unsafe fn start(entry: unsafe extern "C" fn(usize), arg: usize) -> Result<(), Errno> {
    // SAFETY: plain calls on a local attribute object; the memory is the new thread's if there is
    // one.
    unsafe {
        let start = libc::malloc(size_of::<Start>()).cast::<Start>();
        if start.is_null() {
            return Err(Errno::ENOMEM);
        }
        start.write(Start { entry, arg });
        let mut attr = std::mem::zeroed::<libc::pthread_attr_t>();
        libc::pthread_attr_init(&mut attr);
        libc::pthread_attr_setstacksize(&mut attr, STACK);
        libc::pthread_attr_setdetachstate(&mut attr, libc::PTHREAD_CREATE_DETACHED);
        let mut id = 0;
        let errno = libc::pthread_create(&mut id, &attr, main, start.cast());
        libc::pthread_attr_destroy(&mut attr);
        if errno != 0 {
            libc::free(start.cast());
            return Err(Errno::from_raw(errno));
        }
    }
    Ok(())
}

extern "C" fn main(start: *mut c_void) -> *mut c_void {
    // libc's per-thread cache begins here too, rather than in the first goroutine's block.
    // SAFETY: `start` made it for this thread.
    let Start { entry, arg } = unsafe {
        let read = start.cast::<Start>().read();
        libc::free(start);
        libc::free(std::hint::black_box(libc::malloc(1)));
        read
    };
    let stack = signal_stack();
    // SAFETY: the contract of `start`.
    unsafe { entry(arg) };
    if let Some(stack) = stack {
        // SAFETY: no handler runs on it: this is not one, and it is turned off first.
        unsafe {
            let off = SigStack { base: ptr::null_mut(), flags: SigStackFlags::DISABLE, len: 0 };
            let _ = gort_sys::raw::sigaltstack(Some(&off), None);
            let _ = gort_sys::raw::munmap(stack, SIGNAL_STACK);
        }
    }
    ptr::null_mut()
}

/// Handlers run here rather than on a goroutine's stack, which may be what has run out.
fn signal_stack() -> Option<*mut u8> {
    // SAFETY: a new mapping, which nothing but the handlers uses.
    unsafe {
        let flags = MapFlags::PRIVATE | MapFlags::ANONYMOUS | MapFlags::NORESERVE;
        let prot = Prot::READ | Prot::WRITE;
        let stack =
            gort_sys::raw::mmap(ptr::null_mut(), SIGNAL_STACK, prot, flags, None, 0).ok()?;
        let new = SigStack { base: stack, flags: SigStackFlags::empty(), len: SIGNAL_STACK };
        gort_sys::raw::sigaltstack(Some(&new), None).ok()?;
        Some(stack)
    }
}
