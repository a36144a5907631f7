//! Connections by TCP.

use super::connect::{connect, connect_one, resolve};
use super::socket::{as_std, recv, recv_vectored, socket, stream, takeable, waits};
use super::{Shutdown, SocketAddr, ToSocketAddrs};
use crate::polled::Polled;
use gort_rt::netpoll::Direction;
use gort_sys::raw;
use gort_sys::types::{FlagOption, Linger, RecvFlags};
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net;
use std::time::{Duration, Instant};

/// A connection: [`std::net::TcpStream`], but who waits is the goroutine (or the thread, if it is not
/// one). One party at a time reads, and one writes: others wait for their turn.
///
/// ```
/// use gort::net::{Shutdown, TcpListener, TcpStream};
/// use std::io::{Read, Write};
///
/// # fn main() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let addr = listener.local_addr()?;
/// let echo = gort::go(move || {
///     let (stream, _) = listener.accept()?;
///     std::io::copy(&mut &stream, &mut &stream)
/// });
/// let mut stream = TcpStream::connect(addr)?;
/// stream.write_all(b"there and back")?;
/// stream.shutdown(Shutdown::Write)?;
/// let mut text = String::new();
/// stream.read_to_string(&mut text)?;
/// assert_eq!(text, "there and back");
/// assert_eq!(echo.join().unwrap()?, 14);
/// # Ok(())
/// # }
/// ```
pub struct TcpStream(pub(super) Polled<net::TcpStream>);

socket!(TcpStream = net::TcpStream);

waits!(TcpStream = std::net::TcpStream);

as_std!(TcpStream = std::net::TcpStream {
    fn peer_addr() -> SocketAddr;
    fn local_addr() -> SocketAddr;
    fn shutdown(how: Shutdown) -> ();
    fn set_nodelay(nodelay: bool) -> ();
    fn nodelay() -> bool;
    fn set_ttl(ttl: u32) -> ();
    fn ttl() -> u32;
    fn take_error() -> Option<io::Error>;
});

impl TcpStream {
    /// Connects to the first of the addresses that answers: they are tried in turn, the two families
    /// alternating, each 250 ms after the one before or when that has failed; the first connection that
    /// is made is returned, and the others are dropped (RFC 8305, "happy eyeballs"). Go: `net.Dial`.
    ///
    /// What waits: the goroutine; for names, too, which are looked up by libc.
    ///
    /// # Errors
    ///
    /// The last address's: of socket(2) and connect(2). Those of looking up the name. `InvalidInput` if
    /// there is no address.
    pub fn connect<A: ToSocketAddrs>(addr: A) -> io::Result<TcpStream> {
        connect(resolve(addr)?)
    }

    /// [`connect`](TcpStream::connect) to one address, but not for ever.
    ///
    /// # Errors
    ///
    /// Those of connect(2); `TimedOut`; `InvalidInput` for no time at all.
    pub fn connect_timeout(addr: &SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
        if timeout.is_zero() {
            let text = "cannot set a 0 duration timeout";
            return Err(io::Error::new(ErrorKind::InvalidInput, text));
        }
        connect_one(*addr, Instant::now().checked_add(timeout))
    }

    /// See [`std::net::TcpStream::peek`]. What waits: the goroutine.
    ///
    /// # Errors
    ///
    /// As for reading.
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(|io| recv(io, buf, RecvFlags::PEEK))
    }

    /// Whether and how long dropping waits for what has yet to be sent, in seconds; no time at all
    /// resets the connection. Unstable in std (`tcp_linger`). What waits then is the thread, and with it
    /// whatever else would run there.
    ///
    /// # Errors
    ///
    /// Those of setsockopt(2); `NotConnected` if it has been closed.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        let seconds = linger.map_or(0, |time| time.as_secs().try_into().unwrap_or(i32::MAX));
        let linger = Linger { on: linger.is_some().into(), seconds };
        self.0.ask(|io| Ok(raw::set_socket_linger(io, linger)?))
    }

    /// What [`set_linger`](TcpStream::set_linger) has set.
    ///
    /// # Errors
    ///
    /// Those of getsockopt(2); `NotConnected` if it has been closed.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        let linger = self.0.ask(|io| Ok(raw::socket_linger(io)?))?;
        Ok((linger.on != 0).then(|| Duration::from_secs(linger.seconds.unsigned_abs().into())))
    }

    /// See [`set_quickack`](std::os::linux::net::TcpStreamExt::set_quickack).
    ///
    /// # Errors
    ///
    /// As there; `NotConnected` if it has been closed.
    pub fn set_quickack(&self, quickack: bool) -> io::Result<()> {
        self.0.ask(|io| Ok(raw::set_socket_flag(io, FlagOption::QUICKACK, quickack)?))
    }

    /// See [`quickack`](std::os::linux::net::TcpStreamExt::quickack).
    ///
    /// # Errors
    ///
    /// As there; `NotConnected` if it has been closed.
    pub fn quickack(&self) -> io::Result<bool> {
        self.0.ask(|io| Ok(raw::socket_flag(io, FlagOption::QUICKACK)?))
    }
}

/// How much is read at a time: less than any bound of the kernel's, so that less than this is all there
/// is.
const MOST: usize = 1 << 30;

impl Read for &TcpStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let most = buf.len().min(MOST);
        self.0.read_stream(most, |io| recv(io, &mut buf[..most], RecvFlags::empty()))
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let bufs = takeable(bufs);
        let most = bufs.iter().fold(0, |sum: usize, buf| sum.saturating_add(buf.len())).min(MOST);
        self.0.read_stream(most, |io| recv_vectored(io, bufs))
    }
}

stream!(TcpStream);
