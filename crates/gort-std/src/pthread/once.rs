//! `pthread_once`.
//!
//! libc's function runs the routine, on the goroutine's own stack. Only who finds that it runs already parks, until somebody
//! has come out of libc's function, by whatever way.
//!
//! # Safety
//!
//! As in `mutex.rs`.

#![allow(unsafe_code)]

use super::count::{Waiting, arm, wake};
use crate::real::real;
use crate::taken::take_over;
use gort_rt::WaitReason;
use gort_rt::sync::Place;
use libc::{c_int, pthread_once_t};
use std::sync::atomic::{AtomicU32, Ordering};

type Routine = unsafe extern "C-unwind" fn();

/// Somebody runs the routine.
const RUNNING: u32 = 1;
/// It has been run.
const DONE: u32 = 2;

/// Wakes who waits, when the routine is over, be it by an exception.
struct Over(usize);

impl Drop for Over {
    fn drop(&mut self) {
        wake(self.0, usize::MAX);
    }
}

fn key(once: *const pthread_once_t) -> usize {
    once.addr() | 2
}

unsafe fn real_once(once: *mut pthread_once_t, routine: Routine) -> c_int {
    let _over = Over(key(once));
    // SAFETY: the caller's contract; libc's types.
    unsafe { real!(pthread_once(once, routine): fn(*mut pthread_once_t, Routine) -> c_int) }
}

take_over! {
    /// Parks while another runs the routine.
    fn pthread_once(once: *mut pthread_once_t, routine: Routine) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { real_once(once, routine) }
    } => {
        // SAFETY: the caller's contract: libc changes it as an atomic.
        let word = unsafe { &*once.cast::<AtomicU32>() };
        // Acquire: with the Release in libc when it is done.
        let state = || word.load(Ordering::Acquire) & (RUNNING | DONE);
        if state() == RUNNING {
            arm();
            let waiting = Waiting { key: key(once), place: Place::Back, reason: WaitReason::OnceDo, until: None };
            waiting.until_it_works(|| (state() != RUNNING).then_some(()));
        }
        // SAFETY: the caller's contract.
        unsafe { real_once(once, routine) }
    }
}
