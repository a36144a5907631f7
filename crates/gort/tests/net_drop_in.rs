//! A program written for std's sockets runs on `gort::net` by changing its `use` lines, and says the same.

#![forbid(unsafe_code)]
#![allow(clippy::duplicate_mod, reason = "one program, against two libraries")]

mod support;

use support::compare;

#[path = "drop_in"]
mod theirs {
    use std::net;
    use std::os::unix::net as unix;

    pub(crate) mod sockets;
}

#[path = "drop_in"]
mod ours {
    use gort::net;
    use gort::net::unix;

    pub(crate) mod sockets;
}

#[test]
fn tcp() {
    compare(theirs::sockets::tcp, ours::sockets::tcp);
}

#[test]
fn udp() {
    compare(theirs::sockets::udp, ours::sockets::udp);
}

#[test]
fn unix() {
    compare(theirs::sockets::unix, ours::sockets::unix);
}
