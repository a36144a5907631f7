//! What lies behind a file: size, blocks, the way to the disk, copies within the kernel.
//!
//! # Safety
//!
//! Unsafe code is libc's functions on the arguments of ours, and a `vmsplice` of bytes that never
//! change.

#![allow(unsafe_code)]

mod scratch;
mod support;

use gort_sys::fd::AsRawFd;
use gort_sys::types::*;
use gort_sys::{Errno, raw};
use scratch::Scratch;
use support::{c, closed, watchdog};

#[test]
fn copies_between_files() {
    let scratch = Scratch::new();
    let (from, to) = (scratch.file("from", b"0123456789"), scratch.file("to", b""));
    // Six arguments, each in its place: from 2, to 5, four bytes.
    let (mut a, mut b) = (2, 5);
    assert_eq!(raw::copy_file_range(&from, Some(&mut a), &to, Some(&mut b), 4), Ok(4));
    assert_eq!((a, b), (6, 9));
    assert_eq!(std::fs::read(scratch.path("to")).unwrap(), b"\0\0\0\0\x002345");
    assert_eq!(raw::copy_file_range(&from, None, &to, Some(&mut b), 100), Ok(10));
    assert_eq!(raw::copy_file_range(&from, None, &to, None, 1), Ok(0));
    let mut zero = 0;
    assert_eq!(raw::sendfile(&to, &from, Some(&mut zero), 3), Ok(3));
    assert_eq!(zero, 3);
    assert_eq!(std::fs::read(scratch.path("to")).unwrap()[..5], *b"012\0\0");
    assert_eq!(raw::sendfile(&to, &from, None, 3), Ok(0));

    assert_eq!(raw::copy_file_range(closed(), None, &to, None, 1), Err(Errno::EBADF));
    assert_eq!(raw::copy_file_range(scratch.dir(), None, &to, None, 1), Err(Errno::EISDIR));
    let mut far = u64::MAX;
    let answer = raw::copy_file_range(&from, Some(&mut far), &to, None, 1);
    assert!(matches!(answer, Err(Errno::EINVAL | Errno::EOVERFLOW)), "{answer:?}");
    assert_eq!(raw::sendfile(closed(), &from, None, 1), Err(Errno::EBADF));
    assert_eq!(raw::sendfile(&to, &from, Some(&mut far), 1), Err(Errno::EINVAL));
}

#[test]
fn moves_through_pipes() {
    watchdog();
    let scratch = Scratch::new();
    let (from, to) = (scratch.file("from", b"0123456789"), scratch.file("to", b""));
    let (one, two) =
        (raw::pipe2(PipeFlags::CLOEXEC).unwrap(), raw::pipe2(PipeFlags::CLOEXEC).unwrap());
    let none = SpliceFlags::empty();
    let mut offset = 3;
    assert_eq!(raw::splice(&from, Some(&mut offset), &one.writer, None, 4, none), Ok(4));
    assert_eq!(offset, 7);
    assert_eq!(raw::tee(&one.reader, &two.writer, 100, none), Ok(4));
    let mut buf = [0; 8];
    assert_eq!(raw::read(&two.reader, &mut buf), Ok(4));
    assert_eq!(&buf[..4], b"3456");
    let mut offset = 1;
    assert_eq!(raw::splice(&one.reader, None, &to, Some(&mut offset), 100, none), Ok(4));
    assert_eq!(std::fs::read(scratch.path("to")).unwrap(), b"\x003456");
    // SAFETY: the bytes are constant.
    let lent = unsafe { raw::vmsplice(&one.writer, &[IoSlice::new(b"lent")], none) };
    assert_eq!(lent, Ok(4));
    assert_eq!(raw::read(&one.reader, &mut buf), Ok(4));
    assert_eq!(&buf[..4], b"lent");

    let now = SpliceFlags::NONBLOCK;
    assert_eq!(raw::splice(&one.reader, None, &to, None, 1, now), Err(Errno::EAGAIN));
    assert_eq!(raw::tee(&one.reader, &two.writer, 1, now), Err(Errno::EAGAIN));
    assert_eq!(raw::splice(&from, None, &to, None, 1, none), Err(Errno::EINVAL));
    assert_eq!(raw::splice(closed(), None, &one.writer, None, 1, none), Err(Errno::EBADF));
    assert_eq!(raw::tee(&from, &one.writer, 1, none), Err(Errno::EINVAL));
    assert_eq!(raw::tee(closed(), &one.writer, 1, none), Err(Errno::EBADF));
    let mut zero = 0;
    let seeking_pipe = raw::splice(&one.reader, Some(&mut zero), &to, None, 1, now);
    assert_eq!(seeking_pipe, Err(Errno::ESPIPE));
    // SAFETY: none of these moves a byte.
    unsafe {
        assert_eq!(raw::vmsplice(&from, &[IoSlice::new(b"x")], none), Err(Errno::EBADF));
        assert_eq!(raw::vmsplice(closed(), &[IoSlice::new(b"x")], none), Err(Errno::EBADF));
        let unknown = SpliceFlags::from_bits_retain(1 << 30);
        assert_eq!(raw::vmsplice(&one.writer, &[IoSlice::new(b"x")], unknown), Err(Errno::EINVAL));
    }
}

#[test]
fn the_way_to_the_disk() {
    let scratch = Scratch::new();
    let file = scratch.file("a", b"data");
    let all = Extent { offset: 0, len: 0 };
    let write = SyncFileRangeFlags::WRITE | SyncFileRangeFlags::WAIT_AFTER;
    assert_eq!(raw::fsync(&file), Ok(()));
    assert_eq!(raw::fdatasync(&file), Ok(()));
    assert_eq!(raw::sync_file_range(&file, all, write), Ok(()));
    assert_eq!(raw::syncfs(&file), Ok(()));
    raw::sync();
    let pipe = raw::pipe2(PipeFlags::CLOEXEC).unwrap();
    assert_eq!(raw::fsync(&pipe.reader), Err(Errno::EINVAL));
    assert_eq!(raw::fdatasync(&pipe.reader), Err(Errno::EINVAL));
    assert_eq!(raw::sync_file_range(&pipe.reader, all, write), Err(Errno::ESPIPE));
    let unknown = SyncFileRangeFlags::from_bits_retain(1 << 9);
    assert_eq!(raw::sync_file_range(&file, all, unknown), Err(Errno::EINVAL));
    assert_eq!(raw::fsync(closed()), Err(Errno::EBADF));
    assert_eq!(raw::fdatasync(closed()), Err(Errno::EBADF));
    assert_eq!(raw::sync_file_range(closed(), all, write), Err(Errno::EBADF));
    assert_eq!(raw::syncfs(closed()), Err(Errno::EBADF));
}

#[test]
fn sizes() {
    let scratch = Scratch::new();
    let file = scratch.file("a", b"0123456789");
    let size = || std::fs::metadata(scratch.path("a")).unwrap().len();
    assert_eq!(raw::ftruncate(&file, 4), Ok(()));
    assert_eq!(size(), 4);
    assert_eq!(raw::truncate(scratch.path("a"), 5 << 32), Ok(()));
    assert_eq!(size(), 5 << 32);
    assert_eq!(raw::truncate(scratch.path("a"), u64::MAX), Err(Errno::EINVAL));
    assert_eq!(raw::ftruncate(&file, 1 << 63), Err(Errno::EINVAL));
    assert_eq!(raw::truncate(scratch.path(""), 0), Err(Errno::EISDIR));
    assert_eq!(raw::truncate(scratch.path("b"), 0), Err(Errno::ENOENT));
    assert_eq!(raw::ftruncate(closed(), 0), Err(Errno::EBADF));
    assert_eq!(raw::ftruncate(scratch.dir(), 0), Err(Errno::EINVAL));
}

#[test]
fn storage_is_given_and_announced() {
    let scratch = Scratch::new();
    let file = scratch.file("a", b"0123456789");
    let part = Extent { offset: 4096, len: 8192 };
    assert_eq!(raw::fallocate(&file, FallocateMode::empty(), part), Ok(()));
    assert_eq!(raw::fstat(&file).unwrap().st_size, 4096 + 8192);
    assert_eq!(
        raw::fallocate(&file, FallocateMode::KEEP_SIZE, Extent { len: 1 << 20, ..part }),
        Ok(())
    );
    assert_eq!(raw::fstat(&file).unwrap().st_size, 4096 + 8192);
    let none = Extent { len: 0, ..part };
    assert_eq!(raw::fallocate(&file, FallocateMode::empty(), none), Err(Errno::EINVAL));
    let unknown = FallocateMode::from_bits_retain(1 << 30);
    assert_eq!(raw::fallocate(&file, unknown, part), Err(Errno::EOPNOTSUPP));
    assert_eq!(raw::fallocate(closed(), FallocateMode::empty(), part), Err(Errno::EBADF));

    assert_eq!(raw::readahead(&file, part), Ok(()));
    assert_eq!(raw::readahead(closed(), part), Err(Errno::EBADF));
    let pipe = raw::pipe2(PipeFlags::CLOEXEC).unwrap();
    assert_eq!(raw::readahead(&pipe.reader, part), Err(Errno::EINVAL));
    for advice in 0..10 {
        // libc's returns the error.
        // SAFETY: numbers only.
        let theirs = unsafe { libc::posix_fadvise(file.as_raw_fd(), 4096, 8192, advice) };
        let ours = raw::fadvise64(&file, part, FileAdvice(advice as u32));
        assert_eq!(ours.map_or_else(Errno::raw, |()| 0), theirs, "advice {advice}");
    }
    assert_eq!(raw::fadvise64(&pipe.reader, part, FileAdvice::NORMAL), Err(Errno::ESPIPE));
    assert_eq!(raw::fadvise64(closed(), part, FileAdvice::NORMAL), Err(Errno::EBADF));
    assert_eq!(c!(libc::readahead(file.as_raw_fd(), 0, 1)), Ok(0));
}
