//! What a goroutine runs, and where its result goes.
//!
//! A task lies in its G, which costs nothing to have, or in a box if it is too large for that.
//!
//! # Safety
//!
//! A task has one user at a time: the goroutine until it has completed, then the handle. Whichever of
//! them is the last disposes of it, as `gort_rt::Completion` says; a G is not used again before that.

#![allow(unsafe_code)]

use crate::scope::ScopeData;
use crate::{goexit, host, panic, stack_use};
use gort_rt::{Completed, G, PAYLOAD};
use std::cell::UnsafeCell;
use std::io::{self, Write};
use std::mem::replace;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;

/// A goroutine's closure, then its result.
pub(crate) struct Task<F, T> {
    /// Not changed while the goroutine lives.
    name: Option<Box<str>>,
    scope: Option<Arc<ScopeData>>,
    stage: UnsafeCell<Stage<F, T>>,
}

enum Stage<F, T> {
    Closure(F),
    Result(std::thread::Result<T>),
    /// It runs, or the result has been taken.
    Nothing,
}

/// A task as its handle sees it.
pub(crate) trait Joinable<T> {
    fn name(&self) -> Option<&str>;

    /// The result, once.
    ///
    /// # Safety
    ///
    /// The goroutine has completed, and this is its handle.
    unsafe fn take(&self) -> Option<std::thread::Result<T>>;
}

impl<F, T> Joinable<T> for Task<F, T> {
    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    unsafe fn take(&self) -> Option<std::thread::Result<T>> {
        // SAFETY: the handle is the only user by now.
        match replace(unsafe { &mut *self.stage.get() }, Stage::Nothing) {
            Stage::Result(result) => Some(result),
            _ => None,
        }
    }
}

/// Nobody uses the closure or the result any more, so a scope that waits for that can end. Both go
/// while the name is there, which their destructors' panics print.
impl<F, T> Drop for Task<F, T> {
    fn drop(&mut self) {
        let stage = replace(self.stage.get_mut(), Stage::Nothing);
        let panicked =
            matches!(&stage, Stage::Result(Err(payload)) if !goexit::is_goexit(&**payload));
        discard(stage);
        if let Some(scope) = self.scope.take() {
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

/// Whether there is room in a G.
const fn fits(size: usize, align: usize) -> bool {
    size <= PAYLOAD && align <= 16
}

/// The task is no more.
///
/// # Safety
///
/// It is a task that `Unplaced::place` has placed, the caller is its last user, and its G has not been
/// used again.
pub(crate) unsafe fn dispose<U: ?Sized>(task: NonNull<U>) {
    // SAFETY: the caller's contract: it is there, in its G or in a box, nobody else's.
    unsafe {
        if fits(size_of_val(task.as_ref()), align_of_val(task.as_ref())) {
            task.drop_in_place();
        } else {
            drop(Box::from_raw(task.as_ptr()));
        }
    }
}

/// A task that is on its way to its goroutine, boxed if it has to be.
pub(crate) enum Unplaced<F, T> {
    Small(Task<F, T>),
    Large(Box<Task<F, T>>),
}

impl<F: FnOnce() -> T, T> Unplaced<F, T> {
    pub(crate) fn new(name: Option<Box<str>>, scope: Option<Arc<ScopeData>>, closure: F) -> Self {
        let task = Task { name, scope, stage: UnsafeCell::new(Stage::Closure(closure)) };
        if fits(size_of::<Task<F, T>>(), align_of::<Task<F, T>>()) {
            Unplaced::Small(task)
        } else {
            Unplaced::Large(Box::new(task))
        }
    }

    /// Where it is from now on: in `gp`, which is being made, or in its box.
    pub(crate) fn place(self, gp: &'static G) -> NonNull<Task<F, T>> {
        let at = match self {
            Unplaced::Small(task) => {
                let at = gp.payload().cast::<Task<F, T>>();
                // SAFETY: it fits, and the payload is its maker's.
                unsafe { at.write(task) };
                at
            }
            Unplaced::Large(task) => Box::into_raw(task),
        };
        // SAFETY: neither is null.
        unsafe { NonNull::new_unchecked(at) }
    }
}

impl<F: FnOnce() -> T, T> Task<F, T> {
    /// The goroutine's entry: `task` is the address of its task.
    ///
    /// # Safety
    ///
    /// Called once for a task, on its goroutine.
    pub(crate) unsafe extern "C" fn run(task: usize) {
        let Some(gp) = gort_rt::current() else { return };
        let task: *mut Task<F, T> = std::ptr::with_exposed_provenance_mut(task);
        // SAFETY: until it has completed the goroutine is the task's user; the rest is what handles
        // never change.
        let (stage, scope) = unsafe { ((*task).stage.get(), (*task).scope.as_deref()) };
        // SAFETY: as above.
        let Stage::Closure(closure) = (unsafe { replace(&mut *stage, Stage::Nothing) }) else {
            return;
        };
        // SAFETY: on the goroutine, before its first own instruction.
        unsafe { host::first_run() };
        let measured = stack_use::begin::<F>();
        let result = catch_unwind(AssertUnwindSafe(closure)).map_err(|payload| {
            if !goexit::is_goexit(&*payload) {
                panic::reached_the_root(&*payload);
                scope.inspect(|scope| scope.cancel());
            }
            payload
        });
        let unseen = scope.is_none() && gp.done().is_detached();
        if unseen {
            // Nobody is left to take it: drop it while this goroutine's thread-locals are there.
            discard(result);
        } else {
            // SAFETY: not complete yet, so nobody reads it.
            unsafe { stage.write(Stage::Result(result)) };
        }
        // As a thread does: whoever joins finds the destructors of thread-locals run.
        // SAFETY: on the goroutine, after its last own instruction.
        unsafe { host::exit_sequence() };
        if measured {
            stack_use::end();
        }
        // The name is the task's.
        gp.clear_name();
        let more = match gp.done().complete() {
            Completed::Told => false,
            Completed::Wake(waker) => {
                crate::join::wake(waker);
                true
            }
            Completed::Alone => {
                // SAFETY: there is no handle, and `task` came from `place`.
                unsafe { dispose(NonNull::new_unchecked(task)) };
                !unseen
            }
        };
        if more {
            // Users' code has run again, and may have made thread-locals anew.
            // SAFETY: as above.
            unsafe { host::exit_sequence() };
        }
    }
}
