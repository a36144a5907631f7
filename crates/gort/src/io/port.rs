//! What the kernel can copy from and to.

use crate::fs::File;
use crate::polled::Polled;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// A call of the kernel's that moves bytes.
pub(crate) type Work<'a> = &'a mut dyn FnMut() -> io::Result<usize>;

/// A descriptor, and how to wait for it.
pub(crate) trait Port {
    fn fd(&self) -> BorrowedFd<'_>;

    /// Whether it is a file, which is not polled.
    fn is_file(&self) -> bool;

    /// Does `work`, which reads, until the kernel does not say any more that it would block.
    fn read(&self, work: Work<'_>) -> io::Result<usize>;

    /// The same for one that writes.
    fn write(&self, work: Work<'_>) -> io::Result<usize>;
}

/// A type that is one: of [`copy`](super::copy())'s fast paths.
pub(crate) trait AsPort {
    fn port(&self) -> &dyn Port;
}

impl<S: AsFd> Port for Polled<S> {
    fn fd(&self) -> BorrowedFd<'_> {
        self.io().as_fd()
    }

    fn is_file(&self) -> bool {
        false
    }

    fn read(&self, work: Work<'_>) -> io::Result<usize> {
        Polled::read(self, |_| work())
    }

    fn write(&self, work: Work<'_>) -> io::Result<usize> {
        Polled::write(self, |_| work())
    }
}

impl Port for File {
    fn fd(&self) -> BorrowedFd<'_> {
        self.as_fd()
    }

    fn is_file(&self) -> bool {
        true
    }

    fn read(&self, work: Work<'_>) -> io::Result<usize> {
        uninterrupted(work)
    }

    fn write(&self, work: Work<'_>) -> io::Result<usize> {
        uninterrupted(work)
    }
}

impl AsPort for File {
    fn port(&self) -> &dyn Port {
        self
    }
}

fn uninterrupted(work: Work<'_>) -> io::Result<usize> {
    loop {
        match work() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
