//! Goroutines that work on one thing, and the first that fails.

use super::{Mutex, Semaphore, WaitGroup};
use crate::context::{Cancel, Context};
use crate::panic::recover;
use std::any::Any;
use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;

/// Goroutines that work on parts of one task: waits for all, and has the first error.
/// Go: `golang.org/x/sync/errgroup`.
///
/// ```
/// use gort::sync::ErrGroup;
/// let group = ErrGroup::new();
/// for text in ["1", "2", "x"] {
///     group.go(move || text.parse::<i32>().map(|_| ()));
/// }
/// assert!(group.wait().is_err());
/// ```
///
/// With a context, which is cancelled by the first error:
///
/// ```
/// use gort::context::background;
/// use gort::sync::ErrGroup;
/// let (group, ctx) = ErrGroup::with_context(&background());
/// group.go(|| Err("failed"));
/// group.go(move || {
///     let _ = ctx.done().recv();
///     Ok(())
/// });
/// assert_eq!(group.wait(), Err("failed"));
/// ```
pub struct ErrGroup<E>(Arc<Shared<E>>);

struct Shared<E> {
    running: WaitGroup,
    limit: Mutex<Option<Arc<Semaphore>>>,
    failure: Mutex<Option<Failure<E>>>,
    cancel: Option<Cancel>,
}

enum Failure<E> {
    Error(E),
    Panic(Box<dyn Any + Send>),
}

/// Gives a permit back.
struct Turn(Option<Arc<Semaphore>>);

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(limit) = &self.0 {
            limit.release(1);
        }
    }
}

impl<E: Send + 'static> ErrGroup<E> {
    /// Without a context, and without a limit.
    pub fn new() -> ErrGroup<E> {
        ErrGroup::with(None)
    }

    /// With a context derived from `ctx`, which is cancelled when a goroutine fails or panics, or when
    /// [`wait`](ErrGroup::wait) returns.
    pub fn with_context(ctx: &Context) -> (ErrGroup<E>, Context) {
        let (ctx, cancel) = ctx.with_cancel();
        (ErrGroup::with(Some(cancel)), ctx)
    }

    fn with(cancel: Option<Cancel>) -> ErrGroup<E> {
        ErrGroup(Arc::new(Shared {
            running: WaitGroup::new(),
            limit: Mutex::new(None),
            failure: Mutex::new(None),
            cancel,
        }))
    }

    /// How many goroutines may run at the same time; any number if `None`.
    ///
    /// # Panics
    ///
    /// When there is a limit already, and goroutines run.
    #[doc(alias = "SetLimit")]
    pub fn set_limit(&self, limit: Option<usize>) {
        let mut now = self.0.limit.lock();
        let running = now.as_ref().map_or(0, |limit| limit.held());
        assert!(
            running == 0,
            "errgroup: modify limit while {running} goroutines in the group are still active"
        );
        *now = limit.map(|limit| Arc::new(Semaphore::new(limit)));
    }

    /// Runs `f` as a goroutine of the group. What waits, while as many run as may: the goroutine that
    /// calls this, or the thread if it is an ordinary one.
    ///
    /// # Panics
    ///
    /// As [`go`](fn@crate::go); when the limit is 0.
    #[inline(always)]
    pub fn go<F>(&self, f: F)
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
    {
        let limit = self.0.limit.lock().clone();
        if let Some(limit) = &limit {
            limit.acquire(1);
        }
        self.start(f, Turn(limit));
    }

    /// Runs `f` as a goroutine of the group, unless as many run as may: whether it does.
    ///
    /// # Panics
    ///
    /// As [`go`](fn@crate::go).
    #[inline(always)]
    pub fn try_go<F>(&self, f: F) -> bool
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
    {
        let limit = self.0.limit.lock().clone();
        let may = limit.as_ref().is_none_or(|limit| limit.try_acquire(1));
        if may {
            self.start(f, Turn(limit));
        }
        may
    }

    #[inline(always)]
    fn start<F>(&self, f: F, turn: Turn)
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
    {
        let shared = Arc::clone(&self.0);
        self.0.running.go(move || {
            let _turn = turn;
            match recover(f) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => shared.fail(Failure::Error(error)),
                Err(payload) => shared.fail(Failure::Panic(payload)),
            }
        });
    }

    /// Waits for all, and cancels the group's context.
    ///
    /// What waits: the goroutine, or the thread if it is an ordinary one.
    ///
    /// # Errors
    ///
    /// The first; it is not given again.
    ///
    /// # Panics
    ///
    /// With the payload of the first that panicked, if one did.
    pub fn wait(&self) -> Result<(), E> {
        self.0.running.wait();
        self.0.cancel();
        let failure = self.0.failure.lock().take();
        match failure {
            None => Ok(()),
            Some(Failure::Error(error)) => Err(error),
            Some(Failure::Panic(payload)) => resume_unwind(payload),
        }
    }
}

impl<E> Shared<E> {
    /// The first counts; but a panic more than errors.
    fn fail(&self, failure: Failure<E>) {
        let mut first = self.failure.lock();
        let counts = match (&*first, &failure) {
            (None, _) | (Some(Failure::Error(_)), Failure::Panic(_)) => true,
            (Some(_), _) => false,
        };
        // The other is dropped without the lock: that is the program's code.
        let other = if counts { first.replace(failure) } else { Some(failure) };
        drop(first);
        self.cancel();
        drop(other);
    }

    fn cancel(&self) {
        if let Some(cancel) = &self.cancel {
            cancel.cancel();
        }
    }
}

impl<E: Send + 'static> Default for ErrGroup<E> {
    fn default() -> ErrGroup<E> {
        ErrGroup::new()
    }
}

impl<E> Clone for ErrGroup<E> {
    fn clone(&self) -> ErrGroup<E> {
        ErrGroup(Arc::clone(&self.0))
    }
}

impl<E> fmt::Debug for ErrGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrGroup").finish_non_exhaustive()
    }
}
