//! C's own threads that call back.
//!
//! # Safety
//!
//! A child that forks ends by `_exit`; a parent waits for its own child.

#![allow(unsafe_code)]

#[path = "../../../crates/gort/tests/support/mod.rs"]
mod support;

use cabi::{call_back, threads, threads_with_altstack};
use gort::ffi::{call_blocking, call_with, callback};
use gort::syscall::nanosleep;
use gort::syscall::types::Timespec;
use gort_sys::raw::gettid;
use std::cell::{Cell, RefCell};
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use support::hogs::others_run_beside;
use support::{Child, all, is_child, matrix, stderr};

const CALLS: usize = if cfg!(debug_assertions) { 10_000 } else { 250_000 };

/// Those that are over are counted until they are off their stacks.
fn until_goroutines(count: usize) {
    while gort::runtime::num_goroutine() != count {
        gort::gosched();
    }
}

#[test]
fn a_million_callbacks_of_threads_that_come_and_go() {
    matrix(|_| {
        let count = AtomicUsize::new(0);
        let one = || _ = count.fetch_add(1, Ordering::Relaxed);
        // A pool, and generations of threads with a few calls each.
        let (pool, short) = (CALLS * 4 / 5, CALLS / 5);
        call_blocking(|| threads(8, pool as i64 / 8, &one));
        for _ in 0..short / 1_000 {
            call_blocking(|| threads(10, 100, &one));
        }
        assert_eq!(count.into_inner(), pool / 8 * 8 + short / 1_000 * 1_000);
        until_goroutines(1);
    });
}

#[test]
fn callbacks_do_what_goroutines_do() {
    thread_local! { static CALLS: Cell<usize> = const { Cell::new(0) }; }
    matrix(|_| {
        let done = AtomicUsize::new(0);
        let each = || {
            let (me, tid, id) = (gort::current(), gettid(), thread::current().id());
            assert!(me.is_some());
            let i = CALLS.replace(CALLS.get() + 1);
            match i % 5 {
                0 => assert_eq!(gort::go(move || i).join().unwrap(), i),
                1 => (0..5).for_each(|_| gort::gosched()),
                2 => nanosleep(&Timespec { sec: 0, nsec: 200_000 }, None).unwrap(),
                3 => gort::scope(|s| (0..5).for_each(|_| drop(s.go(gort::gosched)))),
                // C again, which calls back again.
                _ => call_with(|| {
                    assert_eq!((gort::current(), gettid()), (None, tid));
                    call_back(&|| {
                        gort::gosched();
                        assert_eq!(gort::current(), me);
                    });
                }),
            }
            // The thread's own, and no other.
            assert_eq!((gort::current(), gettid(), thread::current().id()), (me, tid, id));
            assert_eq!(CALLS.get(), i + 1);
            done.fetch_add(1, Ordering::Relaxed);
        };
        call_blocking(|| threads(6, 25, &each));
        assert_eq!(done.into_inner(), 150);
    });
}

#[test]
fn many_wait_at_the_same_time() {
    const THREADS: usize = 40;
    matrix(|_| {
        let inside = AtomicUsize::new(0);
        call_blocking(|| {
            threads(THREADS as i32, 2, &|| {
                let mine = inside.fetch_add(1, Ordering::Relaxed) / THREADS;
                while inside.load(Ordering::Relaxed) < (mine + 1) * THREADS {
                    gort::gosched();
                }
            })
        });
    });
}

#[test]
fn between_callbacks_a_thread_is_an_ordinary_one() {
    struct AtEnd(Arc<AtomicUsize>);
    impl Drop for AtEnd {
        fn drop(&mut self) {
            // Still a thread that may call back.
            callback(gort::gosched);
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    thread_local! { static LOCAL: RefCell<Option<AtEnd>> = const { RefCell::new(None) }; }
    matrix(|_| {
        let ended = Arc::new(AtomicUsize::new(0));
        let all: Vec<_> = (0..6)
            .map(|_| {
                let ended = Arc::clone(&ended);
                thread::spawn(move || {
                    let name = thread::current().id();
                    for i in 0..20 {
                        let id = callback(|| {
                            assert_eq!(thread::current().id(), name);
                            LOCAL.set(Some(AtEnd(Arc::clone(&ended))));
                            gort::current()
                        });
                        assert!(id.is_some());
                        assert_eq!(gort::current(), None);
                        assert_eq!(gort::go(move || i).join().unwrap(), i);
                        gort::gosched();
                        drop(gort::lock_os_thread());
                        assert_eq!(gort::run(|| i), i);
                        assert_eq!(callback(gort::current), id);
                    }
                })
            })
            .collect();
        call_blocking(|| all.into_iter().for_each(|thread| thread.join().unwrap()));
        assert_eq!(ended.load(Ordering::Relaxed), 6 * 20);
    });
}

#[test]
fn what_a_thread_has_had_comes_back() {
    matrix(|_| {
        let before = gort::runtime::stats().threads;
        for _ in 0..20 {
            call_blocking(|| {
                threads(4, 3, &|| assert!(cabi::altstack() >= 64 << 10));
                // Theirs is too small for the kernel's frames and a handler.
                let wrong = threads_with_altstack(4, 16 << 10, &|| {
                    assert!(cabi::altstack() >= 64 << 10);
                    gort::gosched();
                });
                assert_eq!(wrong, 0);
            });
        }
        // What has ended is used again.
        assert!(gort::runtime::stats().threads <= before + 32);
    });
}

#[test]
fn a_callback_that_runs_on_lets_others_run() {
    matrix(|procs| {
        others_run_beside(procs, |hog| call_blocking(|| threads(procs as i32, 1, hog)));
    });
}

#[test]
fn the_world_stops_with_threads_in_and_out_of_callbacks() {
    matrix(|procs| {
        let stop = AtomicBool::new(false);
        gort::scope(|s| {
            s.go(|| {
                call_blocking(|| {
                    threads(4, 1, &|| {
                        while !stop.load(Ordering::Relaxed) {
                            call_with(|| call_back(&gort::gosched));
                        }
                    })
                })
            });
            s.go(|| {
                while !stop.load(Ordering::Relaxed) {
                    call_blocking(|| threads(3, 20, &gort::gosched));
                }
            });
            for i in 0..50 {
                gort::runtime::gomaxprocs(Some(procs + i % 3));
                gort::gosched();
            }
            gort::runtime::gomaxprocs(Some(procs));
            stop.store(true, Ordering::Relaxed);
        });
    });
}

#[test]
fn goroutines_are_counted_while_they_run() {
    matrix(|_| {
        let (arrive, leave) = (Barrier::new(6), AtomicBool::new(false));
        gort::scope(|s| {
            s.go(|| {
                call_blocking(|| {
                    threads(5, 1, &|| {
                        call_with(|| arrive.wait());
                        while !leave.load(Ordering::Relaxed) {
                            gort::gosched();
                        }
                    })
                })
            });
            call_with(|| arrive.wait());
            until_goroutines(7);
            leave.store(true, Ordering::Relaxed);
        });
        until_goroutines(1);
    });
}

#[test]
fn a_librarys_state_stays_with_its_thread() {
    matrix(|_| {
        let next = AtomicUsize::new(1);
        call_blocking(|| {
            threads(4, 20, &|| {
                let code = next.fetch_add(1, Ordering::Relaxed) as i32;
                call_with(|| cabi::fail(code));
                all(3, |i| call_with(|| cabi::fail(-(i as i32))));
                gort::gosched();
                assert!(call_with(|| cabi::has_failed(code)));
            })
        });
    });
}

/// What the scheduler needs of a thread's own stack is less than threads are usually made with.
#[test]
fn small_threads_will_do() {
    matrix(|_| {
        let small = || {
            callback(|| {
                cabi::deep(100 << 10);
                assert_eq!(gort::go(|| 5).join().unwrap(), 5);
            });
        };
        let threads = (0..4).map(|_| thread::Builder::new().stack_size(64 << 10).spawn(small));
        let threads: Vec<_> = threads.map(Result::unwrap).collect();
        call_blocking(|| threads.into_iter().for_each(|thread| thread.join().unwrap()));
    });
}

#[test]
fn the_first_callback_starts_the_runtime() {
    let output = Child::new("first", || {
        threads(3, 3, &|| assert_eq!(gort::go(|| 5).join().unwrap(), 5));
        callback(|| assert_eq!(gort::go(|| 5).join().unwrap(), 5));
        call_back(&gort::gosched);
    })
    .env("GOMAXPROCS", 1)
    .run();
    if !is_child() {
        assert!(output.status.success(), "{}", stderr(&output));
    }
}

#[test]
fn an_overflow_is_reported() {
    fn recurse(depth: u64) -> u64 {
        std::hint::black_box([depth; 64])[5] + if depth == 0 { 0 } else { recurse(depth + 1) }
    }
    let output = Child::new("overflow", || threads(1, 1, &|| _ = recurse(1))).run();
    if !is_child() {
        let err = stderr(&output);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{err}");
        assert!(err.contains(" stack overflow: it has "), "{err}");
    }
}

/// How a child made by `fork` ends that does this.
fn forked(body: impl FnOnce()) -> i32 {
    // SAFETY: the child has this thread, and does `body` only; see the module.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            body();
            libc::_exit(7);
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &mut status, 0), child);
        status
    }
}

#[test]
fn in_a_forked_child_there_is_no_runtime() {
    let output = Child::new("fork", || {
        gort::run(|| ());
        let unknown = thread::spawn(|| forked(|| callback(|| ()))).join().unwrap();
        assert_eq!(libc::WTERMSIG(unknown), libc::SIGABRT);
        // One that has called back before goes on as plain code.
        let known = thread::spawn(|| {
            callback(|| ());
            assert_eq!(libc::WEXITSTATUS(callback(|| forked(gort::gosched))), 7);
            forked(|| callback(gort::gosched))
        });
        assert_eq!(libc::WEXITSTATUS(known.join().unwrap()), 7);
        let goroutine = gort::run(|| {
            forked(|| {
                call_with(|| call_back(&gort::gosched));
                call_blocking(|| call_back(&gort::gosched));
            })
        });
        assert_eq!(libc::WEXITSTATUS(goroutine), 7);
    })
    .run();
    if !is_child() {
        let err = stderr(&output);
        assert!(output.status.success(), "{err}");
        let expected = "fatal error: gort: a callback from C on thread '<unnamed>': this process was \
                        forked";
        assert!(err.contains(expected), "{err}");
    }
}
