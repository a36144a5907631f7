//! What `fork` on a goroutine leaves to be done in the child.
//!
//! The child's one thread runs on the goroutine's stack with the goroutine's block, and glibc takes
//! that block for the thread's own from then on: it writes the real thread id into it, tells the kernel
//! of its list of robust mutexes, puts it on its list of threads, and holds the stacks of all other
//! threads for free, that of the kernel thread that ran the goroutine too. The kernel, however, still
//! writes into that thread's block: its area for restartable sequences is registered there. glibc may
//! unmap the stack or give it to a new thread, so the area is unregistered. The goroutine's own says
//! "not registered", as it did before.
//!
//! # Safety
//!
//! The handler runs in the child, where no other thread is and locks may be held for ever: it makes
//! system calls and writes atomics.

#![allow(unsafe_code)]

use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use gort_sys::{Errno, raw};

/// `RSEQ_FLAG_UNREGISTER`, and the signature that glibc registers with on x86-64.
const UNREGISTER: i32 = 1;
const SIGNATURE: u32 = 0x5305_3053;
/// The size of the first version of `struct rseq`.
const FIRST_SIZE: u32 = 32;

static CHILD: AtomicBool = AtomicBool::new(false);
/// The function given to `install`, as an address.
static THREAD_FS: AtomicUsize = AtomicUsize::new(0);
/// The area's offset from the thread pointer, and its size with this kernel.
static OFFSET: AtomicUsize = AtomicUsize::new(0);
static SIZE: AtomicU32 = AtomicU32::new(0);

/// Whether this process was forked after the runtime had started, which stayed behind.
pub(crate) fn is_child() -> bool {
    CHILD.load(Ordering::Relaxed)
}

/// Has every `fork` from now on do its part. `thread_fs` is as for [`setxid::install`]; a second call
/// does nothing.
///
/// # Errors
///
/// ENOMEM.
///
/// # Safety
///
/// As for [`setxid::install`].
///
/// [`setxid::install`]: super::setxid::install
pub(crate) unsafe fn install(thread_fs: fn() -> Option<usize>) -> Result<(), Errno> {
    // SAFETY: looks names up, and reads what glibc 2.35 and later have under them.
    unsafe {
        let offset = libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_offset".as_ptr()).cast::<usize>();
        let size = libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_size".as_ptr()).cast::<u32>();
        // A size of zero says that glibc has registered nothing.
        if !offset.is_null() && !size.is_null() && *size != 0 {
            OFFSET.store(*offset, Ordering::Relaxed);
            SIZE.store(registered_size(), Ordering::Relaxed);
        }
    }
    if THREAD_FS.swap(thread_fs as usize, Ordering::Relaxed) != 0 {
        return Ok(());
    }
    // SAFETY: the handler keeps to what a forked child may do.
    match unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) } {
        0 => Ok(()),
        _ => Err(Errno::ENOMEM),
    }
}

/// What newer glibcs register: the kernel's size rounded up to its alignment, at least the first one.
fn registered_size() -> u32 {
    const AT_RSEQ_FEATURE_SIZE: u64 = 27;
    const AT_RSEQ_ALIGN: u64 = 28;
    // SAFETY: getauxval has no conditions.
    let (size, align) = unsafe {
        (libc::getauxval(AT_RSEQ_FEATURE_SIZE) as u32, libc::getauxval(AT_RSEQ_ALIGN) as u32)
    };
    size.next_multiple_of(align.max(1)).max(FIRST_SIZE)
}

unsafe extern "C" fn before() {
    crate::signal::before_fork();
}

unsafe extern "C" fn in_parent() {
    crate::signal::after_fork();
}

unsafe extern "C" fn in_child() {
    // SAFETY: `install` stored a function of this type before it registered this one.
    let thread_fs = unsafe {
        core::mem::transmute::<usize, fn() -> Option<usize>>(THREAD_FS.load(Ordering::Relaxed))
    };
    CHILD.store(true, Ordering::Relaxed);
    gort_rt::forked();
    crate::signal::in_child();
    let Some(fs) = thread_fs() else { return };
    let size = SIZE.load(Ordering::Relaxed);
    if size == 0 {
        return;
    }
    let area: *mut u8 =
        ptr::with_exposed_provenance_mut(fs.wrapping_add(OFFSET.load(Ordering::Relaxed)));
    // SAFETY: unregistering takes the kernel's hands off the area. It fails if another size is
    // registered (glibc before 2.41 knows the first only), which the second try is for.
    unsafe {
        if raw::rseq(area, size, UNREGISTER, SIGNATURE).is_err() {
            let _ = raw::rseq(area, FIRST_SIZE, UNREGISTER, SIGNATURE);
        }
    }
}
