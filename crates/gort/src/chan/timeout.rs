//! Operations that wait for a time, or until one.
//!
//! A time that has come allows for one attempt; one that is further away than the clock can tell never
//! comes. If there is no memory for a timer, an operation on a goroutine does not wait.

use super::channel::{Receiver, Sender};
use super::select::{Select, SelectedOperation};
use super::timeout_error::{
    ReadyTimeoutError, RecvTimeoutError, SelectTimeoutError, SendTimeoutError,
};
use crate::time::clock;
use gort_rt::chan::{How, Lacking, Refused, Wait};
use gort_rt::timer::{NEVER, deadline};
use std::time::{Duration, Instant};

pub(super) fn within(timeout: Duration) -> Wait {
    until_nanos(if timeout.is_zero() { 0 } else { deadline(clock::nanos(timeout)) })
}

fn until(moment: Instant) -> Wait {
    until_nanos(clock::nanos_at(moment))
}

fn until_nanos(when: u64) -> Wait {
    match when {
        0 => Wait::Not,
        NEVER => Wait::Ever,
        when => Wait::Until(when),
    }
}

impl<T> Sender<T> {
    /// [`send`](Sender::send), but not for longer than `timeout`.
    ///
    /// # Errors
    ///
    /// The value, if the channel is closed, or there is no room in time.
    ///
    /// ```
    /// use gort::chan::{SendTimeoutError, bounded};
    /// use std::time::Duration;
    /// let (s, _r) = bounded(0);
    /// let sent = s.send_timeout(1, Duration::from_millis(1));
    /// assert_eq!(sent, Err(SendTimeoutError::Timeout(1)));
    /// ```
    pub fn send_timeout(&self, msg: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.send_within(msg, within(timeout))
    }

    /// [`send`](Sender::send), but not for longer than until `deadline`.
    ///
    /// # Errors
    ///
    /// As for [`send_timeout`](Sender::send_timeout).
    pub fn send_deadline(&self, msg: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        self.send_within(msg, until(deadline))
    }

    fn send_within(&self, msg: T, wait: Wait) -> Result<(), SendTimeoutError<T>> {
        self.handle().send_within(msg, wait).map_err(|refused| match refused {
            Refused::Closed(msg) => SendTimeoutError::Disconnected(msg),
            Refused::Full(msg) => SendTimeoutError::Timeout(msg),
        })
    }
}

impl<T> Receiver<T> {
    /// [`recv`](Receiver::recv), but not for longer than `timeout`, except for a sender that has been
    /// chosen to send in a `select!` and is about to make its value.
    ///
    /// # Errors
    ///
    /// If the channel is closed and nothing is left in it, or there is no value in time.
    ///
    /// ```
    /// use gort::chan::{RecvTimeoutError, bounded};
    /// use std::time::Duration;
    /// let (_s, r) = bounded::<u8>(1);
    /// assert_eq!(r.recv_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout));
    /// ```
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_within(within(timeout))
    }

    /// [`recv`](Receiver::recv), but not for longer than until `deadline`, as
    /// [`recv_timeout`](Receiver::recv_timeout).
    ///
    /// # Errors
    ///
    /// As for that.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_within(until(deadline))
    }

    fn recv_within(&self, wait: Wait) -> Result<T, RecvTimeoutError> {
        let Some(handle) = self.handle() else {
            // Nothing will be ready but the time.
            let _ = gort_rt::chan::select(&[], &[], How { biased: false, wait });
            return Err(RecvTimeoutError::Timeout);
        };
        handle.recv_within(wait).map_err(|lacking| match lacking {
            Lacking::Closed => RecvTimeoutError::Disconnected,
            Lacking::Empty => RecvTimeoutError::Timeout,
        })
    }
}

impl<'a> Select<'a> {
    /// [`select`](Select::select), but not for longer than `timeout`. The list may be empty.
    ///
    /// # Errors
    ///
    /// If no operation is possible in time.
    ///
    /// ```
    /// use gort::chan::{Select, SelectTimeoutError, bounded};
    /// use std::time::Duration;
    /// let (_s, r) = bounded::<u8>(0);
    /// let mut list = Select::new();
    /// list.recv(&r);
    /// assert!(list.select_timeout(Duration::from_millis(1)).is_err());
    /// ```
    pub fn select_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        self.choose(within(timeout)).ok_or(SelectTimeoutError)
    }

    /// [`select`](Select::select), but not for longer than until `deadline`. The list may be empty.
    ///
    /// # Errors
    ///
    /// As for [`select_timeout`](Select::select_timeout).
    pub fn select_deadline(
        &mut self,
        deadline: Instant,
    ) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        self.choose(until(deadline)).ok_or(SelectTimeoutError)
    }

    /// [`ready`](Select::ready), but not for longer than `timeout`. The list may be empty.
    ///
    /// # Errors
    ///
    /// If no operation looks possible in time.
    pub fn ready_timeout(&mut self, timeout: Duration) -> Result<usize, ReadyTimeoutError> {
        self.look(within(timeout)).ok_or(ReadyTimeoutError)
    }

    /// [`ready`](Select::ready), but not for longer than until `deadline`. The list may be empty.
    ///
    /// # Errors
    ///
    /// As for [`ready_timeout`](Select::ready_timeout).
    pub fn ready_deadline(&mut self, deadline: Instant) -> Result<usize, ReadyTimeoutError> {
        self.look(until(deadline)).ok_or(ReadyTimeoutError)
    }
}
