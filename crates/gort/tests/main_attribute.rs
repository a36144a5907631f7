//! `#[gort::main]`: what the process's status is, and who runs `main`. Programs of their own: this one
//! again, with an argument that says which `main` it has. No harness, so that it is the main thread.

mod support;

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, Output};
use support::{stderr, stdout};

#[gort::main]
fn plain() {
    assert!(gort::current().is_some());
    // Eight MiB of stack, as a main thread has.
    assert_eq!(std::hint::black_box([1u8; 7 << 20])[5], 1);
    let text = String::from("printed");
    gort::scope(|s| {
        s.go(|| println!("{text}"));
    });
}

#[gort::main]
fn result_ok() -> Result<(), String> {
    Ok(())
}

#[gort::main]
fn result_error() -> Result<(), String> {
    gort::gosched();
    Err("an error".into())
}

/// Neither `Send` nor anything but main's own.
#[gort::main]
fn boxed_error() -> Result<(), Box<dyn std::error::Error>> {
    let _: i32 = "x".parse()?;
    Ok(())
}

#[gort::main]
fn code() -> ExitCode {
    ExitCode::from(42)
}

#[gort::main]
fn panics() {
    panic!("main's panic");
}

#[gort::main]
fn exits() {
    std::process::exit(9);
}

#[gort::main]
fn others_are_not_waited_for() {
    gort::go!(loop {
        gort::gosched();
    });
    gort::gosched();
}

#[gort::main(maxprocs = 3)]
fn maxprocs() {
    println!("procs {}", gort::runtime::gomaxprocs(None));
}

#[gort::main(panic = "crash")]
fn crash() {
    gort::go!(panic!("somewhere"));
    loop {
        gort::gosched();
    }
}

#[gort::main(maxprocs = 2, panic = "contain")]
fn contain() {
    assert!(gort::go(|| panic!("somewhere")).join().is_err());
    println!("went on");
}

#[inline(never)]
fn recurse(n: u64) -> u64 {
    let frame = std::hint::black_box([n; 16]);
    if n == u64::MAX { frame[0] } else { recurse(n + 1) + frame[n as usize % 16] }
}

#[gort::main]
fn overflow() {
    recurse(0);
}

/// The main thread itself, on a goroutine's process.
fn thread_overflow() -> ExitCode {
    gort::run(|| ());
    recurse(0);
    ExitCode::SUCCESS
}

fn run(name: &str, env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(std::env::current_exe().expect("the program has a path"));
    for key in ["GOMAXPROCS", "GORT_PANIC", "GORT_STACK", "RUST_BACKTRACE"] {
        command.env_remove(key);
    }
    command.env("GORT_TEST_MAIN", name).envs(env.iter().copied());
    command.output().expect("the program can be run again")
}

fn ends_with(name: &str, env: &[(&str, &str)], status: i32) -> Output {
    let output = run(name, env);
    assert_eq!(output.status.code(), Some(status), "{name}: {:?}", output);
    output
}

fn main() -> ExitCode {
    if let Ok(name) = std::env::var("GORT_TEST_MAIN") {
        gort_sys::raw::alarm(60);
        return match &*name {
            "plain" => plain(),
            "result_ok" => result_ok(),
            "result_error" => result_error(),
            "boxed_error" => boxed_error(),
            "code" => code(),
            "panics" => panics(),
            "exits" => exits(),
            "others" => others_are_not_waited_for(),
            "maxprocs" => maxprocs(),
            "crash" => crash(),
            "contain" => contain(),
            "overflow" => overflow(),
            "thread_overflow" => thread_overflow(),
            name => panic!("no main is called {name}"),
        };
    }
    assert!(stdout(&ends_with("plain", &[], 0)).contains("printed"));
    ends_with("result_ok", &[], 0);
    let error = stderr(&ends_with("result_error", &[], 1));
    assert_eq!(error, "Error: \"an error\"\n");
    assert!(stderr(&ends_with("boxed_error", &[], 1)).contains("Error: ParseIntError"));
    ends_with("code", &[], 42);
    let panic = stderr(&ends_with("panics", &[], 101));
    assert!(panic.contains("[main] panicked at ") && panic.contains("main's panic"), "{panic}");
    ends_with("exits", &[], 9);
    ends_with("others", &[], 0);

    assert_eq!(stdout(&ends_with("maxprocs", &[], 0)), "procs 3\n");
    // What the user asks for goes before what the program asks for.
    assert_eq!(stdout(&ends_with("maxprocs", &[("GOMAXPROCS", "5")], 0)), "procs 5\n");
    assert!(stderr(&ends_with("crash", &[], 2)).contains("somewhere"));
    ends_with("panics", &[("GORT_PANIC", "crash")], 2);
    assert_eq!(stdout(&ends_with("contain", &[], 0)), "went on\n");
    ends_with("contain", &[("GORT_PANIC", "crash")], 2);

    let overflow = run("overflow", &[]);
    assert_eq!(overflow.status.signal(), Some(libc::SIGABRT), "{overflow:?}");
    assert!(stderr(&overflow).contains(" [main] stack overflow"), "{overflow:?}");
    let thread = run("thread_overflow", &[]);
    assert_eq!(thread.status.signal(), Some(libc::SIGABRT), "{thread:?}");
    assert!(stderr(&thread).contains("thread 'main'"), "{thread:?}");
    assert!(stderr(&thread).contains("has overflowed its stack"), "{thread:?}");
    println!("13 programs ended as they should");
    ExitCode::SUCCESS
}
