//! What may wait for a disk, announced to the scheduler: the thread waits, and its P goes to others if that lasts.
//! Nothing says when a disk will be ready; so it is with everything that looks for a name.
//!
//! Not seen are the calls that libc makes inside `readdir`, `opendir`, `realpath`, `mkstemp`, `fopen` and the like.
//!
//! # Between sockets, pipes and files
//!
//! `splice` and `sendfile` park until there is something to be had at one end and room at the other, and are then
//! made as the user has asked for them, announced: if it was not enough after all, the thread waits. So nothing
//! hangs on what is taken for ready; and nothing on what the kernel refuses, for it is not parked for what cannot be.
//! A large `sendfile` is made in parts. `tee`, `vmsplice` and `copy_file_range` are announced.
//!
//! # Safety
//!
//! What the kernel reads and writes is where the caller says.

#![allow(unsafe_code)]

use crate::fds::numbers::arrived;
use crate::poll::{is_ready, ready};
use crate::real::real;
use crate::taken::take_over;
use crate::words::{Word, announced, answer, blocking, kernel};
use gort_sys::{Errno, nr};
use libc::{POLLIN, POLLOUT, c_char, c_int, c_long, c_uint, c_void, iovec, size_t, ssize_t};
use std::os::fd::RawFd;

/// What `sendfile` sends at a time: what a socket that has room at all mostly has room for.
const PART: usize = 64 << 10;

/// What the kernel moves at most.
const MOST: usize = 0x7fff_f000;

/// Whether the user does not want to wait; what is no descriptor does not either.
pub(crate) fn is_nonblocking(fd: RawFd) -> bool {
    // SAFETY: only asks.
    let flags = unsafe { kernel(nr::FCNTL, [fd as usize, libc::F_GETFL as usize]) };
    flags as c_int & libc::O_NONBLOCK != 0
}

/// Whether the user does not want to wait there, or not for ever: then it is the kernel that knows how long. `option`
/// is a socket's timeout.
fn is_limited(fd: RawFd, option: c_int) -> bool {
    let mut time = [0u64; 2];
    let mut len = size_of_val(&time) as u32;
    let (time_at, len_at) =
        (time.as_mut_ptr().expose_provenance(), (&raw mut len).expose_provenance());
    let words = [fd as usize, libc::SOL_SOCKET as usize, option as usize, time_at, len_at];
    // SAFETY: writes there. Nothing, if it is no socket.
    unsafe { kernel(nr::GETSOCKOPT, words) };
    is_nonblocking(fd) || time != [0; 2]
}

fn is_socket(fd: RawFd) -> bool {
    let mut len = 0u32;
    let len_at = (&raw mut len).expose_provenance();
    let words = [fd as usize, libc::SOL_SOCKET as usize, libc::SO_TYPE as usize, 0, len_at];
    // SAFETY: there is no room for the answer, and none is given.
    unsafe { kernel(nr::GETSOCKOPT, words) == 0 }
}

/// `splice` on a goroutine.
///
/// # Safety
///
/// That of `splice`.
unsafe fn splice_when_ready(words: [usize; 6]) -> usize {
    const NONBLOCK: usize = libc::SPLICE_F_NONBLOCK as usize;
    let [from, from_at, to, to_at, len, flags] = words;
    let (source, target) = (from as RawFd, to as RawFd);
    while !(is_ready(source, POLLIN) && is_ready(target, POLLOUT)) {
        let limited =
            || is_limited(source, libc::SO_RCVTIMEO) || is_limited(target, libc::SO_SNDTIMEO);
        if flags & NONBLOCK != 0 || len == 0 || limited() {
            break;
        }
        // What is refused is refused at once. (A socket that has nothing would wait all the same.)
        if !is_socket(source) {
            // SAFETY: the caller's contract.
            let result =
                unsafe { announced(nr::SPLICE, [from, from_at, to, to_at, len, flags | NONBLOCK]) };
            if Errno::from_ret(result) != Err(Errno::EAGAIN) {
                return result;
            }
        }
        ready(source, POLLIN);
        ready(target, POLLOUT);
    }
    // SAFETY: the caller's contract.
    unsafe { announced(nr::SPLICE, words) }
}

/// `sendfile` on a goroutine.
///
/// # Safety
///
/// That of `sendfile`.
unsafe fn send_when_ready(to: c_int, from: c_int, at: usize, count: size_t) -> usize {
    // SAFETY: the caller's contract.
    let send = |count| unsafe { announced(nr::SENDFILE, [to as usize, from as usize, at, count]) };
    // What is refused is refused at once: a count too.
    let refused = send(if count > isize::MAX as usize { count } else { 0 });
    let count = count.min(MOST);
    let mut sent = 0;
    while refused == 0 && sent < count {
        let mut part = (count - sent).min(PART);
        if !is_ready(to, POLLOUT) {
            if is_limited(to, libc::SO_SNDTIMEO) {
                part = count - sent;
            } else {
                ready(to, POLLOUT);
            }
        }
        match Errno::from_ret(send(part)) {
            Ok(more @ 1..) => sent += more,
            Err(errno) if sent == 0 => return errno.to_ret(),
            // It is told next time.
            _ => break,
        }
    }
    if refused == 0 { sent } else { refused }
}

/// A lock that is waited for: tried with `attempt` first.
///
/// # Safety
///
/// Those of the calls.
unsafe fn lock<const N: usize>(nr: usize, attempt: [usize; N], wait: [usize; N]) -> usize {
    // SAFETY: the caller's contract.
    unsafe {
        match announced(nr, attempt) {
            held if !matches!(Errno::from_ret(held), Err(Errno::EAGAIN | Errno::EACCES)) => held,
            _ => blocking(nr, wait),
        }
    }
}

/// `lockf` on a goroutine.
///
/// # Safety
///
/// That of `lockf`.
unsafe fn lock_part(fd: c_int, command: c_int, len: c_long) -> c_int {
    if command != libc::F_LOCK {
        // SAFETY: the caller's contract.
        return unsafe { real!(lockf(fd, command, len): fn(c_int, c_int, c_long) -> c_int) };
    }
    // SAFETY: numbers, all of which may be 0.
    let mut part: libc::flock = unsafe { std::mem::zeroed() };
    (part.l_type, part.l_whence, part.l_len) = (libc::F_WRLCK as i16, libc::SEEK_CUR as i16, len);
    let words =
        |command: c_int| [fd as usize, command as usize, (&raw const part).expose_provenance()];
    // SAFETY: reads there.
    answer(unsafe { lock(nr::FCNTL, words(libc::F_SETLK), words(libc::F_SETLKW)) })
}

/// The words of preadv2(2) and pwritev2(2): the offset is two of them.
fn placed(fd: c_int, parts: *const iovec, count: c_int, at: c_long, flags: c_int) -> [usize; 6] {
    [fd.word(), parts.word(), count.word(), at.word(), 0, flags.word()]
}

macro_rules! announce {
    (
        $($open:ident($($opened:ident: $with:ty),*) = $by:ident;)* ---
        $($name:ident($($arg:ident: $type:ty),*) -> $ret:ty = $nr:ident;)* ---
        $(#[doc = $what:literal] $placed:ident = $call:ident or $plain:ident;)* --- $($more:tt)*
    ) => {
        take_over! {
            $(
                /// The thread waits.
                fn $open($($opened: $with),*) -> c_int else {
                    // SAFETY: the caller's contract.
                    answer(arrived(unsafe { kernel(nr::$by, [$($opened.word()),*]) }))
                } => {
                    // SAFETY: the caller's contract.
                    answer(arrived(unsafe { announced(nr::$by, [$($opened.word()),*]) }))
                }
            )*
            $(
                /// The thread waits.
                fn $name($($arg: $type),*) -> $ret = $nr => {
                    // SAFETY: the caller's contract.
                    answer(unsafe { announced(nr::$nr, [$($arg.word()),*]) })
                }
            )*
            $(
                #[doc = $what]
                fn $placed(
                    fd: c_int, parts: *const iovec, count: c_int, at: c_long, flags: c_int,
                ) -> ssize_t else {
                    // SAFETY: the caller's contract.
                    answer(unsafe { kernel(nr::$call, placed(fd, parts, count, at, flags)) })
                } => {
                    // SAFETY: the caller's contract.
                    unsafe {
                        match (at, flags) {
                            (-1, 0) => libc::$plain(fd, parts, count),
                            _ => answer(announced(nr::$call, placed(fd, parts, count, at, flags))),
                        }
                    }
                }
            )*
            $($more)*
        }
    };
}

type Text = *const c_char;

// `open` and `openat` are variadic in C: a caller passes the mode, if it does, where it is looked for here.
announce! {
    open(path: Text, flags: c_int, mode: c_uint) = OPEN;
    open64(path: Text, flags: c_int, mode: c_uint) = OPEN;
    openat(at: c_int, path: Text, flags: c_int, mode: c_uint) = OPENAT;
    openat64(at: c_int, path: Text, flags: c_int, mode: c_uint) = OPENAT;
    creat(path: Text, mode: c_uint) = CREAT;
    creat64(path: Text, mode: c_uint) = CREAT;
    ---
    stat(path: Text, found: *mut c_void) -> c_int = STAT;
    stat64(path: Text, found: *mut c_void) -> c_int = STAT;
    lstat(path: Text, found: *mut c_void) -> c_int = LSTAT;
    lstat64(path: Text, found: *mut c_void) -> c_int = LSTAT;
    fstat(fd: c_int, found: *mut c_void) -> c_int = FSTAT;
    fstat64(fd: c_int, found: *mut c_void) -> c_int = FSTAT;
    fstatat(at: c_int, path: Text, found: *mut c_void, flags: c_int) -> c_int = NEWFSTATAT;
    fstatat64(at: c_int, path: Text, found: *mut c_void, flags: c_int) -> c_int = NEWFSTATAT;
    statx(at: c_int, path: Text, flags: c_int, mask: c_uint, found: *mut c_void) -> c_int = STATX;
    statfs(path: Text, found: *mut c_void) -> c_int = STATFS;
    statfs64(path: Text, found: *mut c_void) -> c_int = STATFS;
    fstatfs(fd: c_int, found: *mut c_void) -> c_int = FSTATFS;
    fstatfs64(fd: c_int, found: *mut c_void) -> c_int = FSTATFS;
    access(path: Text, mode: c_int) -> c_int = ACCESS;
    getdents64(fd: c_int, into: *mut c_void, len: size_t) -> ssize_t = GETDENTS64;
    readlink(path: Text, into: *mut c_char, len: size_t) -> ssize_t = READLINK;
    readlinkat(at: c_int, path: Text, into: *mut c_char, len: size_t) -> ssize_t = READLINKAT;
    pread(fd: c_int, into: *mut c_void, len: size_t, at: c_long) -> ssize_t = PREAD64;
    pread64(fd: c_int, into: *mut c_void, len: size_t, at: c_long) -> ssize_t = PREAD64;
    pwrite(fd: c_int, from: *const c_void, len: size_t, at: c_long) -> ssize_t = PWRITE64;
    pwrite64(fd: c_int, from: *const c_void, len: size_t, at: c_long) -> ssize_t = PWRITE64;
    preadv(fd: c_int, parts: *const c_void, count: c_int, at: c_long) -> ssize_t = PREADV;
    preadv64(fd: c_int, parts: *const c_void, count: c_int, at: c_long) -> ssize_t = PREADV;
    pwritev(fd: c_int, parts: *const c_void, count: c_int, at: c_long) -> ssize_t = PWRITEV;
    pwritev64(fd: c_int, parts: *const c_void, count: c_int, at: c_long) -> ssize_t = PWRITEV;
    fsync(fd: c_int) -> c_int = FSYNC;
    fdatasync(fd: c_int) -> c_int = FDATASYNC;
    syncfs(fd: c_int) -> c_int = SYNCFS;
    sync_file_range(fd: c_int, from: c_long, len: c_long, flags: c_uint) -> c_int = SYNC_FILE_RANGE;
    msync(from: *mut c_void, len: size_t, flags: c_int) -> c_int = MSYNC;
    readahead(fd: c_int, from: c_long, len: size_t) -> ssize_t = READAHEAD;
    truncate(path: Text, len: c_long) -> c_int = TRUNCATE;
    truncate64(path: Text, len: c_long) -> c_int = TRUNCATE;
    ftruncate(fd: c_int, len: c_long) -> c_int = FTRUNCATE;
    ftruncate64(fd: c_int, len: c_long) -> c_int = FTRUNCATE;
    fallocate(fd: c_int, mode: c_int, from: c_long, len: c_long) -> c_int = FALLOCATE;
    fallocate64(fd: c_int, mode: c_int, from: c_long, len: c_long) -> c_int = FALLOCATE;
    rename(from: Text, to: Text) -> c_int = RENAME;
    renameat(from_at: c_int, from: Text, to_at: c_int, to: Text) -> c_int = RENAMEAT;
    renameat2(from_at: c_int, from: Text, to_at: c_int, to: Text, flags: c_uint) -> c_int = RENAMEAT2;
    link(from: Text, to: Text) -> c_int = LINK;
    linkat(from_at: c_int, from: Text, to_at: c_int, to: Text, flags: c_int) -> c_int = LINKAT;
    symlink(text: Text, path: Text) -> c_int = SYMLINK;
    symlinkat(text: Text, at: c_int, path: Text) -> c_int = SYMLINKAT;
    unlink(path: Text) -> c_int = UNLINK;
    unlinkat(at: c_int, path: Text, flags: c_int) -> c_int = UNLINKAT;
    mkdir(path: Text, mode: c_uint) -> c_int = MKDIR;
    mkdirat(at: c_int, path: Text, mode: c_uint) -> c_int = MKDIRAT;
    rmdir(path: Text) -> c_int = RMDIR;
    chdir(path: Text) -> c_int = CHDIR;
    chmod(path: Text, mode: c_uint) -> c_int = CHMOD;
    fchmod(fd: c_int, mode: c_uint) -> c_int = FCHMOD;
    chown(path: Text, user: c_uint, group: c_uint) -> c_int = CHOWN;
    lchown(path: Text, user: c_uint, group: c_uint) -> c_int = LCHOWN;
    fchown(fd: c_int, user: c_uint, group: c_uint) -> c_int = FCHOWN;
    fchownat(at: c_int, path: Text, user: c_uint, group: c_uint, flags: c_int) -> c_int = FCHOWNAT;
    utimensat(at: c_int, path: Text, times: *const c_void, flags: c_int) -> c_int = UTIMENSAT;
    copy_file_range(
        from: c_int, from_at: *mut c_long, to: c_int, to_at: *mut c_long, len: size_t, flags: c_uint
    ) -> ssize_t = COPY_FILE_RANGE;
    tee(from: c_int, to: c_int, len: size_t, flags: c_uint) -> ssize_t = TEE;
    vmsplice(pipe: c_int, parts: *const c_void, count: size_t, flags: c_uint) -> ssize_t = VMSPLICE;
    ---
    /// As `readv` without an offset and flags; else the thread waits.
    preadv2 = PREADV2 or readv;
    /// As `readv` without an offset and flags; else the thread waits.
    preadv64v2 = PREADV2 or readv;
    /// As `writev` without an offset and flags; else the thread waits.
    pwritev2 = PWRITEV2 or writev;
    /// As `writev` without an offset and flags; else the thread waits.
    pwritev64v2 = PWRITEV2 or writev;
    ---
    /// Parks until both ends are ready.
    fn splice(
        from: c_int, from_at: *mut c_long, to: c_int, to_at: *mut c_long, len: size_t, flags: c_uint,
    ) -> ssize_t = SPLICE => {
        // SAFETY: the caller's contract.
        answer(unsafe {
            splice_when_ready([from.word(), from_at.word(), to.word(), to_at.word(), len, flags.word()])
        })
    }

    /// Parks until there is room for what is sent.
    fn sendfile(to: c_int, from: c_int, at: *mut c_long, count: size_t) -> ssize_t = SENDFILE => {
        // SAFETY: the caller's contract.
        answer(unsafe { send_when_ready(to, from, at.word(), count) })
    }

    /// Parks until there is room for what is sent.
    fn sendfile64(to: c_int, from: c_int, at: *mut c_long, count: size_t) -> ssize_t = SENDFILE => {
        // SAFETY: the caller's contract.
        answer(unsafe { send_when_ready(to, from, at.word(), count) })
    }

    /// The thread waits for the lock.
    fn flock(fd: c_int, operation: c_int) -> c_int = FLOCK => {
        let attempt = [fd.word(), (operation | libc::LOCK_NB).word()];
        let wait = [fd.word(), operation.word()];
        // SAFETY: the caller's contract.
        answer(unsafe { lock(nr::FLOCK, attempt, wait) })
    }

    /// The thread waits for the lock.
    fn lockf(fd: c_int, command: c_int, len: c_long) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { real!(lockf(fd, command, len): fn(c_int, c_int, c_long) -> c_int) }
    } => {
        // SAFETY: as above.
        unsafe { lock_part(fd, command, len) }
    }

    /// The thread waits for the lock.
    fn lockf64(fd: c_int, command: c_int, len: c_long) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { real!(lockf(fd, command, len): fn(c_int, c_int, c_long) -> c_int) }
    } => {
        // SAFETY: as above.
        unsafe { lock_part(fd, command, len) }
    }
}
