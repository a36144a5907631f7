//! Stacks on which nothing is as it should be: a walk ends, and the process does not.
//!
//! Shown to fail: reading wherever an address leads, a look for a signal's return in a hole, and a throw without
//! names.
//!
//! # Safety
//!
//! What is overwritten belongs to goroutines that never go on.

#![allow(unsafe_code)]

mod support;

use gort_rt::traceback::{How, each};
use std::ffi::CString;
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::ptr::with_exposed_provenance_mut;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::dump::parse;
use support::files::TempDir;
use support::{Child, has_thrown, is_child, stderr, stdout};

/// How much is overwritten, in bytes: all frames up to where the goroutine's function has its locals.
const BYTES: usize = 8 << 10;

static LOCAL: AtomicUsize = AtomicUsize::new(0);

#[inline(never)]
fn sleeps() {
    let mut local = [0u8; 64];
    LOCAL.store(black_box(&mut local).as_mut_ptr().expose_provenance(), Ordering::Relaxed);
    gort::time::sleep(Duration::from_secs(1000));
    black_box(&local);
}

/// Fills the newest frames of a goroutine that sleeps with what `word` says for each place.
fn smash(mut word: impl FnMut(usize) -> usize) {
    let start = LOCAL.load(Ordering::Relaxed) / 8 * 8 - BYTES;
    for at in (start..start + BYTES).step_by(8) {
        // SAFETY: see the module.
        unsafe { with_exposed_provenance_mut::<usize>(at).write_volatile(word(at)) };
    }
}

/// Starts it, and three that are whole.
fn start() {
    for _ in 0..4 {
        gort::go(sleeps);
    }
    let waiting = || {
        let mut count = 0;
        each(How::Live, &mut |goroutine, _| count += usize::from(goroutine.reason.is_some()));
        count
    };
    while waiting() < 4 {
        std::thread::yield_now();
    }
}

/// Where mappings begin and end.
fn edges() -> Vec<usize> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let ranges = maps.lines().map(|line| line.split(' ').next().unwrap());
    ranges
        .flat_map(|range| range.split('-'))
        .map(|at| usize::from_str_radix(at, 16).unwrap())
        .collect()
}

/// Whatever the words are: addresses of code, of tables, of stacks, of nothing; each of them in all places.
#[test]
fn any_word_may_be_there() {
    let output = Child::new("words", || {
        start();
        let mut words =
            vec![0, 1, 8, usize::MAX, usize::MAX / 2, 1 << 63, LOCAL.load(Ordering::Relaxed)];
        for edge in edges() {
            words.extend([0, 1, 8, 9, 16].map(|by| edge.wrapping_sub(by)));
            words.push(edge + 1);
        }
        for word in words {
            smash(|_| word);
            each(How::Live, &mut |_, _| ());
        }
        let mut random = 1usize;
        let edges = edges();
        for _ in 0..2000 {
            smash(|at| {
                random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                match random >> 60 {
                    0..4 => at + (random >> 40) % 4096,
                    4..8 => edges[(random >> 32) % edges.len()] + (random >> 50) % 8192,
                    8..12 => sleeps as *const () as usize + (random >> 40) % 65536,
                    _ => random,
                }
            });
            each(How::Live, &mut |_, _| ());
        }
        println!("it is over");
    })
    .run();
    if !is_child() {
        assert!(output.status.success(), "{:?} {}", output.status, stderr(&output));
        assert!(stdout(&output).contains("it is over\n"));
    }
}

/// As [`start`], and names one.
fn start_and_smash() {
    start();
    gort::Builder::new().name("whole, \"too\"".into()).spawn(sleeps).unwrap();
    let there = || {
        let mut there = false;
        each(How::Live, &mut |goroutine, _| {
            there |= goroutine.reason.is_some() && goroutine.name.as_str().is_some();
        });
        there
    };
    let local = LOCAL.load(Ordering::Relaxed);
    while !there() {
        std::thread::yield_now();
    }
    LOCAL.store(local, Ordering::Relaxed);
    smash(|at| at.rotate_left(17));
}

/// It has ended as it should, and tells of all.
fn told(output: &std::process::Output, text: &str) {
    has_thrown(output, text);
    let err = stderr(output);
    let found = parse(&err[err.find("\ngoroutine ").expect(&err)..]);
    let whole = found.iter().filter(|one| one.state == "sleep" && one.has("sleeps"));
    assert_eq!(whole.count(), 4, "{err}");
    let named: Vec<_> = found.iter().filter_map(|one| one.name.as_deref()).collect();
    assert_eq!(named, ["whole\\x2c \\x22too\\x22"], "{err}");
    assert!(err.contains("...additional frames elided...") || err.contains("stack unavailable"));
}

#[inline(never)]
fn throws() {
    gort_rt::throw(black_box("on purpose"));
}

/// Overwrites its own callers' frames, and does not come back.
#[inline(never)]
fn smashes_itself() {
    let mut local = 0usize;
    let start = black_box(&raw mut local).expose_provenance() + 512;
    for at in (start..start + 4096).step_by(8) {
        // SAFETY: see the module.
        unsafe { with_exposed_provenance_mut::<usize>(at).write_volatile(at.rotate_left(17)) };
    }
    throws();
}

#[inline(never)]
fn far_from_the_top(f: fn()) {
    let mut local = [0u8; 16 << 10];
    black_box(&mut local);
    f();
    black_box(&local);
}

#[test]
fn a_throw_tells_of_it() {
    let other = Child::new("other", || {
        start_and_smash();
        gort::run(throws);
    })
    .run();
    let own = Child::new("own", || {
        start_and_smash();
        gort::run(|| far_from_the_top(smashes_itself));
    })
    .run();
    if !is_child() {
        told(&other, "on purpose");
        told(&own, "on purpose");
    }
}

/// Standard error is closed, or nobody reads it: then nothing is said, but it does end.
#[test]
fn nobody_may_listen() {
    let closed = Child::new("closed", || {
        start();
        // SAFETY: nobody relies on it.
        unsafe { libc::close(2) };
        gort::run(throws);
    })
    .run();
    let broken = Child::new("broken", || {
        start();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        // SAFETY: plain calls.
        unsafe {
            libc::dup2(std::os::fd::AsRawFd::as_raw_fd(&writer), 2);
            libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        }
        gort::run(throws);
    })
    .run();
    if !is_child() {
        for output in [closed, broken] {
            assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{:?}", output.status);
        }
    }
}

/// An object may have holes between its parts.
#[test]
fn a_word_may_lead_into_a_hole() {
    let output = Child::new("hole", || {
        let dir = TempDir::new();
        let (source, library) = (dir.join("hole.c"), dir.join("hole.so"));
        std::fs::write(&source, "int data = 1; int hole(void) { return data++; }").unwrap();
        let compiler = std::env::var_os("CC").unwrap_or("cc".into());
        let options = ["-shared", "-fPIC", "-Wl,-z,max-page-size=0x200000", "-o"];
        let mut command = std::process::Command::new(compiler);
        assert!(command.args(options).args([&library, &source]).status().unwrap().success());
        let path = CString::new(library.to_str().unwrap()).unwrap();
        // SAFETY: a library without constructors, that stays.
        assert!(!unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) }.is_null());
        start();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let mut holes = 0;
        for line in maps.lines().filter(|line| line.contains(" ---p ")) {
            let (start, _) = line.split_once('-').unwrap();
            let start = usize::from_str_radix(start, 16).unwrap();
            for word in [start, start + 1, start + 0x1000] {
                smash(|_| word);
                each(How::Live, &mut |_, _| ());
            }
            holes += 1;
        }
        assert!(holes != 0);
        println!("it is over");
    })
    .run();
    if !is_child() {
        assert!(output.status.success(), "{:?} {}", output.status, stderr(&output));
        assert!(stdout(&output).contains("it is over\n"));
    }
}
