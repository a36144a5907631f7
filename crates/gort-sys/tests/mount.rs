//! Mounts, in a mount namespace of their own.
//!
//! # Safety
//!
//! Unsafe code is libc's `unshare`, and a generic `fsconfig` with the arguments of its command.

#![allow(unsafe_code)]

mod scratch;
mod support;

use gort_sys::fd::CWD;
use gort_sys::types::*;
use gort_sys::{Errno, Result, raw};
use scratch::Scratch;
use support::{REFUSED, allowed, c, child_holds, closed};

/// Runs `body` in a child whose mounts nobody else sees; not at all where that is not allowed.
fn with_own_mounts(body: impl FnOnce(&Scratch)) {
    let scratch = Scratch::new();
    child_holds(|| {
        let own = c!(libc::unshare(libc::CLONE_NEWNS));
        if allowed("unshare", &own, REFUSED) {
            let private = MountFlags::REC | MountFlags::PRIVATE;
            assert_eq!(raw::mount(None, "/", None, private, None), Ok(()));
            body(&scratch);
        }
    });
}

fn tmpfs(scratch: &Scratch) -> Result<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    raw::mount(Some(c"t"), scratch.path(""), Some(c"tmpfs"), flags, Some(c"size=64k"))
}

const TMPFS_MAGIC: i64 = 0x0102_1994;

#[test]
fn mounted_changed_and_taken_away() {
    with_own_mounts(|scratch| {
        assert_eq!(tmpfs(scratch), Ok(()));
        let stat = raw::statfs(scratch.path("")).unwrap();
        assert_eq!((stat.f_type, stat.f_blocks), (TMPFS_MAGIC, 16));
        let change = MountFlags::REMOUNT | MountFlags::BIND | MountFlags::RDONLY;
        assert_eq!(raw::mount(None, scratch.path(""), None, change, None), Ok(()));
        let write = raw::creat(scratch.path("a"), Mode::empty());
        assert_eq!(write.unwrap_err(), Errno::EROFS);
        assert_eq!(raw::umount2(scratch.path(""), UmountFlags::DETACH), Ok(()));
        assert_ne!(raw::statfs(scratch.path("")).unwrap().f_type, TMPFS_MAGIC);
        assert_eq!(raw::umount2(scratch.path(""), UmountFlags::empty()), Err(Errno::EINVAL));
        let unknown = UmountFlags::from_bits_retain(1 << 20);
        assert_eq!(raw::umount2(scratch.path(""), unknown), Err(Errno::EINVAL));
    });
}

#[test]
fn a_new_root() {
    with_own_mounts(|scratch| {
        assert_eq!(tmpfs(scratch), Ok(()));
        raw::mkdir(scratch.path("old"), Mode::new(0o700)).unwrap();
        assert_eq!(raw::pivot_root(scratch.path("old"), scratch.path("")), Err(Errno::EINVAL));
        assert_eq!(raw::pivot_root(scratch.path(""), scratch.path("old")), Ok(()));
        assert_eq!(raw::statfs("/").unwrap().f_type, TMPFS_MAGIC);
        assert_eq!(raw::access("/old/proc", Access::empty()), Ok(()));
    });
}

#[test]
fn copied_and_attached() {
    with_own_mounts(|scratch| {
        assert_eq!(tmpfs(scratch), Ok(()));
        for name in ["from", "to"] {
            raw::mkdir(scratch.path(name), Mode::new(0o700)).unwrap();
        }
        drop(scratch.file("from/a", b""));
        let flags = OpenTreeFlags::CLONE | OpenTreeFlags::CLOEXEC;
        let tree = raw::open_tree(CWD, scratch.path("from"), flags);
        if !allowed("open_tree", &tree, REFUSED) {
            return;
        }
        let here = MoveMountFlags::F_EMPTY_PATH;
        assert_eq!(raw::move_mount(tree.unwrap(), "", CWD, scratch.path("to"), here), Ok(()));
        assert_eq!(raw::access(scratch.path("to/a"), Access::empty()), Ok(()));
        let missing = raw::open_tree(CWD, scratch.path("missing"), flags);
        assert_eq!(missing.unwrap_err(), Errno::ENOENT);
    });
}

#[test]
fn set_up_step_by_step() {
    with_own_mounts(|scratch| {
        let fs = raw::fsopen(c"tmpfs", FsopenFlags::CLOEXEC);
        if !allowed("fsopen", &fs, REFUSED) {
            return;
        }
        let fs = fs.unwrap();
        assert_eq!(raw::fsconfig_set_string(&fs, c"size", c"128k"), Ok(()));
        assert_eq!(raw::fsconfig_set_flag(&fs, c"ro"), Ok(()));
        assert_eq!(raw::fsconfig_set_flag(&fs, c"nonsense"), Err(Errno::EINVAL));
        assert_eq!(raw::fsconfig_set_string(&fs, c"nonsense", c"x"), Err(Errno::EINVAL));
        // SAFETY: FSCONFIG_SET_STRING (1) reads two strings.
        let set = unsafe { raw::fsconfig(&fs, 1, Some(c"mode"), c"700".as_ptr().cast(), 0) };
        assert_eq!(set, Ok(()));
        assert_eq!(raw::fsconfig_create(&fs), Ok(()));
        let mount = raw::fsmount(&fs, FsmountFlags::CLOEXEC, MountAttr::NOEXEC).unwrap();
        let here = MoveMountFlags::F_EMPTY_PATH;
        assert_eq!(raw::move_mount(&mount, "", CWD, scratch.path(""), here), Ok(()));
        let stat = raw::statfs(scratch.path("")).unwrap();
        assert_eq!((stat.f_type, stat.f_blocks), (TMPFS_MAGIC, 32));
        let write = raw::creat(scratch.path("a"), Mode::empty());
        assert_eq!(write.unwrap_err(), Errno::EROFS);
        let again = raw::fsmount(&fs, FsmountFlags::CLOEXEC, MountAttr::empty());
        assert_eq!(again.unwrap_err(), Errno::EBUSY);
    });
}

/// A refusal: this error with the privilege, or one of its lack.
#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T>, errno: Errno) {
    let got = result.unwrap_err();
    assert!(got == errno || REFUSED.contains(&got), "{got:?}, not {errno:?}");
}

#[test]
fn refusals() {
    let scratch = Scratch::new();
    let missing = scratch.path("missing");
    refused(raw::mount(None, &missing, None, MountFlags::BIND, None), Errno::ENOENT);
    let unknown = raw::mount(None, scratch.path(""), Some(c"nonsense"), MountFlags::empty(), None);
    refused(unknown, Errno::ENODEV);
    refused(raw::umount2(&missing, UmountFlags::empty()), Errno::ENOENT);
    refused(raw::pivot_root(&missing, &missing), Errno::ENOENT);
    refused(raw::fsopen(c"nonsense", FsopenFlags::empty()), Errno::ENODEV);
    refused(raw::fsopen(c"tmpfs", FsopenFlags::from_bits_retain(2)), Errno::EINVAL);
    refused(raw::open_tree(closed(), "a", OpenTreeFlags::empty()), Errno::EBADF);
    refused(raw::move_mount(closed(), "a", CWD, "/", MoveMountFlags::empty()), Errno::EBADF);
    refused(raw::fsconfig_create(closed()), Errno::EBADF);
    refused(raw::fsconfig_set_flag(closed(), c"a"), Errno::EBADF);
    refused(raw::fsconfig_set_string(closed(), c"a", c"b"), Errno::EBADF);
    refused(raw::fsmount(closed(), FsmountFlags::empty(), MountAttr::empty()), Errno::EBADF);
    // SAFETY: there is no such command.
    refused(unsafe { raw::fsconfig(CWD, 99, None, std::ptr::null(), 0) }, Errno::EINVAL);
}
