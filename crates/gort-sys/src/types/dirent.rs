//! What `getdents64` leaves in its buffer.

use crate::types::FileType;
use core::ffi::CStr;

/// One entry of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirEntry<'a> {
    /// The inode's number.
    pub ino: u64,
    /// Where the next entry is: what `lseek` takes to go on from there.
    pub offset: i64,
    /// What it is; [`FileType::UNKNOWN`] where the file system does not say.
    pub kind: FileType,
    /// Its name, without the directory.
    pub name: &'a CStr,
}

/// The entries in a buffer that `getdents64` has filled.
///
/// ```
/// use gort_sys::{fd::CWD, path, raw, types::*};
/// let dir = raw::openat(CWD, c".", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?;
/// let mut buf = [0; 1024];
/// loop {
///     let len = raw::getdents64(&dir, &mut buf)?;
///     if len == 0 {
///         break;
///     }
///     for entry in DirEntries::new(&buf[..len]) {
///         println!("{:?} is {:?}", entry.name, entry.kind);
///     }
/// }
/// # Ok::<(), gort_sys::Errno>(())
/// ```
///
/// It ends at the first record that is not whole, so bytes that came from somewhere else end it
/// early and do no harm.
#[derive(Clone, Debug)]
pub struct DirEntries<'a> {
    rest: &'a [u8],
}

impl<'a> DirEntries<'a> {
    /// The entries in `filled`: the front of the buffer, as long as `getdents64` has said.
    pub const fn new(filled: &'a [u8]) -> DirEntries<'a> {
        DirEntries { rest: filled }
    }
}

impl<'a> Iterator for DirEntries<'a> {
    type Item = DirEntry<'a>;

    /// The record (`struct linux_dirent64`): inode, offset, the record's length, kind, name.
    fn next(&mut self) -> Option<DirEntry<'a>> {
        let (ino, rest) = self.rest.split_first_chunk::<8>()?;
        let (offset, rest) = rest.split_first_chunk::<8>()?;
        let (len, rest) = rest.split_first_chunk::<2>()?;
        let (kind, _) = rest.split_first()?;
        let (record, next) = self.rest.split_at_checked(u16::from_ne_bytes(*len).into())?;
        let name = CStr::from_bytes_until_nul(record.get(19..)?).ok()?;
        self.rest = next;
        Some(DirEntry {
            ino: u64::from_ne_bytes(*ino),
            offset: i64::from_ne_bytes(*offset),
            kind: FileType::from_dirent(*kind),
            name,
        })
    }
}
