//! What is in which register, for the calls whose registers are not simply their arguments.
//!
//! The kernel's answer cannot always tell: a register that a call forgets may hold the right value
//! by chance.
//!
//! # Safety
//!
//! `Shown` makes no call; it answers with an error, as an entry may.

#![allow(unsafe_code)]

use gort_sys::fd::{AsRawFd, CWD};
use gort_sys::types::*;
use gort_sys::{Entry, Errno, Regs, call, nr, raw};
use std::cell::RefCell;

thread_local! {
    static LAST: RefCell<(usize, Vec<usize>)> = const { RefCell::new((0, Vec::new())) };
}

enum Shown {}

// SAFETY: no call is made, and the answer is an error that every call can give.
unsafe impl Entry for Shown {
    unsafe fn sys(nr: usize, regs: Regs) -> usize {
        LAST.replace((nr, regs.as_slice().to_vec()));
        Errno::ENOSYS.to_ret()
    }

    unsafe fn sysblock(nr: usize, regs: Regs) -> usize {
        // SAFETY: the caller's contract, passed on.
        unsafe { Shown::sys(nr, regs) }
    }

    unsafe fn sysnb(nr: usize, regs: Regs) -> usize {
        // SAFETY: the caller's contract, passed on.
        unsafe { Shown::sys(nr, regs) }
    }
}

/// The number and registers of the one call that is made.
fn shown<T>(calls: impl FnOnce() -> gort_sys::Result<T>) -> (usize, Vec<usize>) {
    LAST.take();
    assert_eq!(calls().err(), Some(Errno::ENOSYS));
    LAST.take()
}

fn at<T>(value: &T) -> usize {
    std::ptr::from_ref(value).addr()
}

type E = Shown;

#[test]
fn split_offsets() {
    let parts = [IoSlice::new(b"x")];
    let (fd, at, big) = (CWD.as_raw_fd() as usize, at(&parts), 5 << 32);
    let flags = RwFlags::SYNC;
    let seen = shown(|| call::pwritev2::<E>(CWD, &parts, big, flags));
    assert_eq!(seen, (nr::PWRITEV2, vec![fd, at, 1, big as usize, 0, flags.bits() as usize]));
    let seen = shown(|| call::pwritev::<E>(CWD, &parts, big));
    assert_eq!(seen, (nr::PWRITEV, vec![fd, at, 1, big as usize, 0]));
    let mut room = [0];
    let mut parts = [IoSliceMut::new(&mut room)];
    let at = parts.as_ptr().addr();
    let seen = shown(|| call::preadv2::<E>(CWD, &mut parts, big, flags));
    assert_eq!(seen, (nr::PREADV2, vec![fd, at, 1, big as usize, 0, flags.bits() as usize]));
    let seen = shown(|| call::preadv::<E>(CWD, &mut parts, big));
    assert_eq!(seen, (nr::PREADV, vec![fd, at, 1, big as usize, 0]));
}

#[test]
fn pairs_in_one_argument() {
    let fd = CWD.as_raw_fd() as usize;
    let extent = Extent { offset: 3, len: 4 };
    let seen = shown(|| call::fallocate::<E>(CWD, FallocateMode::KEEP_SIZE, extent));
    assert_eq!(seen, (nr::FALLOCATE, vec![fd, 1, 3, 4]));
    let seen = shown(|| call::fadvise64::<E>(CWD, extent, FileAdvice::WILLNEED));
    assert_eq!(seen, (nr::FADVISE64, vec![fd, 3, 4, 3]));
    let seen = shown(|| call::readahead::<E>(CWD, extent));
    assert_eq!(seen, (nr::READAHEAD, vec![fd, 3, 4]));
    let seen = shown(|| call::lseek::<E>(CWD, SeekFrom::End(-1)));
    assert_eq!(seen, (nr::LSEEK, vec![fd, usize::MAX, 2]));
    let device = Device::new(1, 3).unwrap();
    let node = Node::device(FileType::CHARACTER, Mode::new(0o600), device);
    let seen = shown(|| call::mknodat::<E>(CWD, c"a", node));
    assert_eq!((seen.0, &seen.1[2..]), (nr::MKNODAT, &[0o20600, 0x103][..]));
}

#[test]
fn constants_and_sizes() {
    let fd = CWD.as_raw_fd() as usize;
    let (mask, how) = (SigSet::FULL, OpenHow::default());
    let (m, h) = (at(&mask), at(&how));
    let seen = shown(|| call::signalfd4::<E>(&mask, SignalfdFlags::CLOEXEC));
    assert_eq!(seen, (nr::SIGNALFD4, vec![usize::MAX, m, 8, 0o2000000]));
    let seen = shown(|| call::signalfd4_set::<E>(CWD, &mask));
    assert_eq!(seen, (nr::SIGNALFD4, vec![fd, m, 8, 0]));
    let seen = shown(|| call::openat2::<E>(CWD, c"a", &how));
    assert_eq!((seen.0, &seen.1[2..]), (nr::OPENAT2, &[h, 24][..]));
    let seen = shown(|| call::mmap_anonymous::<E>(4096, Prot::READ));
    assert_eq!(seen, (nr::MMAP, vec![0, 4096, 1, 0x22, usize::MAX, 0]));
    let seen = shown(|| call::pidfd_send_signal::<E>(CWD, Signal::TERM));
    assert_eq!(seen, (nr::PIDFD_SEND_SIGNAL, vec![fd, 15, 0, 0]));
    let seen = shown(|| call::pidfd_getfd::<E>(CWD, 7));
    assert_eq!(seen, (nr::PIDFD_GETFD, vec![fd, 7, 0]));
    let seen = shown(|| call::futimens::<E>(CWD, None));
    assert_eq!(seen, (nr::UTIMENSAT, vec![fd, 0, 0, 0]));
    let seen = shown(|| call::copy_file_range::<E>(CWD, None, CWD, None, 9));
    assert_eq!(seen, (nr::COPY_FILE_RANGE, vec![fd, 0, fd, 0, 9, 0]));
    let seen = shown(|| call::fsconfig_create::<E>(CWD));
    assert_eq!(seen, (nr::FSCONFIG, vec![fd, 6, 0, 0, 0]));
    let seen = shown(|| call::fsconfig_set_flag::<E>(CWD, c"ro"));
    assert_eq!((seen.0, seen.1[1], &seen.1[3..]), (nr::FSCONFIG, 0, &[0, 0][..]));
    let seen = shown(|| call::fsconfig_set_string::<E>(CWD, c"a", c"b"));
    assert_eq!((seen.0, seen.1[1], seen.1[4]), (nr::FSCONFIG, 1, 0));
    let fds = &mut [];
    let seen = shown(|| call::ppoll::<E>(fds, None, Some(&mask)));
    assert_eq!((seen.0, &seen.1[1..]), (nr::PPOLL, &[0, 0, m, 8][..]));
    let events = &mut [EpollEvent::default()];
    let e = events.as_ptr().addr();
    let seen = shown(|| call::epoll_pwait::<E>(CWD, events, -1, Some(&mask)));
    assert_eq!(seen, (nr::EPOLL_PWAIT, vec![fd, e, 1, -1isize as usize, m, 8]));
    let seen = shown(|| call::epoll_pwait2::<E>(CWD, events, None, None));
    assert_eq!(seen, (nr::EPOLL_PWAIT2, vec![fd, e, 1, 0, 0, 8]));
    let [mut a, mut b, mut c] = [FdSet::default(); 3];
    let sets = [at(&a), at(&b), at(&c)];
    let mut time = Timespec { sec: 1, nsec: 0 };
    let t = at(&time);
    let seen = shown(|| {
        let (a, b, c) = (Some(&mut a), Some(&mut b), Some(&mut c));
        call::pselect6::<E>(7, a, b, c, Some(&mut time), Some(&mask))
    });
    assert_eq!((seen.0, &seen.1[..5]), (nr::PSELECT6, &[7, sets[0], sets[1], sets[2], t][..]));
    assert!(seen.1.len() == 6 && seen.1[5] != 0);
}

#[test]
fn typed_forms_of_fcntl_and_ioctl() {
    let fd = CWD.as_raw_fd() as usize;
    let lock = &mut FileLock::new(LockKind::READ, Extent { offset: 0, len: 0 });
    let l = at(lock);
    let fcntl = |op: i32, arg: Option<usize>| {
        let regs = [fd, op as usize].into_iter().chain(arg).collect::<Vec<_>>();
        (nr::FCNTL, regs)
    };
    use libc::*;
    assert_eq!(shown(|| call::fcntl_getfd::<E>(CWD)), fcntl(F_GETFD, None));
    let set = shown(|| call::fcntl_setfd::<E>(CWD, FdFlags::CLOEXEC));
    assert_eq!(set, fcntl(F_SETFD, Some(1)));
    assert_eq!(shown(|| call::fcntl_getfl::<E>(CWD)), fcntl(F_GETFL, None));
    let set = shown(|| call::fcntl_setfl::<E>(CWD, OFlags::APPEND));
    assert_eq!(set, fcntl(F_SETFL, Some(O_APPEND as usize)));
    let dup = shown(|| call::fcntl_dupfd_cloexec::<E>(CWD, 9));
    assert_eq!(dup, fcntl(F_DUPFD_CLOEXEC, Some(9)));
    assert_eq!(shown(|| call::fcntl_setpipe_sz::<E>(CWD, 9)), fcntl(F_SETPIPE_SZ, Some(9)));
    assert_eq!(shown(|| call::fcntl_getpipe_sz::<E>(CWD)), fcntl(F_GETPIPE_SZ, None));
    let add = shown(|| call::fcntl_add_seals::<E>(CWD, Seals::GROW));
    assert_eq!(add, fcntl(F_ADD_SEALS, Some(4)));
    assert_eq!(shown(|| call::fcntl_get_seals::<E>(CWD)), fcntl(F_GET_SEALS, None));
    assert_eq!(shown(|| call::fcntl_getlk::<E>(CWD, lock)), fcntl(F_GETLK, Some(l)));
    assert_eq!(shown(|| call::fcntl_setlk::<E>(CWD, lock)), fcntl(F_SETLK, Some(l)));
    assert_eq!(shown(|| call::fcntl_setlkw::<E>(CWD, lock)), fcntl(F_SETLKW, Some(l)));
    assert_eq!(shown(|| call::fcntl_ofd_getlk::<E>(CWD, lock)), fcntl(F_OFD_GETLK, Some(l)));
    assert_eq!(shown(|| call::fcntl_ofd_setlk::<E>(CWD, lock)), fcntl(F_OFD_SETLK, Some(l)));
    assert_eq!(shown(|| call::fcntl_ofd_setlkw::<E>(CWD, lock)), fcntl(F_OFD_SETLKW, Some(l)));
    let ioctls = [
        (shown(|| call::ioctl_fionbio::<E>(CWD, true)), FIONBIO),
        (shown(|| call::ioctl_fionread::<E>(CWD)), FIONREAD),
        (shown(|| call::ioctl_tiocgwinsz::<E>(CWD)), TIOCGWINSZ),
    ];
    for ((nr, regs), request) in ioctls {
        assert_eq!((nr, regs.len(), &regs[..2]), (nr::IOCTL, 3, &[fd, request as usize][..]));
    }
}

#[test]
fn given_away_descriptors() {
    let (closed, kept) =
        (raw::dup(std::io::stderr()).unwrap(), raw::dup(std::io::stderr()).unwrap());
    let number = closed.as_raw_fd() as usize;
    assert_eq!(shown(|| call::close::<E>(closed)), (nr::CLOSE, vec![number]));
    // `Shown` closed nothing, and the descriptor is nobody's: the number is still open.
    // SAFETY: numbers only.
    assert_eq!(unsafe { libc::close(number as i32) }, 0);
    let mut kept = kept;
    let number = kept.as_raw_fd() as usize;
    let seen = shown(|| call::dup3::<E>(CWD, &mut kept, DupFlags::CLOEXEC));
    assert_eq!(seen, (nr::DUP3, vec![CWD.as_raw_fd() as usize, number, 0o2000000]));
}
