//! A descriptor that other processes have, too.
//!
//! It is not made non-blocking, for that would be seen there. If the poller takes it (a pipe, a socket, a
//! terminal) one waits until it is ready and then makes a call that may wait, but mostly does not: only
//! if another process was faster, or takes less than is written.

use crate::polled::{Polled, is_ready};
use crate::sync::OnceLock;
use gort_rt::netpoll::Direction;
use std::io::{self, ErrorKind};
use std::os::fd::BorrowedFd;

/// A descriptor that is never closed.
#[derive(Debug)]
pub(super) struct Shared {
    fd: BorrowedFd<'static>,
    of: Direction,
    polled: OnceLock<Option<Polled<BorrowedFd<'static>>>>,
}

impl Shared {
    pub(super) const fn new(fd: BorrowedFd<'static>, of: Direction) -> Shared {
        Shared { fd, of, polled: OnceLock::new() }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'static> {
        self.fd
    }

    /// Does `work` when the descriptor is ready, as often as the kernel says that it is not after all.
    pub(super) fn run(&self, mut work: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
        // What the poller does not take needs no waiting for, or cannot be waited for otherwise.
        let Some(polled) = self.polled.get_or_init(|| Polled::new(self.fd).ok()) else {
            return work();
        };
        let work = |fd: &BorrowedFd<'static>| {
            if is_ready(fd, self.of)? { work() } else { Err(ErrorKind::WouldBlock.into()) }
        };
        match self.of {
            Direction::Read => polled.read(work),
            Direction::Write => polled.write(work),
        }
    }
}
