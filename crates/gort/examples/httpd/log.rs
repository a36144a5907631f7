//! Lines about what happens: requests on standard output, everything else on standard error.
//!
//! A line is one write, so that lines of several goroutines do not mix, and none waits for another's.

use gort::syscall::{fd::AsFd, write};
use std::fmt;
use std::io::{stderr, stdout};
use std::net::SocketAddr;
use std::time::Instant;

/// What is to be told of a request.
pub(crate) struct Request<'a> {
    pub(crate) peer: SocketAddr,
    pub(crate) date: &'a str,
    /// The first line, as it came.
    pub(crate) line: &'a [u8],
    pub(crate) status: u16,
    /// Of the body.
    pub(crate) bytes: u64,
    pub(crate) since: Instant,
}

pub(crate) fn request(request: &Request<'_>) {
    let Request { peer, date, line, status, bytes, since } = request;
    let (line, time) = (line.escape_ascii(), since.elapsed().as_micros());
    put(stdout(), &format!("{peer} [{date}] \"{line}\" {status} {bytes} {time}us\n"));
}

pub(crate) fn error(text: fmt::Arguments<'_>) {
    put(stderr(), &format!("httpd: {text}\n"));
}

/// Nothing can be done about a log that cannot be written.
fn put(to: impl AsFd, line: &str) {
    let mut rest = line.as_bytes();
    while let Ok(written @ 1..) = write(&to, rest) {
        rest = &rest[written..];
    }
}
