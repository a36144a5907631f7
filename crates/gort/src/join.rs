//! The handle of a goroutine.
//!
//! # Safety
//!
//! A waker that is entered in a completion is a `Box<Waker>`'s address; whoever gets it back owns
//! the box.
//!
//! A goroutine's task is there until its handle has let go, and the handle's once it has completed.

#![allow(unsafe_code)]

use crate::task::{self, Joinable};
use gort_rt::{Detached, G};
use std::fmt;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

/// A goroutine's number: never used for another in the life of the process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoId(pub(crate) u64);

impl GoId {
    /// The number, as dumps show it.
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for GoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for GoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GoId({})", self.0)
    }
}

/// What both kinds of handle are.
pub(crate) struct Inner<'a, T> {
    gp: &'static G,
    task: NonNull<dyn Joinable<T> + 'a>,
}

// SAFETY: whoever makes one asks for a closure and a result that may go to other threads.
unsafe impl<T> Send for Inner<'_, T> {}
// SAFETY: through a reference nothing can be had but what the goroutine's G says, and its name.
unsafe impl<T> Sync for Inner<'_, T> {}

impl<'a, T> Inner<'a, T> {
    /// # Safety
    ///
    /// `task` is `gp`'s, both it and `T` are `Send`, and this is the only handle.
    pub(crate) unsafe fn new(gp: &'static G, task: NonNull<dyn Joinable<T> + 'a>) -> Inner<'a, T> {
        Inner { gp, task }
    }

    pub(crate) fn join(self) -> std::thread::Result<T> {
        let done = self.gp.done();
        if let Ok(old) = done.set_waker(0) {
            forget_waker(old);
        }
        gort_rt::join(self.gp);
        self.result()
    }

    fn task(&self) -> &(dyn Joinable<T> + 'a) {
        // SAFETY: it is there until its handle has let go.
        unsafe { self.task.as_ref() }
    }

    fn result(&self) -> std::thread::Result<T> {
        assert!(self.is_finished(), "the goroutine is not over");
        // SAFETY: completed, and this is the handle.
        unsafe { self.task().take() }
            .expect("a JoinHandle was polled after it had given its result")
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.gp.done().is_done()
    }

    pub(crate) fn id(&self) -> GoId {
        GoId(self.gp.id())
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.task().name()
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<std::thread::Result<T>> {
        let done = self.gp.done();
        if !done.is_done() {
            let waker = Box::into_raw(Box::new(cx.waker().clone())).expose_provenance();
            match done.set_waker(waker) {
                Ok(old) => {
                    forget_waker(old);
                    return Poll::Pending;
                }
                Err(unused) => forget_waker(unused),
            }
        }
        Poll::Ready(self.result())
    }
}

impl<T> Drop for Inner<'_, T> {
    fn drop(&mut self) {
        match self.gp.done().detach() {
            Detached::Early(waker) => forget_waker(waker),
            Detached::Over => {
                // SAFETY: the goroutine has done with it.
                unsafe { task::dispose(self.task) };
                gort_rt::release(self.gp);
            }
        }
    }
}

impl<T> fmt::Debug for Inner<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Goroutine").field("id", &self.id()).field("name", &self.name()).finish()
    }
}

/// Owned permission to wait for a goroutine's end and take its result, as
/// [`std::thread::JoinHandle`]. Dropping it lets the goroutine run on by itself.
///
/// It is a future, too: `handle.await` gives what [`join`](JoinHandle::join) gives.
#[derive(Debug)]
pub struct JoinHandle<T>(pub(crate) Inner<'static, T>);

impl<T> JoinHandle<T> {
    /// Waits for the goroutine's end and returns what it returned.
    ///
    /// What waits: the goroutine that calls this, or the thread if it is an ordinary one. The
    /// goroutine's thread-local values have been dropped when it returns.
    ///
    /// # Errors
    ///
    /// The panic's payload if it panicked; a [`GoExit`](crate::GoExit) if it ended by
    /// [`goexit`](crate::goexit).
    pub fn join(self) -> std::thread::Result<T> {
        self.0.join()
    }

    /// Whether the goroutine is over, so that [`join`](JoinHandle::join) does not wait.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    /// The goroutine's number.
    pub fn id(&self) -> GoId {
        self.0.id()
    }

    /// The name it was given by [`Builder::name`](crate::Builder::name).
    pub fn name(&self) -> Option<&str> {
        self.0.name()
    }
}

/// # Panics
///
/// When polled after it was ready.
impl<T> Future for JoinHandle<T> {
    type Output = std::thread::Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx)
    }
}

fn owned(waker: usize) -> Box<Waker> {
    // SAFETY: see the module: the box's owner is whoever got the address back.
    unsafe { Box::from_raw(std::ptr::with_exposed_provenance_mut(waker)) }
}

fn forget_waker(waker: usize) {
    if waker != 0 {
        drop(owned(waker));
    }
}

/// Wakes a waker that a completion gave back.
pub(crate) fn wake(waker: usize) {
    owned(waker).wake();
}
