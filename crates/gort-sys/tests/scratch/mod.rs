//! A directory for a test's files, gone afterwards; files in it.

// Each test binary uses its part of this.
#![allow(dead_code)]

use gort_sys::fd::OwnedFd;
use gort_sys::raw;
use gort_sys::types::*;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A directory of its own.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Scratch {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("gort-sys-test-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir(&dir).unwrap();
        Scratch(dir)
    }

    /// The path of a name in it.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    /// The same for libc.
    pub(crate) fn c_path(&self, name: impl AsRef<Path>) -> std::ffi::CString {
        std::ffi::CString::new(self.path(name).as_os_str().as_bytes()).unwrap()
    }

    /// A file in it with these contents, open for reading and writing.
    pub(crate) fn file(&self, name: &str, contents: &[u8]) -> OwnedFd {
        std::fs::write(self.path(name), contents).unwrap();
        raw::open(self.path(name), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).unwrap()
    }

    /// The directory itself, open.
    pub(crate) fn dir(&self) -> OwnedFd {
        raw::open(&self.0, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
