//! Sockets: the calls on their own, and libc's answers beside theirs.
//!
//! # Safety
//!
//! Unsafe code is libc's functions on the arguments of ours, and options whose values are plain
//! numbers.

#![allow(unsafe_code)]

mod scratch;
mod support;

use gort_sys::fd::{AsFd, AsRawFd, OwnedFd};
use gort_sys::types::*;
use gort_sys::{Errno, Result, raw};
use scratch::Scratch;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::time::Duration;
use support::{c, closed, watchdog};

const LOCAL: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);

fn tcp() -> OwnedFd {
    raw::socket(Domain::INET, SockType::STREAM | SockFlags::CLOEXEC, Protocol::TCP).unwrap()
}

fn listener(domain: Domain, addr: impl Into<SockAddr>) -> (OwnedFd, SockAddr) {
    let fd = raw::socket(domain, SockType::STREAM, Protocol::DEFAULT).unwrap();
    raw::bind(&fd, addr).unwrap();
    raw::listen(&fd, 8).unwrap();
    let addr = raw::local_addr(&fd).unwrap();
    (fd, addr)
}

/// A connection, both ends checked against what std says of them.
fn exchange(domain: Domain, addr: impl Into<SockAddr>) -> Result<()> {
    let (server, addr) = listener(domain, addr);
    let client = raw::socket(domain, SockType::STREAM, Protocol::DEFAULT)?;
    raw::connect(&client, addr)?;
    assert_eq!(raw::peer_addr(&client)?, addr);
    let mut from = SockAddrBuf::new();
    let peer = raw::accept4(&server, Some(&mut from), SockFlags::CLOEXEC | SockFlags::NONBLOCK)?;
    assert_eq!(from.addr(), raw::peer_addr(&peer).ok());
    assert_eq!(raw::local_addr(&client).ok(), from.addr());
    let flags = c!(libc::fcntl(peer.as_raw_fd(), libc::F_GETFD))?;
    assert_eq!(flags, i64::from(libc::FD_CLOEXEC));
    let mut buf = [0; 8];
    assert_eq!(raw::recv(&peer, &mut buf, RecvFlags::empty()), Err(Errno::EAGAIN));
    assert_eq!(raw::send(&client, b"hello", SendFlags::NOSIGNAL)?, 5);
    assert_eq!(raw::recv(&peer, &mut buf, RecvFlags::PEEK)?, 5);
    let mut none = SockAddrBuf::new();
    assert_eq!(raw::recvfrom(&peer, &mut buf, RecvFlags::empty(), Some(&mut none))?, 5);
    assert_eq!((&buf[..5], none.addr()), (&b"hello"[..], None));
    raw::shutdown(&client, Shutdown::WRITE)?;
    assert_eq!(raw::recv(&peer, &mut buf, RecvFlags::empty())?, 0);
    assert_eq!(raw::send(&client, b"x", SendFlags::NOSIGNAL), Err(Errno::EPIPE));
    raw::send(&peer, b"back", SendFlags::empty())?;
    assert_eq!(raw::recv(&client, &mut buf, RecvFlags::WAITALL | RecvFlags::DONTWAIT)?, 4);
    Ok(())
}

#[test]
fn stream_over_each_family() {
    watchdog();
    exchange(Domain::INET, LOCAL).unwrap();
    let v6 = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0);
    match raw::socket(Domain::INET6, SockType::STREAM, Protocol::TCP)
        .and_then(|fd| raw::bind(fd, v6))
    {
        Ok(()) => exchange(Domain::INET6, v6).unwrap(),
        Err(errno) => {
            assert!(matches!(errno, Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL), "{errno:?}");
            eprintln!("no IPv6 here: {errno:?}");
        }
    }
    exchange(Domain::UNIX, UnixAddr::UNNAMED).unwrap();
}

#[test]
fn addresses_are_those_that_std_sees() {
    let (server, addr) = listener(Domain::INET, LOCAL);
    let server = std::net::TcpListener::from(server);
    assert_eq!(SockAddr::from(server.local_addr().unwrap()), addr);
    let client = std::net::TcpStream::connect(server.local_addr().unwrap()).unwrap();
    assert_eq!(raw::peer_addr(&client), Ok(client.peer_addr().unwrap().into()));
    assert_eq!(raw::local_addr(&client), Ok(client.local_addr().unwrap().into()));
    let mut buf = SockAddrBuf::from(SockAddr::UNSPEC);
    assert_eq!(raw::getpeername(&server, &mut buf), Err(Errno::ENOTCONN));
    assert_eq!(buf.addr(), None, "a call that fails leaves no address");
    let peer = raw::accept(&server, Some(&mut buf)).unwrap();
    assert_eq!(buf.addr(), Some(client.local_addr().unwrap().into()));
    drop(peer);
    assert_eq!(raw::getsockname(&client, &mut buf), Ok(()));
    assert_eq!(buf.addr(), Some(client.local_addr().unwrap().into()));
    assert_eq!(raw::getpeername(&client, &mut buf), Ok(()));
    assert_eq!(buf.addr(), Some(client.peer_addr().unwrap().into()));
}

#[test]
fn unix_paths_and_names() {
    watchdog();
    let scratch = Scratch::new();
    let short = scratch.path("short").into_os_string().into_encoded_bytes();
    let mut full = scratch.path("x").into_os_string().into_encoded_bytes();
    full.resize(108, b'y');
    for path in [&short, &full] {
        let addr = UnixAddr::path(path).unwrap();
        let (server, bound) = listener(Domain::UNIX, addr);
        // The longest path leaves no room for its NUL, and comes back whole all the same.
        assert_eq!(bound, SockAddr::Unix(addr));
        assert_eq!(addr.as_path(), Some(&path[..]));
        let client = raw::socket(Domain::UNIX, SockType::STREAM, Protocol::DEFAULT).unwrap();
        raw::connect(&client, addr).unwrap();
        assert_eq!(raw::peer_addr(&client), Ok(addr.into()));
        let again = raw::socket(Domain::UNIX, SockType::STREAM, Protocol::DEFAULT).unwrap();
        assert_eq!(raw::bind(&again, addr), Err(Errno::EADDRINUSE));
        drop(server);
    }
    drop(scratch);
    let gone = UnixAddr::path(&short).unwrap();
    let client = raw::socket(Domain::UNIX, SockType::STREAM, Protocol::DEFAULT).unwrap();
    assert_eq!(raw::connect(&client, gone), Err(Errno::ENOENT));

    full.push(b'z');
    assert_eq!(UnixAddr::path(&full), Err(Errno::EINVAL));
    assert_eq!(UnixAddr::path("a\0b"), Err(Errno::EINVAL));
    assert_eq!(UnixAddr::path(""), Err(Errno::EINVAL));
    assert!(UnixAddr::abstract_name([1; 107]).is_ok());
    assert_eq!(UnixAddr::abstract_name([1; 108]), Err(Errno::EINVAL));

    let name = format!("gort\0{}", std::process::id());
    let addr = UnixAddr::abstract_name(&name).unwrap();
    let (_server, bound) = listener(Domain::UNIX, addr);
    assert_eq!(bound, SockAddr::Unix(addr));
    assert_eq!(addr.as_abstract_name(), Some(name.as_bytes()));
    assert_eq!(addr.as_path(), None);
}

#[test]
fn datagrams_know_their_sender_and_their_length() {
    watchdog();
    let bind = || {
        let fd = raw::socket(Domain::INET, SockType::DGRAM, Protocol::UDP).unwrap();
        raw::bind(&fd, LOCAL).unwrap();
        let addr = raw::local_addr(&fd).unwrap();
        (fd, addr)
    };
    let ((a, a_addr), (b, b_addr)) = (bind(), bind());
    assert_eq!(raw::sendto(&a, b"0123456789", SendFlags::empty(), b_addr), Ok(10));
    let mut from = SockAddrBuf::new();
    let mut buf = [0; 4];
    let got = raw::recvfrom(&b, &mut buf, RecvFlags::TRUNC, Some(&mut from));
    assert_eq!((got, from.addr(), &buf), (Ok(10), Some(a_addr), b"0123"));
    assert_eq!(raw::recv(&b, &mut buf, RecvFlags::DONTWAIT), Err(Errno::EAGAIN));

    raw::connect(&a, b_addr).unwrap();
    assert_eq!(raw::send(&a, b"", SendFlags::empty()), Ok(0));
    assert_eq!(raw::recv(&b, &mut [], RecvFlags::empty()), Ok(0));
    raw::connect(&a, SockAddr::UNSPEC).unwrap();
    assert_eq!(raw::peer_addr(&a), Err(Errno::ENOTCONN));
    assert_eq!(raw::send(&a, b"x", SendFlags::empty()), Err(Errno::EDESTADDRREQ));
}

#[test]
fn pairs() {
    let (a, b): (OwnedFd, OwnedFd) =
        raw::socketpair(Domain::UNIX, SockType::SEQPACKET | SockFlags::CLOEXEC, Protocol::DEFAULT)
            .unwrap()
            .into();
    raw::send(&a, b"one", SendFlags::EOR).unwrap();
    let mut buf = [0; 8];
    assert_eq!(raw::recv(&b, &mut buf, RecvFlags::empty()), Ok(3));
    assert_eq!(raw::local_addr(&a), Ok(UnixAddr::UNNAMED.into()));
    let tcp = raw::socketpair(Domain::INET, SockType::STREAM, Protocol::TCP);
    assert_eq!(tcp.err(), Some(Errno::EOPNOTSUPP));
}

#[test]
fn errors_are_libcs() {
    let stream = tcp();
    let file = std::fs::File::open("/dev/null").unwrap();
    let mut buf = [0u8; 4];
    let (mut name, mut len) = ([0u8; 128], 128u32);
    for fd in [closed(), file.as_fd(), stream.as_fd()] {
        let n = fd.as_raw_fd();
        let (p, room) = (buf.as_mut_ptr().cast(), name.as_mut_ptr().cast());
        assert_eq!(raw::listen(fd, 1).is_ok(), n == stream.as_raw_fd());
        macro_rules! same {
            ($ours:expr, $libc:expr) => {
                assert_eq!($ours.err(), c!($libc).err(), "{} on {n}", stringify!($ours))
            };
        }
        same!(raw::shutdown(fd, Shutdown(9)), libc::shutdown(n, 9));
        same!(raw::peer_addr(fd), libc::getpeername(n, room, &mut len));
        same!(raw::local_addr(fd), libc::getsockname(n, room, &mut len));
        same!(raw::send(fd, b"x", SendFlags::NOSIGNAL), libc::send(n, p, 1, libc::MSG_NOSIGNAL));
        same!(raw::recv(fd, &mut [0; 4], RecvFlags::empty()), libc::recv(n, p, 4, 0));
        same!(raw::connect(fd, UnixAddr::UNNAMED), libc::connect(n, [1u16].as_ptr().cast(), 2));
        same!(raw::bind(fd, SockAddr::UNSPEC), libc::bind(n, [0u16].as_ptr().cast(), 2));
        if n != stream.as_raw_fd() {
            same!(raw::accept(fd, None), libc::accept(n, std::ptr::null_mut(), &mut len));
            same!(raw::listen(fd, 1), libc::listen(n, 1));
        }
    }
    assert_eq!(
        raw::accept4(&stream, None, SockFlags::from_bits_retain(1)).err(),
        Some(Errno::EINVAL)
    );
    // Bound but not listening: the port is taken, and nobody takes connections on it.
    let bound = tcp();
    raw::bind(&bound, LOCAL).unwrap();
    let refused = raw::connect(tcp(), raw::local_addr(&bound).unwrap());
    assert_eq!(refused, Err(Errno::ECONNREFUSED));
}

#[test]
fn flags_and_numbers_are_set_as_libc_reads_them() {
    let fd = tcp();
    let get = |level, name| {
        let (mut value, mut len) = (0i32, 4u32);
        let n = fd.as_raw_fd();
        c!(libc::getsockopt(n, level, name, (&raw mut value).cast(), &mut len)).map(|_| value)
    };
    for (option, level, name) in [
        (FlagOption::REUSEADDR, libc::SOL_SOCKET, libc::SO_REUSEADDR),
        (FlagOption::REUSEPORT, libc::SOL_SOCKET, libc::SO_REUSEPORT),
        (FlagOption::KEEPALIVE, libc::SOL_SOCKET, libc::SO_KEEPALIVE),
        (FlagOption::BROADCAST, libc::SOL_SOCKET, libc::SO_BROADCAST),
        (FlagOption::OOBINLINE, libc::SOL_SOCKET, libc::SO_OOBINLINE),
        (FlagOption::NODELAY, libc::SOL_TCP, libc::TCP_NODELAY),
        (FlagOption::CORK, libc::SOL_TCP, libc::TCP_CORK),
    ] {
        for on in [true, false] {
            raw::set_socket_flag(&fd, option, on).unwrap();
            assert_eq!(get(level, name), Ok(i32::from(on)), "{option:?}");
            assert_eq!(raw::socket_flag(&fd, option), Ok(on), "{option:?}");
        }
    }
    for (option, level, name, value) in [
        (IntOption::RCVBUF, libc::SOL_SOCKET, libc::SO_RCVBUF, 20_000),
        (IntOption::SNDBUF, libc::SOL_SOCKET, libc::SO_SNDBUF, 20_000),
        (IntOption::TTL, libc::SOL_IP, libc::IP_TTL, 33),
        (IntOption::KEEPIDLE, libc::SOL_TCP, libc::TCP_KEEPIDLE, 77),
        (IntOption::KEEPINTVL, libc::SOL_TCP, libc::TCP_KEEPINTVL, 7),
        (IntOption::KEEPCNT, libc::SOL_TCP, libc::TCP_KEEPCNT, 3),
    ] {
        raw::set_socket_int(&fd, option, value).unwrap();
        let doubled = matches!(option, IntOption::RCVBUF | IntOption::SNDBUF);
        let expected = if doubled { 2 * value } else { value };
        assert_eq!(get(level, name), Ok(expected), "{option:?}");
        assert_eq!(raw::socket_int(&fd, option), Ok(expected), "{option:?}");
    }
    assert_eq!(raw::set_socket_int(&fd, IntOption::TTL, 256), Err(Errno::EINVAL));
    assert_eq!(raw::set_socket_int(&fd, IntOption::TYPE, 1), Err(Errno::ENOPROTOOPT));
    assert_eq!(raw::socket_flag(&fd, FlagOption::ACCEPTCONN), Ok(false));
    assert_eq!(raw::socket_type(&fd), Ok(SockType::STREAM));
    assert_eq!(raw::socket_int(&fd, IntOption::DOMAIN), Ok(Domain::INET.0));
    assert_eq!(raw::socket_int(closed(), IntOption::TYPE), Err(Errno::EBADF));
    if let Ok(v6) = raw::socket(Domain::INET6, SockType::STREAM, Protocol::TCP) {
        raw::set_socket_flag(&v6, FlagOption::V6ONLY, true).unwrap();
        assert_eq!(raw::socket_flag(&v6, FlagOption::V6ONLY), Ok(true));
    }
}

#[test]
fn times_and_linger() {
    watchdog();
    let fd = raw::socket(Domain::INET, SockType::DGRAM, Protocol::UDP).unwrap();
    raw::bind(&fd, LOCAL).unwrap();
    assert_eq!(raw::socket_timeout(&fd, TimeOption::RCVTIMEO), Ok(Timeval::default()));
    let short = Duration::from_millis(20);
    raw::set_socket_timeout(&fd, TimeOption::RCVTIMEO, Some(short)).unwrap();
    assert_eq!(raw::recv(&fd, &mut [0; 1], RecvFlags::empty()), Err(Errno::EAGAIN));
    raw::set_socket_timeout(&fd, TimeOption::SNDTIMEO, Some(Duration::from_secs(5))).unwrap();
    let udp = std::net::UdpSocket::from(fd);
    assert_eq!(udp.write_timeout().unwrap(), Some(Duration::from_secs(5)));
    raw::set_socket_timeout(&udp, TimeOption::SNDTIMEO, None).unwrap();
    assert_eq!(udp.write_timeout().unwrap(), None);
    let zero = raw::set_socket_timeout(&udp, TimeOption::SNDTIMEO, Some(Duration::ZERO));
    assert_eq!(zero, Err(Errno::EINVAL));

    let linger = Linger { on: 1, seconds: 3 };
    raw::set_socket_linger(&udp, linger).unwrap();
    assert_eq!(raw::socket_linger(&udp), Ok(linger));
    let (mut theirs, mut len) = (libc::linger { l_onoff: 0, l_linger: 0 }, 8u32);
    let n = udp.as_raw_fd();
    let (level, name) = (libc::SOL_SOCKET, libc::SO_LINGER);
    c!(libc::getsockopt(n, level, name, (&raw mut theirs).cast(), &mut len)).unwrap();
    assert_eq!((theirs.l_onoff, theirs.l_linger), (1, 3));
}

#[test]
fn a_pending_error_is_taken_once() {
    watchdog();
    // A port that takes datagrams from itself only: what others send is refused, and the answer
    // comes back as an error of the sender's socket.
    let nobody = std::net::UdpSocket::bind(LOCAL).unwrap();
    nobody.connect(nobody.local_addr().unwrap()).unwrap();
    let fd = raw::socket(Domain::INET, SockType::DGRAM, Protocol::UDP).unwrap();
    raw::connect(&fd, nobody.local_addr().unwrap()).unwrap();
    assert_eq!(raw::take_socket_error(&fd), Ok(None));
    raw::send(&fd, b"x", SendFlags::empty()).unwrap();
    let mut error = None;
    while error.is_none() {
        error = raw::take_socket_error(&fd).unwrap();
        std::thread::yield_now();
    }
    assert_eq!(error, Some(Errno::ECONNREFUSED));
    assert_eq!(raw::take_socket_error(&fd), Ok(None));
}

#[test]
fn untyped_options() {
    let fd = tcp();
    let (level, name) = (libc::SOL_SOCKET, libc::SO_KEEPALIVE);
    // SAFETY: the option's value is a number.
    let set = |value: &[u8]| unsafe { raw::setsockopt(&fd, level, name, value) };
    assert_eq!(set(&1i32.to_ne_bytes()), Ok(()));
    assert_eq!(raw::socket_flag(&fd, FlagOption::KEEPALIVE), Ok(true));
    assert_eq!(set(&[1]), Err(Errno::EINVAL));
    let mut len = 4;
    let mut value = [0u8; 4];
    // SAFETY: four bytes are there to be written.
    let got = unsafe { raw::getsockopt(&fd, level, name, value.as_mut_ptr(), &mut len) };
    assert_eq!((got, len, value), (Ok(()), 4, 1i32.to_ne_bytes()));
    len = u32::MAX;
    // SAFETY: the kernel refuses a negative length.
    let got = unsafe { raw::getsockopt(&fd, level, name, value.as_mut_ptr(), &mut len) };
    assert_eq!(got, Err(Errno::EINVAL));
}
