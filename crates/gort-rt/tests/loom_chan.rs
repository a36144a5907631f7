//! The real channels: each value arrives once and in order, whoever waits is woken, and what was
//! written before a value was sent is seen with it. Between goroutines, threads, and both.
//!
//! Shown to fail: `Relaxed` for the Release or Acquire of a waiter's futex: "Causality violation". One
//! of the queues not told that the channel is closed: "deadlock". The latch let go before the park
//! instead of after it: "readied while on its stack". `Relaxed` for the Acquire in `Count::look`:
//! neither open nor empty at any moment, and yet `Empty`. The end of a ring not led back to its
//! beginning: values out of order.

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
use prim::{AtomicU32, Ordering::Relaxed, check};
use std::sync::Arc;

/// Loom does not think of it: a write that follows a read of the same word by the same thread does not
/// make it consider what the word looks like to those who read it before.
fn let_others_go_first() {
    loom::thread::yield_now();
}

/// For both ends of a channel: a goroutine, a thread.
fn ends(test: impl Fn(Kind, Kind)) {
    for one in KINDS {
        for other in KINDS {
            test(one, other);
        }
    }
}

#[test]
fn a_value_goes_over() {
    for capacity in [Some(0), Some(1), None] {
        ends(|here, there| {
            check(3, move || {
                let channel = Channel::new(capacity);
                let written = Arc::new(AtomicU32::new(0));
                let (to, before) = (channel.clone(), written.clone());
                let sender = spawn(there, move || {
                    before.store(1, Relaxed);
                    to.send(7).unwrap();
                });
                here.run(|| {
                    assert_eq!(channel.recv(), Some(7));
                    assert_eq!(written.load(Relaxed), 1);
                });
                sender.join().unwrap();
            });
        });
    }
}

#[test]
fn values_stay_in_order() {
    for capacity in [Some(1), None] {
        check(2, move || {
            let channel = Channel::new(capacity);
            let to = channel.clone();
            let sender = spawn(Kind::Goroutine, move || {
                for n in 0..3 {
                    to.send(n).unwrap();
                }
                to.close();
            });
            Kind::Goroutine.run(|| {
                for n in 0..3 {
                    assert_eq!(channel.recv(), Some(n));
                }
                assert_eq!(channel.recv(), None);
            });
            sender.join().unwrap();
        });
    }
}

#[test]
fn two_senders_and_one_receiver() {
    for capacity in [Some(0), Some(1), None] {
        check(2, move || {
            let channel = Channel::new(capacity);
            let senders = [1, 2].map(|n| {
                let to = channel.clone();
                spawn(KINDS[n as usize % 2], move || to.send(n).unwrap())
            });
            Kind::Goroutine.run(|| {
                assert_eq!(channel.recv().unwrap() + channel.recv().unwrap(), 3);
            });
            for sender in senders {
                sender.join().unwrap();
            }
        });
    }
}

#[test]
fn one_sender_and_two_receivers() {
    check(2, || {
        let channel = Channel::new(Some(0));
        let receivers = [Kind::Goroutine, Kind::Thread].map(|kind| {
            let from = channel.clone();
            spawn(kind, move || from.recv())
        });
        Kind::Goroutine.run(|| {
            channel.send(1).unwrap();
            channel.close();
        });
        let got = receivers.map(|receiver| receiver.join().unwrap());
        assert!(matches!(got, [Some(1), None] | [None, Some(1)]), "{got:?}");
    });
}

/// Either the value has been received, or its sender has it back.
#[test]
fn closed_while_one_sends_and_one_receives() {
    for capacity in [Some(0), Some(1)] {
        check(2, move || {
            let channel = Channel::new(capacity);
            let (to, from) = (channel.clone(), channel.clone());
            let sender = spawn(Kind::Goroutine, move || to.send(5));
            let receiver = spawn(Kind::Thread, move || from.recv());
            assert!(channel.close());
            match (sender.join().unwrap(), receiver.join().unwrap()) {
                (Ok(()), Some(5)) | (Err(5), None) => {}
                other => panic!("{other:?}"),
            }
            assert!(!channel.close());
        });
    }
}

#[test]
fn closed_while_two_wait_to_send() {
    check(2, || {
        let channel = Channel::new(Some(0));
        let senders = KINDS.map(|kind| {
            let to = channel.clone();
            spawn(kind, move || to.send(5))
        });
        assert!(channel.close());
        for sender in senders {
            assert_eq!(sender.join().unwrap(), Err(5));
        }
    });
}

/// There is no moment at which it is open and empty.
#[test]
fn closed_before_it_is_emptied() {
    check(3, || {
        let channel = Channel::new(Some(1));
        channel.send(1).unwrap();
        let other = channel.clone();
        let looker = spawn(Kind::Thread, move || {
            let_others_go_first();
            other.try_recv()
        });
        channel.close();
        let left = channel.recv();
        match (looker.join().unwrap(), left) {
            (Ok(1), None) | (Err(chan::Lacking::Closed), Some(1)) => {}
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn full_until_a_value_is_taken() {
    ends(|here, there| {
        check(3, move || {
            let channel = Channel::new(Some(1));
            let from = channel.clone();
            here.run(|| channel.send(1).unwrap());
            let receiver = spawn(there, move || [from.recv(), from.recv()]);
            here.run(|| channel.send(2).unwrap());
            assert_eq!(receiver.join().unwrap(), [Some(1), Some(2)]);
        });
    });
}

/// What looks without the lock does not overlook what has happened before.
#[test]
fn trying() {
    check(3, || {
        let channel = Channel::new(Some(1));
        let to = channel.clone();
        let done = Arc::new(AtomicU32::new(0));
        let sent = done.clone();
        let sender = spawn(Kind::Thread, move || {
            to.try_send(1).unwrap();
            // Release: pairs with the Acquire below.
            sent.store(1, prim::Ordering::Release);
            to.close();
        });
        let_others_go_first();
        let was_done = done.load(prim::Ordering::Acquire) == 1;
        match channel.try_recv() {
            Ok(1) => assert_eq!(channel.recv(), None),
            Err(chan::Lacking::Empty) => assert!(!was_done),
            other => panic!("{other:?}"),
        }
        sender.join().unwrap();
    });
}
