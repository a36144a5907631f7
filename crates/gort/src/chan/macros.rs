//! `select!`, and what it expands to.
//!
//! The macro reads the arms one by one into a list (`@arms`), evaluates their channels in a nest of
//! matches, so that temporaries live as long as all of it (`@bind`), has a case chosen, and completes
//! that one (`@chosen`). A received value's place is a variable of the macro's; a value to be sent is
//! evaluated once its send has been chosen.
//!
//! # Safety
//!
//! The expansion reads a place only for the arm that was chosen, which has then been received into.
//!
//! A [`Promise`] of a case is its channel's.

#![allow(unsafe_code)]

use super::channel::{Receiver, Sender};
use super::error::{RecvError, SendError};
use super::timeout::within;
pub use gort_rt::chan::{Case, Chosen, Wait};
use gort_rt::chan::{Held, How, Promise};
use std::mem::MaybeUninit;
use std::time::Duration;

/// Where a value of `receiver`'s goes.
pub fn place<T>(_receiver: &Receiver<T>) -> MaybeUninit<T> {
    MaybeUninit::uninit()
}

/// To receive into `place`.
pub fn receive<'a, T>(receiver: &'a Receiver<T>, place: &'a mut MaybeUninit<T>) -> Case<'a> {
    // SAFETY: it is borrowed for as long.
    unsafe { Case::receive(receiver.any(), place.as_mut_ptr().cast()) }
}

/// To send.
pub fn send<T>(sender: &Sender<T>) -> Case<'_> {
    Case::send(sender.handle().any())
}

/// Chooses one, if there is one or it is to `wait`.
pub fn choose<const N: usize>(
    cases: [Case<'_>; N],
    biased: bool,
    wait: Wait,
) -> Option<(usize, Chosen)> {
    let held = [const { Held::new() }; N];
    gort_rt::chan::select(&cases, &held, How { biased, wait })
}

/// How long to wait, if a `default` arm says how long, or only that.
pub fn wait<const N: usize>(timeout: [Duration; N]) -> Wait {
    timeout.first().map_or(Wait::Not, |timeout| within(*timeout))
}

/// What was received.
///
/// # Safety
///
/// `chosen` is what was chosen for this place's case.
pub unsafe fn received<T>(chosen: &Chosen, place: &MaybeUninit<T>) -> Result<T, RecvError> {
    match chosen {
        // SAFETY: the caller's contract, and a value is taken once.
        Chosen::Received => Ok(unsafe { place.assume_init_read() }),
        _ => Err(RecvError),
    }
}

/// A send that has been chosen. Called off if it is dropped.
pub struct Due<'a, T> {
    sender: &'a Sender<T>,
    promise: Option<Promise>,
}

impl<'a, T> Due<'a, T> {
    /// # Safety
    ///
    /// `chosen` is what was chosen for this sender's case.
    pub unsafe fn new(chosen: Chosen, sender: &'a Sender<T>) -> Due<'a, T> {
        let promise = match chosen {
            Chosen::Send(promise) => Some(promise),
            _ => None,
        };
        Due { sender, promise }
    }

    /// Sends.
    pub fn send(mut self, msg: T) -> Result<(), SendError<T>> {
        match self.promise.take() {
            // SAFETY: see the module.
            Some(promise) => unsafe { self.sender.handle().keep(promise, msg) }.map_err(SendError),
            None => Err(SendError(msg)),
        }
    }
}

impl<T> Drop for Due<'_, T> {
    fn drop(&mut self) {
        if let Some(promise) = self.promise.take() {
            // SAFETY: see the module.
            unsafe { self.sender.handle().any().renege(promise) };
        }
    }
}

/// Waits until one of several channel operations is possible, and does that one.
///
/// ```text
/// select! {
///     recv(receiver) -> result => expression,
///     send(sender, value) -> result => expression,
///     default(duration) => expression,
/// }
/// ```
///
/// Any number of `recv` and `send` arms, in any order, and at most one `default`. If several
/// operations are possible, any of them is chosen with the same probability; an operation is
/// possible, too, if it only finds the channel closed. If none is, the `default` arm is taken, if
/// there is one: at once, or if it has a [`Duration`](std::time::Duration), once that is over.
/// Meanwhile, or without such an arm, the goroutine waits (or the thread, if it is an ordinary one).
///
/// The `receiver` and `sender` expressions are evaluated first, in order; they are receivers and
/// senders, or references to them. `value` is evaluated once its send has been chosen; if that
/// panics or leaves the `select!`, nothing is sent. `result` is a pattern for what
/// [`recv`](crate::chan::Receiver::recv) or [`send`](crate::chan::Sender::send) returns. A comma may
/// be left out after a block.
///
/// For a list of operations made at run time there is [`Select`](crate::chan::Select).
///
/// ```
/// use gort::chan::{select, unbounded};
///
/// let (s1, r1) = unbounded();
/// let (s2, r2) = unbounded();
/// s1.send(10).unwrap();
/// select! {
///     recv(r1) -> value => assert_eq!(value, Ok(10)),
///     send(s2, 20) -> result => {
///         result.unwrap();
///         assert_eq!(r2.recv(), Ok(20));
///     }
/// }
/// ```
#[macro_export]
macro_rules! select {
    ($($arms:tt)*) => {
        $crate::__select!(@arms (false) () () $($arms)*)
    };
}

/// As [`select!`], except that of several operations that are possible the first is chosen.
#[macro_export]
macro_rules! select_biased {
    ($($arms:tt)*) => {
        $crate::__select!(@arms (true) () () $($arms)*)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __select {
    // All arms are read.
    (@arms $biased:tt () () $(,)?) => {
        compile_error!("a `select!` without arms")
    };
    (@arms $biased:tt () (default () $body:tt)) => {
        $body
    };
    (@arms $biased:tt () $default:tt) => {
        $crate::__select!(@bind $biased () () $default)
    };
    (@arms $biased:tt ($($arm:tt)+) $default:tt) => {
        $crate::__select!(@bind $biased ($($arm)+) () $default)
    };

    // One arm: a block or an expression with a comma; a block without; the last expression.
    (@arms $biased:tt ($($arms:tt)*) $default:tt
        recv($r:expr $(,)?) -> $result:pat => $body:block, $($rest:tt)*
    ) => {
        $crate::__select!(@arms $biased ($($arms)* [recv ($r) ($result) $body]) $default $($rest)*)
    };
    (@arms $biased:tt ($($arms:tt)*) $default:tt
        recv($r:expr $(,)?) -> $result:pat => $body:expr, $($rest:tt)*
    ) => {
        $crate::__select!(
            @arms $biased ($($arms)* [recv ($r) ($result) { $body }]) $default $($rest)*
        )
    };
    (@arms $biased:tt ($($arms:tt)*) $default:tt
        recv($r:expr $(,)?) -> $result:pat => $body:block $($rest:tt)*
    ) => {
        $crate::__select!(@arms $biased ($($arms)* [recv ($r) ($result) $body]) $default $($rest)*)
    };
    (@arms $biased:tt ($($arms:tt)*) $default:tt
        recv($r:expr $(,)?) -> $result:pat => $body:expr
    ) => {
        $crate::__select!(@arms $biased ($($arms)* [recv ($r) ($result) { $body }]) $default)
    };
    (@arms $biased:tt ($($arms:tt)*) $default:tt
        send($s:expr, $m:expr $(,)?) -> $result:pat => $body:block, $($rest:tt)*
    ) => {
        $crate::__select!(
            @arms $biased ($($arms)* [send ($s) ($m) ($result) $body]) $default $($rest)*
        )
    };
    (@arms $biased:tt ($($arms:tt)*) $default:tt
        send($s:expr, $m:expr $(,)?) -> $result:pat => $body:expr, $($rest:tt)*
    ) => {
        $crate::__select!(
            @arms $biased ($($arms)* [send ($s) ($m) ($result) { $body }]) $default $($rest)*
        )
    };
    (@arms $biased:tt ($($arms:tt)*) $default:tt
        send($s:expr, $m:expr $(,)?) -> $result:pat => $body:block $($rest:tt)*
    ) => {
        $crate::__select!(
            @arms $biased ($($arms)* [send ($s) ($m) ($result) $body]) $default $($rest)*
        )
    };
    (@arms $biased:tt ($($arms:tt)*) $default:tt
        send($s:expr, $m:expr $(,)?) -> $result:pat => $body:expr
    ) => {
        $crate::__select!(@arms $biased ($($arms)* [send ($s) ($m) ($result) { $body }]) $default)
    };
    (@arms $biased:tt $arms:tt () default $(($($timeout:expr $(,)?)?))? => $body:block,
        $($rest:tt)*
    ) => {
        $crate::__select!(@arms $biased $arms (default ($($($timeout)?)?) $body) $($rest)*)
    };
    (@arms $biased:tt $arms:tt () default $(($($timeout:expr $(,)?)?))? => $body:expr,
        $($rest:tt)*
    ) => {
        $crate::__select!(@arms $biased $arms (default ($($($timeout)?)?) { $body }) $($rest)*)
    };
    (@arms $biased:tt $arms:tt () default $(($($timeout:expr $(,)?)?))? => $body:block
        $($rest:tt)*
    ) => {
        $crate::__select!(@arms $biased $arms (default ($($($timeout)?)?) $body) $($rest)*)
    };
    (@arms $biased:tt $arms:tt () default $(($($timeout:expr $(,)?)?))? => $body:expr) => {
        $crate::__select!(@arms $biased $arms (default ($($($timeout)?)?) { $body }))
    };

    // What is wrong.
    (@arms $biased:tt $arms:tt (default $($default:tt)+) default $($rest:tt)*) => {
        compile_error!("a `select!` has one `default` arm at most")
    };
    (@arms $biased:tt $arms:tt $default:tt default -> $($rest:tt)*) => {
        compile_error!("expected `=>` after `default`, found `->`")
    };
    (@arms $biased:tt $arms:tt $default:tt $arm:ident $args:tt => $($rest:tt)*) => {
        compile_error!(concat!(
            "expected `-> pattern` after `", stringify!($arm), stringify!($args), "`, found `=>`"
        ))
    };
    (@arms $biased:tt $arms:tt $default:tt recv $($rest:tt)*) => {
        compile_error!(concat!(
            "expected `recv(receiver) -> pattern => expression,`, found `recv ",
            stringify!($($rest)*), "`"
        ))
    };
    (@arms $biased:tt $arms:tt $default:tt send $($rest:tt)*) => {
        compile_error!(concat!(
            "expected `send(sender, value) -> pattern => expression,`, found `send ",
            stringify!($($rest)*), "`"
        ))
    };
    (@arms $biased:tt $arms:tt $default:tt $($rest:tt)+) => {
        compile_error!(concat!(
            "expected `recv`, `send` or `default`, found `", stringify!($($rest)+), "`"
        ))
    };

    // Evaluates the channels, in order.
    (@bind $biased:tt ([recv ($r:expr) $result:tt $body:tt] $($arms:tt)*) ($($bound:tt)*)
        $default:tt
    ) => {
        match $r {
            ref receiver => {
                let receiver: &$crate::chan::Receiver<_> = receiver;
                #[allow(unused_mut, reason = "it is lent to the case")]
                let mut place = $crate::chan::macros::place(receiver);
                $crate::__select!(
                    @bind $biased ($($arms)*)
                    ($($bound)* [
                        ($crate::chan::macros::receive(receiver, &mut place))
                        recv place $result $body
                    ])
                    $default
                )
            }
        }
    };
    (@bind $biased:tt ([send ($s:expr) $m:tt $result:tt $body:tt] $($arms:tt)*) ($($bound:tt)*)
        $default:tt
    ) => {
        match $s {
            ref sender => {
                let sender: &$crate::chan::Sender<_> = sender;
                $crate::__select!(
                    @bind $biased ($($arms)*)
                    ($($bound)* [
                        ($crate::chan::macros::send(sender)) send sender $m $result $body
                    ])
                    $default
                )
            }
        }
    };
    (@bind ($biased:tt) () ($([($case:expr) $($bound:tt)*])*) ()) => {
        match $crate::chan::macros::choose([$($case),*], $biased, $crate::chan::macros::Wait::Ever) {
            ::core::option::Option::Some((index, chosen)) => {
                $crate::__select!(@chosen index chosen (0) $([$($bound)*])*)
            }
            ::core::option::Option::None => ::core::unreachable!(),
        }
    };
    (@bind ($biased:tt) () ($([($case:expr) $($bound:tt)*])*)
        (default ($($timeout:expr)?) $body:tt)
    ) => {
        match $crate::chan::macros::choose(
            [$($case),*], $biased, $crate::chan::macros::wait([$($timeout)?])
        ) {
            ::core::option::Option::Some((index, chosen)) => {
                $crate::__select!(@chosen index chosen (0) $([$($bound)*])*)
            }
            ::core::option::Option::None => $body,
        }
    };

    // Completes what was chosen.
    (@chosen $index:ident $chosen:ident ($at:expr)
        [recv $place:ident ($result:pat) $body:tt] $($arms:tt)*
    ) => {
        if $index == $at {
            // SAFETY: this place's case was chosen.
            let result = unsafe { $crate::chan::macros::received(&$chosen, &$place) };
            let $result = result;
            $body
        } else {
            $crate::__select!(@chosen $index $chosen ($at + 1) $($arms)*)
        }
    };
    (@chosen $index:ident $chosen:ident ($at:expr)
        [send $sender:ident ($m:expr) ($result:pat) $body:tt] $($arms:tt)*
    ) => {
        if $index == $at {
            // SAFETY: this sender's case was chosen.
            let due = unsafe { $crate::chan::macros::Due::new($chosen, $sender) };
            #[allow(unreachable_code, reason = "the value's expression may not return")]
            let result = due.send($m);
            let $result = result;
            $body
        } else {
            $crate::__select!(@chosen $index $chosen ($at + 1) $($arms)*)
        }
    };
    (@chosen $index:ident $chosen:ident ($at:expr)) => {
        ::core::unreachable!()
    };
}
