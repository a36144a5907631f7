//! Sockets as descriptors.
//!
//! # Safety
//!
//! A number becomes a socket by the contract of std's [`FromRawFd`].

#![allow(unsafe_code)]

use super::socket;
use super::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

macro_rules! descriptor {
    ($($ty:ident)+) => {$(
        /// It is non-blocking, and registered with the poller.
        impl AsFd for $ty {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.io().as_fd()
            }
        }

        impl AsRawFd for $ty {
            fn as_raw_fd(&self) -> RawFd {
                self.0.io().as_raw_fd()
            }
        }

        /// As `from_std`.
        ///
        /// # Panics
        ///
        /// With the error of `from_std`: when the descriptor cannot be polled, or there is no memory for
        /// that.
        impl From<OwnedFd> for $ty {
            fn from(descriptor: OwnedFd) -> $ty {
                match socket::adopt(descriptor.into()) {
                    Ok(polled) => $ty(polled),
                    Err(error) => panic!("a descriptor cannot be polled: {error}"),
                }
            }
        }

        /// As `into_std`; one that has been closed is of no use afterwards either.
        impl From<$ty> for OwnedFd {
            fn from(socket: $ty) -> OwnedFd {
                let _ = socket::restore(&socket.0);
                socket.0.into_inner().into()
            }
        }

        impl FromRawFd for $ty {
            unsafe fn from_raw_fd(descriptor: RawFd) -> $ty {
                // SAFETY: the caller's contract, which is the same.
                $ty::from(unsafe { OwnedFd::from_raw_fd(descriptor) })
            }
        }

        impl IntoRawFd for $ty {
            fn into_raw_fd(self) -> RawFd {
                OwnedFd::from(self).into_raw_fd()
            }
        }
    )+};
}

descriptor!(TcpListener TcpStream UdpSocket UnixDatagram UnixListener UnixStream);
