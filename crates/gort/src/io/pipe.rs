//! Pipes.

use super::pipe_end;
use std::io;

/// A pipe within the process, or to a child. See [`std::io::pipe`]. What waits at either end: the
/// goroutine.
///
/// # Errors
///
/// Those of pipe(2) and epoll_ctl(2).
pub fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    Ok((PipeReader::from_std(reader)?, PipeWriter::from_std(writer)?))
}

pipe_end! {
    /// The end of a pipe that is read from: [`std::io::PipeReader`].
    PipeReader, io::PipeReader, Read
}

pipe_end! {
    /// The end of a pipe that is written to: [`std::io::PipeWriter`].
    PipeWriter, io::PipeWriter, Write
}

impl PipeReader {
    /// See [`std::io::PipeReader::try_clone`].
    ///
    /// # Errors
    ///
    /// Those of dup(2) and epoll_ctl(2).
    pub fn try_clone(&self) -> io::Result<PipeReader> {
        self.0.try_clone().map(PipeReader)
    }
}

impl PipeWriter {
    /// See [`std::io::PipeWriter::try_clone`].
    ///
    /// # Errors
    ///
    /// Those of dup(2) and epoll_ctl(2).
    pub fn try_clone(&self) -> io::Result<PipeWriter> {
        self.0.try_clone().map(PipeWriter)
    }
}
