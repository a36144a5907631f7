//! The two ends of a channel.
//!
//! # Safety
//!
//! A channel may be used from any thread; values of type `T` go from one to another.

#![allow(unsafe_code)]

use super::error::{RecvError, SendError, TryRecvError, TrySendError};
use super::iter::{IntoIter, Iter, TryIter};
use super::shared::{self, Handle, Receiving, Sending};
use gort_rt::chan::{AnyChannel, Lacking, Refused};
use gort_rt::timer::Owned;
use gort_sys::Errno;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Instant;

/// A channel with no limit on how many values are in it.
///
/// Sending never waits. Memory is the limit, so a sender that is faster than its receivers for long
/// needs a [`bounded`] channel.
///
/// ```
/// let (s, r) = gort::chan::unbounded();
/// gort::go(move || (1..=10).for_each(|n| s.send(n).unwrap()));
/// assert_eq!(r.iter().sum::<i32>(), 55);
/// ```
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    new(None)
}

/// A channel with room for `cap` values.
///
/// Sending waits while there is no room. A channel with no room at all (`cap` is 0) hands each value
/// straight to a receiver, and both wait for each other.
///
/// # Panics
///
/// If so many values have no room in the address space.
///
/// ```
/// let (s, r) = gort::chan::bounded(1);
/// s.send(1).unwrap();
/// assert!(s.try_send(2).is_err());
/// assert_eq!(r.recv(), Ok(1));
/// ```
#[doc(alias = "make")]
pub fn bounded<T>(cap: usize) -> (Sender<T>, Receiver<T>) {
    new(Some(cap))
}

fn new<T>(capacity: Option<usize>) -> (Sender<T>, Receiver<T>) {
    let Some((sender, receiver)) = shared::new(capacity) else { panic!("capacity overflow") };
    (Sender { handle: sender }, Receiver { handle: Some(receiver) })
}

/// A channel at which nothing ever arrives, and which is never closed: Go's nil channel.
///
/// It is for a [`select!`](super::select!) in which a receive is not always wanted.
///
/// ```
/// use gort::chan::{Receiver, never, select};
///
/// fn poll(wanted: Option<&Receiver<i32>>) -> Option<i32> {
///     select! {
///         recv(wanted.unwrap_or(&never())) -> value => value.ok(),
///         default => None,
///     }
/// }
/// assert_eq!(poll(None), None);
/// ```
pub fn never<T>() -> Receiver<T> {
    Receiver { handle: None }
}

/// The end of a channel at which values are sent.
///
/// It can be cloned; the channel is closed when the last clone is dropped.
///
/// A sender of `&'static str`s does not pass for one of shorter-lived ones: whoever receives relies on it.
///
/// ```compile_fail
/// use gort::chan::Sender;
///
/// fn shorter<'a>(s: Sender<&'static str>) -> Sender<&'a str> {
///     s
/// }
/// ```
pub struct Sender<T> {
    handle: Handle<T, Sending>,
}

/// The end of a channel at which values are received.
///
/// It can be cloned; each value goes to one of the clones. When the last is dropped the channel is
/// closed, and what is in it is dropped.
pub struct Receiver<T> {
    /// None for a channel where nothing ever happens.
    handle: Option<Handle<T, Receiving>>,
}

// SAFETY: see the module.
unsafe impl<T: Send> Send for Sender<T> {}
// SAFETY: see the module.
unsafe impl<T: Send> Sync for Sender<T> {}
// SAFETY: see the module.
unsafe impl<T: Send> Send for Receiver<T> {}
// SAFETY: see the module.
unsafe impl<T: Send> Sync for Receiver<T> {}

impl<T> UnwindSafe for Sender<T> {}
impl<T> RefUnwindSafe for Sender<T> {}
impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}

impl<T> Sender<T> {
    /// Sends a value. What waits, while there is no room: the goroutine, or the thread if it is an
    /// ordinary one. Go: `c <- v`.
    ///
    /// # Errors
    ///
    /// The value, if the channel is closed, or is closed while this waits.
    #[inline]
    pub fn send(&self, msg: T) -> Result<(), SendError<T>> {
        self.handle.send(msg).map_err(SendError)
    }

    /// Sends a value, if there is room or a receiver waits.
    ///
    /// Does not wait, except for a receiver that is about to take the value in a `select!`.
    ///
    /// # Errors
    ///
    /// The value, if it cannot be sent.
    #[inline]
    pub fn try_send(&self, msg: T) -> Result<(), TrySendError<T>> {
        self.handle.try_send(msg).map_err(|refused| match refused {
            Refused::Closed(msg) => TrySendError::Disconnected(msg),
            Refused::Full(msg) => TrySendError::Full(msg),
        })
    }

    /// Closes the channel: nothing can be sent any more, and receivers see its end once they have
    /// received what is in it. `false` if it was closed already. Go: `close`, which panics then.
    ///
    /// ```
    /// let (s, r) = gort::chan::unbounded();
    /// s.send(1).unwrap();
    /// assert!(s.close());
    /// assert!(!s.close());
    /// assert!(s.send(2).is_err());
    /// assert_eq!(r.iter().collect::<Vec<_>>(), [1]);
    /// ```
    pub fn close(&self) -> bool {
        self.handle.close()
    }

    /// Whether the channel is empty; always, if it has no room.
    pub fn is_empty(&self) -> bool {
        self.handle.is_empty()
    }

    /// Whether the channel is full; always, if it has no room.
    pub fn is_full(&self) -> bool {
        self.handle.capacity() == Some(self.len())
    }

    /// How many values are in the channel.
    pub fn len(&self) -> usize {
        self.handle.len()
    }

    /// How many values the channel has room for; `None` if there is no limit.
    pub fn capacity(&self) -> Option<usize> {
        self.handle.capacity()
    }

    /// Whether both are of one channel.
    pub fn same_channel(&self, other: &Sender<T>) -> bool {
        self.handle.is_same(&other.handle)
    }

    pub(crate) fn handle(&self) -> &Handle<T, Sending> {
        &self.handle
    }
}

impl Receiver<Instant> {
    /// The timer that sends on its channel, if there is one.
    pub(crate) fn timer(&self) -> Option<&Owned> {
        self.handle.as_ref()?.timer()
    }

    /// One for whose channel a timer sends; see [`shared::timed`].
    pub(crate) fn timed(period: u64) -> Result<Receiver<Instant>, Errno> {
        Ok(Receiver { handle: Some(shared::timed(period)?) })
    }
}

impl<T> Receiver<T> {
    /// Receives a value. What waits, while there is none: the goroutine, or the thread if it is an
    /// ordinary one. Go: `<-c`.
    ///
    /// # Errors
    ///
    /// If the channel is closed and nothing is left in it.
    #[inline]
    pub fn recv(&self) -> Result<T, RecvError> {
        match &self.handle {
            Some(handle) => handle.recv().ok_or(RecvError),
            None => gort_rt::chan::forever(),
        }
    }

    /// Receives a value, if there is one or a sender waits.
    ///
    /// Does not wait, except for a sender that has been chosen to send in a `select!` and is about to
    /// make its value.
    ///
    /// # Errors
    ///
    /// If there is no value, or the channel is closed as well.
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        let Some(handle) = &self.handle else { return Err(TryRecvError::Empty) };
        handle.try_recv().map_err(|lacking| match lacking {
            Lacking::Closed => TryRecvError::Disconnected,
            Lacking::Empty => TryRecvError::Empty,
        })
    }

    /// Closes the channel, as [`Sender::close`] does. `false` if it was closed already, and for
    /// [`never()`]'s.
    pub fn close(&self) -> bool {
        self.handle.as_ref().is_some_and(|handle| handle.close())
    }

    /// Whether the channel is empty; always, if it has no room.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the channel is full; always, if it has no room.
    pub fn is_full(&self) -> bool {
        self.capacity() == Some(self.len())
    }

    /// How many values are in the channel.
    pub fn len(&self) -> usize {
        self.handle.as_ref().map_or(0, |handle| handle.len())
    }

    /// How many values the channel has room for; `None` if there is no limit.
    pub fn capacity(&self) -> Option<usize> {
        self.handle.as_ref().map_or(Some(0), |handle| handle.capacity())
    }

    /// Receives until the channel is closed and empty. Go: `for v := range c`.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { receiver: self }
    }

    /// Receives what can be received without waiting.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter { receiver: self }
    }

    /// Whether both are of one channel. All [`never()`]s are.
    pub fn same_channel(&self, other: &Receiver<T>) -> bool {
        match (&self.handle, &other.handle) {
            (Some(one), Some(other)) => one.is_same(other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }

    pub(crate) fn handle(&self) -> Option<&Handle<T, Receiving>> {
        self.handle.as_ref()
    }

    pub(crate) fn any(&self) -> Option<AnyChannel<'_>> {
        self.handle.as_ref().map(|handle| handle.any())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        Sender { handle: self.handle.clone() }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        Receiver { handle: self.handle.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Sender { .. }")
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Receiver { .. }")
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { receiver: self }
    }
}
