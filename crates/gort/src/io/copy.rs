//! Copying from a reader to a writer.

use super::kernel::Transfer;
use super::same;
use std::io::{self, Read, Write};

/// Copies all that the reader has to the writer, and returns how many bytes that were. See
/// [`std::io::copy`].
///
/// What goes between gort's own files, TCP and Unix streams and pipes (or references to them, or [`Take`]s of
/// readers of these kinds) stays in the kernel where that can do it: by copy_file_range(2) from file to
/// file, sendfile(2) from a file elsewhere, else splice(2). A [`Take`]'s limit is lowered as by reading.
///
/// ```
/// use gort::fs::File;
/// use std::io::Read;
/// # fn main() -> std::io::Result<()> {
/// let mut source = File::open("/proc/self/exe")?.take(100);
/// let mut bytes = Vec::new();
/// assert_eq!(gort::io::copy(&mut source, &mut bytes)?, 100);
/// # Ok(())
/// # }
/// ```
///
/// What waits: the goroutine, for the reader or the writer, or with its thread where a file is read or
/// written, without its P if that lasts.
///
/// # Errors
///
/// The reader's or the writer's; what has been read by then may not have been written.
///
/// [`Take`]: std::io::Take
pub fn copy<R: ?Sized + Read, W: ?Sized + Write>(
    reader: &mut R,
    writer: &mut W,
) -> io::Result<u64> {
    let mut copied = 0;
    if let Some((from, limit)) = same::source(reader)
        && let Some(to) = same::sink(writer)
    {
        let mut transfer = Transfer { from, to, limit, copied: 0, rest: Vec::new() };
        let result = transfer.run();
        let rest;
        (copied, rest) = (transfer.copied, transfer.rest);
        same::advance(reader, copied);
        result?;
        writer.write_all(&rest)?;
    }
    // What is left; if that is nothing, it is a read that says so.
    Ok(copied + io::copy(reader, writer)?)
}
