//! Goroutines that do not yield, and those who wait for their P.
//!
//! # Safety
//!
//! libc's functions get buffers of the length they are told. A goroutine that shares its thread's storage
//! uses no thread-locals.

#![allow(unsafe_code)]

mod support;

use gort::runtime::stats;
use gort::syscall::types::{ClockId, Timespec};
use gort::syscall::{nanosleep, raw};
use gort_rt::{Completed, Completion};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::hogs::{Hog, all_progress, among, turn, until_taken};
use support::{Child, all, is_child, matrix, serial, stderr, stdout, watchdog};

const MILLISECOND: Timespec = Timespec { sec: 0, nsec: 1_000_000 };

#[test]
fn loops_let_others_run() {
    matrix(|procs| {
        among(&vec![turn as Hog; procs + 1], |rounds| {
            for _ in 0..3 {
                all_progress(rounds, 1);
                gort::go(|| ()).join().unwrap();
            }
        });
    });
}

/// Four loops on two Ps, with somebody who wakes every millisecond. On one CPU, so that the kernel gives
/// both threads as much, whatever else the machine does.
#[test]
fn loops_make_equal_progress() {
    let _one = serial();
    let output = Child::new("equal", || {
        // SAFETY: a set is plain words.
        unsafe {
            let mut one: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(libc::sched_getcpu() as usize, &mut one);
            assert_eq!(libc::sched_setaffinity(0, size_of_val(&one), &one), 0);
        }
        gort::runtime::gomaxprocs(Some(2));
        let mut ratios: Vec<f64> = (0..3).map(|_| gort::run(most_to_least)).collect();
        ratios.sort_by(f64::total_cmp);
        println!("most to least: {ratios:.3?}");
        assert!(ratios[1] <= 1.2);
    })
    .run();
    if !is_child() {
        println!("{}", stdout(&output));
        assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    }
}

/// The progress of the first of four loops in relation to the last.
fn most_to_least() -> f64 {
    among(&[turn as Hog; 4], |rounds| {
        all_progress(rounds, 1);
        let count = || rounds.iter().map(|one| one.load(Ordering::Relaxed));
        let before: Vec<_> = count().collect();
        let used = || Duration::try_from(raw::clock_gettime(ClockId::PROCESS_CPUTIME).unwrap());
        let start = used().unwrap();
        while used().unwrap() - start < Duration::from_millis(1000) {
            nanosleep(&MILLISECOND, None).unwrap();
        }
        let done: Vec<_> = count().zip(before).map(|(now, was)| now - was).collect();
        *done.iter().max().unwrap() as f64 / *done.iter().min().unwrap() as f64
    })
}

/// Two goroutines that wake each other in turn.
fn ping_pong(times: usize) {
    let events: Vec<[Completion; 2]> = (0..times).map(|_| Default::default()).collect();
    gort::scope(|s| {
        s.go(|| {
            for [ping, pong] in &events {
                ping.wait();
                assert_eq!(pong.complete(), Completed::Told);
            }
        });
        for [ping, pong] in &events {
            assert_eq!(ping.complete(), Completed::Told);
            pong.wait();
        }
    });
}

/// Who has waited for something does not wait for slices: here these are so long that the watchdog would
/// see it. One that uses the CPU for long, if only for once, may have to wait for a few.
#[test]
fn those_who_have_waited_go_first() {
    let _one = serial();
    let output = Child::new("long", || {
        for procs in [1, 2, 4] {
            gort::runtime::gomaxprocs(Some(procs));
            gort::run(|| {
                among(&vec![turn as Hog; 2 * procs], |_| {
                    for _ in 0..10 {
                        // For the kernel, with and without saying so, and for another goroutine.
                        nanosleep(&MILLISECOND, None).unwrap();
                        std::thread::sleep(Duration::from_millis(1));
                        ping_pong(200);
                    }
                });
            });
        }
    })
    .env("GORT_DEBUG", "slice=1s")
    .run();
    if !is_child() {
        assert!(output.status.success(), "{:?} {}", output.status, stderr(&output));
    }
}

/// Hogs among themselves have their slices, even if others have come and gone.
#[test]
fn slices_are_as_long_as_they_should_be() {
    let _one = serial();
    let _watchdog = watchdog();
    gort::runtime::gomaxprocs(Some(1));
    gort::run(|| {
        among(&[turn as Hog; 2], |_| {
            for _ in 0..10 {
                all(20, |_| std::thread::sleep(Duration::from_millis(1)));
                let before = stats().preemptions;
                let start = Instant::now();
                nanosleep(&Timespec { sec: 0, nsec: 100_000_000 }, None).unwrap();
                let (count, time) = (stats().preemptions - before, start.elapsed());
                // 10 ms each. The first and the last are cut short.
                assert!(count as u128 <= time.as_millis() / 10 + 3, "{count} in {time:?}");
            }
        });
    });
}

/// However busy the others are, who never wait for a slice.
#[test]
fn loops_get_their_turn() {
    matrix(|procs| {
        among(&vec![turn as Hog; procs + 1], |rounds| {
            let stop = AtomicBool::new(false);
            gort::scope(|s| {
                for _ in 0..2 * procs {
                    s.go(|| {
                        while !stop.load(Ordering::Relaxed) {
                            let event = Arc::new(Completion::new());
                            let done = Arc::clone(&event);
                            drop(gort::go(move || assert_eq!(done.complete(), Completed::Told)));
                            event.wait();
                        }
                    });
                }
                all_progress(rounds, 10);
                stop.store(true, Ordering::Relaxed);
            });
        });
    });
}

#[test]
fn a_loop_that_keeps_nobody_waiting_is_left_alone() {
    let _one = serial();
    let _watchdog = watchdog();
    gort::runtime::gomaxprocs(Some(1));
    gort::run(|| ());
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let hog = gort::go(move || turn(&stopped, &AtomicU64::new(0)));
    let counts = || (stats().preemptions, stats().retaken_hogs);
    let is_left_alone = || {
        let before = counts();
        std::thread::sleep(Duration::from_millis(100));
        counts() == before
    };
    // A signal for the one before it may come late.
    let left_alone = (0..5).any(|_| is_left_alone());
    stop.store(true, Ordering::Relaxed);
    hog.join().unwrap();
    assert!(left_alone);
}

/// Fills memory, in libc.
fn fill(stop: &AtomicBool, rounds: &AtomicU64) {
    let mut memory = vec![0u8; 32 << 20];
    while !stop.load(Ordering::Relaxed) {
        let byte = rounds.fetch_add(1, Ordering::Relaxed) as u8;
        // SAFETY: see the module.
        unsafe { libc::memset(memory.as_mut_ptr().cast(), byte.into(), memory.len()) };
        assert!(black_box(&memory).iter().step_by(4096).all(|one| *one == byte));
    }
}

/// Copies memory, in libc.
fn copy(stop: &AtomicBool, rounds: &AtomicU64) {
    let mut to = vec![0u8; 16 << 20];
    while !stop.load(Ordering::Relaxed) {
        let from = vec![rounds.fetch_add(1, Ordering::Relaxed) as u8; to.len()];
        black_box(&mut to).copy_from_slice(&from);
        assert_eq!(to.first(), to.last());
    }
}

/// Sorts, in libc, by a function of libc's.
fn sort(stop: &AtomicBool, rounds: &AtomicU64) {
    unsafe extern "C" {
        fn strverscmp(a: *const libc::c_void, b: *const libc::c_void) -> libc::c_int;
    }
    while !stop.load(Ordering::Relaxed) {
        let mut state = 1u64;
        let mut words: Vec<[u8; 8]> = Vec::new();
        for _ in 0..100_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let digits = state.to_ne_bytes().map(|byte| b'0' + byte % 10);
            words.push([&digits[..7], &[0]].concat().try_into().unwrap());
        }
        // SAFETY: see the module; the words are strings of C's.
        unsafe { libc::qsort(words.as_mut_ptr().cast(), words.len(), 8, Some(strverscmp)) };
        assert_eq!(words.len(), 100_000);
        rounds.fetch_add(1, Ordering::Relaxed);
    }
}

/// Calls the kernel, by the bare instruction.
fn calls(stop: &AtomicBool, rounds: &AtomicU64) {
    while !stop.load(Ordering::Relaxed) {
        raw::getppid();
        rounds.fetch_add(1, Ordering::Relaxed);
    }
}

/// Calls the kernel, by libc.
fn calls_of_libc(stop: &AtomicBool, rounds: &AtomicU64) {
    while !stop.load(Ordering::Relaxed) {
        // SAFETY: takes nothing.
        unsafe { libc::getppid() };
        rounds.fetch_add(1, Ordering::Relaxed);
    }
}

/// Signals hardly ever find a place to pre-empt; then the P is taken.
#[test]
fn hogs_that_signals_miss_keep_nobody_out() {
    let _one = serial();
    let _watchdog = watchdog();
    for (name, hog) in [
        ("fill", fill as Hog),
        ("copy", copy),
        ("sort", sort),
        ("calls", calls),
        ("libc", calls_of_libc),
    ] {
        for procs in [1, 2] {
            gort::runtime::gomaxprocs(Some(procs));
            let before = stats();
            gort::run(|| among(&vec![hog; procs + 1], |rounds| all_progress(rounds, 2)));
            let after = stats();
            let rescued = after.rescues - before.rescues;
            let taken = after.retaken_hogs - before.retaken_hogs + rescued;
            let hit = after.preemptions - before.preemptions;
            println!("{name}, {procs} P: taken {taken}, pre-empted {hit}");
            assert!(taken + hit > 0, "{name} lets nobody run");
        }
    }
}

/// One long call that nothing interrupts.
#[test]
fn the_p_is_taken_from_one_long_call() {
    matrix(|procs| {
        until_taken(|wait| {
            among(&vec![sort as Hog; procs], |rounds| {
                wait();
                all_progress(rounds, 1);
            });
        });
    });
}

/// One that uses its thread's storage is never interrupted: it could not go on elsewhere.
#[test]
fn loops_that_share_their_threads_storage() {
    matrix(|procs| {
        until_taken(|wait| {
            let stop = Arc::new(AtomicBool::new(false));
            let hogs: Vec<_> = (0..procs)
                .map(|_| {
                    let stop = Arc::clone(&stop);
                    let body = move || {
                        let thread = raw::gettid();
                        turn(&stop, &AtomicU64::new(0));
                        assert_eq!(raw::gettid(), thread);
                    };
                    // SAFETY: see the module.
                    unsafe { gort::Builder::new().spawn_shared_tls(body) }.unwrap()
                })
                .collect();
            // This one needs no more than one of their Ps.
            wait();
            stop.store(true, Ordering::Relaxed);
            hogs.into_iter().for_each(|hog| hog.join().unwrap());
        });
    });
}

#[test]
fn without_signals_the_p_is_taken() {
    let _one = serial();
    let output = Child::new("off", || {
        for procs in [1, 2, 4] {
            gort::runtime::gomaxprocs(Some(procs));
            gort::run(|| among(&vec![turn as Hog; procs + 1], |rounds| all_progress(rounds, 10)));
        }
        let after = stats();
        println!("pre-empted {}", after.preemptions);
        assert!(after.retaken_hogs > 0);
    })
    .env("GORT_DEBUG", "asyncpreemptoff=1")
    .run();
    if !is_child() {
        assert!(output.status.success(), "{:?} {}", output.status, stderr(&output));
        assert!(stdout(&output).contains("pre-empted 0\n"), "{}", stdout(&output));
    }
}

/// Who has lost its P gets one again, even if nobody else needs any by now.
#[test]
fn a_loop_that_has_lost_its_p_comes_back() {
    let _one = serial();
    let _watchdog = watchdog();
    gort::runtime::gomaxprocs(Some(1));
    let taken = stats().retaken_hogs;
    let (leave, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (left, stopped) = (Arc::clone(&leave), Arc::clone(&stop));
    let hog = gort::go(move || {
        let mut memory = vec![0u8; 32 << 20];
        while !left.load(Ordering::Relaxed) {
            // SAFETY: see the module.
            unsafe { libc::memset(memory.as_mut_ptr().cast(), 1, memory.len()) };
            black_box(&memory);
        }
        turn(&stopped, &AtomicU64::new(0));
    });
    gort::run(|| {
        while stats().retaken_hogs == taken {
            gort::gosched();
        }
    });
    // All Ps are idle for long enough that sysmon could have gone to sleep.
    std::thread::sleep(Duration::from_millis(50));
    leave.store(true, Ordering::Relaxed);
    while stats().idle_procs != 0 {
        std::thread::yield_now();
    }
    stop.store(true, Ordering::Relaxed);
    hog.join().unwrap();
}
