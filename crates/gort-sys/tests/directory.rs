//! Names: opened, listed, made, removed, moved, linked.
//!
//! # Safety
//!
//! Unsafe code is libc's functions on the arguments of ours, and a handle with room for its bytes.

#![allow(unsafe_code)]

mod scratch;
mod support;

use gort_sys::fd::CWD;
use gort_sys::types::*;
use gort_sys::{Errno, raw};
use scratch::Scratch;
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use support::{REFUSED, allowed, c, child_holds, closed};

const NONE: AtFlags = AtFlags::empty();

#[test]
fn opening_makes_and_finds() {
    let scratch = Scratch::new();
    let dir = scratch.dir();
    let new = OFlags::CREAT | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = raw::openat(&dir, "a", new, Mode::new(0o600)).unwrap();
    assert_eq!(raw::write(&file, b"abc"), Ok(3));
    assert_eq!(raw::openat(&dir, "a", new, Mode::new(0o600)).unwrap_err(), Errno::EEXIST);
    assert_eq!(std::fs::read(scratch.path("a")).unwrap(), b"abc");
    assert_eq!(std::fs::metadata(scratch.path("a")).unwrap().mode() & 0o777, 0o600);
    drop(raw::creat(scratch.path("a"), Mode::new(0o600)).unwrap());
    assert_eq!(std::fs::metadata(scratch.path("a")).unwrap().len(), 0);
    let missing = raw::open(scratch.path("b"), OFlags::RDONLY, Mode::empty());
    assert_eq!(missing.unwrap_err(), Errno::ENOENT);
    assert_eq!(raw::creat(scratch.path(""), Mode::empty()).unwrap_err(), Errno::EISDIR);
    let relative = raw::openat(closed(), "a", OFlags::RDONLY, Mode::empty());
    assert_eq!(relative.unwrap_err(), Errno::EBADF);
    let absolute = raw::openat(closed(), scratch.path("a"), OFlags::RDONLY, Mode::empty());
    assert!(absolute.is_ok());
}

#[test]
fn openat2_resolves_as_told() {
    let scratch = Scratch::new();
    let dir = scratch.dir();
    let how = |resolve| OpenHow::new(OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty(), resolve);
    let first = raw::openat2(&dir, ".", &how(ResolveFlags::empty()));
    if !allowed("openat2", &first, REFUSED) {
        return;
    }
    assert_eq!(raw::symlink("/etc", scratch.path("away")), Ok(()));
    let open = |path, resolve| raw::openat2(&dir, path, &how(resolve)).map(drop);
    assert_eq!(open("away", ResolveFlags::empty()), Ok(()));
    assert_eq!(open("away", ResolveFlags::BENEATH), Err(Errno::EXDEV));
    assert_eq!(open("away", ResolveFlags::NO_SYMLINKS), Err(Errno::ELOOP));
    assert_eq!(open("away", ResolveFlags::IN_ROOT), Err(Errno::ENOENT));
    assert_eq!(open("away", ResolveFlags::from_bits_retain(1 << 60)), Err(Errno::EINVAL));
    let mode_without_creat = OpenHow::new(OFlags::RDONLY, Mode::new(0o600), ResolveFlags::empty());
    let answer = raw::openat2(&dir, ".", &mode_without_creat);
    assert_eq!(answer.unwrap_err(), Errno::EINVAL);
}

/// Name to inode and kind, as the iterator has them, with a buffer of this size.
fn listed(scratch: &Scratch, size: usize) -> BTreeMap<Vec<u8>, (u64, FileType)> {
    let (dir, mut buf, mut all) = (scratch.dir(), vec![0; size], BTreeMap::new());
    loop {
        let len = raw::getdents64(&dir, &mut buf).unwrap();
        if len == 0 {
            return all;
        }
        for entry in DirEntries::new(&buf[..len]) {
            let old = all.insert(entry.name.to_bytes().to_vec(), (entry.ino, entry.kind));
            assert_eq!(old, None, "{:?} twice", entry.name);
        }
    }
}

#[test]
fn listing_is_what_std_lists() {
    let scratch = Scratch::new();
    for i in 0..200 {
        drop(scratch.file(&format!("{i}-{}", "x".repeat(i)), b""));
    }
    std::fs::create_dir(scratch.path("dir")).unwrap();
    raw::symlink("nowhere", scratch.path("link")).unwrap();
    raw::mknodat(CWD, scratch.path("fifo"), Node::new(FileType::FIFO, Mode::new(0o600))).unwrap();
    let all = listed(&scratch, 300);
    assert_eq!(all, listed(&scratch, 1 << 16));
    let mut theirs: BTreeMap<_, _> = std::fs::read_dir(scratch.path(""))
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let kind = match entry.file_type().unwrap() {
                kind if kind.is_dir() => FileType::DIRECTORY,
                kind if kind.is_symlink() => FileType::SYMLINK,
                kind if kind.is_fifo() => FileType::FIFO,
                _ => FileType::REGULAR,
            };
            let ino = std::os::unix::fs::DirEntryExt::ino(&entry);
            (entry.file_name().as_bytes().to_vec(), (ino, kind))
        })
        .collect();
    for name in [".", ".."] {
        let ino = std::fs::metadata(scratch.path(name)).unwrap().ino();
        theirs.insert(name.into(), (ino, FileType::DIRECTORY));
    }
    assert_eq!(all, theirs);
}

#[test]
fn listing_goes_on_from_an_offset_and_refuses() {
    let scratch = Scratch::new();
    for name in ["a", "b", "c"] {
        drop(scratch.file(name, b""));
    }
    let (dir, mut buf) = (scratch.dir(), [0; 1024]);
    let len = raw::getdents64(&dir, &mut buf).unwrap();
    let entries: Vec<_> = DirEntries::new(&buf[..len]).collect();
    assert_eq!(entries.len(), 5);
    raw::lseek(&dir, SeekFrom::Start(entries[1].offset as u64)).unwrap();
    let mut again = [0; 1024];
    let len = raw::getdents64(&dir, &mut again).unwrap();
    assert_eq!(DirEntries::new(&again[..len]).collect::<Vec<_>>(), entries[2..]);
    assert_eq!(raw::lseek(&dir, SeekFrom::Start(0)), Ok(0));
    assert_eq!(raw::getdents64(&dir, &mut buf[..10]), Err(Errno::EINVAL));
    assert_eq!(raw::getdents64(closed(), &mut buf), Err(Errno::EBADF));
    assert_eq!(raw::getdents64(scratch.file("f", b""), &mut buf), Err(Errno::ENOTDIR));
}

#[test]
fn damaged_listings_end_early() {
    let record = |len: u16, name: &[u8]| {
        let mut bytes = [&7u64.to_ne_bytes()[..], &9i64.to_ne_bytes(), &len.to_ne_bytes()].concat();
        bytes.push(8);
        bytes.extend_from_slice(name);
        bytes
    };
    let good = record(24, b"ab\0\0\0");
    let names = |bytes: &[u8]| DirEntries::new(bytes).count();
    assert_eq!(names(&[good.clone(), good.clone()].concat()), 2);
    for cut in 0..good.len() {
        assert_eq!(names(&good[..cut]), 0, "cut at {cut}");
        assert_eq!(names(&[&good[..], &good[..cut]].concat()), 1, "second cut at {cut}");
    }
    assert_eq!(names(&record(24, b"abcde")), 0, "no NUL");
    for len in [0, 1, 18, 19, 25, u16::MAX] {
        assert_eq!(names(&record(len, b"ab\0\0\0")), 0, "record length {len}");
    }
}

#[test]
fn directories_come_and_go() {
    let scratch = Scratch::new();
    let dir = scratch.dir();
    assert_eq!(raw::mkdirat(&dir, "sub", Mode::new(0o700)), Ok(()));
    assert_eq!(raw::mkdir(scratch.path("sub/deep"), Mode::new(0o700)), Ok(()));
    assert_eq!(raw::mkdir(scratch.path("sub"), Mode::new(0o700)), Err(Errno::EEXIST));
    assert_eq!(raw::unlinkat(&dir, "sub", NONE), Err(Errno::EISDIR));
    assert_eq!(raw::rmdir(scratch.path("sub")), Err(Errno::ENOTEMPTY));
    assert_eq!(raw::rmdir(scratch.path("sub/deep")), Ok(()));
    assert_eq!(raw::unlinkat(&dir, "sub", AtFlags::REMOVEDIR), Ok(()));
    assert_eq!(raw::unlink(scratch.path("sub")), Err(Errno::ENOENT));
    drop(scratch.file("f", b""));
    assert_eq!(raw::rmdir(scratch.path("f")), Err(Errno::ENOTDIR));
    assert_eq!(raw::unlink(scratch.path("f")), Ok(()));
    assert_eq!(raw::unlinkat(closed(), "f", NONE), Err(Errno::EBADF));
    assert_eq!(raw::mkdirat(closed(), "f", Mode::empty()), Err(Errno::EBADF));
}

#[test]
fn names_move() {
    let scratch = Scratch::new();
    let dir = scratch.dir();
    let contents = |name| std::fs::read(scratch.path(name)).map_err(drop);
    drop((scratch.file("a", b"a"), scratch.file("b", b"b")));
    let flagged = |flags| raw::renameat2(&dir, "a", &dir, "b", flags);
    assert_eq!(flagged(RenameFlags::NOREPLACE), Err(Errno::EEXIST));
    assert_eq!(flagged(RenameFlags::EXCHANGE), Ok(()));
    assert_eq!((contents("a"), contents("b")), (Ok(b"b".to_vec()), Ok(b"a".to_vec())));
    assert_eq!(raw::renameat(&dir, "a", &dir, "b"), Ok(()));
    assert_eq!((contents("a"), contents("b")), (Err(()), Ok(b"b".to_vec())));
    assert_eq!(raw::rename(scratch.path("b"), scratch.path("c")), Ok(()));
    assert_eq!(raw::rename(scratch.path("b"), scratch.path("c")), Err(Errno::ENOENT));
    assert_eq!(raw::renameat(&dir, "c", closed(), "d"), Err(Errno::EBADF));
    assert_eq!(flagged(RenameFlags::from_bits_retain(1 << 20)), Err(Errno::EINVAL));
}

#[test]
fn links_lead_and_share() {
    let scratch = Scratch::new();
    let dir = scratch.dir();
    drop(scratch.file("a", b"a"));
    assert_eq!(raw::link(scratch.path("a"), scratch.path("b")), Ok(()));
    assert_eq!(std::fs::metadata(scratch.path("a")).unwrap().nlink(), 2);
    assert_eq!(raw::linkat(&dir, "a", &dir, "b", NONE), Err(Errno::EEXIST));
    assert_eq!(raw::symlinkat("a", &dir, "soft"), Ok(()));
    assert_eq!(raw::symlink("a", scratch.path("soft")), Err(Errno::EEXIST));
    assert_eq!(raw::symlink("", scratch.path("empty")), Err(Errno::ENOENT));
    assert_eq!(raw::linkat(&dir, "soft", &dir, "hard", AtFlags::SYMLINK_FOLLOW), Ok(()));
    assert_eq!(std::fs::metadata(scratch.path("a")).unwrap().nlink(), 3);
    assert_eq!(raw::linkat(&dir, "soft", &dir, "soft2", NONE), Ok(()));
    let mut buf = [b'?'; 4];
    assert_eq!(raw::readlinkat(&dir, "soft2", &mut buf), Ok(1));
    assert_eq!(&buf, b"a???");
    assert_eq!(raw::symlinkat("long target", &dir, "long"), Ok(()));
    assert_eq!(raw::readlink(scratch.path("long"), &mut buf), Ok(4));
    assert_eq!(&buf, b"long");
    assert_eq!(raw::readlink(scratch.path("long"), &mut []), Err(Errno::EINVAL));
    assert_eq!(raw::readlink(scratch.path("a"), &mut buf), Err(Errno::EINVAL));
    assert_eq!(raw::readlinkat(closed(), "a", &mut buf), Err(Errno::EBADF));
    assert_eq!(raw::symlinkat("a", closed(), "b"), Err(Errno::EBADF));
    assert_eq!(raw::linkat(closed(), "a", &dir, "z", NONE), Err(Errno::EBADF));
}

#[test]
fn nodes_of_every_kind() {
    let scratch = Scratch::new();
    let dir = scratch.dir();
    let mode = Mode::new(0o600);
    for kind in [FileType::FIFO, FileType::SOCKET, FileType::REGULAR] {
        assert_eq!(raw::mknodat(&dir, "node", Node::new(kind, mode)), Ok(()));
        let stat = raw::lstat(scratch.path("node")).unwrap();
        assert_eq!(FileType::from_mode(stat.st_mode), kind);
        assert_eq!(stat.st_mode & 0o7777, 0o600);
        raw::unlinkat(&dir, "node", NONE).unwrap();
    }
    let directory = raw::mknodat(&dir, "node", Node::new(FileType::DIRECTORY, mode));
    assert_eq!(directory, Err(Errno::EPERM));
    let device = Device::new(1, 3).unwrap();
    let made = raw::mknodat(&dir, "null", Node::device(FileType::CHARACTER, mode, device));
    if allowed("mknodat of a device", &made, REFUSED) {
        assert_eq!(raw::lstat(scratch.path("null")).unwrap().st_rdev, u64::from(device.raw()));
    }
    for (major, minor) in [(0, 0), (1, 3), (259, 70_000), (4095, (1 << 20) - 1)] {
        let ours = Device::new(major, minor).map(|device| u64::from(device.raw()));
        assert_eq!(ours, Some(libc::makedev(major, minor)));
    }
    assert_eq!((Device::new(4096, 0), Device::new(0, 1 << 20)), (None, None));
}

#[test]
fn the_working_directory_and_the_root() {
    let scratch = Scratch::new();
    child_holds(|| {
        let real = std::fs::canonicalize(scratch.path("")).unwrap();
        let mut buf = [0; 4096];
        assert_eq!(raw::chdir(scratch.path("")), Ok(()));
        let len = raw::getcwd(&mut buf).unwrap();
        assert_eq!(&buf[..len - 1], real.as_os_str().as_bytes());
        assert_eq!(buf[len - 1], 0);
        assert_eq!(raw::getcwd(&mut buf[..2]), Err(Errno::ERANGE));
        assert_eq!(raw::getcwd(&mut []), Err(Errno::ERANGE));
        raw::mkdir("sub", Mode::new(0o700)).unwrap();
        let sub = raw::open("sub", OFlags::DIRECTORY, Mode::empty()).unwrap();
        assert_eq!(raw::fchdir(&sub), Ok(()));
        assert_eq!(raw::getcwd(&mut buf), Ok(len + 4));
        assert_eq!(raw::chdir("missing"), Err(Errno::ENOENT));
        assert_eq!(raw::fchdir(closed()), Err(Errno::EBADF));
        assert_eq!(raw::fchdir(scratch.file("f", b"")), Err(Errno::ENOTDIR));
        assert_eq!(raw::chroot("missing"), Err(Errno::ENOENT));
        if allowed("chroot", &raw::chroot(".."), REFUSED) {
            assert_eq!(raw::access("/sub", Access::READ), Ok(()));
        }
    });
}

#[test]
fn access_and_handles() {
    let scratch = Scratch::new();
    let dir = scratch.dir();
    drop(scratch.file("a", b""));
    let there = Access::empty();
    assert_eq!(raw::access(scratch.path("a"), Access::READ | Access::WRITE), Ok(()));
    assert_eq!(raw::faccessat(&dir, "a", Access::EXECUTE), Err(Errno::EACCES));
    assert_eq!(raw::access(scratch.path("b"), there), Err(Errno::ENOENT));
    assert_eq!(raw::faccessat(closed(), "a", there), Err(Errno::EBADF));
    let flagged = raw::faccessat2(&dir, "a", Access::READ, AtFlags::EACCESS);
    if allowed("faccessat2", &flagged, REFUSED) {
        let unknown = AtFlags::from_bits_retain(1 << 20);
        assert_eq!(raw::faccessat2(&dir, "a", there, unknown), Err(Errno::EINVAL));
    }

    let mut handle = [0u32; 34];
    let mut mount = 0;
    let get = |handle: &mut [u32; 34], mount: &mut i32| {
        handle[0] = 128;
        // SAFETY: the first word says that 128 bytes follow the two words of the head.
        unsafe { raw::name_to_handle_at(&dir, "a", handle.as_mut_ptr().cast(), mount, NONE) }
    };
    let ours = get(&mut handle, &mut mount);
    if allowed("name_to_handle_at", &ours, &[Errno::EOPNOTSUPP, Errno::ENOSYS, Errno::EPERM]) {
        let mut theirs = [0u32; 34];
        theirs[0] = 128;
        let mut their_mount = 0;
        let path = scratch.c_path("a");
        let number = libc::AT_FDCWD;
        let p: *mut libc::file_handle = theirs.as_mut_ptr().cast();
        c!(libc::name_to_handle_at(number, path.as_ptr(), p, &mut their_mount, 0)).unwrap();
        assert_eq!((handle, mount), (theirs, their_mount));
    }
    handle[0] = 0;
    // SAFETY: the first word says that nothing follows.
    let answer =
        unsafe { raw::name_to_handle_at(&dir, "a", handle.as_mut_ptr().cast(), &mut mount, NONE) };
    assert!(matches!(answer, Err(Errno::EOVERFLOW | Errno::EOPNOTSUPP)), "{answer:?}");
}
