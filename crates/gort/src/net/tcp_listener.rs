//! Listening for TCP.

use super::connect::first_of;
use super::socket::{as_std, fresh, socket};
use super::{SocketAddr, TcpStream, ToSocketAddrs};
use crate::polled::Polled;
use gort_rt::netpoll::Direction;
use gort_sys::raw;
use gort_sys::types::{SockAddr, SockAddrBuf, SockFlags};
use std::io;
use std::iter::FusedIterator;
use std::net;
use std::time::Instant;

/// A socket that takes connections: [`std::net::TcpListener`], but who waits is the goroutine (or the
/// thread, if it is not one).
///
/// ```
/// use gort::net::{TcpListener, TcpStream};
/// use std::io::{Read, Write};
///
/// # fn main() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let addr = listener.local_addr()?;
/// gort::go(move || {
///     for stream in listener.incoming() {
///         let mut stream = stream.unwrap();
///         gort::go(move || stream.write_all(b"hello"));
///     }
/// });
/// let mut text = String::new();
/// TcpStream::connect(addr)?.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
/// # Ok(())
/// # }
/// ```
pub struct TcpListener(pub(super) Polled<net::TcpListener>);

socket!(TcpListener = net::TcpListener);

as_std!(TcpListener = std::net::TcpListener {
    fn local_addr() -> SocketAddr;
    fn set_ttl(ttl: u32) -> ();
    fn ttl() -> u32;
    fn take_error() -> Option<io::Error>;
});

impl TcpListener {
    /// See [`std::net::TcpListener::bind`]. As many connections wait to be accepted as the system
    /// allows (`net.core.somaxconn`). What waits: the goroutine, for names that are looked up.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<TcpListener> {
        let listener = first_of(addr, net::TcpListener::bind)?;
        // Asked for again: the kernel bounds it.
        raw::listen(&listener, i32::MAX)?;
        fresh(listener).map(TcpListener)
    }

    /// The next connection. What waits: the goroutine.
    ///
    /// # Errors
    ///
    /// Those of accept(2), among which `ECONNABORTED` and `EMFILE` say that the next call may succeed;
    /// `TimedOut` for the deadline; `NotConnected` if the listener has been closed.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (descriptor, addr) = self.0.read(|io| {
            let mut addr = SockAddrBuf::new();
            let flags = SockFlags::NONBLOCK | SockFlags::CLOEXEC;
            Ok((raw::accept4(io, Some(&mut addr), flags)?, addr))
        })?;
        let stream = TcpStream(Polled::new(descriptor.into())?.following());
        Ok((stream, internet(&addr)?))
    }

    /// Accepts over and over. See [`std::net::TcpListener::incoming`].
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// [`incoming`](TcpListener::incoming) of the listener itself. Unstable in std
    /// (`tcplistener_into_incoming`).
    pub fn into_incoming(self) -> IntoIncoming {
        IntoIncoming { listener: self }
    }

    /// Until when [`accept`](TcpListener::accept) may wait; `None` for ever. See
    /// [`TcpStream::set_read_deadline`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn set_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.0.ask(|_| self.0.set_deadline(Direction::Read, deadline))
    }

    /// See [`std::net::TcpListener::set_only_v6`].
    ///
    /// # Errors
    ///
    /// As there; `NotConnected` if it has been closed.
    #[deprecated(since = "1.16.0", note = "this option can only be set before the socket is bound")]
    pub fn set_only_v6(&self, only_v6: bool) -> io::Result<()> {
        #[expect(deprecated, reason = "as std's")]
        self.0.ask(|io| io.set_only_v6(only_v6))
    }

    /// See [`std::net::TcpListener::only_v6`].
    ///
    /// # Errors
    ///
    /// As there; `NotConnected` if it has been closed.
    #[deprecated(since = "1.16.0", note = "this option can only be set before the socket is bound")]
    pub fn only_v6(&self) -> io::Result<bool> {
        #[expect(deprecated, reason = "as std's")]
        self.0.ask(net::TcpListener::only_v6)
    }
}

/// The address that the kernel has left here.
pub(super) fn internet(addr: &SockAddrBuf) -> io::Result<SocketAddr> {
    match addr.addr() {
        Some(SockAddr::V4(addr)) => Ok(addr.into()),
        Some(SockAddr::V6(addr)) => Ok(addr.into()),
        // As std has it.
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "invalid argument")),
    }
}

/// See [`TcpListener::incoming`].
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<io::Result<TcpStream>> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl FusedIterator for Incoming<'_> {}

/// See [`TcpListener::into_incoming`].
#[derive(Debug)]
pub struct IntoIncoming {
    listener: TcpListener,
}

impl Iterator for IntoIncoming {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<io::Result<TcpStream>> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl FusedIterator for IntoIncoming {}
