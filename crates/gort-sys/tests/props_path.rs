//! Paths, flags and modes in all combinations, against libc's calls in a twin directory.
//!
//! # Safety
//!
//! Unsafe code is libc's functions on the arguments of ours.

#![allow(unsafe_code)]

mod scratch;
mod support;

use gort_sys::fd::{AsRawFd, OwnedFd};
use gort_sys::types::*;
use gort_sys::{Errno, Result, raw};
use proptest::prelude::*;
use scratch::Scratch;
use std::ffi::CString;
use std::os::fd::FromRawFd;
use std::path::PathBuf;
use support::c;

/// A directory with a file, an empty and a full directory, and links good, broken and circular.
fn populated() -> (Scratch, OwnedFd) {
    let scratch = Scratch::new();
    drop(scratch.file("file", b"contents"));
    drop(scratch.file("other", b"more"));
    let mode = Mode::new(0o700);
    raw::mkdir(scratch.path("empty"), mode).unwrap();
    raw::mkdir(scratch.path("full"), mode).unwrap();
    drop(scratch.file("full/inside", b""));
    for (to, link) in
        [("file", "link"), ("full", "dirlink"), ("nowhere", "broken"), ("loop", "loop")]
    {
        raw::symlink(to, scratch.path(link)).unwrap();
    }
    let dir = scratch.dir();
    (scratch, dir)
}

/// What is below this path, with kinds, permissions, sizes and where links lead.
fn contents(below: PathBuf) -> Vec<String> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(&below).unwrap() {
        let path = entry.unwrap().path();
        let stat = raw::lstat(&path).unwrap();
        let directory = FileType::from_mode(stat.st_mode) == FileType::DIRECTORY;
        let (size, target) = (stat.st_size, std::fs::read_link(&path).ok());
        let size = if directory { 0 } else { size };
        let name = path.file_name().unwrap().to_owned();
        all.push(format!("{name:?} {:o} {size} {} {target:?}", stat.st_mode, stat.st_nlink));
        if directory {
            all.extend(contents(path).iter().map(|below| format!("{name:?}/{below}")));
        }
    }
    all.sort();
    all
}

/// Up to what the kernel takes. Longer ones we refuse before the kernel could find another fault with
/// the call; `bad_input.rs` has them.
fn path() -> impl Strategy<Value = Vec<u8>> {
    let names = [
        "file",
        "other",
        "empty",
        "full",
        "full/inside",
        "link",
        "dirlink",
        "dirlink/inside",
        "broken",
        "loop",
        "new",
        "full/new",
        "nowhere/new",
        "file/x",
        "",
        ".",
        "..",
        "./file",
        "empty/",
        "file/",
        "full/../file",
        "//",
        "empty/..",
    ];
    let good = prop::sample::select(names.to_vec()).prop_map(|name| name.as_bytes().to_vec());
    prop_oneof![
        12 => good,
        1 => prop_oneof![250..260usize, 4090..4096usize].prop_map(|len| vec![b'p'; len]),
        1 => prop::collection::vec(1..=255u8, 1..6).prop_filter("one part", |name| !name.contains(&b'/')),
    ]
}

/// What libc gets for a path: the same bytes and a NUL.
fn c_path(path: &[u8]) -> CString {
    CString::new(path).unwrap()
}

fn opened(number: Result<i64>) -> Result<OwnedFd> {
    // SAFETY: a descriptor that has just been made.
    number.map(|number| unsafe { OwnedFd::from_raw_fd(number as i32) })
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn openat(
        path in path(),
        access in 0..4u32,
        set in prop::sample::subsequence(
            vec![OFlags::CREAT, OFlags::EXCL, OFlags::TRUNC, OFlags::APPEND, OFlags::DIRECTORY,
                 OFlags::NOFOLLOW, OFlags::CLOEXEC, OFlags::PATH, OFlags::NONBLOCK, OFlags::TMPFILE,
                 OFlags::NOATIME, OFlags::SYNC], 0..6),
        mode in 0..0o10000u32,
    ) {
        let ((a, ours), (b, theirs)) = (populated(), populated());
        let flags = set.into_iter().fold(OFlags::from_bits_retain(access), |all, flag| all | flag);
        let mine = raw::openat(&ours, &path[..], flags, Mode::new(mode));
        let c_path = c_path(&path);
        let n = theirs.as_raw_fd();
        let other = opened(c!(libc::openat(n, c_path.as_ptr(), flags.bits() as i32, mode)));
        prop_assert_eq!(mine.as_ref().map(drop), other.as_ref().map(drop));
        if let (Ok(mine), Ok(other)) = (&mine, &other) {
            let status = |fd: &OwnedFd| (raw::fcntl_getfd(fd), raw::fcntl_getfl(fd));
            prop_assert_eq!(status(mine), status(other));
        }
        prop_assert_eq!(contents(a.path("")), contents(b.path("")));
    }

    #[test]
    fn renameat2(old in path(), new in path(), flags in 0..16u32) {
        let ((a, ours), (b, theirs)) = (populated(), populated());
        let set = RenameFlags::from_bits_retain(flags);
        let mine = raw::renameat2(&ours, &old[..], &ours, &new[..], set);
        let (n, o, p) = (theirs.as_raw_fd(), c_path(&old), c_path(&new));
        let other = c!(libc::renameat2(n, o.as_ptr(), n, p.as_ptr(), flags));
        prop_assert_eq!(mine.map(|()| 0), other);
        prop_assert_eq!(contents(a.path("")), contents(b.path("")));
    }

    #[test]
    fn making_and_removing(first in path(), second in path(), mode in 0..0o10000u32, flags in 0..0x2000i32, what in 0..7) {
        let ((a, ours), (b, theirs)) = (populated(), populated());
        let (n, p, q) = (theirs.as_raw_fd(), c_path(&first), c_path(&second));
        let (p, q) = (p.as_ptr(), q.as_ptr());
        let (first, second) = (&first[..], &second[..]);
        let set = AtFlags::from_bits_retain(flags as u32);
        // A directory that its owner may look into and remove.
        let dir_mode = mode | 0o700;
        let node = Node::new(FileType::FIFO, Mode::new(mode));
        let remove = AtFlags::REMOVEDIR;
        let (mine, other) = match what {
            0 => (raw::mkdirat(&ours, first, Mode::new(dir_mode)), c!(libc::mkdirat(n, p, dir_mode))),
            1 => (raw::unlinkat(&ours, first, set), c!(libc::unlinkat(n, p, flags))),
            2 => (raw::linkat(&ours, first, &ours, second, set), c!(libc::linkat(n, p, n, q, flags))),
            3 => (raw::symlinkat(first, &ours, second), c!(libc::symlinkat(p, n, q))),
            4 => (raw::mknodat(&ours, first, node), c!(libc::mknodat(n, p, mode | libc::S_IFIFO, 0))),
            5 => (raw::renameat(&ours, first, &ours, second), c!(libc::renameat(n, p, n, q))),
            _ => (raw::unlinkat(&ours, first, remove), c!(libc::unlinkat(n, p, libc::AT_REMOVEDIR))),
        };
        prop_assert_eq!(mine.map(|()| 0), other);
        prop_assert_eq!(contents(a.path("")), contents(b.path("")));
    }

    #[test]
    fn asking(path in path(), access in 0..16u32, flags in 0..0x2000i32, room in 0..20usize) {
        let (_scratch, dir) = populated();
        let (n, p) = (dir.as_raw_fd(), c_path(&path));
        let p = p.as_ptr();
        let path = &path[..];
        let set = AtFlags::from_bits_retain(flags as u32);
        // SAFETY: zero is a valid value of every field.
        let mut theirs: libc::stat = unsafe { std::mem::zeroed() };
        let mine = raw::newfstatat(&dir, path, set).map(|stat| (stat.st_ino, stat.st_mode, stat.st_size));
        let other = c!(libc::fstatat(n, p, &mut theirs, flags));
        prop_assert_eq!(mine, other.map(|_| (theirs.st_ino, theirs.st_mode, theirs.st_size)));
        let mine = raw::faccessat2(&dir, path, Access::from_bits_retain(access), set);
        let other = c!(libc::syscall(libc::SYS_faccessat2, n, p, access, flags));
        prop_assert_eq!(mine.map(|()| 0), other);
        let (mut a, mut b) = (vec![0; room], vec![0u8; room]);
        let other = c!(libc::syscall(libc::SYS_readlinkat, n, p, b.as_mut_ptr(), room));
        prop_assert_eq!(raw::readlinkat(&dir, path, &mut a).map(|len| len as i64), other);
        prop_assert_eq!(a, b);
    }

    /// A NUL anywhere is refused before the kernel can see a shorter path.
    #[test]
    fn a_nul_anywhere(path in path(), at in 0..5000usize) {
        let (_scratch, dir) = populated();
        let mut path = path;
        path.insert(at.min(path.len()), 0);
        let expected = if path.len() < 4096 { Errno::EINVAL } else { Errno::ENAMETOOLONG };
        let answer = raw::openat(&dir, &path[..], OFlags::PATH, Mode::empty());
        prop_assert_eq!(answer.map(drop), Err(expected));
    }
}
