//! Connecting to whoever answers first: "happy eyeballs" ([RFC 8305]).
//!
//! A name often has addresses of two families, of which one may lead nowhere. So the addresses of the
//! two take turns; each has [`HEAD_START`] to answer, or to fail, before the next is tried beside it; and
//! the first connection that is made is the one.
//!
//! [RFC 8305]: https://www.rfc-editor.org/rfc/rfc8305

use super::TcpStream;
use crate::chan::{self, RecvTimeoutError};
use crate::{ffi, polled::Polled, scope};
use gort_rt::netpoll::Direction;
use gort_sys::types::{Domain, Protocol, SockFlags, SockType};
use gort_sys::{Errno, raw};
use std::any::type_name;
use std::io::{self, ErrorKind};
use std::net::{self, SocketAddr, ToSocketAddrs};
use std::option;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How long an address is waited for before the next is tried. RFC 8305, "Connection Attempt Delay".
const HEAD_START: Duration = Duration::from_millis(250);

/// What `addr` stands for. If it is a name it is looked up by libc, which waits for as long as that takes:
/// what waits is the goroutine.
pub(super) fn resolve<A: ToSocketAddrs>(addr: A) -> io::Result<A::Iter> {
    // What becomes at most one address is no name to std. Its name says so before it is called.
    if type_name::<A::Iter>() == type_name::<option::IntoIter<SocketAddr>>() {
        return addr.to_socket_addrs();
    }
    ffi::call_with(|| addr.to_socket_addrs())
}

/// What `work` makes of the first address with which it succeeds.
///
/// # Errors
///
/// Those of looking up the addresses; those of `work` with the last; `InvalidInput` if there is none.
pub(super) fn first_of<A: ToSocketAddrs, R>(
    addr: A,
    mut work: impl FnMut(SocketAddr) -> io::Result<R>,
) -> io::Result<R> {
    let mut last = no_address();
    for addr in resolve(addr)? {
        match work(addr) {
            Ok(done) => return Ok(done),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// As std has it.
pub(super) fn no_address() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "could not resolve to any addresses")
}

/// A connection that is being made.
#[derive(Debug)]
struct Attempt {
    stream: TcpStream,
    /// Whether it has been made.
    done: bool,
}

impl Attempt {
    fn begin(addr: SocketAddr) -> io::Result<Attempt> {
        let domain = if addr.is_ipv4() { Domain::INET } else { Domain::INET6 };
        let kind = SockType::STREAM | SockFlags::NONBLOCK | SockFlags::CLOEXEC;
        let socket = raw::socket(domain, kind, Protocol::DEFAULT)?;
        let done = match raw::connect(&socket, addr) {
            Ok(()) => true,
            Err(Errno::EINPROGRESS | Errno::EINTR) => false,
            Err(errno) => return Err(errno.into()),
        };
        let stream = TcpStream(Polled::new(net::TcpStream::from(socket))?);
        Ok(Attempt { stream, done })
    }

    /// Waits for its end.
    fn finish(&self) -> io::Result<()> {
        if self.done {
            return Ok(());
        }
        self.stream.0.write(|io| match io.take_error()? {
            Some(error) => Err(error),
            // Or it has been woken for nothing.
            None => match io.peer_addr() {
                Err(error) if error.kind() == ErrorKind::NotConnected => {
                    Err(ErrorKind::WouldBlock.into())
                }
                result => result.map(|_| ()),
            },
        })
    }
}

/// Connects to one address, until then.
pub(super) fn connect_one(addr: SocketAddr, until: Option<Instant>) -> io::Result<TcpStream> {
    let attempt = Attempt::begin(addr)?;
    if until.is_some() {
        attempt.stream.0.set_deadline(Direction::Write, until)?;
    }
    attempt.finish()?;
    if until.is_some() {
        attempt.stream.0.set_deadline(Direction::Write, None)?;
    }
    Ok(attempt.stream)
}

/// Connects to one of these.
pub(super) fn connect(addrs: impl Iterator<Item = SocketAddr>) -> io::Result<TcpStream> {
    let addrs: Vec<_> = addrs.collect();
    match addrs[..] {
        [] => Err(no_address()),
        [addr] => connect_one(addr, None),
        _ => race(&addrs),
    }
}

fn race(addrs: &[SocketAddr]) -> io::Result<TcpStream> {
    let order = take_turns(addrs);
    let attempts: Vec<_> = addrs.iter().map(|_| OnceLock::new()).collect();
    let (ended, ends) = chan::bounded(addrs.len());
    // As std has it, the last address's error is everybody's.
    let mut last = None;
    let mut failed = |i: usize, error| {
        if i + 1 == addrs.len() {
            last = Some(error);
        }
    };
    let winner = scope(|s| {
        let (mut next, mut running) = (order.iter().peekable(), 0);
        let winner = loop {
            if let Some(&i) = next.next() {
                match Attempt::begin(addrs[i]) {
                    Ok(attempt) => {
                        let attempt = attempts[i].get_or_init(|| attempt);
                        if attempt.done {
                            break Some(i);
                        }
                        running += 1;
                        let ended = &ended;
                        s.go(move || {
                            // There is room for all of them.
                            let _ = ended.send((i, attempt.finish()));
                        });
                    }
                    Err(error) => {
                        failed(i, error);
                        continue;
                    }
                }
            }
            if running == 0 {
                break None;
            }
            let end = match next.peek() {
                Some(_) => ends.recv_timeout(HEAD_START),
                None => ends.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match end {
                Ok((i, Ok(()))) => break Some(i),
                Ok((i, Err(error))) => {
                    running -= 1;
                    failed(i, error);
                }
                Err(_) => {}
            }
        };
        for (i, loser) in attempts.iter().enumerate() {
            if Some(i) != winner
                && let Some(attempt) = loser.get()
            {
                let _ = attempt.stream.close();
            }
        }
        winner
    });
    let won = winner.and_then(|i| attempts.into_iter().nth(i)?.into_inner());
    match won {
        Some(attempt) => Ok(attempt.stream),
        None => Err(last.unwrap_or_else(no_address)),
    }
}

/// The addresses by their places: the first one's family first, and then the two in turn.
fn take_turns(addrs: &[SocketAddr]) -> Vec<usize> {
    let family = |i: &usize| addrs[*i].is_ipv4() == addrs[0].is_ipv4();
    let (first, second): (Vec<_>, Vec<_>) = (0..addrs.len()).partition(family);
    let longest = first.len().max(second.len());
    (0..longest).flat_map(|i| [first.get(i), second.get(i)]).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::take_turns;

    #[test]
    fn families_take_turns() {
        let addrs =
            |list: &[&str]| list.iter().map(|addr| addr.parse().unwrap()).collect::<Vec<_>>();
        let (a, b) = ("[::1]:1", "127.0.0.1:1");
        assert_eq!(take_turns(&addrs(&[a, a, a, b, b])), [0, 3, 1, 4, 2]);
        assert_eq!(take_turns(&addrs(&[b, a, a, a])), [0, 1, 2, 3]);
        assert_eq!(take_turns(&addrs(&[b, b])), [0, 1]);
        assert_eq!(take_turns(&addrs(&[])), [0; 0]);
    }
}
