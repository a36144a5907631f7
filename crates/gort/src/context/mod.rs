//! Telling a tree of goroutines to stop, and what belongs to what they work on. Go: `context`.
//!
//! A [`Context`] is passed to whatever works for a request, and to what that starts in turn. Whoever
//! has made one by [`with_cancel`](Context::with_cancel) can cancel it, and all that were derived from
//! it; who works looks at it ([`err`](Context::err)) or waits for it beside other things
//! ([`done`](Context::done)).
//!
//! ```
//! use gort::context::{background, Error};
//! let (ctx, cancel) = background().with_cancel();
//! let worker = gort::go(move || {
//!     let _ = ctx.done().recv();
//!     ctx.err()
//! });
//! cancel();
//! assert_eq!(worker.join().unwrap(), Some(Error::Canceled));
//! ```

mod node;
mod values;

use crate::chan::{Receiver, never};
use crate::scope::Scope;
use crate::sync::LazyLock;
use node::Node;
use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};
use values::Values;

/// What no value is of: the channel of [`Context::done`] carries none.
pub type Never = Infallible;

/// Why a context is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Error {
    /// It, or one that it was derived from, was cancelled.
    Canceled,
    /// Its time has come.
    DeadlineExceeded,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::Canceled => "context canceled",
            Error::DeadlineExceeded => "context deadline exceeded",
        })
    }
}

impl std::error::Error for Error {}

/// What else there is to say of why a context is over.
pub type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// Whether to go on, and values that belong to the work. Clones are the same context.
#[derive(Clone, Default)]
pub struct Context {
    /// The nearest that can be cancelled.
    node: Option<Arc<Node>>,
    values: Values,
}

/// The context that all others are derived from: never over, and without values.
pub fn background() -> Context {
    Context::default()
}

impl Context {
    /// A context that is over when this one is, or when it is cancelled by what is returned with it.
    #[must_use = "the context can be cancelled by the second value only"]
    pub fn with_cancel(&self) -> (Context, Cancel) {
        self.derive(None)
    }

    /// [`with_cancel`](Context::with_cancel), and the context is over at `deadline` at the latest; at
    /// once, if that is past. Starts the runtime if need be.
    ///
    /// # Panics
    ///
    /// When there is no memory for a timer, or the runtime cannot run on this system.
    #[must_use = "the context can be cancelled by the second value only"]
    pub fn with_deadline(&self, deadline: Instant) -> (Context, Cancel) {
        self.derive(Some(deadline))
    }

    /// [`with_deadline`](Context::with_deadline), `timeout` from now; never, if that is later than an
    /// [`Instant`] can be.
    ///
    /// ```
    /// use gort::context::{Error, background};
    /// use std::time::Duration;
    ///
    /// let (ctx, _cancel) = background().with_timeout(Duration::from_millis(1));
    /// let _ = ctx.done().recv();
    /// assert_eq!(ctx.err(), Some(Error::DeadlineExceeded));
    /// ```
    ///
    /// # Panics
    ///
    /// As [`with_deadline`](Context::with_deadline).
    #[must_use = "the context can be cancelled by the second value only"]
    pub fn with_timeout(&self, timeout: Duration) -> (Context, Cancel) {
        self.derive(Instant::now().checked_add(timeout))
    }

    fn derive(&self, deadline: Option<Instant>) -> (Context, Cancel) {
        let node = Node::new(self.node.as_ref(), deadline);
        let ctx = Context { node: Some(Arc::clone(&node)), values: self.values.clone() };
        (ctx, Cancel::new(node))
    }

    /// [`gort::scope`](crate::scope) with a context derived from this one, which is cancelled when `f`
    /// or a goroutine of the scope panics, and at the end: so that one's panic ends all who look at the
    /// context. What waits, for all: the goroutine, or the thread if it is an ordinary one.
    ///
    /// ```
    /// use gort::context::background;
    /// let sum = background().scope(|s, ctx| {
    ///     let worker = s.go(|| if ctx.err().is_none() { 1 } else { 0 });
    ///     worker.join().unwrap() + 1
    /// });
    /// assert_eq!(sum, 2);
    /// ```
    ///
    /// # Panics
    ///
    /// As [`gort::scope`](crate::scope).
    pub fn scope<'env, F, T>(&self, f: F) -> T
    where
        F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>, &'scope Context) -> T,
    {
        let (ctx, cancel) = self.with_cancel();
        let result =
            crate::scope::run(ctx, Some(cancel.clone()), |scope| f(scope, scope.context()));
        cancel.cancel();
        result
    }

    /// When it will be over at the latest, if that is known.
    pub fn deadline(&self) -> Option<Instant> {
        self.node.as_ref()?.deadline()
    }

    /// A context with one more value, found by its type. It hides one of the same type that this
    /// context has.
    ///
    /// ```
    /// struct User(&'static str);
    /// let ctx = gort::context::background().with_value(User("gopher"));
    /// assert_eq!(ctx.value::<User>().unwrap().0, "gopher");
    /// assert!(ctx.value::<u32>().is_none());
    /// ```
    #[must_use]
    pub fn with_value<T: Any + Send + Sync>(&self, value: T) -> Context {
        Context { node: self.node.clone(), values: self.values.with(value) }
    }

    /// The value of this type, if there is one. Takes time in the number of values.
    pub fn value<T: Any>(&self) -> Option<&T> {
        self.values.get()
    }

    /// A channel that is closed when the context is over: to be received from, and in `select!`.
    ///
    /// A clone of the receiver that outlives all clones of the context, when nobody can cancel it any
    /// more, finds its channel closed, too.
    pub fn done(&self) -> &Receiver<Never> {
        static FOR_EVER: LazyLock<Receiver<Never>> = LazyLock::new(never);
        self.node.as_ref().map_or_else(|| &*FOR_EVER, |node| node.done())
    }

    /// Why it is over; `None` while it is not. Does not wait.
    pub fn err(&self) -> Option<Error> {
        self.node.as_ref()?.err()
    }

    /// What [`Cancel::cancel_with`] was given, where the cancelling began, or else the
    /// [`err`](Context::err). Go: `context.Cause`.
    pub fn cause(&self) -> Option<Cause> {
        self.node.as_ref()?.cause()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("err", &self.err())
            .field("deadline", &self.deadline())
            .finish_non_exhaustive()
    }
}

/// Cancels the context that it was made with, and all that are derived from that. It can be called, as
/// in Go: `cancel()`. Calling it again does nothing, and so does dropping it. Clones are the same.
///
/// What waits, while another changes the same context: the goroutine, or the thread if it is an
/// ordinary one.
#[derive(Clone)]
pub struct Cancel {
    node: Arc<Node>,
    call: Arc<dyn Fn() + Send + Sync>,
}

impl Cancel {
    fn new(node: Arc<Node>) -> Cancel {
        let same = Arc::clone(&node);
        Cancel { node, call: Arc::new(move || same.cancel(Error::Canceled, None)) }
    }

    /// Cancels it: the same as to call this.
    pub fn cancel(&self) {
        self.node.cancel(Error::Canceled, None);
    }

    /// Cancels it, and says why.
    ///
    /// ```
    /// let (ctx, cancel) = gort::context::background().with_cancel();
    /// cancel.cancel_with("out of work");
    /// assert_eq!(ctx.cause().unwrap().to_string(), "out of work");
    /// ```
    #[doc(alias = "CancelCauseFunc")]
    pub fn cancel_with(&self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) {
        self.node.cancel(Error::Canceled, Some(cause.into().into()));
    }
}

impl Deref for Cancel {
    type Target = dyn Fn() + Send + Sync;

    fn deref(&self) -> &Self::Target {
        &*self.call
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancel").field("err", &self.node.err()).finish_non_exhaustive()
    }
}
