//! What a timer calls.
//!
//! # Safety
//!
//! A timer that is set has a count of its [`Called`], so that is there when it fires. The count goes over
//! to the goroutine that is made then, or that runs already, and is given back there, since what goes
//! with the last one is the program's. To set it takes a count beforehand; whoever finds that it was
//! set gives one back.
//!
//! `f` belongs to the goroutine that has made `due` other than 0, until it is 0 again.

#![allow(unsafe_code)]

use crate::goexit::is_goexit;
use crate::{host, panic};
use gort_rt::timer::Owned;
use gort_rt::{G, Spawn};
use gort_sys::Errno;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// A timer and its function, whatever the type of that.
pub(super) trait Func: Send + Sync {
    fn reset(&self, when: u64) -> Result<bool, Errno>;
    fn stop(&self) -> bool;
}

struct Called<F> {
    timer: OnceLock<Owned>,
    /// How often it is yet to be called, counting the call that is going on.
    due: AtomicUsize,
    f: UnsafeCell<F>,
}

// SAFETY: see the module: one goroutine at a time uses `f`, and `due` orders them.
unsafe impl<F: Send> Sync for Called<F> {}

/// A timer that calls `f`, not set.
///
/// # Errors
///
/// `ENOMEM` when there is no memory for it.
pub(super) fn new<F: FnMut() + Send + 'static>(f: F) -> Result<Arc<dyn Func>, Errno> {
    let called = Arc::new(Called {
        timer: OnceLock::new(),
        due: AtomicUsize::new(0),
        f: UnsafeCell::new(f),
    });
    let at = Arc::as_ptr(&called).expose_provenance();
    // SAFETY: `fired` makes a goroutine; what it needs is there as long as the timer is set.
    let timer = unsafe { Owned::new(fired::<F>, at, 0) }?;
    let _ = called.timer.set(timer);
    Ok(called)
}

impl<F: FnMut() + Send + 'static> Called<F> {
    fn timer(&self) -> &Owned {
        self.timer.get().expect("made with one")
    }

    fn reset_slow(&self, when: u64) -> Result<bool, Errno> {
        // SAFETY: it lives in an `Arc`.
        unsafe { Arc::increment_strong_count(self) };
        let was_set = self.timer().set(when);
        if was_set != Ok(false) {
            // SAFETY: the one that it had, or the one for which there was no use; the caller has
            // another.
            unsafe { self.give_back() };
        }
        was_set
    }

    /// Gives back a count that goes with the timer.
    ///
    /// # Safety
    ///
    /// There is one, and it is not the last.
    unsafe fn give_back(&self) {
        // SAFETY: it lives in an `Arc`.
        unsafe { Arc::decrement_strong_count(self) };
    }
}

impl<F: FnMut() + Send + 'static> Func for Called<F> {
    fn reset(&self, when: u64) -> Result<bool, Errno> {
        if self.timer().delay(when) { Ok(true) } else { self.reset_slow(when) }
    }

    fn stop(&self) -> bool {
        let was_set = self.timer().stop();
        if was_set {
            // SAFETY: the one of the timer, which is not set any more; the caller has another.
            unsafe { self.give_back() };
        }
        was_set
    }
}

/// The timer of the [`Called`] at `at` has fired: its function is to be called once more, with the
/// timer's count. On an M inside the runtime.
unsafe fn fired<F: FnMut() + Send + 'static>(at: usize, _when: u64) {
    // SAFETY: there is the timer's count.
    let called = unsafe { &*std::ptr::with_exposed_provenance::<Called<F>>(at) };
    // AcqRel: with the other one in `run`.
    if called.due.fetch_add(1, Ordering::AcqRel) != 0 {
        return;
    }
    let spawn = Spawn {
        entry: run::<F>,
        stack: host::default_stack(),
        name: (0, 0),
        shared_tls: false,
        creator: 0,
    };
    let alone = |gp: &'static G| {
        // Nobody waits for it.
        let _ = gp.done().detach();
        at
    };
    // SAFETY: `run` does not unwind, and takes the count over.
    if unsafe { gort_rt::newproc(&spawn, alone) }.is_err() {
        gort_rt::throw("no memory for the goroutine that a timer was to start");
    }
}

/// The goroutine: calls the function as often as it is due.
unsafe extern "C" fn run<F: FnMut() + Send + 'static>(at: usize) {
    // SAFETY: on the goroutine, before its first own instruction.
    unsafe { host::first_run() };
    let at = std::ptr::with_exposed_provenance::<Called<F>>(at);
    loop {
        // SAFETY: there is a count for each call that is due. `f` is ours until none is.
        let call = AssertUnwindSafe(|| unsafe { (*(*at).f.get())() });
        report(catch_unwind(call));
        // SAFETY: as above. AcqRel: hands `f` over to the next goroutine.
        let last = unsafe { (*at).due.fetch_sub(1, Ordering::AcqRel) } == 1;
        // SAFETY: that of the call that is over.
        report(catch_unwind(AssertUnwindSafe(|| unsafe { Arc::decrement_strong_count(at) })));
        if last {
            break;
        }
    }
    // SAFETY: on the goroutine, after its last own instruction.
    unsafe { host::exit_sequence() };
    if let Some(gp) = gort_rt::current() {
        let _ = gp.done().complete();
    }
}

/// As for a goroutine that ends by a panic.
fn report(result: std::thread::Result<()>) {
    if let Err(payload) = result
        && !is_goexit(&*payload)
    {
        panic::reached_the_root(&*payload);
    }
}
