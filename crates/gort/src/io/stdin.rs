//! Standard input.
//!
//! # Safety
//!
//! The descriptor 0 is the process's standard input for as long as it lives, as std takes it to be.

#![allow(unsafe_code)]

use super::shared::Shared;
use crate::sync::{LazyLock, Mutex, MutexGuard};
use crate::syscall;
use gort_rt::netpoll::Direction;
use std::io::{self, BufRead, BufReader, IsTerminal, Lines, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

static INPUT: Shared = Shared::new(
    // SAFETY: see the module.
    unsafe { BorrowedFd::borrow_raw(0) },
    Direction::Read,
);

static BUFFER: LazyLock<Mutex<BufReader<Unbuffered>>> =
    LazyLock::new(|| Mutex::new(BufReader::new(Unbuffered)));

/// What is behind the buffer.
#[derive(Debug)]
struct Unbuffered;

impl Read for Unbuffered {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match INPUT.run(|| Ok(syscall::read(INPUT.fd(), buf)?)) {
            // As std has it: none is an empty one.
            Err(error) if error.raw_os_error() == Some(libc::EBADF) => Ok(0),
            result => result,
        }
    }
}

/// Standard input: [`std::io::Stdin`], with a buffer of its own. So a program that reads from this does
/// not read from std's as well.
///
/// What waits: the goroutine. Where standard input is a pipe, a socket or a terminal, it parks; a file is
/// read by a system call.
///
/// ```no_run
/// for line in gort::io::stdin().lines() {
///     println!("{}", line.unwrap());
/// }
/// ```
#[derive(Debug)]
pub struct Stdin(());

/// See [`Stdin`].
pub fn stdin() -> Stdin {
    Stdin(())
}

impl Stdin {
    /// Keeps others from reading. See [`std::io::Stdin::lock`].
    pub fn lock(&self) -> StdinLock<'static> {
        StdinLock(BUFFER.lock())
    }

    /// Appends the next line to `line`, and returns how many bytes it has. See
    /// [`std::io::Stdin::read_line`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn read_line(&self, line: &mut String) -> io::Result<usize> {
        self.lock().read_line(line)
    }

    /// All lines that come. See [`std::io::Stdin::lines`].
    pub fn lines(self) -> Lines<StdinLock<'static>> {
        self.lock().lines()
    }

    /// Whether it is a terminal: [`IsTerminal`] is std's own.
    pub fn is_terminal(&self) -> bool {
        io::stdin().is_terminal()
    }
}

/// Standard input, which others cannot read meanwhile: [`std::io::StdinLock`].
#[derive(Debug)]
pub struct StdinLock<'a>(MutexGuard<'a, BufReader<Unbuffered>>);

impl StdinLock<'_> {
    /// Whether it is a terminal.
    pub fn is_terminal(&self) -> bool {
        io::stdin().is_terminal()
    }
}

impl Read for StdinLock<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl BufRead for StdinLock<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.0.consume(count);
    }
}

impl Read for &Stdin {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.lock().read(buf)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        self.lock().read_to_end(buf)
    }

    fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        self.lock().read_to_string(buf)
    }

    fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<()> {
        self.lock().read_exact(buf)
    }
}

impl Read for Stdin {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        (&*self).read_to_end(buf)
    }

    fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        (&*self).read_to_string(buf)
    }

    fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<()> {
        (&*self).read_exact(buf)
    }
}

impl AsFd for Stdin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        INPUT.fd()
    }
}

impl AsRawFd for Stdin {
    fn as_raw_fd(&self) -> RawFd {
        INPUT.fd().as_raw_fd()
    }
}
