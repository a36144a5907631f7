//! TCP.

use crate::io::{AsPort, Port};
use crate::polled::Polled;
use gort_rt::netpoll::Direction;
use gort_sys::Errno;
use gort_sys::raw;
use gort_sys::types::{Domain, Protocol, SockFlags, SockType};
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{self, Shutdown, SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

/// A socket that listens: [`std::net::TcpListener`].
#[derive(Debug)]
pub struct TcpListener(Polled<net::TcpListener>);

impl TcpListener {
    /// See [`std::net::TcpListener::bind`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<TcpListener> {
        TcpListener::from_std(net::TcpListener::bind(addr)?)
    }

    /// Makes it one that goroutines wait for.
    ///
    /// # Errors
    ///
    /// Those of epoll_ctl(2).
    pub fn from_std(listener: net::TcpListener) -> io::Result<TcpListener> {
        listener.set_nonblocking(true)?;
        Ok(TcpListener(Polled::new(listener)?))
    }

    /// The next connection. What waits: the goroutine.
    ///
    /// # Errors
    ///
    /// Those of accept(2).
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, addr) = self.0.read(net::TcpListener::accept)?;
        Ok((TcpStream(TcpStream::from_std(stream)?.0.following()), addr))
    }

    /// All that come. See [`std::net::TcpListener::incoming`].
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming(self)
    }

    /// Closes the socket while others use it: who waits for it is woken with an error, and all
    /// that is done with it from now on fails likewise.
    ///
    /// # Errors
    ///
    /// `NotConnected` if it has been closed already.
    pub fn close(&self) -> io::Result<()> {
        self.0.close()
    }

    /// See [`std::net::TcpListener::local_addr`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.io().local_addr()
    }
}

/// See [`TcpListener::incoming`].
#[derive(Debug)]
pub struct Incoming<'a>(&'a TcpListener);

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<io::Result<TcpStream>> {
        Some(self.0.accept().map(|(stream, _)| stream))
    }
}

/// A connection: [`std::net::TcpStream`].
#[derive(Debug)]
pub struct TcpStream(Polled<net::TcpStream>);

impl TcpStream {
    /// Makes it one that goroutines wait for.
    ///
    /// # Errors
    ///
    /// Those of epoll_ctl(2).
    pub fn from_std(stream: net::TcpStream) -> io::Result<TcpStream> {
        stream.set_nonblocking(true)?;
        Ok(TcpStream(Polled::new(stream)?))
    }
}

impl TcpStream {
    /// Connects to the first of the addresses that answers. What waits: the goroutine; for names, which
    /// are looked up in C, too.
    ///
    /// # Errors
    ///
    /// Those of the last address: of socket(2) and connect(2). `InvalidInput` if there is none.
    pub fn connect<A: ToSocketAddrs>(addr: A) -> io::Result<TcpStream> {
        let mut last = io::Error::new(ErrorKind::InvalidInput, "no address to connect to");
        for addr in addr.to_socket_addrs()? {
            match connect(addr, None) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
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
        connect(*addr, Instant::now().checked_add(timeout))
    }

    /// Until when reading may wait; `None` for ever. Who waits already is bound by it, too.
    ///
    /// # Errors
    ///
    /// `OutOfMemory`.
    pub fn set_read_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.0.set_deadline(Direction::Read, deadline)
    }

    /// Until when writing may wait; `None` for ever.
    ///
    /// # Errors
    ///
    /// `OutOfMemory`.
    pub fn set_write_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.0.set_deadline(Direction::Write, deadline)
    }

    /// See [`std::net::TcpStream::set_read_timeout`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.set_timeout(Direction::Read, timeout)
    }

    /// See [`std::net::TcpStream::set_write_timeout`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.set_timeout(Direction::Write, timeout)
    }

    /// See [`std::net::TcpStream::shutdown`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.io().shutdown(how)
    }

    /// See [`std::net::TcpStream::set_nodelay`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.0.io().set_nodelay(nodelay)
    }
}

fn connect(addr: SocketAddr, until: Option<Instant>) -> io::Result<TcpStream> {
    let domain = if addr.is_ipv4() { Domain::INET } else { Domain::INET6 };
    let kind = SockType::STREAM | SockFlags::NONBLOCK | SockFlags::CLOEXEC;
    let socket = raw::socket(domain, kind, Protocol::DEFAULT)?;
    let stream = TcpStream(Polled::new(net::TcpStream::from(socket))?);
    stream.0.set_deadline(Direction::Write, until)?;
    let mut begun = false;
    stream.0.write(|io| {
        if !std::mem::replace(&mut begun, true) {
            return match raw::connect(io, addr) {
                Err(Errno::EINPROGRESS) => Err(ErrorKind::WouldBlock.into()),
                result => Ok(result?),
            };
        }
        match io.take_error()? {
            Some(error) => Err(error),
            // Or it was woken for nothing.
            None => match io.peer_addr() {
                Err(error) if error.kind() == ErrorKind::NotConnected => {
                    Err(ErrorKind::WouldBlock.into())
                }
                result => result.map(|_| ()),
            },
        }
    })?;
    stream.0.set_deadline(Direction::Write, None)?;
    Ok(stream)
}

impl Read for &TcpStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read_stream(buf.len(), |mut io| io.read(buf))
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let most = bufs.iter().map(|buf| buf.len()).sum();
        self.0.read_stream(most, |mut io| io.read_vectored(bufs))
    }
}

impl Write for &TcpStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(|mut io| io.write(buf))
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write(|mut io| io.write_vectored(bufs))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for TcpStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(bufs)
    }
}

impl Write for TcpStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsPort for TcpStream {
    fn port(&self) -> &dyn Port {
        &self.0
    }
}
