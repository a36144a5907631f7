//! Goroutines that call C.
//!
//! # Safety
//!
//! What is called takes any argument that it is given here.

#![allow(unsafe_code)]

#[path = "../../../crates/gort/tests/support/mod.rs"]
mod support;

use gort::ffi::{call, call_blocking, call_with};
use gort::syscall::types::PipeFlags;
use gort::syscall::{pipe2, write};
use std::ffi::c_void;
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use support::{Child, all, hop, is_child, matrix, moving, stderr};

#[test]
fn a_call_gets_its_argument_and_gives_its_result() {
    unsafe extern "C" fn double(number: *mut c_void) {
        // SAFETY: the address of a number, from below.
        unsafe { *number.cast::<u64>() *= 2 };
    }
    let calls = || {
        let mut number = 21u64;
        // SAFETY: `double` takes this.
        unsafe { call(double, (&raw mut number).cast()) };
        assert_eq!(number, 42);
        assert_eq!(call_with(|| number + 1), 43);
        assert_eq!(call_blocking(|| vec![number; 3]), [42; 3]);
    };
    calls();
    matrix(|_| all(8, |_| (0..100).for_each(|_| calls())));
}

#[test]
fn c_has_a_threads_stack() {
    matrix(|_| {
        let small = gort::Builder::new().stack_size(16 << 10).spawn(|| {
            call_with(|| cabi::deep(200 << 10));
            call_blocking(|| cabi::deep(200 << 10));
            assert!(call_with(cabi::knows_stack));
            assert!(cabi::knows_stack());
        });
        small.unwrap().join().unwrap();
    });
    assert!(cabi::knows_stack());
}

#[test]
fn a_librarys_state_stays_with_the_goroutine() {
    moving(|_| {
        all(4, |me| {
            for round in 0..25 {
                let code = (me * 100 + round) as i32;
                call_with(|| cabi::fail(code));
                hop();
                assert!(call_with(|| cabi::has_failed(code)));
                gort::gosched();
                assert!(call_blocking(|| cabi::has_failed(code)));
            }
        });
    });
}

#[test]
fn c_that_waits_costs_no_p() {
    const WAITING: usize = 40;
    matrix(|_| {
        let pipes: Vec<_> = (0..WAITING).map(|_| pipe2(PipeFlags::CLOEXEC).unwrap()).collect();
        let (inside, progress) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let stop = AtomicBool::new(false);
        gort::scope(|s| {
            let worker = s.go(|| {
                while !stop.load(Ordering::Relaxed) {
                    progress.fetch_add(1, Ordering::Relaxed);
                    gort::gosched();
                }
            });
            let readers: Vec<_> = (pipes.iter().enumerate())
                .map(|(i, pipe)| {
                    let inside = &inside;
                    s.go(move || {
                        let fd = pipe.reader.as_raw_fd();
                        let wait = || {
                            inside.fetch_add(1, Ordering::Relaxed);
                            assert!(cabi::poll(fd));
                            cabi::read(fd)
                        };
                        if i % 2 == 0 { call_with(wait) } else { call_blocking(wait) }
                    })
                })
                .collect();
            // All of them wait at the same time, and still there is progress.
            while inside.load(Ordering::Relaxed) < WAITING {
                gort::gosched();
            }
            let before = progress.load(Ordering::Relaxed);
            while progress.load(Ordering::Relaxed) < before + 100 {
                gort::gosched();
            }
            for pipe in &pipes {
                write(&pipe.writer, b"x").unwrap();
            }
            for reader in readers {
                assert_eq!(reader.join().unwrap(), b'x'.into());
            }
            stop.store(true, Ordering::Relaxed);
            worker.join().unwrap();
        });
    });
}

#[test]
fn in_c_gort_is_as_on_an_ordinary_thread() {
    matrix(|procs| {
        let me = gort::current();
        let sum: usize = call_with(|| {
            assert_eq!(gort::current(), None);
            gort::gosched();
            drop(gort::lock_os_thread());
            assert_eq!(gort::runtime::gomaxprocs(Some(procs + 1)), procs);
            assert_eq!(gort::runtime::gomaxprocs(Some(procs)), procs + 1);
            let squares: Vec<_> = (0..20).map(|i| gort::go(move || i * i)).collect();
            squares.into_iter().map(|square| square.join().unwrap()).sum()
        });
        assert_eq!(sum, 2470);
        assert_eq!(gort::current(), me);
        // A call in a call is a plain one, and `callback` undoes them.
        call_with(|| call_with(|| assert_eq!(gort::current(), None)));
        call_with(|| gort::ffi::callback(|| assert_eq!(gort::current(), me)));
    });
}

#[test]
fn a_panic_that_does_not_come_through_c_goes_on() {
    matrix(|_| {
        for _ in 0..10 {
            let caught = catch_unwind(|| call_with(|| resume_unwind(Box::new(7))));
            assert_eq!(caught.unwrap_err().downcast_ref(), Some(&7));
            let caught =
                catch_unwind(AssertUnwindSafe(|| call_blocking(|| resume_unwind(Box::new(8)))));
            assert_eq!(caught.unwrap_err().downcast_ref(), Some(&8));
            gort::gosched();
        }
    });
}

/// libc's setuid family signals every thread, each of which has to be found under its own pointer.
#[test]
fn ids_are_set_while_others_are_in_c() {
    matrix(|_| {
        let pipe = pipe2(PipeFlags::CLOEXEC).unwrap();
        let inside = AtomicBool::new(false);
        gort::scope(|s| {
            let waiting = s.go(|| {
                call_with(|| {
                    inside.store(true, Ordering::Relaxed);
                    cabi::read(pipe.reader.as_raw_fd())
                })
            });
            while !inside.load(Ordering::Relaxed) {
                gort::gosched();
            }
            // SAFETY: they change nothing.
            unsafe {
                assert_eq!(libc::setgid(libc::getgid()), 0);
                assert_eq!(call_with(|| libc::setgid(libc::getgid())), 0);
            }
            write(&pipe.writer, b"x").unwrap();
            assert_eq!(waiting.join().unwrap(), b'x'.into());
        });
    });
}

#[test]
fn a_process_can_be_started_from_c() {
    matrix(|_| {
        let status = call_with(|| {
            std::process::Command::new("true").status().expect("there is a program of that name")
        });
        assert!(status.success());
        let child = call_with(|| {
            // SAFETY: the child ends at once.
            match unsafe { libc::fork() } {
                // SAFETY: as above.
                0 => unsafe { libc::_exit(cabi::has_failed(0).into()) },
                child => child,
            }
        });
        let mut status = 0;
        // SAFETY: our own child.
        assert_eq!(call_blocking(|| unsafe { libc::waitpid(child, &mut status, 0) }), child);
        assert_eq!(libc::WEXITSTATUS(status), 0);
    });
}

#[test]
fn more_stack_can_be_had() {
    let output = Child::new("more", || {
        gort::ffi::set_stack_size(8 << 20);
        gort::run(|| call_with(|| cabi::deep(7 << 20)));
    })
    .run();
    if !is_child() {
        assert!(output.status.success(), "{}", stderr(&output));
    }
}

#[test]
fn an_overflow_in_c_is_reported() {
    let own = Child::new("own", || gort::run(|| call_with(|| cabi::deep(1 << 20)))).run();
    let thread = Child::new("thread", || {
        gort::run(|| ());
        let _ = std::thread::spawn(|| cabi::deep(64 << 20)).join();
    })
    .run();
    if is_child() {
        return;
    }
    let err = stderr(&own);
    assert_eq!(own.status.signal(), Some(libc::SIGABRT), "{err}");
    assert!(err.contains("goroutine 1 stack overflow in C: it has 2"), "{err}");
    assert!(err.contains("gort::ffi::set_stack_size"), "{err}");
    assert!(!stderr(&thread).contains("goroutine"), "{}", stderr(&thread));
}
