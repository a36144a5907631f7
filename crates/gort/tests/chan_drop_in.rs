//! A program written for crossbeam-channel runs on `gort::chan` by changing one `use` line, and says the
//! same: `drop_in/` is compiled against both.

#![forbid(unsafe_code)]
#![allow(
    clippy::duplicate_mod,
    clippy::needless_return,
    reason = "one program, against two crates"
)]

mod support;

use std::process::Output;
use support::{Child, is_child, panics, stderr};

#[path = "drop_in"]
mod theirs {
    use crossbeam_channel as chan;

    pub(crate) mod api;
    pub(crate) mod arms;
}

#[path = "drop_in"]
mod ours {
    use gort::chan;

    pub(crate) mod api;
    pub(crate) mod arms;
}

/// What a program says, line by line.
type Program = fn(&mut Vec<String>);

/// Says the same with their crate, and with ours on a thread and on a goroutine.
fn compare(theirs: Program, ours: Program) {
    let run = |program: Program| {
        let mut lines = Vec::new();
        program(&mut lines);
        lines
    };
    let said = run(theirs);
    assert!(!said.is_empty());
    assert_eq!(said, run(ours));
    support::matrix(|_| assert_eq!(said, run(ours)));
}

#[test]
fn operations() {
    compare(theirs::api::operations, ours::api::operations);
}

#[test]
fn errors() {
    compare(theirs::api::errors, ours::api::errors);
}

#[test]
fn lists() {
    compare(theirs::api::lists, ours::api::lists);
}

#[test]
fn clocks() {
    compare(theirs::api::clocks, ours::api::clocks);
}

#[test]
fn arms() {
    compare(theirs::arms::arms, ours::arms::arms);
}

#[test]
fn pipeline() {
    compare(theirs::arms::pipeline, ours::arms::pipeline);
}

/// Theirs ends the process then, for the operation that it drops panics as well.
#[test]
fn what_was_not_selected() {
    let same = |theirs: &Output, ours: fn()| {
        let (said, text) = (stderr(theirs), panics(ours));
        assert!(said.lines().any(|line| line == text), "{text}: {said}");
    };
    let child = Child::new("sender", || {
        theirs::api::wrong_sender();
    });
    let sender = child.run();
    let child = Child::new("receiver", || {
        theirs::api::wrong_receiver();
    });
    let receiver = child.run();
    if !is_child() {
        same(&sender, ours::api::wrong_sender);
        same(&receiver, ours::api::wrong_receiver);
    }
}
