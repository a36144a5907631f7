//! A directory for a test's files, gone afterwards; files in it; and a signal that interrupts.
//!
//! # Safety
//!
//! `interrupted` installs a handler that does nothing, and signals a thread that is joined only
//! afterwards.

#![allow(unsafe_code)]
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

/// Runs `call` on a thread that is signalled until the call comes back, and returns its answer.
pub(crate) fn interrupted<T: Send>(call: impl FnOnce() -> T + Send) -> T {
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: the handler does nothing, and without SA_RESTART no call goes on by itself; zero is
    // a valid value of every field.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as *const () as usize;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()), 0);
    }
    let (tell, told) = std::sync::mpsc::channel();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            // SAFETY: no arguments.
            tell.send(unsafe { libc::gettid() }).unwrap();
            let answer = call();
            done.store(true, Ordering::Release);
            answer
        });
        let thread = told.recv().unwrap();
        while !done.load(Ordering::Acquire) {
            // SAFETY: the thread is joined only below; a signal to one that has just ended fails.
            unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, libc::SIGUSR1) };
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        waiter.join().unwrap()
    })
}
