//! Everything at once, and a thousand signals a second for each thread: nothing hangs, and nothing is
//! corrupted. For how long: `GORT_TEST_SECONDS`, for each GOMAXPROCS.
//!
//! # Safety
//!
//! libc's functions get valid structures, and children that were forked end by `_exit`.

#![allow(unsafe_code)]

mod support;

use gort_rt::{Completed, Completion};
use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::panic::{catch_unwind, resume_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::storm::storm;
use support::{Child, all, is_child, serial, spin, stderr, stdout};

fn seconds() -> f64 {
    let number = std::env::var("GORT_TEST_SECONDS").ok().and_then(|text| text.parse().ok());
    number.unwrap_or(1.0)
}

/// What is done over and over, with its number and the round's.
type Piece = fn(usize, usize);

/// Memory of all sizes, freed by others than it was allocated by.
fn memory(me: usize, round: usize) {
    static SHARED: Mutex<BTreeMap<usize, Vec<u8>>> = Mutex::new(BTreeMap::new());
    for i in 0..50 {
        let size = (round * 37 + i * 101) % 5000 + 1;
        let key = (me * 7919 + round * 31 + i) % 500;
        let new = vec![key as u8; size];
        let old = SHARED.lock().unwrap().insert(key, new);
        assert!(old.is_none_or(|old| old.iter().all(|byte| *byte == key as u8)));
    }
}

/// Takes the dynamic linker's lock, and calls back with it held.
fn objects(_: usize, _: usize) {
    unsafe extern "C" fn count(
        info: *mut libc::dl_phdr_info,
        _: usize,
        found: *mut libc::c_void,
    ) -> i32 {
        spin(100);
        // SAFETY: what `dl_iterate_phdr` hands over.
        unsafe { *found.cast::<usize>() += usize::from((*info).dlpi_phnum) };
        0
    }
    let mut headers = 0usize;
    // SAFETY: see the module.
    unsafe { libc::dl_iterate_phdr(Some(count), (&raw mut headers).cast()) };
    assert!(headers > 10);
}

fn backtraces(me: usize, round: usize) {
    if (me + round) % 20 == 0 {
        assert!(Backtrace::force_capture().to_string().contains("backtraces"));
    }
    let caught = catch_unwind(|| {
        let _held = (String::from("held"), vec![round]);
        resume_unwind(Box::new(round));
    });
    assert_eq!(*caught.unwrap_err().downcast::<usize>().unwrap(), round);
}

fn processes(me: usize, round: usize) {
    let code = (me + round) % 100;
    let mut command = Command::new("sh");
    command.args(["-c", &format!("echo out; exit {code}")]);
    if round % 2 == 0 {
        // SAFETY: nothing but a system call: forks, where the other way is posix_spawn.
        unsafe { command.pre_exec(|| gort_sys::raw::sched_yield().map_err(Into::into)) };
    }
    let output = command.output().unwrap();
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(code as i32), &b"out\n"[..]));
}

fn forks(_: usize, round: usize) {
    // SAFETY: see the module.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            libc::_exit((round % 100) as i32);
        }
        let mut status = 0;
        while libc::waitpid(child, &mut status, 0) < 0 {}
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) as usize == round % 100);
    }
}

fn lines(me: usize, round: usize) {
    println!("line {me} {round} end");
    let mut out = std::io::stdout().lock();
    write!(out, "line {me} ").unwrap();
    spin(100);
    writeln!(out, "{round} end").unwrap();
}

/// Starts goroutines, waits for some of them and for events, and lets others go.
fn goroutines(me: usize, round: usize) {
    let event = Arc::new(Completion::new());
    let waits = Arc::clone(&event);
    let waiter = gort::go(move || {
        waits.wait();
        me + round
    });
    drop(gort::go(gort::gosched));
    gort::gosched();
    assert_eq!(event.complete(), Completed::Told);
    assert_eq!(waiter.join().unwrap(), me + round);
    all(3, |_| spin(50));
}

/// Destructors of thread-locals, of goroutines and of threads.
fn locals(me: usize, round: usize) {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    struct Noisy(Vec<usize>);
    impl Drop for Noisy {
        fn drop(&mut self) {
            gort::gosched();
            assert!(self.0.iter().all(|one| *one == self.0.len()));
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
    thread_local!(static LOCAL: RefCell<Option<Noisy>> = const { RefCell::new(None) });
    let set = move || {
        LOCAL.with_borrow_mut(|local| {
            assert!(local.is_none());
            let len = (me + round) % 7;
            *local = Some(Noisy(vec![len; len]));
        });
        spin(50);
    };
    let before = DROPPED.load(Ordering::Relaxed);
    gort::go(set).join().unwrap();
    if round % 8 == 0 {
        std::thread::spawn(set).join().unwrap();
    }
    assert!(DROPPED.load(Ordering::Relaxed) > before);
}

fn sleeps(me: usize, round: usize) {
    std::thread::sleep(Duration::from_micros(((me + round) % 10 * 30) as u64));
    let missing = std::fs::File::open("/there/is/nothing").unwrap_err();
    assert_eq!(missing.kind(), std::io::ErrorKind::NotFound);
}

fn text(me: usize, round: usize) {
    let number = me as f64 + round as f64 / 3.0;
    let text = format!("{me}:{round:>6}:{number:e}:{:?}", Some("text"));
    let again: f64 = text.split(':').nth(2).unwrap().parse().unwrap();
    assert_eq!(again, number);
}

const PIECES: [Piece; 10] =
    [memory, objects, backtraces, processes, forks, lines, goroutines, locals, sleeps, text];

#[test]
fn everything_at_once() {
    let _one = serial();
    let output = Child::new("mix", || {
        for procs in support::PROCS {
            gort::runtime::gomaxprocs(Some(procs));
            let _storm = storm(Some(1000));
            let stop = Arc::new(AtomicBool::new(false));
            let clock = Arc::clone(&stop);
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_secs_f64(seconds()));
                clock.store(true, Ordering::Relaxed);
                // The watchdog is for what comes after.
                gort_sys::raw::alarm(60);
            });
            gort_sys::raw::alarm(seconds() as u32 + 60);
            let rounds: Vec<_> = PIECES.iter().map(|_| AtomicUsize::new(0)).collect();
            gort::run(|| {
                all(2 * PIECES.len(), |i| {
                    let mut round = 0;
                    while !stop.load(Ordering::Relaxed) {
                        PIECES[i % PIECES.len()](i, round);
                        round += 1;
                    }
                    rounds[i % PIECES.len()].fetch_add(round, Ordering::Relaxed);
                });
            });
            println!("{procs} P: {rounds:?}, {:?}", gort::runtime::stats());
            assert!(rounds.iter().all(|rounds| rounds.load(Ordering::Relaxed) > 0));
        }
    })
    .env("RUST_BACKTRACE", 0)
    .run();
    if is_child() {
        return;
    }
    let text = stdout(&output);
    let lines = || text.lines().filter(|line| line.starts_with("line "));
    text.lines().filter(|line| !line.starts_with("line ")).for_each(|line| println!("{line}"));
    assert!(output.status.success(), "{:?} {}", output.status, stderr(&output));
    assert!(lines().all(|line| line.ends_with(" end") && line.matches("line").count() == 1));
    assert!(lines().count() > 0);
}
