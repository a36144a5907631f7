//! Reading, writing and the position, with libc's answers beside ours.
//!
//! # Safety
//!
//! Unsafe code is libc's functions on the arguments of ours, and one slice over memory that is only
//! reserved, which the kernel alone is told of.

#![allow(unsafe_code)]

mod scratch;
mod support;

use gort_sys::fd::AsRawFd;
use gort_sys::types::*;
use gort_sys::{Errno, raw};
use scratch::Scratch;
use support::{c, closed, interrupted, watchdog};

#[test]
fn reads_and_writes_move_the_position() {
    let scratch = Scratch::new();
    let file = scratch.file("a", b"");
    assert_eq!(raw::write(&file, b"hello world"), Ok(11));
    assert_eq!(raw::lseek(&file, SeekFrom::Start(6)), Ok(6));
    let mut buf = [0; 32];
    assert_eq!(raw::read(&file, &mut buf), Ok(5));
    assert_eq!(&buf[..5], b"world");
    assert_eq!(raw::read(&file, &mut buf), Ok(0));
    assert_eq!(raw::read(&file, &mut []), Ok(0));
    assert_eq!(raw::write(&file, &[]), Ok(0));
    assert_eq!(raw::lseek(&file, SeekFrom::Current(-5)), Ok(6));
    assert_eq!(raw::lseek(&file, SeekFrom::End(2)), Ok(13));
    assert_eq!(raw::lseek(&file, SeekFrom::Data(0)), Ok(0));
    assert_eq!(raw::lseek(&file, SeekFrom::Hole(0)), Ok(11));
    assert_eq!(raw::lseek(&file, SeekFrom::Data(11)), Err(Errno::ENXIO));
    assert_eq!(raw::lseek(&file, SeekFrom::Current(-100)), Err(Errno::EINVAL));
    assert_eq!(raw::lseek(&file, SeekFrom::Start(u64::MAX)), Err(Errno::EINVAL));
}

#[test]
fn positioned_calls_leave_the_position() {
    let scratch = Scratch::new();
    let file = scratch.file("a", b"0123456789");
    assert_eq!(raw::pwrite64(&file, b"ab", 4), Ok(2));
    let mut buf = [0; 4];
    assert_eq!(raw::pread64(&file, &mut buf, 3), Ok(4));
    assert_eq!(&buf, b"3ab6");
    assert_eq!(c!(libc::lseek(file.as_raw_fd(), 0, libc::SEEK_CUR)), Ok(0));
    assert_eq!(raw::pread64(&file, &mut buf, u64::MAX), Err(Errno::EINVAL));
    assert_eq!(raw::pwrite64(&file, &buf, i64::MAX as u64 + 1), Err(Errno::EINVAL));
}

#[test]
fn several_buffers_are_used_in_order() {
    let scratch = Scratch::new();
    let file = scratch.file("a", b"");
    let parts = [IoSlice::new(b"one"), IoSlice::new(b""), IoSlice::new(b"three")];
    assert_eq!(raw::writev(&file, &parts), Ok(8));
    assert_eq!(raw::pwritev(&file, &parts, 100), Ok(8));
    assert_eq!(raw::pwritev2(&file, &parts, u64::MAX, RwFlags::empty()), Ok(8));
    assert_eq!(raw::pwritev2(&file, &parts[..1], 0, RwFlags::APPEND), Ok(3));
    assert_eq!(c!(libc::lseek(file.as_raw_fd(), 0, libc::SEEK_CUR)), Ok(16));
    assert_eq!(std::fs::read(scratch.path("a")).unwrap()[100..], *b"onethreeone");

    let (mut a, mut b) = ([0; 4], [0; 4]);
    let mut parts = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
    assert_eq!(raw::preadv(&file, &mut parts, 100), Ok(8));
    assert_eq!((&*parts[0], &*parts[1]), (&b"onet"[..], &b"hree"[..]));
    assert_eq!(raw::preadv2(&file, &mut parts, 8, RwFlags::empty()), Ok(8));
    assert_eq!(raw::lseek(&file, SeekFrom::Start(105)), Ok(105));
    assert_eq!(raw::readv(&file, &mut parts), Ok(6));
    assert_eq!((&*parts[0], &parts[1][..2]), (&b"reeo"[..], &b"ne"[..]));
    let unknown = RwFlags::from_bits_retain(1 << 30);
    assert_eq!(raw::preadv2(&file, &mut parts, 0, unknown), Err(Errno::EOPNOTSUPP));
    assert_eq!(raw::pwritev2(&file, &[IoSlice::new(b"x")], 0, unknown), Err(Errno::EOPNOTSUPP));
    assert_eq!(raw::preadv(&file, &mut parts, 1 << 63), Err(Errno::EINVAL));
    assert_eq!(raw::pwritev(&file, &[IoSlice::new(b"x")], 1 << 63), Err(Errno::EINVAL));
}

#[test]
fn std_slices_are_the_kernels() {
    let scratch = Scratch::new();
    let file = scratch.file("a", b"");
    let parts = [std::io::IoSlice::new(b"ab"), std::io::IoSlice::new(b"cde")];
    assert_eq!(raw::writev(&file, IoSlice::from_std(&parts)), Ok(5));
    let (mut a, mut b) = ([0; 3], [0; 3]);
    let mut parts = [std::io::IoSliceMut::new(&mut a), std::io::IoSliceMut::new(&mut b)];
    assert_eq!(raw::preadv(&file, IoSliceMut::from_std(&mut parts), 0), Ok(5));
    assert_eq!((a, b), (*b"abc", *b"de\0"));
}

#[test]
fn more_buffers_than_the_kernel_takes() {
    let scratch = Scratch::new();
    let file = scratch.file("a", b"");
    let most = libc::UIO_MAXIOV as usize;
    let parts = vec![IoSlice::new(b"x"); most + 1];
    assert_eq!(raw::writev(&file, &parts), Err(Errno::EINVAL));
    assert_eq!(raw::pwritev(&file, &parts, 0), Err(Errno::EINVAL));
    assert_eq!(raw::writev(&file, &parts[..most]), Ok(most));
    let mut bytes = vec![0u8; most + 1];
    let mut parts: Vec<_> = bytes.chunks_mut(1).map(IoSliceMut::new).collect();
    assert_eq!(raw::readv(&file, &mut parts), Err(Errno::EINVAL));
    assert_eq!(raw::preadv(&file, &mut parts, 0), Err(Errno::EINVAL));
    assert_eq!(raw::preadv(&file, &mut parts[..most], 0), Ok(most));
    assert_eq!(raw::writev(&file, &[]), Ok(0));
}

#[test]
fn a_length_over_32_bits_is_not_cut_off() {
    // Five gigabytes of address space that nothing is stored in: reading from a file of three bytes
    // and writing to /dev/null touch no more than those.
    let len = 5 << 30;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping, checked.
    let start = unsafe {
        libc::mmap(std::ptr::null_mut(), len, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0)
    };
    assert_ne!(start, libc::MAP_FAILED);
    // SAFETY: the whole mapping, zeroes, used by this slice only until it is unmapped.
    let huge = unsafe { std::slice::from_raw_parts_mut(start.cast::<u8>(), len) };
    let scratch = Scratch::new();
    assert_eq!(raw::read(scratch.file("a", b"abc"), huge), Ok(3));
    let null = raw::open("/dev/null", OFlags::WRONLY, Mode::empty()).unwrap();
    // The kernel's own limit for one write: MAX_RW_COUNT.
    assert_eq!(raw::write(&null, huge), Ok(0x7fff_f000));
    // These two hold the length as an int.
    assert_eq!(raw::getdents64(scratch.dir(), huge), Err(Errno::EINVAL));
    assert_eq!(raw::readlink("/proc/self/exe", huge), Err(Errno::EINVAL));
    // SAFETY: the slice is not used any more.
    unsafe { libc::munmap(start, len) };
}

#[test]
fn a_signal_in_the_middle_is_returned() {
    watchdog();
    let pipe = raw::pipe2(PipeFlags::CLOEXEC).unwrap();
    assert_eq!(interrupted(|| raw::read(&pipe.reader, &mut [0; 8])), Err(Errno::EINTR));
    let full = vec![0; raw::fcntl_getpipe_sz(&pipe.writer).unwrap() as usize];
    assert_eq!(raw::write(&pipe.writer, &full), Ok(full.len()));
    assert_eq!(interrupted(|| raw::write(&pipe.writer, b"x")), Err(Errno::EINTR));
    let mut buf = [0; 8];
    let answer = interrupted(|| raw::writev(&pipe.writer, &[IoSlice::new(b"x")]));
    assert_eq!(answer, Err(Errno::EINTR));
    assert_eq!(raw::read(&pipe.reader, &mut buf), Ok(8));
}

#[test]
fn wrong_descriptors() {
    let scratch = Scratch::new();
    let mut buf = [0; 4];
    assert_eq!(raw::read(closed(), &mut buf), Err(Errno::EBADF));
    assert_eq!(raw::write(closed(), &buf), Err(Errno::EBADF));
    assert_eq!(raw::pread64(closed(), &mut buf, 0), Err(Errno::EBADF));
    assert_eq!(raw::pwrite64(closed(), &buf, 0), Err(Errno::EBADF));
    assert_eq!(raw::lseek(closed(), SeekFrom::Current(0)), Err(Errno::EBADF));
    assert_eq!(raw::writev(closed(), &[IoSlice::new(&buf)]), Err(Errno::EBADF));
    assert_eq!(raw::pwritev(closed(), &[IoSlice::new(&buf)], 0), Err(Errno::EBADF));
    let none = RwFlags::empty();
    assert_eq!(raw::pwritev2(closed(), &[IoSlice::new(&buf)], 0, none), Err(Errno::EBADF));
    let mut parts = [IoSliceMut::new(&mut buf)];
    assert_eq!(raw::readv(closed(), &mut parts), Err(Errno::EBADF));
    assert_eq!(raw::preadv(closed(), &mut parts, 0), Err(Errno::EBADF));
    assert_eq!(raw::preadv2(closed(), &mut parts, 0, none), Err(Errno::EBADF));
    assert_eq!(raw::read(scratch.dir(), &mut buf), Err(Errno::EISDIR));
    assert_eq!(raw::write(scratch.dir(), &buf), Err(Errno::EBADF));
    let pipe = raw::pipe2(PipeFlags::empty()).unwrap();
    assert_eq!(raw::lseek(&pipe.reader, SeekFrom::Current(0)), Err(Errno::ESPIPE));
    assert_eq!(raw::pread64(&pipe.reader, &mut buf, 0), Err(Errno::ESPIPE));
}
