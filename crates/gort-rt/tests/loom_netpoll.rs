//! Who waits for a descriptor is told when something has come, its deadline has passed, or it is closed, by
//! whichever comes first, and once; and a stream's end that came in one event with its data is not forgotten.
//!
//! `side.rs` is the runtime's own.
//!
//! Shown to fail: no fence in `wait` or in `evict`, `over` not kept, or an event on top of another that is not
//! written: "deadlock". `commit` before the park: "readied while on its stack".
//!
//! # Safety
//!
//! What the included file relies on; what a model makes is leaked.

#![allow(unsafe_code)]
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the models use parts of the files they include"
)]

#[path = "model/goroutine.rs"]
mod goroutine;
#[path = "model/prim.rs"]
mod prim;
#[path = "../src/netpoll/side.rs"]
mod side;

use goroutine::{KINDS, Kind, obj, spawn, throw};
use prim::Ordering::{AcqRel, Acquire, Relaxed};
use prim::{AtomicU32, check};
use side::{Party, Side};

mod sched {
    pub(crate) use crate::goroutine::park;
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Unready {
    Closing,
    TimedOut,
}

/// A descriptor: one side, and what a socket's buffer would be.
struct Desc {
    side: Side,
    closing: AtomicU32,
    /// Bytes that have come, and have not been read, and [`END`] when the other end has closed.
    buffer: AtomicU32,
}

const END: u32 = 1 << 31;

impl Desc {
    fn leaked() -> &'static Desc {
        Box::leak(Box::new(Desc {
            side: Side::new(),
            closing: AtomicU32::new(0),
            buffer: AtomicU32::new(0),
        }))
    }

    fn check(&self) -> Result<(), Unready> {
        if self.closing.load(Relaxed) != 0 {
            return Err(Unready::Closing);
        }
        if self.side.is_expired() { Err(Unready::TimedOut) } else { Ok(()) }
    }

    /// As `Polled::run`. What there is, all of it; 0 at the end.
    fn read(&'static self, mut dry: bool) -> Result<u32, Unready> {
        self.check()?;
        loop {
            if self.side.take_event() || !dry {
                let there = self.buffer.fetch_and(END, AcqRel);
                if there != 0 {
                    return Ok(there & !END);
                }
            }
            dry = false;
            self.side.wait(|| self.check())?;
        }
    }

    /// The kernel's event for what has changed before.
    fn event(&'static self) {
        let over = self.buffer.load(Acquire) & END != 0;
        match self.side.ready(over) {
            Some(Party::Goroutine(gp)) => Party::Goroutine(gp).wake(),
            Some(Party::Thread(futex)) => Party::wake_thread(futex),
            None => {}
        }
    }

    fn send(&'static self) {
        self.buffer.fetch_add(1, AcqRel);
        self.event();
    }

    /// As `PollDesc::evict`.
    fn close(&'static self) {
        self.closing.swap(1, Relaxed);
        self.side.evict();
    }
}

fn each(preemptions: usize, model: fn(Kind)) {
    for kind in KINDS {
        check(preemptions, move || model(kind));
    }
}

/// Two bytes at any time are read, in one or two goes.
#[test]
fn what_comes_is_read() {
    each(3, |kind| {
        let desc = Desc::leaked();
        let reader = spawn(kind, move || {
            let mut sum = 0;
            while sum != 2 {
                // The buffer is larger than what comes.
                sum += desc.read(sum != 0).unwrap();
            }
        });
        desc.send();
        desc.send();
        reader.join().unwrap();
    });
}

/// An end that comes with the data, or right after it.
#[test]
fn the_end_is_seen() {
    each(3, |kind| {
        let desc = Desc::leaked();
        let reader = spawn(kind, move || {
            let mut dry = false;
            let mut sum = 0;
            loop {
                match desc.read(dry).unwrap() {
                    0 => return sum,
                    bytes => sum += bytes,
                }
                dry = true;
            }
        });
        desc.buffer.fetch_add(1, AcqRel);
        let closer = spawn(Kind::Thread, move || {
            desc.buffer.fetch_or(END, AcqRel);
            desc.event();
        });
        desc.event();
        closer.join().unwrap();
        assert_eq!(reader.join().unwrap(), 1);
    });
}

/// Closing wakes who waits, or about to.
#[test]
fn closed_while_somebody_waits() {
    each(4, |kind| {
        let desc = Desc::leaked();
        let reader = spawn(kind, move || desc.read(false));
        desc.close();
        assert_eq!(reader.join().unwrap(), Err(Unready::Closing));
    });
}

/// Two come at once: the deadline, and what was waited for.
#[test]
fn in_time_or_not() {
    each(3, |kind| {
        let desc = Desc::leaked();
        let reader = spawn(kind, move || desc.read(false));
        let timer = spawn(Kind::Thread, move || desc.side.expire());
        desc.send();
        timer.join().unwrap();
        let got = reader.join().unwrap();
        let left = desc.buffer.load(Relaxed);
        assert!(got == Ok(1) && left == 0 || got == Err(Unready::TimedOut) && left == 1, "{got:?}");
    });
}

/// Three at once.
#[test]
fn closed_while_its_time_is_up() {
    each(2, |kind| {
        let desc = Desc::leaked();
        let reader = spawn(kind, move || desc.read(false));
        let timer = spawn(Kind::Thread, move || desc.side.expire());
        let sender = spawn(Kind::Thread, move || desc.send());
        desc.close();
        timer.join().unwrap();
        sender.join().unwrap();
        let _ = reader.join().unwrap();
        assert_eq!(desc.check(), Err(Unready::Closing));
    });
}

/// One whose deadline has passed may wait again when it is set anew.
#[test]
fn deadline_is_set_anew() {
    each(3, |kind| {
        let desc = Desc::leaked();
        desc.side.expire();
        let reader = spawn(kind, move || {
            assert_eq!(desc.read(false), Err(Unready::TimedOut));
            desc.side.renew();
            desc.read(false)
        });
        desc.send();
        assert_eq!(reader.join().unwrap(), Ok(1));
    });
}
