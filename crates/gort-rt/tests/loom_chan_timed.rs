//! The real channels and select, when time runs out: an operation has happened or not, and both ends know
//! it; nobody is left in a queue.
//!
//! # Safety
//!
//! The models select into a place of their own.
//!
//! Shown to fail: to run out of time without a claim: one end has sent what the other has not received. The
//! queue not left: "deadlock", or a stack is used that is no more.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    unsafe_code,
    reason = "the models use parts of the files they include"
)]

#[path = "model/chan.rs"]
mod model;
#[path = "model/prim.rs"]
mod prim;

use model::{Channel, KINDS, Kind, chan, lock, obj, sched, spawn, throw, timer};

use chan::{Case, Chosen, Held, How, Lacking, Refused, Wait, select};
use prim::check;
use std::mem::MaybeUninit;
use std::sync::Arc;

/// A time that comes as soon as somebody waits for it.
const SOON: Wait = Wait::Until(10);

/// See `loom_chan.rs`.
fn let_others_go_first() {
    loom::thread::yield_now();
}

#[test]
fn received_in_time_or_not() {
    for kind in KINDS {
        check(3, move || {
            let channel = Channel::new(Some(0));
            let from = channel.clone();
            let receiver = spawn(kind, move || from.recv_within(SOON));
            let_others_go_first();
            let sent = channel.try_send(1);
            match receiver.join().unwrap() {
                Ok(1) => sent.unwrap(),
                Err(Lacking::Empty) => assert!(matches!(sent, Err(Refused::Full(1)))),
                other => panic!("{other:?}"),
            }
            assert!(matches!(channel.try_send(2), Err(Refused::Full(2))));
        });
    }
}

#[test]
fn sent_in_time_or_not() {
    for kind in KINDS {
        check(3, move || {
            let channel = Channel::new(Some(0));
            let to = channel.clone();
            let sender = spawn(kind, move || to.send_within(1, SOON));
            let_others_go_first();
            let received = channel.try_recv();
            match sender.join().unwrap() {
                Ok(()) => assert_eq!(received, Ok(1)),
                Err(Refused::Full(1)) => assert_eq!(received, Err(Lacking::Empty)),
                other => panic!("{other:?}"),
            }
            assert_eq!(channel.try_recv(), Err(Lacking::Empty));
        });
    }
}

#[test]
fn closed_in_time_or_not() {
    for kind in KINDS {
        check(3, move || {
            let channel = Channel::new(Some(1));
            let from = channel.clone();
            let receiver = spawn(kind, move || from.recv_within(SOON));
            let_others_go_first();
            assert!(channel.close());
            assert!(receiver.join().unwrap().is_err());
        });
    }
}

#[test]
fn one_of_two_in_time_or_none() {
    for kind in KINDS {
        check(2, move || {
            // In one piece: latches are taken in the order of their addresses. If that were another in
            // each run, loom would repeat steps that are not there, and report nonsense.
            let both = Arc::new([(); 2].map(|()| Channel::with(Some(0))));
            let from = both.clone();
            let receiver = spawn(kind, move || {
                let mut place = MaybeUninit::<u32>::uninit();
                let to = place.as_mut_ptr().cast();
                // SAFETY: the place outlives the select, and one value goes there.
                let cases = from.each_ref().map(|c| unsafe { Case::receive(Some(c.any()), to) });
                let held = [Held::new(), Held::new()];
                select(&cases, &held, How { biased: false, wait: SOON }).map(|(i, chosen)| {
                    assert!(matches!(chosen, Chosen::Received));
                    // SAFETY: a value has been received.
                    (i, unsafe { place.assume_init() })
                })
            });
            let_others_go_first();
            let [one, two] = &*both;
            let sent = two.try_send(1).is_ok();
            assert_eq!(receiver.join().unwrap(), sent.then_some((1, 1)));
            assert!(one.try_send(2).is_err() && two.try_send(2).is_err());
        });
    }
}
