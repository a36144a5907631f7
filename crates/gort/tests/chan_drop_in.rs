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
use support::{Child, compare, is_child, panics, stderr};

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
