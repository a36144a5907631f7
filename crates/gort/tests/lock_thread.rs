//! Goroutines that are tied to their threads.

mod support;

use gort::syscall::types::{PipeFlags, Timespec};
use gort::syscall::{self, pipe2, raw};
use gort_sys::raw::gettid;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use support::hogs::{Hog, all_progress, among, turn};
use support::storm::storm;
use support::{hop, matrix, moving, spin};

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

/// A locked goroutine comes back on its own thread from calls of all kinds and from preemption.
#[test]
fn locked_in_calls_and_while_pre_empted() {
    matrix(|procs| {
        let _storm = storm(Some(1000));
        let pipe = pipe2(PipeFlags::CLOEXEC).unwrap();
        let late = AtomicUsize::new(0);
        gort::scope(|s| {
            for i in 0..12 {
                let (pipe, late) = (&pipe, &late);
                s.go(move || {
                    let _guard = gort::lock_os_thread();
                    let mine = gettid();
                    let at_home = || assert_eq!(gettid(), mine);
                    for round in 0..5 {
                        let time = Timespec { sec: 0, nsec: 200_000 };
                        // Interrupted by the storm, it is over sooner.
                        syscall::nanosleep(&time, None).unwrap_or_default();
                        at_home();
                        raw::nanosleep(&time, None).unwrap_or_default();
                        at_home();
                        spin(20_000);
                        at_home();
                        assert!(!gort::go(move || gettid() == mine).join().unwrap());
                        at_home();
                        if round == 2 {
                            late.fetch_add(1, Ordering::Relaxed);
                            let read = if i % 2 == 0 { syscall::read } else { raw::read };
                            assert_eq!(read(&pipe.reader, &mut [0]), Ok(1));
                            at_home();
                        }
                    }
                });
            }
            among(&vec![turn as Hog; procs], |rounds| {
                while late.load(Ordering::Relaxed) < 12 {
                    gort::gosched();
                }
                all_progress(rounds, 1);
                assert_eq!(syscall::write(&pipe.writer, &[0; 12]), Ok(12));
            });
        });
    });
}
