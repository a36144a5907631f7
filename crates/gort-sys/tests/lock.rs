//! Locks on files: taken, refused, waited for.
//!
//! # Safety
//!
//! Unsafe code is libc's functions on the arguments of ours.

#![allow(unsafe_code)]

mod scratch;
mod support;

use gort_sys::fd::AsRawFd;
use gort_sys::types::*;
use gort_sys::{Errno, raw};
use scratch::Scratch;
use support::{c, child_holds, closed, interrupted, watchdog};

const ALL: Extent = Extent { offset: 0, len: 0 };

#[test]
fn whole_files() {
    watchdog();
    let scratch = Scratch::new();
    let (one, two) = (scratch.file("a", b""), scratch.file("a", b""));
    let now = |operation| operation | FlockOperation::NONBLOCK;
    assert_eq!(raw::flock(&one, FlockOperation::SHARED), Ok(()));
    assert_eq!(raw::flock(&two, now(FlockOperation::SHARED)), Ok(()));
    assert_eq!(raw::flock(&two, now(FlockOperation::EXCLUSIVE)), Err(Errno::EAGAIN));
    assert_eq!(raw::flock(&one, FlockOperation::UNLOCK), Ok(()));
    assert_eq!(raw::flock(&two, FlockOperation::EXCLUSIVE), Ok(()));
    // The lock is really there: libc is refused too.
    let theirs = c!(libc::flock(one.as_raw_fd(), libc::LOCK_SH | libc::LOCK_NB));
    assert_eq!(theirs, Err(Errno::EAGAIN));
    assert_eq!(interrupted(|| raw::flock(&one, FlockOperation::SHARED)), Err(Errno::EINTR));
    let waits = std::thread::scope(|scope| {
        let waiter = scope.spawn(|| raw::flock(&one, FlockOperation::SHARED));
        assert_eq!(raw::flock(&two, FlockOperation::UNLOCK), Ok(()));
        waiter.join().unwrap()
    });
    assert_eq!(waits, Ok(()));
    assert_eq!(raw::flock(&one, FlockOperation::empty()), Err(Errno::EINVAL));
    assert_eq!(raw::flock(closed(), FlockOperation::SHARED), Err(Errno::EBADF));
}

#[test]
fn records_of_the_process() {
    watchdog();
    let scratch = Scratch::new();
    let file = scratch.file("a", b"0123456789");
    let part = Extent { offset: 2, len: 4 };
    assert_eq!(raw::fcntl_setlk(&file, &FileLock::new(LockKind::WRITE, part)), Ok(()));
    let parent = Pid(std::process::id() as i32);
    child_holds(|| {
        let mut lock = FileLock::new(LockKind::READ, ALL);
        assert_eq!(raw::fcntl_getlk(&file, &mut lock), Ok(()));
        let found = (lock.kind(), lock.extent(), lock.pid());
        assert_eq!(found, (LockKind::WRITE, part, parent));
        let lock = FileLock::new(LockKind::READ, ALL);
        assert_eq!(raw::fcntl_setlk(&file, &lock), Err(Errno::EAGAIN));
        assert_eq!(interrupted(|| raw::fcntl_setlkw(&file, &lock)), Err(Errno::EINTR));
        let mut beside = FileLock::new(LockKind::WRITE, Extent { offset: 6, len: 0 });
        assert_eq!(raw::fcntl_getlk(&file, &mut beside), Ok(()));
        assert_eq!(beside.kind(), LockKind::UNLOCK);
        assert_eq!(raw::fcntl_setlkw(&file, &beside), Ok(()));
    });
    assert_eq!(raw::fcntl_setlkw(&file, &FileLock::new(LockKind::UNLOCK, ALL)), Ok(()));
    child_holds(|| {
        assert_eq!(raw::fcntl_setlk(&file, &FileLock::new(LockKind::WRITE, ALL)), Ok(()));
    });
}

#[test]
fn records_of_the_open_file() {
    watchdog();
    let scratch = Scratch::new();
    let (one, two) = (scratch.file("a", b""), scratch.file("a", b""));
    let write = FileLock::new(LockKind::WRITE, Extent { offset: 5, len: 5 });
    assert_eq!(raw::fcntl_ofd_setlk(&one, &write), Ok(()));
    let mut found = FileLock::new(LockKind::READ, ALL);
    assert_eq!(raw::fcntl_ofd_getlk(&two, &mut found), Ok(()));
    assert_eq!((found.kind(), found.extent()), (LockKind::WRITE, write.extent()));
    assert_eq!(found.pid(), Pid(-1));
    assert_eq!(raw::fcntl_ofd_setlk(&two, &write), Err(Errno::EAGAIN));
    assert_eq!(interrupted(|| raw::fcntl_ofd_setlkw(&two, &write)), Err(Errno::EINTR));
    assert_eq!(raw::close(one), Ok(()));
    assert_eq!(raw::fcntl_ofd_setlkw(&two, &write), Ok(()));
}

#[test]
fn wrong_locks() {
    let scratch = Scratch::new();
    let file = scratch.file("a", b"");
    let mut odd = FileLock::new(LockKind(99), ALL);
    assert_eq!(raw::fcntl_setlk(&file, &odd), Err(Errno::EINVAL));
    assert_eq!(raw::fcntl_setlkw(&file, &odd), Err(Errno::EINVAL));
    assert_eq!(raw::fcntl_getlk(&file, &mut odd), Err(Errno::EINVAL));
    assert_eq!(raw::fcntl_ofd_setlk(&file, &odd), Err(Errno::EINVAL));
    let far = Extent { offset: i64::MAX as u64, len: 2 };
    let lock = FileLock::new(LockKind::READ, far);
    assert_eq!(raw::fcntl_setlk(&file, &lock), Err(Errno::EOVERFLOW));
    let mut lock = FileLock::new(LockKind::READ, ALL);
    assert_eq!(raw::fcntl_setlk(closed(), &lock), Err(Errno::EBADF));
    assert_eq!(raw::fcntl_setlkw(closed(), &lock), Err(Errno::EBADF));
    assert_eq!(raw::fcntl_getlk(closed(), &mut lock), Err(Errno::EBADF));
    assert_eq!(raw::fcntl_ofd_setlk(closed(), &lock), Err(Errno::EBADF));
    assert_eq!(raw::fcntl_ofd_setlkw(closed(), &lock), Err(Errno::EBADF));
    assert_eq!(raw::fcntl_ofd_getlk(closed(), &mut lock), Err(Errno::EBADF));
}

#[test]
fn the_structure_is_the_kernels() {
    assert_eq!(size_of::<FileLock>(), size_of::<libc::flock>());
    let scratch = Scratch::new();
    let file = scratch.file("a", b"");
    let lock = FileLock::new(LockKind::WRITE, Extent { offset: 1, len: 2 });
    assert_eq!(raw::fcntl_setlk(&file, &lock), Ok(()));
    child_holds(|| {
        // SAFETY: zero is a valid value of every field.
        let mut theirs: libc::flock = unsafe { std::mem::zeroed() };
        theirs.l_type = libc::F_WRLCK as _;
        c!(libc::fcntl(file.as_raw_fd(), libc::F_GETLK, &mut theirs)).unwrap();
        assert_eq!((theirs.l_start, theirs.l_len), (1, 2));
        assert_eq!(i32::from(theirs.l_type), libc::F_WRLCK);
    });
}
