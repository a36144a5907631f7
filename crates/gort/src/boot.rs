//! Starting the runtime, and running something on it from outside.
//!
//! # Safety
//!
//! [`run`] waits for its goroutine, so what the goroutine borrows outlives it.

#![allow(unsafe_code)]

use crate::builder::{Builder, refused};
use crate::debug::Debug;
use crate::{goexit, host, panic, stack_use, traceback};
use std::io;
use std::panic::resume_unwind;
use std::process::ExitCode;
use std::sync::OnceLock;

/// The main goroutine's stack: what a process's main thread has.
const MAIN_STACK: usize = 8 << 20;

/// Starts the runtime if it has not started.
///
/// # Errors
///
/// Why it cannot run here.
pub(crate) fn ensure() -> io::Result<()> {
    if host::is_forked() {
        let why =
            "this process was forked from one with a runtime: the runtime's threads stayed behind";
        return Err(io::Error::new(io::ErrorKind::Unsupported, why));
    }
    static BOOTED: OnceLock<Result<(), String>> = OnceLock::new();
    if let Err(why) = BOOTED.get_or_init(|| boot().map_err(|error| error.to_string())) {
        return Err(io::Error::new(io::ErrorKind::Unsupported, why.clone()));
    }
    Ok(())
}

fn boot() -> io::Result<()> {
    traceback::set_level_from_env();
    let debug = Debug::from_env();
    let options = gort_rt::Options {
        procs: host::default_procs(),
        slice: debug.slice,
        async_preempt: !debug.asyncpreemptoff,
        schedtrace: debug.trace(),
        watchdog: debug.watchdog,
        deadlock: !debug.deadlock_off,
    };
    gort_rt::boot(host::start()?, &options)?;
    panic::install_hook();
    if debug.stackwater {
        stack_use::start();
    }
    if debug.watchdog.is_some() {
        crate::runtime::start_watchdog()?;
    }
    if let Some(policy) = std::env::var_os("GORT_PANIC") {
        panic::set_crash(policy == "crash");
    }
    Ok(())
}

/// Runs `f` as a goroutine and waits for it: how an ordinary thread gets onto the runtime, which it
/// starts if need be. `f` may borrow. Other goroutines are not waited for, as in Go.
///
/// ```
/// let text = String::from("hello");
/// let len = gort::run(|| text.len());
/// assert_eq!(len, 5);
/// ```
///
/// # Panics
///
/// With `f`'s panic, if it panics. When the runtime cannot run on this system, or there is no memory
/// for a goroutine.
#[inline(always)]
pub fn run<F, T>(f: F) -> T
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    match run_with(Builder::new(), f, gort_rt::here()) {
        Ok(value) => value,
        Err(payload) => {
            assert!(!goexit::is_goexit(&*payload), "gort::run: the goroutine ended by goexit");
            resume_unwind(payload)
        }
    }
}

fn run_with<F, T>(builder: Builder, f: F, creator: usize) -> std::thread::Result<T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    // SAFETY: the join below outlives all that `f` borrows; nothing in between panics.
    match unsafe { builder.start(f, None, false, creator) } {
        Ok(handle) => handle.join(),
        Err(error) => refused("gort::run", &error),
    }
}

/// What `#[gort::main]` makes of `main`.
#[doc(hidden)]
pub fn __main(
    maxprocs: Option<usize>,
    crash: Option<bool>,
    body: impl FnOnce() -> ExitCode + Send,
) -> ExitCode {
    if let Err(error) = ensure() {
        eprintln!("gort: {error}");
        return ExitCode::FAILURE;
    }
    if let Some(crash) = crash.filter(|_| std::env::var_os("GORT_PANIC").is_none()) {
        panic::set_crash(crash);
    }
    if let Some(count) = maxprocs.filter(|_| std::env::var_os("GOMAXPROCS").is_none()) {
        crate::runtime::gomaxprocs(Some(count));
    }
    let main = Builder::new().name("main".into()).stack_size(MAIN_STACK);
    match run_with(main, body, 0) {
        Ok(code) => code,
        // Goexit of the main goroutine: the program goes on until another one ends it.
        Err(payload) if goexit::is_goexit(&*payload) => gort_rt::main_is_over(),
        // std gives a main thread that panics the status 101.
        Err(_) => ExitCode::from(101),
    }
}
