//! A C library for tests, as C libraries are: it has state for each thread, waits, calls back, makes
//! threads. `cabi.c` says what each function does; here they have safe signatures.
//!
//! # Safety
//!
//! The declarations are those of `cabi.c`. C gets the address of a closure as its argument, calls back
//! with it only before it returns, and where closures are `Sync` from any thread.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_long, c_void};

type Function = unsafe extern "C" fn(*mut c_void);

mod sys {
    use super::*;

    unsafe extern "C" {
        pub(super) fn cabi_call_back(f: Function, arg: *mut c_void) -> c_int;
        pub(super) fn cabi_threads(n: c_int, calls: c_long, f: Function, arg: *mut c_void)
        -> c_int;
        pub(super) fn cabi_threads_with_altstack(
            n: c_int,
            size: usize,
            f: Function,
            arg: *mut c_void,
        ) -> c_int;
        pub(super) fn cabi_call_back_on(signal: c_int, f: Function);
        pub(super) safe fn cabi_fail(code: c_int) -> c_int;
        pub(super) safe fn cabi_has_failed(code: c_int) -> c_int;
        pub(super) safe fn cabi_read(fd: c_int) -> c_int;
        pub(super) safe fn cabi_poll(fd: c_int) -> c_int;
        pub(super) safe fn cabi_deep(bytes: usize) -> c_int;
        pub(super) safe fn cabi_knows_stack() -> c_int;
        pub(super) safe fn cabi_altstack() -> usize;
    }
}

/// What C is given: calls the closure back on a goroutine.
unsafe extern "C" fn back(closure: *mut c_void) {
    // SAFETY: the address of a reference to a closure, as below.
    let f = unsafe { *closure.cast::<&dyn Fn()>() };
    gort::ffi::callback(f);
}

/// Calls `f` back from a frame of C's, which must be whole afterwards.
pub fn call_back(f: &dyn Fn()) {
    // SAFETY: see the module.
    let whole = unsafe { sys::cabi_call_back(back, (&raw const f).cast_mut().cast()) };
    assert_eq!(whole, 1, "C's frame was overwritten");
}

/// [`call_back`] by `calls` calls on each of `n` threads of C's.
pub fn threads(n: i32, calls: i64, f: &(dyn Fn() + Sync)) {
    let f: &dyn Fn() = f;
    // SAFETY: see the module.
    let had = unsafe { sys::cabi_threads(n, calls, back, (&raw const f).cast_mut().cast()) };
    assert_eq!(had, 1, "no threads");
}

/// The same with threads that have signal stacks of their own; how many had another at the end.
pub fn threads_with_altstack(n: i32, size: usize, f: &(dyn Fn() + Sync)) -> i32 {
    let f: &dyn Fn() = f;
    let arg = (&raw const f).cast_mut().cast();
    // SAFETY: see the module.
    unsafe { sys::cabi_threads_with_altstack(n, size, back, arg) }
}

/// Has `signal` handled by a callback that calls `f`, on the thread's signal stack.
pub fn call_back_on(signal: i32, f: fn()) {
    static F: std::sync::OnceLock<fn()> = std::sync::OnceLock::new();
    unsafe extern "C" fn back(_: *mut c_void) {
        if let Some(f) = F.get() {
            gort::ffi::callback(f);
        }
    }
    F.get_or_init(|| f);
    // SAFETY: `back` takes anything.
    unsafe { sys::cabi_call_back_on(signal, back) }
}

/// Fails as a library does, and as libc does: in a variable of the thread's.
pub fn fail(code: i32) {
    assert_eq!(sys::cabi_fail(code), -1);
}

/// Whether what [`fail`] has left is still there.
pub fn has_failed(code: i32) -> bool {
    sys::cabi_has_failed(code) != 0
}

/// Waits for a byte.
pub fn read(fd: i32) -> i32 {
    sys::cabi_read(fd)
}

/// Waits until there is a byte to read.
pub fn poll(fd: i32) -> bool {
    sys::cabi_poll(fd) != 0
}

/// Uses so many bytes of stack.
pub fn deep(bytes: usize) {
    sys::cabi_deep(bytes);
}

/// Whether `pthread_getattr_np` knows the stack that this runs on.
pub fn knows_stack() -> bool {
    sys::cabi_knows_stack() != 0
}

/// The size of the thread's signal stack.
pub fn altstack() -> usize {
    sys::cabi_altstack()
}
