//! The explorer of `model/tso.rs` itself: what x86 can do with small programs that are known from the
//! literature comes out, all of it and nothing else.

#![allow(dead_code, unused_imports, reason = "the models use parts of the files they include")]

#[path = "model/coroutine.rs"]
mod coroutine;
#[path = "model/tso_prim.rs"]
mod prim;
#[path = "model/tso.rs"]
mod tso;

use prim::{AtomicUsize, Ordering::Relaxed, Ordering::SeqCst, fence, membarrier};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use tso::explore;

static X: AtomicUsize = AtomicUsize::new(0);
static Y: AtomicUsize = AtomicUsize::new(0);

fn store(place: &AtomicUsize, value: usize) {
    place.store(value, Relaxed);
}

/// What a thread has read.
#[derive(Default)]
struct Register(Cell<usize>);

impl Register {
    fn load(&self, place: &AtomicUsize) {
        self.0.set(place.load(Relaxed));
    }
}

/// What `COUNT` registers hold at the end of all runs, as decimal digits.
fn outcomes<const COUNT: usize>(
    threads: &[&dyn Fn(&[Register; COUNT])],
    also: &[&AtomicUsize],
) -> Vec<usize> {
    let registers = std::array::from_fn(|_| Register::default());
    let bodies: Vec<Box<dyn Fn() + '_>> =
        threads.iter().map(|thread| Box::new(|| thread(&registers)) as Box<dyn Fn()>).collect();
    let names = ["first", "second", "third", "fourth"];
    let bodies: Vec<_> = names.into_iter().zip(bodies.iter().map(|body| &**body)).collect();
    let found = RefCell::new(BTreeSet::new());
    explore(&|| {}, &bodies, &[], &|| {
        let read = registers.iter().map(|register| register.0.get());
        let digits = read.chain(also.iter().map(|place| place.load(Relaxed)));
        found.borrow_mut().insert(digits.fold(0, |number, digit| number * 10 + digit));
    });
    found.into_inner().into_iter().collect()
}

/// Each thread stores and then looks at the other's store, with something in between.
fn store_buffering(first: fn(), second: fn()) -> Vec<usize> {
    outcomes(
        &[
            &|r: &[Register; 2]| {
                store(&X, 1);
                first();
                r[0].load(&Y);
            },
            &|r| {
                store(&Y, 1);
                second();
                r[1].load(&X);
            },
        ],
        &[],
    )
}

fn nothing() {}

fn full() {
    fence(SeqCst);
}

fn release() {
    fence(std::sync::atomic::Ordering::AcqRel);
}

fn locked() {
    static Z: AtomicUsize = AtomicUsize::new(0);
    let _ = Z.compare_exchange(1, 2, Relaxed, Relaxed);
}

fn all() {
    membarrier();
}

#[test]
fn stores_are_buffered() {
    for (first, second) in [(nothing as fn(), nothing as fn()), (full, nothing), (release, full)] {
        assert_eq!(store_buffering(first, second), [0, 1, 10, 11]);
    }
}

#[test]
fn fences_on_both_sides_or_a_membarrier_on_one() {
    let pairs: [(fn(), fn()); 5] =
        [(full, full), (locked, full), (locked, locked), (all, nothing), (nothing, all)];
    for (first, second) in pairs {
        assert_eq!(store_buffering(first, second), [1, 10, 11]);
    }
}
