//! Connections of the Unix domain.

use super::SocketAddr;
use super::addr::{for_room, lower, of_path};
use crate::net::Shutdown;
use crate::net::socket::{as_std, fresh, recv, recv_vectored, socket, stream, takeable, waits};
use crate::polled::Polled;
use gort_rt::netpoll::Direction;
use gort_sys::raw;
use gort_sys::types::{Domain, Protocol, RecvFlags, SockFlags, SockType, UnixAddr};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::unix::net;
use std::path::Path;
use std::time::{Duration, Instant};

/// A connection: [`std::os::unix::net::UnixStream`], but who waits is the goroutine (or the thread, if it
/// is not one). One party at a time reads, and one writes: others wait for their turn.
///
/// ```
/// use gort::net::UnixStream;
/// use std::io::{Read, Write};
///
/// # fn main() -> std::io::Result<()> {
/// let (mut here, mut there) = UnixStream::pair()?;
/// gort::go(move || there.write_all(b"hello"));
/// let mut text = String::new();
/// here.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
/// # Ok(())
/// # }
/// ```
pub struct UnixStream(pub(in crate::net) Polled<net::UnixStream>);

socket!(UnixStream = net::UnixStream);

waits!(UnixStream = std::os::unix::net::UnixStream);

as_std!(UnixStream = std::os::unix::net::UnixStream {
    fn local_addr() -> SocketAddr;
    fn peer_addr() -> SocketAddr;
    fn shutdown(how: Shutdown) -> ();
    fn take_error() -> Option<io::Error>;
});

impl UnixStream {
    /// See [`std::os::unix::net::UnixStream::connect`]. What waits: the goroutine, while as many others
    /// as the listener lets wait have not been accepted.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn connect<P: AsRef<Path>>(path: P) -> io::Result<UnixStream> {
        connect(of_path(path)?)
    }

    /// See [`std::os::unix::net::UnixStream::connect_addr`]. What waits: as for
    /// [`connect`](UnixStream::connect).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn connect_addr(addr: &SocketAddr) -> io::Result<UnixStream> {
        connect(lower(addr)?)
    }

    /// See [`std::os::unix::net::UnixStream::pair`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (one, other) = net::UnixStream::pair()?;
        Ok((UnixStream(fresh(one)?), UnixStream(fresh(other)?)))
    }
}

fn connect(addr: UnixAddr) -> io::Result<UnixStream> {
    let kind = SockType::STREAM | SockFlags::NONBLOCK | SockFlags::CLOEXEC;
    let socket = raw::socket(Domain::UNIX, kind, Protocol::DEFAULT)?;
    let polled = Polled::new(net::UnixStream::from(socket))?;
    for_room(&polled, None, |io| Ok(raw::connect(io, addr)?))?;
    Ok(UnixStream(polled))
}

// Reads may be shorter than what there is, where a message with control data begins or ends: so the
// next does not wait without a look.
impl Read for &UnixStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(|io| recv(io, buf, RecvFlags::empty()))
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.0.read(|io| recv_vectored(io, takeable(bufs)))
    }
}

stream!(UnixStream);
