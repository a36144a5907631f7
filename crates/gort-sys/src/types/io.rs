//! Buffers for the calls that take several at once.
//!
//! # Safety
//!
//! The slices are rebuilt from their own address and length.

#![allow(unsafe_code)]

use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};

/// A `&[u8]` in the kernel's layout (`struct iovec`).
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IoSlice<'a> {
    base: *const u8,
    len: usize,
    bytes: PhantomData<&'a [u8]>,
}

same_layout!(IoSlice<'static> = general iovec { base iov_base len iov_len });

/// A `&mut [u8]` in the kernel's layout (`struct iovec`).
#[repr(C)]
pub struct IoSliceMut<'a> {
    base: *mut u8,
    len: usize,
    bytes: PhantomData<&'a mut [u8]>,
}

same_layout!(IoSliceMut<'static> = general iovec { base iov_base len iov_len });

// SAFETY: these are a shared and a unique borrow of bytes, which are `Send` and `Sync`.
unsafe impl Send for IoSlice<'_> {}
// SAFETY: as above.
unsafe impl Sync for IoSlice<'_> {}
// SAFETY: as above.
unsafe impl Send for IoSliceMut<'_> {}
// SAFETY: as above.
unsafe impl Sync for IoSliceMut<'_> {}

impl<'a> IoSlice<'a> {
    /// The slice in the kernel's layout.
    pub const fn new(bytes: &'a [u8]) -> IoSlice<'a> {
        IoSlice { base: bytes.as_ptr(), len: bytes.len(), bytes: PhantomData }
    }
}

impl<'a> IoSliceMut<'a> {
    /// The slice in the kernel's layout.
    pub const fn new(bytes: &'a mut [u8]) -> IoSliceMut<'a> {
        IoSliceMut { base: bytes.as_mut_ptr(), len: bytes.len(), bytes: PhantomData }
    }
}

impl Deref for IoSlice<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: address and length come from the slice that `bytes` borrows.
        unsafe { core::slice::from_raw_parts(self.base, self.len) }
    }
}

impl Deref for IoSliceMut<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: address and length come from the slice that `bytes` borrows.
        unsafe { core::slice::from_raw_parts(self.base, self.len) }
    }
}

impl DerefMut for IoSliceMut<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: address and length come from the slice that `bytes` borrows, uniquely.
        unsafe { core::slice::from_raw_parts_mut(self.base, self.len) }
    }
}

#[cfg(feature = "std")]
impl<'a> IoSlice<'a> {
    /// std's slices, which have the kernel's layout too.
    pub fn from_std<'b>(slices: &'b [std::io::IoSlice<'a>]) -> &'b [IoSlice<'a>] {
        // SAFETY: std guarantees the layout of `struct iovec`, which is this type's.
        unsafe { core::slice::from_raw_parts(slices.as_ptr().cast(), slices.len()) }
    }
}

#[cfg(feature = "std")]
impl<'a> IoSliceMut<'a> {
    /// std's slices, which have the kernel's layout too.
    pub fn from_std<'b>(slices: &'b mut [std::io::IoSliceMut<'a>]) -> &'b mut [IoSliceMut<'a>] {
        // SAFETY: std guarantees the layout of `struct iovec`, which is this type's.
        unsafe { core::slice::from_raw_parts_mut(slices.as_mut_ptr().cast(), slices.len()) }
    }
}
