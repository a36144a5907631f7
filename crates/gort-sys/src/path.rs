//! Paths as arguments: NUL-terminated on the way, without allocating.
//!
//! # Safety
//!
//! The one unsafe operation is viewing the written front of an uninitialised buffer as bytes.

#![allow(unsafe_code)]

use crate::errno::Errno;
use crate::{Regs, arg::Arg};
use core::ffi::{CStr, c_char};
use core::mem::MaybeUninit;

/// The longest path the kernel takes, its NUL included.
pub const PATH_MAX: usize = linux_raw_sys::general::PATH_MAX as usize;

/// Paths up to this long are copied into the caller's own frame.
const SHORT: usize = 256;

/// What can be passed where a call takes a path: `&CStr` and C string literals as they are;
/// `&str`, `&[u8]` and, with the `std` feature, `&Path`, `&OsStr`, `PathBuf` and `String` by a copy on the
/// stack that gets the NUL.
///
/// A path with a NUL inside gives `EINVAL`, one that does not fit `PATH_MAX` with its NUL gives
/// `ENAMETOOLONG`, both before any call.
pub trait Path {
    /// The path as the kernel wants it, or as bytes that have yet to get their NUL.
    fn as_path(&self) -> PathBytes<'_>;
}

/// A path before it is passed.
#[derive(Clone, Copy, Debug)]
pub enum PathBytes<'a> {
    /// Passed as it is.
    Terminated(&'a CStr),
    /// Copied, and its NUL added.
    Bytes(&'a [u8]),
}

impl<T: Path + ?Sized> Path for &T {
    #[inline(always)]
    fn as_path(&self) -> PathBytes<'_> {
        (**self).as_path()
    }
}

impl Path for CStr {
    #[inline(always)]
    fn as_path(&self) -> PathBytes<'_> {
        PathBytes::Terminated(self)
    }
}

impl Path for [u8] {
    #[inline(always)]
    fn as_path(&self) -> PathBytes<'_> {
        PathBytes::Bytes(self)
    }
}

impl Path for str {
    #[inline(always)]
    fn as_path(&self) -> PathBytes<'_> {
        PathBytes::Bytes(self.as_bytes())
    }
}

#[cfg(feature = "std")]
mod std_paths {
    use super::{Path, PathBytes};
    use std::os::unix::ffi::OsStrExt;

    macro_rules! by_bytes {
        ($($ty:ty => |$self:ident| $bytes:expr;)+) => {$(
            impl Path for $ty {
                #[inline(always)]
                fn as_path(&$self) -> PathBytes<'_> {
                    PathBytes::Bytes($bytes)
                }
            }
        )+};
    }

    by_bytes! {
        std::ffi::OsStr => |self| self.as_bytes();
        std::ffi::OsString => |self| self.as_bytes();
        std::path::Path => |self| self.as_os_str().as_bytes();
        std::path::PathBuf => |self| self.as_os_str().as_bytes();
        std::string::String => |self| self.as_bytes();
    }

    impl Path for std::ffi::CString {
        #[inline(always)]
        fn as_path(&self) -> PathBytes<'_> {
            PathBytes::Terminated(self)
        }
    }
}

impl Arg for PathBytes<'_> {
    const REGISTERS: usize = 1;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        // The registers go into the closure: passed to `long` they would be in memory in all cases.
        let call = move |path: *const c_char| path.with(regs, call);
        match self {
            PathBytes::Terminated(path) => call(path.as_ptr()),
            PathBytes::Bytes(path) if path.len() < SHORT => copied::<SHORT>(path, call),
            PathBytes::Bytes(path) => long(path, call),
        }
    }
}

/// A frame of its own, so that only long paths pay for a page of stack.
#[cold]
#[inline(never)]
fn long(path: &[u8], call: impl FnOnce(*const c_char) -> usize) -> usize {
    if path.len() < PATH_MAX {
        copied::<PATH_MAX>(path, call)
    } else {
        Errno::ENAMETOOLONG.to_ret()
    }
}

/// Copies `path`, which is shorter than `N`, terminates it and goes on.
#[inline]
fn copied<const N: usize>(path: &[u8], call: impl FnOnce(*const c_char) -> usize) -> usize {
    let mut buffer = [MaybeUninit::<u8>::uninit(); N];
    for (to, from) in buffer.iter_mut().zip(path) {
        to.write(*from);
    }
    buffer[path.len()].write(0);
    // SAFETY: the bytes up to and including index `path.len()` have just been written.
    let written = unsafe { buffer[..=path.len()].assume_init_ref() };
    match CStr::from_bytes_with_nul(written) {
        Ok(path) => call(path.as_ptr()),
        Err(_) => Errno::EINVAL.to_ret(),
    }
}
