//! `pthread_getattr_np`, which tells a thread where its stack is.
//!
//! glibc's own fails with ESRCH on a goroutine: it asks the kernel for the affinity of a thread whose
//! id is made up. Collectors, interpreters and std's own stack-overflow message call it. A definition in
//! the executable comes before libc's for everything that is linked into it.
//!
//! # Safety
//!
//! The function has the signature of the one in pthread.h and behaves like it; threads that are no
//! goroutines get libc's.

#![allow(unsafe_code)]

use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicUsize, Ordering};
use libc::{pthread_attr_t, pthread_t};

type GetAttr = unsafe extern "C" fn(pthread_t, *mut pthread_attr_t) -> c_int;
type Stack = fn(usize) -> Option<(usize, usize)>;

/// The function given to `install`, as an address.
static STACK: AtomicUsize = AtomicUsize::new(0);

/// Sets who knows goroutines: `stack` returns the lowest address and the size of the stack of a
/// `pthread_t` if it is the goroutine running here, else `None`.
pub(crate) fn install(stack: Stack) {
    STACK.store(stack as usize, Ordering::Relaxed);
}

/// A thread's attributes. On a goroutine, for itself: where its stack is.
///
/// # Safety
///
/// As for libc's: `thread` has not ended, and `attr` is to be written.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_getattr_np(thread: pthread_t, attr: *mut pthread_attr_t) -> c_int {
    // SAFETY: `install` stores a function of this type; the attributes are initialised before they
    // are changed, which can fail only for addresses that no stack has.
    unsafe {
        let stack = STACK.load(Ordering::Relaxed);
        if stack != 0
            && let Some((lo, size)) = core::mem::transmute::<usize, Stack>(stack)(thread as usize)
        {
            match libc::pthread_attr_init(attr) {
                0 => libc::pthread_attr_setstack(attr, lo as *mut c_void, size),
                error => error,
            }
        } else {
            theirs().map_or(libc::ENOSYS, |theirs| theirs(thread, attr))
        }
    }
}

/// The next definition after this one: libc's, if it is dynamically linked.
fn theirs() -> Option<GetAttr> {
    static THEIRS: AtomicUsize = AtomicUsize::new(0);
    let mut address = THEIRS.load(Ordering::Relaxed);
    if address == 0 {
        // SAFETY: the name is terminated.
        let found = unsafe { libc::dlsym(libc::RTLD_NEXT, c"pthread_getattr_np".as_ptr()) };
        address = found as usize;
        THEIRS.store(address, Ordering::Relaxed);
    }
    // SAFETY: an address of that name is a function of that type, and none is `None`.
    unsafe { core::mem::transmute::<usize, Option<GetAttr>>(address) }
}
