//! Listening for connections of the Unix domain.

use super::addr::lift;
use super::{SocketAddr, UnixStream};
use crate::net::socket::{as_std, fresh, socket};
use crate::polled::Polled;
use gort_rt::netpoll::Direction;
use gort_sys::raw;
use gort_sys::types::{SockAddrBuf, SockFlags};
use std::io;
use std::iter::FusedIterator;
use std::os::unix::net;
use std::path::Path;
use std::time::Instant;

/// A socket that takes connections: [`std::os::unix::net::UnixListener`], but who waits is the goroutine
/// (or the thread, if it is not one).
///
/// ```
/// use gort::net::unix::{SocketAddr, UnixListener, UnixStream};
/// use std::io::{Read, Write};
/// use std::os::linux::net::SocketAddrExt;
///
/// # fn main() -> std::io::Result<()> {
/// let addr = SocketAddr::from_abstract_name(format!("example-{}", std::process::id()))?;
/// let listener = UnixListener::bind_addr(&addr)?;
/// gort::go(move || listener.accept()?.0.write_all(b"hello"));
/// let mut text = String::new();
/// UnixStream::connect_addr(&addr)?.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
/// # Ok(())
/// # }
/// ```
pub struct UnixListener(pub(in crate::net) Polled<net::UnixListener>);

socket!(UnixListener = net::UnixListener);

as_std!(UnixListener = std::os::unix::net::UnixListener {
    fn local_addr() -> SocketAddr;
    fn take_error() -> Option<io::Error>;
});

impl UnixListener {
    /// See [`std::os::unix::net::UnixListener::bind`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
        fresh(net::UnixListener::bind(path)?).map(UnixListener)
    }

    /// See [`std::os::unix::net::UnixListener::bind_addr`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<UnixListener> {
        fresh(net::UnixListener::bind_addr(addr)?).map(UnixListener)
    }

    /// The next connection. What waits: the goroutine.
    ///
    /// # Errors
    ///
    /// Those of accept(2); `TimedOut` for the deadline; `NotConnected` if the listener has been closed.
    pub fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (descriptor, addr) = self.0.read(|io| {
            let mut addr = SockAddrBuf::new();
            let flags = SockFlags::NONBLOCK | SockFlags::CLOEXEC;
            Ok((raw::accept4(io, Some(&mut addr), flags)?, addr))
        })?;
        let stream = UnixStream(Polled::new(descriptor.into())?);
        Ok((stream, lift(&addr)?))
    }

    /// Accepts over and over. See [`std::os::unix::net::UnixListener::incoming`].
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// Until when [`accept`](UnixListener::accept) may wait; `None` for ever. See
    /// [`UnixStream::set_read_deadline`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn set_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.0.ask(|_| self.0.set_deadline(Direction::Read, deadline))
    }
}

impl<'a> IntoIterator for &'a UnixListener {
    type Item = io::Result<UnixStream>;
    type IntoIter = Incoming<'a>;

    fn into_iter(self) -> Incoming<'a> {
        self.incoming()
    }
}

/// See [`UnixListener::incoming`].
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a UnixListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<UnixStream>;

    fn next(&mut self) -> Option<io::Result<UnixStream>> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

impl FusedIterator for Incoming<'_> {}
