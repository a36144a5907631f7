//! C that calls back on the goroutine that has called it.
//!
//! # Safety
//!
//! qsort gets an array and its length, and passes elements of it.

#![allow(unsafe_code)]

#[path = "../../../crates/gort/tests/support/mod.rs"]
mod support;

use cabi::call_back;
use gort::ffi::{call_blocking, call_with, callback};
use gort::syscall::nanosleep;
use gort::syscall::types::Timespec;
use gort_sys::raw::gettid;
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::rc::Rc;
use support::hogs::others_run_beside;
use support::{all, hop, matrix, moving};

/// A millisecond, waited for as a system call.
fn sleep() {
    nanosleep(&Timespec { sec: 0, nsec: 1_000_000 }, None).unwrap();
}

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Calls C, which calls back, which calls C, to this depth; `bottom` at the end.
fn dive(depth: usize, each: &dyn Fn(usize)) {
    let thread = gettid();
    let local = Rc::new(depth);
    call_with(|| {
        assert_eq!(gettid(), thread);
        call_back(&|| {
            let _here = Rc::clone(&local);
            DEPTH.set(DEPTH.get() + 1);
            each(depth);
            assert_eq!(gettid(), thread, "the goroutine has left C's frames behind");
            if depth > 1 {
                dive(depth - 1, each);
            }
            each(depth);
            DEPTH.set(DEPTH.get() - 1);
        });
        assert_eq!(gettid(), thread);
    });
    assert_eq!(Rc::strong_count(&local), 1);
}

#[test]
fn calls_and_callbacks_nest() {
    matrix(|_| {
        let me = gort::current();
        for depth in 1..=50 {
            dive(depth, &|_| assert_eq!(gort::current(), me));
        }
        assert_eq!(DEPTH.get(), 0);
    });
}

#[test]
fn callbacks_yield_park_and_sleep_at_any_depth() {
    matrix(|_| {
        all(6, |me| {
            let deepest = Cell::new(0);
            dive(10, &|depth| {
                deepest.set(deepest.get().max(DEPTH.get()));
                match (depth + me) % 4 {
                    0 => gort::gosched(),
                    1 => assert_eq!(gort::go(move || depth * 2).join().unwrap(), depth * 2),
                    2 => sleep(),
                    _ => gort::scope(|s| {
                        for _ in 0..3 {
                            s.go(gort::gosched);
                        }
                    }),
                }
            });
            assert_eq!(deepest.get(), 10);
        });
    });
}

#[test]
fn the_goroutine_moves_again_afterwards() {
    moving(|_| {
        for _ in 0..20 {
            hop();
            call_with(|| call_back(&gort::gosched));
            call_blocking(|| call_back(&gort::gosched));
            hop();
        }
    });
}

#[test]
fn a_lock_taken_in_a_callback_outlives_it() {
    moving(|_| {
        let guard = RefCell::new(None);
        let thread = Cell::new(gettid());
        call_with(|| {
            call_back(&|| {
                thread.set(gettid());
                guard.replace(Some(gort::lock_os_thread()));
            })
        });
        for _ in 0..20 {
            gort::gosched();
            assert_eq!(gettid(), thread.get());
        }
        // And one can be given back in a callback, which holds its own.
        call_with(|| {
            call_back(&|| {
                guard.take();
                gort::gosched();
                assert_eq!(gettid(), thread.get());
            })
        });
        hop();
    });
}

#[test]
fn a_locked_goroutine_keeps_its_thread_in_calls() {
    moving(|_| {
        let guard = gort::lock_os_thread();
        let thread = gettid();
        for _ in 0..5 {
            sleep();
            assert_eq!(gettid(), thread);
            call_blocking(|| {
                call_back(&|| {
                    drop(gort::lock_os_thread());
                    sleep();
                })
            });
            assert_eq!(gettid(), thread);
        }
        drop(guard);
        hop();
    });
}

#[test]
fn a_goroutine_that_ends_locked_ends_its_thread_after_calls() {
    matrix(|_| {
        let handle = gort::go(|| {
            call_with(|| call_back(&|| std::mem::forget(gort::lock_os_thread())));
            gort::gosched();
            gettid()
        });
        let path = format!("/proc/self/task/{}", handle.join().unwrap().0);
        while std::fs::exists(&path).unwrap() {
            gort::gosched();
        }
    });
}

#[test]
fn a_callback_that_runs_on_lets_others_run() {
    matrix(|procs| {
        others_run_beside(procs, |hog| all(procs, |_| call_with(|| call_back(hog))));
    });
}

#[test]
fn a_librarys_state_is_the_goroutines_in_callbacks() {
    moving(|_| {
        all(4, |me| {
            for round in 0..10 {
                let code = (me * 100 + round) as i32;
                call_with(|| {
                    call_back(&|| {
                        call_with(|| cabi::fail(code));
                        gort::gosched();
                        gort::go(|| cabi::fail(1)).join().unwrap();
                        assert!(call_with(|| cabi::has_failed(code)));
                    });
                    assert!(cabi::has_failed(code));
                });
                hop();
                assert!(cabi::has_failed(code));
            }
        });
    });
}

#[test]
fn qsort_with_an_order_that_yields() {
    unsafe extern "C" fn order(a: *const c_void, b: *const c_void) -> c_int {
        // SAFETY: elements of the array below.
        let (a, b) = unsafe { (*a.cast::<u64>(), *b.cast::<u64>()) };
        callback(|| {
            if a % 3 == 0 {
                gort::gosched();
            }
            a.cmp(&b) as c_int
        })
    }
    matrix(|_| {
        all(4, |me| {
            let mut numbers: Vec<u64> = (1..300u64)
                .map(|n| (n * 7919 + me as u64).wrapping_mul(0x9e37_79b9) % 1000)
                .collect();
            let mut expected = numbers.clone();
            expected.sort_unstable();
            // SAFETY: the array, its length, the size of its elements.
            call_with(|| unsafe {
                libc::qsort(numbers.as_mut_ptr().cast(), numbers.len(), 8, Some(order));
            });
            assert_eq!(numbers, expected);
        });
    });
}

#[test]
fn a_callback_is_a_call_on_a_goroutine() {
    matrix(|_| {
        let me = gort::current();
        assert_eq!(callback(|| (gort::current(), 5)), (me, 5));
        // By way of C that was called as any function is.
        call_back(&|| {
            assert_eq!(gort::current(), me);
            gort::gosched();
        });
    });
}

#[inline(never)]
fn who_calls_c(trace: &RefCell<String>) {
    call_with(|| call_back(&|| drop(trace.replace(Backtrace::force_capture().to_string()))));
}

#[test]
fn traces_lead_through_c_to_the_goroutines_beginning() {
    matrix(|_| {
        let trace = RefCell::default();
        who_calls_c(&trace);
        let text = trace.take();
        let at = |name: &str| text.rfind(name).unwrap_or_else(|| panic!("no {name} in\n{text}"));
        assert!(at("cabi_call_back") < at("who_calls_c"));
        assert!(at("who_calls_c") < at("gostart"));
    });
}
