//! Addresses, as std and as the kernel have them; and how to wait for room where no event tells.

use super::SocketAddr;
use crate::polled::Polled;
use crate::time::sleep;
use gort_sys::types::{SockAddr, SockAddrBuf, UnixAddr};
use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// For the kernel.
pub(super) fn lower(addr: &SocketAddr) -> io::Result<UnixAddr> {
    Ok(match (addr.as_pathname(), addr.as_abstract_name()) {
        (Some(path), _) => UnixAddr::path(path.as_os_str().as_bytes())?,
        (None, Some(name)) => UnixAddr::abstract_name(name)?,
        (None, None) => UnixAddr::UNNAMED,
    })
}

/// The path as an address, with std's errors.
pub(super) fn of_path(path: impl AsRef<Path>) -> io::Result<UnixAddr> {
    lower(&SocketAddr::from_pathname(path)?)
}

/// From the kernel. A path that is as long as there is room, which std has no way to say, becomes no
/// address.
pub(super) fn lift(addr: &SockAddrBuf) -> io::Result<SocketAddr> {
    let unnamed = || SocketAddr::from_pathname("");
    let Some(SockAddr::Unix(addr)) = addr.addr() else { return unnamed() };
    match (addr.as_path(), addr.as_abstract_name()) {
        (Some(path), _) => {
            SocketAddr::from_pathname(OsStr::from_bytes(path)).or_else(|_| unnamed())
        }
        (None, Some(name)) => SocketAddr::from_abstract_name(name),
        (None, None) => unnamed(),
    }
}

/// Does `work`, which fails with `WouldBlock` for want of room at a peer's to which `polled` is not
/// connected: the kernel has threads wait for that, but tells no poller. So it is tried again and again.
/// What waits: the goroutine.
pub(super) fn for_room<S: AsFd, R>(
    polled: &Polled<S>,
    timeout: Option<Duration>,
    mut work: impl FnMut(&S) -> io::Result<R>,
) -> io::Result<R> {
    let until = timeout.and_then(|time| Instant::now().checked_add(time));
    let mut pause = Duration::from_micros(20);
    loop {
        let result = polled.write(|io| match work(io) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Err(error)),
            result => result.map(Ok),
        })?;
        let full = match result {
            Ok(done) => return Ok(done),
            Err(full) => full,
        };
        if polled.is_nonblocking() || until.is_some_and(|until| until <= Instant::now()) {
            return Err(full);
        }
        sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(1));
    }
}
