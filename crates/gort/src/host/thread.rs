//! Threads for Ms, made by libc so that C code works on them.
//!
//! # Safety
//!
//! The thread's argument is memory that the new thread takes over.

#![allow(unsafe_code)]

use gort_sys::Errno;
use gort_sys::context::slot;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How large the stacks of new threads are. The scheduler needs a few KiB, the dynamic linker more; C
/// that goroutines call needs what it needs.
static STACK: AtomicUsize = AtomicUsize::new(256 << 10);

/// How long a stack's guard is: C compiled without stack probes may step over a page.
pub(super) const GUARD: usize = 64 << 10;

/// The least that a stack may have.
const LEAST: usize = 64 << 10;

/// Sets how large the stacks of threads are that are started from now on.
pub(crate) fn set_stack_size(bytes: usize) {
    STACK.store(bytes.max(LEAST), Ordering::Relaxed);
}

struct Start {
    entry: unsafe extern "C" fn(usize),
    arg: usize,
}

/// Does `work`, which starts a thread that has to be one: with `locks` raised. Whoever makes goroutines of threads
/// leaves alone what is started inside the runtime.
pub(crate) fn real_threads<R>(work: impl FnOnce() -> R) -> R {
    slot::lock();
    let result = work();
    slot::unlock();
    result
}

/// Starts a detached thread that calls `entry(arg)`. Allocates from libc only, and leaves `errno` as it
/// was: it is that of a goroutine that knows nothing of this.
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
        libc::pthread_attr_setstacksize(&mut attr, STACK.load(Ordering::Relaxed));
        libc::pthread_attr_setguardsize(&mut attr, GUARD);
        libc::pthread_attr_setdetachstate(&mut attr, libc::PTHREAD_CREATE_DETACHED);
        let mut id = 0;
        let before = *libc::__errno_location();
        let errno = real_threads(|| libc::pthread_create(&mut id, &attr, main, start.cast()));
        *libc::__errno_location() = before;
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
    // SAFETY: the contract of `start`.
    unsafe { entry(arg) };
    ptr::null_mut()
}

/// The calling thread's stack: its lowest address above the guard, and one past its highest. Zeros if
/// there is no memory to tell.
pub(super) fn stack() -> (usize, usize) {
    // SAFETY: plain calls on local variables, about a thread that runs.
    unsafe {
        let mut attr = std::mem::zeroed::<libc::pthread_attr_t>();
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attr) != 0 {
            return (0, 0);
        }
        let (mut lo, mut len) = (ptr::null_mut(), 0);
        libc::pthread_attr_getstack(&attr, &mut lo, &mut len);
        libc::pthread_attr_destroy(&mut attr);
        (lo.addr(), lo.addr() + len)
    }
}
