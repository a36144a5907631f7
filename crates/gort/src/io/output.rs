//! Standard output and standard error.
//!
//! The buffer is std's, for `println!` is std's: what is written here and there comes out in order. One
//! waits until the descriptor is ready, and then has std write, in a call to the scheduler: if std has
//! more to write than the other end takes just now, that holds up the goroutine's thread, without its P,
//! and only one of them, for the others wait for the lock.
//!
//! # Safety
//!
//! The descriptors 1 and 2 are the process's standard streams for as long as it lives, as std takes them
//! to be.

#![allow(unsafe_code)]

use super::shared::Shared;
use crate::ffi::call_with;
use crate::sync::{ReentrantMutex, ReentrantMutexGuard};
use gort_rt::netpoll::Direction;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

/// Bytes that one call writes: what a pipe holds.
const MOST: usize = 64 << 10;

macro_rules! output {
    ($name:ident, $lock:ident, $function:ident, $std:path, $fd:literal, $what:literal) => {
        #[doc = concat!($what, ": [`std::io::", stringify!($name), "`], the buffer included. What waits: the goroutine.")]
        ///
        /// ```
        /// use gort::io::Write;
        #[doc = concat!("let mut out = gort::io::", stringify!($function), "().lock();")]
        /// writeln!(out, "one line").unwrap();
        /// writeln!(out, "the next, and nothing in between").unwrap();
        /// ```
        #[derive(Debug)]
        pub struct $name(&'static Output);

        #[doc = concat!("See [`", stringify!($name), "`].")]
        pub fn $function() -> $name {
            static OUTPUT: Output = Output {
                // SAFETY: see the module.
                shared: Shared::new(unsafe { BorrowedFd::borrow_raw($fd) }, Direction::Write),
                lock: ReentrantMutex::new(()),
                write: |buf| $std().write(buf),
                flush: || $std().flush(),
            };
            $name(&OUTPUT)
        }

        impl $name {
            #[doc = concat!("Keeps others from writing. See [`std::io::", stringify!($name), "::lock`].")]
            pub fn lock(&self) -> $lock<'static> {
                $lock { output: self.0, _locked: self.0.lock.lock() }
            }

            /// Whether it is a terminal: [`IsTerminal`] is std's own.
            pub fn is_terminal(&self) -> bool {
                self.0.shared.fd().is_terminal()
            }
        }

        #[doc = concat!($what, ", to which others cannot write meanwhile: [`std::io::", stringify!($lock), "`].")]
        #[derive(Debug)]
        pub struct $lock<'a> {
            output: &'static Output,
            _locked: ReentrantMutexGuard<'a, ()>,
        }

        impl Write for &$name {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                self.lock().write(buf)
            }

            fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
                self.lock().write_all(buf)
            }

            fn flush(&mut self) -> io::Result<()> {
                self.lock().flush()
            }

            fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
                self.lock().write_fmt(text)
            }
        }

        super::by_reference!(Write for $name);

        impl Write for $lock<'_> {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                self.output.write(buf)
            }

            fn flush(&mut self) -> io::Result<()> {
                self.output.flush()
            }

            fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
                match text.as_str() {
                    Some(text) => self.write_all(text.as_bytes()),
                    // In one piece, for there is a look at the descriptor for each.
                    None => self.write_all(text.to_string().as_bytes()),
                }
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.shared.fd()
            }
        }

        impl AsRawFd for $name {
            fn as_raw_fd(&self) -> RawFd {
                self.0.shared.fd().as_raw_fd()
            }
        }
    };
}

/// One of the two.
#[derive(Debug)]
struct Output {
    shared: Shared,
    lock: ReentrantMutex<()>,
    write: fn(&[u8]) -> io::Result<usize>,
    flush: fn() -> io::Result<()>,
}

impl Output {
    fn write(&self, buf: &[u8]) -> io::Result<usize> {
        let some = &buf[..buf.len().min(MOST)];
        self.shared.run(|| call_with(|| (self.write)(some)))
    }

    fn flush(&self) -> io::Result<()> {
        self.shared.run(|| call_with(|| (self.flush)()).map(|()| 0)).map(drop)
    }
}

output!(Stdout, StdoutLock, stdout, io::stdout, 1, "Standard output");
output!(Stderr, StderrLock, stderr, io::stderr, 2, "Standard error");
