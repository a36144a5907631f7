//! Defects that a review of the scheduler has found, each as the smallest program that showed it.
//! One process and one test: the number of Ps belongs to all of it.
//!
//! # Safety
//!
//! The goroutines that share their thread's storage use none of it across a yield; signal masks are
//! changed and read on local sets.

#![allow(unsafe_code)]

mod support;

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

#[test]
fn defects_stay_away() {
    let _watchdog = support::watchdog();
    gort::runtime::gomaxprocs(Some(1));
    gort::run(a_pair_does_not_starve_the_ring);
    gort::run(shared_stacks_leave_blocks_alone);
    gort::runtime::gomaxprocs(Some(4));
    gort::run(locked_threads_make_no_threads);
    gort::run(threads_that_end_leave_nothing);
}

/// Spawning and joining hands one P from one to the other by way of the place in front.
fn a_pair_does_not_starve_the_ring() {
    static SET: AtomicBool = AtomicBool::new(false);
    gort::go(|| SET.store(true, Ordering::Relaxed));
    let rounds = (0..1_000_000).find(|_| {
        gort::go(|| ()).join().unwrap();
        SET.load(Ordering::Relaxed)
    });
    assert!(rounds.is_some());
}

/// A slot that had a goroutine with a TLS block goes to one without, and back.
fn shared_stacks_leave_blocks_alone() {
    thread_local!(static V: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });
    fn dirty(depth: usize) -> usize {
        let mut frame = [0x41u8; 3000];
        std::hint::black_box(&mut frame);
        if depth == 0 { 0 } else { dirty(depth - 1) + usize::from(frame[depth]) }
    }
    for _ in 0..20 {
        let own = || {
            V.with_borrow_mut(|v| v.push(1));
            gort::gosched();
            V.with_borrow(|v| assert_eq!(v.len(), 1));
        };
        let all: Vec<_> = (0..50).map(|_| gort::go(own)).collect();
        all.into_iter().for_each(|one| one.join().unwrap());
        let shared = || {
            dirty(3);
            gort::gosched();
            dirty(2);
        };
        // SAFETY: nothing of a thread-local is kept across the yield.
        let start = |_| unsafe { gort::Builder::new().spawn_shared_tls(shared).unwrap() };
        let all: Vec<_> = (0..50).map(start).collect();
        all.into_iter().for_each(|one| one.join().unwrap());
    }
}

/// Whether SIGUSR2 is blocked here; blocks it if asked.
fn blocked(block: bool) -> bool {
    // SAFETY: plain calls on a local set.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        if block {
            libc::sigaddset(&mut set, libc::SIGUSR2);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
        libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &mut set);
        libc::sigismember(&set, libc::SIGUSR2) == 1
    }
}

/// A goroutine changes its locked thread, then starts others, which need threads.
fn locked_threads_make_no_threads() {
    let locked = gort::go(|| {
        // Kept for ever: the thread ends with the goroutine.
        std::mem::forget(gort::lock_os_thread());
        assert!(blocked(true));
        let sleeper = || {
            sleep(Duration::from_millis(30));
            blocked(false)
        };
        let all: Vec<_> = (0..8).map(|_| gort::go(sleeper)).collect();
        sleep(Duration::from_millis(20));
        all.into_iter().any(|one| one.join().unwrap())
    });
    assert!(!locked.join().unwrap());
}

/// Goroutines that end locked end their threads; others go on.
fn threads_that_end_leave_nothing() {
    for _ in 0..500 {
        gort::go(|| std::mem::forget(gort::lock_os_thread())).join().unwrap();
    }
    assert!(gort::runtime::stats().threads <= 50);
}
