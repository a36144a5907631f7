//! What is wrong with an arm of a `select!` is said in the macro's own words, and what must not go to
//! another thread does not by way of a channel.

#![allow(clippy::assertions_on_constants, reason = "what is asserted is said by types")]

use gort::chan::{Receiver, Select, SelectedOperation, Sender, select, select_biased};
use std::marker::PhantomData;
use std::rc::Rc;

/// The compiler's, for what the macros expand to here: it can be read.
macro_rules! compile_error {
    ($text:expr) => {
        $text
    };
}

#[test]
fn arms() {
    assert_eq!(select! {}, "a `select!` without arms");
    assert_eq!(select_biased! {}, "a `select!` without arms");
    assert_eq!(select! { recv(r) => {} }, "expected `-> pattern` after `recv(r)`, found `=>`");
    assert_eq!(
        select! { send(s, 1) => {} },
        "expected `-> pattern` after `send(s, 1)`, found `=>`"
    );
    let receives = |found: &str| {
        format!("expected `recv(receiver) -> pattern => expression,`, found `{found}`")
    };
    assert_eq!(select! { recv(r, 1) -> _ => {} }, receives("recv (r, 1) -> _ => {}"));
    assert_eq!(select! { recv -> _ => {} }, receives("recv -> _ => {}"));
    assert_eq!(select! { recv(r) -> _ }, receives("recv (r) -> _"));
    assert_eq!(
        select! { recv(r) -> _ => (); send(s, 1) -> _ => () },
        receives("recv (r) -> _ => (); send(s, 1) -> _ => ()")
    );
    assert_eq!(
        select! { send(s) -> _ => {} },
        "expected `send(sender, value) -> pattern => expression,`, found `send (s) -> _ => {}`"
    );
    assert_eq!(
        select! { recv(r) -> _ => {} default -> {} },
        "expected `=>` after `default`, found `->`"
    );
    assert_eq!(
        select! { default => {} default => {} },
        "a `select!` has one `default` arm at most"
    );
    assert_eq!(
        select! { receive(r) -> _ => {} },
        "expected `recv`, `send` or `default`, found `receive(r) -> _ => {}`"
    );
}

/// Whether a type can be sent, or shared: as a constant of its own if it can, and otherwise of a trait.
struct Of<T>(PhantomData<T>);

trait Not {
    const SENT: bool = false;
    const SHARED: bool = false;
}

impl<T> Not for Of<T> {}

impl<T: Send> Of<T> {
    const SENT: bool = true;
}

impl<T: Sync> Of<T> {
    const SHARED: bool = true;
}

#[test]
fn what_stays_on_its_thread() {
    assert!(<Of<Sender<Box<i32>>>>::SENT && <Of<Sender<Box<i32>>>>::SHARED);
    assert!(!<Of<Sender<Rc<i32>>>>::SENT && !<Of<Sender<Rc<i32>>>>::SHARED);
    assert!(<Of<Receiver<Box<i32>>>>::SENT && <Of<Receiver<Box<i32>>>>::SHARED);
    assert!(!<Of<Receiver<Rc<i32>>>>::SENT && !<Of<Receiver<Rc<i32>>>>::SHARED);
    assert!(<Of<Select<'_>>>::SENT && <Of<Select<'_>>>::SHARED);
    assert!(!<Of<SelectedOperation<'_>>>::SENT && !<Of<SelectedOperation<'_>>>::SHARED);
}
