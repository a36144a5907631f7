//! A goroutine's stack that runs out is reported, and hurts nobody else.
//!
//! # Safety
//!
//! What looks at other goroutines' memory does so while these stay where they are, in a process that
//! ends.

#![allow(unsafe_code)]

mod support;

use std::arch::asm;
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::process::Output;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::thread;
use support::{Child, hop, is_child, stderr, stdout};

#[inline(never)]
fn recurse(n: u64) -> u64 {
    let frame = black_box([n; 16]);
    if n == u64::MAX { frame[0] } else { recurse(n + 1) + frame[n as usize % 16] }
}

/// More than a whole slot with its guard.
#[inline(never)]
fn one_huge_frame(n: u64) -> u64 {
    let frame = black_box([n as u8; 600 << 10]);
    u64::from(frame[n as usize])
}

/// More than a guard, less than a stack: the probes have to find the guard by steps.
#[inline(never)]
fn large_frames(n: u64) -> u64 {
    let frame = black_box([n as u8; 100 << 10]);
    if n == u64::MAX { 0 } else { large_frames(n + 1) + u64::from(frame[n as usize % 9]) }
}

/// The report is there, once, with this name and function; the process ended by SIGABRT.
fn reported(output: &Output, name: Option<&str>, function: &str) {
    if is_child() {
        return;
    }
    let err = stderr(output);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{:?} {err}", output.status);
    assert_eq!(err.matches("stack overflow").count(), 1, "{err}");
    let line = err.lines().find(|line| line.contains("stack overflow")).unwrap();
    let rest = line.strip_prefix("goroutine ").unwrap_or_else(|| panic!("{err}"));
    let (number, rest) = rest.split_once(' ').unwrap();
    assert!(number.parse::<u64>().unwrap() > 0, "{err}");
    let expected = match name {
        Some(name) => format!("[{name}] stack overflow"),
        None => "stack overflow".into(),
    };
    assert!(rest.starts_with(&expected), "{err}");
    assert!(rest.contains("GORT_STACK") && rest.contains("stack_size"), "{err}");
    assert!(err.contains(function), "no {function} in {err}");
    assert!(!stdout(output).contains("went on"));
}

#[test]
fn by_recursion() {
    let output = Child::new("recursion", || {
        let _ = gort::go(|| recurse(0)).join();
        println!("went on");
    })
    .run();
    reported(&output, None, "recurse");
}

#[test]
fn by_one_huge_frame() {
    let output = Child::new("huge", || {
        let _ = gort::go(|| one_huge_frame(black_box(1))).join();
        println!("went on");
    })
    .run();
    reported(&output, None, "one_huge_frame");
}

#[test]
fn by_frames_larger_than_the_guard() {
    let output = Child::new("large", || {
        let _ = gort::go(|| large_frames(0)).join();
        println!("went on");
    })
    .run();
    reported(&output, None, "large_frames");
}

#[test]
fn of_a_named_goroutine_that_has_moved() {
    let output = Child::new("named", || {
        let _migration = support::Migration::start();
        let named = gort::Builder::new().name("deep diver".into());
        let started = named.spawn(|| {
            hop();
            recurse(0)
        });
        let _ = started.unwrap().join();
        println!("went on");
    })
    .run();
    reported(&output, Some("deep diver"), "recurse");
}

#[test]
fn of_small_and_of_large_stacks() {
    for (label, size) in [("small", 4 << 10), ("large", 4 << 20)] {
        let output = Child::new(label, || {
            let sized = gort::Builder::new().name(label.into()).stack_size(size);
            // A frame of three quarters fits.
            let fitting: fn() -> u8 = if size > 1 << 20 {
                || black_box([1; 3 << 20])[9]
            } else {
                || black_box([1; 3 << 10])[9]
            };
            let uses_it = gort::Builder::new().stack_size(size).spawn(fitting);
            assert_eq!(uses_it.unwrap().join().unwrap(), 1);
            let _ = sized.spawn(|| recurse(0)).unwrap().join();
            println!("went on");
        })
        .run();
        reported(&output, Some(label), "recurse");
    }
}

#[test]
fn the_default_size_comes_from_the_environment() {
    let deep = Child::new("deep", || {
        let fits = gort::go(|| black_box([1u8; 900 << 10])[9]);
        assert_eq!(fits.join().unwrap(), 1);
    })
    .env("GORT_STACK", "1M")
    .run();
    if !is_child() {
        assert!(deep.status.success(), "{}", stderr(&deep));
    }
}

const NEIGHBOURS: usize = 200;
const PATTERN: usize = 3000;

static FILLED: [AtomicPtr<u8>; NEIGHBOURS] =
    [const { AtomicPtr::new(std::ptr::null_mut()) }; NEIGHBOURS];

/// Runs when the process aborts; says whether all neighbours are as they were.
extern "C" fn look_at_neighbours(_signal: libc::c_int) {
    let whole = FILLED.iter().enumerate().all(|(i, at)| {
        let at = at.load(Ordering::Acquire);
        // SAFETY: the neighbour has published its array, and yields for ever.
        !at.is_null() && (0..PATTERN).all(|n| unsafe { at.add(n).read_volatile() } == i as u8)
    });
    let line: &[u8] = if whole { b"neighbours whole\n" } else { b"neighbours hurt\n" };
    // SAFETY: plain memory.
    unsafe { libc::write(1, line.as_ptr().cast(), line.len()) };
}

#[test]
fn neighbours_are_not_touched() {
    type Overflow = fn() -> u64;
    let overflows: [(&str, Overflow); 3] = [
        ("recursion", || recurse(0)),
        ("huge", || one_huge_frame(black_box(1))),
        ("large", || large_frames(0)),
    ];
    for (label, overflow) in overflows {
        let output = Child::new(label, || {
            // SAFETY: the handler only reads memory that stays, and writes.
            unsafe {
                libc::signal(libc::SIGABRT, look_at_neighbours as *const () as libc::sighandler_t);
            }
            gort::run(|| {
                let filled = AtomicUsize::new(0);
                gort::scope(|s| {
                    for (i, at) in FILLED.iter().enumerate() {
                        let filled = &filled;
                        s.go(move || {
                            // At the top and, by that frame, near the lower end of the stack.
                            let mut array = [i as u8; PATTERN];
                            at.store(black_box(&mut array).as_mut_ptr(), Ordering::Release);
                            filled.fetch_add(1, Ordering::Relaxed);
                            loop {
                                gort::gosched();
                            }
                        });
                        if i == NEIGHBOURS / 2 {
                            s.go(move || {
                                while filled.load(Ordering::Relaxed) < NEIGHBOURS {
                                    gort::gosched();
                                }
                                overflow()
                            });
                        }
                    }
                });
            });
        })
        .run();
        if is_child() {
            continue;
        }
        let (out, err) = (stdout(&output), stderr(&output));
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{err}");
        assert!(err.contains("stack overflow"), "{err}");
        assert!(out.contains("neighbours whole"), "{out} {err}");
    }
}

#[test]
fn of_ordinary_threads_is_stds_to_report() {
    let other = Child::new("thread", || {
        gort::run(|| ());
        let _ = thread::Builder::new().name("plain".into()).spawn(|| recurse(0)).unwrap().join();
    })
    .run();
    let before = Child::new("before", || {
        let early = thread::Builder::new().name("plain".into()).spawn(|| {
            gort::run(|| ());
            recurse(0);
        });
        let _ = early.unwrap().join();
    })
    .run();
    if is_child() {
        return;
    }
    for output in [other, before] {
        let err = stderr(&output);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{err}");
        assert!(err.contains("thread 'plain'"), "{err}");
        assert!(err.contains("has overflowed its stack"), "{err}");
        assert!(!err.contains("goroutine"), "{err}");
    }
}

/// Reads an address as a bug would, where Rust's own checks do not see it.
fn read(address: usize) {
    // SAFETY: a load; if it faults, that is what is wanted.
    unsafe {
        asm!("mov {0}, qword ptr [{0}]", inout(reg) address => _, options(readonly, nostack));
    }
}

#[test]
fn other_faults_are_not_taken_for_overflows() {
    let goroutine = Child::new("goroutine", || gort::run(|| read(0))).run();
    let wild = Child::new("wild", || gort::run(|| read(1 << 62))).run();
    let thread = Child::new("thread", || {
        gort::run(|| ());
        read(8);
    })
    .run();
    if is_child() {
        return;
    }
    for output in [goroutine, wild, thread] {
        assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{}", stderr(&output));
        assert!(!stderr(&output).contains("stack overflow"), "{}", stderr(&output));
    }
}
