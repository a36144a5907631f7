//! The handle of a goroutine.
//!
//! # Safety
//!
//! A waker that is entered in a completion is a `Box<Waker>`'s address; whoever gets it back owns
//! the box.

#![allow(unsafe_code)]

use crate::task::Joinable;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
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
    task: Arc<dyn Joinable<T> + Send + Sync + 'a>,
}

impl<'a, T> Inner<'a, T> {
    pub(crate) fn new(task: Arc<dyn Joinable<T> + Send + Sync + 'a>) -> Inner<'a, T> {
        Inner { task }
    }

    pub(crate) fn join(self) -> std::thread::Result<T> {
        let completion = &self.task.state().completion;
        if let Ok(old) = completion.set_waker(0) {
            forget_waker(old);
        }
        completion.wait();
        self.result()
    }

    fn result(&self) -> std::thread::Result<T> {
        self.task.take().expect("a JoinHandle was polled after it had given its result")
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.task.state().completion.is_done()
    }

    pub(crate) fn id(&self) -> GoId {
        GoId(self.task.state().id.load(Ordering::Relaxed))
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.task.state().name.as_deref()
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<std::thread::Result<T>> {
        let completion = &self.task.state().completion;
        if !completion.is_done() {
            let waker = Box::into_raw(Box::new(cx.waker().clone())).expose_provenance();
            match completion.set_waker(waker) {
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
        if let Ok(old) = self.task.state().completion.set_waker(0) {
            forget_waker(old);
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
