//! Which TCP ports of a host are open: `cargo run --release --example port_scanner HOST [FIRST-LAST]`.
//!
//! Each port is tried by a goroutine of its own, and all of them wait at the same time; a semaphore keeps
//! them from using more descriptors than there are.

use gort::chan::unbounded;
use gort::net::TcpStream;
use gort::sync::{Semaphore, WaitGroup};
use std::io::{Error, ErrorKind, Result};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// How many are tried at the same time.
const AT_ONCE: usize = 500;
/// How long a port has to answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// The open ones of these, in order.
fn scan(host: IpAddr, ports: RangeInclusive<u16>) -> Vec<u16> {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let (found, open) = unbounded();
    let group = WaitGroup::new();
    for port in ports {
        // Waited for here, so that there are never more goroutines than turns.
        turns.acquire(1);
        let (turns, found) = (Arc::clone(&turns), found.clone());
        group.go(move || {
            if TcpStream::connect_timeout(&SocketAddr::new(host, port), PATIENCE).is_ok() {
                // Somebody receives as long as this function runs.
                let _ = found.send(port);
            }
            turns.release(1);
        });
    }
    group.wait();
    drop(found);
    let mut open: Vec<u16> = open.into_iter().collect();
    open.sort_unstable();
    open
}

fn parse(range: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

#[gort::main]
fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let usage = || Error::new(ErrorKind::InvalidInput, "usage: port_scanner HOST [FIRST-LAST]");
    let host = args.next().ok_or_else(usage)?;
    let ports = args.next().unwrap_or("1-65535".into());
    let ports = parse(&ports).ok_or_else(usage)?;
    let addr = (host, 0).to_socket_addrs()?.next().ok_or(ErrorKind::NotFound)?;
    for port in scan(addr.ip(), ports) {
        println!("{port}");
    }
    Ok(())
}
