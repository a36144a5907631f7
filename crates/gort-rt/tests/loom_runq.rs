//! A P's run queue against thieves: nothing is lost, nothing comes out twice, what comes out is as
//! it was put in, and who looks whether there is anything does not overlook what stays there.
//!
//! Shown to fail: `Relaxed` for the Release in `put`: items are lost. `Relaxed` for the AcqRel in
//! `put_next`: "taken before it was put". Going on when `take` has failed, in `grab`, `get_ring` or
//! `put`, or taking `next` by load and store in `grab`: items come out twice. No second look at
//! `tail` in `is_empty`, or a Relaxed load of `next` there: "item 0 is there all the time". That
//! last one is how `is_empty` was written first: loom found it.
//!
//! Not shown: the Release in `take`. It keeps a taker's reads from moving behind the owner's next
//! write of the place, and loom does not let a read see a later write.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the models use parts of the files they include"
)]

#[path = "model/prim.rs"]
mod prim;
#[path = "../src/sched/runq.rs"]
mod runq;

use loom::thread;
use prim::{AtomicU32, Ordering::Relaxed, RING, check};
use runq::{Batch, RunQueue};
use std::sync::Arc;

/// Something to queue. Its content is written by who queues it, and read by who takes it.
struct Item {
    id: usize,
    content: AtomicU32,
}

loom::lazy_static! {
    static ref ITEMS: [Item; 8] =
        std::array::from_fn(|id| Item { id, content: AtomicU32::new(0) });
}

fn item(id: usize) -> &'static Item {
    let item = &ITEMS[id];
    item.content.store(7, Relaxed);
    item
}

/// An item that has been taken, by its number.
fn taken(item: &Item) -> usize {
    assert_eq!(item.content.load(Relaxed), 7, "taken before it was put");
    item.id
}

fn never(_: &Batch<Item>, _: &'static Item) {
    panic!("the ring overflows");
}

fn put(queue: &RunQueue<Item>, id: usize) {
    queue.put(item(id), never);
}

fn put_next(queue: &RunQueue<Item>, id: usize) {
    queue.put_next(item(id), never);
}

/// Everything that is left.
fn drain(queue: &RunQueue<Item>) -> Vec<usize> {
    std::iter::from_fn(|| queue.get()).map(|(item, _)| taken(item)).collect()
}

fn new() -> Arc<RunQueue<Item>> {
    Arc::new(RunQueue::new())
}

/// A thief that steals once; what it got, in the order in which it would run it.
fn thief(from: &Arc<RunQueue<Item>>, take_next: bool) -> thread::JoinHandle<Vec<usize>> {
    let from = from.clone();
    thread::spawn(move || {
        let own = RunQueue::new();
        let first = from.steal_into(&own, take_next).map(taken);
        first.into_iter().chain(drain(&own)).collect()
    })
}

/// All of `0..count` are there, each once.
fn assert_all(parts: &[&[usize]], count: usize) {
    let mut all = parts.concat();
    all.sort_unstable();
    assert_eq!(all, (0..count).collect::<Vec<_>>());
}

fn assert_in_order(ids: &[usize]) {
    assert!(ids.is_sorted(), "{ids:?}");
}

#[test]
fn owner_alone_first_in_first_out_and_next_in_front() {
    check(2, || {
        let queue = new();
        for id in 0..RING {
            put(&queue, id);
        }
        assert_eq!(queue.get().map(|(item, next)| (taken(item), next)), Some((0, false)));
        put_next(&queue, 4);
        assert_eq!(queue.get().map(|(item, next)| (taken(item), next)), Some((4, true)));
        assert_eq!(drain(&queue), [1, 2, 3]);
        assert!(queue.is_empty());
    });
}

#[test]
fn ring_against_one_thief() {
    check(3, || {
        let queue = new();
        let thief = thief(&queue, false);
        put(&queue, 0);
        put(&queue, 1);
        let mut own: Vec<_> = queue.get_ring().into_iter().map(taken).collect();
        put(&queue, 2);
        own.extend(drain(&queue));
        let stolen = thief.join().unwrap();
        assert_in_order(&own);
        assert_all(&[&own, &stolen], 3);
    });
}

#[test]
fn ring_and_next_against_one_thief() {
    check(3, || {
        let queue = new();
        let thief = thief(&queue, true);
        put_next(&queue, 0);
        put_next(&queue, 1);
        let mut own: Vec<_> = queue.get().into_iter().map(|(item, _)| taken(item)).collect();
        put_next(&queue, 2);
        own.extend(drain(&queue));
        let stolen = thief.join().unwrap();
        assert_all(&[&own, &stolen], 3);
    });
}

#[test]
fn two_thieves() {
    for take_next in [false, true] {
        check(2, move || {
            let queue = new();
            put(&queue, 0);
            put(&queue, 1);
            put_next(&queue, 2);
            let thieves = [thief(&queue, take_next), thief(&queue, false)];
            let mut own: Vec<_> = queue.get().into_iter().map(|(item, _)| taken(item)).collect();
            put(&queue, 3);
            own.extend(drain(&queue));
            let [a, b] = thieves.map(|thief| thief.join().unwrap());
            assert_all(&[&own, &a, &b], 4);
        });
    }
}

/// A full ring: half of it and the new item go to the global queue, unless a thief makes room.
#[test]
fn overflow_against_a_thief() {
    check(3, || {
        let queue = new();
        for id in 0..RING {
            put(&queue, id);
        }
        let thief = thief(&queue, false);
        let mut spilt = Vec::new();
        queue.put(item(RING), |batch, last| {
            spilt.extend(
                batch.iter().map(|from| ITEMS.iter().position(|i| std::ptr::eq(i, *from)).unwrap()),
            );
            spilt.push(last.id);
        });
        assert!(spilt.is_empty() || spilt.len() == RING / 2 + 1);
        let own = drain(&queue);
        let stolen = thief.join().unwrap();
        assert_in_order(&own);
        assert_in_order(&spilt);
        assert_all(&[&own, &spilt, &stolen], RING + 1);
    });
}

/// Places are used again while a thief still has an old `head` in its hand.
#[test]
fn places_used_again() {
    check(3, || {
        let queue = new();
        for id in 0..3 {
            put(&queue, id);
        }
        let thief = thief(&queue, false);
        let mut own = Vec::new();
        for id in 3..7 {
            own.extend(queue.get_ring().map(taken));
            put(&queue, id);
        }
        own.extend(drain(&queue));
        let stolen = thief.join().unwrap();
        assert_in_order(&own);
        assert_all(&[&own, &stolen], 7);
    });
}

/// An item that moves from `next` into the ring is seen in one of the two.
#[test]
fn what_stays_is_not_overlooked() {
    check(3, || {
        let queue = new();
        put_next(&queue, 0);
        let owner = queue.clone();
        let owner = thread::spawn(move || {
            put_next(&owner, 1);
            // Leaves item 0, which is in the ring now.
            assert_eq!(owner.get().map(|(item, _)| taken(item)), Some(1));
        });
        assert!(!queue.is_empty(), "item 0 is there all the time");
        owner.join().unwrap();
        assert_eq!(drain(&queue), [0]);
    });
}
