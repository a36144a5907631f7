//! The standard streams: in programs of their own, whose streams are pipes, files, or nothing.
//!
//! # Safety
//!
//! The children replace their own standard streams before they use them.

#![allow(unsafe_code)]

mod support;

use gort::fs::File;
use gort::io::{BufRead, Read, Write, pipe, stderr, stdin, stdout};
use gort::runtime::stats;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::Output;
use std::time::Duration;
use support::files::{TempDir, pattern};
use support::{Child, PROCS, is_child, stderr as errors, stdout as text};

/// `fd` becomes the standard stream of this number.
fn becomes(fd: impl AsFd, number: i32) {
    // SAFETY: see the module.
    assert_eq!(unsafe { libc::dup2(fd.as_fd().as_raw_fd(), number) }, number);
}

/// A program under each GOMAXPROCS, whose body is a goroutine; `check` looks at what it has written.
macro_rules! programs {
    ($label:literal, $body:expr) => {
        programs!($label, $body, |_| ())
    };
    ($label:literal, $body:expr, $check:expr) => {
        for procs in PROCS {
            let output = Child::new($label, || gort::run($body)).env("GOMAXPROCS", procs).run();
            if !is_child() {
                assert!(output.status.success(), "{:?} {}", output.status, errors(&output));
                assert!(!text(&output).contains("running 0 tests"));
                let check: fn(&Output) = $check;
                check(&output);
            }
        }
    };
}

#[test]
fn input_from_a_pipe() {
    programs!("pipe", || {
        let (reader, mut writer) = std::io::pipe().unwrap();
        becomes(&reader, 0);
        drop(reader);
        gort::scope(|s| {
            let lines = s.go(|| {
                let mut first = String::new();
                assert_eq!(stdin().read_line(&mut first).unwrap(), 6);
                assert_eq!(first, "first\n");
                let lines: Vec<_> = stdin().lines().map(Result::unwrap).collect();
                assert_eq!(stdin().read(&mut [0]).unwrap(), 0);
                lines
            });
            // Meanwhile it parks: on one P, one that waited in a call would lose it.
            for line in ["first\n", "sec", "ond\nthi", "rd"] {
                for _ in 0..10 {
                    gort::gosched();
                }
                std::thread::sleep(Duration::from_millis(2));
                writer.write_all(line.as_bytes()).unwrap();
            }
            drop(writer);
            assert_eq!(lines.join().unwrap(), ["second", "third"]);
        });
        // It is as it was for those that share it.
        let flags = gort_sys::raw::fcntl_getfl(std::io::stdin()).unwrap();
        assert!(!flags.contains(gort_sys::types::OFlags::NONBLOCK));
        assert_eq!(stats().retaken_calls, 0, "{:?}", stats());
    });
}

#[test]
fn input_from_elsewhere() {
    programs!("elsewhere", || {
        // /dev/null, which the harness has put there.
        assert_eq!(stdin().read(&mut [0]).unwrap(), 0);
        assert!(!stdin().is_terminal());
    });
    programs!("file", || {
        let dir = TempDir::new();
        let path = dir.join("input");
        std::fs::write(&path, pattern(100_000)).unwrap();
        becomes(std::fs::File::open(&path).unwrap(), 0);
        let mut lock = stdin().lock();
        let mut got = vec![0; 10];
        lock.read_exact(&mut got).unwrap();
        assert_eq!(lock.fill_buf().unwrap()[0], pattern(11)[10]);
        drop(lock);
        stdin().read_to_end(&mut got).unwrap();
        assert!(got == pattern(100_000));
    });
    programs!("closed", || {
        // The poller has its descriptors: none becomes this one.
        drop(pipe().unwrap());
        // SAFETY: see the module.
        unsafe { libc::close(0) };
        assert_eq!(stdin().read(&mut [0]).unwrap(), 0);
    });
}

/// What goes through std and what through gort comes in order.
#[test]
fn output_in_order() {
    programs!(
        "order",
        || {
            print!("one ");
            write!(stdout(), "two ").unwrap();
            print!("three ");
            let mut lock = stdout().lock();
            // Who has it locks it again.
            write!(stdout().lock(), "{} ", 4).unwrap();
            lock.write_all(b"five\n").unwrap();
            drop(lock);
            eprint!("six ");
            writeln!(stderr(), "seven").unwrap();
            gort::scope(|s| {
                for i in 0..20 {
                    s.go(move || writeln!(stdout(), "{i} {i} {i}").unwrap());
                }
            });
            print!("end");
            stdout().flush().unwrap();
        },
        |output| {
            let out = text(output);
            let (_, out) = out.split_once("one two three 4 five\n").expect(&out);
            assert!(errors(output).contains("six seven\n"));
            let mut lines: Vec<_> = out.lines().map(str::to_owned).collect();
            assert_eq!(lines.pop().as_deref(), Some("end"));
            lines.sort();
            let mut all: Vec<_> = (0..20).map(|i| format!("{i} {i} {i}")).collect();
            all.sort();
            assert_eq!(lines, all);
        }
    );
}

/// While nobody reads what one goroutine writes, others go on, and those who would write, too, park.
#[test]
fn output_that_nobody_takes() {
    programs!("slow", || {
        let (mut reader, writer) = pipe().unwrap();
        // Blocking for std; the reader's end is of its own.
        becomes(OwnedFd::from(writer), 1);
        gort::scope(|s| {
            for _ in 0..50 {
                s.go(|| {
                    let mut line = "x".repeat(9_999);
                    line.push('\n');
                    stdout().write_all(line.as_bytes()).unwrap();
                });
            }
            for _ in 0..100 {
                gort::gosched();
            }
            std::thread::sleep(Duration::from_millis(5));
            assert!(stats().threads < 30, "{:?}", stats());
            let mut got = vec![0; 500_000];
            reader.read_exact(&mut got).unwrap();
            for line in got.chunks(10_000) {
                assert!(line[..9_999].iter().all(|byte| *byte == b'x') && line[9_999] == b'\n');
            }
        });
        becomes(stderr(), 1);
    });
}

/// A pipe that somebody has made non-blocking is waited for, where `println!` panics.
#[test]
fn output_to_what_does_not_block() {
    programs!("nonblocking", || {
        let (mut reader, writer) = pipe().unwrap();
        becomes(&writer, 1);
        drop(writer);
        gort::scope(|s| {
            s.go(|| stdout().write_all(&vec![b'\n'; 300_000]).unwrap());
            reader.read_exact(&mut vec![0; 300_000]).unwrap();
        });
        becomes(stderr(), 1);
    });
}

#[test]
fn output_to_files() {
    programs!("full", || {
        becomes(File::create("/dev/full").unwrap(), 2);
        let kind = stderr().write_all(b"x").unwrap_err().kind();
        assert_eq!(kind, std::io::ErrorKind::StorageFull);
        let dir = TempDir::new();
        becomes(File::create(dir.join("output")).unwrap(), 1);
        stdout().write_all(&pattern(100_000)).unwrap();
        stdout().flush().unwrap();
        assert!(std::fs::read(dir.join("output")).unwrap() == pattern(100_000));
    });
}
