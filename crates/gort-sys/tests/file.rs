//! What is known about a file, and setting it, with libc's answers beside ours.
//!
//! # Safety
//!
//! Unsafe code is libc's functions on the arguments of ours, and structures of plain numbers that
//! are zero before libc fills them.

#![allow(unsafe_code)]

mod scratch;
mod support;

use gort_sys::fd::{AsRawFd, CWD};
use gort_sys::types::*;
use gort_sys::{Errno, raw};
use scratch::Scratch;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;
use support::{REFUSED, allowed, c, child_holds, closed};

const NONE: AtFlags = AtFlags::empty();

/// Every field, in the order of libc's structure.
fn fields(s: &Stat) -> [i128; 16] {
    let times =
        [s.st_atime, s.st_atime_nsec, s.st_mtime, s.st_mtime_nsec, s.st_ctime, s.st_ctime_nsec];
    let [a, b, c, d, e, f] = times.map(i128::from);
    [
        s.st_dev.into(),
        s.st_ino.into(),
        s.st_nlink.into(),
        s.st_mode.into(),
        s.st_uid.into(),
        s.st_gid.into(),
        s.st_rdev.into(),
        s.st_size.into(),
        s.st_blksize.into(),
        s.st_blocks.into(),
        a,
        b,
        c,
        d,
        e,
        f,
    ]
}

fn their_fields(s: &libc::stat) -> [i128; 16] {
    let times =
        [s.st_atime, s.st_atime_nsec, s.st_mtime, s.st_mtime_nsec, s.st_ctime, s.st_ctime_nsec];
    let [a, b, c, d, e, f] = times.map(i128::from);
    [
        s.st_dev.into(),
        s.st_ino.into(),
        s.st_nlink.into(),
        s.st_mode.into(),
        s.st_uid.into(),
        s.st_gid.into(),
        s.st_rdev.into(),
        s.st_size.into(),
        s.st_blksize.into(),
        s.st_blocks.into(),
        a,
        b,
        c,
        d,
        e,
        f,
    ]
}

#[test]
fn stat_is_libcs() {
    let scratch = Scratch::new();
    let dir = scratch.dir();
    drop(scratch.file("a", &[7; 5000]));
    raw::symlink("a", scratch.path("link")).unwrap();
    // SAFETY: see the module.
    let mut theirs: libc::stat = unsafe { std::mem::zeroed() };
    for name in ["a", "link", "", "missing"] {
        let (path, c_path) = (scratch.path(name), scratch.c_path(name));
        let answer = c!(libc::stat(c_path.as_ptr(), &mut theirs)).map(|_| their_fields(&theirs));
        assert_eq!(raw::stat(&path).map(|s| fields(&s)), answer);
        assert_eq!(raw::newfstatat(CWD, &path, NONE).map(|s| fields(&s)), answer);
        let answer = c!(libc::lstat(c_path.as_ptr(), &mut theirs)).map(|_| their_fields(&theirs));
        assert_eq!(raw::lstat(&path).map(|s| fields(&s)), answer);
        if let Ok(file) = raw::open(&path, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty()) {
            assert_eq!(raw::fstat(&file).map(|s| fields(&s)), answer);
            let itself = raw::newfstatat(&file, "", AtFlags::EMPTY_PATH);
            assert_eq!(itself.map(|s| fields(&s)), answer);
        }
    }
    for device in ["/dev/null", "/dev/ptmx", "/proc/self/status"] {
        let c_path = std::ffi::CString::new(device).unwrap();
        let answer = c!(libc::lstat(c_path.as_ptr(), &mut theirs))
            .map(|_| their_fields(&theirs)[..7].to_vec());
        assert_eq!(raw::lstat(device).map(|s| fields(&s)[..7].to_vec()), answer);
    }
    assert_eq!(raw::fstat(closed()).map(drop), Err(Errno::EBADF));
    assert_eq!(raw::newfstatat(&dir, "", NONE).map(drop), Err(Errno::ENOENT));
    let unknown = AtFlags::from_bits_retain(1 << 25);
    assert_eq!(raw::newfstatat(&dir, "a", unknown).map(drop), Err(Errno::EINVAL));
}

#[test]
fn statx_is_stat_and_libcs() {
    let scratch = Scratch::new();
    let dir = scratch.dir();
    drop(scratch.file("a", &[7; 5000]));
    let ours = raw::statx(&dir, "a", NONE, StatxMask::BASIC_STATS | StatxMask::BTIME);
    if !allowed("statx", &ours, REFUSED) {
        return;
    }
    let ours = ours.unwrap();
    let stat = raw::stat(scratch.path("a")).unwrap();
    assert_eq!((ours.stx_ino, ours.stx_size as i64), (stat.st_ino, stat.st_size));
    assert_eq!(FileType::from_mode(ours.stx_mode.into()), FileType::REGULAR);
    // SAFETY: see the module.
    let mut theirs: libc::statx = unsafe { std::mem::zeroed() };
    let mask = libc::STATX_BASIC_STATS | libc::STATX_BTIME;
    c!(libc::statx(dir.as_raw_fd(), c"a".as_ptr(), 0, mask, &mut theirs)).unwrap();
    assert_eq!(size_of_val(&ours), size_of_val(&theirs));
    assert_eq!(
        (ours.stx_mask, ours.stx_nlink, ours.stx_blocks),
        (theirs.stx_mask, theirs.stx_nlink, theirs.stx_blocks)
    );
    assert_eq!(ours.stx_mtime.tv_nsec, theirs.stx_mtime.tv_nsec);
    assert_eq!(ours.stx_btime.tv_sec, theirs.stx_btime.tv_sec);
    let basic = StatxMask::BASIC_STATS;
    assert_eq!(raw::statx(&dir, "b", NONE, basic).map(drop), Err(Errno::ENOENT));
    let reserved = StatxMask::from_bits_retain(1 << 31);
    assert_eq!(raw::statx(&dir, "a", NONE, reserved).map(drop), Err(Errno::EINVAL));
    assert_eq!(raw::statx(closed(), "a", NONE, basic).map(drop), Err(Errno::EBADF));
}

#[test]
fn file_systems() {
    for path in ["/", "/proc", "/tmp", "/dev", "/missing"] {
        let c_path = std::ffi::CString::new(path).unwrap();
        // SAFETY: see the module.
        let mut theirs: libc::statfs = unsafe { std::mem::zeroed() };
        let answer = c!(libc::statfs(c_path.as_ptr(), &mut theirs));
        let answer = answer
            .map(|_| (theirs.f_type, theirs.f_bsize, theirs.f_blocks as i64, theirs.f_namelen));
        let fields = |s: StatFs| (s.f_type, s.f_bsize, s.f_blocks, s.f_namelen);
        assert_eq!(raw::statfs(path).map(fields), answer);
        if let Ok(dir) = raw::open(path, OFlags::PATH, Mode::empty()) {
            assert_eq!(raw::fstatfs(&dir).map(fields), answer);
        }
    }
    assert_eq!(raw::fstatfs(closed()).map(drop), Err(Errno::EBADF));
}

#[test]
fn permissions() {
    let scratch = Scratch::new();
    let (dir, file) = (scratch.dir(), scratch.file("a", b""));
    let mode = || std::fs::metadata(scratch.path("a")).unwrap().mode() & 0o7777;
    assert_eq!(raw::fchmod(&file, Mode::new(0o640)), Ok(()));
    assert_eq!(mode(), 0o640);
    assert_eq!(raw::fchmodat(&dir, "a", Mode::RWXU | Mode::STICKY), Ok(()));
    assert_eq!(mode(), 0o1700);
    assert_eq!(raw::chmod(scratch.path("a"), Mode::new(0o604)), Ok(()));
    assert_eq!(mode(), 0o604);
    let flagged = raw::fchmodat2(&dir, "a", Mode::new(0o611), AtFlags::SYMLINK_NOFOLLOW);
    if allowed("fchmodat2", &flagged, &[Errno::ENOSYS]) {
        assert_eq!(mode(), 0o611);
        let unknown = AtFlags::from_bits_retain(1 << 25);
        assert_eq!(raw::fchmodat2(&dir, "a", Mode::empty(), unknown), Err(Errno::EINVAL));
    }
    assert_eq!(raw::fchmod(closed(), Mode::empty()), Err(Errno::EBADF));
    assert_eq!(raw::fchmodat(closed(), "a", Mode::empty()), Err(Errno::EBADF));
    assert_eq!(raw::chmod(scratch.path("b"), Mode::empty()), Err(Errno::ENOENT));

    child_holds(|| {
        let old = raw::umask(Mode::new(0o027));
        assert_eq!(raw::umask(old), Mode::new(0o027));
        assert_eq!(c!(libc::umask(0)), Ok(old.bits().into()));
        raw::umask(Mode::new(0o027));
        drop(raw::creat(scratch.path("masked"), Mode::new(0o666)).unwrap());
    });
    assert_eq!(std::fs::metadata(scratch.path("masked")).unwrap().mode() & 0o777, 0o640);
}

#[test]
fn owners() {
    let scratch = Scratch::new();
    let (dir, file) = (scratch.dir(), scratch.file("a", b""));
    raw::symlink("a", scratch.path("link")).unwrap();
    let owner = |name| {
        let stat = std::fs::symlink_metadata(scratch.path(name)).unwrap();
        (stat.uid(), stat.gid())
    };
    let before = owner("a");
    assert_eq!(raw::fchown(&file, Uid::KEEP, Gid::KEEP), Ok(()));
    assert_eq!(owner("a"), before);
    let given = raw::fchown(&file, Uid(11), Gid(12));
    if allowed("fchown", &given, REFUSED) {
        assert_eq!(owner("a"), (11, 12));
        assert_eq!(raw::chown(scratch.path("link"), Uid(13), Gid::KEEP), Ok(()));
        assert_eq!(raw::lchown(scratch.path("link"), Uid::KEEP, Gid(14)), Ok(()));
        assert_eq!((owner("a"), owner("link")), ((13, 12), (before.0, 14)));
        assert_eq!(raw::fchownat(&dir, "a", Uid(15), Gid(16), NONE), Ok(()));
        assert_eq!(owner("a"), (15, 16));
    }
    let missing = scratch.path("missing");
    assert_eq!(raw::chown(&missing, Uid::KEEP, Gid::KEEP), Err(Errno::ENOENT));
    assert_eq!(raw::lchown(&missing, Uid::KEEP, Gid::KEEP), Err(Errno::ENOENT));
    assert_eq!(raw::fchown(closed(), Uid::KEEP, Gid::KEEP), Err(Errno::EBADF));
    assert_eq!(raw::fchownat(closed(), "a", Uid::KEEP, Gid::KEEP, NONE), Err(Errno::EBADF));
}

#[test]
fn times() {
    let scratch = Scratch::new();
    let (dir, file) = (scratch.dir(), scratch.file("a", b""));
    let seen = || {
        let stat = raw::fstat(&file).unwrap();
        let time = |sec, nsec| Timespec { sec: sec as i64, nsec: nsec as i64 };
        (time(stat.st_atime, stat.st_atime_nsec), time(stat.st_mtime, stat.st_mtime_nsec))
    };
    let (accessed, modified) = (Duration::new(5, 6).into(), Duration::new(1 << 31, 8).into());
    let both = FileTimes { accessed, modified };
    assert_eq!(raw::utimensat(&dir, "a", Some(&both), NONE), Ok(()));
    assert_eq!(seen(), (accessed, modified));
    let one = FileTimes { accessed: FileTimes::OMIT, modified: Timespec { sec: 9, nsec: 0 } };
    assert_eq!(raw::futimens(&file, Some(&one)), Ok(()));
    assert_eq!(seen(), (accessed, one.modified));
    let now = FileTimes { accessed: FileTimes::NOW, modified: FileTimes::OMIT };
    assert_eq!(raw::futimens(&file, Some(&now)), Ok(()));
    assert!(seen().0.sec > 1_600_000_000 && seen().1 == one.modified);
    assert_eq!(raw::futimens(&file, None), Ok(()));
    assert!(seen().1.sec > 1_600_000_000);
    let bad = FileTimes { accessed, modified: Timespec { sec: 0, nsec: -1 } };
    assert_eq!(raw::futimens(&file, Some(&bad)), Err(Errno::EINVAL));
    assert_eq!(raw::utimensat(&dir, "b", None, NONE), Err(Errno::ENOENT));
    assert_eq!(raw::utimensat(closed(), "a", None, NONE), Err(Errno::EBADF));
    assert_eq!(raw::futimens(closed(), None), Err(Errno::EBADF));
}
