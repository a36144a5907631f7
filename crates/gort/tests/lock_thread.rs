//! Goroutines that are tied to their threads.

mod support;

use gort_sys::raw::gettid;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use support::{hop, matrix, moving};

#[test]
fn a_locked_goroutine_keeps_its_thread_to_itself() {
    moving(|_| {
        let guard = gort::lock_os_thread();
        let mine = gettid();
        let stop = AtomicBool::new(false);
        gort::scope(|s| {
            for _ in 0..4 {
                s.go(|| {
                    while !stop.load(Ordering::Relaxed) {
                        assert_ne!(gettid(), mine, "on a thread that is locked to another");
                        gort::gosched();
                    }
                });
            }
            for i in 0..30 {
                let nested = (i % 3 == 0).then(gort::lock_os_thread);
                gort::gosched();
                assert_eq!(gettid(), mine);
                let started = gort::go(move || gettid() != mine);
                assert!(started.join().unwrap());
                drop(nested);
                assert_eq!(gettid(), mine);
            }
            stop.store(true, Ordering::Relaxed);
        });
        drop(guard);
        hop();
    });
}

#[test]
fn a_goroutine_that_ends_locked_ends_its_thread() {
    let gone = |tid: gort_sys::types::Pid| {
        let path = format!("/proc/self/task/{}", tid.0);
        while std::fs::exists(&path).unwrap() {
            gort::gosched();
        }
    };
    matrix(|_| {
        for way in 0..3 {
            let handle = gort::go(move || {
                std::mem::forget(gort::lock_os_thread());
                let tid = gettid();
                match way {
                    0 => Ok(tid),
                    1 => resume_unwind(Box::new(tid)),
                    _ => {
                        gort::gosched();
                        Err(tid)
                    }
                }
            });
            let tid = match handle.join() {
                Ok(Ok(tid) | Err(tid)) => tid,
                Err(payload) => *payload.downcast().unwrap(),
            };
            assert_ne!(tid, gettid());
            gone(tid);
        }
        // Unlocked in time, it does not.
        let tid = gort::go(|| {
            drop(gort::lock_os_thread());
            gettid()
        });
        let tid = tid.join().unwrap();
        assert!(std::fs::exists(format!("/proc/self/task/{}", tid.0)).unwrap());
    });
    // On an ordinary thread it does nothing.
    drop(gort::lock_os_thread());
}
