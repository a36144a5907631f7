//! Closing sockets and setting deadlines while others wait.

mod support;

use gort::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::net::{Rng, descriptors, none_left, start};
use support::{matrix, settle, spin};

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (here, listener.accept().unwrap().0)
}

/// What ends a wait.
type End = fn(&Waiter) -> io::Result<()>;

/// A socket that somebody waits for.
enum Waiter {
    Accept(TcpListener),
    UnixAccept(UnixListener),
    Read(TcpStream, #[expect(dead_code, reason = "keeps the connection")] TcpStream),
    Write(TcpStream, #[expect(dead_code, reason = "keeps the connection")] TcpStream),
    UnixRead(UnixStream, #[expect(dead_code, reason = "keeps the connection")] UnixStream),
    Recv(UdpSocket),
    UnixRecv(UnixDatagram),
}

impl Waiter {
    fn all() -> impl Iterator<Item = Waiter> {
        (0..7).map(|kind| match kind {
            0 => Waiter::Accept(TcpListener::bind("127.0.0.1:0").unwrap()),
            1 => {
                let name = std::os::unix::net::SocketAddr::from_pathname("").unwrap();
                Waiter::UnixAccept(UnixListener::bind_addr(&name).unwrap())
            }
            2 => {
                let (here, there) = pair();
                Waiter::Read(here, there)
            }
            3 => {
                let (here, there) = pair();
                here.set_nonblocking(true).unwrap();
                let full = (&here).write_all(&vec![0; 64 << 20]).unwrap_err();
                assert_eq!(full.kind(), ErrorKind::WouldBlock);
                here.set_nonblocking(false).unwrap();
                Waiter::Write(here, there)
            }
            4 => {
                let (here, there) = UnixStream::pair().unwrap();
                Waiter::UnixRead(here, there)
            }
            5 => Waiter::Recv(UdpSocket::bind("127.0.0.1:0").unwrap()),
            _ => Waiter::UnixRecv(UnixDatagram::unbound().unwrap()),
        })
    }

    fn wait(&self) -> io::Error {
        let mut buf = [0; 64 << 10];
        match self {
            Waiter::Accept(socket) => socket.accept().map(|_| ()),
            Waiter::UnixAccept(socket) => socket.accept().map(|_| ()),
            Waiter::Read(socket, _) => (&mut &*socket).read(&mut buf).map(|_| ()),
            // The peer's window may let in some more.
            Waiter::Write(socket, _) => (&mut &*socket).write_all(&vec![0; 64 << 20]),
            Waiter::UnixRead(socket, _) => (&mut &*socket).read(&mut buf).map(|_| ()),
            Waiter::Recv(socket) => socket.recv(&mut buf).map(|_| ()),
            Waiter::UnixRecv(socket) => socket.recv(&mut buf).map(|_| ()),
        }
        .unwrap_err()
    }

    fn close(&self) -> io::Result<()> {
        match self {
            Waiter::Accept(socket) => socket.close(),
            Waiter::UnixAccept(socket) => socket.close(),
            Waiter::Read(socket, _) | Waiter::Write(socket, _) => socket.close(),
            Waiter::UnixRead(socket, _) => socket.close(),
            Waiter::Recv(socket) => socket.close(),
            Waiter::UnixRecv(socket) => socket.close(),
        }
    }

    fn set_deadline(&self, when: Option<Instant>) -> io::Result<()> {
        match self {
            Waiter::Accept(socket) => socket.set_deadline(when),
            Waiter::UnixAccept(socket) => socket.set_deadline(when),
            Waiter::Read(socket, _) => socket.set_read_deadline(when),
            Waiter::Write(socket, _) => socket.set_write_deadline(when),
            Waiter::UnixRead(socket, _) => socket.set_read_deadline(when),
            Waiter::Recv(socket) => socket.set_read_deadline(when),
            Waiter::UnixRecv(socket) => socket.set_read_deadline(when),
        }
    }

    fn past(&self) -> io::Result<()> {
        self.set_deadline(Some(Instant::now()))
    }

    fn soon(&self) -> io::Result<()> {
        self.set_deadline(Some(Instant::now() + Duration::from_millis(1)))
    }
}

/// Ends the waits of `count` goroutines or threads, at any moment of theirs.
fn ends(end: End, kind: ErrorKind, rounds: usize) {
    matrix(|procs| {
        let before = descriptors();
        let mut rng = Rng(procs as u64);
        for round in 0..rounds {
            for waiter in Waiter::all() {
                let waiter = Arc::new(waiter);
                let waits: Vec<_> = (0..2)
                    .map(|i| {
                        let waiter = Arc::clone(&waiter);
                        start((round + i) % 3 != 0, move || waiter.wait().kind())
                    })
                    .collect();
                match round % 4 {
                    0 => settle(),
                    1 => gort::gosched(),
                    _ => spin(rng.below(20_000) as u64),
                }
                end(&waiter).unwrap();
                for wait in waits {
                    assert_eq!(wait.recv().unwrap(), kind);
                }
            }
        }
        none_left(before);
    });
}

#[test]
fn closed_while_others_wait() {
    ends(Waiter::close, ErrorKind::NotConnected, 40);
}

#[test]
fn deadline_in_the_past_while_others_wait() {
    ends(Waiter::past, ErrorKind::TimedOut, 40);
}

#[test]
fn deadline_while_others_wait() {
    ends(Waiter::soon, ErrorKind::TimedOut, 20);
}

/// A deadline that is put off, or taken away, while somebody waits.
#[test]
fn deadline_put_off() {
    matrix(|_| {
        let (here, there) = pair();
        let here = Arc::new(here);
        // A timeout, too, which is longer.
        for timeout in [None, Some(Duration::from_secs(100))] {
            here.set_read_timeout(timeout).unwrap();
            here.set_read_deadline(Some(Instant::now() + Duration::from_millis(10))).unwrap();
            let reader = Arc::clone(&here);
            let wait = start(true, move || (&*reader).read(&mut [0; 8]));
            gort::gosched();
            here.set_read_deadline(None).unwrap();
            gort::time::sleep(Duration::from_millis(20));
            (&there).write_all(b"x").unwrap();
            match wait.recv().unwrap() {
                Ok(len) => assert_eq!(len, 1),
                // It came too late, on a busy machine.
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::TimedOut);
                    assert_eq!((&*here).read(&mut [0; 8]).unwrap(), 1);
                }
            }
        }
    });
}

/// A deadline that is set over and over, while somebody waits, does not make the timeout begin again.
#[test]
fn deadline_beside_a_timeout() {
    matrix(|_| {
        let (here, _there) = pair();
        let here = Arc::new(here);
        here.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let reader = Arc::clone(&here);
        let start_of_it = Instant::now();
        let wait = start(true, move || (&*reader).read(&mut [0; 8]));
        let error = loop {
            here.set_read_deadline(Some(Instant::now() + Duration::from_secs(1000))).unwrap();
            gort::time::sleep(Duration::from_millis(1));
            if let Ok(result) = wait.try_recv() {
                break result.unwrap_err();
            }
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert!(start_of_it.elapsed() >= Duration::from_millis(20));
        // The next one begins with a timeout of its own, also if a deadline was told in between.
        std::thread::sleep(Duration::from_millis(30));
        here.set_read_deadline(None).unwrap();
        let start = Instant::now();
        assert_eq!((&*here).read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(start.elapsed() >= Duration::from_millis(20));
        here.set_read_timeout(None).unwrap();
        here.set_read_deadline(Some(Instant::now() + Duration::from_millis(5))).unwrap();
        assert_eq!((&*here).read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::TimedOut);
    });
}

/// It fails although there is something to be had; and later there is no deadline.
#[test]
fn deadline_in_the_past() {
    matrix(|_| {
        let (mut here, mut there) = pair();
        there.write_all(b"abc").unwrap();
        assert_eq!(here.peek(&mut [0; 8]).unwrap(), 3);
        let start = Instant::now();
        here.set_read_deadline(Some(start)).unwrap();
        for _ in 0..3 {
            assert_eq!(here.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::TimedOut);
            assert_eq!(here.peek(&mut [0; 8]).unwrap_err().kind(), ErrorKind::TimedOut);
        }
        // Of the other direction nothing has been said.
        here.write_all(b"x").unwrap();
        here.set_write_deadline(Some(start)).unwrap();
        assert_eq!(here.write(b"x").unwrap_err().kind(), ErrorKind::TimedOut);
        here.set_write_deadline(Some(Instant::now() + Duration::from_secs(1000))).unwrap();
        here.write_all(b"x").unwrap();
        here.set_read_deadline(None).unwrap();
        assert_eq!(here.read(&mut [0; 8]).unwrap(), 3);
    });
}

#[test]
fn deadlines_and_timeouts() {
    matrix(|_| {
        let (mut here, _there) = pair();
        let start = Instant::now();
        here.set_read_deadline(Some(start + Duration::from_millis(20))).unwrap();
        assert_eq!(here.read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(start.elapsed() >= Duration::from_millis(20));
        here.set_read_deadline(None).unwrap();
        here.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        for _ in 0..3 {
            let start = Instant::now();
            assert_eq!(here.read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::WouldBlock);
            assert!(start.elapsed() >= Duration::from_millis(5));
        }
        // The earlier one counts.
        let start = Instant::now();
        here.set_read_timeout(Some(Duration::from_secs(1000))).unwrap();
        here.set_read_deadline(Some(start + Duration::from_millis(5))).unwrap();
        assert_eq!(here.read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::TimedOut);
        let none = here.set_read_timeout(Some(Duration::ZERO)).unwrap_err();
        assert_eq!(none.kind(), ErrorKind::InvalidInput);
    });
}

/// After it has been closed everything fails alike, also what does not wait.
#[test]
fn closed() {
    matrix(|_| {
        let (here, mut there) = pair();
        here.close().unwrap();
        assert_eq!(there.read(&mut [0; 8]).unwrap(), 0);
        let number = format!("{here:?}");
        assert!(number.starts_with("TcpStream { fd: "), "{number}");
        fn fails<T>(result: io::Result<T>) {
            assert_eq!(result.err().unwrap().kind(), ErrorKind::NotConnected);
        }
        fails((&here).read(&mut [0; 8]));
        fails((&here).write(b"x"));
        fails(here.peek(&mut [0; 8]));
        fails(here.peer_addr());
        fails(here.set_nodelay(true));
        fails(here.set_nonblocking(true));
        fails(here.read_timeout());
        fails(here.set_read_deadline(None));
        fails(here.try_clone());
        fails(here.close());
        fails(here.into_std());
        let (here, mut there) = pair();
        let clone = here.try_clone().unwrap();
        here.close().unwrap();
        (&clone).write_all(b"x").unwrap();
        assert_eq!(there.read(&mut [0; 8]).unwrap(), 1);
    });
}

/// Closing, while a peer sends and others read and write.
#[test]
fn closed_in_full_swing() {
    matrix(|procs| {
        let mut rng = Rng(procs as u64 + 7);
        for _ in 0..100 {
            let (here, there) = pair();
            gort::scope(|s| {
                let here = &here;
                let there = &there;
                for stream in [here, there] {
                    s.go(move || {
                        let mut stream = stream;
                        while stream.write(&[7; 10_000]).is_ok() {}
                    });
                    s.go(move || {
                        let mut stream = stream;
                        while stream.read(&mut [0; 10_000]).is_ok_and(|len| len != 0) {}
                    });
                }
                spin(rng.below(300_000) as u64);
                gort::gosched();
                here.close().unwrap();
            });
        }
    });
}
