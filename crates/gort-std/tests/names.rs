//! Names of hosts, looked up by C on the thread's stack.

mod support;

use gort_std as _;
use std::net::ToSocketAddrs;
use support::{all, calls, everywhere, matrix};

#[test]
fn localhost() {
    everywhere(|| {
        let found: Vec<_> = ("localhost", 80).to_socket_addrs().unwrap().collect();
        assert!(found.iter().any(|address| address.ip().is_loopback()), "{found:?}");
        assert!("no name at all:80".to_socket_addrs().is_err());
    });
}

#[test]
fn a_hundred_at_a_time() {
    matrix(|_| {
        let before = calls("getaddrinfo");
        all(100, |_| {
            let mut found = ("localhost", 80).to_socket_addrs().unwrap();
            assert!(found.any(|address| address.ip().is_loopback()));
        });
        assert!(calls("getaddrinfo") > before);
    });
}
