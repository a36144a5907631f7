//! What is taken from glibc's private interface, by name and at run time.
//!
//! # Safety
//!
//! The types given to the symbols are those of glibc's sources, unchanged from 2.34 on. The
//! `_thread_db_*` variables exist for debuggers, which read the layout of glibc's structures from them:
//! each is a `uint32_t[3]` of size in bits, number of elements, and offset.
//!
//! `_dl_allocate_tls` and `_dl_deallocate_tls` are what `pthread_create` itself calls, and
//! `_dl_get_tls_static_info` is kept for the sanitizers. `_dl_allocate_tls_init` is not used: the meaning
//! of its second argument was turned round between releases.

#![allow(unsafe_code)]

use super::fs::thread_pointer;
use super::unsupported::Unsupported;
use core::ffi::{CStr, c_void};
use core::mem::transmute_copy;

/// An entry of `__pthread_keys`.
#[repr(C)]
pub(super) struct Key {
    pub(super) sequence: usize,
    pub(super) destructor: Option<unsafe extern "C" fn(*mut c_void)>,
}

/// The functions and variables.
pub(super) struct Symbols {
    pub(super) allocate_tls: unsafe extern "C" fn(*mut c_void) -> *mut c_void,
    pub(super) deallocate_tls: unsafe extern "C" fn(*mut c_void, bool),
    pub(super) static_info: unsafe extern "C" fn(*mut usize, *mut usize),
    pub(super) call_tls_dtors: unsafe extern "C" fn(),
    pub(super) ctype_init: unsafe extern "C" fn(),
    pub(super) res_nclose: unsafe extern "C" fn(*mut c_void),
    /// `PTHREAD_KEYS_MAX` of them.
    pub(super) keys: *const Key,
    pub(super) rtld_global: usize,
    /// The variable `__resp`'s offset from the thread pointer.
    pub(super) resp: isize,
    /// That of `__libc_dlerror_result`, where it has that name.
    pub(super) dlerror_result: Option<isize>,
    /// Where the thread's area for restartable sequences is; glibc 2.35 and later.
    pub(super) rseq_offset: Option<isize>,
}

// SAFETY: the pointers are to functions and to glibc's static data, which any thread may use.
unsafe impl Send for Symbols {}
// SAFETY: as above.
unsafe impl Sync for Symbols {}

/// The address of a symbol that every module in the process can see.
fn find(name: &CStr) -> Option<usize> {
    // SAFETY: the name is terminated; dlsym has no other condition.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!address.is_null()).then_some(address as usize)
}

fn need(name: &'static CStr) -> Result<usize, Unsupported> {
    find(name).ok_or(Unsupported::Symbol(name.to_str().unwrap_or("?")))
}

/// A function by its name.
///
/// # Safety
///
/// `F` is the type of a function pointer, and of that function.
unsafe fn function<F: Copy>(name: &'static CStr) -> Result<F, Unsupported> {
    const { assert!(size_of::<F>() == size_of::<usize>()) };
    // SAFETY: `F` is as large as a pointer, and the caller vouches for its meaning.
    need(name).map(|address| unsafe { transmute_copy::<usize, F>(&address) })
}

/// A `_thread_db_` variable's size in bytes and offset.
pub(super) fn describe(name: &'static CStr) -> Result<(usize, usize), Unsupported> {
    let address = need(name)? as *const [u32; 3];
    // SAFETY: the module's note on `_thread_db_*`.
    let [bits, _, offset] = unsafe { *address };
    Ok((bits as usize / 8, offset as usize))
}

/// Where a field is that has `size` bytes.
pub(super) fn offset(name: &'static CStr, size: usize) -> Result<usize, Unsupported> {
    match describe(name)? {
        (found, offset) if found == size => Ok(offset),
        _ => Err(Unsupported::Field(name.to_str().unwrap_or("?"))),
    }
}

/// `sizeof(struct pthread)`.
pub(super) fn control_block_size() -> Result<usize, Unsupported> {
    let address = need(c"_thread_db_sizeof_pthread")? as *const u32;
    // SAFETY: the module's note on `_thread_db_*`; the sizes among them are single words.
    Ok(unsafe { *address } as usize)
}

impl Symbols {
    /// Finds them all.
    pub(super) fn find() -> Result<Symbols, Unsupported> {
        check_version()?;
        // libc's own variables are at the same distance in every thread, and dlsym tells the
        // calling thread's address.
        let variable = |address: usize| address.wrapping_sub(thread_pointer()) as isize;
        // SAFETY: the types are those of glibc's own declarations.
        unsafe {
            Ok(Symbols {
                allocate_tls: function(c"_dl_allocate_tls")?,
                deallocate_tls: function(c"_dl_deallocate_tls")?,
                static_info: function(c"_dl_get_tls_static_info")?,
                call_tls_dtors: function(c"__call_tls_dtors")?,
                ctype_init: function(c"__ctype_init")?,
                res_nclose: function(c"__res_nclose")?,
                keys: need(c"__pthread_keys")? as *const Key,
                rtld_global: need(c"_rtld_global")?,
                resp: need(c"__resp").map(variable)?,
                dlerror_result: find(c"__libc_dlerror_result").map(variable),
                rseq_offset: find(c"__rseq_offset").map(|address| *(address as *const isize)),
            })
        }
    }
}

/// Is there a glibc, and is it 2.34 or later, from which on it exports what is used here?
fn check_version() -> Result<(), Unsupported> {
    type Version = unsafe extern "C" fn() -> *const core::ffi::c_char;
    // SAFETY: the function's declaration in gnu/libc-version.h.
    let version = unsafe { function::<Version>(c"gnu_get_libc_version") };
    let version = version.map_err(|_| Unsupported::NotGlibc)?;
    // SAFETY: it returns a constant, terminated string.
    let text = unsafe { CStr::from_ptr(version()) }.to_string_lossy().into_owned();
    let mut numbers = text.split('.').map_while(|n| n.parse::<u32>().ok());
    if (numbers.next(), numbers.next()) < (Some(2), Some(34)) {
        return Err(Unsupported::OldGlibc(text));
    }
    Ok(())
}
