//! The heap of timers against a map that is sorted: any sequence of operations leaves both with the same
//! entries, and the first is the same.
//!
//! # Safety
//!
//! Memory is had and given back as the heap says, which has it alone.
//!
//! Shown to fail: the comparison in `sift_up` or `sift_down` turned round, a child left out, `retain`
//! without sifting, `trim` to half of what is needed.

#![allow(unsafe_code)]
#![allow(unreachable_pub, reason = "the file is included as it is")]

#[path = "../src/timer/heap.rs"]
mod heap;

mod mem {
    use gort_sys::types::{MremapFlags, Prot};
    use gort_sys::{Errno, raw};

    /// # Safety
    ///
    /// As the runtime's.
    pub(crate) unsafe fn remap(at: *mut u8, old: usize, new: usize) -> Result<*mut u8, Errno> {
        assert!(new.is_multiple_of(4096) && old.is_multiple_of(4096), "whole pages");
        if old == 0 {
            return raw::mmap_anonymous(new, Prot::READ | Prot::WRITE);
        }
        // SAFETY: the caller's contract.
        unsafe { raw::mremap(at, old, new, MremapFlags::MAYMOVE, std::ptr::null_mut()) }
    }
}

mod throw {
    pub(crate) fn throw(what: &str) -> ! {
        panic!("{what}")
    }
}

use heap::{Entry, Heap};
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
enum Step {
    Push(u64),
    Pop,
    /// The first gets a time that is later by so much.
    Postpone(u64),
    /// Only those whose item divided by this leaves 0 stay.
    Retain(u32),
    Trim,
    /// So many at once, with times from a small range.
    PushMany(u16),
    PopMany(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..1000u64).prop_map(Step::Push),
        4 => Just(Step::Pop),
        4 => (0..1000u64).prop_map(Step::Postpone),
        1 => (1..4u32).prop_map(Step::Retain),
        1 => Just(Step::Trim),
        1 => (0..3000u16).prop_map(Step::PushMany),
        1 => (0..3000u16).prop_map(Step::PopMany),
    ]
}

/// By time, and for each time the items, in no order.
#[derive(Default)]
struct Model {
    entries: BTreeMap<u64, Vec<u32>>,
    len: usize,
}

impl Model {
    fn push(&mut self, key: u64, item: u32) {
        self.entries.entry(key).or_default().push(item);
        self.len += 1;
    }

    /// One of the first.
    fn remove(&mut self, Entry { key, item }: Entry<u32>) {
        let (first, mut items) = self.entries.pop_first().expect("the model is empty");
        assert_eq!(first, key, "not the first in time");
        let at = items.iter().position(|one| *one == item).expect("not what was put there");
        items.swap_remove(at);
        if !items.is_empty() {
            self.entries.insert(first, items);
        }
        self.len -= 1;
    }
}

fn push(heap: &mut Heap<u32>, model: &mut Model, key: u64, item: u32) {
    heap.reserve(1).unwrap();
    heap.push(key, item);
    model.push(key, item);
}

fn pop(heap: &mut Heap<u32>, model: &mut Model) {
    match heap.peek() {
        Some(first) => {
            heap.pop();
            model.remove(first);
        }
        None => {
            heap.pop();
            assert_eq!(model.len, 0);
        }
    }
}

proptest! {
    #[test]
    fn as_a_sorted_map(steps in proptest::collection::vec(step(), 0..60)) {
        let (mut heap, mut model) = (Heap::new(), Model::default());
        let mut item = 0;
        for step in steps {
            match step {
                Step::Push(key) => {
                    item += 1;
                    push(&mut heap, &mut model, key, item);
                }
                Step::Pop => pop(&mut heap, &mut model),
                Step::Postpone(by) => {
                    if let Some(first) = heap.peek() {
                        heap.postpone(first.key + by);
                        model.remove(first);
                        model.push(first.key + by, first.item);
                    } else {
                        heap.postpone(by);
                    }
                }
                Step::Retain(divisor) => {
                    heap.retain(|entry| entry.item % divisor == 0);
                    model.entries.retain(|_, items| {
                        items.retain(|item| item % divisor == 0);
                        !items.is_empty()
                    });
                    model.len = model.entries.values().map(Vec::len).sum();
                }
                Step::Trim => heap.trim(),
                Step::PushMany(count) => {
                    for _ in 0..count {
                        item += 1;
                        push(&mut heap, &mut model, u64::from(item * 7919 % 100), item);
                    }
                }
                Step::PopMany(count) => (0..count).for_each(|_| pop(&mut heap, &mut model)),
            }
            prop_assert_eq!(heap.len(), model.len);
            let first = model.entries.first_key_value().map(|(key, _)| *key);
            prop_assert_eq!(heap.peek().map(|entry| entry.key), first);
        }
        while model.len != 0 {
            pop(&mut heap, &mut model);
            heap.trim();
        }
        prop_assert!(heap.peek().is_none());
    }
}
