//! Bad input: always an error number, never a panic, a cut or a lost result.
//!
//! # Safety
//!
//! The raw calls get addresses that the kernel refuses, or room of the test's own.

#![allow(unsafe_code)]

mod scratch;

use gort_sys::fd::{AsRawFd, CWD};
use gort_sys::types::*;
use gort_sys::{Errno, Result, nr, raw, raw_syscall, raw_syscall6};
use scratch::Scratch;

/// Every call that takes a path, with this one in each of its places.
fn with_path(path: &(impl gort_sys::path::Path + ?Sized)) -> Vec<(&'static str, Result<()>)> {
    let (mode, none, dir) = (Mode::empty(), AtFlags::empty(), CWD);
    let how = OpenHow::new(OFlags::RDONLY, mode, ResolveFlags::empty());
    let inotify = raw::inotify_init1(InotifyFlags::CLOEXEC).unwrap();
    let buf = &mut [0; 8];
    let mut all = vec![
        ("openat", raw::openat(dir, path, OFlags::RDONLY, mode).map(drop)),
        ("openat2", raw::openat2(dir, path, &how).map(drop)),
        ("open", raw::open(path, OFlags::RDONLY, mode).map(drop)),
        ("chdir", raw::chdir(path)),
        ("unlinkat", raw::unlinkat(dir, path, none)),
        ("unlink", raw::unlink(path)),
        ("rmdir", raw::rmdir(path)),
        ("renameat", raw::renameat(dir, path, dir, "b")),
        ("renameat2", raw::renameat2(dir, path, dir, "b", RenameFlags::empty())),
        ("rename", raw::rename(path, "b")),
        ("linkat", raw::linkat(dir, path, dir, "b", none)),
        ("link", raw::link(path, "b")),
        ("readlinkat", raw::readlinkat(dir, path, buf).map(drop)),
        ("readlink", raw::readlink(path, buf).map(drop)),
        ("faccessat", raw::faccessat(dir, path, Access::empty())),
        ("faccessat2", raw::faccessat2(dir, path, Access::empty(), none)),
        ("access", raw::access(path, Access::empty())),
        ("newfstatat", raw::newfstatat(dir, path, none).map(drop)),
        ("stat", raw::stat(path).map(drop)),
        ("lstat", raw::lstat(path).map(drop)),
        ("statx", raw::statx(dir, path, none, StatxMask::SIZE).map(drop)),
        ("statfs", raw::statfs(path).map(drop)),
        ("truncate", raw::truncate(path, 0)),
        ("fchmodat", raw::fchmodat(dir, path, mode)),
        ("fchmodat2", raw::fchmodat2(dir, path, mode, none)),
        ("chmod", raw::chmod(path, mode)),
        ("fchownat", raw::fchownat(dir, path, Uid::KEEP, Gid::KEEP, none)),
        ("chown", raw::chown(path, Uid::KEEP, Gid::KEEP)),
        ("lchown", raw::lchown(path, Uid::KEEP, Gid::KEEP)),
        (
            "utimensat",
            raw::utimensat(
                dir,
                path,
                Some(&FileTimes { accessed: FileTimes::OMIT, modified: FileTimes::NOW }),
                none,
            ),
        ),
        ("getxattr", raw::getxattr(path, c"user.a", buf).map(drop)),
        ("lgetxattr", raw::lgetxattr(path, c"user.a", buf).map(drop)),
        ("setxattr", raw::setxattr(path, c"user.a", b"", XattrFlags::empty())),
        ("lsetxattr", raw::lsetxattr(path, c"user.a", b"", XattrFlags::empty())),
        ("listxattr", raw::listxattr(path, buf).map(drop)),
        ("llistxattr", raw::llistxattr(path, buf).map(drop)),
        ("removexattr", raw::removexattr(path, c"user.a")),
        ("lremovexattr", raw::lremovexattr(path, c"user.a")),
        ("inotify_add_watch", raw::inotify_add_watch(inotify, path, InotifyMask::OPEN).map(drop)),
        ("open_tree", raw::open_tree(dir, path, OpenTreeFlags::empty()).map(drop)),
    ];
    all.extend([
        ("creat", raw::creat(path, mode).map(drop)),
        ("mkdirat", raw::mkdirat(dir, path, mode)),
        ("mkdir", raw::mkdir(path, mode)),
        ("mknodat", raw::mknodat(dir, path, Node::new(FileType::FIFO, mode))),
        ("symlinkat", raw::symlinkat("a", dir, path)),
        ("symlink", raw::symlink("a", path)),
        ("renameat, second", raw::renameat(dir, ".", dir, path)),
        ("linkat, second", raw::linkat(dir, "/proc/self/status", dir, path, none)),
    ]);
    all
}

fn all_give(path: &(impl gort_sys::path::Path + ?Sized), errno: Errno) {
    for (call, result) in with_path(path) {
        assert_eq!(result, Err(errno), "{call}");
    }
}

#[test]
fn a_nul_inside_a_path() {
    all_give("a\0b", Errno::EINVAL);
    all_give("\0", Errno::EINVAL);
    all_give(&vec![0u8; 4000][..], Errno::EINVAL);
    // Too long and with a NUL: the length is looked at first, for the bytes never get that far.
    all_give(&vec![0u8; 5000][..], Errno::ENAMETOOLONG);
}

#[test]
fn long_paths() {
    // 4095 bytes and a NUL are what fits; the parts are short enough.
    let path = |len: usize| "nowhere/".repeat(len / 8 + 1)[..len].to_string();
    for len in [255, 256, 4000, 4094, 4095] {
        let path = path(len);
        for (call, result) in with_path(path.as_str()) {
            assert_eq!(result, Err(Errno::ENOENT), "{call} of {len} bytes");
        }
    }
    for len in [4096, 4097, 5000, 1 << 20] {
        all_give(path(len).as_str(), Errno::ENAMETOOLONG);
        let c_path = std::ffi::CString::new(path(len)).unwrap();
        all_give(c_path.as_c_str(), Errno::ENAMETOOLONG);
    }
    // A part that is too long for the file system. (The calls with two paths refuse the first.)
    let part = "x".repeat(256);
    for (call, result) in with_path(part.as_str()) {
        if !call.ends_with("second") {
            assert_eq!(result, Err(Errno::ENAMETOOLONG), "{call}");
        }
    }
}

#[test]
fn a_path_of_every_length_arrives_whole() {
    let scratch = Scratch::new();
    let start = format!("{}/", scratch.path("").to_str().unwrap().trim_end_matches('/'));
    drop(scratch.file("a", b""));
    for len in (start.len() + 1..600).chain(4000..4096) {
        let path = format!("{start}{}a", "/".repeat(len - start.len() - 1));
        assert_eq!(path.len(), len);
        assert_eq!(raw::access(path.as_str(), Access::READ), Ok(()), "{len} bytes");
        let c_path = std::ffi::CString::new(path).unwrap();
        assert_eq!(raw::access(&c_path, Access::READ), Ok(()), "{len} bytes and a NUL");
    }
}

#[test]
fn empty_paths() {
    for (call, result) in with_path("") {
        let errno = result.unwrap_err();
        assert!(matches!(errno, Errno::ENOENT | Errno::EBUSY), "{call}: {errno:?}");
    }
}

#[test]
fn paths_of_every_type() {
    let scratch = Scratch::new();
    drop(scratch.file("a", b""));
    let path = scratch.path("a");
    let there = |result: Result<()>| assert_eq!(result, Ok(()));
    let ask = Access::READ;
    there(raw::access(path.as_path(), ask));
    there(raw::access(path.as_os_str(), ask));
    there(raw::access(path.to_str().unwrap(), ask));
    there(raw::access(path.to_str().unwrap().to_string(), ask));
    there(raw::access(path.to_str().unwrap().as_bytes(), ask));
    there(raw::access(scratch.c_path("a"), ask));
    there(raw::access(scratch.c_path("a").as_c_str(), ask));
    there(raw::access(path, ask));
}

#[test]
fn addresses_that_are_not() {
    let pipe = raw::pipe2(PipeFlags::CLOEXEC).unwrap();
    let (reader, writer) = (pipe.reader.as_raw_fd() as usize, pipe.writer.as_raw_fd() as usize);
    let at = libc::AT_FDCWD as usize;
    assert_eq!(raw::write(&pipe.writer, b"12345678"), Ok(8));
    for bad in [0, 1, 4095, usize::MAX, usize::MAX - 4095, 1 << 47, 0xffff_8000_0000_0000] {
        // SAFETY: nothing is mapped there.
        let answers = unsafe {
            [
                raw_syscall(nr::READ, reader, bad, 8),
                raw_syscall(nr::WRITE, writer, bad, 8),
                raw_syscall(nr::READV, reader, bad, 1),
                raw_syscall(nr::PIPE2, bad, 0, 0),
                raw_syscall(nr::FSTAT, reader, bad, 0),
                raw_syscall(nr::CHDIR, bad, 0, 0),
                raw_syscall6(nr::OPENAT, at, bad, 0, 0, 0, 0),
                raw_syscall6(nr::RENAMEAT2, at, bad, at, bad, 0, 0),
                raw_syscall6(nr::EPOLL_CTL, reader, libc::EPOLL_CTL_ADD as _, writer, bad, 0, 0),
                raw_syscall6(nr::TIMERFD_SETTIME, reader, 0, bad, 0, 0, 0),
            ]
        };
        for (i, answer) in answers.into_iter().enumerate() {
            assert_eq!(answer, (usize::MAX, 0, Errno::EFAULT), "call {i} at {bad:#x}");
        }
    }
    // The data is still there: no result was lost.
    let mut room = [0u8; 16];
    // SAFETY: eight bytes of the sixteen, at an odd address.
    let (len, _, errno) =
        unsafe { raw_syscall(nr::READ, reader, room.as_mut_ptr().expose_provenance() + 1, 8) };
    assert_eq!((len, errno), (8, Errno::NONE));
    assert_eq!(&room[1..9], b"12345678");
}

#[test]
fn misaligned_structures_are_filled() {
    let mut room = [0u8; 200];
    let file = raw::memfd_create(c"x", MemfdFlags::CLOEXEC).unwrap();
    raw::ftruncate(&file, 12345).unwrap();
    let at = room.as_mut_ptr().expose_provenance() + 3;
    // SAFETY: 144 bytes of the two hundred.
    let (_, _, errno) = unsafe { raw_syscall(nr::FSTAT, file.as_raw_fd() as usize, at, 0) };
    assert_eq!(errno, Errno::NONE);
    assert_eq!(room[3 + 48..3 + 56], 12345i64.to_ne_bytes());
}
