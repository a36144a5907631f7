//! What a goroutine runs, and where its result goes: one allocation for both.
//!
//! # Safety
//!
//! A task is shared by the goroutine and its handle. The closure is the goroutine's; the result is
//! written by the goroutine before it completes, and read by the handle after that.

#![allow(unsafe_code)]

use crate::scope::ScopeData;
use crate::{goexit, host, panic};
use gort_rt::Completion;
use std::cell::UnsafeCell;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A goroutine's closure and result.
pub(crate) struct Task<F, T> {
    state: State,
    closure: UnsafeCell<Option<F>>,
    result: UnsafeCell<Option<std::thread::Result<T>>>,
}

/// What does not depend on the types.
pub(crate) struct State {
    pub(crate) completion: Completion,
    pub(crate) name: Option<Box<str>>,
    pub(crate) id: AtomicU64,
    pub(crate) scope: Option<Arc<ScopeData>>,
}

// SAFETY: see the module: each part has one user at a time, and the completion orders them.
unsafe impl<F: Send, T: Send> Sync for Task<F, T> {}

/// A task as its handle sees it.
pub(crate) trait Joinable<T> {
    fn state(&self) -> &State;

    /// The result, once; the task has completed.
    fn take(&self) -> Option<std::thread::Result<T>>;
}

impl<F, T> Joinable<T> for Task<F, T> {
    fn state(&self) -> &State {
        &self.state
    }

    fn take(&self) -> Option<std::thread::Result<T>> {
        assert!(self.state.completion.is_done(), "the goroutine is not over");
        // SAFETY: completed, so the goroutine is done with it, and the handle is the only other.
        unsafe { (*self.result.get()).take() }
    }
}

/// The last of goroutine and handle: nobody uses the closure or the result any more, so a scope that
/// waits for that can end. Both go while the name is there, which their destructors' panics print.
impl<F, T> Drop for Task<F, T> {
    fn drop(&mut self) {
        let result = self.result.get_mut().take();
        let panicked = matches!(&result, Some(Err(payload)) if !goexit::is_goexit(&**payload));
        discard((result, self.closure.get_mut().take()));
        if let Some(scope) = self.state.scope.take() {
            scope.leave(panicked);
        }
    }
}

/// Drops what a goroutine has left. There is nobody to unwind to: a scope would wait for ever.
fn discard<V>(value: V) {
    if catch_unwind(AssertUnwindSafe(|| drop(value))).is_err() {
        let _ = writeln!(io::stderr(), "fatal error: gort: a goroutine's result panicked on drop");
        std::process::abort()
    }
}

impl<F: FnOnce() -> T, T> Task<F, T> {
    pub(crate) fn new(
        name: Option<Box<str>>,
        scope: Option<Arc<ScopeData>>,
        closure: F,
    ) -> Arc<Task<F, T>> {
        Arc::new(Task {
            state: State { completion: Completion::new(), name, id: AtomicU64::new(0), scope },
            closure: UnsafeCell::new(Some(closure)),
            result: UnsafeCell::new(None),
        })
    }

    /// The goroutine's entry: `task` is an `Arc::into_raw` of it.
    ///
    /// # Safety
    ///
    /// Called once for a task, on its goroutine.
    pub(crate) unsafe extern "C" fn run(task: usize) {
        // SAFETY: the caller's contract; `spawn` has given this count away.
        let task: Arc<Task<F, T>> =
            unsafe { Arc::from_raw(std::ptr::with_exposed_provenance(task)) };
        // SAFETY: the closure is the goroutine's.
        let closure = unsafe { (*task.closure.get()).take() };
        let Some(closure) = closure else { return };
        // SAFETY: on the goroutine, before its first own instruction.
        unsafe { host::first_run() };
        let result = catch_unwind(AssertUnwindSafe(closure)).map_err(|payload| {
            if !goexit::is_goexit(&*payload) {
                panic::reached_the_root(&*payload);
            }
            payload
        });
        // SAFETY: not complete yet, so nobody reads it.
        unsafe { *task.result.get() = Some(result) };
        if task.state.scope.is_none() && Arc::strong_count(&task) == 1 {
            // Nobody is left to take it: drop it while this goroutine's thread-locals are there.
            discard(task.take_unseen());
        }
        // As a thread does: whoever joins finds the destructors of thread-locals run.
        // SAFETY: on the goroutine, after its last own instruction.
        unsafe { host::exit_sequence() };
        let mut more = task.state.scope.is_some();
        if let Some(waker) = task.state.completion.complete() {
            crate::join::wake(waker);
            more = true;
        }
        // The name is the task's.
        if let Some(gp) = gort_rt::current() {
            gp.clear_name();
        }
        // The last to have the task drops a result that nobody took.
        if let Some(task) = Arc::into_inner(task) {
            drop(task);
            more = true;
        }
        if more {
            // Users' code has run again, and may have made thread-locals anew.
            // SAFETY: as above.
            unsafe { host::exit_sequence() };
        }
    }

    fn take_unseen(&self) -> Option<std::thread::Result<T>> {
        // SAFETY: called by the goroutine, before it completes, when there is no handle.
        unsafe { (*self.result.get()).take() }
    }

    /// Sets what the handle says of it. Before anybody else knows of the goroutine's number.
    pub(crate) fn set_id(&self, id: u64) {
        self.state.id.store(id, Ordering::Relaxed);
    }
}
