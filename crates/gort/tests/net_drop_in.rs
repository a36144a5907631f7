//! A program written for std's sockets runs on `gort::net` by changing its `use` lines, and says the same.

#![forbid(unsafe_code)]
#![allow(clippy::duplicate_mod, reason = "one program, against two libraries")]

mod support;

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

/// What a program says, line by line.
type Program = fn(&mut Vec<String>);

/// Says the same with std, and with ours on a thread and on a goroutine.
fn compare(theirs: Program, ours: Program) {
    let run = |program: Program| {
        let mut lines = Vec::new();
        program(&mut lines);
        lines
    };
    let said = run(theirs);
    assert!(!said.is_empty());
    let watchdog = support::watchdog();
    assert_eq!(said, run(ours));
    drop(watchdog);
    support::matrix(|_| assert_eq!(said, run(ours)));
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
