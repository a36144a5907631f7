//! Waking goroutines from where that cannot be done: a signal's handler.
//!
//! A thread sleeps at a word in the kernel; a handler leaves the address in a place that is free and wakes the thread, by
//! system call, and the thread wakes whoever waits there. It is started by the first goroutine that waits for a
//! semaphore.
//!
//! # Safety
//!
//! The thread's function has the type that libc wants, and takes nothing.

#![allow(unsafe_code)]

use super::count::wake;
use crate::here::passthrough;
use gort_sys::raw;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// Addresses at which somebody is to be woken; 0 where there is none.
static LETTERS: [AtomicUsize; 256] = [const { AtomicUsize::new(0) }; 256];

/// How often a letter was left.
static LEFT: AtomicU32 = AtomicU32::new(0);

/// Whether there is a courier; starts it if need be. On a goroutine.
pub(super) fn is_there() -> bool {
    static STARTED: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *STARTED.get_or_init(|| {
        let courier = std::thread::Builder::new().name("gort-std-courier".into());
        passthrough(|| courier.spawn(deliver)).is_ok()
    })
}

/// Has all that wait at `key` woken. Good in a signal's handler.
#[cold]
pub(super) fn send(key: usize) {
    // Release: with the Acquire in `deliver`.
    let left = LETTERS.iter().any(|letter| {
        let old = letter.compare_exchange(0, key, Ordering::Release, Ordering::Relaxed);
        // One that is there already has not been taken yet: whoever waits will be woken after this.
        old == Ok(0) || old == Err(key)
    });
    if !left {
        gort_rt::throw("gort-std: more semaphores than 256 posted at once by signal handlers");
    }
    // Release: with the Acquire in `deliver`.
    LEFT.fetch_add(1, Ordering::Release);
    let _ = raw::futex_wake(&LEFT, 1);
}

fn deliver() {
    loop {
        // Acquire: with the Release in `send`.
        let left = LEFT.load(Ordering::Acquire);
        for letter in &LETTERS {
            if letter.load(Ordering::Relaxed) != 0 {
                // Acquire: as above.
                wake(letter.swap(0, Ordering::Acquire), usize::MAX);
            }
        }
        let _ = raw::futex_wait(&LEFT, left, None);
    }
}
