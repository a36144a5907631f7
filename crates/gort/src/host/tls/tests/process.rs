//! Processes: started, forked, and given other ids from a block.
//!
//! # Safety
//!
//! Forked children do what a child of a threaded process may, and end by `_exit`.

#![allow(unsafe_code)]

use super::super::super::{fork, setxid};
use super::super::fs::thread_pointer;
use super::{CURRENT, in_block, in_many_threads, tls, watchdog, yield_now};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The thread pointer of the thread that carries the block.
fn thread_fs() -> Option<usize> {
    let block = CURRENT.get();
    // SAFETY: the block exists while it runs.
    (!block.is_null()).then(|| unsafe { (*block).resumer_fs })
}

/// The test that runs in a child process of its own: itself again, with this set.
const CHILD: &str = "GORT_TEST_CHILD";

/// Runs `body` in a child process, which is this test program with this test alone, under an alarm.
pub(super) fn in_child_process(test: &str, debug: &str, body: fn()) {
    if std::env::var_os(CHILD).is_some() {
        // SAFETY: no conditions; the default action ends the process.
        unsafe { libc::alarm(30) };
        return body();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", test])
        .env(CHILD, "1")
        .env("GORT_DEBUG", debug)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{:?}\n{text}", output);
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
fn commands_run() {
    let _watchdog = watchdog("commands_run");
    in_many_threads(|| {
        for i in 0..5 {
            let output = Command::new("echo").arg(i.to_string()).output().unwrap();
            assert_eq!(output.stdout, format!("{i}\n").as_bytes());
            yield_now();
        }
    });
}

#[test]
fn commands_with_work_before_exec_run() {
    use std::os::unix::process::CommandExt;
    let _watchdog = watchdog("commands_with_work_before_exec_run");
    in_many_threads(|| {
        for _ in 0..5 {
            let mut command = Command::new("true");
            // SAFETY: allocates, which glibc allows in the child.
            unsafe {
                command.pre_exec(|| {
                    std::hint::black_box(vec![1u8; 1000]);
                    Ok(())
                });
            }
            assert!(command.status().unwrap().success());
            yield_now();
        }
    });
}

/// What is written to the kernel's view of this thread's restartable sequences by `try_register`.
#[repr(C, align(32))]
struct Rseq([u8; 32]);

/// Whether the thread can register an area, that is, has none; takes it back.
fn has_no_rseq() -> bool {
    let mut area = Rseq([0; 32]);
    let at = (&raw mut area).cast();
    // SAFETY: the area is unregistered before it goes out of scope.
    unsafe {
        let registered = gort_sys::raw::rseq(at, 32, 0, 0x5305_3053).is_ok();
        if registered {
            gort_sys::raw::rseq(at, 32, 1, 0x5305_3053).expect("it was registered");
        }
        registered
    }
}

#[test]
fn a_forked_child_lives_on() {
    let _watchdog = watchdog("a_forked_child_lives_on");
    // SAFETY: `thread_fs` reads a variable without a destructor.
    unsafe { fork::install(thread_fs) }.unwrap();
    in_many_threads(|| {
        for _ in 0..5 {
            yield_now();
            // SAFETY: the child does only what works in it, and ends by `_exit`.
            unsafe {
                let pid = libc::fork();
                if pid == 0 {
                    libc::alarm(30);
                    libc::_exit(in_forked_child());
                }
                let mut status = 0;
                assert_eq!(libc::waitpid(pid, &mut status, 0), pid);
                assert_eq!(status, 0, "{status:#x}");
            }
            assert!(!fork::is_child());
        }
    });
}

/// Zero, or which check failed.
fn in_forked_child() -> i32 {
    // SAFETY: reads the block's own tid.
    let tid = unsafe { tls().layout.tid(thread_pointer()) };
    let threads = || {
        (0..20).all(|i| {
            let thread = std::thread::spawn(move || vec![i; 10_000].len());
            thread.join().is_ok_and(|len| len == 10_000)
        })
    };
    // SAFETY: no conditions.
    let real = unsafe { libc::gettid() };
    match () {
        () if !fork::is_child() => 1,
        () if tid as i32 != real => 2,
        () if !has_no_rseq() => 3,
        () if !threads() => 4,
        // A grandchild too.
        () if !Command::new("true").status().is_ok_and(|status| status.success()) => 5,
        () => 0,
    }
}

#[test]
fn setuid_from_a_block_and_beside_one_returns() {
    let name = "host::tls::tests::process::setuid_from_a_block_and_beside_one_returns";
    in_child_process(name, "", || {
        tls();
        // SAFETY: `thread_fs` reads a variable without a destructor.
        unsafe { setxid::install(thread_fs) }.unwrap();
        let same_id = || {
            // SAFETY: no conditions.
            let error = unsafe { libc::setuid(libc::getuid()) };
            assert_eq!(error, 0);
        };
        in_many_threads(move || {
            for _ in 0..5 {
                same_id();
                yield_now();
            }
        });
        // A block that is busy in another thread.
        static STOP: AtomicBool = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                in_block(|| {
                    while !STOP.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            });
            for _ in 0..20 {
                std::thread::sleep(Duration::from_millis(1));
                same_id();
            }
            STOP.store(true, Ordering::Relaxed);
        });
    });
}

#[test]
fn a_forked_child_can_change_its_id() {
    let name = "host::tls::tests::process::a_forked_child_can_change_its_id";
    in_child_process(name, "", || {
        tls();
        // SAFETY: `thread_fs` reads a variable without a destructor.
        unsafe {
            setxid::install(thread_fs).unwrap();
            fork::install(thread_fs).unwrap();
        }
        in_block(|| {
            // SAFETY: the child makes a thread, which glibc allows, and ends by `_exit`.
            unsafe {
                let pid = libc::fork();
                if pid == 0 {
                    libc::alarm(20);
                    // From another thread, so that the signal comes to this one.
                    let changed = std::thread::spawn(|| libc::setuid(libc::getuid()) == 0);
                    libc::_exit(!changed.join().unwrap_or(false) as i32);
                }
                let mut status = 0;
                libc::waitpid(pid, &mut status, 0);
                assert_eq!(status, 0, "{status:#x}");
            }
        });
    });
}

#[test]
fn everything_is_found_without_fsgsbase() {
    let name = "host::tls::tests::process::everything_is_found_without_fsgsbase";
    in_child_process(name, "other,nofsgsbase", || {
        assert!(!super::super::has_fsgsbase());
        // The self-test switches by system call.
        assert!(!tls().malloc_words().is_empty());
    });
}
