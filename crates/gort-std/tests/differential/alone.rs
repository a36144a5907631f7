//! Programs of one party: a few descriptors, and calls on them.
//!
//! # Safety
//!
//! Buffers are on the stack, and as long as is said; descriptors are this program's.

#![allow(unsafe_code)]

use crate::calls::{Answer, In, Out, Wait, call, input, limit, output, set_nonblocking, wait};
use libc::{c_int, c_void};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::ptr::null_mut;

/// Places for descriptors.
const PLACES: usize = 8;
/// The number of one that is not open.
const NONE: c_int = 77_777;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Make {
    Pipe,
    /// Of Unix sockets of this type.
    Pair(c_int),
    Counter(u32),
    File,
    /// For Unix sockets of this type.
    Listener(c_int),
    Queue,
    Timer,
}

#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Puts it into this place, and its other end into the next.
    Make(usize, Make, bool),
    Close(usize),
    Dup(usize, usize),
    Dup2(usize, usize),
    SetNonblocking(usize, bool, bool),
    Flags(usize),
    Input(usize, In, usize),
    Output(usize, Out, usize),
    /// To or from where there is no memory.
    NoMemory(usize, bool),
    Limit(usize, bool, i64),
    Shutdown(usize, c_int),
    Error(usize),
    Wait(Wait, Vec<(usize, i16)>, i32),
    Connect(usize, usize, bool),
    Accept(usize, usize, c_int),
    /// Puts a descriptor into a queue, or takes it out.
    Queue(usize, c_int, usize, u32),
    QueueWait(usize, i32, i32),
    /// Sends a descriptor by another.
    Pass(usize, usize),
    Take(usize, usize),
    Seek(usize, i64),
    Sync(usize, bool),
    Flock(usize, c_int),
    Record(usize, bool, c_int),
    Splice(usize, usize, usize),
    SendFile(usize, usize, usize),
    CopyRange(usize, usize, usize),
    Sleep(usize),
    Child(usize),
}

fn place() -> impl Strategy<Value = usize> {
    0..PLACES
}

pub(crate) fn flags() -> impl Strategy<Value = c_int> {
    let flags = [libc::MSG_PEEK, libc::MSG_DONTWAIT, libc::MSG_TRUNC, libc::MSG_WAITALL];
    proptest::sample::subsequence(flags.to_vec(), 0..=2)
        .prop_map(|flags| flags.into_iter().fold(0, |all, flag| all | flag))
}

fn how_in() -> impl Strategy<Value = In> {
    prop_oneof![
        3 => Just(In::Read),
        2 => Just(In::Readv),
        1 => (-1i64..2000).prop_map(In::Pread),
        2 => flags().prop_map(In::Recv),
        1 => flags().prop_map(In::Recvfrom),
        1 => flags().prop_map(In::Recvmsg),
        1 => (0u32..4, select(vec![0, libc::MSG_DONTWAIT, libc::MSG_WAITFORONE]))
            .prop_map(|(count, flags)| In::Recvmmsg(count, flags)),
    ]
}

fn how_out() -> impl Strategy<Value = Out> {
    let flags = || select(vec![0, libc::MSG_DONTWAIT, libc::MSG_NOSIGNAL]);
    prop_oneof![
        3 => Just(Out::Write),
        2 => Just(Out::Writev),
        1 => (-1i64..2000).prop_map(Out::Pwrite),
        2 => flags().prop_map(Out::Send),
        1 => flags().prop_map(Out::Sendto),
        1 => flags().prop_map(Out::Sendmsg),
        1 => (0u32..4, flags()).prop_map(|(count, flags)| Out::Sendmmsg(count, flags)),
    ]
}

fn make() -> impl Strategy<Value = Make> {
    let types = || select(vec![libc::SOCK_STREAM, libc::SOCK_SEQPACKET]);
    prop_oneof![
        3 => Just(Make::Pipe),
        6 => select(vec![libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_SEQPACKET])
            .prop_map(Make::Pair),
        1 => (0u32..3).prop_map(Make::Counter),
        1 => Just(Make::File),
        1 => types().prop_map(Make::Listener),
        1 => Just(Make::Queue),
        1 => Just(Make::Timer),
    ]
}

fn length() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 0usize..100, 2 => 100usize..4096, 1 => 4096usize..300_000]
}

pub(crate) fn op() -> impl Strategy<Value = Op> {
    let wants =
        || (place(), select(vec![libc::POLLIN, libc::POLLOUT, libc::POLLIN | libc::POLLOUT]));
    let waits = || select(vec![Wait::Poll, Wait::Ppoll, Wait::Select, Wait::Pselect]);
    let queue = select(vec![libc::EPOLL_CTL_ADD, libc::EPOLL_CTL_ADD, libc::EPOLL_CTL_DEL]);
    let events = select(vec![libc::EPOLLIN, libc::EPOLLOUT, libc::EPOLLIN | libc::EPOLLET]);
    prop_oneof![
        12 => (place(), make(), any::<bool>()).prop_map(|(at, what, nb)| Op::Make(at, what, nb)),
        2 => place().prop_map(Op::Close),
        2 => (place(), place()).prop_map(|(from, to)| Op::Dup(from, to)),
        1 => (place(), place()).prop_map(|(from, to)| Op::Dup2(from, to)),
        2 => (place(), any::<bool>(), any::<bool>())
            .prop_map(|(at, on, ioctl)| Op::SetNonblocking(at, on, ioctl)),
        1 => place().prop_map(Op::Flags),
        12 => (place(), how_in(), length()).prop_map(|(at, how, len)| Op::Input(at, how, len)),
        16 => (place(), how_out(), length()).prop_map(|(at, how, len)| Op::Output(at, how, len)),
        1 => (place(), any::<bool>()).prop_map(|(at, input)| Op::NoMemory(at, input)),
        1 => (place(), any::<bool>(), 1i64..3).prop_map(|(at, input, ms)| Op::Limit(at, input, ms)),
        2 => (place(), 0..4).prop_map(|(at, how)| Op::Shutdown(at, how)),
        1 => place().prop_map(Op::Error),
        6 => (waits(), vec(wants(), 0..4), 0..3).prop_map(|(how, all, ms)| Op::Wait(how, all, ms)),
        3 => (place(), place(), any::<bool>()).prop_map(|(at, to, nb)| Op::Connect(at, to, nb)),
        3 => (place(), place(), select(vec![0, libc::SOCK_NONBLOCK, 5]))
            .prop_map(|(at, to, flags)| Op::Accept(at, to, flags)),
        3 => (place(), queue, place(), events)
            .prop_map(|(at, op, of, events)| Op::Queue(at, op, of, events as u32)),
        3 => (place(), 0..3, 0..3).prop_map(|(at, count, ms)| Op::QueueWait(at, count, ms)),
        1 => (place(), place()).prop_map(|(by, what)| Op::Pass(by, what)),
        1 => (place(), place()).prop_map(|(by, to)| Op::Take(by, to)),
        1 => (place(), -1i64..1000).prop_map(|(at, to)| Op::Seek(at, to)),
        1 => (place(), any::<bool>()).prop_map(|(at, data)| Op::Sync(at, data)),
        1 => (place(), select(vec![libc::LOCK_SH, libc::LOCK_EX, libc::LOCK_UN, 99]))
            .prop_map(|(at, how)| Op::Flock(at, how)),
        1 => (place(), any::<bool>(), select(vec![libc::F_RDLCK, libc::F_WRLCK, libc::F_UNLCK, 9]))
            .prop_map(|(at, wait, how)| Op::Record(at, wait, how)),
        2 => (place(), place(), length()).prop_map(|(from, to, len)| Op::Splice(from, to, len)),
        1 => (place(), place(), length()).prop_map(|(from, to, len)| Op::SendFile(from, to, len)),
        1 => (place(), place(), length()).prop_map(|(from, to, len)| Op::CopyRange(from, to, len)),
        1 => (0usize..6).prop_map(Op::Sleep),
        1 => (0usize..5).prop_map(Op::Child),
    ]
}

/// What has happened, line by line: the call, what it has returned, and what there is to see of it.
pub(crate) fn run(program: &[Op]) -> Vec<String> {
    let mut party = Party { fds: [NONE; PLACES], buffer: vec![0; 300_000], sent: 0 };
    program
        .iter()
        .map(|op| {
            let seen = party.step(op);
            format!("{op:?}: {seen}")
        })
        .collect()
}

struct Party {
    fds: [c_int; PLACES],
    buffer: Vec<u8>,
    /// What has been written so far, so that what is written next is something else.
    sent: u8,
}

impl Drop for Party {
    fn drop(&mut self) {
        (0..PLACES).for_each(|at| self.put(at, NONE));
    }
}

/// The same for the same bytes.
fn sum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(1, |sum: u32, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte)))
}

impl Party {
    fn fd(&self, at: usize) -> c_int {
        self.fds[at % PLACES]
    }

    fn put(&mut self, at: usize, fd: c_int) {
        let before = std::mem::replace(&mut self.fds[at % PLACES], fd);
        if before != NONE {
            call!(close(before));
        }
    }

    /// Into the place, if it is one.
    fn put_new(&mut self, at: usize, answer: Answer) -> String {
        if let Ok(fd) = answer.0 {
            self.put(at, fd as c_int);
        }
        format!("{:?}", answer.is_ok())
    }

    /// Whether the next call of this kind would wait for ever. What has a limit of time never does.
    fn hangs(&self, fd: c_int, events: i16) -> bool {
        let mut kind: c_int = 0;
        let mut len = size_of::<c_int>() as u32;
        let at = (&raw mut kind).cast::<c_void>();
        if call!(getsockopt(fd, libc::SOL_SOCKET, libc::SO_TYPE, at, &mut len)).0.is_ok() {
            return false;
        }
        let flags = call!(fcntl(fd, libc::F_GETFL));
        if flags.0.is_ok_and(|flags| flags as c_int & libc::O_NONBLOCK != 0) {
            return false;
        }
        wait(Wait::Poll, &[(fd, events)], 0).0 == Answer(Ok(0))
    }

    fn step(&mut self, op: &Op) -> String {
        match *op {
            Op::Make(at, what, nonblocking) => self.make(at, what, nonblocking),
            Op::Close(at) => {
                let fd = std::mem::replace(&mut self.fds[at], NONE);
                format!("{:?}", call!(close(fd)))
            }
            Op::Dup(from, to) => {
                let fd = call!(dup(self.fd(from)));
                self.put_new(to, fd)
            }
            Op::Dup2(from, to) => format!("{:?}", call!(dup2(self.fd(from), self.fd(to))).is_ok()),
            Op::SetNonblocking(at, on, ioctl) => {
                format!("{:?}", set_nonblocking(self.fd(at), on, ioctl))
            }
            Op::Flags(at) => format!("{:?}", call!(fcntl(self.fd(at), libc::F_GETFL))),
            Op::Input(at, how, len) => {
                let fd = self.fd(at);
                if self.hangs(fd, libc::POLLIN) {
                    return "would wait".into();
                }
                let buffer = &mut self.buffer[..len];
                buffer.fill(0);
                let answer = input(fd, how, buffer);
                format!("{answer:?}, {:x}", sum(&self.buffer[..len]))
            }
            Op::Output(at, how, len) => {
                let fd = self.fd(at);
                if self.hangs(fd, libc::POLLOUT) {
                    return "would wait".into();
                }
                // No more than a pipe has room for if it has any.
                let len = if has_limit(fd) { len } else { len.min(4096) };
                self.sent = self.sent.wrapping_add(1);
                self.buffer[..len].fill(self.sent);
                // A small number: counters overflow late.
                self.buffer[1..8].fill(0);
                format!("{:?}", output(fd, how, &self.buffer[..len]))
            }
            Op::NoMemory(at, reads) => {
                let fd = self.fd(at);
                if self.hangs(fd, if reads { libc::POLLIN } else { libc::POLLOUT }) {
                    return "would wait".into();
                }
                let nowhere = std::ptr::without_provenance_mut::<c_void>(8);
                let answer =
                    if reads { call!(read(fd, nowhere, 8)) } else { call!(write(fd, nowhere, 8)) };
                format!("{answer:?}")
            }
            Op::Limit(at, input, millis) => {
                let option = if input { libc::SO_RCVTIMEO } else { libc::SO_SNDTIMEO };
                format!("{:?}", limit(self.fd(at), option, millis))
            }
            Op::Shutdown(at, how) => format!("{:?}", call!(shutdown(self.fd(at), how))),
            Op::Error(at) => {
                let (mut error, mut len): (c_int, _) = (0, size_of::<c_int>() as u32);
                let to = (&raw mut error).cast::<c_void>();
                let answer =
                    call!(getsockopt(self.fd(at), libc::SOL_SOCKET, libc::SO_ERROR, to, &mut len));
                format!("{answer:?}, {error}")
            }
            Op::Wait(how, ref wants, millis) => {
                let fds: Vec<_> = wants.iter().map(|&(at, events)| (self.fd(at), events)).collect();
                format!("{:?}", wait(how, &fds, millis))
            }
            Op::Connect(at, to, nonblocking) => self.connect(at, to, nonblocking),
            Op::Accept(at, to, flags) => {
                let fd = call!(accept4(self.fd(at), null_mut(), null_mut(), flags));
                let seen = self.put_new(to, fd);
                if fd.0.is_ok() {
                    self.limits(to);
                }
                seen
            }
            Op::Queue(at, op, of, events) => {
                let mut event = libc::epoll_event { events, u64: of as u64 };
                format!("{:?}", call!(epoll_ctl(self.fd(at), op, self.fd(of), &mut event)))
            }
            Op::QueueWait(at, count, millis) => {
                let mut events = [libc::epoll_event { events: 0, u64: 0 }; 3];
                let answer = call!(epoll_wait(self.fd(at), events.as_mut_ptr(), count, millis));
                let seen: Vec<_> =
                    events[..answer.len()].iter().map(|one| (one.u64, one.events)).collect();
                format!("{answer:?}, {seen:?}")
            }
            Op::Pass(by, what) => self.pass(by, what),
            Op::Take(by, to) => self.take(by, to),
            Op::Seek(at, to) => format!("{:?}", call!(lseek(self.fd(at), to, libc::SEEK_SET))),
            Op::Sync(at, data) => {
                let fd = self.fd(at);
                format!("{:?}", if data { call!(fdatasync(fd)) } else { call!(fsync(fd)) })
            }
            // There may be two descriptions of no file: nobody else has a lock.
            Op::Flock(at, how) => format!("{:?}", call!(flock(self.fd(at), how | libc::LOCK_NB))),
            Op::Record(at, wait, how) => {
                // SAFETY: numbers only.
                let mut lock: libc::flock = unsafe { std::mem::zeroed() };
                lock.l_type = how as i16;
                lock.l_len = 10;
                let command = if wait { libc::F_SETLKW } else { libc::F_SETLK };
                format!("{:?}", call!(fcntl(self.fd(at), command, &raw mut lock)))
            }
            Op::Splice(from, to, len) => {
                let (from, to) = (self.fd(from), self.fd(to));
                let flags = libc::SPLICE_F_NONBLOCK;
                if self.hangs(from, libc::POLLIN) || self.hangs(to, libc::POLLOUT) {
                    return "would wait".into();
                }
                format!("{:?}", call!(splice(from, null_mut(), to, null_mut(), len, flags)))
            }
            Op::SendFile(from, to, len) => {
                let (from, to) = (self.fd(from), self.fd(to));
                if self.hangs(from, libc::POLLIN) || self.hangs(to, libc::POLLOUT) {
                    return "would wait".into();
                }
                let len = if has_limit(to) { len } else { len.min(4096) };
                format!("{:?}", call!(sendfile(to, from, null_mut(), len)))
            }
            Op::CopyRange(from, to, len) => {
                let (from, to) = (self.fd(from), self.fd(to));
                format!("{:?}", call!(copy_file_range(from, null_mut(), to, null_mut(), len, 0)))
            }
            Op::Sleep(which) => sleep(which),
            Op::Child(which) => child(which),
        }
    }

    fn make(&mut self, at: usize, what: Make, nonblocking: bool) -> String {
        let mut pair = [NONE; 2];
        let flag = |flag| if nonblocking { flag } else { 0 };
        let socket = flag(libc::SOCK_NONBLOCK);
        let answer = match what {
            Make::Pipe => call!(pipe2(pair.as_mut_ptr(), flag(libc::O_NONBLOCK))),
            Make::Pair(kind) => {
                call!(socketpair(libc::AF_UNIX, kind | socket, 0, pair.as_mut_ptr()))
            }
            Make::Counter(value) => call!(eventfd(value, flag(libc::EFD_NONBLOCK))),
            Make::File => call!(memfd_create(c"differential".as_ptr(), 0)),
            Make::Listener(kind) => call!(socket(libc::AF_UNIX, kind | socket, 0)),
            Make::Queue => call!(epoll_create1(0)),
            Make::Timer => {
                call!(timerfd_create(libc::CLOCK_MONOTONIC, flag(libc::TFD_NONBLOCK)))
            }
        };
        let Ok(first) = answer.0 else { return format!("{answer:?}") };
        if matches!(what, Make::Pipe | Make::Pair(_)) {
            self.put(at, pair[0]);
            self.put(at + 1, pair[1]);
            self.limits(at + 1);
        } else {
            self.put(at, first as c_int);
        }
        self.limits(at);
        if matches!(what, Make::Listener(_)) {
            // It gets a name of the kernel's.
            let (name, len) = unix_name();
            call!(bind(self.fd(at), (&raw const name).cast(), len));
            call!(listen(self.fd(at), 3));
        }
        if matches!(what, Make::Timer) {
            // It is over already.
            let time = |nanos| libc::timespec { tv_sec: 0, tv_nsec: nanos };
            let new = libc::itimerspec { it_interval: time(0), it_value: time(1) };
            call!(timerfd_settime(self.fd(at), 0, &new, null_mut()));
            call!(poll(
                &mut libc::pollfd { fd: self.fd(at), events: libc::POLLIN, revents: 0 },
                1,
                -1
            ));
        }
        format!("{:?}", answer.is_ok())
    }

    /// If it is a socket, nothing waits there for ever.
    fn limits(&self, at: usize) {
        for option in [libc::SO_RCVTIMEO, libc::SO_SNDTIMEO] {
            limit(self.fd(at), option, 1);
        }
    }

    fn connect(&mut self, at: usize, to: usize, nonblocking: bool) -> String {
        let (mut name, _) = unix_name();
        let mut len = size_of_val(&name) as u32;
        let named = call!(getsockname(self.fd(to), (&raw mut name).cast(), &mut len));
        let flag = if nonblocking { libc::SOCK_NONBLOCK } else { 0 };
        // Every second time by what is there already.
        if at.is_multiple_of(2) {
            let new = call!(socket(libc::AF_UNIX, libc::SOCK_STREAM | flag, 0));
            self.put_new(at, new);
            self.limits(at);
        }
        if named.0.is_err() || len <= 2 {
            // Nobody is called that.
            len = 10;
            name.sun_path[1..8].fill(b'#' as _);
        }
        format!("{:?}", call!(connect(self.fd(at), (&raw const name).cast(), len)))
    }

    fn pass(&mut self, by: usize, what: usize) -> String {
        let mut byte = 7_u8;
        let mut vector = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
        let mut control = [0_u64; 4];
        // SAFETY: nothing but numbers and pointers.
        let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
        header.msg_iov = &mut vector;
        header.msg_iovlen = 1;
        header.msg_control = control.as_mut_ptr().cast();
        // SAFETY: arithmetic; the control data has room for one descriptor.
        unsafe {
            header.msg_controllen = libc::CMSG_SPACE(4) as usize;
            let first = libc::CMSG_FIRSTHDR(&header);
            (*first).cmsg_level = libc::SOL_SOCKET;
            (*first).cmsg_type = libc::SCM_RIGHTS;
            (*first).cmsg_len = libc::CMSG_LEN(4) as usize;
            libc::CMSG_DATA(first).cast::<c_int>().write_unaligned(self.fd(what));
        }
        format!("{:?}", call!(sendmsg(self.fd(by), &header, libc::MSG_NOSIGNAL)))
    }

    fn take(&mut self, by: usize, to: usize) -> String {
        let mut byte = 0_u8;
        let mut vector = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
        let mut control = [0_u64; 4];
        // SAFETY: nothing but numbers and pointers.
        let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
        header.msg_iov = &mut vector;
        header.msg_iovlen = 1;
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = size_of_val(&control);
        let answer = call!(recvmsg(self.fd(by), &mut header, libc::MSG_CMSG_CLOEXEC));
        // SAFETY: the kernel has said what is there.
        let taken = unsafe {
            let first = libc::CMSG_FIRSTHDR(&header);
            let is_one =
                answer.0.is_ok() && !first.is_null() && (*first).cmsg_type == libc::SCM_RIGHTS;
            is_one.then(|| libc::CMSG_DATA(first).cast::<c_int>().read_unaligned())
        };
        if let Some(fd) = taken {
            self.put(to, fd);
        }
        format!("{answer:?}, {byte}, {}, {:x}", taken.is_some(), header.msg_flags)
    }
}

/// Whether it is a socket: those have limits of time.
fn has_limit(fd: c_int) -> bool {
    let (mut kind, mut len): (c_int, _) = (0, size_of::<c_int>() as u32);
    let at = (&raw mut kind).cast::<c_void>();
    call!(getsockopt(fd, libc::SOL_SOCKET, libc::SO_TYPE, at, &mut len)).0.is_ok()
}

/// Without a name, and how long that is.
fn unix_name() -> (libc::sockaddr_un, u32) {
    (libc::sockaddr_un { sun_family: libc::AF_UNIX as u16, sun_path: [0; 108] }, 2)
}

fn sleep(which: usize) -> String {
    let time = |sec, nanos| libc::timespec { tv_sec: sec, tv_nsec: nanos };
    let answer = match which {
        0 => call!(nanosleep(&time(0, 1000), null_mut())),
        1 => call!(nanosleep(&time(0, 1_000_000_000), null_mut())),
        2 => call!(nanosleep(&time(-1, 0), null_mut())),
        3 => call!(clock_nanosleep(
            libc::CLOCK_MONOTONIC,
            libc::TIMER_ABSTIME,
            &time(1, 0),
            null_mut()
        )),
        4 => call!(clock_nanosleep(77, 0, &time(0, 1), null_mut())),
        _ => call!(usleep(10)),
    };
    format!("{answer:?}")
}

/// There are none.
fn child(which: usize) -> String {
    let mut status = 0;
    // SAFETY: numbers only.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let answer = match which {
        0 => call!(waitpid(-1, &mut status, 0)),
        1 => call!(waitpid(-1, &mut status, libc::WNOHANG)),
        2 => call!(waitid(libc::P_ALL, 0, &mut info, libc::WEXITED)),
        3 => call!(waitpid(1, &mut status, 0)),
        _ => call!(waitpid(-1, null_mut(), 0x1234_0000)),
    };
    format!("{answer:?}, {status}")
}
