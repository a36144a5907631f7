//! SIGQUIT ends the process with a dump, whatever it is doing.
//!
//! # Safety
//!
//! What C is given outlives the call; handlers do only what they may.

#![allow(unsafe_code)]

mod support;

use gort::signal::{self, Signal};
use gort_sys::raw;
use std::ffi::{c_int, c_void};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;
use support::dump::{Dumped, parse, until_receiving};
use support::{Child, hogs, is_child, stderr, stdout};

fn quit() {
    raw::kill(raw::getpid(), Signal::QUIT).unwrap();
}

/// Sends the signal and waits for the end.
fn quits() -> ! {
    quit();
    loop {
        thread::sleep(Duration::from_secs(1));
    }
}

/// It has ended as it should; its goroutines.
fn has_quit(output: &Output) -> Vec<Dumped> {
    let err = stderr(output);
    assert_eq!(output.status.code(), Some(2), "{:?} {err}", output.status);
    let start = err.find("SIGQUIT: quit\nPC=0x").unwrap_or_else(|| panic!("{err}"));
    let mut lines = err[start..].lines().skip(1);
    let second = lines.next().unwrap();
    assert!(second.contains(" tid=") && second.contains(" sigcode="), "{err}");
    assert_eq!(lines.next(), Some(""), "{err}");
    parse(&err[start..])
}

/// There are as many in this state, in this function.
fn are(found: &[Dumped], count: usize, state: &str, function: &str) {
    let these = found.iter().filter(|one| one.state == state && one.has(function));
    assert_eq!(these.count(), count, "{state} in {function}: {found:#?}");
}

#[inline(never)]
fn waits(receiver: gort::chan::Receiver<()>) {
    let _ = receiver.recv();
    std::hint::black_box(());
}

/// Goroutines that wait.
fn waiters(count: usize) -> gort::chan::Sender<()> {
    let (sender, receiver) = gort::chan::bounded::<()>(0);
    for _ in 0..count {
        let receiver = receiver.clone();
        gort::go(move || waits(receiver));
    }
    until_receiving(count);
    sender
}

#[test]
fn of_an_idle_process() {
    let output = Child::new("idle", || {
        let _sender = waiters(3);
        // sysmon sleeps by then.
        thread::sleep(Duration::from_millis(300));
        quits()
    })
    .run();
    if !is_child() {
        are(&has_quit(&output), 3, "chan receive", "waits");
    }
}

#[test]
fn sent_by_a_goroutine() {
    let output = Child::new("goroutine", || {
        let _sender = waiters(2);
        gort::run(|| quits());
    })
    .run();
    if !is_child() {
        let found = has_quit(&output);
        are(&found, 2, "chan receive", "waits");
        are(&found, 1, "running", "quits");
    }
}

#[test]
fn while_all_are_in_hot_loops() {
    for (label, off) in [("hot", "0"), ("off", "1")] {
        let output = Child::new(label, || {
            static STOP: AtomicBool = AtomicBool::new(false);
            static ROUNDS: AtomicU64 = AtomicU64::new(0);
            for _ in 0..8 {
                gort::go(|| hogs::turn(&STOP, &ROUNDS));
            }
            while ROUNDS.load(Ordering::Relaxed) < 100 {
                thread::yield_now();
            }
            quits()
        })
        .env("GORT_DEBUG", format!("asyncpreemptoff={off}"))
        .env("GOMAXPROCS", 4)
        .run();
        if !is_child() {
            let found = has_quit(&output);
            assert_eq!(found.len(), 8, "{found:#?}");
            // All may have been pre-empted when the world stopped, if signals do that.
            let running = found.iter().filter(|one| one.state == "running").count();
            assert!(running != 0 || off == "0", "{found:#?}");
            assert!(found.iter().any(|one| one.has("turn")), "{found:#?}");
        }
    }
}

/// How many are where they are to be.
static THERE: AtomicU64 = AtomicU64::new(0);

fn until_there(count: u64) {
    while THERE.load(Ordering::Relaxed) < count {
        thread::yield_now();
    }
}

#[inline(never)]
fn locks(mutex: &Mutex<()>) {
    THERE.fetch_add(1, Ordering::Relaxed);
    drop(mutex.lock());
    std::hint::black_box(());
}

#[test]
fn while_all_wait_for_a_lock_of_stds() {
    let output = Child::new("std", || {
        static MUTEX: Mutex<()> = Mutex::new(());
        let _guard = MUTEX.lock();
        for _ in 0..6 {
            gort::go(|| locks(&MUTEX));
        }
        until_there(6);
        quits()
    })
    .run();
    if !is_child() {
        are(&has_quit(&output), 6, "running", "locks");
    }
}

unsafe extern "C" fn sleeps_in_c(_: *mut c_void) {
    THERE.fetch_add(1, Ordering::Relaxed);
    loop {
        // SAFETY: a plain call.
        unsafe { libc::pause() };
    }
}

#[inline(never)]
fn calls_c() {
    // SAFETY: it takes nothing.
    unsafe { gort::ffi::call(sleeps_in_c, std::ptr::null_mut()) };
}

#[test]
fn while_all_threads_are_in_c() {
    let output = Child::new("c", || {
        for _ in 0..6 {
            gort::go(calls_c);
        }
        until_there(6);
        quits()
    })
    .run();
    if !is_child() {
        let found = has_quit(&output);
        are(&found, 6, "syscall", "calls_c");
        assert!(found.iter().all(|one| one.in_c), "{found:#?}");
    }
}

#[test]
fn while_the_world_stops_and_starts() {
    let output = Child::new("world", || {
        let _sender = waiters(3);
        thread::spawn(|| {
            for count in (1..5).cycle() {
                gort::runtime::gomaxprocs(Some(count));
            }
        });
        thread::sleep(Duration::from_millis(50));
        quits()
    })
    .run();
    if !is_child() {
        are(&has_quit(&output), 3, "chan receive", "waits");
    }
}

#[test]
fn before_and_after_there_are_goroutines() {
    let before = Child::new("before", || {
        gort::runtime::gomaxprocs(None);
        quits()
    })
    .run();
    let after = Child::new("after", || {
        gort::run(|| ());
        // It is on its way out.
        while gort::runtime::num_goroutine() != 0 {
            thread::yield_now();
        }
        quits()
    })
    .run();
    let without = Child::new("without", || {
        // Shells have what they start in the background ignore it.
        // SAFETY: no handler.
        unsafe { libc::signal(libc::SIGQUIT, libc::SIG_DFL) };
        quits()
    })
    .run();
    if !is_child() {
        assert_eq!(has_quit(&before), []);
        assert_eq!(has_quit(&after), []);
        // No runtime, no handler.
        assert_eq!(without.status.signal(), Some(libc::SIGQUIT), "{}", stderr(&without));
    }
}

/// The level *none* has no goroutines, *crash* ends by SIGABRT.
#[test]
fn levels_are_heeded() {
    let run = || {
        let _sender = waiters(1);
        quits()
    };
    let none = Child::new("none", run).env("GORT_TRACEBACK", "none").run();
    let crash = Child::new("crash", run).env("GORT_TRACEBACK", "crash").run();
    if !is_child() {
        assert_eq!(none.status.code(), Some(2));
        assert!(stderr(&none).contains("SIGQUIT: quit\n"));
        assert_eq!(parse(&stderr(&none)), []);
        assert_eq!(crash.status.signal(), Some(libc::SIGABRT));
        assert!(stderr(&crash).contains("gort_rt::"), "{}", stderr(&crash));
        are(&parse(&stderr(&crash)), 1, "chan receive", "waits");
    }
}

static SEEN: AtomicBool = AtomicBool::new(false);

extern "C" fn own_handler(_: c_int) {
    SEEN.store(true, Ordering::Relaxed);
}

#[test]
fn a_handler_of_the_programs_is_left_alone() {
    let output = Child::new("own", || {
        // SAFETY: the handler writes an atomic.
        unsafe {
            libc::signal(libc::SIGQUIT, own_handler as *const () as libc::sighandler_t);
        }
        gort::run(quit);
        while !SEEN.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        println!("went on");
    })
    .run();
    if !is_child() {
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(stdout(&output).contains("went on"));
    }
}

#[test]
fn notify_and_ignore_come_first_and_reset_undoes_them() {
    let output = Child::new("notify", || {
        gort::run(|| {
            let signals = signal::notify(&[Signal::QUIT]);
            quit();
            assert_eq!(signals.recv(), Ok(Signal::QUIT));
            signal::ignore(&[Signal::QUIT]);
            quit();
            println!("went on");
            signal::reset(&[Signal::QUIT]);
        });
        quits()
    })
    .run();
    if !is_child() {
        assert!(stdout(&output).contains("went on"), "{}", stderr(&output));
        has_quit(&output);
    }
}

/// It does to children what it does by default.
#[test]
fn children_are_not_affected() {
    let output = Child::new("children", || {
        gort::run(|| {
            let script = "kill -QUIT $$; echo alive";
            let status = Command::new("sh").args(["-c", script]).status().unwrap();
            assert_eq!(status.signal(), Some(libc::SIGQUIT), "{status}");
            let status = gort::process::Command::new("sh").args(["-c", script]).status().unwrap();
            assert_eq!(status.signal(), Some(libc::SIGQUIT), "{status}");
            // SAFETY: the child does what may be done in one.
            let child = unsafe { libc::fork() };
            if child == 0 {
                quit();
                raw::exit_group(7);
            }
            let mut status = 0;
            // SAFETY: a plain call.
            unsafe { libc::waitpid(child, &mut status, 0) };
            assert!(
                libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGQUIT,
                "{status}"
            );
        });
    })
    .run();
    if !is_child() {
        assert!(output.status.success(), "{}", stderr(&output));
    }
}

unsafe extern "C" fn stays(_: *mut libc::dl_phdr_info, _: usize, _: *mut c_void) -> c_int {
    quits()
}

/// Somebody keeps a lock that the dump needs: then there is the one that needs none.
#[test]
fn although_a_lock_is_held_for_ever() {
    let output = Child::new("lock", || {
        let _sender = waiters(3);
        // SAFETY: the callback looks at nothing.
        unsafe { libc::dl_iterate_phdr(Some(stays), std::ptr::null_mut()) };
    })
    .run();
    if !is_child() {
        let err = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{:?} {err}", output.status);
        assert!(err.contains("SIGQUIT: quit\n"), "{err}");
        let (_, rest) = err.split_once("the dump is not done in time").expect(&err);
        are(&parse(rest), 3, "chan receive", "waits");
    }
}

/// A long dump that takes its time is not begun again.
#[test]
fn although_it_is_read_slowly() {
    let output = Child::new("slow", || {
        let _sender = waiters(2000);
        let (mut reader, writer) = std::io::pipe().unwrap();
        // SAFETY: standard error is the writer from now on.
        unsafe { libc::dup2(writer.as_raw_fd(), 2) };
        thread::spawn(move || {
            let mut buffer = [0; 12 << 10];
            while let Ok(len @ 1..) = reader.read(&mut buffer) {
                std::io::stdout().write_all(&buffer[..len]).unwrap();
                thread::sleep(Duration::from_millis(400));
            }
        });
        quits()
    })
    .run();
    if !is_child() {
        let out = stdout(&output);
        assert_eq!(output.status.code(), Some(2), "{:?}", output.status);
        assert!(out.len() > 300_000 && out.contains("SIGQUIT: quit\n"), "{}", out.len());
        assert!(!out.contains("not done in time"));
    }
}
