//! The kernel's whims at every step: a call is interrupted, takes or gives one byte only, or says that the
//! connection is gone.
//!
//! That a call would block is not among them: the kernel says so only where an event comes afterwards.

use super::Polled;
use gort_rt::netpoll::Direction;
use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

/// What happens instead of one call.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Interrupted,
    Reset,
    /// It is for one byte.
    Short,
}

/// Has one of all calls fail.
struct Shim {
    fault: Fault,
    /// How many calls come before that.
    left: Cell<Option<usize>>,
}

impl Shim {
    fn new(fault: Fault, at: usize) -> Shim {
        Shim { fault, left: Cell::new(Some(at)) }
    }

    /// Whether it has happened.
    fn is_over(&self) -> bool {
        self.left.get().is_none()
    }

    /// How many bytes the next call may move.
    fn next(&self, len: usize) -> io::Result<usize> {
        let left = self.left.get();
        self.left.set(left.and_then(|left| left.checked_sub(1)));
        match (left, self.fault) {
            (Some(0), Fault::Interrupted) => Err(ErrorKind::Interrupted.into()),
            (Some(0), Fault::Reset) => Err(ErrorKind::ConnectionReset.into()),
            (Some(0), Fault::Short) => Ok(1),
            _ => Ok(len),
        }
    }
}

/// More than a socket takes at once, in pieces.
const LEN: usize = 600_000;
const PIECE: usize = 100_000;

fn byte(at: usize) -> u8 {
    (at ^ (at >> 8)) as u8
}

fn end(stream: UnixStream) -> Polled<UnixStream> {
    stream.set_nonblocking(true).unwrap();
    Polled::new(stream).unwrap()
}

/// Sends all, whatever happens. How often the shim's fault was an error to the caller.
fn send(to: &Polled<UnixStream>, shim: &Shim) -> usize {
    let (mut sent, mut errors) = (0, 0);
    while sent < LEN {
        let bytes: Vec<u8> = (sent..LEN.min(sent + PIECE)).map(byte).collect();
        match to.write(|mut io| io.write(&bytes[..shim.next(bytes.len())?])) {
            Ok(count) => sent += count,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                errors += 1;
            }
        }
    }
    errors
}

/// The same for receiving.
fn receive(from: &Polled<UnixStream>, shim: &Shim, stream: bool) -> usize {
    let (mut got, mut errors) = (0, 0);
    let mut bytes = vec![0; PIECE];
    while got < LEN {
        let mut work = |mut io: &UnixStream| {
            let len = shim.next(bytes.len())?;
            io.read(&mut bytes[..len])
        };
        let result =
            if stream { from.read_stream(PIECE, |io| work(io)) } else { from.read(|io| work(io)) };
        match result {
            Ok(0) => panic!("the end, after {got} bytes"),
            Ok(count) => {
                assert!(bytes[..count].iter().enumerate().all(|(i, b)| *b == byte(got + i)));
                got += count;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                errors += 1;
            }
        }
    }
    errors
}

/// Nothing is lost, and nothing but a reset is seen, at whichever call of one side it happens.
fn at_every_call(of: Direction, fault: Fault, stream: bool) {
    for at in 0.. {
        let (here, there) = UnixStream::pair().unwrap();
        let (here, there) = (end(here), end(there));
        let never = move || Shim::new(fault, usize::MAX);
        let (over, errors) = crate::run(|| match of {
            Direction::Read => {
                let sender = crate::go(move || send(&there, &never()));
                let shim = Shim::new(fault, at);
                let errors = receive(&here, &shim, stream);
                assert_eq!(sender.join().unwrap(), 0);
                (shim.is_over(), errors)
            }
            Direction::Write => {
                let receiver = crate::go(move || receive(&there, &never(), stream));
                let shim = Shim::new(fault, at);
                let errors = send(&here, &shim);
                assert_eq!(receiver.join().unwrap(), 0);
                (shim.is_over(), errors)
            }
        });
        if !over {
            assert!(at >= LEN / PIECE, "{at} calls");
            return;
        }
        assert_eq!(errors, usize::from(fault == Fault::Reset), "{fault:?} at {at}");
    }
}

#[test]
fn sending() {
    for fault in [Fault::Interrupted, Fault::Reset, Fault::Short] {
        at_every_call(Direction::Write, fault, false);
    }
}

#[test]
fn receiving() {
    for fault in [Fault::Interrupted, Fault::Reset, Fault::Short] {
        at_every_call(Direction::Read, fault, false);
    }
}

/// Where a short read says that there is no more: one that is cut short would be a lie.
#[test]
fn receiving_from_a_stream() {
    for fault in [Fault::Interrupted, Fault::Reset] {
        at_every_call(Direction::Read, fault, true);
    }
}
