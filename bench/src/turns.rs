//! An interruption on one thread: the signal, which a goroutine sends to its own thread, the switch to another
//! one, and that one's yield back.

use crate::{TIMES, timed};
use gort_sys::raw;
use gort_sys::types::Signal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Nanoseconds for each, on one P.
pub(crate) fn preempt() -> f64 {
    gort::runtime::gomaxprocs(Some(1));
    let over = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&over);
    let other = gort::go(move || {
        while !until.load(Relaxed) {
            gort::gosched();
        }
    });
    let nanos = timed(TIMES, |count| {
        let (before, process) = (gort::runtime::stats().preemptions, raw::getpid());
        let mut thread = raw::gettid();
        for n in 0..count {
            // It has hardly moved: others use its P only as long as one yields.
            if n % 100 == 0 {
                thread = raw::gettid();
            }
            raw::tgkill(process, thread, Signal::URG).unwrap();
        }
        let interrupted = gort::runtime::stats().preemptions - before;
        assert!(interrupted as u64 >= count - count / 100, "{interrupted} of {count}");
    });
    over.store(true, Relaxed);
    other.join().unwrap();
    nanos
}
