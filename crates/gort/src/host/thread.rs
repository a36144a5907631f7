//! Threads for Ms, made by libc so that C code works on them.
//!
//! # Safety
//!
//! The thread's argument is a box that the new thread takes over.

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

/// Starts a detached thread that calls `entry(arg)`.
///
/// # Safety
///
/// `entry(arg)` may be called once, on a new thread.
pub(super) unsafe fn start(entry: unsafe extern "C" fn(usize), arg: usize) -> Result<(), Errno> {
    let start = Box::into_raw(Box::new(Start { entry, arg }));
    // SAFETY: plain calls on a local attribute object; the box is the new thread's if there is one.
    unsafe {
        let mut attr = std::mem::zeroed::<libc::pthread_attr_t>();
        libc::pthread_attr_init(&mut attr);
        libc::pthread_attr_setstacksize(&mut attr, STACK);
        libc::pthread_attr_setdetachstate(&mut attr, libc::PTHREAD_CREATE_DETACHED);
        let mut id = 0;
        let errno = libc::pthread_create(&mut id, &attr, main, start.cast());
        libc::pthread_attr_destroy(&mut attr);
        if errno == 0 {
            return Ok(());
        }
        drop(Box::from_raw(start));
        Err(Errno::from_raw(errno))
    }
}

extern "C" fn main(start: *mut c_void) -> *mut c_void {
    // SAFETY: `start` gave us the box.
    let start = unsafe { Box::from_raw(start.cast::<Start>()) };
    let (entry, arg) = (start.entry, start.arg);
    drop(start);
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
