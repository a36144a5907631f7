//! A deque of links against std's: any mixture of what is done to it, over its ends and growths.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the test uses parts of the files it includes"
)]

#[path = "../src/obj/deque.rs"]
mod deque;
#[path = "model/prim.rs"]
mod prim;

mod throw {
    pub(crate) fn throw(text: &str) -> ! {
        panic!("{text}")
    }
}

use deque::Deque;
use std::collections::VecDeque;

static NUMBERS: [usize; 64] = {
    let mut numbers = [0; 64];
    let mut i = 0;
    while i < 64 {
        numbers[i] = i;
        i += 1;
    }
    numbers
};

#[test]
fn like_std() {
    // Loom's atomics want a model around them; there is one thread.
    prim::check(0, || {
        let mut random = 1_u64;
        let (mut ours, mut theirs) = (Deque::new(), VecDeque::new());
        let mut room = 0;
        for _ in 0..5000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let choice = (random >> 33) % 64;
            match choice {
                0 if room < 60 => {
                    room += 1 + (random >> 40) as usize % 3;
                    ours.reserve(room).unwrap();
                }
                0..32 if theirs.len() < room => {
                    let item = &NUMBERS[choice as usize];
                    ours.push_back(item);
                    theirs.push_back(*item);
                }
                0..48 => assert_eq!(ours.pop_front().copied(), theirs.pop_front()),
                _ => assert_eq!(ours.pop_back().copied(), theirs.pop_back()),
            }
            assert_eq!(ours.len(), theirs.len());
        }
        assert!(room >= 60);
    });
}

#[test]
#[should_panic(expected = "more goroutines in a queue than there are")]
fn without_room() {
    prim::check(0, || {
        let mut deque = Deque::new();
        deque.reserve(2).unwrap();
        NUMBERS.iter().take(3).for_each(|item| deque.push_back(item));
    });
}
