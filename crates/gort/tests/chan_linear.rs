//! Linearizability: for whatever goroutines and threads did at a channel at the same time, there is an
//! order of the same operations, one after the other, that gives the same results, and in which none
//! comes before one that was over when it began. Found by search, as Wing and Gong do.

mod support;

use gort::chan::{Receiver, Sender, TryRecvError, TrySendError, bounded, unbounded};
use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use support::storm::storm;
use support::{matrix, settle};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    Send(u32),
    TrySend(u32),
    Recv,
    TryRecv,
    Len,
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    Sent,
    Full,
    Closed,
    Got(u32),
    Empty,
    Len(usize),
    Did(bool),
}

/// An operation, its result, and when it began and ended.
#[derive(Clone, Copy, Debug)]
struct Event {
    op: Op,
    outcome: Outcome,
    began: usize,
    ended: usize,
}

/// A channel on which one operation happens at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Model {
    queue: VecDeque<u32>,
    closed: bool,
    /// When the last send ended: without a buffer its receive has begun by then.
    met_until: usize,
}

impl Model {
    /// Whether the operation could have this outcome now, and then does.
    fn allows(&mut self, capacity: Option<usize>, event: &Event) -> bool {
        // Without a buffer a value is in the model's queue only between its send and its receive,
        // which follow each other.
        let handing_over = capacity == Some(0) && !self.queue.is_empty();
        let room = capacity.is_none_or(|capacity| self.queue.len() < capacity.max(1));
        match (event.op, event.outcome) {
            (Op::Recv | Op::TryRecv, Outcome::Got(value)) => {
                let met = capacity != Some(0) || event.began < self.met_until;
                self.queue.pop_front() == Some(value) && met
            }
            _ if handing_over => false,
            (Op::Send(value) | Op::TrySend(value), Outcome::Sent) => {
                self.queue.push_back(value);
                self.met_until = if capacity == Some(0) { event.ended } else { 0 };
                room && !self.closed
            }
            (Op::TrySend(_), Outcome::Full) => !self.closed && (capacity == Some(0) || !room),
            (Op::Send(_) | Op::TrySend(_), Outcome::Closed) => self.closed,
            (Op::Recv | Op::TryRecv, Outcome::Closed) => self.closed && self.queue.is_empty(),
            (Op::TryRecv, Outcome::Empty) => !self.closed && self.queue.is_empty(),
            (Op::Len, Outcome::Len(len)) => self.queue.len() == len,
            (Op::Close, Outcome::Did(first)) => std::mem::replace(&mut self.closed, true) != first,
            _ => false,
        }
    }
}

/// Whether there is an order for `events`.
fn linearizable(capacity: Option<usize>, events: &[Event]) -> bool {
    fn search(
        capacity: Option<usize>,
        events: &[Event],
        done: u64,
        model: &Model,
        met: &mut HashSet<(u64, Model)>,
    ) -> bool {
        if done.count_ones() as usize == events.len() {
            return capacity != Some(0) || model.queue.is_empty();
        }
        if !met.insert((done, model.clone())) {
            return false;
        }
        let left = || events.iter().enumerate().filter(|(i, _)| done & 1 << i == 0);
        let first_end = left().map(|(_, event)| event.ended).min().unwrap_or(usize::MAX);
        left().filter(|(_, event)| event.began < first_end).any(|(i, event)| {
            let mut next = model.clone();
            next.allows(capacity, event) && search(capacity, events, done | 1 << i, &next, met)
        })
    }
    search(capacity, events, 0, &Model::default(), &mut HashSet::new())
}

static CLOCK: AtomicUsize = AtomicUsize::new(0);

fn perform(op: Op, s: &Sender<u32>, r: &Receiver<u32>) -> Event {
    let began = CLOCK.fetch_add(1, SeqCst);
    let outcome = match op {
        Op::Send(value) => s.send(value).map_or(Outcome::Closed, |()| Outcome::Sent),
        Op::TrySend(value) => match s.try_send(value) {
            Ok(()) => Outcome::Sent,
            Err(TrySendError::Full(_)) => Outcome::Full,
            Err(TrySendError::Disconnected(_)) => Outcome::Closed,
        },
        Op::Recv => r.recv().map_or(Outcome::Closed, Outcome::Got),
        Op::TryRecv => match r.try_recv() {
            Ok(value) => Outcome::Got(value),
            Err(TryRecvError::Empty) => Outcome::Empty,
            Err(TryRecvError::Disconnected) => Outcome::Closed,
        },
        Op::Len => Outcome::Len(s.len()),
        Op::Close => Outcome::Did(s.close()),
    };
    Event { op, outcome, began, ended: CLOCK.fetch_add(1, SeqCst) }
}

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn ops(&mut self, who: u32, count: u32) -> Vec<Op> {
        (0..count)
            .map(|i| match self.below(10) {
                0..3 => Op::Send(who * 100 + i),
                3..5 => Op::TrySend(who * 100 + i),
                5..7 => Op::Recv,
                7..9 => Op::TryRecv,
                _ => Op::Len,
            })
            .collect()
    }
}

/// What three parties, the last of them a thread, did at one channel until it was closed.
fn history(capacity: Option<usize>, random: &mut Random) -> Vec<Event> {
    let (s, r) = capacity.map_or_else(unbounded, bounded);
    let party = |ops: Vec<Op>| {
        let (s, r) = (s.clone(), r.clone());
        move || ops.into_iter().map(|op| perform(op, &s, &r)).collect::<Vec<_>>()
    };
    let thread = std::thread::spawn(party(random.ops(3, 3)));
    let goroutines = [1, 2].map(|who| gort::go(party(random.ops(who, 4))));
    if random.below(2) == 0 {
        settle();
    }
    let close = perform(Op::Close, &s, &r);
    let mut events = vec![close];
    for goroutine in goroutines {
        events.extend(goroutine.join().unwrap());
    }
    events.extend(thread.join().unwrap());
    events
}

#[test]
fn histories() {
    are_linear(250);
}

#[test]
fn histories_in_a_storm() {
    let _storm = storm(Some(5000));
    are_linear(50);
}

fn are_linear(count: usize) {
    let seed = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(1, |time| time.as_nanos() as u64);
    println!("seed {seed}");
    matrix(|procs| {
        let mut random = Random(seed.wrapping_add(procs as u64));
        for capacity in [Some(0), Some(1), Some(2), None] {
            for _ in 0..count {
                let events = history(capacity, &mut random);
                assert!(linearizable(capacity, &events), "{capacity:?}: {events:#?}");
            }
        }
    });
}

/// The search finds what is wrong.
#[test]
fn impossible_histories() {
    let event = |op, outcome, began, ended| Event { op, outcome, began, ended };
    let send = |value, began, ended| event(Op::Send(value), Outcome::Sent, began, ended);
    let recv = |value, began, ended| event(Op::Recv, Outcome::Got(value), began, ended);
    let one = Some(1);
    let check = |capacity, events: &[Event]| linearizable(capacity, events);
    // One after the other, and at the same time.
    assert!(check(one, &[send(1, 0, 1), recv(1, 2, 3)]));
    assert!(check(one, &[recv(1, 0, 3), send(1, 1, 2)]));
    assert!(!check(one, &[recv(1, 0, 1), send(1, 2, 3)]), "before it was sent");
    assert!(!check(one, &[send(1, 0, 1), recv(1, 2, 3), recv(1, 4, 5)]), "twice");
    assert!(!check(one, &[send(1, 0, 1), send(2, 2, 3)]), "too many");
    assert!(!check(None, &[send(1, 0, 1), send(2, 2, 3), recv(2, 4, 5)]), "out of order");
    assert!(check(None, &[send(1, 0, 3), send(2, 1, 2), recv(2, 4, 5)]));
    assert!(!check(Some(0), &[send(1, 0, 1), recv(1, 2, 3)]), "they did not meet");
    assert!(!check(Some(0), &[send(1, 0, 1)]), "nobody was there");
    assert!(check(Some(0), &[send(1, 0, 2), recv(1, 1, 3)]));
    let empty = event(Op::TryRecv, Outcome::Empty, 2, 3);
    assert!(!check(one, &[send(1, 0, 1), empty]), "overlooked");
    let full = event(Op::TrySend(1), Outcome::Full, 2, 3);
    assert!(!check(one, &[full]), "there was room");
    let close = |first, began, ended| event(Op::Close, Outcome::Did(first), began, ended);
    assert!(!check(one, &[close(true, 0, 1), send(1, 2, 3)]), "closed");
    assert!(!check(one, &[close(true, 0, 1), close(true, 2, 3)]), "closed twice");
    let closed = event(Op::Recv, Outcome::Closed, 4, 5);
    assert!(!check(one, &[send(1, 0, 1), close(true, 2, 3), closed]), "lost");
    assert!(!check(one, &[send(1, 0, 1), event(Op::Len, Outcome::Len(0), 2, 3)]), "miscounted");
}
