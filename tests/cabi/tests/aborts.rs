//! What a callback must not do ends the process, and says what it was.
//!
//! # Safety
//!
//! `raise` sends a signal that has a handler.

#![allow(unsafe_code)]

#[path = "../../../crates/gort/tests/support/mod.rs"]
mod support;

use cabi::{call_back, call_back_on, threads};
use gort::ffi::{call_with, callback};
use std::os::unix::process::ExitStatusExt;
use std::panic::{catch_unwind, resume_unwind};
use std::process::Output;
use support::{Child, is_child, stderr};

/// What it wrote, once: it has ended by SIGABRT, having written just one line of the runtime's.
fn aborted(output: &Output) -> String {
    let err = stderr(output);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{err}");
    assert_eq!(err.matches("fatal error: ").count(), 1, "{err}");
    err
}

#[test]
fn a_panic_does_not_cross_c() {
    let in_goroutine = |body: fn()| {
        gort::Builder::new()
            .name("worker".into())
            .spawn(move || call_with(|| call_back(&body)))
            .unwrap()
    };
    let plain = Child::new("plain", || in_goroutine(|| panic!("oh {}", 1)).join().unwrap()).run();
    let caught = Child::new("caught", || {
        let _ =
            gort::run(|| catch_unwind(|| call_with(|| call_back(&|| resume_unwind(Box::new(5))))));
    })
    .run();
    let deep = Child::new("deep", || {
        in_goroutine(|| call_with(|| call_back(&|| panic!("deep")))).join().unwrap();
    })
    .run();
    let foreign = Child::new("foreign", || threads(4, 3, &|| panic!("strange"))).run();
    let called = Child::new("called", || gort::run(|| call_back(&|| panic!("called")))).run();
    let crash = Child::new("crash", || in_goroutine(|| panic!("crash")).join().unwrap())
        .env("GORT_PANIC", "crash")
        .run();
    if is_child() {
        return;
    }
    let plain = aborted(&plain);
    assert!(plain.contains("goroutine 1 [worker] panicked at "), "{plain}");
    let line = "fatal error: gort: goroutine 1 [worker] panicked in a callback from C, which cannot be \
                unwound: oh 1\n";
    assert!(plain.contains(line), "{plain}");
    assert!(aborted(&caught).contains("unwound: Box<dyn Any>"));
    assert!(aborted(&deep).contains("unwound: deep"));
    assert!(aborted(&foreign).contains("unwound: strange"));
    assert!(aborted(&called).contains("unwound: called"));
    let crash = aborted(&crash);
    assert!(crash.contains("unwound: crash\n"), "{crash}");
    assert!(crash.contains("cabi_call_back"), "{crash}");
}

#[test]
fn goexit_does_not_cross_c() {
    let goroutine =
        Child::new("goroutine", || gort::run(|| call_with(|| call_back(&|| gort::goexit())))).run();
    let foreign = Child::new("foreign", || threads(1, 1, &|| gort::goexit())).run();
    if is_child() {
        return;
    }
    for output in [goroutine, foreign] {
        let err = aborted(&output);
        assert!(err.contains("called goexit in a callback from C"), "{err}");
        assert!(!err.contains("panicked"), "{err}");
    }
}

#[test]
fn a_second_panic_while_one_is_dying_ends_it_at_once() {
    let output = Child::new("second", || {
        gort::run(|| {
            call_back_on(libc::SIGABRT, || panic!("second"));
            call_with(|| call_back(&|| panic!("first")));
        })
    })
    .run();
    if !is_child() {
        let err = aborted(&output);
        assert!(err.contains("unwound: first"), "{err}");
        assert!(err.contains("second"), "the handler has not run: {err}");
        assert!(!err.contains("unwound: second"), "{err}");
    }
}

#[test]
fn signal_handlers_do_not_call_back() {
    // SAFETY: it has a handler.
    let raise = || unsafe { libc::raise(libc::SIGUSR1) };
    let in_c = Child::new("c", || {
        gort::run(|| {
            call_back_on(libc::SIGUSR1, gort::gosched);
            call_with(raise);
        })
    })
    .run();
    let foreign = Child::new("foreign", || {
        callback(|| call_back_on(libc::SIGUSR1, gort::gosched));
        raise();
    })
    .run();
    let first = Child::new("first", || {
        gort::run(|| ());
        call_back_on(libc::SIGUSR1, gort::gosched);
        raise();
    })
    .run();
    if is_child() {
        return;
    }
    for output in [in_c, foreign] {
        let err = aborted(&output);
        assert!(err.contains("a callback in a signal handler"), "{err}");
    }
    let err = aborted(&first);
    assert!(err.contains("a callback from C on thread '"), "{err}");
}

#[test]
fn the_scheduler_must_have_room_on_cs_stack() {
    fn dive() {
        call_with(|| call_back(&|| dive()));
    }
    let output = Child::new("dive", || {
        gort::Builder::new().stack_size(64 << 20).spawn(dive).unwrap().join().unwrap();
    })
    .run();
    if !is_child() {
        let err = aborted(&output);
        assert!(err.contains("a callback of goroutine 1 has "), "{err}");
        assert!(err.contains("gort::ffi::set_stack_size"), "{err}");
    }
}
