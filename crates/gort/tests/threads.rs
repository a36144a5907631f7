//! How many threads there are: limits, idle ones.
//!
//! # Safety
//!
//! Only system calls on memory of the test's own.

mod support;

use gort::syscall::{flock, nanosleep, types::FlockOperation, types::Timespec};
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Child, all, is_child, serial, stderr, watchdog};

fn sleep_in_the_kernel(millis: i64) {
    let time = Timespec { sec: 0, nsec: millis * 1_000_000 };
    // Interrupted is as good: the test counts calls.
    let _ = nanosleep(&time, None);
}

#[test]
fn too_many_threads_are_a_clear_end() {
    let output = Child::new("many", || {
        assert_eq!(gort::runtime::set_max_threads(20), 10_000);
        gort::run(|| all(100, |_| sleep_in_the_kernel(500)));
    })
    .env("GOMAXPROCS", 2)
    .run();
    if is_child() {
        return;
    }
    let err = stderr(&output);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{err}");
    assert!(err.contains("the program exceeds its limit of 20 threads"), "{err}");
}

#[test]
fn beyond_the_soft_limit_calls_queue() {
    let _one = serial();
    let _watchdog = watchdog();
    let path = std::env::temp_dir().join(format!("gort-threads-{}", std::process::id()));
    for procs in support::PROCS {
        gort::runtime::gomaxprocs(Some(procs));
        assert_eq!(gort::runtime::set_max_blocked(Some(3)), None);
        let lock = File::create(&path).expect("there is a place for files");
        flock(&lock, FlockOperation::EXCLUSIVE).expect("nobody else has it");
        let done = AtomicUsize::new(0);
        gort::run(|| {
            gort::scope(|s| {
                for _ in 0..20 {
                    s.go(|| {
                        let file = File::open(&path).expect("it is there");
                        while flock(&file, FlockOperation::SHARED).is_err() {}
                        done.fetch_add(1, Ordering::Relaxed);
                    });
                }
                while waiting_for_the_lock() < 3 {
                    gort::gosched();
                }
                for _ in 0..20 {
                    assert!(waiting_for_the_lock() <= 3);
                    gort::gosched();
                }
                flock(&lock, FlockOperation::UNLOCK).expect("it is ours");
            });
        });
        assert_eq!(done.into_inner(), 20);
        assert_eq!(gort::runtime::set_max_blocked(None), Some(3));
    }
    let _ = std::fs::remove_file(path);
}

/// How many threads of this process are in `flock` now. None ends while there is the lock.
fn waiting_for_the_lock() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("/proc is mounted");
    let waits = |task: &std::io::Result<std::fs::DirEntry>| {
        let path = task.as_ref().expect("a task").path().join("syscall");
        std::fs::read_to_string(path).is_ok_and(|text| text.starts_with("73 "))
    };
    tasks.filter(waits).count()
}

#[test]
fn lifting_the_limit_lets_everybody_go() {
    let _one = serial();
    let _watchdog = watchdog();
    gort::runtime::gomaxprocs(Some(2));
    gort::runtime::set_max_blocked(Some(1));
    gort::run(|| {
        gort::scope(|s| {
            for _ in 0..20 {
                s.go(|| sleep_in_the_kernel(30));
            }
            sleep_in_the_kernel(1);
            gort::runtime::set_max_blocked(None);
        });
    });
}

#[test]
fn idle_threads_beyond_what_is_kept_end() {
    let _one = serial();
    let _watchdog = watchdog();
    gort::runtime::gomaxprocs(Some(2));
    gort::run(|| {
        for _ in 0..3 {
            all(900, |_| sleep_in_the_kernel(400));
            while gort::runtime::stats().threads > 600 {
                sleep_in_the_kernel(5);
            }
        }
    });
    assert!(gort::runtime::stats().threads >= 100);
}
