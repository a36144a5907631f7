//! UDP.

use super::connect::{first_of, resolve};
use super::socket::{SEND, as_std, fresh, recv, recv_from, send, socket, waits};
use super::tcp_listener::internet;
use super::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use crate::polled::Polled;
use gort_rt::netpoll::Direction;
use gort_sys::raw;
use gort_sys::types::RecvFlags;
use std::io;
use std::net;
use std::time::{Duration, Instant};

/// A socket for datagrams: [`std::net::UdpSocket`], but who waits is the goroutine (or the thread, if it
/// is not one).
///
/// ```
/// use gort::net::UdpSocket;
///
/// # fn main() -> std::io::Result<()> {
/// let socket = UdpSocket::bind("127.0.0.1:0")?;
/// let addr = socket.local_addr()?;
/// let receiver = gort::go(move || {
///     let mut buf = [0; 16];
///     let (len, from) = socket.recv_from(&mut buf)?;
///     socket.send_to(&buf[..len], from)
/// });
/// let socket = UdpSocket::bind("127.0.0.1:0")?;
/// socket.send_to(b"hello", addr)?;
/// let mut buf = [0; 16];
/// assert_eq!(socket.recv_from(&mut buf)?, (5, addr));
/// assert_eq!(receiver.join().unwrap()?, 5);
/// # Ok(())
/// # }
/// ```
pub struct UdpSocket(pub(super) Polled<net::UdpSocket>);

socket!(UdpSocket = net::UdpSocket);

waits!(UdpSocket = std::net::UdpSocket);

as_std!(UdpSocket = std::net::UdpSocket {
    fn peer_addr() -> SocketAddr;
    fn local_addr() -> SocketAddr;
    fn set_broadcast(broadcast: bool) -> ();
    fn broadcast() -> bool;
    fn set_multicast_loop_v4(multicast_loop_v4: bool) -> ();
    fn multicast_loop_v4() -> bool;
    fn set_multicast_ttl_v4(multicast_ttl_v4: u32) -> ();
    fn multicast_ttl_v4() -> u32;
    fn set_multicast_loop_v6(multicast_loop_v6: bool) -> ();
    fn multicast_loop_v6() -> bool;
    fn set_ttl(ttl: u32) -> ();
    fn ttl() -> u32;
    fn join_multicast_v4(multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> ();
    fn join_multicast_v6(multiaddr: &Ipv6Addr, interface: u32) -> ();
    fn leave_multicast_v4(multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> ();
    fn leave_multicast_v6(multiaddr: &Ipv6Addr, interface: u32) -> ();
    fn take_error() -> Option<io::Error>;
});

impl UdpSocket {
    /// See [`std::net::UdpSocket::bind`]. What waits: the goroutine, for names that are looked up.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<UdpSocket> {
        fresh(first_of(addr, net::UdpSocket::bind)?).map(UdpSocket)
    }

    /// See [`std::net::UdpSocket::connect`]. What waits: the goroutine, for names that are looked up.
    ///
    /// # Errors
    ///
    /// As there; `NotConnected` if it has been closed.
    pub fn connect<A: ToSocketAddrs>(&self, addr: A) -> io::Result<()> {
        first_of(addr, |addr| self.0.ask(|io| io.connect(addr)))
    }

    /// See [`std::net::UdpSocket::recv_from`]. What waits: the goroutine.
    ///
    /// # Errors
    ///
    /// As there; `TimedOut` for the deadline; `NotConnected` if it has been closed.
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.recv_as(buf, RecvFlags::empty())
    }

    /// See [`std::net::UdpSocket::peek_from`]. What waits: the goroutine.
    ///
    /// # Errors
    ///
    /// As for [`recv_from`](UdpSocket::recv_from).
    pub fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.recv_as(buf, RecvFlags::PEEK)
    }

    fn recv_as(&self, buf: &mut [u8], flags: RecvFlags) -> io::Result<(usize, SocketAddr)> {
        let (len, from) = self.0.read(|io| recv_from(io, buf, flags))?;
        Ok((len, internet(&from)?))
    }

    /// See [`std::net::UdpSocket::recv`]. What waits: the goroutine.
    ///
    /// # Errors
    ///
    /// As for [`recv_from`](UdpSocket::recv_from).
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(|io| recv(io, buf, RecvFlags::empty()))
    }

    /// See [`std::net::UdpSocket::peek`]. What waits: the goroutine.
    ///
    /// # Errors
    ///
    /// As for [`recv_from`](UdpSocket::recv_from).
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(|io| recv(io, buf, RecvFlags::PEEK))
    }

    /// See [`std::net::UdpSocket::send_to`]. What waits: the goroutine, for room, and for a name that
    /// is looked up.
    ///
    /// # Errors
    ///
    /// As there; `TimedOut` for the deadline; `NotConnected` if it has been closed.
    pub fn send_to<A: ToSocketAddrs>(&self, buf: &[u8], addr: A) -> io::Result<usize> {
        // As std has it, the first is the one.
        let addr = resolve(addr)?.next().ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "no addresses to send data to")
        })?;
        self.0.write(|io| Ok(raw::sendto(io, buf, SEND, addr)?))
    }

    /// See [`std::net::UdpSocket::send`]. What waits: the goroutine, for room.
    ///
    /// # Errors
    ///
    /// As there; `TimedOut` for the deadline; `NotConnected` if it has been closed.
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(|io| send(io, buf))
    }
}
