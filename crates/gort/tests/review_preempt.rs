//! Defects that a review of system calls and preemption has found, each as the smallest program that
//! showed it.
//!
//! # Safety
//!
//! The calls of libc take plain values. A child that was forked makes system calls and ends.

#![allow(unsafe_code)]

mod support;

use gort::runtime::{gomaxprocs, stats};
use gort::syscall::types::{PipeFlags, Timespec};
use gort::syscall::{nanosleep, raw};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// glibc's `setuid` waits for every thread on its list, sysmon's too.
#[test]
fn setuid_returns() {
    let _watchdog = support::watchdog();
    let _one = support::serial();
    // SAFETY: plain values.
    let same = || unsafe { libc::setuid(libc::getuid()) };
    assert_eq!(gort::run(same), 0);
    assert_eq!(same(), 0);
}

/// Those who have waited shorten the slices of hogs only while they do wait.
#[test]
fn slices_are_long_again() {
    let _watchdog = support::watchdog();
    let _one = support::serial();
    gomaxprocs(Some(1));
    static OVER: AtomicBool = AtomicBool::new(false);
    let hog = || {
        while !OVER.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    };
    let hogs = [gort::go(hog), gort::go(hog)];
    let sleep = || _ = nanosleep(&Timespec { sec: 0, nsec: 2_000_000 }, None);
    let sleepers: Vec<_> = (0..50).map(|_| gort::go(sleep)).collect();
    for sleeper in sleepers {
        sleeper.join().unwrap();
    }
    let (start, before) = (Instant::now(), stats().preemptions);
    std::thread::sleep(Duration::from_millis(300));
    let (time, count) = (start.elapsed(), stats().preemptions - before);
    OVER.store(true, Ordering::Relaxed);
    for hog in hogs {
        hog.join().unwrap();
    }
    let slices = time.as_millis() as usize / 10;
    assert!(count <= slices + 2, "{count} preemptions in {slices} slices");
}

/// In a child that a goroutine has forked there is nobody to give a P to.
#[test]
fn a_forked_child_makes_calls_that_wait() {
    let _watchdog = support::watchdog();
    let _one = support::serial();
    gomaxprocs(Some(1));
    gort::run(|| {
        let queued = gort::go(|| ());
        // SAFETY: the child makes system calls only, and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            for _ in 0..3 {
                let _ = nanosleep(&Timespec { sec: 0, nsec: 1000 }, None);
            }
            let threads = std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
            // SAFETY: ends the child.
            unsafe { libc::_exit(if threads == 1 { 7 } else { 8 }) }
        }
        assert!(child > 0);
        let mut status = 0;
        // SAFETY: waits for the child.
        unsafe { libc::waitpid(child, &mut status, 0) };
        assert_eq!(libc::WEXITSTATUS(status), 7, "{status:#x}");
        queued.join().unwrap();
    });
}

/// The rescue needs a descriptor to see how a thread is; a program that has none left needs the rescue.
#[test]
fn rescue_works_without_descriptors() {
    let _watchdog = support::watchdog();
    let _one = support::serial();
    gomaxprocs(Some(1));
    let pipe = raw::pipe2(PipeFlags::CLOEXEC).unwrap();
    let (reader, writer) = (pipe.reader, pipe.writer);
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a local structure.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) }, 0);
    let none = libc::rlimit { rlim_cur: 0, ..limit };
    // SAFETY: as above.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &none) }, 0);
    let read = gort::run(|| {
        let read = gort::go(move || raw::read(&reader, &mut [0]));
        gort::gosched();
        gort::go(move || raw::write(&writer, b"x")).join().unwrap().unwrap();
        read.join().unwrap()
    });
    // SAFETY: as above.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
    assert_eq!(read, Ok(1));
}
