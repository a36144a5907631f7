//! Sockets: std's, but who waits is the goroutine.
//!
//! The types have std's names, methods and errors, so that a program for threads becomes one for
//! goroutines by its `use` lines: `use gort::net::…` for `use std::net::…`, `use gort::net::unix::…` for
//! `use std::os::unix::net::…`. On a thread that is not a goroutine they do what std's do.
//!
//! What is more: deadlines ([`TcpStream::set_read_deadline`]), which may be set while others wait, and
//! `close` ([`TcpStream::close`]), which wakes those who wait.
//!
//! ```
//! use gort::net::{TcpListener, TcpStream};
//! use std::io::{ErrorKind, Read};
//! use std::time::{Duration, Instant};
//!
//! # fn main() -> std::io::Result<()> {
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let mut stream = TcpStream::connect(listener.local_addr()?)?;
//! stream.set_read_deadline(Some(Instant::now() + Duration::from_millis(5)))?;
//! let error = stream.read(&mut [0; 16]).unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::TimedOut);
//! # Ok(())
//! # }
//! ```
//!
//! # Descriptors
//!
//! A socket's descriptor is registered with the poller as long as gort has it, and non-blocking. `from_std`
//! and `From<OwnedFd>` take over any; `into_std`, `OwnedFd::from` and `into_raw_fd` make it blocking again.
//! What is set for one descriptor of a file is set for all ([`TcpStream::try_clone`]); so as long as
//! one is gort's, another should not become std's: of a listener, `accept` would block the thread.

mod connect;
mod descriptor;
mod socket;
mod tcp_listener;
mod tcp_stream;
mod udp;
pub mod unix;

pub use std::net::{
    AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6,
    ToSocketAddrs,
};
pub use tcp_listener::{Incoming, IntoIncoming, TcpListener};
pub use tcp_stream::TcpStream;
pub use udp::UdpSocket;
pub use unix::{UnixDatagram, UnixListener, UnixStream};
