//! Goroutines that borrow, as [`std::thread::scope`]'s threads.
//!
//! # Safety
//!
//! [`scope`] does not return before every task of the scope is dropped, with the closure and the
//! result that may borrow for `'env`.

#![allow(unsafe_code)]

use crate::builder::{Builder, refused};
use crate::context::{Cancel, Context, background};
use crate::join::{GoId, Inner};
use gort_rt::Completion;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How many goroutines of a scope are left.
pub(crate) struct ScopeData {
    /// One for each goroutine, and one for the scope's own body.
    running: AtomicUsize,
    panicked: AtomicBool,
    over: Completion,
    context: Context,
    /// Cancels the context, if that is the scope's own.
    cancel: Option<Cancel>,
}

impl ScopeData {
    /// Somebody has panicked: the others need not go on.
    pub(crate) fn cancel(&self) {
        if let Some(cancel) = &self.cancel {
            cancel.cancel();
        }
    }

    /// A task of the scope is no more.
    pub(crate) fn leave(&self, panicked: bool) {
        if panicked {
            self.panicked.store(true, Ordering::Relaxed);
        }
        // Release: what the goroutine did; Acquire: the last takes over what all did.
        if self.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            let _ = self.over.complete();
        }
    }
}

/// A scope to start borrowing goroutines in: see [`scope`].
pub struct Scope<'scope, 'env: 'scope> {
    data: Arc<ScopeData>,
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

/// Runs `f` with a scope in which goroutines may borrow from outside, and waits for all of them:
/// [`std::thread::scope`]'s rules. What waits is the goroutine, or the thread, that calls it.
///
/// ```
/// let mut numbers = vec![1, 2, 3];
/// let sum = gort::scope(|s| {
///     let sum = s.go(|| numbers.iter().sum::<i32>());
///     sum.join().unwrap()
/// });
/// numbers.push(sum);
/// assert_eq!(numbers, [1, 2, 3, 6]);
/// ```
///
/// # Panics
///
/// When `f` panics, with its payload; when a goroutine that was not joined panicked. In both cases
/// after all of them are over.
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    run(background(), None, f)
}

/// [`scope`] with a context, in which a panic cancels as well.
pub(crate) fn run<'env, F, T>(context: Context, cancel: Option<Cancel>, f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let data = Arc::new(ScopeData {
        running: AtomicUsize::new(1),
        panicked: AtomicBool::new(false),
        over: Completion::new(),
        context,
        cancel,
    });
    let scope = Scope { data: Arc::clone(&data), scope: PhantomData, env: PhantomData };
    let result = catch_unwind(AssertUnwindSafe(|| f(&scope)));
    if result.is_err() {
        data.cancel();
    }
    data.leave(false);
    data.over.wait();
    match result {
        Err(payload) => resume_unwind(payload),
        Ok(_) if data.panicked.load(Ordering::Relaxed) => {
            panic!("a scoped goroutine panicked")
        }
        Ok(value) => value,
    }
}

impl<'scope> Scope<'scope, '_> {
    pub(crate) fn context(&'scope self) -> &'scope Context {
        &self.data.context
    }

    /// Starts a goroutine in the scope. `go` for `std::thread::Scope`'s `spawn`.
    ///
    /// # Panics
    ///
    /// As [`go`](fn@crate::go).
    #[inline(always)]
    pub fn go<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        match Builder::new().spawn_scoped(self, f) {
            Ok(handle) => handle,
            Err(error) => refused("gort::scope", &error),
        }
    }
}

impl Builder {
    /// Starts a goroutine in a [`scope`], as [`std::thread::Builder::spawn_scoped`].
    ///
    /// # Errors
    ///
    /// As [`Builder::spawn`].
    #[inline(always)]
    pub fn spawn_scoped<'scope, F, T>(
        self,
        scope: &'scope Scope<'scope, '_>,
        f: F,
    ) -> std::io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        self.start_scoped(scope, f, gort_rt::here())
    }

    fn start_scoped<'scope, F, T>(
        self,
        scope: &'scope Scope<'scope, '_>,
        f: F,
        creator: usize,
    ) -> std::io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        // First, so that the task that leaves the scope is made.
        crate::boot::ensure()?;
        scope.data.running.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the scope waits until the task is no more, and `f` and its result with it.
        let inner = unsafe { self.start(f, Some(Arc::clone(&scope.data)), false, creator) }?;
        Ok(ScopedJoinHandle { inner })
    }
}

/// The handle of a scoped goroutine, as [`std::thread::ScopedJoinHandle`]. The scope waits for the
/// goroutine whether it is joined or not.
#[derive(Debug)]
pub struct ScopedJoinHandle<'scope, T> {
    inner: Inner<'scope, T>,
}

impl<T> ScopedJoinHandle<'_, T> {
    /// See [`JoinHandle::join`](crate::JoinHandle::join).
    ///
    /// # Errors
    ///
    /// The panic's payload; the scope does not panic for it then.
    pub fn join(self) -> std::thread::Result<T> {
        self.inner.join()
    }

    /// See [`JoinHandle::is_finished`](crate::JoinHandle::is_finished).
    pub fn is_finished(&self) -> bool {
        self.inner.is_finished()
    }

    /// The goroutine's number.
    pub fn id(&self) -> GoId {
        self.inner.id()
    }

    /// Its name.
    pub fn name(&self) -> Option<&str> {
        self.inner.name()
    }
}
