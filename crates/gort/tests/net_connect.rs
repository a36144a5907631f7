//! Connecting to one of several addresses, by name, and not for ever.

mod support;

use gort::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::io::{ErrorKind, Read, Write};
use std::net;
use std::time::Duration;
use support::net::{descriptors, none_left};
use support::{all, matrix, serial};

/// A listener that takes no more connections: they wait to be made, until it is dropped.
struct Deaf {
    addr: SocketAddr,
    _listener: net::TcpListener,
    _waiting: Vec<net::TcpStream>,
}

fn deaf() -> Deaf {
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    gort_sys::raw::listen(&listener, 0).unwrap();
    let addr = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = net::TcpStream::connect_timeout(&addr, Duration::from_millis(50)) {
        waiting.push(stream);
    }
    Deaf { addr, _listener: listener, _waiting: waiting }
}

#[test]
fn not_for_ever() {
    matrix(|_| {
        let deaf = deaf();
        let error = TcpStream::connect_timeout(&deaf.addr, Duration::from_millis(10)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    });
}

/// Where nobody listens.
fn refusing() -> SocketAddr {
    net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The one that answers is taken, wherever it is in the list, and the others are closed.
#[test]
fn the_first_that_answers() {
    matrix(|_| {
        let deaf = deaf();
        let refusing = refusing();
        // Other programs may try the ports of 127.0.0.1.
        let listener = TcpListener::bind("127.71.82.93:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let good = listener.local_addr().unwrap();
        let before = descriptors();
        for list in [
            &[good, deaf.addr][..],
            &[deaf.addr, good],
            &[refusing, good, deaf.addr],
            &[deaf.addr, refusing, good],
        ] {
            let stream = TcpStream::connect(list).unwrap();
            assert_eq!(stream.peer_addr().unwrap(), good);
            assert_eq!(stream.take_error().unwrap().map(|error| error.kind()), None);
            // Once, and no other has been made.
            assert_eq!(listener.accept().unwrap().1, stream.local_addr().unwrap());
            assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
            drop(stream);
            none_left(before);
        }
    });
}

#[test]
fn from_a_thread() {
    let _one = serial();
    let deaf = deaf();
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let good = listener.local_addr().unwrap();
    let stream = TcpStream::connect(&[deaf.addr, good][..]).unwrap();
    assert_eq!(stream.peer_addr().unwrap(), good);
}

/// The last address's error is reported, as std has it.
#[test]
fn the_last_error() {
    // A network's address.
    let unreachable: SocketAddr = "255.255.255.255:9".parse().unwrap();
    matrix(|_| {
        let refusing = refusing();
        for list in [[refusing, unreachable], [unreachable, refusing]] {
            let theirs = net::TcpStream::connect(&list[..]).unwrap_err();
            let ours = TcpStream::connect(&list[..]).unwrap_err();
            assert_eq!(ours.raw_os_error(), theirs.raw_os_error(), "{list:?}");
        }
    });
}

#[test]
fn by_name() {
    matrix(|_| {
        let listener = TcpListener::bind("localhost:0").unwrap();
        let addr = listener.local_addr().unwrap();
        assert!(addr.ip().is_loopback());
        gort::go(move || {
            for stream in listener.incoming().take(20) {
                stream.unwrap().write_all(b"hello").unwrap();
            }
        });
        all(20, |_| {
            let mut text = String::new();
            let mut stream = TcpStream::connect(("localhost", addr.port())).unwrap();
            stream.read_to_string(&mut text).unwrap();
            assert_eq!(text, "hello");
        });
        let socket = UdpSocket::bind("localhost:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        assert_eq!(socket.send_to(b"x", format!("localhost:{port}")).unwrap(), 1);
        let error = TcpStream::connect("no name at all:1").unwrap_err();
        let theirs = net::TcpStream::connect("no name at all:1").unwrap_err();
        assert_eq!(error.to_string(), theirs.to_string());
    });
}
