//! The real select: of several operations that become possible at the same time one happens, and the
//! others are as if nothing had been; whoever waits is woken; nobody is left in a queue. Also with
//! sends whose values are made when they are chosen, kept and broken.
//!
//! Shown to fail: a claim that always succeeds, a receive that lets nobody into the place that has come
//! free, a sender who waits in vain for a receiver to come, a broken promise that nobody is told of,
//! latches not taken in order, or a watcher not told when somebody comes to wait: "deadlock". The other
//! queues not left: a stack is used that is no more. The sender of a promise woken before its receiver
//! has parked: "readied while on its stack". A select that takes a broken promise for kept: it returns
//! a value that is none.
//!
//! # Safety
//!
//! The models select into a place of their own, and keep or break each promise at the channel that made
//! it.

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

use chan::{Case, Chosen, Held, How, Promise, Wait, ready, select};
use prim::check;
use std::mem::MaybeUninit;
use std::sync::Arc;

const WAIT: How = How { biased: false, wait: Wait::Ever };
const TRY: How = How { biased: false, wait: Wait::Not };

/// What came of a select.
#[derive(Debug, PartialEq)]
enum Done {
    Received(usize, u32),
    Closed(usize),
    Sent(usize),
}

enum Side<'a> {
    Send(&'a Channel, u32),
    Receive(&'a Channel),
}
use Side::{Receive, Send};

/// Selects and completes.
fn choose(sides: &[Side<'_>], how: How) -> Option<Done> {
    let mut place = MaybeUninit::<u32>::uninit();
    let to = place.as_mut_ptr().cast();
    let cases: Vec<_> = sides
        .iter()
        .map(|side| match side {
            Send(channel, _) => Case::send(channel.any()),
            // SAFETY: the place outlives the select, and one value goes there.
            Receive(channel) => unsafe { Case::receive(Some(channel.any()), to) },
        })
        .collect();
    let held: Vec<_> = cases.iter().map(|_| Held::new()).collect();
    let (i, chosen) = select(&cases, &held, how)?;
    Some(match (chosen, &sides[i]) {
        // SAFETY: a value has been received.
        (Chosen::Received, _) => Done::Received(i, unsafe { place.assume_init() }),
        (Chosen::Closed, _) => Done::Closed(i),
        (Chosen::Send(promise), Send(channel, item)) => {
            // SAFETY: made for this channel.
            match unsafe { channel.keep(promise, *item) } {
                Ok(()) => Done::Sent(i),
                Err(_) => Done::Closed(i),
            }
        }
        (Chosen::Send(_), Receive(_)) => unreachable!(),
    })
}

/// Selects a send, and breaks the promise.
fn promise_and_break(channel: &Channel) {
    let cases = [Case::send(channel.any())];
    let Some((0, Chosen::Send(promise))) = select(&cases, &[Held::new()], WAIT) else {
        panic!("the only case");
    };
    // SAFETY: made for this channel.
    unsafe { channel.any().renege(promise) };
}

/// Two channels in one piece of memory: they are locked in the order of their addresses, and that has
/// to be the same in each run.
#[derive(Clone)]
struct At(Arc<[Channel; 2]>, usize);

impl std::ops::Deref for At {
    type Target = Channel;

    fn deref(&self) -> &Channel {
        &self.0[self.1]
    }
}

fn channels(capacity: usize) -> (At, At) {
    let both = Arc::new([(); 2].map(|()| Channel::with(Some(capacity))));
    (At(both.clone(), 0), At(both, 1))
}

#[test]
fn one_of_two_receives_and_the_other_is_still_there() {
    for capacity in [0, 1] {
        for kind in KINDS {
            check(2, move || {
                let (a, b) = channels(capacity);
                let (to_a, to_b) = (a.clone(), b.clone());
                let senders = [
                    spawn(Kind::Goroutine, move || to_a.send(1)),
                    spawn(Kind::Thread, move || to_b.send(2)),
                ];
                kind.run(|| match choose(&[Receive(&a), Receive(&b)], WAIT) {
                    Some(Done::Received(0, 1)) => assert_eq!(b.recv(), Some(2)),
                    Some(Done::Received(1, 2)) => assert_eq!(a.recv(), Some(1)),
                    other => panic!("{other:?}"),
                });
                for sender in senders {
                    sender.join().unwrap().unwrap();
                }
            });
        }
    }
}

#[test]
fn closed_while_it_waits() {
    for kind in KINDS {
        check(2, move || {
            let (a, b) = channels(0);
            let (to_a, to_b) = (a.clone(), b.clone());
            let sender = spawn(Kind::Thread, move || to_a.send(1));
            let closer = spawn(Kind::Goroutine, move || assert!(to_b.close()));
            kind.run(|| match choose(&[Receive(&a), Receive(&b)], WAIT) {
                Some(Done::Received(0, 1)) => {}
                Some(Done::Closed(1)) => assert_eq!(a.recv(), Some(1)),
                other => panic!("{other:?}"),
            });
            sender.join().unwrap().unwrap();
            closer.join().unwrap();
        });
    }
}

#[test]
fn send_that_waits_meets_its_receiver() {
    for capacity in [0, 1] {
        for kind in KINDS {
            check(2, move || {
                let (a, b) = channels(capacity);
                if capacity == 1 {
                    a.send(1).unwrap();
                }
                let from = a.clone();
                let receiver = spawn(kind, move || from.recv());
                Kind::Goroutine.run(|| {
                    let done = choose(&[Send(&a, 1), Receive(&b)], WAIT);
                    assert_eq!(done, Some(Done::Sent(0)));
                });
                assert_eq!(receiver.join().unwrap(), Some(1));
            });
        }
    }
}

#[test]
fn two_selects_meet() {
    check(2, || {
        let (a, b) = channels(0);
        let (a2, b2) = (a.clone(), b.clone());
        // Each could send to itself, which must not happen.
        let other =
            spawn(Kind::Goroutine, move || choose(&[Send(&a2, 1), Receive(&b2)], WAIT).unwrap());
        Kind::Goroutine.run(|| {
            let here = choose(&[Send(&b, 2), Receive(&a)], WAIT).unwrap();
            match (here, other.join().unwrap()) {
                (Done::Received(1, 1), Done::Sent(0)) | (Done::Sent(0), Done::Received(1, 2)) => {}
                other => panic!("{other:?}"),
            }
        });
    });
}

#[test]
fn broken_promise_lets_the_receiver_try_again() {
    for capacity in [0, 1] {
        check(2, move || {
            let channel = Channel::new(Some(capacity));
            if capacity == 1 {
                channel.send(7).unwrap();
            }
            let (one, two) = (channel.clone(), channel.clone());
            let breaker = spawn(Kind::Goroutine, move || promise_and_break(&one));
            let sender = spawn(Kind::Thread, move || two.send(7));
            Kind::Goroutine.run(|| {
                for _ in 0..=capacity {
                    assert_eq!(channel.recv(), Some(7));
                }
                // Without a buffer the breaker may still be waiting for somebody to break it to.
                channel.close();
            });
            breaker.join().unwrap();
            sender.join().unwrap().unwrap();
        });
    }
}

#[test]
fn broken_promise_lets_the_select_try_again() {
    check(2, || {
        let (a, b) = channels(0);
        let (one, two) = (a.clone(), b.clone());
        let breaker = spawn(Kind::Goroutine, move || promise_and_break(&one));
        let closer = spawn(Kind::Thread, move || two.close());
        Kind::Goroutine.run(|| {
            assert_eq!(choose(&[Receive(&a), Receive(&b)], WAIT), Some(Done::Closed(1)));
            // The breaker may still be waiting for somebody to break it to.
            a.close();
        });
        breaker.join().unwrap();
        assert!(closer.join().unwrap());
    });
}

#[test]
fn promise_kept_after_close() {
    check(3, || {
        let channel = Channel::new(Some(1));
        let closer = channel.clone();
        let closing = spawn(Kind::Thread, move || closer.close());
        let from = channel.clone();
        let receiver = spawn(Kind::Goroutine, move || from.recv());
        let done = Kind::Goroutine.run(|| choose(&[Send(&channel, 3)], WAIT));
        assert!(closing.join().unwrap());
        match (done, receiver.join().unwrap()) {
            (Some(Done::Sent(0)), Some(3)) | (Some(Done::Closed(0)), None) => {}
            other => panic!("{other:?}"),
        }
    });
}

/// Whoever tries does not overlook what is there, and pairs with who waits.
#[test]
fn trying() {
    check(3, || {
        let (a, b) = channels(0);
        let from = b.clone();
        let receiver = spawn(Kind::Goroutine, move || choose(&[Receive(&from)], WAIT));
        let tried = choose(&[Receive(&a), Send(&b, 1)], TRY);
        if tried.is_none() {
            b.send(1).unwrap();
        } else {
            assert_eq!(tried, Some(Done::Sent(1)));
        }
        assert_eq!(receiver.join().unwrap(), Some(Done::Received(0, 1)));
    });
}

#[test]
fn watching() {
    for (kind, capacity) in [(KINDS[0], 0), (KINDS[1], 1)] {
        check(3, move || {
            let (a, b) = channels(capacity);
            let to = b.clone();
            let sender = spawn(Kind::Goroutine, move || to.send(1));
            kind.run(|| {
                let place = std::ptr::null_mut();
                // SAFETY: nothing is received by watching.
                let cases = [&a, &b].map(|c: &At| unsafe { Case::receive(Some(c.any()), place) });
                assert_eq!(ready(&cases, &[Held::new(), Held::new()], WAIT), Some(1));
                assert_eq!(b.try_recv(), Ok(1));
            });
            sender.join().unwrap().unwrap();
        });
    }
}
