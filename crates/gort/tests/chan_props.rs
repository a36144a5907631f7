//! Any sequence of operations does to a channel what it does to a queue.

mod support;

use gort::chan::{
    RecvError, Select, SelectedOperation, TryRecvError, TrySendError, bounded, select, unbounded,
};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use support::quiet;

#[derive(Clone, Debug)]
enum Op {
    TrySend,
    /// As many as there is room for, at most.
    Send(usize),
    TryRecv,
    Recv(usize),
    SelectSend,
    SelectRecv,
    /// Chooses a send, for now.
    Promise,
    /// Completes the latest of those.
    Keep,
    /// Does not.
    Break,
    SelectAndComplete,
    Iterate(usize),
    CloneEnds,
    Close,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => Just(Op::TrySend),
        4 => (0usize..300).prop_map(Op::Send),
        4 => Just(Op::TryRecv),
        4 => (0usize..300).prop_map(Op::Recv),
        2 => Just(Op::SelectSend),
        2 => Just(Op::SelectRecv),
        2 => Just(Op::Promise),
        2 => Just(Op::Keep),
        1 => Just(Op::Break),
        2 => Just(Op::SelectAndComplete),
        1 => (0usize..10).prop_map(Op::Iterate),
        1 => Just(Op::CloneEnds),
        1 => Just(Op::Close),
    ]
}

/// What the channel is to be like.
#[derive(Default)]
struct Model {
    queue: VecDeque<u64>,
    capacity: Option<usize>,
    /// Places that are kept.
    kept: usize,
    closed: bool,
}

impl Model {
    fn room(&self) -> bool {
        self.capacity.is_none_or(|capacity| self.queue.len() + self.kept < capacity)
    }

    fn send(&mut self, value: u64) -> Result<(), TrySendError<u64>> {
        if self.closed {
            return Err(TrySendError::Disconnected(value));
        }
        if !self.room() {
            return Err(TrySendError::Full(value));
        }
        self.queue.push_back(value);
        Ok(())
    }

    fn recv(&mut self) -> Result<u64, TryRecvError> {
        let lacking = if self.closed { TryRecvError::Disconnected } else { TryRecvError::Empty };
        self.queue.pop_front().ok_or(lacking)
    }
}

fn run(capacity: Option<usize>, ops: &[Op]) {
    let _quiet = quiet();
    let (mut s, mut r) = capacity.map_or_else(unbounded, bounded);
    // Those that promises refer to stay where they are.
    let (first_s, first_r) = (s.clone(), r.clone());
    let mut model = Model { capacity, ..Model::default() };
    let mut promises: Vec<(SelectedOperation<'_>, bool)> = Vec::new();
    let mut number = 0u64;
    let mut next = || {
        number += 1;
        number
    };
    for op in ops {
        match *op {
            Op::TrySend => {
                let value = next();
                assert_eq!(s.try_send(value), model.send(value));
            }
            Op::Send(count) => {
                for _ in 0..count {
                    if model.closed || !model.room() {
                        break;
                    }
                    let value = next();
                    s.send(value).unwrap();
                    model.send(value).unwrap();
                }
            }
            Op::TryRecv => assert_eq!(r.try_recv(), model.recv()),
            Op::Recv(count) => {
                for _ in 0..count {
                    if model.queue.is_empty() && !model.closed {
                        break;
                    }
                    assert_eq!(r.recv(), model.recv().map_err(|_| RecvError));
                }
            }
            Op::SelectSend => {
                let value = next();
                let done = select! {
                    send(s, value) -> sent => Some(sent.map_err(TrySendError::from)),
                    default => None,
                };
                assert_eq!(done.unwrap_or(Err(TrySendError::Full(value))), model.send(value));
            }
            Op::SelectRecv => {
                let done = select! {
                    recv(r) -> value => value.map_err(|RecvError| TryRecvError::Disconnected),
                    default => Err(TryRecvError::Empty),
                };
                assert_eq!(done, model.recv());
            }
            Op::Promise => {
                let mut list = Select::new();
                list.send(&first_s);
                let chosen = list.try_select();
                assert_eq!(chosen.is_ok(), model.closed || model.room());
                if let Ok(chosen) = chosen {
                    let keeps = !model.closed && capacity.is_some();
                    model.kept += usize::from(keeps);
                    promises.push((chosen, keeps));
                }
            }
            Op::Keep => {
                if let Some((promise, keeps)) = promises.pop() {
                    model.kept -= usize::from(keeps);
                    let value = next();
                    let sent = promise.send(&first_s, value).map_err(TrySendError::from);
                    assert_eq!(sent, model.send(value));
                }
            }
            Op::Break => {
                if let Some((promise, keeps)) = promises.pop() {
                    model.kept -= usize::from(keeps);
                    assert!(catch_unwind(AssertUnwindSafe(|| drop(promise))).is_err());
                }
            }
            Op::SelectAndComplete => {
                let mut list = Select::new_biased();
                (list.recv(&first_r), list.send(&first_s));
                if let Ok(chosen) = list.try_select() {
                    if chosen.index() == 0 {
                        let value = chosen.recv(&first_r).map_err(|_| TryRecvError::Disconnected);
                        assert_eq!(value, model.recv());
                    } else {
                        let value = next();
                        chosen.send(&first_s, value).unwrap();
                        model.send(value).unwrap();
                    }
                } else {
                    assert!(model.queue.is_empty() && !model.room() && !model.closed);
                }
            }
            Op::Iterate(count) => {
                let some: Vec<_> = r.try_iter().take(count).collect();
                assert!(some.into_iter().eq((0..count).map_while(|_| model.recv().ok())));
            }
            Op::CloneEnds => (s, r) = (s.clone(), r.clone()),
            Op::Close => {
                assert_eq!(s.close(), !model.closed);
                model.closed = true;
            }
        }
        assert_eq!((s.len(), r.len()), (model.queue.len(), model.queue.len()));
        assert_eq!(s.is_full(), capacity == Some(model.queue.len()));
    }
    for (promise, _) in promises {
        let _ = promise.send(&first_s, 0);
    }
    drop((s, first_s));
    assert!(model.queue.into_iter().eq(r.try_iter().take_while(|value| *value != 0)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn as_a_queue(
        capacity in prop_oneof![
            (0usize..5).prop_map(Some),
            (5usize..400).prop_map(Some),
            Just(None),
        ],
        ops in vec(op(), 0..100),
    ) {
        run(capacity, &ops);
        gort::run(|| run(capacity, &ops));
    }
}
