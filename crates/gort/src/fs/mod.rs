//! Files and directories: std's, but who waits for them is the goroutine.
//!
//! Names, signatures, traits and errors are those of [`std::fs`], so that `use gort::fs::File` for
//! `use std::fs::File` is all there is to do; [`std::os::unix::fs`]'s traits are there, too. Data
//! ([`Metadata`], [`Permissions`] and the like) are std's types. What is missing is reading from and
//! writing to an `Arc<File>`, which only std can have: `&*file` does it.
//!
//! ```
//! use gort::fs;
//! use gort::fs::File;
//! use std::io::{Read, Write};
//!
//! # fn main() -> std::io::Result<()> {
//! # let dir = std::env::temp_dir().join(format!("gort-doc-fs-{}", std::process::id()));
//! gort::run(|| {
//!     fs::create_dir_all(&dir)?;
//!     File::create(dir.join("greeting"))?.write_all(b"hello")?;
//!     let mut text = String::new();
//!     File::open(dir.join("greeting"))?.read_to_string(&mut text)?;
//!     assert_eq!(text, "hello");
//!     fs::remove_dir_all(&dir)
//! })
//! # }
//! ```
//!
//! # What waits
//!
//! The kernel's poller takes no files, so each operation is a system call to the scheduler, which costs
//! some nanoseconds: the goroutine's thread waits with it, and if that lasts, the P goes to others. What
//! takes several calls (a whole file, a whole tree) is one to the scheduler, on the thread's own stack
//! ([`ffi::call_with`](crate::ffi::call_with)). A FIFO, a terminal or a device opened by its path is a file like others: each
//! goroutine that waits there takes a thread. On an ordinary thread everything is as in std.

mod dir;
mod file;
mod options;

pub use dir::{DirEntry, ReadDir};
pub use file::File;
pub use options::{DirBuilder, OpenOptions};
pub use std::fs::{FileTimes, FileType, Metadata, Permissions, TryLockError};

use crate::ffi::call_with;
use std::io;
use std::path::{Path, PathBuf};

/// The whole of a file. See [`std::fs::read`].
///
/// # Errors
///
/// As there.
pub fn read<P: AsRef<Path>>(path: P) -> io::Result<Vec<u8>> {
    let path = path.as_ref();
    call_with(|| std::fs::read(path))
}

/// The whole of a file, which is text. See [`std::fs::read_to_string`].
///
/// # Errors
///
/// As there: `InvalidData` if it is not UTF-8.
pub fn read_to_string<P: AsRef<Path>>(path: P) -> io::Result<String> {
    let path = path.as_ref();
    call_with(|| std::fs::read_to_string(path))
}

/// Makes this the contents of a file. See [`std::fs::write`].
///
/// # Errors
///
/// As there.
pub fn write<P: AsRef<Path>, C: AsRef<[u8]>>(path: P, contents: C) -> io::Result<()> {
    let (path, contents) = (path.as_ref(), contents.as_ref());
    call_with(|| std::fs::write(path, contents))
}

/// Copies a file with its permissions, and returns how many bytes that were. See [`std::fs::copy`].
///
/// # Errors
///
/// As there.
pub fn copy<P: AsRef<Path>, Q: AsRef<Path>>(from: P, to: Q) -> io::Result<u64> {
    let (from, to) = (from.as_ref(), to.as_ref());
    call_with(|| std::fs::copy(from, to))
}

/// Gives a file another name. See [`std::fs::rename`].
///
/// # Errors
///
/// As there.
pub fn rename<P: AsRef<Path>, Q: AsRef<Path>>(from: P, to: Q) -> io::Result<()> {
    let (from, to) = (from.as_ref(), to.as_ref());
    call_with(|| std::fs::rename(from, to))
}

/// Gives a file one more name. See [`std::fs::hard_link`].
///
/// # Errors
///
/// As there.
pub fn hard_link<P: AsRef<Path>, Q: AsRef<Path>>(original: P, link: Q) -> io::Result<()> {
    let (original, link) = (original.as_ref(), link.as_ref());
    call_with(|| std::fs::hard_link(original, link))
}

/// What is known about a file. See [`std::fs::metadata`].
///
/// # Errors
///
/// As there.
pub fn metadata<P: AsRef<Path>>(path: P) -> io::Result<Metadata> {
    let path = path.as_ref();
    call_with(|| std::fs::metadata(path))
}

/// What is known about a file, or a link. See [`std::fs::symlink_metadata`].
///
/// # Errors
///
/// As there.
pub fn symlink_metadata<P: AsRef<Path>>(path: P) -> io::Result<Metadata> {
    let path = path.as_ref();
    call_with(|| std::fs::symlink_metadata(path))
}

/// Whether there is something. See [`std::fs::exists`].
///
/// # Errors
///
/// As there.
pub fn exists<P: AsRef<Path>>(path: P) -> io::Result<bool> {
    let path = path.as_ref();
    call_with(|| std::fs::exists(path))
}

/// Sets who may do what with a file. See [`std::fs::set_permissions`].
///
/// # Errors
///
/// As there.
pub fn set_permissions<P: AsRef<Path>>(path: P, permissions: Permissions) -> io::Result<()> {
    let path = path.as_ref();
    call_with(|| std::fs::set_permissions(path, permissions))
}

/// The path from the root, without links. See [`std::fs::canonicalize`].
///
/// # Errors
///
/// As there.
pub fn canonicalize<P: AsRef<Path>>(path: P) -> io::Result<PathBuf> {
    let path = path.as_ref();
    call_with(|| std::fs::canonicalize(path))
}

/// Where a link leads. See [`std::fs::read_link`].
///
/// # Errors
///
/// As there.
pub fn read_link<P: AsRef<Path>>(path: P) -> io::Result<PathBuf> {
    let path = path.as_ref();
    call_with(|| std::fs::read_link(path))
}

/// What is in a directory. See [`std::fs::read_dir`].
///
/// # Errors
///
/// As there.
pub fn read_dir<P: AsRef<Path>>(path: P) -> io::Result<ReadDir> {
    let path = path.as_ref();
    call_with(|| std::fs::read_dir(path)).map(ReadDir)
}

/// Makes a directory. See [`std::fs::create_dir`].
///
/// # Errors
///
/// As there.
pub fn create_dir<P: AsRef<Path>>(path: P) -> io::Result<()> {
    DirBuilder::new().create(path)
}

/// Makes a directory, and those that it is in. See [`std::fs::create_dir_all`].
///
/// # Errors
///
/// As there.
pub fn create_dir_all<P: AsRef<Path>>(path: P) -> io::Result<()> {
    DirBuilder::new().recursive(true).create(path)
}

/// Removes a file's name. See [`std::fs::remove_file`].
///
/// # Errors
///
/// As there.
pub fn remove_file<P: AsRef<Path>>(path: P) -> io::Result<()> {
    let path = path.as_ref();
    call_with(|| std::fs::remove_file(path))
}

/// Removes an empty directory. See [`std::fs::remove_dir`].
///
/// # Errors
///
/// As there.
pub fn remove_dir<P: AsRef<Path>>(path: P) -> io::Result<()> {
    let path = path.as_ref();
    call_with(|| std::fs::remove_dir(path))
}

/// Removes a directory with all that is in it. See [`std::fs::remove_dir_all`].
///
/// # Errors
///
/// As there.
pub fn remove_dir_all<P: AsRef<Path>>(path: P) -> io::Result<()> {
    let path = path.as_ref();
    call_with(|| std::fs::remove_dir_all(path))
}
