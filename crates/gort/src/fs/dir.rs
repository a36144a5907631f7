//! What is in a directory.

use super::{FileType, Metadata};
use crate::ffi::call_with;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::DirEntryExt;
use std::path::PathBuf;

/// The entries of a directory: [`std::fs::ReadDir`].
#[derive(Debug)]
pub struct ReadDir(pub(super) fs::ReadDir);

impl Iterator for ReadDir {
    type Item = io::Result<DirEntry>;

    fn next(&mut self) -> Option<io::Result<DirEntry>> {
        call_with(|| self.0.next()).map(|entry| entry.map(DirEntry))
    }
}

/// One of them: [`std::fs::DirEntry`].
#[derive(Debug)]
pub struct DirEntry(fs::DirEntry);

impl DirEntry {
    /// See [`std::fs::DirEntry::path`].
    pub fn path(&self) -> PathBuf {
        self.0.path()
    }

    /// See [`std::fs::DirEntry::file_name`].
    pub fn file_name(&self) -> OsString {
        self.0.file_name()
    }

    /// What is known about it, or the link. See [`std::fs::DirEntry::metadata`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn metadata(&self) -> io::Result<Metadata> {
        call_with(|| self.0.metadata())
    }

    /// See [`std::fs::DirEntry::file_type`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn file_type(&self) -> io::Result<FileType> {
        call_with(|| self.0.file_type())
    }
}

impl DirEntryExt for DirEntry {
    fn ino(&self) -> u64 {
        self.0.ino()
    }
}
