//! Many goroutines in poll, select and `epoll_wait` at a time; and whatever sequence of calls, the kernel's answers.
//!
//! # Safety
//!
//! Arrays, sets and times live for as long as the call, and have room for what is asked.

#![allow(unsafe_code)]

mod support;

use gort_std as _;
use gort_sys::raw;
use gort_sys::types::{Resource, Rlimit};
use libc::{POLLERR, POLLHUP, POLLIN, POLLOUT, POLLPRI, POLLRDHUP, c_int, pollfd};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::files::leaks_nothing;
use support::net::Rng;
use support::{all, calls, matrix, on_few_threads};

fn poll(list: &[(RawFd, i16)], timeout: c_int) -> (c_int, Vec<i16>) {
    let one = |(fd, events): &(RawFd, i16)| pollfd { fd: *fd, events: *events, revents: 0x7ead };
    let mut fds: Vec<_> = list.iter().map(one).collect();
    // SAFETY: see the module.
    let result = unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as u64, timeout) };
    (result, fds.iter().map(|one| one.revents).collect())
}

/// Waits until one is readable.
fn readable(fd: RawFd) {
    assert_eq!(poll(&[(fd, POLLIN)], -1), (1, vec![POLLIN]));
}

/// How many epoll descriptors this process has.
fn epolls() -> usize {
    let all = std::fs::read_dir("/proc/self/fd").unwrap();
    let names = all.filter_map(|one| std::fs::read_link(one.ok()?.path()).ok());
    names.filter(|name| name.to_string_lossy() == "anon_inode:[eventpoll]").count()
}

/// As many pipes as the process may have, with as many descriptors again for the watches.
fn many() -> Vec<(PipeReader, PipeWriter)> {
    let limit = raw::getrlimit(Resource::NOFILE).unwrap();
    let _ = raw::setrlimit(Resource::NOFILE, &Rlimit { current: limit.max, max: limit.max });
    let limit = raw::getrlimit(Resource::NOFILE).unwrap().current;
    let count = (limit / 4 - 100).min(1_000);
    assert!(count >= 100);
    (0..count).map(|_| io::pipe().unwrap()).collect()
}

#[test]
fn a_thousand_poll_on_few_threads() {
    on_few_threads("poll", || {
        let mut pipes = many();
        let (readers, mut writers): (Vec<_>, Vec<_>) = pipes.drain(..).unzip();
        let done = AtomicUsize::new(0);
        gort::scope(|s| {
            for mut reader in readers {
                let done = &done;
                s.go(move || {
                    for byte in 0..2 {
                        readable(reader.as_raw_fd());
                        let mut got = [9];
                        reader.read_exact(&mut got).unwrap();
                        assert_eq!(got, [byte]);
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                });
            }
            for byte in 0..2 {
                std::thread::sleep(Duration::from_millis(100));
                assert_eq!(done.load(Ordering::Relaxed), 0);
                writers.iter_mut().for_each(|writer| writer.write_all(&[byte]).unwrap());
            }
        });
        assert_eq!(done.into_inner(), writers.len());
        assert!(calls("poll") >= 2 * writers.len() as u64);
        // Of the watches of all of them few are kept.
        assert!(epolls() < 100, "{}", epolls());
    });
}

#[test]
fn hundreds_select_on_few_threads() {
    on_few_threads("select", || {
        const COUNT: usize = 300;
        // SAFETY: they are new descriptors.
        let event = || unsafe { OwnedFd::from_raw_fd(libc::eventfd(0, libc::EFD_CLOEXEC)) };
        let counters: Vec<_> = (0..COUNT).map(|_| event()).collect();
        let done = AtomicUsize::new(0);
        gort::scope(|s| {
            for counter in &counters {
                s.go(|| {
                    let fd = counter.as_raw_fd();
                    // SAFETY: bits, with room for this one; see the module.
                    unsafe {
                        let mut set: libc::fd_set = std::mem::zeroed();
                        libc::FD_SET(fd, &mut set);
                        assert_eq!(
                            libc::select(fd + 1, &mut set, null_mut(), null_mut(), null_mut()),
                            1
                        );
                        assert!(libc::FD_ISSET(fd, &set));
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                });
            }
            std::thread::sleep(Duration::from_millis(100));
            assert_eq!(done.load(Ordering::Relaxed), 0);
            let one = 1u64;
            for counter in &counters {
                // SAFETY: eight bytes.
                let written =
                    unsafe { libc::write(counter.as_raw_fd(), (&raw const one).cast(), 8) };
                assert_eq!(written, 8);
            }
        });
        assert_eq!(done.into_inner(), COUNT);
    });
}

/// An epoll that several goroutines wait for: each event is one's.
#[test]
fn one_epoll_for_many() {
    const ROUNDS: usize = 50;
    matrix(|_| {
        let (reader, writer) = io::pipe().unwrap();
        // SAFETY: a new descriptor; see the module.
        let epoll = unsafe {
            let epoll = OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC));
            let mut event =
                libc::epoll_event { events: (libc::EPOLLIN | libc::EPOLLET) as u32, u64: 5 };
            let (number, reader) = (epoll.as_raw_fd(), reader.as_raw_fd());
            assert_eq!(libc::epoll_ctl(number, libc::EPOLL_CTL_ADD, reader, &mut event), 0);
            epoll
        };
        let got = AtomicUsize::new(0);
        all(5, |i| {
            if i == 0 {
                for round in 0..ROUNDS {
                    (&writer).write_all(b"x").unwrap();
                    while got.load(Ordering::Relaxed) <= round {
                        gort::gosched();
                    }
                }
            }
            while i != 0 && got.load(Ordering::Relaxed) < ROUNDS {
                let mut event = libc::epoll_event { events: 0, u64: 0 };
                // SAFETY: see the module.
                let count = unsafe { libc::epoll_wait(epoll.as_raw_fd(), &mut event, 1, 5) };
                assert!(count == 0 || (count == 1 && { event.u64 } == 5));
                got.fetch_add(count as usize, Ordering::Relaxed);
            }
        });
        assert_eq!(got.into_inner(), ROUNDS);
    });
}

/// The same descriptor, by many goroutines, for each event; each is told.
#[test]
fn one_descriptor_for_many() {
    matrix(|_| {
        leaks_nothing(|| {
            let (a, mut b) = UnixStream::pair().unwrap();
            let fd = a.as_raw_fd();
            all(9, |i| match i {
                0 => {
                    std::thread::sleep(Duration::from_millis(5));
                    (&b).write_all(b"x").unwrap();
                }
                1..=4 => readable(fd),
                _ => assert_eq!(poll(&[(fd, POLLIN), (fd, POLLIN | POLLPRI)], -1).0, 2),
            });
            b.flush().unwrap();
        });
    });
}

/// Whatever is done with a few descriptors, in whatever order: what poll says about them.
fn story(seed: u64) -> Vec<(c_int, Vec<i16>)> {
    let mut rng = Rng(seed);
    let mut pairs: Vec<_> = (0..3).map(|_| UnixStream::pair().unwrap()).collect();
    let (reader, writer) = io::pipe().unwrap();
    let mut ends = (Some(reader), Some(writer));
    let mut said = Vec::new();
    for _ in 0..60 {
        let at = rng.below(3);
        match rng.below(8) {
            0 => _ = (&pairs[at].0).write(&[0; 9]).unwrap_or(0),
            1 if poll(&[(pairs[at].1.as_raw_fd(), POLLIN)], 0).0 == 1 => {
                assert_ne!((&pairs[at].1).read(&mut [0; 9]).unwrap(), 10);
            }
            2 => _ = pairs[at].0.shutdown(std::net::Shutdown::Write),
            3 => pairs[at] = UnixStream::pair().unwrap(),
            4 => _ = ends.1.as_ref().map(|mut writer| writer.write(b"x").unwrap_or(0)),
            5 if rng.below(4) == 0 => ends.0 = None,
            6 if rng.below(4) == 0 => ends.1 = None,
            _ => {}
        }
        let numbers = [
            pairs[0].0.as_raw_fd(),
            pairs[1].1.as_raw_fd(),
            pairs[2].1.as_raw_fd(),
            ends.0.as_ref().map_or(-1, AsRawFd::as_raw_fd),
            ends.1.as_ref().map_or(1 << 20, AsRawFd::as_raw_fd),
        ];
        let events =
            [0, POLLIN, POLLOUT, POLLPRI, POLLRDHUP, POLLIN | POLLRDHUP, POLLERR, POLLHUP | POLLIN];
        let list: Vec<_> = (0..rng.below(5))
            .map(|_| (numbers[rng.below(numbers.len())], events[rng.below(events.len())]))
            .collect();
        said.push(poll(&list, rng.below(2) as c_int));
    }
    said
}

#[test]
fn the_same_as_on_a_thread() {
    // SIGPIPE is ignored by tests' programs.
    const SEEDS: std::ops::Range<u64> = 1..30;
    let expected: Vec<_> = SEEDS.map(story).collect();
    assert!(expected.iter().flatten().any(|(count, _)| *count > 1));
    matrix(|_| {
        for (seed, expected) in SEEDS.zip(&expected) {
            assert_eq!(&story(seed), expected, "{seed}");
        }
    });
}
