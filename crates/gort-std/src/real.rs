//! libc's own functions, behind those that have their names here.
//!
//! # Safety
//!
//! Who asks for a function says its type.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

/// A function of libc's, looked up when it is first needed.
pub(crate) struct Real {
    name: &'static CStr,
    at: AtomicPtr<c_void>,
}

impl Real {
    pub(crate) const fn new(name: &'static CStr) -> Real {
        Real { name, at: AtomicPtr::new(std::ptr::null_mut()) }
    }

    /// Its address.
    #[inline]
    pub(crate) fn get(&self) -> *mut c_void {
        let at = self.at.load(Ordering::Relaxed);
        if at.is_null() { self.find() } else { at }
    }

    #[cold]
    fn find(&self) -> *mut c_void {
        // SAFETY: plain lookups. The next object's is libc's, and its default version.
        let at = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
        if at.is_null() {
            gort_rt::throw("gort-std: libc has no function of a name that is taken over");
        }
        self.at.store(at, Ordering::Relaxed);
        at
    }
}

/// Calls libc's function of this name: `real!(pthread_join(thread, value): fn(pthread_t, *mut *mut c_void) -> c_int)`.
macro_rules! real {
    ($name:ident($($arg:expr),* $(,)?): fn($($type:ty),*) -> $ret:ty) => {{
        static REAL: $crate::real::Real = $crate::real::Real::new(
            match std::ffi::CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                Ok(name) => name,
                Err(_) => panic!("a name with a NUL"),
            },
        );
        let function = std::mem::transmute::<*mut std::ffi::c_void, unsafe extern "C-unwind" fn($($type),*) -> $ret>(
            REAL.get(),
        );
        function($($arg),*)
    }};
}

pub(crate) use real;
