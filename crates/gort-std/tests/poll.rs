//! poll, select and `epoll_wait` on goroutines: the kernel's answers, and parked goroutines until there is one.
//!
//! # Safety
//!
//! Arrays, sets and times live for as long as the call, and have room for what is asked.

#![allow(unsafe_code)]

mod support;

use gort_std as _;
use libc::{
    POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI, POLLRDHUP, c_int, pollfd, timespec,
};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::ptr::{null, null_mut};
use std::time::{Duration, Instant};
use support::everywhere;
use support::files::TempDir;

fn errno() -> c_int {
    io::Error::last_os_error().raw_os_error().expect("an error")
}

fn pollfds(list: &[(RawFd, i16)]) -> Vec<pollfd> {
    list.iter().map(|(fd, events)| pollfd { fd: *fd, events: *events, revents: 0x7ead }).collect()
}

/// What poll says: its result or error, and what it has found.
fn poll(list: &[(RawFd, i16)], timeout: c_int) -> (c_int, Vec<i16>) {
    let mut fds = pollfds(list);
    // SAFETY: see the module.
    let result = unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as u64, timeout) };
    let result = if result < 0 { -errno() } else { result };
    (result, fds.iter().map(|one| one.revents).collect())
}

fn ppoll(list: &[(RawFd, i16)], time: Option<timespec>) -> (c_int, Vec<i16>) {
    let mut fds = pollfds(list);
    let time = time.as_ref().map_or(null(), |time| &raw const *time);
    // SAFETY: see the module.
    let result = unsafe { libc::ppoll(fds.as_mut_ptr(), fds.len() as u64, time, null()) };
    let result = if result < 0 { -errno() } else { result };
    (result, fds.iter().map(|one| one.revents).collect())
}

const NONE: (c_int, [i16; 1]) = (0, [0]);

fn one(found: (c_int, Vec<i16>)) -> (c_int, [i16; 1]) {
    (found.0, [found.1[0]])
}

fn pipe() -> (PipeReader, PipeWriter) {
    io::pipe().expect("there are descriptors")
}

fn fill(mut writer: &PipeWriter) {
    // What it has room for by default.
    writer.write_all(&[0; 1 << 16]).unwrap();
}

const MILLI: Duration = Duration::from_millis(1);

/// Does `work` when this goroutine, or thread, most likely waits.
fn later<R>(work: impl FnOnce() + Send, wait: impl FnOnce() -> R) -> R {
    std::thread::scope(|s| {
        s.spawn(|| {
            std::thread::sleep(3 * MILLI);
            work();
        });
        wait()
    })
}

#[test]
fn what_there_is() {
    everywhere(|| {
        for wait in [0, 1, -1] {
            let (reader, mut writer) = pipe();
            let (r, w) = (reader.as_raw_fd(), writer.as_raw_fd());
            if wait >= 0 {
                assert_eq!(one(poll(&[(r, POLLIN)], wait)), NONE);
                assert_eq!(one(poll(&[(r, POLLOUT)], wait)), NONE);
                assert_eq!(one(poll(&[(r, 0)], wait)), NONE);
            }
            assert_eq!(poll(&[(r, POLLIN), (w, POLLOUT)], wait), (1, vec![0, POLLOUT]));
            writer.write_all(b"x").unwrap();
            assert_eq!(poll(&[(r, POLLIN), (w, 0)], wait), (1, vec![POLLIN, 0]));
            drop(writer);
            assert_eq!(poll(&[(r, POLLIN)], wait), (1, vec![POLLIN | POLLHUP]));
            assert_eq!(poll(&[(r, 0), (-1, POLLIN), (-7, POLLIN)], wait), (1, vec![POLLHUP, 0, 0]));
            let (reader, writer) = pipe();
            drop(reader);
            assert_eq!(poll(&[(writer.as_raw_fd(), 0)], wait), (1, vec![POLLERR]));
            let gone = writer.as_raw_fd();
            drop(writer);
            assert_eq!(poll(&[(gone, POLLIN)], wait).0, 1);
            assert_eq!(poll(&[(1 << 20, POLLIN)], wait), (1, vec![POLLNVAL]));
        }
    });
}

#[test]
fn what_comes() {
    everywhere(|| {
        let (reader, mut writer) = pipe();
        let r = reader.as_raw_fd();
        let came = later(|| writer.write_all(b"x").unwrap(), || poll(&[(r, POLLIN)], -1));
        assert_eq!(came, (1, vec![POLLIN]));
        (&reader).read_exact(&mut [0]).unwrap();
        let came = later(|| drop(writer), || poll(&[(r, POLLIN)], 100_000));
        assert_eq!(came, (1, vec![POLLHUP]));

        let (mut reader, writer) = pipe();
        fill(&writer);
        let w = writer.as_raw_fd();
        let came = later(
            || reader.read_exact(&mut vec![0; 1 << 16]).unwrap(),
            || poll(&[(-1, POLLIN), (w, POLLOUT)], -1),
        );
        assert_eq!(came, (1, vec![0, POLLOUT]));
        let came = later(|| drop(reader), || poll(&[(w, 0)], -1));
        assert_eq!(came, (1, vec![POLLERR]));

        let (a, b) = UnixStream::pair().unwrap();
        let both = [(a.as_raw_fd(), POLLIN), (a.as_raw_fd(), POLLRDHUP), (b.as_raw_fd(), POLLIN)];
        let came = later(|| b.shutdown(std::net::Shutdown::Write).unwrap(), || poll(&both, -1));
        assert_eq!(came, (2, vec![POLLIN, POLLRDHUP, 0]));
        let came = later(|| drop(b), || poll(&[(a.as_raw_fd(), 0)], -1));
        assert_eq!(came, (1, vec![POLLHUP]));
    });
}

fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

#[test]
fn urgent_data() {
    everywhere(|| {
        let (client, server) = tcp();
        let urgent = || {
            // SAFETY: see the module.
            let sent =
                unsafe { libc::send(client.as_raw_fd(), c"!".as_ptr().cast(), 1, libc::MSG_OOB) };
            assert_eq!(sent, 1);
        };
        let s = server.as_raw_fd();
        assert_eq!(later(urgent, || poll(&[(s, POLLPRI)], -1)), (1, vec![POLLPRI]));
        assert_eq!(one(poll(&[(s, POLLIN)], 1)), NONE);
        let (mut except, mut read) = (set(&[s]), set(&[s]));
        assert_eq!(select(s + 1, Some(&mut read), None, Some(&mut except), None), 1);
        assert_eq!((members(&read), members(&except)), (vec![], vec![s]));
    });
}

#[test]
fn what_never_waits() {
    everywhere(|| {
        let dir = TempDir::new();
        let file = std::fs::File::create(dir.join("a")).unwrap();
        let f = file.as_raw_fd();
        assert_eq!(poll(&[(f, POLLIN | POLLOUT)], -1), (1, vec![POLLIN | POLLOUT]));
        // Of which nothing will ever be said.
        let start = Instant::now();
        assert_eq!(one(poll(&[(f, POLLPRI)], 3)), NONE);
        assert_eq!(poll(&[(f, POLLPRI), (-1, POLLIN)], 3), (0, vec![0, 0]));
        assert_eq!(poll(&[], 3), (0, vec![]));
        assert!(start.elapsed() >= 9 * MILLI);
        // With one that does.
        let (reader, mut writer) = pipe();
        let list = [(f, POLLPRI), (reader.as_raw_fd(), POLLIN)];
        let came = later(|| writer.write_all(b"x").unwrap(), || poll(&list, -1));
        assert_eq!(came, (1, vec![0, POLLIN]));
    });
}

#[test]
fn what_is_refused() {
    everywhere(|| {
        // SAFETY: the kernel finds out.
        unsafe {
            assert_eq!((libc::poll(null_mut(), 1, 1), errno()), (-1, libc::EFAULT));
            assert_eq!((libc::poll(null_mut(), u64::MAX, 1), errno()), (-1, libc::EINVAL));
        }
        for (sec, nsec) in [(-1, 0), (0, -1), (0, 1_000_000_000)] {
            let time = timespec { tv_sec: sec, tv_nsec: nsec };
            assert_eq!(ppoll(&[(-1, 0)], Some(time)).0, -libc::EINVAL);
        }
        assert_eq!(select(-1, None, None, None, None), -libc::EINVAL);
        let mut time = libc::timeval { tv_sec: 0, tv_usec: -1 };
        assert_eq!(select(0, None, None, None, Some(&mut time)), -libc::EINVAL);
        let (reader, writer) = pipe();
        let gone = writer.as_raw_fd();
        drop(writer);
        let mut read = set(&[gone]);
        assert_eq!(select(gone + 1, Some(&mut read), None, None, None), -libc::EBADF);
        assert_eq!(members(&read), [gone]);
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 1];
        // SAFETY: see the module.
        unsafe {
            let mut wait = |fd, most| libc::epoll_wait(fd, events.as_mut_ptr(), most, 1);
            assert_eq!((wait(reader.as_raw_fd(), 1), errno()), (-1, libc::EINVAL));
            assert_eq!((wait(-1, 1), errno()), (-1, libc::EBADF));
            assert_eq!((wait(reader.as_raw_fd(), 0), errno()), (-1, libc::EINVAL));
        }
    });
}

#[test]
fn for_so_long() {
    everywhere(|| {
        let (reader, _writer) = pipe();
        let list = [(reader.as_raw_fd(), POLLIN)];
        for millis in [1, 2, 7] {
            let start = Instant::now();
            assert_eq!(one(poll(&list, millis as c_int)), NONE);
            assert!(start.elapsed() >= Duration::from_millis(millis));
            let start = Instant::now();
            let time = timespec { tv_sec: 0, tv_nsec: millis as i64 * 1_000_000 };
            assert_eq!(one(ppoll(&list, Some(time))), NONE);
            assert!(start.elapsed() >= Duration::from_millis(millis));
            // A watch that has waited for a time waits for none.
            let (reader, mut writer) = pipe();
            let list = [(reader.as_raw_fd(), POLLIN)];
            let came = later(|| writer.write_all(b"x").unwrap(), || ppoll(&list, None));
            assert_eq!(came, (1, vec![POLLIN]));
        }
    });
}

fn set(fds: &[RawFd]) -> libc::fd_set {
    // SAFETY: it is bits.
    let mut set: libc::fd_set = unsafe { std::mem::zeroed() };
    for fd in fds {
        assert!((*fd as usize) < libc::FD_SETSIZE);
        // SAFETY: it has room.
        unsafe { libc::FD_SET(*fd, &mut set) };
    }
    set
}

fn members(set: &libc::fd_set) -> Vec<RawFd> {
    // SAFETY: it has room.
    (0..libc::FD_SETSIZE as RawFd).filter(|fd| unsafe { libc::FD_ISSET(*fd, set) }).collect()
}

fn select(
    count: c_int,
    read: Option<&mut libc::fd_set>,
    write: Option<&mut libc::fd_set>,
    except: Option<&mut libc::fd_set>,
    time: Option<&mut libc::timeval>,
) -> c_int {
    let at = |set: Option<&mut libc::fd_set>| set.map_or(null_mut(), |set| &raw mut *set);
    let time = time.map_or(null_mut(), |time| &raw mut *time);
    // SAFETY: see the module.
    let result = unsafe { libc::select(count, at(read), at(write), at(except), time) };
    if result < 0 { -errno() } else { result }
}

#[test]
fn sets() {
    everywhere(|| {
        let (reader, mut writer) = pipe();
        let (full_reader, full) = pipe();
        fill(&full);
        let (r, w, f) = (reader.as_raw_fd(), writer.as_raw_fd(), full.as_raw_fd());
        let most = r.max(w).max(f) + 1;
        let (mut read, mut write) = (set(&[r]), set(&[w, f]));
        assert_eq!(select(most, Some(&mut read), Some(&mut write), None, None), 1);
        assert_eq!((members(&read), members(&write)), (vec![], vec![w]));
        // What is left of the time is told.
        let (mut read, mut write) = (set(&[r]), set(&[f]));
        let mut time = libc::timeval { tv_sec: 100, tv_usec: 0 };
        let came = later(
            || writer.write_all(b"x").unwrap(),
            || select(most, Some(&mut read), Some(&mut write), None, Some(&mut time)),
        );
        assert_eq!(came, 1);
        assert_eq!((members(&read), members(&write)), (vec![r], vec![]));
        assert!(time.tv_sec == 99 && (0..1_000_000).contains(&time.tv_usec), "{}", time.tv_sec);
        // Nothing is, when it is up.
        (&reader).read_exact(&mut [0]).unwrap();
        let mut read = set(&[r]);
        let mut time = libc::timeval { tv_sec: 0, tv_usec: 2_000 };
        let start = Instant::now();
        assert_eq!(select(most, Some(&mut read), None, None, Some(&mut time)), 0);
        assert!(start.elapsed() >= 2 * MILLI);
        assert_eq!((members(&read), time.tv_sec, time.tv_usec), (vec![], 0, 0));
        // Without descriptors it sleeps.
        let mut time = libc::timeval { tv_sec: 0, tv_usec: 2_000 };
        let start = Instant::now();
        assert_eq!(select(0, None, None, None, Some(&mut time)), 0);
        assert!(start.elapsed() >= 2 * MILLI);
        // A hang-up is something to read, and no exception.
        drop(writer);
        let (mut read, mut except) = (set(&[r]), set(&[r]));
        assert_eq!(select(most, Some(&mut read), None, Some(&mut except), None), 1);
        assert_eq!((members(&read), members(&except)), (vec![r], vec![]));
        let mut except = set(&[r]);
        let time = timespec { tv_sec: 0, tv_nsec: 2_000_000 };
        // SAFETY: see the module.
        let result =
            unsafe { libc::pselect(most, null_mut(), null_mut(), &mut except, &time, null()) };
        assert_eq!((result, members(&except), time.tv_nsec), (0, vec![], 2_000_000));
        drop(full_reader);
    });
}

/// An epoll descriptor of the user's own.
fn epoll(fds: &[(RawFd, c_int)]) -> OwnedFd {
    // SAFETY: it is a new descriptor.
    let epoll = unsafe { OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC)) };
    for (fd, events) in fds {
        let mut event = libc::epoll_event { events: *events as u32, u64: *fd as u64 };
        // SAFETY: see the module.
        let added =
            unsafe { libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, *fd, &mut event) };
        assert_eq!(added, 0);
    }
    epoll
}

fn events(epoll: &OwnedFd, timeout: c_int) -> Vec<(u64, u32)> {
    let mut events = [libc::epoll_event { events: 0, u64: 0 }; 8];
    // SAFETY: see the module.
    let count = unsafe { libc::epoll_wait(epoll.as_raw_fd(), events.as_mut_ptr(), 8, timeout) };
    events[..usize::try_from(count).expect("no error")]
        .iter()
        .map(|one| (one.u64, one.events))
        .collect()
}

#[test]
fn epolls() {
    everywhere(|| {
        let (reader, mut writer) = pipe();
        let r = reader.as_raw_fd();
        let inner = epoll(&[(r, libc::EPOLLIN | libc::EPOLLET)]);
        let outer = epoll(&[(inner.as_raw_fd(), libc::EPOLLIN)]);
        let start = Instant::now();
        assert_eq!(events(&inner, 2), []);
        assert!(start.elapsed() >= 2 * MILLI);
        let came = later(|| writer.write_all(b"x").unwrap(), || events(&outer, -1));
        assert_eq!(came, [(inner.as_raw_fd() as u64, libc::EPOLLIN as u32)]);
        assert_eq!(events(&inner, -1), [(r as u64, libc::EPOLLIN as u32)]);
        // Once, for it is edge-triggered.
        assert_eq!(events(&inner, 1), []);
        assert_eq!(poll(&[(inner.as_raw_fd(), POLLIN)], 1), (0, vec![0]));
        let came = later(|| writer.write_all(b"x").unwrap(), || events(&inner, 100_000));
        assert_eq!(came, [(r as u64, libc::EPOLLIN as u32)]);
        // What is added while somebody waits.
        let (other, mut other_writer) = pipe();
        other_writer.write_all(b"x").unwrap();
        let o = other.as_raw_fd();
        let came = later(
            || {
                let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 7 };
                // SAFETY: see the module.
                let added = unsafe {
                    libc::epoll_ctl(inner.as_raw_fd(), libc::EPOLL_CTL_ADD, o, &mut event)
                };
                assert_eq!(added, 0);
            },
            || events(&inner, -1),
        );
        assert_eq!(came, [(7, libc::EPOLLIN as u32)]);
    });
}
