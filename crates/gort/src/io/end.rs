//! One end of a pipe.

use crate::polled::Polled;
use gort_sys::raw;
use std::fs;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::OwnedFd;

/// An end of a pipe that is polled.
#[derive(Debug)]
pub(crate) struct End(Polled<fs::File>);

impl End {
    /// Makes it non-blocking.
    ///
    /// # Errors
    ///
    /// Those of epoll_ctl(2).
    pub(crate) fn new(fd: impl Into<OwnedFd>) -> io::Result<End> {
        let fd = fd.into();
        raw::ioctl_fionbio(&fd, true)?;
        Ok(End(Polled::new(fd.into())?))
    }

    /// Makes it blocking again.
    pub(crate) fn into_fd(self) -> OwnedFd {
        let file = self.0.into_inner();
        // It cannot fail for a pipe.
        let _ = raw::ioctl_fionbio(&file, false);
        file.into()
    }

    pub(crate) fn polled(&self) -> &Polled<fs::File> {
        &self.0
    }

    pub(crate) fn try_clone(&self) -> io::Result<End> {
        Ok(End(Polled::new(self.0.io().try_clone()?)?))
    }

    // Reads may be shorter than what there is (packets, the lines of a terminal): so the next does not wait
    // without a look.
    pub(crate) fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(|mut io| io.read(buf))
    }

    pub(crate) fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.0.read(|mut io| io.read_vectored(bufs))
    }

    pub(crate) fn write(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(|mut io| io.write(buf))
    }

    pub(crate) fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write(|mut io| io.write_vectored(bufs))
    }
}

/// A type of std's that is an end of a pipe, here: `pipe_end!(PipeReader, std::io::PipeReader, Read)`.
macro_rules! pipe_end {
    ($(#[$doc:meta])* $name:ident, $std:ty, $direction:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name($crate::io::End);

        impl $name {
            /// Makes it one that goroutines wait for, and non-blocking, for all that share the open file.
            ///
            /// # Errors
            ///
            /// Those of epoll_ctl(2).
            pub fn from_std(std: $std) -> std::io::Result<$name> {
                Ok($name($crate::io::End::new(std)?))
            }

            /// Makes it std's, and blocking, for all that share the open file: a clone of it would block
            /// its thread.
            pub fn into_std(self) -> $std {
                self.0.into_fd().into()
            }
        }

        $crate::io::pipe_end!(@$direction $name);

        impl $crate::io::AsPort for $name {
            fn port(&self) -> &dyn $crate::io::Port {
                self.0.polled()
            }
        }

        impl std::os::fd::AsFd for $name {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.0.polled().io().as_fd()
            }
        }

        impl std::os::fd::AsRawFd for $name {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                self.0.polled().io().as_raw_fd()
            }
        }

        impl std::os::fd::IntoRawFd for $name {
            fn into_raw_fd(self) -> std::os::fd::RawFd {
                self.0.into_fd().into_raw_fd()
            }
        }

        impl From<$name> for std::os::fd::OwnedFd {
            fn from(end: $name) -> std::os::fd::OwnedFd {
                end.0.into_fd()
            }
        }

        impl From<$name> for $std {
            fn from(end: $name) -> $std {
                end.into_std()
            }
        }

        impl From<$name> for std::process::Stdio {
            fn from(end: $name) -> std::process::Stdio {
                end.0.into_fd().into()
            }
        }
    };
    (@Read $name:ident) => {
        impl std::io::Read for &$name {
            fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
                self.0.read(buf)
            }

            fn read_vectored(
                &mut self,
                bufs: &mut [std::io::IoSliceMut<'_>],
            ) -> std::io::Result<usize> {
                self.0.read_vectored(bufs)
            }
        }

        $crate::io::by_reference!(Read for $name);
    };
    (@Write $name:ident) => {
        impl std::io::Write for &$name {
            fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
                self.0.write(buf)
            }

            fn write_vectored(
                &mut self,
                bufs: &[std::io::IoSlice<'_>],
            ) -> std::io::Result<usize> {
                self.0.write_vectored(bufs)
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }

        $crate::io::by_reference!(Write for $name);
    };
}
pub(crate) use pipe_end;
