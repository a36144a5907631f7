//! GOMAXPROCS changes while goroutines hog, block and call: nobody waits for them.

mod support;

use gort::runtime::{gomaxprocs, stats};
use gort::syscall::types::{PipeFlags, Timespec};
use gort::syscall::{self, pipe2, raw};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use support::hogs::{Hog, all_progress, among, turn};
use support::{Child, all, is_child, serial, stderr, watchdog};

const SIZES: [usize; 8] = [1, 4, 2, 16, 3, 8, 1, 5];

/// Changes it over and over, with loops, calls of all classes, locked goroutines and a mutex.
fn resize_under_load(times: usize) {
    gomaxprocs(Some(4));
    gort::run(|| {
        let pipe = pipe2(PipeFlags::CLOEXEC).unwrap();
        let (stop, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
        gort::scope(|s| {
            for i in 0..20 {
                let pipe = &pipe;
                s.go(move || {
                    let mut buf = [0; 1];
                    let read = |buf| match i % 3 {
                        0 => syscall::read(&pipe.reader, buf),
                        1 => raw::read(&pipe.reader, buf),
                        _ => {
                            let _guard = gort::lock_os_thread();
                            syscall::read(&pipe.reader, buf)
                        }
                    };
                    assert_eq!(read(&mut buf), Ok(1));
                });
            }
            for i in 0..6 {
                let (stop, rounds) = (&stop, &rounds);
                s.go(move || {
                    let _guard = (i % 2 == 0).then(gort::lock_os_thread);
                    let time = Timespec { sec: 0, nsec: 20_000 };
                    while !stop.load(Ordering::Relaxed) {
                        // Without and with telling the runtime.
                        assert!(raw::getppid() == syscall::getppid());
                        syscall::nanosleep(&time, None).unwrap_or_default();
                        gort::go(gort::gosched).join().unwrap();
                        rounds.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            among(&[turn as Hog; 8], |hogs| {
                for i in 0..times {
                    let size = SIZES[i % SIZES.len()];
                    gomaxprocs(Some(size));
                    let now = stats();
                    assert_eq!(now.procs, size);
                    assert!(now.idle_procs <= size);
                }
                gomaxprocs(Some(2));
                all_progress(hogs, 10);
            });
            let before = rounds.load(Ordering::Relaxed);
            while rounds.load(Ordering::Relaxed) < before + 20 {
                gort::gosched();
            }
            stop.store(true, Ordering::Relaxed);
            assert_eq!(syscall::write(&pipe.writer, &[0; 20]), Ok(20));
        });
    });
}

#[test]
fn gomaxprocs_does_not_wait_for_hogs() {
    let _one = serial();
    let _watchdog = watchdog();
    resize_under_load(300);
}

/// Neither for the end of slices (which would be the watchdog's), nor for a signal to hit.
#[test]
fn gomaxprocs_needs_no_preemption() {
    let _one = serial();
    let debug = ["slice=1000s", "asyncpreemptoff=1", "asyncpreemptoff=1,slice=1000s"];
    let outputs = [
        Child::new("slices", || resize_hogs_only(100)).env("GORT_DEBUG", debug[0]).run(),
        Child::new("off", || resize_under_load(100)).env("GORT_DEBUG", debug[1]).run(),
        Child::new("both", || resize_hogs_only(100)).env("GORT_DEBUG", debug[2]).run(),
    ];
    for output in outputs.iter().filter(|_| !is_child()) {
        assert!(output.status.success(), "{:?} {}", output.status, stderr(output));
    }
}

/// From an ordinary thread, which has no P to wait for, either.
fn resize_hogs_only(times: usize) {
    let stop = std::sync::Arc::new(AtomicBool::new(false));
    let hogs: Vec<_> = (0..8)
        .map(|_| {
            let stop = std::sync::Arc::clone(&stop);
            gort::go(move || turn(&stop, &0.into()))
        })
        .collect();
    for i in 0..times {
        gomaxprocs(Some(SIZES[i % SIZES.len()]));
    }
    stop.store(true, Ordering::Relaxed);
    hogs.into_iter().for_each(|hog| hog.join().unwrap());
}

/// Several want to change it at the same time.
#[test]
fn changes_at_the_same_time() {
    let _one = serial();
    let _watchdog = watchdog();
    gomaxprocs(Some(4));
    gort::run(|| {
        among(&[turn as Hog; 3], |_| {
            all(4, |i| {
                for round in 0..20 {
                    gomaxprocs(Some(SIZES[(i + round) % SIZES.len()]));
                    gort::go(gort::gosched).join().unwrap();
                }
            });
        });
    });
}
