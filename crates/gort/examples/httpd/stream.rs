//! A connection's two directions, each with a limit on how long it may keep us waiting, plain or with
//! TLS in between.

use gort::net::TcpStream;
use rustls::ServerConnection;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) struct Stream {
    socket: Arc<TcpStream>,
    tls: Option<Box<ServerConnection>>,
    /// Until when one may read.
    until: Option<Instant>,
}

impl Stream {
    /// Writing fails when the client takes nothing for `send_time`.
    pub(crate) fn new(
        socket: Arc<TcpStream>,
        tls: Option<ServerConnection>,
        send_time: Duration,
    ) -> io::Result<Stream> {
        socket.set_write_timeout(Some(send_time))?;
        Ok(Stream { socket, tls: tls.map(Box::new), until: None })
    }

    /// The socket, if what is sent is sent as it is.
    pub(crate) fn plain(&self) -> Option<&TcpStream> {
        self.tls.is_none().then_some(&*self.socket)
    }

    /// Reading fails when this time is over, or a little before: to move a timer for each request costs
    /// more than it is worth.
    pub(crate) fn read_within(&mut self, time: Duration) -> io::Result<()> {
        let until = Instant::now() + time;
        let enough = until - (time / 8).min(Duration::from_secs(1));
        if self.until.is_some_and(|set| (enough..=until).contains(&set)) {
            return Ok(());
        }
        self.until = Some(until);
        self.socket.set_read_deadline(self.until)
    }

    /// Agrees on TLS with the client, in this time.
    pub(crate) fn handshake(&mut self, time: Duration) -> io::Result<()> {
        self.read_within(time)?;
        match &mut self.tls {
            Some(tls) => tls.complete_io(&mut &*self.socket).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Says that there will be no more.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            tls.write_tls(&mut &*self.socket)?;
        }
        self.socket.shutdown(std::net::Shutdown::Write)
    }

    /// Reads bytes that nobody wants, so that the client reads what was sent last: a socket that is
    /// closed with bytes unread resets the connection.
    pub(crate) fn discard(&mut self, mut most: usize) {
        let mut buf = [0; 4096];
        while most > 0 {
            match (&*self.socket).read(&mut buf) {
                Ok(got @ 1..) => most = most.saturating_sub(got),
                _ => return,
            }
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => (&*self.socket).read(buf),
            Some(tls) => rustls::Stream::new(&mut **tls, &mut &*self.socket).read(buf),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => (&*self.socket).write(buf),
            Some(tls) => rustls::Stream::new(&mut **tls, &mut &*self.socket).write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            None => Ok(()),
            Some(tls) => rustls::Stream::new(&mut **tls, &mut &*self.socket).flush(),
        }
    }
}
