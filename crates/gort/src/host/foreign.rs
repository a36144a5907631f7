//! Threads that the program or a library of C's has made, and what the runtime has given them.
//!
//! A thread's M is the value of a pthread key, so that libc says when the thread ends: the key's
//! destructor runs after those of C++ and of Rust's thread-local variables. One that calls back later
//! still, from another key's destructor, gets an M once more, and the destructor is called again, as
//! often as libc does that (4 rounds).
//!
//! # Safety
//!
//! The key's value is null or what [`Foreign::into_raw`] gave on that very thread; the destructor has
//! the last word on it.

#![allow(unsafe_code)]

use super::{default_stack, is_forked};
use gort_rt::{Callback, Foreign};
use std::ffi::c_void;
use std::io;
use std::sync::OnceLock;

/// Calls `f(arg)` on the calling thread's goroutine, which it gets if it has none.
///
/// # Errors
///
/// Why the runtime cannot run here, or on this thread; nothing has been called then.
///
/// # Safety
///
/// The thread is not the runtime's own; `f(arg)` may be called, and does not unwind.
pub(crate) unsafe fn callback(f: Callback, arg: usize) -> io::Result<()> {
    let key = key()?;
    // SAFETY: see the module.
    unsafe {
        let bound = match libc::pthread_getspecific(key).expose_provenance() {
            0 => bind(key)?,
            raw => Foreign::from_raw(raw),
        };
        bound.callback(f, arg);
    }
    Ok(())
}

#[cold]
fn bind(key: libc::pthread_key_t) -> io::Result<Foreign> {
    crate::boot::ensure()?;
    let bound = Foreign::bind(default_stack())?;
    let value = std::ptr::with_exposed_provenance::<c_void>(bound.into_raw());
    // SAFETY: the key is there.
    match unsafe { libc::pthread_setspecific(key, value) } {
        0 => Ok(bound),
        errno => {
            bound.release();
            Err(io::Error::from_raw_os_error(errno))
        }
    }
}

fn key() -> io::Result<libc::pthread_key_t> {
    static KEY: OnceLock<Result<libc::pthread_key_t, i32>> = OnceLock::new();
    let made = KEY.get_or_init(|| {
        let mut key = 0;
        // SAFETY: writes the key; `ended` may be called with any value that is not null.
        match unsafe { libc::pthread_key_create(&mut key, Some(ended)) } {
            0 => Ok(key),
            errno => Err(errno),
        }
    });
    made.map_err(io::Error::from_raw_os_error)
}

/// The thread ends.
unsafe extern "C" fn ended(bound: *mut c_void) {
    // In a forked child nobody is there to take back what it has.
    if !is_forked() {
        // SAFETY: see the module.
        unsafe { Foreign::from_raw(bound.expose_provenance()) }.release();
    }
}
