//! Datagrams of the Unix domain.

use super::SocketAddr;
use super::addr::{for_room, lift, lower, of_path};
use crate::net::Shutdown;
use crate::net::socket::{SEND, as_std, fresh, recv, recv_from, send, socket, waits};
use crate::polled::Polled;
use gort_rt::netpoll::Direction;
use gort_sys::raw;
use gort_sys::types::{RecvFlags, UnixAddr};
use std::io;
use std::os::unix::net;
use std::path::Path;
use std::time::{Duration, Instant};

/// A socket for datagrams: [`std::os::unix::net::UnixDatagram`], but who waits is the goroutine (or the
/// thread, if it is not one).
///
/// ```
/// use gort::net::UnixDatagram;
///
/// # fn main() -> std::io::Result<()> {
/// let (here, there) = UnixDatagram::pair()?;
/// gort::go(move || there.send(b"hello"));
/// let mut buf = [0; 16];
/// assert_eq!(here.recv(&mut buf)?, 5);
/// # Ok(())
/// # }
/// ```
pub struct UnixDatagram(pub(in crate::net) Polled<net::UnixDatagram>);

socket!(UnixDatagram = net::UnixDatagram);

waits!(UnixDatagram = std::os::unix::net::UnixDatagram);

as_std!(UnixDatagram = std::os::unix::net::UnixDatagram {
    fn connect_addr(addr: &SocketAddr) -> ();
    fn local_addr() -> SocketAddr;
    fn peer_addr() -> SocketAddr;
    fn shutdown(how: Shutdown) -> ();
    fn take_error() -> Option<io::Error>;
});

impl UnixDatagram {
    /// See [`std::os::unix::net::UnixDatagram::bind`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixDatagram> {
        fresh(net::UnixDatagram::bind(path)?).map(UnixDatagram)
    }

    /// See [`std::os::unix::net::UnixDatagram::bind_addr`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<UnixDatagram> {
        fresh(net::UnixDatagram::bind_addr(addr)?).map(UnixDatagram)
    }

    /// See [`std::os::unix::net::UnixDatagram::unbound`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn unbound() -> io::Result<UnixDatagram> {
        fresh(net::UnixDatagram::unbound()?).map(UnixDatagram)
    }

    /// See [`std::os::unix::net::UnixDatagram::pair`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (one, other) = net::UnixDatagram::pair()?;
        Ok((UnixDatagram(fresh(one)?), UnixDatagram(fresh(other)?)))
    }

    /// See [`std::os::unix::net::UnixDatagram::connect`].
    ///
    /// # Errors
    ///
    /// As there; `NotConnected` if it has been closed.
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        self.0.ask(|io| io.connect(path))
    }

    /// See [`std::os::unix::net::UnixDatagram::recv_from`]. What waits: the goroutine.
    ///
    /// # Errors
    ///
    /// As there; `TimedOut` for the deadline; `NotConnected` if it has been closed.
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (len, from) = self.0.read(|io| recv_from(io, buf, RecvFlags::empty()))?;
        Ok((len, lift(&from)?))
    }

    /// See [`std::os::unix::net::UnixDatagram::recv`]. What waits: the goroutine.
    ///
    /// # Errors
    ///
    /// As for [`recv_from`](UnixDatagram::recv_from).
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(|io| recv(io, buf, RecvFlags::empty()))
    }

    /// See [`std::os::unix::net::UnixDatagram::send_to`]. What waits: the goroutine, for room at the
    /// receiver's.
    ///
    /// # Errors
    ///
    /// As there; `TimedOut` for the deadline; `NotConnected` if it has been closed.
    pub fn send_to<P: AsRef<Path>>(&self, buf: &[u8], path: P) -> io::Result<usize> {
        self.send_as(buf, of_path(path)?)
    }

    /// See [`std::os::unix::net::UnixDatagram::send_to_addr`]. What waits: as for
    /// [`send_to`](UnixDatagram::send_to).
    ///
    /// # Errors
    ///
    /// As for [`send_to`](UnixDatagram::send_to).
    pub fn send_to_addr(&self, buf: &[u8], addr: &SocketAddr) -> io::Result<usize> {
        self.send_as(buf, lower(addr)?)
    }

    fn send_as(&self, buf: &[u8], addr: UnixAddr) -> io::Result<usize> {
        let timeout = self.0.timeout(Direction::Write);
        for_room(&self.0, timeout, |io| Ok(raw::sendto(io, buf, SEND, addr)?))
    }

    /// See [`std::os::unix::net::UnixDatagram::send`]. What waits: the goroutine, for room at the
    /// receiver's.
    ///
    /// # Errors
    ///
    /// As for [`send_to`](UnixDatagram::send_to).
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(|io| send(io, buf))
    }
}
