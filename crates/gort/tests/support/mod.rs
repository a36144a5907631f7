//! What the tests of this directory share: a watchdog, the matrix of GOMAXPROCS, constant migration,
//! and child programs.

#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of it")]

pub mod dump;
pub mod example;
pub mod files;
pub mod hogs;
pub mod net;
pub mod storm;

use gort_sys::raw::gettid;
use gort_sys::types::Signal;
use std::cell::Cell;
use std::io::{ErrorKind, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Seconds after which a test that has not ended is taken to hang: `GORT_TEST_PATIENCE`, for longer runs.
fn patience() -> u32 {
    let seconds = std::env::var("GORT_TEST_PATIENCE").ok().and_then(|text| text.parse().ok());
    seconds.unwrap_or(120)
}

/// Ends the process with a message if it is not dropped in time.
pub struct Watchdog(
    #[expect(dead_code, reason = "dropped to say that the test is over")] Sender<()>,
);

/// Starts one for the calling test. It says what all goroutines do.
pub fn watchdog() -> Watchdog {
    let (sender, over) = channel::<()>();
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    std::thread::spawn(move || {
        let time = Duration::from_secs(patience().into());
        if over.recv_timeout(time) == Err(RecvTimeoutError::Timeout) {
            // Not into what libtest keeps of a test's output, which is lost now.
            let _ =
                writeln!(std::io::stderr(), "watchdog: {test} hangs: {:?}", gort::runtime::stats());
            let _ = gort_sys::raw::kill(gort_sys::raw::getpid(), Signal::QUIT);
            std::thread::sleep(Duration::from_secs(20));
            std::process::abort();
        }
    });
    Watchdog(sender)
}

/// GOMAXPROCS and the panic hook are the process's: tests that rely on them run one at a time.
pub fn serial() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The values of GOMAXPROCS that tests run under.
pub const PROCS: [usize; 4] = [1, 2, 4, 16];

/// Runs `test` on a goroutine under each GOMAXPROCS.
pub fn matrix(test: impl Fn(usize) + Sync) {
    let _one = serial();
    let _watchdog = watchdog();
    for procs in PROCS {
        gort::runtime::gomaxprocs(Some(procs));
        gort::run(|| test(procs));
    }
}

/// Runs `test` on a goroutine under each GOMAXPROCS, and on an ordinary thread.
pub fn everywhere(test: impl Fn() + Sync) {
    matrix(|_| test());
    let _one = serial();
    let _watchdog = watchdog();
    test();
}

/// What a program says, line by line.
pub type Program = fn(&mut Vec<String>);

/// A program says the same with their library, and with ours on goroutines and on a thread.
pub fn compare(theirs: Program, ours: Program) {
    let run = |program: Program| {
        let mut lines = Vec::new();
        program(&mut lines);
        lines
    };
    let said = run(theirs);
    assert!(!said.is_empty());
    everywhere(|| assert_eq!(said, run(ours)));
}

/// As [`matrix`], while goroutines are kept moving between threads: what [`hop`] needs.
pub fn moving(test: impl Fn(usize) + Sync) {
    let _one = serial();
    let _watchdog = watchdog();
    for procs in PROCS {
        gort::runtime::gomaxprocs(Some(procs));
        let migration = Migration::start();
        gort::run(|| test(procs));
        drop(migration);
    }
}

/// How many threads of this process are in this system call; all of them, where the kernel does not say.
pub fn threads_in(call: usize) -> usize {
    let threads = std::fs::read_dir("/proc/self/task").expect("/proc is mounted");
    let texts =
        threads.map(|thread| std::fs::read_to_string(thread.unwrap().path().join("syscall")));
    let are_in = texts.filter(|text| match text {
        Ok(text) => text.split(' ').next() == Some(&call.to_string()),
        Err(error) => error.kind() == ErrorKind::PermissionDenied,
    });
    are_in.count()
}

/// Does something over and over on a thread of its own, until it is dropped.
pub struct StopOnDrop {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl StopOnDrop {
    /// From an ordinary thread, or a goroutine.
    pub fn start(mut body: impl FnMut() + Send + 'static) -> StopOnDrop {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                body();
            }
        });
        StopOnDrop { stop, thread: Some(thread) }
    }
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Keeps goroutines moving: from outside, it starts goroutines that tie the thread they run on to
/// themselves and yield, so that whatever else was running there has to go on elsewhere.
pub struct Migration;

impl Migration {
    /// From an ordinary thread.
    pub fn start() -> StopOnDrop {
        StopOnDrop::start(|| {
            let tie = || {
                let guard = gort::lock_os_thread();
                gort::gosched();
                drop(guard);
                gort::gosched();
            };
            gort::go(tie).join().expect("yielding does not panic");
        })
    }
}

/// Yields until the goroutine runs on another thread, by what the kernel says.
#[inline(never)]
pub fn hop() {
    let before = gettid();
    while gettid() == before {
        gort::gosched();
    }
}

/// Gives others the time to get to where they wait, most of the time.
pub fn settle() {
    for _ in 0..10 {
        gort::gosched();
    }
    std::thread::sleep(Duration::from_micros(100));
    gort::gosched();
}

/// Runs `body(i)` on `count` goroutines at a time, and waits for all.
pub fn all(count: usize, body: impl Fn(usize) + Sync) {
    gort::scope(|s| {
        for i in 0..count {
            let body = &body;
            s.go(move || body(i));
        }
    });
}

/// Keeps the CPU busy, without a call.
#[inline(never)]
pub fn spin(rounds: u64) {
    for round in 0..rounds {
        std::hint::black_box(round);
    }
}

/// Runs `body(i)` on so many goroutines, numbered from 0, and on so many ordinary threads, numbered
/// from there, at the same time under this GOMAXPROCS, and waits for all. From an ordinary thread.
pub fn mixed(procs: usize, goroutines: usize, threads: usize, body: impl Fn(usize) + Sync) {
    let _one = serial();
    let _watchdog = watchdog();
    gort::runtime::gomaxprocs(Some(procs));
    std::thread::scope(|s| {
        for i in 0..threads {
            let body = &body;
            s.spawn(move || body(goroutines + i));
        }
        gort::run(|| all(goroutines, &body));
    });
}

/// Runs `test` on one P, where a goroutine that runs until it waits has waited when others run.
pub fn on_one_p(test: impl Fn() + Sync + Send) {
    let _one = serial();
    let _watchdog = watchdog();
    gort::runtime::gomaxprocs(Some(1));
    gort::run(test);
}

/// The text that `f` panics with, which is not printed.
pub fn panics<T>(f: impl FnOnce() -> T) -> String {
    let _quiet = quiet();
    EXPECTED.set(true);
    let result = gort::panic::recover(f);
    EXPECTED.set(false);
    let Err(payload) = result else { panic!("it does not panic") };
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast_ref::<&str>().expect("a text").to_string(),
    }
}

/// Panics with a message that begins with this are not printed while a [`quiet`] lives, nor are those
/// of a selected operation that is dropped.
pub const ON_PURPOSE: &str = "on purpose";

/// Ends the silence.
pub struct Quiet;

static QUIET: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Whether this thread or goroutine is about to panic.
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Keeps panics on purpose from being printed.
pub fn quiet() -> Quiet {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        gort::run(|| ());
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let purpose = info.payload_as_str().is_some_and(|text| {
                text.starts_with(ON_PURPOSE) || text.ends_with("without completing the operation")
            });
            let quiet = purpose && QUIET.load(Ordering::Relaxed) != 0;
            if !quiet && !EXPECTED.get() {
                before(info);
            }
        }));
    });
    QUIET.fetch_add(1, Ordering::Relaxed);
    Quiet
}

impl Drop for Quiet {
    fn drop(&mut self) {
        QUIET.fetch_sub(1, Ordering::Relaxed);
    }
}

const CHILD: &str = "GORT_TEST_CHILD";

/// A program of its own: the test program again, which then runs only `body`.
///
/// In the child, [`Child::run`] runs `body` on an ordinary thread and exits with 0 if it returns.
pub struct Child<F> {
    label: &'static str,
    body: F,
    env: Vec<(&'static str, String)>,
}

impl<F: FnOnce()> Child<F> {
    /// `label` is unique in the test function. `body` is a closure written there.
    pub fn new(label: &'static str, body: F) -> Child<F> {
        Child { label, body, env: Vec::new() }
    }

    /// The child's environment has this, too.
    pub fn env(mut self, key: &'static str, value: impl ToString) -> Child<F> {
        self.env.push((key, value.to_string()));
        self
    }

    /// Runs it to its end.
    pub fn run(self) -> Output {
        if let Ok(label) = std::env::var(CHILD) {
            if label == self.label {
                gort_sys::raw::alarm(patience());
                // The line that the test harness has begun.
                println!();
                (self.body)();
                std::process::exit(0);
            }
            // Another child of this test function, further down.
            return Output { status: Default::default(), stdout: Vec::new(), stderr: Vec::new() };
        }
        // `program::test::{{closure}}`, maybe within `program::helper<...>::{{closure}}`.
        let closure = std::any::type_name::<F>().rsplit('<').next().unwrap_or_default();
        let test = closure.split("::").nth(1).unwrap_or_default();
        let mut command = Command::new(std::env::current_exe().expect("the program has a path"));
        for key in [
            "GOMAXPROCS",
            "GORT_PANIC",
            "GORT_STACK",
            "GORT_TRACEBACK",
            "RUST_BACKTRACE",
            "RUST_TEST_THREADS",
        ] {
            command.env_remove(key);
        }
        command
            .args([test, "--exact", "--nocapture", "--test-threads=1", "--include-ignored"])
            .env(CHILD, self.label)
            .envs(self.env)
            .stdin(Stdio::null())
            .output()
            .expect("the program can be run again")
    }
}

/// Whether this is a child, in which asserting on other children's output makes no sense.
pub fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// It has ended by one fatal line of the runtime's, with this text.
pub fn has_thrown(output: &Output, text: &str) {
    let err = stderr(output);
    assert_eq!(output.status.signal(), Some(Signal::ABRT.0), "{:?} {err}", output.status);
    let fatal: Vec<_> = err.lines().filter(|line| line.contains("fatal error: gort")).collect();
    assert_eq!(fatal.len(), 1, "{err}");
    assert!(fatal[0].contains(text), "{err}");
}

/// What it wrote to standard error.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What it wrote to standard output.
pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// This process's resident memory, in bytes.
pub fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("/proc is mounted");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("statm has a second number") * 4096
}
