//! UDP.

mod support;

use gort::net::{Ipv4Addr, UdpSocket};
use gort_sys::raw;
use gort_sys::types::IntOption;
use std::io::ErrorKind;
use std::net;
use std::time::Duration;
use support::matrix;
use support::net::{descriptors, none_left, start};

#[test]
fn to_and_fro() {
    matrix(|_| {
        for goroutine in [true, false] {
            let server = UdpSocket::bind("127.0.0.1:0").unwrap();
            let addr = server.local_addr().unwrap();
            let echo = start(goroutine, move || {
                let mut buf = [0; 2000];
                for _ in 0..200 {
                    let (ahead, _) = server.peek_from(&mut buf[..1]).unwrap();
                    assert_eq!(ahead, 1);
                    let (len, from) = server.recv_from(&mut buf).unwrap();
                    assert_eq!(server.send_to(&buf[..len], from).unwrap(), len);
                }
            });
            let ours = start(true, move || {
                let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                socket.connect(addr).unwrap();
                assert_eq!(socket.peer_addr().unwrap(), addr);
                for len in 1..=100 {
                    let (mut ahead, mut back) = ([0; 200], [0; 200]);
                    assert_eq!(socket.send(&[len; 200][..len.into()]).unwrap(), len.into());
                    assert_eq!(socket.peek(&mut ahead).unwrap(), len.into());
                    assert_eq!(socket.recv(&mut back).unwrap(), len.into());
                    assert_eq!(ahead, back);
                    assert_eq!(back[..len.into()], [len; 200][..len.into()]);
                }
            });
            let theirs = start(false, move || {
                let socket = net::UdpSocket::bind("127.0.0.1:0").unwrap();
                for len in 1..=100 {
                    socket.send_to(&[len; 200][..len.into()], addr).unwrap();
                    let mut back = [0; 200];
                    assert_eq!(socket.recv_from(&mut back).unwrap(), (len.into(), addr));
                }
            });
            ours.recv().unwrap();
            theirs.recv().unwrap();
            echo.recv().unwrap();
        }
    });
}

/// A datagram is cut to the buffer; an empty one is one, too.
#[test]
fn datagrams() {
    matrix(|_| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let addr = socket.local_addr().unwrap();
        for text in ["abcdef", "", "xyz"] {
            assert_eq!(socket.send_to(text.as_bytes(), addr).unwrap(), text.len());
        }
        let mut buf = [0; 4];
        for len in [4, 0, 3] {
            assert_eq!(socket.recv_from(&mut buf).unwrap(), (len, addr));
        }
        let error = socket.send_to(&[0; 70_000], addr).unwrap_err();
        let theirs = net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let same = theirs.send_to(&[0; 70_000], addr).unwrap_err();
        assert_eq!(error.raw_os_error(), same.raw_os_error());
        let none = socket.send_to(b"x", &[][..]).unwrap_err();
        assert_eq!(none.kind(), ErrorKind::InvalidInput);
    });
}

/// That nobody listens is told by the call after the next, and then all is well again.
#[test]
fn nobody_there() {
    matrix(|_| {
        let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(nobody).unwrap();
        for _ in 0..20 {
            socket.send(b"x").unwrap();
            let error = socket.recv(&mut [0; 8]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        }
        socket.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        assert_eq!(socket.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        socket.set_nonblocking(true).unwrap();
        assert_eq!(socket.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

/// Several send as fast as they can to one who does not keep up; and then it still hears who speaks to it.
#[test]
fn a_blast() {
    matrix(|_| {
        let before = descriptors();
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let addr = receiver.local_addr().unwrap();
        gort::scope(|s| {
            let hears = s.go(|| while receiver.recv(&mut [0; 2000]).unwrap() != 1 {});
            let senders = [1, 2, 3, 4].map(|i| {
                s.go(move || {
                    // Its buffer is small, so that it waits for room.
                    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                    raw::set_socket_int(&socket, IntOption::SNDBUF, 5000).unwrap();
                    for _ in 0..5000 {
                        assert_eq!(socket.send_to(&[i; 1400], addr).unwrap(), 1400);
                    }
                })
            });
            senders.into_iter().for_each(|sender| sender.join().unwrap());
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            while !hears.is_finished() {
                socket.send_to(b"x", addr).unwrap();
                gort::time::sleep(Duration::from_millis(1));
            }
        });
        drop(receiver);
        none_left(before);
    });
}

#[test]
fn options() {
    matrix(|_| {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.set_broadcast(true).unwrap();
        assert!(socket.broadcast().unwrap());
        socket.set_ttl(7).unwrap();
        assert_eq!(socket.ttl().unwrap(), 7);
        socket.set_multicast_ttl_v4(9).unwrap();
        assert_eq!(socket.multicast_ttl_v4().unwrap(), 9);
        socket.set_multicast_loop_v4(false).unwrap();
        assert!(!socket.multicast_loop_v4().unwrap());
        let group = Ipv4Addr::new(239, 255, 7, 7);
        socket.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST).unwrap();
        socket.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST).unwrap();
        let error = socket.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
        assert!(socket.take_error().unwrap().is_none());
    });
}

#[test]
fn version_6() {
    matrix(|_| match UdpSocket::bind("[::1]:0") {
        Ok(socket) => {
            let addr = socket.local_addr().unwrap();
            socket.send_to(b"x", addr).unwrap();
            assert_eq!(socket.recv_from(&mut [0; 8]).unwrap(), (1, addr));
            socket.set_multicast_loop_v6(false).unwrap();
            assert!(!socket.multicast_loop_v6().unwrap());
            let group = "ff02::1:7".parse().unwrap();
            let nowhere = socket.leave_multicast_v6(&group, 0).unwrap_err();
            let theirs = net::UdpSocket::bind("[::1]:0").unwrap();
            let same = theirs.leave_multicast_v6(&group, 0).unwrap_err();
            assert_eq!(nowhere.raw_os_error(), same.raw_os_error());
        }
        // There is none here.
        Err(error) => {
            let theirs = net::UdpSocket::bind("[::1]:0").unwrap_err();
            assert_eq!(error.raw_os_error(), theirs.raw_os_error());
        }
    });
}
