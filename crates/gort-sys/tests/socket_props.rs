//! Socket calls over their whole argument space, against libc's.
//!
//! # Safety
//!
//! Unsafe code is libc's functions and untyped options. The options are asked for with buffers of
//! the length given; none of those tried takes an address.

#![allow(unsafe_code)]

mod support;

use gort_sys::fd::{AsRawFd, OwnedFd};
use gort_sys::types::*;
use gort_sys::{Errno, raw};
use proptest::prelude::*;
use std::os::fd::FromRawFd;
use support::c;

fn config() -> ProptestConfig {
    ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() }
}

/// What of a socket can be seen: family, type, protocol, and its flags.
fn seen(fd: &OwnedFd) -> [i64; 5] {
    let option = |option| i64::from(raw::socket_int(fd, option).unwrap());
    let n = fd.as_raw_fd();
    [
        option(IntOption::DOMAIN),
        option(IntOption::TYPE),
        option(IntOption::PROTOCOL),
        c!(libc::fcntl(n, libc::F_GETFD)).unwrap(),
        c!(libc::fcntl(n, libc::F_GETFL)).unwrap(),
    ]
}

fn own(fd: gort_sys::Result<i64>) -> gort_sys::Result<OwnedFd> {
    // SAFETY: the descriptor has just been made.
    fd.map(|fd| unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// A socket of each kind that options behave differently on.
fn socket(kind: usize) -> OwnedFd {
    let (domain, kind) = [
        (Domain::INET, SockType::STREAM),
        (Domain::INET, SockType::DGRAM),
        (Domain::UNIX, SockType::STREAM),
        (Domain::UNIX, SockType::DGRAM),
    ][kind];
    raw::socket(domain, kind, Protocol::DEFAULT).unwrap()
}

/// Levels and options that hold numbers, times or short names, and some that do not exist.
fn option() -> impl Strategy<Value = (i32, i32)> {
    use libc::*;
    prop_oneof![
        (Just(SOL_SOCKET), 1..12),
        (Just(SOL_SOCKET), Just(SO_LINGER)),
        (Just(SOL_SOCKET), prop_oneof![Just(SO_RCVTIMEO), Just(SO_SNDTIMEO), Just(SO_RCVLOWAT)]),
        (Just(SOL_SOCKET), prop_oneof![Just(SO_ACCEPTCONN), Just(SO_PROTOCOL), Just(SO_DOMAIN)]),
        (Just(SOL_SOCKET), prop_oneof![Just(SO_PRIORITY), Just(SO_REUSEPORT), 100_000..100_010]),
        (Just(SOL_IP), prop_oneof![Just(IP_TOS), Just(IP_TTL), Just(IP_MTU_DISCOVER), Just(9999)]),
        (Just(SOL_TCP), prop_oneof![Just(TCP_NODELAY), Just(TCP_MAXSEG), Just(TCP_CORK)]),
        (Just(SOL_TCP), prop_oneof![Just(TCP_KEEPIDLE), Just(TCP_KEEPCNT), Just(TCP_SYNCNT)]),
        (Just(SOL_IPV6), 60..64),
        (7000..7003, 1..3),
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn sockets(
        domain in prop_oneof![0..4i32, Just(10), Just(16), Just(17), Just(60), -2..0i32],
        kind in prop_oneof![0..8i32, Just(-1)],
        flags in prop_oneof![
            Just(0), Just(libc::SOCK_CLOEXEC), Just(libc::SOCK_NONBLOCK),
            Just(libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK), Just(1 << 20), Just(16),
        ],
        protocol in prop_oneof![0..3i32, Just(6), Just(17), Just(58), Just(255), 250..260i32, -1..0i32],
    ) {
        let ours = raw::socket(
            Domain(domain),
            SockType(kind) | SockFlags::from_bits_retain(flags),
            Protocol(protocol),
        );
        let theirs = own(c!(libc::socket(domain, kind | flags, protocol)));
        prop_assert_eq!(ours.as_ref().map(seen), theirs.as_ref().map(seen));
    }

    #[test]
    fn pairs(domain in 0..12i32, kind in 0..7i32, flags in any::<[bool; 2]>(), protocol in -1..4i32) {
        let mut both = SockFlags::empty();
        both.set(SockFlags::CLOEXEC, flags[0]);
        both.set(SockFlags::NONBLOCK, flags[1]);
        let ours = raw::socketpair(Domain(domain), SockType(kind) | both, Protocol(protocol));
        let mut fds = [-1; 2];
        let theirs = c!(libc::socketpair(domain, kind | both.bits(), protocol, fds.as_mut_ptr()))
            .map(|_| fds.map(|fd| own(Ok(fd.into())).unwrap()));
        let seen = |ends: &[OwnedFd; 2]| ends.each_ref().map(seen);
        prop_assert_eq!(ours.as_ref().map(seen), theirs.as_ref().map(seen));
    }

    #[test]
    fn options_are_got(kind in 0..4usize, (level, name) in option(), len in 0..40u32) {
        let fd = socket(kind);
        let (mut ours, mut theirs) = (([0u8; 40], len), ([0u8; 40], len));
        // SAFETY: the room is `len` bytes at least.
        let a = unsafe { raw::getsockopt(&fd, level, name, ours.0.as_mut_ptr(), &mut ours.1) };
        let (at, n) = (theirs.0.as_mut_ptr().cast(), fd.as_raw_fd());
        let b = c!(libc::getsockopt(n, level, name, at, &mut theirs.1));
        prop_assert_eq!((a.err(), ours), (b.err(), theirs));
    }

    #[test]
    fn options_are_set(
        kind in 0..4usize,
        (level, name) in option(),
        value in prop::array::uniform4(prop_oneof![0..2i32, -1..70_000i32, any::<i32>()]),
        len in 0..17usize,
    ) {
        let mut bytes = [0; 16];
        for (to, from) in bytes.chunks_mut(4).zip(value) {
            to.copy_from_slice(&from.to_ne_bytes());
        }
        // One socket each, so that the second does not find what the first has set.
        let (mine, other) = (socket(kind), socket(kind));
        // SAFETY: the option takes no address.
        let a = unsafe { raw::setsockopt(&mine, level, name, &bytes[..len]) };
        let (at, n) = (bytes.as_ptr().cast(), other.as_raw_fd());
        let b = c!(libc::setsockopt(n, level, name, at, len as u32));
        prop_assert_eq!(a.err(), b.err());
        let get = |fd: &OwnedFd| {
            let (mut value, mut len) = ([0u8; 16], 16);
            // SAFETY: the room is 16 bytes.
            let got = unsafe { raw::getsockopt(fd, level, name, value.as_mut_ptr(), &mut len) };
            (got, value, len)
        };
        prop_assert_eq!(get(&mine), get(&other));
    }

    #[test]
    fn addresses_survive(
        v4 in any::<(u32, u16)>(),
        v6 in any::<(u128, u16, u32, u32)>(),
        path in prop::collection::vec(1..=255u8, 0..120),
        name in prop::collection::vec(any::<u8>(), 0..120),
        family in prop_oneof![0..12u16, any::<u16>()],
        data in prop::collection::vec(any::<u8>(), 0..140),
    ) {
        use std::net::{SocketAddrV4, SocketAddrV6};
        let back = |addr: SockAddr| SockAddrBuf::from(addr).addr();
        let addr = SocketAddrV4::new(v4.0.into(), v4.1).into();
        prop_assert_eq!(back(addr), Some(addr));
        let addr = SocketAddrV6::new(v6.0.into(), v6.1, v6.2, v6.3).into();
        prop_assert_eq!(back(addr), Some(addr));
        match UnixAddr::path(&path) {
            Ok(addr) => prop_assert_eq!(back(addr.into()), Some(addr.into())),
            Err(errno) => {
                prop_assert_eq!(errno, Errno::EINVAL);
                prop_assert!(path.is_empty() || path.len() > 108);
            }
        }
        match UnixAddr::abstract_name(&name) {
            Ok(addr) => prop_assert_eq!(back(addr.into()), Some(addr.into())),
            Err(errno) => prop_assert_eq!((errno, name.len() > 107), (Errno::EINVAL, true)),
        }
        // Any bytes are read without a panic, and those of a family with a type by that type.
        let bytes = [&family.to_ne_bytes()[..], &data].concat();
        if let Ok(addr) = OtherAddr::new(&bytes) {
            match back(SockAddr::Other(addr)) {
                Some(SockAddr::V4(_)) => prop_assert!(family == 2 && data.len() >= 6),
                Some(SockAddr::V6(_)) => prop_assert!(family == 10 && data.len() >= 26),
                Some(SockAddr::Unix(_)) => prop_assert_eq!(family, 1),
                Some(SockAddr::Other(read)) => prop_assert_eq!(read, addr),
                None => prop_assert!(family == 1 && data.len() > 108),
            }
        } else {
            prop_assert!(bytes.len() > 128);
        }
    }
}
