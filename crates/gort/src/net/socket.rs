//! What sockets have in common.
//!
//! A socket is non-blocking as long as it is gort's. But that is the file's, not the descriptor's: whoever
//! has another descriptor of it may change it. So each call that receives or sends says that it is not
//! to wait.

use crate::polled::Polled;
use gort_rt::netpoll::Direction;
use gort_sys::raw;
use gort_sys::types::{self, RecvFlags, RecvMsg, SendFlags, SendMsg, SockAddrBuf, TimeOption};
use std::array;
use std::fmt::Debug;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// How many buffers go into one call: they are listed on the stack, in the kernel's form.
const BUFFERS: usize = 64;

/// One of std's.
pub(super) trait Socket: AsFd + From<OwnedFd> + Into<OwnedFd> + Debug {
    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()>;
}

/// For both directions: what the kernel calls how long one waits.
const TIMEOUTS: [(Direction, TimeOption); 2] =
    [(Direction::Read, TimeOption::RCVTIMEO), (Direction::Write, TimeOption::SNDTIMEO)];

/// Makes it one that goroutines wait for. Nobody has set anything yet.
pub(super) fn fresh<S: Socket>(socket: S) -> io::Result<Polled<S>> {
    socket.set_nonblocking(true)?;
    Polled::new(socket)
}

/// Makes it one that goroutines wait for, as long as threads did.
pub(super) fn adopt<S: Socket>(socket: S) -> io::Result<Polled<S>> {
    socket.set_nonblocking(true)?;
    let mut timeouts = [None; 2];
    for (of, option) in TIMEOUTS {
        let time = raw::socket_timeout(&socket, option)?;
        timeouts[of as usize] = Duration::try_from(time).ok().filter(|time| !time.is_zero());
    }
    let polled = Polled::new(socket)?;
    for (of, _) in TIMEOUTS {
        polled.set_timeout(of, timeouts[of as usize])?;
    }
    Ok(polled)
}

/// Makes it one that threads wait for, as long as goroutines did.
pub(super) fn restore<S: Socket>(polled: &Polled<S>) -> io::Result<()> {
    polled.ask(|io| {
        for (of, option) in TIMEOUTS {
            raw::set_socket_timeout(io, option, polled.timeout(of))?;
        }
        io.set_nonblocking(polled.is_nonblocking())
    })
}

pub(super) fn try_clone<S: Socket>(polled: &Polled<S>) -> io::Result<Polled<S>> {
    let descriptor = polled.ask(|io| io.as_fd().try_clone_to_owned())?;
    polled.clone_as(S::from(descriptor))
}

pub(super) fn recv(io: impl AsFd, buf: &mut [u8], flags: RecvFlags) -> io::Result<usize> {
    Ok(raw::recv(io, buf, flags | RecvFlags::DONTWAIT)?)
}

/// As many of the buffers as go into one call.
pub(super) fn takeable<'a, 'b>(bufs: &'a mut [IoSliceMut<'b>]) -> &'a mut [IoSliceMut<'b>] {
    let count = bufs.len().min(BUFFERS);
    &mut bufs[..count]
}

pub(super) fn recv_vectored(io: impl AsFd, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    let count = bufs.len().min(BUFFERS);
    let mut bufs = bufs.iter_mut();
    let mut list: [_; BUFFERS] =
        array::from_fn(|_| types::IoSliceMut::new(bufs.next().map_or(&mut [], |buf| &mut **buf)));
    Ok(raw::recvmsg(io, &mut RecvMsg::new(&mut list[..count]), RecvFlags::DONTWAIT)?)
}

/// With whom it is from.
pub(super) fn recv_from(
    io: impl AsFd,
    buf: &mut [u8],
    flags: RecvFlags,
) -> io::Result<(usize, SockAddrBuf)> {
    let mut from = SockAddrBuf::new();
    let len = raw::recvfrom(io, buf, flags | RecvFlags::DONTWAIT, Some(&mut from))?;
    Ok((len, from))
}

/// How everything is sent: a peer that is gone is an error, not a signal.
pub(super) const SEND: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

pub(super) fn send(io: impl AsFd, buf: &[u8]) -> io::Result<usize> {
    Ok(raw::send(io, buf, SEND)?)
}

pub(super) fn send_vectored(io: impl AsFd, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    let mut list = [types::IoSlice::new(&[]); BUFFERS];
    list.iter_mut().zip(bufs).for_each(|(one, buf)| *one = types::IoSlice::new(buf));
    let count = bufs.len().min(BUFFERS);
    Ok(raw::sendmsg(io, &SendMsg::new(&list[..count]), SEND)?)
}

/// What every type of sockets has.
macro_rules! socket {
    ($ty:ident = $std:ty) => {
        impl $crate::net::socket::Socket for $std {
            fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
                <$std>::set_nonblocking(self, nonblocking)
            }
        }

        /// As std's.
        impl std::fmt::Debug for $ty {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.io().fmt(f)
            }
        }

        /// # Between std and gort
        impl $ty {
            /// Makes it one that goroutines wait for: whether or not it was non-blocking, operations wait,
            /// as long as the timeouts say that it had. The file stays non-blocking as long as
            /// gort has it, to other descriptors of it, too.
            ///
            /// # Errors
            ///
            /// Those of epoll_ctl(2), and of epoll_create(2) for the first descriptor of the program's.
            pub fn from_std(socket: $std) -> io::Result<$ty> {
                $crate::net::socket::adopt(socket).map($ty)
            }

            /// std's again, with the timeouts set, and blocking unless
            /// [`set_nonblocking`](Self::set_nonblocking) has asked for something else. Other
            /// descriptors of the file ([`try_clone`](Self::try_clone)) are so from then on, too.
            ///
            /// # Errors
            ///
            /// `NotConnected` if it has been closed.
            pub fn into_std(self) -> io::Result<$std> {
                $crate::net::socket::restore(&self.0)?;
                Ok(self.0.into_inner())
            }

            #[doc = concat!("See [`std`'s](", stringify!($std), "::try_clone). The two share timeouts and \
                `set_nonblocking`, but have a deadline each, and each is closed by itself.")]
            ///
            /// # Errors
            ///
            /// Those of dup(2) and epoll_ctl(2); `NotConnected` if it has been closed.
            pub fn try_clone(&self) -> io::Result<$ty> {
                $crate::net::socket::try_clone(&self.0).map($ty)
            }

            /// Closes the socket while others use it: who waits for it is woken with an error, and all
            /// that is done with it from now on fails likewise. Its number is not used for anything
            /// else until it is dropped.
            ///
            /// # Errors
            ///
            /// `NotConnected` if it has been closed already.
            pub fn close(&self) -> io::Result<()> {
                self.0.close()
            }

            #[doc = concat!("See [`std`'s](", stringify!($std), "::set_nonblocking): whether what would \
                have to wait fails with `WouldBlock` instead.")]
            ///
            /// # Errors
            ///
            /// `NotConnected` if it has been closed.
            pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
                self.0.ask(|_| Ok(()))?;
                self.0.set_nonblocking(nonblocking);
                Ok(())
            }
        }
    };
}

/// Operations that say what std's of the same name does, and do not wait.
macro_rules! as_std {
    ($ty:ident = $std:ty { $(fn $name:ident($($arg:ident: $kind:ty),*) -> $result:ty;)+ }) => {
        impl $ty {
            $(
                #[doc = concat!("See [`std`'s](", stringify!($std), "::", stringify!($name), ").")]
                ///
                /// # Errors
                ///
                /// As there; `NotConnected` if it has been closed.
                pub fn $name(&self, $($arg: $kind),*) -> io::Result<$result> {
                    self.0.ask(|io| io.$name($($arg),*))
                }
            )+
        }
    };
}

/// Until when, and for how long, operations on it wait.
macro_rules! waits {
    ($ty:ident = $std:ty) => {
        /// # Deadlines and timeouts
        impl $ty {
            /// Until when reading may wait; `None` for ever. Who waits already is bound by it, too.
            /// An operation that has not been done by then fails with `TimedOut`, and so do all
            /// that come later, even if they would not have to wait, until another is set. Go:
            /// `SetReadDeadline`.
            ///
            /// # Errors
            ///
            /// `OutOfMemory`; `NotConnected` if it has been closed.
            pub fn set_read_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
                self.0.ask(|_| self.0.set_deadline(Direction::Read, deadline))
            }

            /// Until when writing may wait; `None` for ever. See
            /// [`set_read_deadline`](Self::set_read_deadline).
            ///
            /// # Errors
            ///
            /// As there.
            pub fn set_write_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
                self.0.ask(|_| self.0.set_deadline(Direction::Write, deadline))
            }

            #[doc = concat!("See [`std`'s](", stringify!($std), "::set_read_timeout): how long each read \
                that begins from now on waits, until it fails with `WouldBlock`.")]
            ///
            /// # Errors
            ///
            /// `InvalidInput` for no time at all; `NotConnected` if it has been closed.
            pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.0.ask(|_| self.0.set_timeout(Direction::Read, timeout))
            }

            #[doc = concat!("See [`std`'s](", stringify!($std), "::set_write_timeout).")]
            ///
            /// # Errors
            ///
            /// As for [`set_read_timeout`](Self::set_read_timeout).
            pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.0.ask(|_| self.0.set_timeout(Direction::Write, timeout))
            }

            #[doc = concat!("See [`std`'s](", stringify!($std), "::read_timeout).")]
            ///
            /// # Errors
            ///
            /// `NotConnected` if it has been closed.
            pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
                self.0.ask(|_| Ok(self.0.timeout(Direction::Read)))
            }

            #[doc = concat!("See [`std`'s](", stringify!($std), "::write_timeout).")]
            ///
            /// # Errors
            ///
            /// `NotConnected` if it has been closed.
            pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
                self.0.ask(|_| Ok(self.0.timeout(Direction::Write)))
            }
        }
    };
}

/// What connections have beside reading, which is said for each type's `&T`.
macro_rules! stream {
    ($ty:ident) => {
        impl Write for &$ty {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                self.0.write(|io| $crate::net::socket::send(io, buf))
            }

            fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                self.0.write(|io| $crate::net::socket::send_vectored(io, bufs))
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        $crate::io::by_reference!(Read for $ty);
        $crate::io::by_reference!(Write for $ty);

        impl $crate::io::AsPort for $ty {
            fn port(&self) -> &dyn $crate::io::Port {
                &self.0
            }
        }
    };
}

pub(super) use {as_std, socket, stream, waits};
