//! Copying, pipes and the standard streams: std's, but who waits is the goroutine.
//!
//! Everything else of [`std::io`] is here under its name, so that `use gort::io` can stand for
//! `use std::io`.
//!
//! ```
//! use gort::io::{Read, Write};
//! gort::run(|| {
//!     let (mut reader, mut writer) = gort::io::pipe().unwrap();
//!     gort::go(move || writer.write_all(b"hello").unwrap());
//!     let mut text = String::new();
//!     // Parks until there is something, and until the other end is closed.
//!     reader.read_to_string(&mut text).unwrap();
//!     assert_eq!(text, "hello");
//! });
//! ```

mod copy;
mod end;
mod kernel;
mod output;
mod pipe;
mod port;
mod same;
mod shared;
mod stdin;

pub use copy::copy;
pub use output::{Stderr, StderrLock, Stdout, StdoutLock, stderr, stdout};
pub use pipe::{PipeReader, PipeWriter, pipe};
#[doc(no_inline)]
pub use std::io::{
    BufRead, BufReader, BufWriter, Bytes, Chain, Cursor, Empty, Error, ErrorKind, IntoInnerError,
    IoSlice, IoSliceMut, IsTerminal, LineWriter, Lines, Read, Repeat, Result, Seek, SeekFrom, Sink,
    Split, Take, Write, empty, prelude, read_to_string, repeat, sink,
};
pub use stdin::{Stdin, StdinLock, stdin};

pub(crate) use end::{End, pipe_end};
pub(crate) use port::{AsPort, Port};

/// `Read` or `Write`, for a type that has it for references.
macro_rules! by_reference {
    (Read for $name:ty) => {
        impl std::io::Read for $name {
            fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
                (&*self).read(buf)
            }

            fn read_vectored(
                &mut self,
                bufs: &mut [std::io::IoSliceMut<'_>],
            ) -> std::io::Result<usize> {
                (&*self).read_vectored(bufs)
            }
        }
    };
    (Write for $name:ty) => {
        impl std::io::Write for $name {
            fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
                (&*self).write(buf)
            }

            fn write_vectored(&mut self, bufs: &[std::io::IoSlice<'_>]) -> std::io::Result<usize> {
                (&*self).write_vectored(bufs)
            }

            fn write_all(&mut self, buf: &[u8]) -> std::io::Result<()> {
                (&*self).write_all(buf)
            }

            fn flush(&mut self) -> std::io::Result<()> {
                (&*self).flush()
            }

            fn write_fmt(&mut self, text: std::fmt::Arguments<'_>) -> std::io::Result<()> {
                (&*self).write_fmt(text)
            }
        }
    };
}
pub(crate) use by_reference;
