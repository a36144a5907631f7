//! Descriptors: std's types where there is std, the same shapes without it.
//!
//! # Safety
//!
//! Without std this file defines the owning type, whose `Drop` closes a descriptor that it owns.

#![allow(unsafe_code)]

#[cfg(feature = "std")]
pub use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

#[cfg(not(feature = "std"))]
pub use bare::*;

/// The directory that relative paths start from when a call is told "here" (`AT_FDCWD`).
// SAFETY: AT_FDCWD is -100, which is not -1 and names no descriptor that could be closed.
pub const CWD: BorrowedFd<'static> =
    unsafe { BorrowedFd::borrow_raw(linux_raw_sys::general::AT_FDCWD) };

#[cfg(not(feature = "std"))]
mod bare {
    use core::marker::PhantomData;

    /// A descriptor's number, owned by nobody.
    pub type RawFd = i32;

    /// A descriptor that lives at least as long as `'fd`: the shape of `std::os::fd::BorrowedFd`.
    #[derive(Clone, Copy, Debug)]
    #[repr(transparent)]
    pub struct BorrowedFd<'fd> {
        fd: RawFd,
        owner: PhantomData<&'fd OwnedFd>,
    }

    impl BorrowedFd<'_> {
        /// Borrows a number.
        ///
        /// # Safety
        ///
        /// The descriptor stays open for the borrow's lifetime, and the number is not -1.
        #[inline]
        pub const unsafe fn borrow_raw(fd: RawFd) -> Self {
            BorrowedFd { fd, owner: PhantomData }
        }
    }

    /// A descriptor that is closed when dropped: the shape of `std::os::fd::OwnedFd`.
    #[derive(Debug)]
    #[repr(transparent)]
    pub struct OwnedFd {
        fd: RawFd,
    }

    impl Drop for OwnedFd {
        fn drop(&mut self) {
            // The descriptor is gone whatever the kernel answers (close(2)).
            // SAFETY: this value owns the descriptor, and nobody can use it afterwards.
            let _ = unsafe { crate::raw_syscall(crate::nr::CLOSE, self.fd as usize, 0, 0) };
        }
    }

    /// Has a descriptor to lend.
    pub trait AsFd {
        /// Lends it.
        fn as_fd(&self) -> BorrowedFd<'_>;
    }

    /// Has a descriptor's number to show.
    pub trait AsRawFd {
        /// Shows it.
        fn as_raw_fd(&self) -> RawFd;
    }

    /// Can be made from a number that is the caller's to give away.
    pub trait FromRawFd {
        /// Takes it over.
        ///
        /// # Safety
        ///
        /// The number is an open descriptor that nobody else owns.
        unsafe fn from_raw_fd(fd: RawFd) -> Self;
    }

    /// Can give its descriptor away as a number.
    pub trait IntoRawFd {
        /// Gives it away.
        fn into_raw_fd(self) -> RawFd;
    }

    impl AsFd for BorrowedFd<'_> {
        #[inline]
        fn as_fd(&self) -> BorrowedFd<'_> {
            *self
        }
    }

    impl AsFd for OwnedFd {
        #[inline]
        fn as_fd(&self) -> BorrowedFd<'_> {
            // SAFETY: the borrow cannot outlive `self`, which keeps the descriptor open.
            unsafe { BorrowedFd::borrow_raw(self.fd) }
        }
    }

    impl<T: AsFd + ?Sized> AsFd for &T {
        #[inline]
        fn as_fd(&self) -> BorrowedFd<'_> {
            T::as_fd(self)
        }
    }

    impl AsRawFd for BorrowedFd<'_> {
        #[inline]
        fn as_raw_fd(&self) -> RawFd {
            self.fd
        }
    }

    impl AsRawFd for OwnedFd {
        #[inline]
        fn as_raw_fd(&self) -> RawFd {
            self.fd
        }
    }

    impl FromRawFd for OwnedFd {
        #[inline]
        unsafe fn from_raw_fd(fd: RawFd) -> OwnedFd {
            OwnedFd { fd }
        }
    }

    impl IntoRawFd for OwnedFd {
        #[inline]
        fn into_raw_fd(self) -> RawFd {
            core::mem::ManuallyDrop::new(self).fd
        }
    }
}
