//! Files below the root, and nowhere else.
//!
//! The kernel is asked to see to that itself: `openat2(2)` with `RESOLVE_BENEATH` opens nothing outside a
//! directory, whatever symbolic links there are and whoever renames directories meanwhile. Where that
//! call does not exist, or a sandbox does not let it through, the path is walked component by component,
//! and symbolic links are not followed at all.

use gort::fs;
use gort::syscall::fd::{AsFd, BorrowedFd, OwnedFd};
use gort::syscall::types::{FileType, Mode, OFlags, OpenHow, ResolveFlags, Stat};
use gort::syscall::{Errno, fstat, openat, openat2};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How a file is opened: a FIFO must not wait for its other end.
const FLAGS: OFlags =
    OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// How often a lookup is tried anew that a rename has come in the way of.
const TRIES: usize = 10;

/// The last second of the year 9999.
const LAST: i64 = 253_402_300_799;

pub(crate) struct Root {
    dir: OwnedFd,
    follow_symlinks: bool,
    /// There is no `openat2`.
    walk: AtomicBool,
}

/// An open file.
pub(crate) struct File {
    file: fs::File,
    pub(crate) kind: FileType,
    pub(crate) size: u64,
    pub(crate) modified: SystemTime,
}

impl Root {
    pub(crate) fn open(path: &Path, follow_symlinks: bool) -> io::Result<Root> {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = gort::syscall::open(path, flags, Mode::empty())
            .map_err(|errno| io::Error::other(format!("{}: {errno}", path.display())))?;
        Ok(Root { dir, follow_symlinks, walk: AtomicBool::new(false) })
    }

    /// Opens what is at a path without `..`.
    ///
    /// # Errors
    ///
    /// Those of openat2(2): `EXDEV` for one that leads out of the root.
    pub(crate) fn get(&self, path: &[u8]) -> Result<File, Errno> {
        let fd = if self.follow_symlinks {
            openat(&self.dir, path, FLAGS, Mode::empty())
        } else if self.walk.load(Ordering::Relaxed) {
            walk(&self.dir, path)
        } else {
            match self.beneath(path) {
                Err(Errno::ENOSYS | Errno::EPERM) => {
                    self.walk.store(true, Ordering::Relaxed);
                    walk(&self.dir, path)
                }
                fd => fd,
            }
        };
        File::new(fd?)
    }

    fn beneath(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let how = OpenHow::new(FLAGS, Mode::empty(), resolve);
        let mut fd = Err(Errno::EAGAIN);
        for _ in 0..TRIES {
            fd = openat2(&self.dir, path, &how);
            if !matches!(fd, Err(Errno::EAGAIN | Errno::EINTR)) {
                break;
            }
        }
        fd
    }
}

fn walk(root: &OwnedFd, path: &[u8]) -> Result<OwnedFd, Errno> {
    let step = |dir: BorrowedFd<'_>, name: &[u8], flags| {
        openat(dir, name, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
    };
    let mut components: Vec<_> = path.split(|&byte| byte == b'/').collect();
    let last = components.pop().unwrap_or(b".");
    let mut dir = None::<OwnedFd>;
    for name in components {
        let at = dir.as_ref().unwrap_or(root).as_fd();
        dir = Some(step(at, name, OFlags::PATH | OFlags::DIRECTORY)?);
    }
    step(dir.as_ref().unwrap_or(root).as_fd(), last, FLAGS)
}

impl File {
    fn new(fd: OwnedFd) -> Result<File, Errno> {
        let stat = fstat(&fd)?;
        Ok(File {
            file: fd.into(),
            kind: FileType::from_mode(stat.st_mode),
            size: stat.st_size.try_into().unwrap_or(0),
            modified: modified(&stat),
        })
    }

    /// Fills `buf` from there on, unless the file ends before.
    pub(crate) fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut got = 0;
        while got < buf.len() {
            match self.file.read_at(&mut buf[got..], offset + got as u64) {
                Ok(0) => break,
                Ok(some) => got += some,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(got)
    }

    /// The file, to be read from there on.
    pub(crate) fn from(&self, offset: u64) -> io::Result<&fs::File> {
        (&self.file).seek(SeekFrom::Start(offset))?;
        Ok(&self.file)
    }

    /// Changes whenever the file does, as far as its time and size tell.
    pub(crate) fn etag(&self, suffix: &str) -> String {
        let time = self.modified.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        format!("\"{:x}-{:x}{suffix}\"", time.as_nanos(), self.size)
    }
}

/// When it was changed, or the nearest that headers can say: years have four digits there.
pub(crate) fn modified(stat: &Stat) -> SystemTime {
    let seconds = (stat.st_mtime as i64).clamp(0, LAST);
    UNIX_EPOCH + Duration::new(seconds as u64, stat.st_mtime_nsec as u32)
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
