//! Calls of libc's, by the numbers of descriptors, and what they return.
//!
//! # Safety
//!
//! Buffers, vectors and addresses are on the stack of who makes the call, and as long as is said.

#![allow(unsafe_code)]

use libc::{c_int, c_void, iovec, mmsghdr, msghdr, timespec, timeval};
use std::fmt;
use std::ptr::{null, null_mut};

/// What a call has returned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer(pub(crate) Result<i64, i32>);

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ok(value) => write!(f, "{value}"),
            Err(errno) => write!(f, "{:?}", gort_sys::Errno::from_raw(errno)),
        }
    }
}

impl Answer {
    /// As many bytes as it says.
    pub(crate) fn len(self) -> usize {
        self.0.unwrap_or(0) as usize
    }

    /// Whether it has succeeded; which number it is, is chance.
    pub(crate) fn is_ok(self) -> Answer {
        Answer(self.0.map(|_| 0))
    }
}

/// -1 says that `errno` does.
pub(crate) fn answer(value: i64) -> Answer {
    if value == -1 {
        return Answer(Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)));
    }
    Answer(Ok(value))
}

/// Makes a call.
macro_rules! call {
    ($name:ident($($arg:expr),* $(,)?)) => {
        $crate::calls::answer({
            let call = libc::$name;
            // SAFETY: see the module.
            #[allow(clippy::macro_metavars_in_unsafe, reason = "each module says why it may")]
            unsafe { call($($arg),*) as i64 }
        })
    };
}
pub(crate) use call;

/// How to read. All put bytes into the buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum In {
    Read,
    /// Into two halves.
    Readv,
    /// At this place.
    Pread(i64),
    Recv(c_int),
    Recvfrom(c_int),
    Recvmsg(c_int),
    /// So many at a time.
    Recvmmsg(u32, c_int),
}

/// How to write.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Out {
    Write,
    Writev,
    Pwrite(i64),
    Send(c_int),
    Sendto(c_int),
    Sendmsg(c_int),
    Sendmmsg(u32, c_int),
}

fn halves(at: *mut u8, len: usize) -> [iovec; 2] {
    let half = len / 2;
    [
        iovec { iov_base: at.cast(), iov_len: half },
        iovec { iov_base: at.wrapping_add(half).cast(), iov_len: len - half },
    ]
}

fn header(vectors: &mut [iovec; 2]) -> msghdr {
    // SAFETY: nothing but numbers and pointers.
    let mut header: msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = vectors.as_mut_ptr();
    header.msg_iovlen = 2;
    header
}

/// The same memory as often as is said.
fn headers(vectors: &mut [iovec; 2], count: u32) -> Vec<mmsghdr> {
    (0..count).map(|_| mmsghdr { msg_hdr: header(vectors), msg_len: 0 }).collect()
}

pub(crate) fn input(fd: c_int, how: In, buffer: &mut [u8]) -> Answer {
    let (at, len) = (buffer.as_mut_ptr(), buffer.len());
    let mut vectors = halves(at, len);
    match how {
        In::Read => call!(read(fd, at.cast::<c_void>(), len)),
        In::Readv => call!(readv(fd, vectors.as_ptr(), 2)),
        In::Pread(offset) => call!(pread(fd, at.cast::<c_void>(), len, offset)),
        In::Recv(flags) => call!(recv(fd, at.cast::<c_void>(), len, flags)),
        In::Recvfrom(flags) => {
            call!(recvfrom(fd, at.cast::<c_void>(), len, flags, null_mut(), null_mut()))
        }
        In::Recvmsg(flags) => call!(recvmsg(fd, &mut header(&mut vectors), flags)),
        In::Recvmmsg(count, flags) => {
            let mut all = headers(&mut vectors, count);
            call!(recvmmsg(fd, all.as_mut_ptr(), count, flags, null_mut()))
        }
    }
}

pub(crate) fn output(fd: c_int, how: Out, bytes: &[u8]) -> Answer {
    let (at, len) = (bytes.as_ptr(), bytes.len());
    let mut vectors = halves(at.cast_mut(), len);
    match how {
        Out::Write => call!(write(fd, at.cast::<c_void>(), len)),
        Out::Writev => call!(writev(fd, vectors.as_ptr(), 2)),
        Out::Pwrite(offset) => call!(pwrite(fd, at.cast::<c_void>(), len, offset)),
        Out::Send(flags) => call!(send(fd, at.cast::<c_void>(), len, flags)),
        Out::Sendto(flags) => call!(sendto(fd, at.cast::<c_void>(), len, flags, null(), 0)),
        Out::Sendmsg(flags) => call!(sendmsg(fd, &header(&mut vectors), flags)),
        Out::Sendmmsg(count, flags) => {
            let mut all = headers(&mut vectors, count);
            call!(sendmmsg(fd, all.as_mut_ptr(), count, flags))
        }
    }
}

/// How to wait for descriptors.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    Poll,
    Ppoll,
    Select,
    Pselect,
}

/// Waits so many milliseconds at most, -1 for ever, and says what has come, one after the other.
pub(crate) fn wait(how: Wait, fds: &[(c_int, i16)], millis: i32) -> (Answer, Vec<i16>) {
    let limit = timespec { tv_sec: 0, tv_nsec: i64::from(millis.max(0)) * 1_000_000 };
    let limit_at = if millis < 0 { null() } else { &raw const limit };
    match how {
        Wait::Poll | Wait::Ppoll => {
            let mut all: Vec<_> =
                fds.iter().map(|&(fd, events)| libc::pollfd { fd, events, revents: 0 }).collect();
            let (at, count) = (all.as_mut_ptr(), all.len() as libc::nfds_t);
            let answer = match how {
                Wait::Poll => call!(poll(at, count, millis)),
                _ => call!(ppoll(at, count, limit_at, null())),
            };
            (answer, all.iter().map(|one| one.revents).collect())
        }
        Wait::Select | Wait::Pselect => {
            // SAFETY: sets without descriptors.
            let mut sets: [libc::fd_set; 3] = unsafe { std::mem::zeroed() };
            let wants = [libc::POLLIN, libc::POLLOUT, libc::POLLPRI];
            let fds = || fds.iter().filter(|(fd, _)| (*fd as usize) < libc::FD_SETSIZE);
            for (fd, events) in fds() {
                for (set, want) in sets.iter_mut().zip(wants) {
                    if events & want != 0 {
                        // SAFETY: the set has room for it.
                        unsafe { libc::FD_SET(*fd, set) };
                    }
                }
            }
            let count = fds().map(|(fd, _)| fd + 1).max().unwrap_or(0);
            let [read, write, except] = &mut sets;
            let mut limit = timeval { tv_sec: 0, tv_usec: limit.tv_nsec / 1000 };
            let answer = if matches!(how, Wait::Select) {
                let limit = if millis < 0 { null_mut() } else { &raw mut limit };
                call!(select(count, read, write, except, limit))
            } else {
                call!(pselect(count, read, write, except, limit_at, null()))
            };
            // After an error they are what they were.
            let come = fds().map(|(fd, _)| {
                let come = sets.iter().zip(wants).filter(|(set, _)| {
                    // SAFETY: the set has room for it.
                    answer.0.is_ok() && unsafe { libc::FD_ISSET(*fd, *set) }
                });
                come.map(|(_, want)| want).sum()
            });
            (answer, come.collect())
        }
    }
}

/// Receiving and sending end sooner than for ever.
pub(crate) fn limit(fd: c_int, option: c_int, millis: i64) -> Answer {
    let time = timeval { tv_sec: 0, tv_usec: millis * 1000 };
    let at = (&raw const time).cast::<c_void>();
    call!(setsockopt(fd, libc::SOL_SOCKET, option, at, size_of::<timeval>() as u32))
}

/// Sets O_NONBLOCK or not.
pub(crate) fn set_nonblocking(fd: c_int, on: bool, by_ioctl: bool) -> Answer {
    if by_ioctl {
        let mut on = c_int::from(on);
        return call!(ioctl(fd, libc::FIONBIO, &raw mut on));
    }
    let flags = call!(fcntl(fd, libc::F_GETFL));
    let Ok(flags) = flags.0 else { return flags };
    let flags = flags as c_int & !libc::O_NONBLOCK | if on { libc::O_NONBLOCK } else { 0 };
    call!(fcntl(fd, libc::F_SETFL, flags))
}
