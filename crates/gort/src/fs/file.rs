//! An open file.
//!
//! # Safety
//!
//! The file within is taken out once: by `into_std`, after which nothing is dropped, or by `drop`.

#![allow(unsafe_code)]

use super::{FileTimes, Metadata, OpenOptions, Permissions, TryLockError};
use crate::ffi::{call_blocking, call_with};
use crate::syscall;
use std::fmt;
use std::fs;
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Stdio;
use std::time::SystemTime;

/// An open file: [`std::fs::File`]. What waits in all that it does, closing included: the goroutine, on
/// its thread, without its P if it lasts.
pub struct File(ManuallyDrop<fs::File>);

impl File {
    /// See [`std::fs::File::open`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn open<P: AsRef<Path>>(path: P) -> io::Result<File> {
        OpenOptions::new().read(true).open(path)
    }

    /// See [`std::fs::File::create`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn create<P: AsRef<Path>>(path: P) -> io::Result<File> {
        OpenOptions::new().write(true).create(true).truncate(true).open(path)
    }

    /// See [`std::fs::File::create_new`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn create_new<P: AsRef<Path>>(path: P) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(path)
    }

    /// See [`std::fs::File::options`].
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// The same file, here.
    pub fn from_std(file: fs::File) -> File {
        File(ManuallyDrop::new(file))
    }

    /// The same file, there.
    pub fn into_std(self) -> fs::File {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is not dropped.
        unsafe { ManuallyDrop::take(&mut this.0) }
    }

    /// See [`std::fs::File::sync_all`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn sync_all(&self) -> io::Result<()> {
        call_with(|| self.0.sync_all())
    }

    /// See [`std::fs::File::sync_data`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn sync_data(&self) -> io::Result<()> {
        call_with(|| self.0.sync_data())
    }

    /// See [`std::fs::File::lock`]. The P goes to others at once.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn lock(&self) -> io::Result<()> {
        call_blocking(|| self.0.lock())
    }

    /// See [`std::fs::File::lock_shared`]. The P goes to others at once.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn lock_shared(&self) -> io::Result<()> {
        call_blocking(|| self.0.lock_shared())
    }

    /// See [`std::fs::File::try_lock`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn try_lock(&self) -> Result<(), TryLockError> {
        call_with(|| self.0.try_lock())
    }

    /// See [`std::fs::File::try_lock_shared`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn try_lock_shared(&self) -> Result<(), TryLockError> {
        call_with(|| self.0.try_lock_shared())
    }

    /// See [`std::fs::File::unlock`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn unlock(&self) -> io::Result<()> {
        call_with(|| self.0.unlock())
    }

    /// See [`std::fs::File::set_len`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn set_len(&self, size: u64) -> io::Result<()> {
        call_with(|| self.0.set_len(size))
    }

    /// See [`std::fs::File::metadata`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn metadata(&self) -> io::Result<Metadata> {
        call_with(|| self.0.metadata())
    }

    /// See [`std::fs::File::try_clone`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn try_clone(&self) -> io::Result<File> {
        self.0.try_clone().map(File::from_std)
    }

    /// See [`std::fs::File::set_permissions`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        call_with(|| self.0.set_permissions(permissions))
    }

    /// See [`std::fs::File::set_times`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn set_times(&self, times: FileTimes) -> io::Result<()> {
        call_with(|| self.0.set_times(times))
    }

    /// See [`std::fs::File::set_modified`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.set_times(FileTimes::new().set_modified(time))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: this is the end of it.
        let file = unsafe { ManuallyDrop::take(&mut self.0) };
        call_with(|| drop(file));
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl Read for &File {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Ok(syscall::read(self, buf)?)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        call_with(|| (&*self.0).read_vectored(bufs))
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        call_with(|| (&*self.0).read_to_end(buf))
    }

    fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        call_with(|| (&*self.0).read_to_string(buf))
    }
}

impl Write for &File {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(syscall::write(self, buf)?)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        call_with(|| (&*self.0).write_vectored(bufs))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for &File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        call_with(|| (&*self.0).seek(to))
    }
}

impl Read for File {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(bufs)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        (&*self).read_to_end(buf)
    }

    fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        (&*self).read_to_string(buf)
    }
}

impl Write for File {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        (&*self).seek(to)
    }
}

impl FileExt for File {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        Ok(syscall::pread64(self, buf, offset)?)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        Ok(syscall::pwrite64(self, buf, offset)?)
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl IntoRawFd for File {
    fn into_raw_fd(self) -> RawFd {
        self.into_std().into_raw_fd()
    }
}

impl FromRawFd for File {
    unsafe fn from_raw_fd(fd: RawFd) -> File {
        // SAFETY: the caller's contract.
        File::from_std(unsafe { fs::File::from_raw_fd(fd) })
    }
}

impl From<OwnedFd> for File {
    fn from(fd: OwnedFd) -> File {
        File::from_std(fd.into())
    }
}

impl From<File> for OwnedFd {
    fn from(file: File) -> OwnedFd {
        file.into_std().into()
    }
}

impl From<fs::File> for File {
    fn from(file: fs::File) -> File {
        File::from_std(file)
    }
}

impl From<File> for fs::File {
    fn from(file: File) -> fs::File {
        file.into_std()
    }
}

impl From<File> for Stdio {
    fn from(file: File) -> Stdio {
        file.into_std().into()
    }
}
