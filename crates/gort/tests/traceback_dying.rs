//! A process that is about to end looks at its goroutines: nothing is allocated, no lock is taken, and
//! nobody goes on.
//!
//! Shown to fail: without `hold_all`, with a second look by the same thread that looks, with return addresses
//! looked up as they are, with everybody in a forked child, and with the signal not blocked.
//!
//! # Safety
//!
//! What is called in the signal handler is good there.

#![allow(unsafe_code)]

mod support;

use gort_rt::traceback::{Goroutine, How, Pc, State, each};
use gort_sys::raw;
use std::ffi::c_int;
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use support::{Child, is_child, serial, stderr, stdout};

static ROUNDS: AtomicUsize = AtomicUsize::new(0);
static STOP: AtomicBool = AtomicBool::new(false);

/// What was seen, without allocating.
#[derive(Default)]
struct Seen {
    all: usize,
    current: usize,
    first: bool,
    thread: usize,
    running: usize,
    waiting: usize,
    syscall: usize,
    frames: usize,
    unseen: usize,
}

impl Seen {
    fn note(&mut self, goroutine: &Goroutine, pcs: &[Pc]) {
        if goroutine.current {
            self.current += 1;
            self.first = self.all + self.thread == 0;
        }
        self.frames += pcs.len();
        self.unseen += usize::from(goroutine.unseen.is_some());
        if goroutine.id == 0 {
            self.thread += 1;
            return;
        }
        self.all += 1;
        // As far as where each begins.
        let begun = usize::from(pcs.len() >= 3);
        match goroutine.state {
            State::Running => self.running += begun,
            State::Waiting => self.waiting += begun,
            State::Syscall | State::InC => self.syscall += begun,
            _ => {}
        }
    }
}

/// Ends the process with what was seen.
fn die() -> ! {
    let mut seen = Seen::default();
    let missing = each(How::Dying, &mut |goroutine, pcs| seen.note(goroutine, pcs));
    // Nobody else goes on.
    let rounds = ROUNDS.load(Ordering::Relaxed);
    let mut again = 0;
    each(How::Dying, &mut |_, _| again += 1);
    let _ = raw::nanosleep(&gort_sys::types::Timespec { sec: 0, nsec: 50_000_000 }, None);
    let moved = ROUNDS.load(Ordering::Relaxed) - rounds;
    let good = seen.current == 1
        && seen.first
        && seen.all + 1 - seen.thread >= 13
        && seen.waiting >= 5
        && seen.running + seen.syscall >= 4
        && missing + again + moved + seen.unseen == 0;
    let text: &[u8] = if good { b"all were seen\n" } else { b"not all were seen\n" };
    let _ = raw::write(std::io::stdout(), text);
    raw::exit_group(if good { 7 } else { 8 + moved.min(1) as i32 + 2 * again.min(1) as i32 })
}

/// 5 that sleep, 3 that spin, 2 in a call, 2 in C.
fn start() {
    gort::runtime::gomaxprocs(Some(4));
    for i in 0..12 {
        gort::go(move || {
            while !STOP.load(Ordering::Relaxed) {
                match i {
                    0..5 => gort::time::sleep(Duration::from_secs(1000)),
                    5..8 => _ = ROUNDS.fetch_add(1, Ordering::Relaxed),
                    8..10 => {
                        let time = gort_sys::types::Timespec { sec: 1000, nsec: 0 };
                        let _ = gort::syscall::nanosleep(&time, None);
                    }
                    // SAFETY: takes any number.
                    _ => _ = gort::ffi::call_with(|| unsafe { libc::sleep(1000) }),
                }
            }
        });
    }
    while ROUNDS.load(Ordering::Relaxed) < 10_000 || count(State::Waiting) < 5 {
        std::thread::sleep(Duration::from_millis(1));
    }
    while count(State::Syscall) + count(State::InC) < 4 {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn count(state: State) -> usize {
    let mut count = 0;
    each(How::Live, &mut |goroutine, _| count += usize::from(goroutine.state == state));
    count
}

fn check(label: &'static str, body: impl FnOnce()) {
    let _one = serial();
    let output = Child::new(label, body).run();
    if !is_child() {
        let (out, err) = (stdout(&output), stderr(&output));
        assert_eq!((output.status.code(), output.status.signal()), (Some(7), None), "{out} {err}");
        assert!(out.contains("\nall were seen\n"), "{out} {err}");
    }
}

#[test]
fn on_a_goroutine() {
    check("goroutine", || {
        start();
        gort::run(|| die());
    });
}

#[test]
fn on_a_thread() {
    check("thread", || {
        start();
        gort::go(|| gort::time::sleep(Duration::from_secs(1000)));
        die();
    });
}

#[test]
fn in_c() {
    check("c", || {
        start();
        gort::run(|| gort::ffi::call_with(|| die()));
    });
}

/// With the stack run out: what is walked is damaged at its end, and the handler is on another one.
#[test]
fn in_a_handler_on_the_signal_stack() {
    extern "C" fn handler(_: c_int) {
        die();
    }
    check("handler", || {
        start();
        // SAFETY: a handler that never returns.
        unsafe {
            let mut action = std::mem::zeroed::<libc::sigaction>();
            let handler: extern "C" fn(c_int) = handler;
            action.sa_sigaction = handler as *const () as usize;
            action.sa_flags = libc::SA_ONSTACK;
            libc::sigaction(libc::SIGUSR2, &action, std::ptr::null_mut());
        }
        gort::run(|| {
            let mut local = [1u8; 4000];
            black_box(&mut local);
            // SAFETY: the handler is there.
            unsafe { libc::raise(libc::SIGUSR2) };
        });
    });
}

/// Who asks cannot be asked: the other would be held, and not let him go.
#[test]
fn who_ends_the_process_is_not_held() {
    check("mask", || {
        start();
        let mut blocked = 0;
        each(How::Dying, &mut |_, _| {
            let mask = raw::rt_sigprocmask(gort_sys::types::SigHow::BLOCK, None);
            blocked += usize::from(mask.is_ok_and(|mask| mask.contains(gort_rt::SIGNAL)));
        });
        let good = blocked >= 13;
        let _ = raw::write(std::io::stdout(), if good { b"all were seen\n" } else { b"no\n" });
        raw::exit_group(if good { 7 } else { 8 });
    });
}

/// A forked child has the goroutine that forked, and nobody else.
#[test]
fn in_a_forked_child() {
    check("fork", || {
        start();
        let seen = |how| {
            let (mut all, mut frames) = (0, 0);
            each(how, &mut |goroutine, pcs| {
                all += 1;
                frames += if goroutine.current { pcs.len() } else { 0 };
            });
            all == 1 && frames > 3
        };
        gort::run(|| {
            // SAFETY: the child does what may be done in one.
            let child = unsafe { libc::fork() };
            if child == 0 {
                let good = seen(How::Live) && seen(How::Live) && seen(How::Dying);
                raw::exit_group(if good { 7 } else { 8 });
            }
            let mut status = 0;
            // SAFETY: a plain call.
            unsafe { libc::waitpid(child, &mut status, 0) };
            let _ = raw::write(std::io::stdout(), b"all were seen\n");
            raw::exit_group(libc::WEXITSTATUS(status));
        });
    });
}

/// Everybody dies at once: one says how, and the others wait.
#[test]
fn on_all_threads_at_once() {
    let _one = serial();
    let output = Child::new("all", || {
        start();
        for _ in 0..8 {
            std::thread::spawn(|| {
                each(How::Dying, &mut |_, _| ());
                let _ = raw::write(std::io::stdout(), b"one\n");
                let _ =
                    raw::nanosleep(&gort_sys::types::Timespec { sec: 0, nsec: 200_000_000 }, None);
                raw::exit_group(7)
            });
        }
        std::thread::sleep(Duration::from_secs(1000));
    })
    .run();
    if !is_child() {
        assert_eq!(output.status.code(), Some(7));
        assert_eq!(stdout(&output).matches("one\n").count(), 1, "{}", stdout(&output));
    }
}
