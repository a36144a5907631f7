//! Sleeping parks the goroutine, for as long as it is to; on threads it is what it was.
//!
//! # Safety
//!
//! What a call is given lives until it returns, or is null.

#![allow(unsafe_code)]

mod support;

use gort_std as _;
use gort_sys::raw::{getpid, gettid};
use libc::{c_int, clockid_t, timespec};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::{all, calls, everywhere, matrix, on_few_threads, watchdog};

#[test]
fn ten_thousand_sleep_on_few_threads() {
    on_few_threads("sleepers", || {
        let start = Instant::now();
        let slept = AtomicUsize::new(0);
        all(10_000, |_| {
            thread::sleep(Duration::from_millis(200));
            slept.fetch_add(1, Ordering::Relaxed);
        });
        assert!(start.elapsed() >= Duration::from_millis(200));
        assert_eq!(slept.load(Ordering::Relaxed), 10_000);
    });
}

fn spec(time: Duration) -> timespec {
    timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() }
}

fn now(clock: clockid_t) -> Duration {
    let mut time = spec(Duration::ZERO);
    // SAFETY: see the module.
    assert_eq!(unsafe { libc::clock_gettime(clock, &mut time) }, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn errno() -> c_int {
    std::io::Error::last_os_error().raw_os_error().expect("an error")
}

const TIME: Duration = Duration::from_millis(3);
const CLOCKS: [clockid_t; 4] =
    [libc::CLOCK_REALTIME, libc::CLOCK_MONOTONIC, libc::CLOCK_BOOTTIME, libc::CLOCK_TAI];

#[test]
fn each_function_sleeps_for_the_time() {
    everywhere(|| {
        let lasts = |sleep: &dyn Fn() -> c_int| {
            let start = Instant::now();
            assert_eq!(sleep(), 0);
            assert!(start.elapsed() >= TIME, "{:?}", start.elapsed());
        };
        // SAFETY: see the module.
        unsafe {
            lasts(&|| libc::nanosleep(&spec(TIME), null_mut()));
            lasts(&|| libc::usleep(TIME.as_micros() as u32));
            for clock in CLOCKS {
                lasts(&|| libc::clock_nanosleep(clock, 0, &spec(TIME), null_mut()));
                lasts(&|| {
                    let until = spec(now(clock) + TIME);
                    libc::clock_nanosleep(clock, libc::TIMER_ABSTIME, &until, null_mut())
                });
                let past = spec(now(clock) - TIME);
                assert_eq!(libc::clock_nanosleep(clock, libc::TIMER_ABSTIME, &past, null_mut()), 0);
            }
            assert_eq!(libc::sleep(0), 0);
        }
    });
}

#[test]
fn what_is_no_time_is_refused() {
    everywhere(|| {
        let wrong = [(0, -1), (0, 1_000_000_000), (-1, 0)];
        for (tv_sec, tv_nsec) in wrong {
            let time = timespec { tv_sec, tv_nsec };
            // SAFETY: see the module.
            unsafe {
                assert_eq!(libc::nanosleep(&time, null_mut()), -1);
                assert_eq!(errno(), libc::EINVAL);
                for clock in CLOCKS {
                    let result = libc::clock_nanosleep(clock, 0, &time, null_mut());
                    assert_eq!(result, libc::EINVAL);
                }
            }
        }
        // SAFETY: see the module.
        unsafe {
            assert_eq!(libc::nanosleep(null_mut(), null_mut()), -1);
            assert_eq!(errno(), libc::EFAULT);
            let time = spec(TIME);
            let by = |clock| libc::clock_nanosleep(clock, 0, &time, null_mut());
            assert_eq!(by(libc::CLOCK_THREAD_CPUTIME_ID), libc::EINVAL);
            assert_eq!(by(99), libc::EINVAL);
        }
    });
}

#[test]
fn others_run_meanwhile() {
    matrix(|_| {
        let over = AtomicBool::new(false);
        gort::scope(|s| {
            s.go(|| {
                thread::sleep(TIME);
                over.store(true, Ordering::Relaxed);
            });
            let before = calls("sched_yield");
            while !over.load(Ordering::Relaxed) {
                thread::yield_now();
            }
            assert!(calls("sched_yield") > before);
        });
    });
}

extern "C" fn nothing(_: c_int) {}

#[test]
fn pause_waits_for_a_signal_without_a_p() {
    let _one = support::serial();
    let _watchdog = watchdog();
    // SAFETY: the handler does nothing.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as *const () as usize;
        libc::sigaction(libc::SIGUSR1, &action, null_mut());
    }
    let pause = || {
        let (tid, over) = (AtomicI32::new(0), AtomicBool::new(false));
        gort::scope(|s| {
            s.go(|| {
                let _thread = gort::lock_os_thread();
                tid.store(gettid().0, Ordering::Relaxed);
                // SAFETY: touches no memory.
                assert_eq!(unsafe { libc::pause() }, -1);
                assert_eq!(errno(), libc::EINTR);
                over.store(true, Ordering::Relaxed);
            });
            while !over.load(Ordering::Relaxed) {
                gort::time::sleep(TIME);
                let tid = tid.load(Ordering::Relaxed);
                if tid != 0 {
                    // SAFETY: one of this process's threads, or nobody.
                    unsafe { libc::syscall(libc::SYS_tgkill, getpid().0, tid, libc::SIGUSR1) };
                }
            }
        });
    };
    gort::runtime::gomaxprocs(Some(1));
    gort::run(pause);
}
