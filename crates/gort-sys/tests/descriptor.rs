//! Descriptors: made, duplicated, closed, set.
//!
//! # Safety
//!
//! Unsafe code is libc's functions on the arguments of ours, generic requests with plain numbers,
//! and `close_range` in a child that uses nothing it closes.

#![allow(unsafe_code)]

mod scratch;
mod support;

use gort_sys::fd::{AsRawFd, OwnedFd};
use gort_sys::types::*;
use gort_sys::{Errno, raw};
use scratch::Scratch;
use support::{REFUSED, allowed, c, child_holds, closed};

fn flags(fd: &OwnedFd) -> [i64; 2] {
    let n = fd.as_raw_fd();
    [c!(libc::fcntl(n, libc::F_GETFD)).unwrap(), c!(libc::fcntl(n, libc::F_GETFL)).unwrap()]
}

#[test]
fn close_takes_the_descriptor() {
    // In a child, because other tests' threads take free numbers.
    child_holds(|| {
        let pipe = raw::pipe2(PipeFlags::empty()).unwrap();
        let (reader, number) = (pipe.reader.as_raw_fd(), pipe.writer.as_raw_fd());
        assert_eq!(raw::close(pipe.writer), Ok(()));
        assert_eq!(c!(libc::fcntl(number, libc::F_GETFD)), Err(Errno::EBADF));
        assert_eq!(raw::close(pipe.reader), Ok(()));
        assert_eq!(c!(libc::fcntl(reader, libc::F_GETFD)), Err(Errno::EBADF));
        // SAFETY: a call with numbers; the descriptor is closed, which is the point.
        let (_, _, errno) =
            unsafe { gort_sys::raw_syscall(gort_sys::nr::CLOSE, number as _, 0, 0) };
        assert_eq!(errno, Errno::EBADF);
    });
}

#[test]
fn close_range_closes_or_marks() {
    child_holds(|| {
        let fds: Vec<_> =
            (0..3).map(|_| raw::eventfd2(0, EventfdFlags::empty()).unwrap()).collect();
        let first = fds.iter().map(|fd| fd.as_raw_fd() as u32).min().unwrap();
        // SAFETY: nothing is executed here.
        assert_eq!(unsafe { raw::close_range(first, !0, CloseRangeFlags::CLOEXEC) }, Ok(()));
        assert!(fds.iter().all(|fd| flags(fd)[0] == i64::from(libc::FD_CLOEXEC)));
        // SAFETY: an empty range closes nothing; flags that do not exist do nothing.
        let (empty, unknown) = unsafe {
            let unknown = CloseRangeFlags::from_bits_retain(1 << 30);
            (raw::close_range(2, 1, CloseRangeFlags::empty()), raw::close_range(9, 9, unknown))
        };
        assert_eq!((empty, unknown), (Err(Errno::EINVAL), Err(Errno::EINVAL)));
        let numbers: Vec<_> = fds.into_iter().map(std::os::fd::IntoRawFd::into_raw_fd).collect();
        // SAFETY: their owners have just given them up.
        assert_eq!(unsafe { raw::close_range(first, !0, CloseRangeFlags::UNSHARE) }, Ok(()));
        for number in numbers {
            assert_eq!(c!(libc::fcntl(number, libc::F_GETFD)), Err(Errno::EBADF));
        }
    });
}

#[test]
fn duplicates_share_the_file() {
    let scratch = Scratch::new();
    let file = scratch.file("a", b"abcdef");
    let copy = raw::dup(&file).unwrap();
    assert_eq!(flags(&copy)[0], 0);
    assert_eq!(raw::read(&copy, &mut [0; 2]), Ok(2));
    assert_eq!(raw::lseek(&file, SeekFrom::Current(0)), Ok(2));

    let mut target = raw::eventfd2(0, EventfdFlags::empty()).unwrap();
    let number = target.as_raw_fd();
    assert_eq!(raw::dup3(&file, &mut target, DupFlags::CLOEXEC), Ok(()));
    assert_eq!(target.as_raw_fd(), number);
    assert_eq!(flags(&target)[0], i64::from(libc::FD_CLOEXEC));
    assert_eq!(raw::lseek(&target, SeekFrom::Current(0)), Ok(2));

    let high = raw::fcntl_dupfd_cloexec(&file, 100).unwrap();
    assert!(high.as_raw_fd() >= 100);
    assert_eq!(flags(&high)[0], i64::from(libc::FD_CLOEXEC));

    assert_eq!(raw::dup(closed()).unwrap_err(), Errno::EBADF);
    assert_eq!(raw::dup3(closed(), &mut target, DupFlags::empty()), Err(Errno::EBADF));
    let unknown = DupFlags::from_bits_retain(1);
    assert_eq!(raw::dup3(&file, &mut target, unknown), Err(Errno::EINVAL));
    assert_eq!(raw::fcntl_dupfd_cloexec(&file, -1).unwrap_err(), Errno::EINVAL);
    assert_eq!(raw::fcntl_dupfd_cloexec(closed(), 0).unwrap_err(), Errno::EBADF);
}

#[test]
fn pipes_carry_bytes_one_way() {
    for set in [PipeFlags::empty(), PipeFlags::CLOEXEC, PipeFlags::NONBLOCK, PipeFlags::DIRECT] {
        let pipe = raw::pipe2(set).unwrap();
        let mut theirs = [0; 2];
        c!(libc::pipe2(theirs.as_mut_ptr(), set.bits() as i32)).unwrap();
        for (ours, theirs) in [&pipe.reader, &pipe.writer].into_iter().zip(theirs) {
            let their =
                [libc::F_GETFD, libc::F_GETFL].map(|op| c!(libc::fcntl(theirs, op)).unwrap());
            assert_eq!(flags(ours), their);
            c!(libc::close(theirs)).unwrap();
        }
        assert_eq!(raw::write(&pipe.writer, b"abc"), Ok(3));
        assert_eq!(raw::ioctl_fionread(&pipe.reader), Ok(3));
        assert_eq!(raw::read(&pipe.reader, &mut [0; 8]), Ok(3));
    }
    assert_eq!(raw::pipe2(PipeFlags::from_bits_retain(1)).unwrap_err(), Errno::EINVAL);
}

#[test]
fn descriptor_and_status_flags() {
    let scratch = Scratch::new();
    let file = scratch.file("a", b"");
    assert_eq!(raw::fcntl_getfd(&file), Ok(FdFlags::CLOEXEC));
    assert_eq!(raw::fcntl_setfd(&file, FdFlags::empty()), Ok(()));
    assert_eq!(raw::fcntl_getfd(&file), Ok(FdFlags::empty()));
    assert_eq!(i64::from(raw::fcntl_getfl(&file).unwrap().bits()), flags(&file)[1]);
    assert_eq!(raw::fcntl_setfl(&file, OFlags::APPEND | OFlags::NONBLOCK), Ok(()));
    let set = flags(&file)[1] as i32;
    assert_eq!(set & (libc::O_APPEND | libc::O_NONBLOCK), libc::O_APPEND | libc::O_NONBLOCK);
    assert_eq!(raw::ioctl_fionbio(&file, false), Ok(()));
    assert_eq!(flags(&file)[1] as i32 & libc::O_NONBLOCK, 0);
    assert_eq!(raw::ioctl_fionbio(&file, true), Ok(()));
    assert_ne!(flags(&file)[1] as i32 & libc::O_NONBLOCK, 0);
    // SAFETY: the operation takes no argument.
    let generic = unsafe { raw::fcntl(&file, libc::F_GETFL as u32, 0) };
    assert_eq!(generic.map(i64::from), Ok(flags(&file)[1]));
    // SAFETY: there is no such operation.
    assert_eq!(unsafe { raw::fcntl(&file, 9999, 0) }, Err(Errno::EINVAL));
    assert_eq!(raw::fcntl_getfd(closed()), Err(Errno::EBADF));
    assert_eq!(raw::fcntl_setfd(closed(), FdFlags::CLOEXEC), Err(Errno::EBADF));
    assert_eq!(raw::fcntl_getfl(closed()), Err(Errno::EBADF));
    assert_eq!(raw::fcntl_setfl(closed(), OFlags::APPEND), Err(Errno::EBADF));
    assert_eq!(raw::ioctl_fionbio(closed(), true), Err(Errno::EBADF));
}

#[test]
fn pipe_sizes_as_libc_sets_them() {
    let pipe = raw::pipe2(PipeFlags::CLOEXEC).unwrap();
    let writer = pipe.writer.as_raw_fd();
    for size in [0, 1, 4096, 5000, 65536, 100_000, i32::MAX as u32, 1 << 31, u32::MAX] {
        let ours = raw::fcntl_setpipe_sz(&pipe.writer, size).map(i64::from);
        assert_eq!(ours, c!(libc::fcntl(writer, libc::F_SETPIPE_SZ, size)), "size {size}");
        let now = raw::fcntl_getpipe_sz(&pipe.reader).map(i64::from);
        assert_eq!(now, c!(libc::fcntl(writer, libc::F_GETPIPE_SZ)));
    }
    let file = raw::memfd_create(c"no pipe", MemfdFlags::CLOEXEC).unwrap();
    assert_eq!(raw::fcntl_setpipe_sz(&file, 4096), Err(Errno::EBADF));
    assert_eq!(raw::fcntl_getpipe_sz(&file), Err(Errno::EBADF));
}

#[test]
fn seals_are_kept() {
    let file = raw::memfd_create(c"sealed", MemfdFlags::ALLOW_SEALING).unwrap();
    assert_eq!(raw::write(&file, b"abc"), Ok(3));
    assert_eq!(raw::fcntl_get_seals(&file), Ok(Seals::empty()));
    assert_eq!(raw::fcntl_add_seals(&file, Seals::WRITE | Seals::SHRINK), Ok(()));
    assert_eq!(raw::fcntl_get_seals(&file), Ok(Seals::WRITE | Seals::SHRINK));
    assert_eq!(raw::write(&file, b"abc"), Err(Errno::EPERM));
    let unsealable = raw::memfd_create(c"plain", MemfdFlags::CLOEXEC).unwrap();
    assert_eq!(raw::fcntl_get_seals(&unsealable), Ok(Seals::SEAL));
    assert_eq!(raw::fcntl_add_seals(&unsealable, Seals::GROW), Err(Errno::EPERM));
    let scratch = Scratch::new();
    assert_eq!(raw::fcntl_get_seals(scratch.file("a", b"")), Err(Errno::EINVAL));
    assert_eq!(raw::fcntl_add_seals(scratch.dir(), Seals::GROW), Err(Errno::EPERM));
}

#[test]
fn memory_files() {
    let long = std::ffi::CString::new(vec![b'x'; 250]).unwrap();
    assert_eq!(raw::memfd_create(&long, MemfdFlags::empty()).unwrap_err(), Errno::EINVAL);
    let unknown = MemfdFlags::from_bits_retain(1 << 25);
    assert_eq!(raw::memfd_create(c"x", unknown).unwrap_err(), Errno::EINVAL);
    let unknown = DupFlags::from_bits_retain(1);
    let wrong = raw::memfd_secret(unknown).unwrap_err();
    assert!(matches!(wrong, Errno::EINVAL | Errno::ENOSYS), "{wrong:?}");
    let secret = raw::memfd_secret(DupFlags::CLOEXEC);
    if allowed("memfd_secret", &secret, REFUSED) {
        assert_eq!(raw::write(secret.unwrap(), b"x"), Err(Errno::EINVAL));
    }
}

#[test]
fn requests_to_devices() {
    let scratch = Scratch::new();
    let file = scratch.file("a", b"abcdef");
    assert_eq!(raw::ioctl_fionread(&file), Ok(6));
    assert_eq!(raw::ioctl_tiocgwinsz(&file), Err(Errno::ENOTTY));
    assert_eq!(raw::ioctl_fionread(closed()), Err(Errno::EBADF));
    // SAFETY: FIOCLEX takes no argument.
    assert_eq!(unsafe { raw::ioctl(&file, libc::FIOCLEX as u32, 0) }, Ok(0));
    assert_eq!(flags(&file)[0], i64::from(libc::FD_CLOEXEC));
    // SAFETY: there is no such request.
    assert_eq!(unsafe { raw::ioctl(&file, 0xdead, 0) }, Err(Errno::ENOTTY));
    let terminal = raw::open("/dev/ptmx", OFlags::RDWR | OFlags::NOCTTY, Mode::empty());
    if allowed("/dev/ptmx", &terminal, &[Errno::ENOENT, Errno::EACCES, Errno::ENOSPC]) {
        let terminal = terminal.unwrap();
        let size = libc::winsize { ws_row: 24, ws_col: 80, ws_xpixel: 3, ws_ypixel: 4 };
        c!(libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &size)).unwrap();
        let ours = raw::ioctl_tiocgwinsz(&terminal);
        assert_eq!(ours, Ok(Winsize { rows: 24, columns: 80, width: 3, height: 4 }));
    }
}
