//! `defer!`: work for the end of a block.
//!
//! A guard with the closure in it, so that the compiler sees what runs where: it costs what the same
//! lines at each of the block's ends would cost.

/// Runs the lines when the block around it ends: at its end, by `return`, `break` or `?`, by a panic,
/// by [`goexit`](crate::goexit). Several of them run last first. Go: `defer`, but at the end of the
/// block, not of the function.
///
/// The lines are a closure's body. They may use the variables around, which they borrow until the
/// block's end; after `move` they own what they use, as it is now. They evaluate to `()`.
///
/// ```
/// use std::cell::RefCell;
///
/// let log = RefCell::new(vec![]);
/// {
///     gort::defer! { log.borrow_mut().push("first in, last out"); }
///     gort::defer!(log.borrow_mut().push("last in, first out"));
///     log.borrow_mut().push("the block");
/// }
/// assert_eq!(*log.borrow(), ["the block", "last in, first out", "first in, last out"]);
///
/// let mut count = 1;
/// {
///     gort::defer!(move { assert_eq!(count, 1) });
///     count += 1;
/// }
/// assert_eq!(count, 2);
/// ```
///
/// What it cannot do:
///
/// - `return`, `break` and `?` do not leave the block or function around: it is over already. (`return`
///   ends the deferred work.)
/// - A variable that is borrowed cannot be changed, moved or dropped meanwhile, as with any borrow. What
///   both use goes into a `Cell` or `RefCell`, or behind a [`scope`](crate::scope)'s lock.
/// - In a loop it runs at the end of each round. For the end of the function there is
///   [`Defers`](crate::panic::Defers).
/// - It cannot stop a panic: for that there is [`deferred`](crate::panic::deferred).
///
/// # Panics
///
/// With what the lines panic with, after which the block's other deferred work runs. While another panic
/// unwinds the block this is a panic in a destructor: std prints both messages and aborts.
#[macro_export]
macro_rules! defer {
    (move $body:block) => {
        let _deferred = $crate::panic::__Defer::new(move || $body);
    };
    ($($body:tt)*) => {
        let _deferred = $crate::panic::__Defer::new(|| { $($body)* });
    };
}

/// What [`defer!`](crate::defer) makes.
#[doc(hidden)]
#[derive(Debug)]
pub struct __Defer<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> __Defer<F> {
    /// Runs `f` when it is dropped.
    #[inline]
    pub fn new(f: F) -> __Defer<F> {
        __Defer(Some(f))
    }
}

impl<F: FnOnce()> Drop for __Defer<F> {
    #[inline]
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}
