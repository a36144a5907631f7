//! std's sockets on goroutines: what they do is what they do on threads, and what waits is the goroutine.
//!
//! # Safety
//!
//! The kernel writes into buffers of the caller's.

#![allow(unsafe_code)]

use gort_std as _;

#[path = "../../gort/tests/support/mod.rs"]
mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(20);

/// Two ends of a connection.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// Runs `test` on goroutines and on a thread.
fn alike(test: fn()) {
    support::everywhere(test);
}

/// How often goroutines have called a function.
fn calls(name: &str) -> u64 {
    gort_std::taken_over().find(|entry| entry.name == name).unwrap().calls
}

#[test]
fn there_and_back() {
    alike(|| {
        let (mut client, mut server) = pair();
        let echo = gort::go(move || {
            let mut buf = [0; 100];
            while let Ok(got @ 1..) = server.read(&mut buf) {
                server.write_all(&buf[..got]).unwrap();
            }
        });
        for round in 0..200u32 {
            let message = [round as u8; 64];
            client.write_all(&message).unwrap();
            let mut back = [0; 64];
            client.read_exact(&mut back).unwrap();
            assert_eq!(back, message);
        }
        drop(client);
        echo.join().unwrap();
    });
    assert!(calls("recv") > 200 && calls("send") > 200 && calls("connect") != 0);
}

#[test]
fn timeouts() {
    alike(|| {
        let (mut client, server) = pair();
        client.set_read_timeout(Some(SHORT)).unwrap();
        for _ in 0..2 {
            let start = Instant::now();
            let error = client.read(&mut [0; 8]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            assert!(start.elapsed() >= SHORT);
        }
        // Set by the other descriptor of the file.
        let other = client.try_clone().unwrap();
        other.set_read_timeout(None).unwrap();
        let late = gort::go(move || {
            std::thread::sleep(2 * SHORT);
            (&server).write_all(b"late").unwrap();
            server
        });
        let mut buf = [0; 8];
        assert_eq!(client.read(&mut buf).unwrap(), 4);
        let server = late.join().unwrap();
        // Without room.
        server.set_write_timeout(Some(SHORT)).unwrap();
        let mut sent = 0;
        let error = loop {
            match (&server).write(&[0; 100_000]) {
                Ok(count) => sent += count,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert!(sent > 0);
        let mut all = vec![0; sent];
        (&client).read_exact(&mut all).unwrap();
        assert_eq!((&server).write(b"x").unwrap(), 1);
    });
}

#[test]
fn nonblocking_stays_nonblocking() {
    alike(|| {
        let (client, mut server) = pair();
        client.set_nonblocking(true).unwrap();
        let try_it = || (&client).read(&mut [0; 8]).unwrap_err().kind();
        assert_eq!(try_it(), ErrorKind::WouldBlock);
        client.set_nonblocking(false).unwrap();
        let reader = client.try_clone().unwrap();
        let reader = gort::go(move || {
            let mut reader = reader;
            let mut buf = [0; 8];
            let first = reader.read(&mut buf).unwrap();
            (first, reader)
        });
        std::thread::sleep(SHORT);
        server.write_all(b"abc").unwrap();
        let (first, reader) = reader.join().unwrap();
        assert_eq!(first, 3);
        // The read was short; what is set now counts, whichever descriptor it is set by.
        client.set_nonblocking(true).unwrap();
        assert_eq!((&reader).read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(try_it(), ErrorKind::WouldBlock);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn connecting() {
    alike(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let stream = TcpStream::connect_timeout(&addr, Duration::from_secs(5)).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addr);
        drop((stream, listener));
        assert_eq!(TcpStream::connect(addr).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let refused = TcpStream::connect_timeout(&addr, Duration::from_secs(5));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    });
}

/// Nobody answers where a listener's queue is full.
#[test]
fn connecting_takes_long() {
    let _one = support::serial();
    let _watchdog = support::watchdog();
    // It takes a second.
    gort::run(|| {
        let listener = short_listener();
        let addr = listener.local_addr().unwrap();
        let mut there = Vec::new();
        let error = loop {
            match TcpStream::connect_timeout(&addr, SHORT) {
                Ok(stream) => there.push(stream),
                Err(error) => break error,
            }
            assert!(there.len() < 100);
        };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        // One that waits is let in when there is room.
        let waits = gort::go(move || TcpStream::connect(addr).map(|_| ()));
        std::thread::sleep(SHORT);
        let mut accepted = Vec::new();
        for _ in 0..there.len() + 1 {
            accepted.push(listener.accept().unwrap());
        }
        waits.join().unwrap().unwrap();
    });
}

/// A listener with room for as few as may be.
fn short_listener() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    gort_sys::raw::listen(&listener, 1).unwrap();
    listener
}

#[test]
fn shutdown_wakes() {
    alike(|| {
        let (client, server) = pair();
        let reader = client.try_clone().unwrap();
        let reader = gort::go(move || (&reader).read(&mut [0; 8]));
        std::thread::sleep(SHORT);
        client.shutdown(Shutdown::Both).unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), 0);
        assert_eq!((&server).read(&mut [0; 8]).unwrap(), 0);
        assert_eq!((&client).write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn large_writes_are_whole() {
    alike(|| {
        const LEN: usize = 3_000_001;
        let (mut client, mut server) = pair();
        let data: Vec<u8> = (0..LEN).map(|i| (i % 251) as u8).collect();
        let sent = data.clone();
        let writer = gort::go(move || {
            // One call.
            assert_eq!(client.write(&sent).unwrap(), LEN);
            let parts: Vec<_> = sent.chunks(100_003).map(std::io::IoSlice::new).collect();
            assert_eq!(client.write_vectored(&parts).unwrap(), LEN);
        });
        for _ in 0..2 {
            let mut got = vec![0; LEN];
            server.read_exact(&mut got).unwrap();
            assert!(got == data);
        }
        writer.join().unwrap();
        assert_eq!(server.read(&mut [0]).unwrap(), 0);
    });
}

#[test]
fn all_of_it() {
    alike(|| {
        let (mut client, server) = pair();
        let reader = gort::go(move || {
            let mut buf = [0u8; 10];
            let at = buf.as_mut_ptr().cast();
            use std::os::fd::AsRawFd;
            // SAFETY: writes there.
            let got = unsafe { libc::recv(server.as_raw_fd(), at, 10, libc::MSG_WAITALL) };
            (got, buf)
        });
        for part in [&b"one"[..], b"two", b"four"] {
            client.write_all(part).unwrap();
            std::thread::sleep(SHORT / 4);
        }
        assert_eq!(reader.join().unwrap(), (10, *b"onetwofour"));
    });
}

#[test]
fn many_accept_one_listener() {
    alike(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        gort::scope(|scope| {
            for _ in 0..8 {
                scope.go(|| {
                    for _ in 0..4 {
                        listener.accept().unwrap().0.write_all(b"!").unwrap();
                    }
                });
            }
            for _ in 0..32 {
                let mut text = String::new();
                TcpStream::connect(addr).unwrap().read_to_string(&mut text).unwrap();
                assert_eq!(text, "!");
            }
        });
    });
}

#[test]
fn datagrams() {
    alike(|| {
        let (a, b) =
            (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let (to, from) = (a.local_addr().unwrap(), b.local_addr().unwrap());
        let receiver = gort::go(move || {
            let mut buf = [0; 16];
            // Looking takes nothing.
            assert_eq!(a.peek(&mut buf).unwrap(), 5);
            assert_eq!(a.recv_from(&mut buf).unwrap(), (5, from));
            a.set_read_timeout(Some(SHORT)).unwrap();
            assert_eq!(a.recv_from(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
            assert_eq!(a.send_to(b"", from).unwrap(), 0);
        });
        std::thread::sleep(SHORT / 4);
        b.connect(to).unwrap();
        assert_eq!(b.send(b"hello").unwrap(), 5);
        assert_eq!(b.recv(&mut [0; 8]).unwrap(), 0);
        receiver.join().unwrap();
    });
}

#[test]
fn unix_sockets() {
    alike(|| {
        let (mut a, b) = UnixStream::pair().unwrap();
        let reader = gort::go(move || {
            let mut text = String::new();
            (&b).read_to_string(&mut text).unwrap();
            text
        });
        a.write_all(b"one ").unwrap();
        std::thread::sleep(SHORT / 4);
        a.write_all(b"two").unwrap();
        drop(a);
        assert_eq!(reader.join().unwrap(), "one two");

        let (a, b) = UnixDatagram::pair().unwrap();
        let writer = gort::go(move || {
            // There is no room for so many.
            (0..1000u32).for_each(|i| assert_eq!(a.send(&i.to_ne_bytes()).unwrap(), 4));
        });
        std::thread::sleep(SHORT);
        for i in 0..1000u32 {
            let mut buf = [0; 8];
            assert_eq!(b.recv(&mut buf).unwrap(), 4);
            assert_eq!(buf[..4], i.to_ne_bytes());
        }
        writer.join().unwrap();

        let dir = std::env::temp_dir().join(format!("gort-std-{}", std::process::id()));
        let _ = std::fs::remove_file(&dir);
        let listener = UnixListener::bind(&dir).unwrap();
        let accepts = gort::go(move || listener.accept().unwrap().0.write_all(b"hi").unwrap());
        let mut text = String::new();
        UnixStream::connect(&dir).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "hi");
        accepts.join().unwrap();
        std::fs::remove_file(&dir).unwrap();
    });
}
