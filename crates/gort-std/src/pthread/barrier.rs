//! Barriers of C's.
//!
//! Nothing of a barrier can be tried, so it is done here altogether, for threads as well. Who comes counts itself and
//! enters the table in one step, under the table's lock; the last finds all others there, makes the count 0, and takes
//! them out. So nobody touches the barrier after that, and it may be destroyed at once. libc's destruction finds a
//! barrier that nobody is at.
//!
//! # Safety
//!
//! As in `mutex.rs`.

#![allow(unsafe_code)]

use super::count::is_forked;
use super::layout;
use crate::real::real;
use crate::taken::take_over;
use gort_rt::WaitReason;
use gort_rt::sync::{Place, Wait, park_at, wake_at};
use libc::{PTHREAD_BARRIER_SERIAL_THREAD, c_int, pthread_barrier_t};
use std::cell::Cell;
use std::sync::atomic::Ordering;

unsafe fn real_wait(barrier: *mut pthread_barrier_t) -> c_int {
    // SAFETY: the caller's contract; libc's type.
    unsafe { real!(pthread_barrier_wait(barrier): fn(*mut pthread_barrier_t) -> c_int) }
}

unsafe fn wait_here(barrier: *mut pthread_barrier_t) -> c_int {
    // Nobody else's key: who has let go of a mutex that was in this memory may still be about to wake somebody,
    // and who is woken here does not look again.
    let address = barrier.addr() | 1 << (usize::BITS - 1);
    let others = Cell::new(0);
    // SAFETY: the caller's contract: the barrier is there until the round is over.
    let check = || unsafe {
        let (come, all) = layout::barrier_words(barrier);
        // Relaxed: under the table's lock.
        let now = come.load(Ordering::Relaxed) + 1;
        let last = now == all;
        come.store(if last { 0 } else { now }, Ordering::Relaxed);
        others.set(now - 1);
        !last
    };
    let wait = Wait { address, place: Place::Back, arg: 0, reason: WaitReason::WaitGroupWait };
    if park_at(wait, check, || ()) {
        return 0;
    }
    // Those of the next round may have come by now: they are behind.
    let mut rest = others.get();
    let take = |_| {
        let one = rest != 0;
        rest = rest.saturating_sub(1);
        one
    };
    wake_at(address, take, |_, _| ());
    PTHREAD_BARRIER_SERIAL_THREAD
}

take_over! {
    /// Parks until all have come.
    fn pthread_barrier_wait(barrier: *mut pthread_barrier_t) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe {
            if layout::barrier_is_private(barrier) && !is_forked() {
                wait_here(barrier)
            } else {
                real_wait(barrier)
            }
        }
    } => {
        // SAFETY: the caller's contract.
        unsafe {
            if layout::barrier_is_private(barrier) {
                wait_here(barrier)
            } else {
                gort::ffi::call_blocking(|| real_wait(barrier))
            }
        }
    }
}
