//! Signals at random instructions: from another thread, and from a timer.
//!
//! # Safety
//!
//! The timer is deleted by whoever made it, and libc's functions get valid structures.

#![allow(unsafe_code)]

use super::alone::alone;
use super::away::away;
use super::inject::{count, hit, set_up, set_up_as};
use super::support::{c, watchdog};
use super::work::{WORK, Work};
use gort_sys::context::preempt::Form;
use gort_sys::raw;
use gort_sys::types::Signal;
use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Sends this thread `SIGURG` every so often, while it lives.
struct Timer(libc::timer_t);

impl Timer {
    fn new() -> Timer {
        const NANOSECONDS: i64 = 97_003;
        // SAFETY: all zero is a value of both structures.
        let (mut event, mut time): (libc::sigevent, libc::itimerspec) =
            unsafe { std::mem::zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = libc::SIGURG;
        event.sigev_notify_thread_id = raw::gettid().0;
        let mut timer = std::ptr::null_mut();
        c!(libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut timer)).unwrap();
        time.it_value.tv_nsec = NANOSECONDS;
        time.it_interval.tv_nsec = NANOSECONDS;
        c!(libc::timer_settime(timer, 0, &time, std::ptr::null_mut())).unwrap();
        Timer(timer)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        c!(libc::timer_delete(self.0)).unwrap();
    }
}

/// Ends the other thread's loop even if the body panics.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Runs `body` over and over until this thread has been hit `hits` times in it.
pub(crate) fn storm(hits: u64, mut body: impl FnMut()) {
    let (process, thread) = (raw::getpid(), raw::gettid());
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let over = Over(&over);
        scope.spawn(|| {
            let mut random = 1u32;
            while !over.0.load(Relaxed) {
                raw::tgkill(process, thread, Signal::URG).unwrap();
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (0..random >> 20).for_each(|_| spin_loop());
            }
        });
        let _timer = Timer::new();
        let enough = count() + hits;
        hit(away, || {
            while count() < enough {
                body();
            }
        });
    });
}

/// Whether the work comes out the same under signals as without.
fn exact(work: &Work, hits: u64) {
    if !work.possible() {
        println!("{}: not on this CPU", work.name);
        return;
    }
    let want = (work.run)(work.rounds);
    let (mut runs, mut wrong) = (0u64, 0u64);
    storm(hits, || {
        runs += 1;
        wrong += u64::from((work.run)(black_box(work.rounds)) != want);
    });
    assert_eq!(wrong, 0, "{} of {runs} runs of {} came out wrong", wrong, work.name);
}

#[test]
fn results_are_exact() {
    watchdog();
    set_up();
    for work in &WORK {
        exact(work, 1000);
    }
}

/// What CPUs without XSAVEC do.
#[test]
fn results_are_exact_with_xsave() {
    if Form::detect() == Form::Fxsave {
        println!("no XSAVE here: the other tests have been using FXSAVE");
        return;
    }
    alone("storm::results_are_exact_with_xsave", || {
        watchdog();
        set_up_as(Form::Xsave);
        for work in &WORK {
            exact(work, 300);
        }
    });
}

/// What CPUs without XSAVE do. The program uses no more than SSE, which FXSAVE saves, but for the work
/// that says so.
#[test]
fn results_are_exact_with_fxsave() {
    alone("storm::results_are_exact_with_fxsave", || {
        watchdog();
        set_up_as(Form::Fxsave);
        for work in WORK.iter().filter(|work| !work.wide) {
            exact(work, 300);
        }
    });
}
