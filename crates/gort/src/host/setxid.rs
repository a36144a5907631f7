//! libc's signal for `setuid` and its kin, handled as the thread that it was sent to.
//!
//! The kernel keeps user and group ids for each thread; POSIX wants them for the process. So glibc's
//! `setuid` sends signal 33 to every thread on its list and waits until each handler has marked its own
//! control block. On a goroutine the handler would find the goroutine's block, mark that, and leave
//! `setuid` waiting for ever. Hence a handler in front of glibc's, which lends it the thread's own
//! pointer.
//!
//! glibc's other signal, 32, is for `pthread_cancel`. Its handler is installed over whatever is there
//! at the first use, so none can be put before it, and none is needed: on a goroutine it finds that
//! nobody has cancelled the goroutine and returns, where with the thread's own block it would unwind a
//! stack that is not the thread's.
//!
//! # Safety
//!
//! The handler runs on any thread, between any two instructions. It relies on `thread_fs` telling
//! truly, then and there, whether the thread pointer is a goroutine's, and on glibc's handler being the
//! one that it has replaced. It allocates nothing and takes no lock.

#![allow(unsafe_code)]

use super::fork;
use super::tls::call_with;
use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicUsize, Ordering};
use gort_sys::types::{SigAction, Signal};
use gort_sys::{Errno, raw};

/// glibc's `SIGSETXID`: the second of the signals that it keeps for itself.
const SIGSETXID: Signal = Signal(33);

type Handler = unsafe extern "C" fn(c_int, *mut c_void, *mut c_void);

/// glibc's handler, and the function given to `install`, as addresses; both set before the handler can
/// run, and then constant.
static THEIRS: AtomicUsize = AtomicUsize::new(0);
static THREAD_FS: AtomicUsize = AtomicUsize::new(0);

/// Puts a handler before glibc's, once; later calls do nothing. Before the first goroutine runs, and
/// after [`tls::get`](super::tls::get): glibc installs its handler when it makes the first thread.
///
/// `thread_fs` returns the kernel thread's own thread pointer if a goroutine's is installed now, else
/// `None`.
///
/// # Errors
///
/// Those of `rt_sigaction`, and ESRCH if glibc has no handler there.
///
/// # Safety
///
/// `thread_fs` may be called in a signal handler, on any thread.
pub(crate) unsafe fn install(thread_fs: fn() -> Option<usize>) -> Result<(), Errno> {
    let mut action = SigAction::DEFAULT;
    // SAFETY: only asks.
    unsafe { raw::rt_sigaction(SIGSETXID, None, Some(&mut action))? };
    if action.handler == SigAction::DEFAULT.handler || action.handler == SigAction::IGNORE.handler {
        return Err(Errno::ESRCH);
    }
    THREAD_FS.store(thread_fs as usize, Ordering::Relaxed);
    if THEIRS.compare_exchange(0, action.handler, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
        // glibc's flags, mask and restorer stay: it asks for the signal stack, for one.
        action.handler = on_setxid as *const () as usize;
        // SAFETY: `on_setxid` has a handler's signature, and both addresses are set.
        unsafe { raw::rt_sigaction(SIGSETXID, Some(&action), None)? };
    }
    Ok(())
}

unsafe extern "C" fn on_setxid(signal: c_int, info: *mut c_void, context: *mut c_void) {
    let mut call = Call { signal, info, context };
    let argument = (&raw mut call).cast();
    // SAFETY: `install` stored a function of this type.
    let thread_fs = unsafe {
        core::mem::transmute::<usize, fn() -> Option<usize>>(THREAD_FS.load(Ordering::Relaxed))
    };
    // In a forked child the goroutine's block is what glibc has on its list.
    let own = if fork::is_child() { None } else { thread_fs() };
    // SAFETY: the kernel's arguments are passed on. The thread is in this handler, so nothing else
    // runs with its pointer.
    unsafe {
        match own {
            Some(fs) => call_with(fs, call_theirs, argument),
            None => call_theirs(argument),
        }
    }
}

/// A handler's arguments.
struct Call {
    signal: c_int,
    info: *mut c_void,
    context: *mut c_void,
}

unsafe extern "C" fn call_theirs(call: *mut c_void) {
    // SAFETY: `on_setxid` passes its own `Call`, and `install` stored glibc's handler.
    unsafe {
        let call = &*call.cast::<Call>();
        let handler = core::mem::transmute::<usize, Handler>(THEIRS.load(Ordering::Relaxed));
        handler(call.signal, call.info, call.context);
    }
}
