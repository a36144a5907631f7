//! Who asks whether something has ever been done, without a fence, learns it, or has what it has written seen by who
//! does it: on x86, with store buffers.
//!
//! Shown to fail: no membarrier; one before it is said, or only by the first to say so: "overlooked".

#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the models use parts of the files they include"
)]

#[path = "../src/sync/ever.rs"]
mod ever;
#[path = "model/tso/prim.rs"]
mod x86;

mod prim {
    pub(crate) use crate::x86::*;

    /// The compiler's, which the model has no need of.
    pub(crate) fn light_fence() {}
}

use ever::Ever;
use prim::{AtomicU32, Ordering::Relaxed};
use std::cell::Cell;
use tso::explore;

/// So many do it, and one asks.
fn asked_by_one(doers: usize) {
    let (ever, word, said) = (Ever::new(), AtomicU32::new(0), Cell::new(false));
    let seen: Vec<_> = (0..doers).map(|_| Cell::new(false)).collect();
    let does = seen.iter().map(|seen| {
        let (ever, word) = (&ever, &word);
        Box::new(move || {
            ever.say();
            seen.set(word.load(Relaxed) == 1);
        }) as Box<dyn Fn()>
    });
    let asks = Box::new(|| {
        word.store(1, Relaxed);
        said.set(ever.is_said());
    });
    let bodies: Vec<Box<dyn Fn()>> = does.chain([asks as _]).collect();
    let names = ["first", "second", "third"];
    let bodies: Vec<_> = names.into_iter().zip(bodies.iter().map(|body| &**body)).collect();
    explore(&|| {}, &bodies, &[], &|| {
        assert!(said.get() || seen.iter().all(Cell::get), "overlooked");
        assert!(ever.is_said());
    });
}

#[test]
fn done_by_one() {
    asked_by_one(1);
}

#[test]
fn done_by_two() {
    asked_by_one(2);
}
