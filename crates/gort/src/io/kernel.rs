//! Copies within the kernel.
//!
//! Each way of copying may find that the kernel cannot do it for these two: that depends on file systems,
//! kinds of files, how they are opened, and the kernel's version. Then nothing is lost, and the next way
//! goes on from there; the last is to read and write. So does what a way takes for the end, for some
//! files (of `/proc`) look empty to the kernel.

use super::port::Port;
use crate::syscall;
use gort_sys::raw;
use gort_sys::types::{Pipe, PipeFlags, SpliceFlags};
use std::io::{self, Read};

/// Bytes for one call: a goroutine cannot be stopped in it.
const MAX: u64 = 4 << 20;

/// What is being copied.
pub(super) struct Transfer<'a> {
    pub(super) from: &'a dyn Port,
    pub(super) to: &'a dyn Port,
    /// How many bytes may be read.
    pub(super) limit: u64,
    /// How many have been.
    pub(super) copied: u64,
    /// What of these could not be written by the kernel.
    pub(super) rest: Vec<u8>,
}

impl Transfer<'_> {
    /// Copies as far as the kernel can.
    ///
    /// # Errors
    ///
    /// Those of the calls, except where they say that the kernel cannot do it.
    pub(super) fn run(&mut self) -> io::Result<()> {
        if !self.from.is_file() {
            return able(self.splice());
        }
        if self.to.is_file() {
            able(self.by(|from, to, len| {
                from.read(&mut || {
                    Ok(syscall::copy_file_range(from.fd(), None, to.fd(), None, len)?)
                })
            }))?;
        }
        able(self.by(|from, to, len| {
            to.write(&mut || Ok(syscall::sendfile(to.fd(), from.fd(), None, len)?))
        }))
    }

    /// How many bytes the next call may move.
    fn most(&self) -> usize {
        (self.limit - self.copied).min(MAX) as usize
    }

    /// Calls `step` with that, until it moves none.
    fn by(
        &mut self,
        step: impl Fn(&dyn Port, &dyn Port, usize) -> io::Result<usize>,
    ) -> io::Result<()> {
        while self.most() != 0 {
            match step(self.from, self.to, self.most())? {
                0 => break,
                count => self.copied += count as u64,
            }
        }
        Ok(())
    }

    /// By way of a pipe, for splice moves between a pipe and something else; with two pipes, it could
    /// not be told which one is to be waited for.
    fn splice(&mut self) -> io::Result<()> {
        // Without a descriptor to spare there is the other way.
        let Ok(pipe) = raw::pipe2(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK) else { return Ok(()) };
        let (from, to) = (self.from, self.to);
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        while self.most() != 0 {
            let len = self.most();
            let mut left = from
                .read(&mut || Ok(raw::splice(from.fd(), None, &pipe.writer, None, len, flags)?))?;
            if left == 0 {
                break;
            }
            self.copied += left as u64;
            while left > 0 {
                let moved = to.write(&mut || {
                    Ok(syscall::splice(&pipe.reader, None, to.fd(), None, left, flags)?)
                });
                match moved {
                    Ok(count) => left -= count,
                    Err(error) => {
                        self.rest = drain(pipe, left)?;
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }
}

/// The `len` bytes that are in the pipe.
fn drain(pipe: Pipe, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    std::fs::File::from(pipe.reader).read_exact(&mut bytes)?;
    Ok(bytes)
}

/// What is not a failure, but the kernel's word that it cannot do it.
fn able(result: io::Result<()>) -> io::Result<()> {
    let refused = |error: &io::Error| {
        matches!(
            error.raw_os_error(),
            Some(
                libc::EINVAL
                    | libc::ENOSYS
                    | libc::EXDEV
                    | libc::EOPNOTSUPP
                    | libc::EPERM
                    | libc::EBADF
                    | libc::EOVERFLOW
                    | libc::ESPIPE
                    | libc::EISDIR
            )
        )
    };
    result.or_else(|error| if refused(&error) { Ok(()) } else { Err(error) })
}
