//! Files on their way to the client.

use crate::files::File;
use crate::wire::Wire;
use flate2::Compression;
use flate2::read::GzEncoder;
use gort::syscall::{Errno, sendfile};
use std::io::{self, ErrorKind, Read, Write};
use std::ops::Range;
use std::os::fd::AsFd;

/// As much as one call is asked to send.
const CHUNK: u64 = 1 << 20;
/// As much as goes through memory at a time, where it has to.
const BLOCK: u64 = 64 << 10;
/// As much as is written to a socket that was full: once it takes this, it takes more.
const PIECE: u64 = 16 << 10;

/// Why an answer cannot be completed. The head may have been sent: the connection has to end.
pub(crate) enum Failure {
    /// The client has gone, or takes nothing.
    Client(io::Error),
    /// The file cannot be read any more.
    File(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Client(error)
    }
}

/// Adds a part of a file to what is to be sent.
///
/// # Errors
///
/// Those of pread(2); `UnexpectedEof` if the file has become shorter.
pub(crate) fn hold(wire: &mut Wire, file: &File, part: Range<u64>) -> io::Result<()> {
    let held = wire.held();
    let before = held.len();
    let want = (part.end - part.start) as usize;
    held.resize(before + want, 0);
    let got = file.read_at(&mut held[before..], part.start);
    held.truncate(before + *got.as_ref().unwrap_or(&0));
    if got? < want { Err(shorter()) } else { Ok(()) }
}

/// Sends a part of a file, by `sendfile(2)` if nothing has to be done to it on the way.
pub(crate) fn send(wire: &mut Wire, file: &File, mut part: Range<u64>) -> Result<(), Failure> {
    wire.flush()?;
    while !part.is_empty() {
        let Some(socket) = wire.stream().plain() else {
            pass(wire, file, &mut part, BLOCK)?;
            continue;
        };
        let most = (part.end - part.start).min(CHUNK) as usize;
        match sendfile(socket.as_fd(), file, Some(&mut part.start), most) {
            Ok(0) => return Err(Failure::File(shorter())),
            Ok(_) | Err(Errno::EINTR) => {}
            // Full: a write waits until it is not.
            Err(Errno::EAGAIN) => pass(wire, file, &mut part, PIECE)?,
            // A file that is none of the page cache's.
            Err(Errno::EINVAL | Errno::ENOSYS) => pass(wire, file, &mut part, BLOCK)?,
            Err(errno @ (Errno::EPIPE | Errno::ECONNRESET | Errno::ETIMEDOUT)) => {
                return Err(Failure::Client(errno.into()));
            }
            Err(errno) => return Err(Failure::File(errno.into())),
        }
    }
    Ok(())
}

/// Sends at most so many bytes through memory.
fn pass(wire: &mut Wire, file: &File, part: &mut Range<u64>, most: u64) -> Result<(), Failure> {
    let end = part.end.min(part.start + most);
    hold(wire, file, part.start..end).map_err(Failure::File)?;
    wire.flush()?;
    part.start = end;
    Ok(())
}

fn shorter() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "the file has become shorter")
}

/// Sends `source` compressed, in chunks, for nobody knows how much that will be. Returns how much it was.
pub(crate) fn send_zipped(wire: &mut Wire, source: impl Read) -> Result<u64, Failure> {
    let mut encoder = GzEncoder::new(source, Compression::fast());
    let mut chunk = vec![0; BLOCK as usize];
    let mut total = 0;
    loop {
        let mut filled = 0;
        // An encoder gives little at a time.
        while filled < chunk.len() {
            match encoder.read(&mut chunk[filled..]).map_err(Failure::File)? {
                0 => break,
                got => filled += got,
            }
        }
        if filled > 0 {
            write!(wire, "{filled:x}\r\n")?;
            wire.write_all(&chunk[..filled])?;
            wire.write_all(b"\r\n")?;
            total += filled as u64;
        }
        if filled < chunk.len() {
            wire.write_all(b"0\r\n\r\n")?;
            return Ok(total);
        }
    }
}

/// A file from its beginning.
pub(crate) struct Reader<'a> {
    pub(crate) file: &'a File,
    pub(crate) offset: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read_at(buf, self.offset)?;
        self.offset += got as u64;
        Ok(got)
    }
}
