//! The end of a runtime that is broken: what it says, and that it does end.
//!
//! # Safety
//!
//! Handlers do only what they may; processes end afterwards.

#![allow(unsafe_code)]

mod support;

use gort::signal::Signal;
use gort_sys::raw;
use std::ffi::{c_int, c_void};
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;
use support::dump::{Dumped, parse, until_receiving};
use support::{Child, has_thrown, is_child, stderr};

#[inline(never)]
fn waits(receiver: gort::chan::Receiver<()>) {
    let _ = receiver.recv();
    black_box(());
}

fn waiters() -> gort::chan::Sender<()> {
    let (sender, receiver) = gort::chan::bounded::<()>(0);
    for _ in 0..3 {
        let receiver = receiver.clone();
        gort::go(move || waits(receiver));
    }
    until_receiving(3);
    sender
}

#[inline(never)]
fn throws() {
    gort_rt::throw(black_box("on purpose"));
}

/// The line, Ps and Ms, goroutines, SIGABRT.
fn thrown(output: &Output) -> Vec<Dumped> {
    has_thrown(output, "on purpose");
    let err = stderr(output);
    let (_, rest) = err.split_once("fatal error: gort: on purpose\n\nSCHED ").expect(&err);
    let (status, _) = rest.split_once("\n\n").expect(&err);
    for line in status.lines().skip(1) {
        assert!(line.starts_with("  P") && line.contains(" status="), "{line}");
        if line.starts_with("  P0") {
            break;
        }
    }
    assert!(status.contains("\n  P0: status=") && status.contains("\n  M"), "{err}");
    let found = parse(rest);
    let waiting = found.iter().filter(|one| one.state == "chan receive" && one.has("waits"));
    let waiting = waiting.filter(|one| one.creator.as_ref().unwrap().0.short() == "waiters");
    assert_eq!(waiting.count(), 3, "{err}");
    found
}

extern "C" fn handler(_: c_int) {
    throws();
}

unsafe extern "C" fn throws_on_g0(_: *mut c_void) {
    throws();
}

fn handle(signal: c_int) {
    // SAFETY: `throw` is good in a handler.
    unsafe {
        let mut action = std::mem::zeroed::<libc::sigaction>();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_ONSTACK;
        libc::sigaction(signal, &action, std::ptr::null_mut());
    }
}

#[inline(never)]
fn raises() {
    // Not by the thread's number, which may be another one's before it is used.
    // SAFETY: no conditions.
    assert_eq!(unsafe { libc::raise(libc::SIGUSR1) }, 0);
    black_box(());
}

#[test]
fn on_a_goroutine() {
    let output = Child::new("goroutine", || {
        let _sender = waiters();
        gort::run(throws);
    })
    .run();
    if !is_child() {
        let found = thrown(&output);
        assert!(found[0].has("throws") && found[0].state == "running", "{found:#?}");
    }
}

#[test]
fn on_a_small_stack_and_a_thread() {
    let small = Child::new("small", || {
        let _sender = waiters();
        let builder = gort::Builder::new().stack_size(4 << 10);
        let _ = builder.spawn(throws).unwrap().join();
    })
    .run();
    let thread = Child::new("thread", || {
        let _sender = waiters();
        throws();
    })
    .run();
    if !is_child() {
        assert!(thrown(&small)[0].has("throws"));
        thrown(&thread);
    }
}

#[test]
fn on_g0() {
    let output = Child::new("g0", || {
        let _sender = waiters();
        // SAFETY: it takes nothing.
        gort::run(|| unsafe { gort::ffi::call(throws_on_g0, std::ptr::null_mut()) });
    })
    .run();
    if !is_child() {
        assert!(thrown(&output).iter().any(|one| one.has("throws")));
    }
}

/// On the M's signal stack, and on a thread's, in which there is hardly any room.
#[test]
fn in_a_signals_handler() {
    let goroutine = Child::new("goroutine", || {
        let _sender = waiters();
        handle(libc::SIGUSR1);
        gort::run(raises);
    })
    .run();
    let thread = Child::new("thread", || {
        let _sender = waiters();
        handle(libc::SIGUSR1);
        raises();
    })
    .run();
    if !is_child() {
        let found = thrown(&goroutine);
        assert!(found[0].has("throws") && found[0].has("raises"), "{found:#?}");
        thrown(&thread);
    }
}

/// A throw while there is one: in SIGABRT's handler, and on all threads at the same time.
#[test]
fn once_is_enough() {
    let again = Child::new("again", || {
        let _sender = waiters();
        handle(libc::SIGABRT);
        gort::run(throws);
    })
    .run();
    let many = Child::new("many", || {
        let _sender = waiters();
        for _ in 0..20 {
            gort::go(throws);
            thread::spawn(throws);
        }
        loop {
            thread::sleep(Duration::from_secs(1));
        }
    })
    .run();
    if !is_child() {
        thrown(&again);
        thrown(&many);
    }
}

/// A fault on the way is the end, too.
#[test]
fn a_fault_ends_it() {
    let output = Child::new("fault", || {
        let _sender = waiters();
        gort::run(|| {
            gort_rt::last_words("on purpose\n", gort_rt::Whose::All, || {
                // SAFETY: whoever handles the fault ends the process.
                unsafe { std::ptr::without_provenance_mut::<u8>(black_box(8)).write_volatile(0) };
                raw::exit_group(0)
            })
        });
    })
    .run();
    if !is_child() {
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{}", stderr(&output));
        assert_eq!(parse(&stderr(&output)).len(), 4, "{}", stderr(&output));
    }
}

#[test]
fn without_traces_it_is_a_line() {
    let output = Child::new("none", || {
        let _sender = waiters();
        gort::run(throws);
    })
    .env("GORT_TRACEBACK", "none")
    .run();
    if !is_child() {
        has_thrown(&output, "on purpose");
        assert!(
            stderr(&output).ends_with("fatal error: gort: on purpose\n"),
            "{}",
            stderr(&output)
        );
    }
}

/// An invariant that really is broken: a goroutine is made ready that runs.
#[test]
fn a_broken_invariant_is_found() {
    let output = Child::new("ready", || {
        gort::run(|| {
            let gp = gort_rt::current().unwrap();
            gort_rt::goready(gp);
        });
    })
    .run();
    if !is_child() {
        has_thrown(&output, "goroutine status is 2 at the change from 4 to 1");
        assert!(parse(&stderr(&output))[0].state == "running");
    }
}

/// The second line of a frame has what `addr2line -e` takes.
#[test]
fn addresses_are_the_objects_own() {
    let output = Child::new("addresses", || {
        let _sender = waiters();
        gort::run(throws);
    })
    .run();
    if is_child() {
        return;
    }
    let found = thrown(&output);
    let frame = found[0].frames.iter().find(|frame| frame.short() == "throws").unwrap();
    assert_eq!(frame.file, std::env::current_exe().unwrap().to_str().unwrap());
    let address = format!("{:#x}", frame.offset.unwrap() - 1);
    match Command::new("addr2line").args(["-f", "-e", &frame.file, &address]).output() {
        Ok(said) => {
            let said = String::from_utf8_lossy(&said.stdout).into_owned();
            assert!(said.contains("throws") && said.contains("dump_throw.rs"), "{said}");
        }
        Err(_) => assert!(frame.offset > Some(1), "no binutils here"),
    }
}

/// A stack that has run out is told in the same layout.
#[test]
fn an_overflow_has_gos_layout() {
    #[inline(never)]
    fn recurse(n: u64) -> u64 {
        let frame = black_box([n; 16]);
        if n == u64::MAX { frame[0] } else { recurse(n + 1) + frame[n as usize % 16] }
    }
    let run = || {
        let _sender = waiters();
        gort::run(|| recurse(0));
    };
    let single = Child::new("single", run).run();
    let all = Child::new("all", run).env("GORT_TRACEBACK", "all").run();
    if is_child() {
        return;
    }
    for (output, others) in [(single, 0), (all, 3)] {
        let err = stderr(&output);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{err}");
        let found = parse(&err);
        assert_eq!(found.len(), 1 + others, "{err}");
        let frames = found[0].functions();
        assert!(frames.iter().filter(|name| **name == "recurse").count() > 30, "{err}");
    }
}

/// Whatever others do: dump, stop the world, quit, panic.
#[test]
fn while_others_dump() {
    let run = |end: fn()| {
        let _sender = waiters();
        gort::runtime::gomaxprocs(Some(4));
        let dumps = || loop {
            gort::runtime::dump(&mut Vec::new()).unwrap();
        };
        for _ in 0..3 {
            gort::go(dumps);
            thread::spawn(dumps);
            gort::go(|| {
                loop {
                    gort::gosched();
                }
            });
        }
        thread::sleep(Duration::from_millis(30));
        gort::run(end);
    };
    for _ in 0..10 {
        let thrown_meanwhile = Child::new("throw", || run(throws)).run();
        let quit = Child::new("quit", || {
            run(|| {
                for _ in 0..3 {
                    raw::kill(raw::getpid(), Signal::QUIT).unwrap();
                }
                loop {
                    thread::sleep(Duration::from_secs(1));
                }
            });
        })
        .run();
        if !is_child() {
            thrown(&thrown_meanwhile);
            assert_eq!(quit.status.code(), Some(2), "{}", stderr(&quit));
            let found = parse(&stderr(&quit));
            let waiting =
                found.iter().filter(|one| one.state == "chan receive" && one.has("waits"));
            assert_eq!(waiting.count(), 3, "{}", stderr(&quit));
        }
    }
}
