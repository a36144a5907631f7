//! Too many descriptors, descriptors left behind, and the end of the program, or of a child that was forked.
//!
//! # Safety
//!
//! A child that was forked does what its parent could do there, and ends.

#![allow(unsafe_code)]

mod support;

use gort::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use gort_sys::Errno;
use gort_sys::raw;
use gort_sys::types::{Resource, Rlimit};
use std::io::{Read, Write};
use std::net;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;
use support::net::{descriptors, none_left, start};
use support::{Child, is_child, matrix, serial, stderr};

/// All the descriptors that there may be.
fn take_all() -> Vec<OwnedFd> {
    let limit = Rlimit { current: 100, max: 100 };
    raw::setrlimit(Resource::NOFILE, &limit).unwrap();
    let copies = std::iter::from_fn(|| std::io::stderr().as_fd().try_clone_to_owned().ok());
    copies.collect()
}

/// `accept` says that there are too many descriptors, and goes on when there are fewer.
#[test]
fn too_many_descriptors() {
    let _one = serial();
    for label in ["1", "2", "4", "16"] {
        let output = Child::new(label, || {
            gort::run(|| {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let addr = listener.local_addr().unwrap();
                let mut clients: Vec<_> =
                    (0..3).map(|_| net::TcpStream::connect(addr).unwrap()).collect();
                let mut all = take_all();
                for _ in 0..3 {
                    let error = listener.accept().unwrap_err();
                    assert_eq!(error.raw_os_error(), Some(Errno::EMFILE.raw()));
                    assert_eq!(UdpSocket::bind("127.0.0.1:0").unwrap_err().kind(), error.kind());
                    assert_eq!(TcpStream::connect(addr).unwrap_err().kind(), error.kind());
                    assert_eq!(listener.try_clone().unwrap_err().kind(), error.kind());
                }
                drop(all.pop());
                for client in &mut clients {
                    let (mut stream, _) = listener.accept().unwrap();
                    stream.write_all(b"x").unwrap();
                    drop(stream);
                    assert_eq!(client.read(&mut [0; 8]).unwrap(), 1);
                }
            });
        })
        .env("GOMAXPROCS", label)
        .run();
        if !is_child() {
            assert!(output.status.success(), "{}", stderr(&output));
        }
    }
}

/// Whoever has all descriptors but one gets that one, however often the runtime looks at its threads.
#[test]
fn none_is_missing() {
    let _one = serial();
    for label in ["1", "2", "4", "16"] {
        let output = Child::new(label, || {
            gort::run(|| {
                let mut all = take_all();
                drop(all.pop());
                for _ in 0..4 {
                    gort::go(|| {
                        loop {
                            std::thread::sleep(Duration::from_micros(200));
                        }
                    });
                }
                let start = std::time::Instant::now();
                while start.elapsed() < Duration::from_millis(500) {
                    drop(std::io::stderr().as_fd().try_clone_to_owned().unwrap());
                }
            });
        })
        .env("GOMAXPROCS", label)
        .run();
        if !is_child() {
            assert!(output.status.success(), "{}", stderr(&output));
        }
    }
}

/// The main goroutine ends, and the program with it, whatever others wait for.
#[test]
fn sockets_left_open() {
    let _one = serial();
    for label in ["1", "2", "4", "16"] {
        let output = Child::new(label, || {
            gort::run(|| {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let addr = listener.local_addr().unwrap();
                let mut stream = TcpStream::connect(addr).unwrap();
                let (there, _) = listener.accept().unwrap();
                there.set_read_timeout(Some(Duration::from_secs(1000))).unwrap();
                gort::go(move || listener.accept());
                gort::go(move || stream.write_all(&vec![0; 64 << 20]));
                let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
                std::thread::spawn(move || udp.recv(&mut [0; 8]));
                gort::go(move || (&there).read_exact(&mut vec![0; 65 << 20]));
                support::settle();
            });
        })
        .env("GOMAXPROCS", label)
        .run();
        if !is_child() {
            assert!(output.status.success(), "{}", stderr(&output));
            assert_eq!(stderr(&output), "");
        }
    }
}

/// Whatever way a socket goes, its descriptor goes with it, once.
#[test]
fn none_is_left() {
    matrix(|_| {
        let before = descriptors();
        for _ in 0..200 {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let addr = listener.local_addr().unwrap();
            let client = start(true, move || TcpStream::connect(addr).unwrap());
            let (stream, _) = listener.accept().unwrap();
            let clone = stream.try_clone().unwrap();
            stream.close().unwrap();
            drop(stream);
            drop(OwnedFd::from(clone.try_clone().unwrap()));
            drop(clone.into_std().unwrap());
            let client = client.recv().unwrap();
            let fd = client.as_fd().try_clone_to_owned().unwrap();
            drop(TcpStream::from(fd));
            assert_eq!((&client).read(&mut [0; 8]).unwrap(), 0);
            drop(listener.into_std().unwrap());
            drop(UnixListener::bind_addr(&unnamed()).unwrap());
            drop(UnixStream::pair().unwrap());
            let (here, there) = UnixDatagram::pair().unwrap();
            here.close().unwrap();
            drop((here, there));
        }
        none_left(before);
    });
}

fn unnamed() -> gort::net::unix::SocketAddr {
    gort::net::unix::SocketAddr::from_pathname("").unwrap()
}

/// What cannot be polled is refused, and not left open.
#[test]
fn not_a_socket() {
    matrix(|_| {
        let before = descriptors();
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        let text = support::panics(|| TcpStream::from(OwnedFd::from(file)));
        assert!(text.contains("cannot be polled"), "{text}");
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        assert!(TcpStream::from_std(OwnedFd::from(file).into()).is_err());
        none_left(before);
    });
}

/// A child that was forked, and lets go of what it has inherited, has the queues of its parent.
#[test]
fn a_forked_child_lets_go() {
    matrix(|_| {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let mut peer = net::TcpStream::connect(addr).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let (mut stream, closed) =
            (TcpStream::from_std(stream).unwrap(), TcpStream::connect(addr).unwrap());
        // SAFETY: the child drops these two, and ends.
        let child = unsafe { libc::fork() };
        assert!(child >= 0);
        if child == 0 {
            let done = closed.close().is_ok();
            drop(closed);
            drop(stream);
            // SAFETY: takes any number.
            unsafe { libc::_exit(i32::from(!done)) }
        }
        let mut status = 0;
        // SAFETY: `status` is written.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert_eq!(status, 0);
        let other = gort::go(move || {
            gort::time::sleep(Duration::from_millis(5));
            peer.write_all(b"still").unwrap();
        });
        let mut buf = [0; 5];
        stream.read_exact(&mut buf).unwrap();
        other.join().unwrap();
        drop(closed);
    });
}
