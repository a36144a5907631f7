//! TCP, with std's sockets on the other side and without.
//!
//! # Safety
//!
//! A descriptor's number becomes a socket once.

#![allow(unsafe_code)]

mod support;

use gort::net::{Shutdown, TcpListener, TcpStream};
use gort_sys::types::OFlags;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::time::Duration;
use support::net::start;
use support::{all, matrix};

/// Two that are connected.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (here, listener.accept().unwrap().0)
}

fn echo(listener: TcpListener, count: usize) {
    for stream in listener.incoming().take(count) {
        let stream = stream.unwrap();
        gort::go(move || std::io::copy(&mut &stream, &mut &stream).unwrap());
    }
}

/// Says `rounds` messages of one's own, and reads them back.
fn chat(mut stream: impl Read + Write, who: usize, rounds: usize) {
    for round in 0..rounds {
        let message = format!("message {round} of {who}");
        stream.write_all(message.as_bytes()).unwrap();
        let mut answer = vec![0; message.len()];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, message.as_bytes());
    }
}

#[test]
fn echo_of_many() {
    matrix(|_| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let server = gort::go(move || echo(listener, 50));
        all(50, |i| chat(TcpStream::connect(addr).unwrap(), i, 100));
        server.join().unwrap();
    });
}

#[test]
fn clients_of_std() {
    matrix(|_| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let server = gort::go(move || echo(listener, 8));
        let clients: Vec<_> = (0..8)
            .map(|i| start(false, move || chat(net::TcpStream::connect(addr).unwrap(), i, 100)))
            .collect();
        clients.into_iter().for_each(|client| client.recv().unwrap());
        server.join().unwrap();
    });
}

#[test]
fn a_server_of_std() {
    matrix(|_| {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let server = start(false, move || {
            std::thread::scope(|s| {
                for stream in listener.incoming().take(12) {
                    let stream = stream.unwrap();
                    s.spawn(move || std::io::copy(&mut &stream, &mut &stream).unwrap());
                }
            });
        });
        // Half of them on ordinary threads.
        let clients: Vec<_> = (0..12)
            .map(|i| start(i % 2 == 0, move || chat(TcpStream::connect(addr).unwrap(), i, 100)))
            .collect();
        clients.into_iter().for_each(|client| client.recv().unwrap());
        server.recv().unwrap();
    });
}

#[test]
fn much_each_way() {
    matrix(|_| {
        let (here, there) = pair();
        let bytes: Vec<u8> =
            (0..3_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        gort::scope(|s| {
            for stream in [&here, &there] {
                let bytes = &bytes;
                s.go(move || {
                    let (mut stream, half) = (stream, bytes.len() / 2);
                    stream.write_all(&bytes[..half]).unwrap();
                    let parts: Vec<_> = bytes[half..].chunks(1000).map(IoSlice::new).collect();
                    let mut at = half;
                    while at < bytes.len() {
                        let part = (at - half) / 1000;
                        let skip = (at - half) % 1000;
                        at += match skip {
                            0 => stream.write_vectored(&parts[part..]).unwrap(),
                            _ => stream.write(&parts[part][skip..]).unwrap(),
                        };
                    }
                    stream.shutdown(Shutdown::Write).unwrap();
                });
                s.go(move || {
                    let (mut stream, mut got) = (stream, Vec::new());
                    let mut space = [[0u8; 777]; 100];
                    loop {
                        let mut slices: Vec<_> =
                            space.iter_mut().map(|one| IoSliceMut::new(one)).collect();
                        let len = stream.read_vectored(&mut slices).unwrap();
                        if len == 0 {
                            break;
                        }
                        got.extend_from_slice(&space.as_flattened()[..len]);
                    }
                    assert!(got == *bytes);
                });
            }
        });
    });
}

#[test]
fn half_closed() {
    matrix(|_| {
        let (mut here, mut there) = pair();
        here.write_all(b"question").unwrap();
        here.shutdown(Shutdown::Write).unwrap();
        let mut text = String::new();
        there.read_to_string(&mut text).unwrap();
        assert_eq!(text, "question");
        assert_eq!(here.write(b"more").unwrap_err().kind(), ErrorKind::BrokenPipe);
        // One who waits learns of it, too.
        let reader = start(true, move || {
            let mut text = String::new();
            here.read_to_string(&mut text).unwrap();
            text
        });
        support::settle();
        there.write_all(b"answer").unwrap();
        drop(there);
        assert_eq!(reader.recv().unwrap(), "answer");

        let (here, there) = pair();
        let reader = start(true, move || (&here).read(&mut [0; 8]).map(|n| (n, here)));
        support::settle();
        there.shutdown(Shutdown::Both).unwrap();
        let (n, mut here) = reader.recv().unwrap().unwrap();
        assert_eq!(n, 0);
        assert_eq!(here.read(&mut [0; 8]).unwrap(), 0);
    });
}

#[test]
fn reset() {
    matrix(|procs| {
        for round in 0..50 {
            for goroutine in [true, false] {
                let (here, there) = pair();
                let reader = start(goroutine, move || (&here).read(&mut [0; 8]).map(|_| ()));
                if round % 2 == 0 {
                    support::settle();
                }
                there.set_linger(Some(Duration::ZERO)).unwrap();
                assert_eq!(there.linger().unwrap(), Some(Duration::ZERO));
                drop(there);
                let error = reader.recv().unwrap().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{procs}");
            }
        }
        // Who writes waits for room, and is told as well.
        let (here, there) = pair();
        let writer = start(true, move || (&here).write_all(&vec![0; 64 << 20]));
        support::settle();
        there.set_linger(Some(Duration::ZERO)).unwrap();
        drop(there);
        let kind = writer.recv().unwrap().unwrap_err().kind();
        assert!(matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{kind:?}");
    });
}

#[test]
fn a_look_ahead() {
    matrix(|_| {
        let (mut here, mut there) = pair();
        // A short read: the next one would wait for an event.
        there.write_all(b"x").unwrap();
        assert_eq!(here.read(&mut [0; 8]).unwrap(), 1);
        let writer = start(true, move || {
            support::settle();
            there.write_all(b"abc").unwrap();
            there
        });
        let mut buf = [0; 8];
        // Which this one takes.
        assert_eq!(here.peek(&mut buf).unwrap(), 3);
        assert_eq!(here.peek(&mut buf[..2]).unwrap(), 2);
        assert_eq!(here.read(&mut buf).unwrap(), 3);
        assert_eq!(&buf[..3], b"abc");
        drop(writer.recv());
        assert_eq!(here.peek(&mut buf).unwrap(), 0);
    });
}

#[test]
fn handed_to_and_fro() {
    matrix(|_| {
        let (here, there) = pair();
        let number = here.as_raw_fd();
        here.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut here = here.into_std().unwrap();
        assert_eq!(here.as_raw_fd(), number);
        assert_eq!(here.read_timeout().unwrap(), Some(Duration::from_secs(5)));
        assert_eq!(here.write_timeout().unwrap(), None);
        // It blocks.
        let writer = start(false, move || {
            std::thread::sleep(Duration::from_millis(5));
            (&there).write_all(b"one").unwrap();
            there
        });
        assert_eq!(here.read(&mut [0; 8]).unwrap(), 3);
        let there = writer.recv().unwrap();
        here.set_nonblocking(true).unwrap();
        let here = TcpStream::from_std(here).unwrap();
        assert_eq!(here.read_timeout().unwrap(), Some(Duration::from_secs(5)));
        // It waits.
        let writer = start(true, move || {
            support::settle();
            (&there).write_all(b"two").unwrap();
            there
        });
        assert_eq!((&here).read(&mut [0; 8]).unwrap(), 3);
        let there = writer.recv().unwrap();
        here.set_read_timeout(None).unwrap();
        here.set_nonblocking(true).unwrap();
        assert_eq!((&here).read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        let mut here = net::TcpStream::from(OwnedFd::from(here));
        assert_eq!(here.read_timeout().unwrap(), None);
        assert_eq!(here.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        let here = TcpStream::from(OwnedFd::from(here));
        chat_once(&here, &there);
        assert_eq!(here.as_fd().as_raw_fd(), number);
        // SAFETY: the other gives it away.
        let here = unsafe { TcpStream::from_raw_fd(here.into_raw_fd()) };
        chat_once(&here, &there);
    });
}

fn chat_once(mut here: &TcpStream, mut there: &TcpStream) {
    here.write_all(b"ping").unwrap();
    let mut buf = [0; 4];
    there.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"ping");
}

/// With std, a connection and its clone are one socket.
#[test]
fn clones() {
    matrix(|_| {
        let (here, there) = pair();
        let other = here.try_clone().unwrap();
        chat_once(&here, &there);
        chat_once(&other, &there);
        here.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        assert_eq!(other.read_timeout().unwrap(), Some(Duration::from_millis(2)));
        assert_eq!((&other).read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!((&here).read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        other.set_read_timeout(None).unwrap();
        // Both wait again, however often a timeout has ended a wait before; both are woken.
        let (one, two) = (start(true, reads(here)), start(false, reads(other)));
        std::thread::sleep(Duration::from_millis(5));
        (&there).write_all(b"x").unwrap();
        gort::chan::select! {
            recv(one) -> answer => assert_eq!(answer.unwrap().unwrap(), 1),
            recv(two) -> answer => assert_eq!(answer.unwrap().unwrap(), 1),
        }
        drop(there);
        let rest = one.recv().or_else(|_| two.recv()).unwrap();
        assert_eq!(rest.unwrap(), 0);
    });
}

fn reads(stream: TcpStream) -> impl FnOnce() -> std::io::Result<usize> + Send {
    move || (&stream).read(&mut [0; 8])
}

/// A clone that has become std's makes the file blocking: ours does not block its thread.
#[test]
fn a_clone_of_std() {
    matrix(|_| {
        let (here, there) = pair();
        let other = here.try_clone().unwrap().into_std().unwrap();
        let waits = start(true, reads(here));
        support::settle();
        (&there).write_all(b"x").unwrap();
        assert_eq!(waits.recv().unwrap().unwrap(), 1);
        // The kernel would let it wait here.
        there.set_nonblocking(true).unwrap();
        there.try_clone().unwrap().into_std().unwrap().set_nonblocking(false).unwrap();
        assert_eq!((&there).read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        let mut buf = [0; 8];
        let mut slices = [IoSliceMut::new(&mut buf)];
        assert_eq!((&there).read_vectored(&mut slices).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(there.peek(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        let full = (&there).write_all(&vec![0; 64 << 20]).unwrap_err();
        assert_eq!(full.kind(), ErrorKind::WouldBlock);
        drop(other);
    });
}

/// Whoever uses the descriptor itself finds it non-blocking, and closed to programs that are started.
#[test]
fn descriptors_of_sockets() {
    let check = |socket: &dyn AsRawFd| {
        let path = format!("/proc/self/fdinfo/{}", socket.as_raw_fd());
        let text = std::fs::read_to_string(path).unwrap();
        let flags = text.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
        let flags = OFlags::from_bits_retain(u32::from_str_radix(flags.trim(), 8).unwrap());
        assert!(flags.contains(OFlags::NONBLOCK | OFlags::CLOEXEC), "{flags:?}");
    };
    matrix(|_| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (there, _) = listener.accept().unwrap();
        check(&listener);
        check(&here);
        check(&there);
        check(&here.try_clone().unwrap());
        check(&TcpStream::from_std(there.into_std().unwrap()).unwrap());
        check(&gort::net::UdpSocket::bind("127.0.0.1:0").unwrap());
        check(&gort::net::UnixDatagram::unbound().unwrap());
        let (here, there) = gort::net::UnixStream::pair().unwrap();
        check(&here);
        check(&there);
    });
}

#[test]
fn refused() {
    matrix(|_| {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        drop(listener);
        let refused = |result: std::io::Result<TcpStream>| {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        };
        refused(TcpStream::connect(addr));
        refused(TcpStream::connect_timeout(&addr, Duration::from_secs(5)));
        refused(TcpStream::connect(&[addr, addr, addr][..]));
        let error = TcpStream::connect_timeout(&addr, Duration::ZERO).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(TcpStream::connect(&[][..]).unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}
