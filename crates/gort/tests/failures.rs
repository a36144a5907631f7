//! What is left of a program that fails: its exit status, its signal and its words, a child program for
//! each failure. Overflowing stacks are in `overflow.rs`, main's own panic in `main_attribute.rs`.

mod support;

use gort::panic::{Defers, deferred, recover, recovered};
use std::os::unix::process::ExitStatusExt;
use std::panic::{resume_unwind, set_hook};
use std::process::Output;
use support::{Child, is_child, stderr, stdout};

/// Ends by status 0 having gone on, and said each of these once.
fn goes_on(output: &Output, said: &[&str]) {
    if is_child() {
        return;
    }
    let err = stderr(output);
    assert!(output.status.success(), "{:?} {err}", output.status);
    assert!(stdout(output).contains("went on"), "{err}");
    says(output, said);
}

/// Ends by SIGABRT, having said each of these once.
fn aborts(output: &Output, said: &[&str]) {
    if is_child() {
        return;
    }
    let err = stderr(output);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{:?} {err}", output.status);
    assert!(!stdout(output).contains("went on"), "{err}");
    says(output, said);
}

/// Ends with status 2, having said each of these once.
fn crashes(output: &Output, said: &[&str]) {
    if is_child() {
        return;
    }
    let err = stderr(output);
    assert_eq!(output.status.code(), Some(2), "{:?} {err}", output.status);
    assert!(!stdout(output).contains("went on"), "{err}");
    says(output, said);
}

fn says(output: &Output, said: &[&str]) {
    let err = stderr(output);
    for text in said {
        assert_eq!(err.matches(text).count(), 1, "{text:?} in\n{err}");
    }
}

/// The words of a goroutine's panic, which are one message with number and name.
fn has_message(output: &Output, name: &str, message: &str) {
    if is_child() {
        return;
    }
    let err = stderr(output);
    let said = err.lines().zip(err.lines().skip(1)).any(|(title, text)| {
        let number = title.strip_prefix("goroutine ").and_then(|rest| rest.split(' ').next());
        number.is_some_and(|number| number.parse::<u64>().is_ok())
            && title.contains(&format!(" [{name}] panicked at "))
            && title.contains("tests/failures.rs:")
            && text == message
    });
    assert!(said, "no {message} of {name} in\n{err}");
}

/// A goroutine with a name for messages.
fn named<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> gort::JoinHandle<T> {
    gort::Builder::new().name("bad one".into()).spawn(f).expect("there is memory")
}

struct PanicsOnDrop(&'static str);

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        panic!("{}", self.0);
    }
}

#[test]
fn contained_wherever_it_is() {
    let output = Child::new("contained", || {
        assert!(named(|| panic!("joined")).join().is_err());
        drop(named(|| panic!("detached")));
        while gort::runtime::num_goroutine() > 0 {
            std::thread::yield_now();
        }
        let scope = recover(|| gort::scope(|s| drop(s.go(|| panic!("in a scope")))));
        assert_eq!(scope.unwrap_err().downcast_ref(), Some(&"a scoped goroutine panicked"));
        let run = recover(|| gort::run(|| panic!("in run")));
        assert_eq!(run.unwrap_err().downcast_ref(), Some(&"in run"));
        println!("went on");
    })
    .run();
    has_message(&output, "bad one", "joined");
    has_message(&output, "bad one", "detached");
    goes_on(&output, &["in a scope", "in run", "a scoped goroutine panicked"]);
}

#[test]
fn across_join_there_is_one_message() {
    let output = Child::new("join", || {
        let outer = gort::go(|| {
            let inner = named(|| panic!("the innermost")).join();
            inner.unwrap_or_else(|payload| resume_unwind(payload))
        });
        assert_eq!(outer.join().unwrap_err().downcast_ref(), Some(&"the innermost"));
        println!("went on");
    })
    .run();
    has_message(&output, "bad one", "the innermost");
    goes_on(&output, &["the innermost", "panicked at"]);
}

/// The policy *crash*, wherever the panic is.
macro_rules! crash {
    ($($test:ident: $body:expr, [$($said:expr),*];)*) => {$(
        #[test]
        fn $test() {
            let output = Child::new("crash", || {
                $body;
                println!("went on");
            })
            .env("GORT_PANIC", "crash")
            .run();
            crashes(&output, &[$($said),*]);
        }
    )*};
}

crash! {
    crash_although_somebody_joins: _ = named(|| panic!("here")).join(), [" [running, \"bad one\"]:"];
    crash_in_a_scope: gort::scope(|s| _ = s.go(|| panic!("here")).join()), [" [running]:"];
    crash_in_run: _ = recover(|| gort::run(|| panic!("here"))), [" [running]:"];
    crash_without_a_message: _ = named(|| resume_unwind(Box::new(1))).join(), [];
    crash_in_deferred_work: gort::run(|| { gort::defer!(panic!("here")); }), [" [running]:"];
    crash_of_what_nobody_recovers: gort::run(|| deferred(|d| {
        d.push(|| assert!(recover(|| resume_unwind(Box::new(1))).is_err()));
        panic!("here")
    })), [" [running]:"];
    crash_of_the_last_of_several: gort::run(|| deferred(|d| {
        d.push(|| panic!("the {}", "third"));
        d.push(|| {
            drop(recovered());
            panic!("the second");
        });
        panic!("the first")
    })), ["panic: the first [recovered]\n\tpanic: the second\n\tpanic: the third\n"];
    crash_of_one_after_another: gort::run(|| deferred(|d| {
        d.push(|| {
            let _: Option<()> = deferred(|d| {
                d.push(|| panic!("third"));
                panic!("second")
            });
        });
        panic!("first")
    })), ["panic: first\n\tpanic: second\n\tpanic: third\n"];
}

#[inline(never)]
fn the_culprit() {
    panic!("here");
}

#[inline(never)]
fn nobody_minds() {
    panic!("there");
}

/// The trace is that of the panic that ends the goroutine, although deferred work has panicked since.
#[test]
fn a_crash_says_where_its_panic_was() {
    let output = |label, plain: bool| {
        Child::new(label, || {
            gort::run(|| {
                if plain {
                    let defers = Defers::new();
                    defers.push(nobody_minds);
                    the_culprit();
                } else {
                    deferred(|d| {
                        d.push(|| drop(recover(nobody_minds)));
                        d.push(|| drop(recover(nobody_minds)));
                        the_culprit();
                    });
                }
            });
        })
        .env("GORT_PANIC", "crash")
        .run()
    };
    for output in [output("defers", true), output("deferred", false)] {
        crashes(&output, &["the_culprit", " [running]:"]);
        if !is_child() {
            let err = stderr(&output);
            assert!(err.contains("there") && !err.contains("nobody_minds"), "{err}");
        }
    }
}

#[test]
fn what_is_recovered_does_not_crash() {
    let output = Child::new("recovered", || {
        gort::run(|| {
            assert!(recover(|| panic!("caught")).is_err());
            let value: Option<()> = deferred(|d| {
                d.push(|| drop(recovered()));
                d.push(|| panic!("second"));
                panic!("first")
            });
            assert!(value.is_none());
            assert!(gort::go(|| gort::goexit()).join().is_err());
        });
        println!("went on");
    })
    .env("GORT_PANIC", "crash")
    .run();
    goes_on(&output, &["caught", "first", "second"]);
}

#[test]
fn two_goroutines_crash_at_once() {
    let output = Child::new("two", || {
        gort::run(|| {
            for _ in 0..8 {
                gort::go(|| panic!("one of many"));
            }
            loop {
                gort::gosched();
            }
        });
    })
    .env("GORT_PANIC", "crash")
    .run();
    crashes(&output, &[]);
    if !is_child() {
        assert!(stderr(&output).contains("one of many"));
    }
}

#[test]
fn in_deferred_work_at_the_end_of_a_block() {
    let output = Child::new("defer", || {
        let result = named(|| {
            gort::defer!(println!("this runs"));
            gort::defer!(panic!("deferred"));
        });
        assert_eq!(result.join().unwrap_err().downcast_ref(), Some(&"deferred"));
        println!("went on");
    })
    .run();
    has_message(&output, "bad one", "deferred");
    goes_on(&output, &["deferred"]);
    if !is_child() {
        assert!(stdout(&output).contains("this runs"));
    }
}

#[test]
fn in_deferred_work_while_another_unwinds() {
    let output = Child::new("defer", || {
        let _ = named(|| {
            gort::defer!(panic!("the second"));
            panic!("the first")
        })
        .join();
        println!("went on");
    })
    .run();
    has_message(&output, "bad one", "the first");
    has_message(&output, "bad one", "the second");
    aborts(&output, &["the first", "the second", "panic in a destructor during cleanup"]);
}

#[test]
fn in_a_stack_of_deferred_work_while_another_unwinds() {
    let output = Child::new("defers", || {
        let result = named(|| {
            let defers = Defers::new();
            defers.push(|| panic!("the third"));
            defers.push(|| panic!("the second"));
            panic!("the first")
        });
        assert_eq!(result.join().unwrap_err().downcast_ref(), Some(&"the first"));
        println!("went on");
    })
    .run();
    has_message(&output, "bad one", "the second");
    goes_on(&output, &["the first", "the second", "the third"]);
}

#[test]
fn in_destructors() {
    let once = Child::new("once", || {
        let result = named(|| drop(PanicsOnDrop("on drop")));
        assert_eq!(result.join().unwrap_err().downcast_ref::<String>().unwrap(), "on drop");
        println!("went on");
    })
    .run();
    has_message(&once, "bad one", "on drop");
    goes_on(&once, &["on drop"]);

    let twice = Child::new("twice", || {
        let _ = named(|| {
            let _first = PanicsOnDrop("the second");
            let _second = PanicsOnDrop("the first");
        })
        .join();
        println!("went on");
    })
    .run();
    aborts(&twice, &["the first", "the second", "panic in a destructor during cleanup"]);

    let goexit = Child::new("goexit", || {
        let _ = named(|| {
            let _held = PanicsOnDrop("on the way");
            gort::goexit();
        })
        .join();
        println!("went on");
    })
    .run();
    aborts(&goexit, &["on the way", "panic in a destructor during cleanup"]);
}

#[test]
fn what_nobody_takes_must_not_panic_when_dropped() {
    for (label, panics) in [("payload", true), ("result", false)] {
        let output = Child::new(label, || {
            let (detached, goes_on) = gort::chan::bounded::<()>(0);
            drop(named(move || {
                let _ = goes_on.recv();
                let bad = PanicsOnDrop("dropped");
                if panics { resume_unwind(Box::new(bad)) } else { bad }
            }));
            drop(detached);
            loop {
                std::thread::park();
            }
        })
        .run();
        has_message(&output, "bad one", "dropped");
        aborts(&output, &["dropped", "fatal error: gort: a goroutine's result panicked on drop"]);
    }
}

#[test]
fn a_joined_payload_that_panics_on_drop_is_the_joiners() {
    let output = Child::new("joined", || {
        let payload = named(|| resume_unwind(Box::new(PanicsOnDrop("dropped")))).join();
        assert!(recover(|| drop(payload)).is_err());
        println!("went on");
    })
    .run();
    goes_on(&output, &["dropped"]);
}

#[test]
fn hooks_hear_of_goroutines_whenever_they_were_set() {
    for (label, late) in [("before", false), ("after", true)] {
        let output = Child::new(label, || {
            if late {
                gort::run(|| ());
            }
            set_hook(Box::new(|info| {
                let place = info.location().expect("it is known").line();
                let text = info.payload_as_str().unwrap_or("nothing");
                eprintln!("hook: {text} on {:?}, line {place}", gort::current().is_some());
            }));
            assert!(named(|| panic!("heard")).join().is_err());
            println!("went on");
        })
        .run();
        goes_on(&output, &["hook: heard on true, line "]);
        if !is_child() {
            assert!(!stderr(&output).contains("panicked at"));
        }
    }
}

#[test]
fn a_hook_that_panics_aborts() {
    let output = Child::new("hook", || {
        set_hook(Box::new(|_| panic!("in the hook")));
        let _ = named(|| panic!("the first")).join();
        println!("went on");
    })
    .run();
    aborts(&output, &["in the hook", "panicked while processing panic"]);
}

#[test]
fn a_panic_that_ends_a_goroutine_is_told_to_its_hook() {
    let body = || {
        gort::panic::on_panic(|_| eprintln!("this is replaced"));
        gort::panic::on_panic(|info| {
            let text = info.payload_as_str().unwrap_or("no text");
            eprintln!("ended: {} {:?} {text}", info.id(), info.name());
        });
        let _ = named(|| assert!(recover(|| panic!("caught")).is_err())).join();
        let _ = named(|| gort::goexit()).join();
        let bad = named(|| resume_unwind(Box::new("silent")));
        println!("id {}", bad.id());
        let _ = bad.join();
        println!("went on");
    };
    let contained = Child::new("contain", body).run();
    let crashed = Child::new("crash", body).env("GORT_PANIC", "crash").run();
    goes_on(&contained, &["ended: "]);
    crashes(&crashed, &["ended: "]);
    if is_child() {
        return;
    }
    for output in [contained, crashed] {
        let out = stdout(&output);
        let id = out.lines().find_map(|line| line.strip_prefix("id ")).expect("it is printed");
        says(&output, &[&format!("ended: {id} Some(\"bad one\") silent\n")]);
    }
}

#[test]
fn goexit_runs_deferred_work_and_is_nobodys_to_recover() {
    let output = Child::new("goexit", || {
        let handle = gort::go(|| {
            let defers = Defers::new();
            defers.push(|| println!("went on"));
            gort::defer!(println!("deferred"));
            deferred(|d| {
                d.push(|| assert!(recovered().is_none()));
                gort::goexit()
            })
        });
        assert!(handle.join().unwrap_err().is::<gort::GoExit>());
        let run = recover(|| gort::run(|| gort::goexit()));
        assert!(
            run.unwrap_err().downcast_ref::<&str>().is_some_and(|text| text.contains("goexit"))
        );
    })
    .run();
    goes_on(&output, &["the goroutine ended by goexit"]);
    if !is_child() {
        assert!(stdout(&output).contains("deferred\nwent on\n"));
    }
}

/// A panic may not cross C's frames.
#[test]
fn in_a_callback_it_aborts() {
    extern "C" fn called_by_c() {
        gort::ffi::callback(|| panic!("in a callback"));
    }
    let output = Child::new("callback", || {
        let _ = named(|| gort::ffi::call_with(|| called_by_c())).join();
        println!("went on");
    })
    .run();
    aborts(&output, &["panicked in a callback from C, which cannot be unwound: in a callback"]);
}
