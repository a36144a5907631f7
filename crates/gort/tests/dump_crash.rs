//! A panic under the policy *crash*, and `GORT_TRACEBACK`.

mod support;

use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::process::Output;
use support::dump::{Dumped, parse, until_receiving};
use support::{Child, is_child, stderr};

#[inline(never)]
fn breaks() {
    if black_box(true) {
        panic!("it broke");
    }
}

#[inline(never)]
fn worker() {
    breaks();
    black_box(());
}

/// A goroutine that panics, and one that waits.
fn crashes() {
    gort::run(|| {
        let (_sender, receiver) = gort::chan::bounded::<()>(0);
        let _waits = gort::Builder::new().name("waits".into()).spawn(move || _ = receiver.recv());
        until_receiving(1);
        let _ = gort::Builder::new().name("breaks".into()).spawn(worker).unwrap().join();
    });
}

fn crashed(output: &Output) -> Vec<Dumped> {
    let err = stderr(output);
    let message = err.find("\npanic: it broke\n").unwrap_or_else(|| panic!("{err}"));
    let rest = &err[message + 1..];
    assert!(err[..message].contains("panicked at"), "{err}");
    let found = parse(rest);
    if let Some(first) = found.first() {
        // The message, an empty line, the goroutine.
        assert!(rest.starts_with(&format!("panic: it broke\n\ngoroutine {} [running", first.id)));
        assert_eq!(first.name.as_deref(), Some("breaks"), "{err}");
    } else {
        assert_eq!(rest, "panic: it broke\n");
    }
    found
}

/// Runs it in a child at this level.
macro_rules! level {
    ($level:literal) => {
        Child::new($level, || {
            crashes();
        })
        .env("GORT_PANIC", "crash")
        .env("GORT_TRACEBACK", $level)
        .run()
    };
}

#[test]
fn each_level_shows_what_it_should() {
    let single = [level!("single"), level!("nonsense"), level!("")];
    let (none, all) = ([level!("none"), level!("0")], [level!("all"), level!("1")]);
    let (system, crash) = ([level!("system"), level!("2")], level!("crash"));
    if is_child() {
        return;
    }
    for output in none.iter().chain(&single).chain(&all).chain(&system) {
        assert_eq!(output.status.code(), Some(2), "{}", stderr(output));
    }
    assert_eq!(crash.status.signal(), Some(libc::SIGABRT), "{}", stderr(&crash));
    for output in &none {
        assert_eq!(crashed(output), []);
    }
    for output in &single {
        let found = crashed(output);
        assert_eq!(found.len(), 1, "{}", stderr(output));
        assert_eq!(found[0].functions(), ["breaks", "worker"], "{}", stderr(output));
        assert!(found[0].frames[0].file.ends_with("tests/dump_crash.rs"));
    }
    for output in &all {
        let found = crashed(output);
        assert_eq!(found[0].functions(), ["breaks", "worker"], "{}", stderr(output));
        let waits = found.iter().find(|one| one.name.as_deref() == Some("waits")).unwrap();
        assert!(waits.has("recv") && !waits.has("gopark"), "{waits:?}");
        let again = found[1..].iter().filter(|one| one.id == found[0].id);
        assert_eq!(again.count(), 0, "{}", stderr(output));
    }
    for output in system.iter().chain([&crash]) {
        let found = crashed(output);
        assert!(found[0].has("breaks") && found[0].has("run"), "{}", stderr(output));
        let waits = found.iter().find(|one| one.name.as_deref() == Some("waits")).unwrap();
        assert!(waits.frames.iter().any(|frame| frame.function.starts_with("gort_rt::")));
    }
}

/// What unwinds without a panic has no place.
#[test]
fn without_a_place_there_is_the_goroutine() {
    let output = Child::new("resumed", || {
        gort::run(|| std::panic::resume_unwind(Box::new("it broke")));
    })
    .env("GORT_PANIC", "crash")
    .run();
    if !is_child() {
        let err = stderr(&output);
        let found = parse(&err);
        assert_eq!(output.status.code(), Some(2), "{err}");
        assert!(err.contains("panic: it broke\n\ngoroutine "), "{err}");
        assert!(found.len() == 1 && found[0].frames.is_empty(), "{err}");
    }
}
