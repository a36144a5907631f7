//! Panics and goexit: what unwinds, where it stops, who hears of it.

mod support;

use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::process::Output;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use support::{Child, ON_PURPOSE, all, hop, is_child, matrix, moving, quiet, resident, stderr};

#[inline(never)]
fn descend(depth: usize, bottom: &dyn Fn()) -> usize {
    let here = black_box(depth);
    if depth == 0 {
        bottom();
    } else {
        descend(depth - 1, bottom);
    }
    here
}

#[test]
fn panics_are_caught_at_any_depth() {
    moving(|_| {
        all(3, |me| {
            for depth in [0, 1, 10, 100, 500] {
                let caught = catch_unwind(AssertUnwindSafe(|| {
                    descend(depth, &|| {
                        let inner = catch_unwind(|| resume_unwind(Box::new("inner")));
                        assert!(inner.is_err());
                        gort::gosched();
                        resume_unwind(Box::new(me));
                    })
                }));
                assert_eq!(caught.unwrap_err().downcast_ref(), Some(&me));
                hop();
            }
        });
    });
}

#[test]
fn a_panic_within_a_panic_within_a_panic() {
    struct Nest(usize);
    impl Drop for Nest {
        fn drop(&mut self) {
            hop();
            if self.0 > 0 {
                let deeper = self.0 - 1;
                let caught = catch_unwind(|| {
                    let _nest = Nest(deeper);
                    resume_unwind(Box::new(deeper));
                });
                assert_eq!(caught.unwrap_err().downcast_ref(), Some(&deeper));
            }
            assert!(thread::panicking());
        }
    }
    moving(|_| {
        all(2, |_| {
            let caught = catch_unwind(|| {
                let _nest = Nest(4);
                resume_unwind(Box::new(()));
            });
            assert!(caught.is_err());
            assert!(!thread::panicking());
        });
    });
}

#[test]
fn the_joiner_gets_the_payload() {
    let _quiet = quiet();
    moving(|_| {
        let text = gort::go(|| panic!("{ON_PURPOSE} {}", 1)).join().unwrap_err();
        assert_eq!(text.downcast_ref::<String>().unwrap(), &format!("{ON_PURPOSE} 1"));
        let constant = gort::go(|| panic!("on purpose")).join().unwrap_err();
        assert_eq!(constant.downcast_ref::<&str>(), Some(&"on purpose"));
        let any = gort::go(|| -> u8 { resume_unwind(Box::new(vec![1, 2])) }).join().unwrap_err();
        assert_eq!(*any.downcast::<Vec<i32>>().unwrap(), [1, 2]);
        let late = gort::go(|| {
            hop();
            resume_unwind(Box::new(5u8));
        });
        while !late.is_finished() {
            gort::gosched();
        }
        assert_eq!(late.join().unwrap_err().downcast_ref(), Some(&5u8));
    });
    let caught = catch_unwind(|| gort::run(|| resume_unwind(Box::new(6u8))));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&6u8));
}

#[test]
fn recover_catches_all_but_goexit() {
    matrix(|_| {
        let caught = gort::panic::recover(|| resume_unwind(Box::new(7)));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&7));
        assert_eq!(gort::panic::recover(|| 8).unwrap(), 8);
        let ended = gort::go(|| gort::panic::recover(|| gort::goexit()).is_ok());
        assert!(ended.join().unwrap_err().is::<gort::GoExit>());
    });
}

static LIVE: AtomicUsize = AtomicUsize::new(0);

/// Counts itself, and brings some memory along.
struct Counted(Vec<u8>);

impl Counted {
    fn new() -> Counted {
        LIVE.fetch_add(1, Ordering::Relaxed);
        Counted(vec![7; 100])
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        assert_eq!(self.0, [7; 100]);
        LIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// `count` goroutines that panic when all are there; every other one is joined.
fn panic_at_once(count: usize) {
    let ready: &'static AtomicUsize = Box::leak(Box::new(AtomicUsize::new(0)));
    let start = move |i: usize| {
        gort::go(move || {
            thread_local! { static LOCAL: RefCell<Vec<Counted>> = const { RefCell::new(vec![]) }; }
            LOCAL.with_borrow_mut(|v| v.push(Counted::new()));
            let (_held, payload) = (Counted::new(), Counted::new());
            ready.fetch_add(1, Ordering::Relaxed);
            while ready.load(Ordering::Relaxed) < count {
                gort::gosched();
            }
            if i.is_multiple_of(3) {
                panic!("{ON_PURPOSE}");
            }
            resume_unwind(Box::new(payload));
        })
    };
    let joined: Vec<_> = (0..count).filter_map(|i| Some(start(i)).filter(|_| i % 2 == 0)).collect();
    for handle in joined {
        assert!(handle.join().is_err());
    }
    while gort::runtime::num_goroutine() > 1 {
        gort::gosched();
    }
    assert_eq!(LIVE.load(Ordering::Relaxed), 0);
}

#[test]
fn ten_thousand_panic_at_once() {
    let _quiet = quiet();
    let settled = AtomicUsize::new(0);
    matrix(|procs| {
        panic_at_once(10_000);
        if procs == 1 {
            panic_at_once(10_000);
            settled.store(resident(), Ordering::Relaxed);
        }
    });
    let (before, after) = (settled.into_inner(), resident());
    // A leak of a page for each would be 120 MB.
    assert!(after < before + (40 << 20), "resident memory grows from {before} to {after}");
}

#[test]
fn goexit_runs_destructors_and_join_says_so() {
    moving(|_| {
        for depth in [0, 50] {
            let handle = gort::go(move || {
                let _outer = Counted::new();
                descend(depth, &|| {
                    let _inner = Counted::new();
                    hop();
                    gort::goexit();
                });
                unreachable!()
            });
            let payload = handle.join().unwrap_err();
            assert!(payload.is::<gort::GoExit>());
            assert_eq!(LIVE.load(Ordering::Relaxed), 0);
        }
        // A scope does not take it for a panic.
        gort::scope(|s| {
            s.go(|| gort::goexit());
            assert!(s.go(|| gort::goexit()).join().unwrap_err().is::<gort::GoExit>());
        });
        let caught = gort::go(|| catch_unwind(|| gort::goexit()).unwrap_err().is::<gort::GoExit>());
        assert!(caught.join().unwrap());
    });
    assert!(catch_unwind(|| gort::goexit()).is_err());
}

#[inline(never)]
fn capture() -> String {
    hop();
    black_box(Backtrace::force_capture().to_string())
}

#[test]
fn a_backtrace_ends_at_the_goroutines_entry() {
    let traces = Mutex::new(Vec::new());
    moving(|_| {
        let trace = gort::go(capture).join().unwrap();
        traces.lock().unwrap().push(trace);
        struct Traces<'a>(&'a Mutex<Vec<String>>);
        impl Drop for Traces<'_> {
            fn drop(&mut self) {
                let trace = capture();
                self.0.lock().unwrap().push(trace);
            }
        }
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let _traces = Traces(&traces);
            resume_unwind(Box::new(()));
        }));
        assert!(caught.is_err());
    });
    for trace in traces.into_inner().unwrap() {
        // Optimised programs may have the names without their modules.
        let frames = trace.lines().filter(|line| !line.trim_start().starts_with("at "));
        let names: Vec<_> = frames.filter_map(|line| line.rsplit([' ', ':']).next()).collect();
        assert!(names.contains(&"capture"), "{trace}");
        assert_eq!(names.last(), Some(&"start"), "{trace}");
        // Nothing of the thread's own stack, where the scheduler is.
        for other in ["mstart", "schedule", "findrunnable", "start_thread", "clone"] {
            assert!(!trace.contains(other), "{other} in\n{trace}");
        }
    }
}

/// The number in the first `goroutine N`.
fn number_in(text: &str) -> Option<u64> {
    let rest = &text[text.find("goroutine ")? + "goroutine ".len()..];
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[test]
fn a_detached_panic_is_reported_with_number_and_name() {
    let output = Child::new("detached", || {
        gort::run(|| {
            let named = gort::Builder::new().name("worker".into());
            let id = named.spawn(|| panic!("the message {}", 1)).unwrap().id();
            println!("id {id}");
            gort::go(|| panic_any(7u8)).join().unwrap_err();
            while gort::runtime::num_goroutine() > 1 {
                gort::gosched();
            }
        });
        println!("went on");
    })
    .run();
    if is_child() {
        return;
    }
    let (out, err) = (support::stdout(&output), stderr(&output));
    assert!(output.status.success(), "{err}");
    assert!(out.contains("went on"), "{out}");
    let id = out.lines().find_map(|line| line.strip_prefix("id ")).unwrap();
    assert!(err.contains(&format!("goroutine {id} [worker] panicked at ")), "{err}");
    assert!(err.contains("tests/panics.rs:") && err.contains("\nthe message 1\n"), "{err}");
    assert!(err.contains("RUST_BACKTRACE=1"), "{err}");
    assert!(err.contains("Box<dyn Any>"), "{err}");
}

#[inline(never)]
fn the_culprit() {
    panic!("the reason");
}

#[test]
fn the_policy_crash_ends_the_process() {
    let crash = || -> Output {
        Child::new("crash", || {
            gort::run(|| {
                // What is caught on the way is no crash.
                assert!(catch_unwind(|| panic!("caught")).is_err());
                let _ = gort::Builder::new().name("bad".into()).spawn(the_culprit);
                loop {
                    gort::gosched();
                }
            });
        })
        .env("GORT_PANIC", "crash")
        .run()
    };
    let output = crash();
    if is_child() {
        return;
    }
    let err = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{err}");
    let at = err.find("the reason").unwrap_or_else(|| panic!("{err}"));
    let trace = &err[at..];
    assert!(trace.contains(" [running, \"bad\"]:") && number_in(trace).is_some(), "{err}");
    assert!(trace.contains("the_culprit"), "{err}");
}

/// What std does when a thread-local's destructor panics, on a thread and on a goroutine.
#[test]
fn a_panic_in_a_thread_locals_destructor_is_what_it_is_to_std() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("in a destructor");
        }
    }
    thread_local! { static BAD: RefCell<Option<Bad>> = const { RefCell::new(None) }; }
    let goroutine = Child::new("goroutine", || {
        let _ = gort::go(|| BAD.set(Some(Bad))).join();
        println!("went on");
    })
    .run();
    let thread = Child::new("thread", || {
        let _ = thread::spawn(|| BAD.set(Some(Bad))).join();
        println!("went on");
    })
    .run();
    if is_child() {
        return;
    }
    assert_eq!(thread.status.signal(), Some(6), "{}", stderr(&thread));
    assert_eq!(goroutine.status.signal(), thread.status.signal(), "{}", stderr(&goroutine));
    for output in [thread, goroutine] {
        let err = stderr(&output);
        assert!(err.contains("thread local panicked on drop"), "{err}");
        assert!(!support::stdout(&output).contains("went on"));
    }
}

#[test]
fn a_panic_while_unwinding_aborts() {
    struct Twice;
    impl Drop for Twice {
        fn drop(&mut self) {
            panic!("the second");
        }
    }
    let output = Child::new("twice", || {
        let _ = gort::go(|| {
            let _twice = Twice;
            panic!("the first");
        })
        .join();
        println!("went on");
    })
    .run();
    if is_child() {
        return;
    }
    let err = stderr(&output);
    assert_eq!(output.status.signal(), Some(6), "{err}");
    assert!(err.contains("the first") && err.contains("the second"), "{err}");
}
