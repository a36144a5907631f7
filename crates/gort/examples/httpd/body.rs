//! Files on their way to the client.

use crate::files::File;
use crate::wire::Wire;
use flate2::Compression;
use flate2::read::GzEncoder;
use std::io::{self, ErrorKind, Read, Write};
use std::ops::Range;

/// As much as a chunk has at most.
const CHUNK: usize = 64 << 10;

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

/// Sends a part of a file; within the kernel, if nothing has to be done to it on the way.
pub(crate) fn send(wire: &mut Wire, file: &File, part: Range<u64>) -> Result<(), Failure> {
    wire.flush()?;
    let want = part.end - part.start;
    let mut source = file.from(part.start).map_err(Failure::File)?.take(want);
    let sent = match wire.stream().plain() {
        Some(mut socket) => gort::io::copy(&mut source, &mut socket),
        None => gort::io::copy(&mut source, wire),
    };
    match sent {
        Ok(sent) if sent < want => Err(Failure::File(shorter())),
        Ok(_) => Ok(()),
        Err(error) if is_of_socket(&error) => Err(Failure::Client(error)),
        Err(error) => Err(Failure::File(error)),
    }
}

/// Whether it is the client's fault, and not the file's.
fn is_of_socket(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe
            | ErrorKind::ConnectionReset
            | ErrorKind::TimedOut
            | ErrorKind::WouldBlock
    )
}

fn shorter() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "the file has become shorter")
}

/// Sends `source` compressed, in chunks, for nobody knows how much that will be. Returns how much it was.
pub(crate) fn send_zipped(wire: &mut Wire, source: impl Read) -> Result<u64, Failure> {
    let mut encoder = GzEncoder::new(source, Compression::fast());
    let mut chunk = vec![0; CHUNK];
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
