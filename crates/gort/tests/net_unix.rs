//! Sockets of the Unix domain.

mod support;

use gort::net::Shutdown;
use gort::net::unix::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use gort_sys::fd::AsFd;
use gort_sys::raw;
use gort_sys::types::{IoSlice, SendControl, SendFlags, SendMsg};
use std::io::{ErrorKind, Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::net::{descriptors, none_left, start};
use support::{all, matrix};

/// A name that is in use nowhere else.
fn name() -> SocketAddr {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    SocketAddr::from_abstract_name(format!("gort-test-{}-{count}", std::process::id())).unwrap()
}

/// A path to a socket, which is removed when this is dropped.
struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        let name = name();
        let name = String::from_utf8_lossy(name.as_abstract_name().unwrap()).into_owned();
        Place(std::env::temp_dir().join(name))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn streams() {
    matrix(|_| {
        let place = Place::new();
        let listener = UnixListener::bind(&place.0).unwrap();
        assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(&*place.0));
        gort::go(move || {
            for stream in listener.into_iter().take(40) {
                let stream = stream.unwrap();
                assert!(stream.peer_addr().unwrap().is_unnamed());
                gort::go(move || std::io::copy(&mut &stream, &mut &stream).unwrap());
            }
        });
        fn chat(mut stream: impl Read + Write, end: impl FnOnce()) {
            stream.write_all(b"hello").unwrap();
            let mut buf = [0; 5];
            stream.read_exact(&mut buf).unwrap();
            assert_eq!(&buf, b"hello");
            end();
        }
        all(20, |_| {
            let stream = UnixStream::connect(&place.0).unwrap();
            chat(&stream, || stream.shutdown(Shutdown::Write).unwrap());
            assert_eq!((&stream).read(&mut [0; 8]).unwrap(), 0);
        });
        let theirs: Vec<_> = (0..20)
            .map(|_| {
                let path = place.0.clone();
                start(false, move || chat(net::UnixStream::connect(path).unwrap(), || {}))
            })
            .collect();
        theirs.into_iter().for_each(|one| one.recv().unwrap());
    });
}

/// More connect than the listener lets wait: they wait to wait.
#[test]
fn a_full_backlog() {
    matrix(|_| {
        let name = name();
        let listener = UnixListener::bind_addr(&name).unwrap();
        raw::listen(&listener, 1).unwrap();
        let before = descriptors();
        let clients: Vec<_> = (0..20)
            .map(|i| {
                let name = name.clone();
                start(i % 4 != 0, move || {
                    let mut text = String::new();
                    let mut stream = UnixStream::connect_addr(&name).unwrap();
                    stream.read_to_string(&mut text).unwrap();
                    text
                })
            })
            .collect();
        gort::time::sleep(Duration::from_millis(5));
        for stream in listener.incoming().take(20) {
            stream.unwrap().write_all(b"hello").unwrap();
        }
        clients.into_iter().for_each(|one| assert_eq!(one.recv().unwrap(), "hello"));
        none_left(before);
        drop(listener);
        let error = UnixStream::connect_addr(&name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

/// Control data ends a read: what is behind it is there without another event.
#[test]
fn messages_with_control_data() {
    matrix(|_| {
        let (here, there) = UnixStream::pair().unwrap();
        for _ in 0..100 {
            let before = descriptors();
            (&there).write_all(b"one").unwrap();
            let mut control = SendControl::<4>::new();
            control.descriptors(&[here.as_fd()]).unwrap();
            let parts = [IoSlice::new(b"two")];
            let message = SendMsg::new(&parts).control(&control);
            assert_eq!(raw::sendmsg(&there, &message, SendFlags::empty()), Ok(3));
            (&there).write_all(b"three").unwrap();
            let mut all = Vec::new();
            let mut buf = [0; 64];
            while all.len() < 11 {
                let len = (&here).read(&mut buf).unwrap();
                all.extend_from_slice(&buf[..len]);
            }
            assert_eq!(all, b"onetwothree");
            // Nobody has asked for the descriptor.
            none_left(before);
        }
    });
}

#[test]
fn datagrams() {
    matrix(|_| {
        let (here, there) = (name(), name());
        let receiver = UnixDatagram::bind_addr(&here).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        assert!(sender.local_addr().unwrap().is_unnamed());
        let mut buf = [0; 64];
        assert_eq!(sender.send_to_addr(b"abc", &here).unwrap(), 3);
        let (len, from) = receiver.recv_from(&mut buf).unwrap();
        assert!(len == 3 && from.is_unnamed());
        let sender = UnixDatagram::bind_addr(&there).unwrap();
        sender.connect_addr(&here).unwrap();
        assert_eq!(sender.send(b"abcd").unwrap(), 4);
        let (len, from) = receiver.recv_from(&mut buf).unwrap();
        assert_eq!((len, from.as_abstract_name()), (4, there.as_abstract_name()));
        let place = Place::new();
        let named = UnixDatagram::bind(&place.0).unwrap();
        assert_eq!(named.send_to_addr(b"x", &here).unwrap(), 1);
        let (len, from) = receiver.recv_from(&mut buf).unwrap();
        assert_eq!((len, from.as_pathname()), (1, Some(&*place.0)));
        assert_eq!(receiver.send_to(b"back", &place.0).unwrap(), 4);
        assert_eq!(named.recv(&mut buf).unwrap(), 4);
        let error = receiver.send_to(b"x", "/nowhere").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        named.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        assert_eq!(named.recv(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

/// Senders that are faster than the receiver wait for room, connected or not; nothing is lost.
#[test]
fn a_blast() {
    matrix(|_| {
        let name = name();
        let receiver = UnixDatagram::bind_addr(&name).unwrap();
        let senders: Vec<_> = (0..8)
            .map(|i| {
                let name = name.clone();
                start(i % 4 != 0, move || {
                    let socket = UnixDatagram::unbound().unwrap();
                    if i % 2 == 0 {
                        socket.connect_addr(&name).unwrap();
                    }
                    for _ in 0..300 {
                        let sent = match i % 2 {
                            0 => socket.send(&[7; 100]),
                            _ => socket.send_to_addr(&[7; 100], &name),
                        };
                        assert_eq!(sent.unwrap(), 100);
                    }
                })
            })
            .collect();
        gort::time::sleep(Duration::from_millis(5));
        for _ in 0..8 * 300 {
            assert_eq!(receiver.recv(&mut [0; 200]).unwrap(), 100);
        }
        senders.into_iter().for_each(|sender| sender.recv().unwrap());
    });
}

/// Nobody takes what is sent: the sender's time limits hold, connected or not, and it can be closed.
#[test]
fn no_room() {
    matrix(|_| {
        let name = name();
        let _receiver = UnixDatagram::bind_addr(&name).unwrap();
        for connected in [true, false] {
            let socket = UnixDatagram::unbound().unwrap();
            if connected {
                socket.connect_addr(&name).unwrap();
            }
            let send = |socket: &UnixDatagram| match connected {
                true => socket.send(b"x").unwrap_err().kind(),
                false => socket.send_to_addr(b"x", &name).unwrap_err().kind(),
            };
            socket.set_nonblocking(true).unwrap();
            while socket.send_to_addr(b"x", &name).is_ok() {}
            assert_eq!(send(&socket), ErrorKind::WouldBlock);
            socket.set_nonblocking(false).unwrap();
            socket.set_write_timeout(Some(Duration::from_millis(3))).unwrap();
            assert_eq!(send(&socket), ErrorKind::WouldBlock);
            socket.set_write_timeout(None).unwrap();
            let soon = std::time::Instant::now() + Duration::from_millis(3);
            socket.set_write_deadline(Some(soon)).unwrap();
            assert_eq!(send(&socket), ErrorKind::TimedOut);
            socket.set_write_deadline(None).unwrap();
            gort::scope(|s| {
                let waits = s.go(|| send(&socket));
                gort::time::sleep(Duration::from_millis(2));
                socket.close().unwrap();
                assert_eq!(waits.join().unwrap(), ErrorKind::NotConnected);
            });
        }
    });
}
