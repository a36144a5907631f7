//! The explorer `tso` itself: of small programs known from the literature (Owens, Sarkar, Sewell
//! 2009, and their tests for other machines) comes out all that x86 can make of them, and nothing else.
//!
//! Shown to fail: loads that do not look into the own buffer (`n5`, `n6`), buffers that are not in order
//! (`messages_do_not_overtake`), stores that are in memory at once (`stores_are_buffered`); a fence or a
//! locked instruction that does not wait for its own buffer, a membarrier that does not wait for that or
//! for the others' (`fences_on_both_sides_or_a_membarrier_on_one`); states told apart without memory
//! (`two_and_two_writes`) or without what threads have been told, memory or stacks that are not put back
//! (most); a spin that does not wait (`a_loop_that_looks_again_ends`).

#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the models use parts of the files they include"
)]

#[path = "model/tso/prim.rs"]
mod prim;

use prim::{AtomicUsize, Ordering::AcqRel, Ordering::Relaxed, Ordering::SeqCst, fence, membarrier};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use tso::{Op, act, explore};

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

type Registers<const COUNT: usize> = [Register; COUNT];

/// What the registers, and then `also`, hold at the end of all runs, as decimal digits.
fn outcomes<const COUNT: usize>(
    threads: &[&dyn Fn(&Registers<COUNT>)],
    also: &[&AtomicUsize],
) -> Vec<usize> {
    let registers = std::array::from_fn(|_| Register::default());
    let bodies: Vec<_> = threads.iter().map(|thread| || thread(&registers)).collect();
    let names = ["first", "second", "third", "fourth"];
    let bodies: Vec<(_, &dyn Fn())> =
        names.into_iter().zip(bodies.iter().map(|body| body as &dyn Fn())).collect();
    let found = RefCell::new(BTreeSet::new());
    explore(&|| {}, &bodies, &[], &|| {
        let read = registers.iter().map(|register| register.0.get());
        let digits = read.chain(also.iter().map(|place| place.load(Relaxed)));
        found.borrow_mut().insert(digits.fold(0, |number, digit| number * 10 + digit));
    });
    found.into_inner().into_iter().collect()
}

type Between = fn();

/// Each thread stores and then looks at the other's store, with something in between.
fn store_buffering(first: Between, second: Between) -> Vec<usize> {
    outcomes(
        &[
            &|r: &Registers<2>| {
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

fn weaker() {
    fence(AcqRel);
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
    for (first, second) in
        [(nothing as Between, nothing as Between), (full, nothing), (weaker, full)]
    {
        assert_eq!(store_buffering(first, second), [0, 1, 10, 11]);
    }
}

#[test]
fn fences_on_both_sides_or_a_membarrier_on_one() {
    let pairs: [(Between, Between); 6] = [
        (full, full),
        (locked, full),
        (locked, locked),
        (all, nothing),
        (nothing, all),
        (all, all),
    ];
    for (first, second) in pairs {
        assert_eq!(store_buffering(first, second), [1, 10, 11]);
    }
}

/// What is stored later is not seen earlier.
#[test]
fn messages_do_not_overtake() {
    let found = outcomes(
        &[
            &|_: &Registers<2>| {
                store(&X, 1);
                store(&Y, 1);
            },
            &|r| {
                r[0].load(&Y);
                r[1].load(&X);
            },
        ],
        &[],
    );
    assert_eq!(found, [0, 1, 11]);
}

#[test]
fn loads_are_not_late() {
    let found = outcomes(
        &[
            &|r: &Registers<2>| {
                r[0].load(&X);
                store(&Y, 1);
            },
            &|r| {
                r[1].load(&Y);
                store(&X, 1);
            },
        ],
        &[],
    );
    assert_eq!(found, [0, 1, 10]);
}

/// Two readers do not disagree about what came first.
#[test]
fn independent_reads_of_independent_writes() {
    let found = outcomes(
        &[
            &|_: &Registers<4>| store(&X, 1),
            &|_| store(&Y, 1),
            &|r| {
                r[0].load(&X);
                r[1].load(&Y);
            },
            &|r| {
                r[2].load(&Y);
                r[3].load(&X);
            },
        ],
        &[],
    );
    let digits = |bits: usize| (0..4).fold(0, |number, i| number * 10 + (bits >> (3 - i) & 1));
    let all_but_one: Vec<_> = (0..16).map(digits).filter(|number| *number != 1010).collect();
    assert_eq!(found, all_but_one);
}

/// Who has seen a store and then stores is seen after it.
#[test]
fn causes_come_before_effects() {
    let found = outcomes(
        &[
            &|_: &Registers<3>| store(&X, 1),
            &|r| {
                r[0].load(&X);
                store(&Y, 1);
            },
            &|r| {
                r[1].load(&Y);
                r[2].load(&X);
            },
        ],
        &[],
    );
    assert_eq!(found, [0, 1, 10, 11, 100, 101, 111]);
}

/// A thread sees its own store before others do.
#[test]
fn n6() {
    let found = outcomes(
        &[
            &|r: &Registers<2>| {
                store(&X, 1);
                r[0].load(&X);
                r[1].load(&Y);
            },
            &|_| {
                store(&Y, 2);
                store(&X, 2);
            },
        ],
        &[&X],
    );
    assert_eq!(found, [101, 102, 121, 122, 222]);
}

/// Two stores to one place have one order.
#[test]
fn n5() {
    let found = outcomes(
        &[
            &|r: &Registers<2>| {
                store(&X, 1);
                r[0].load(&X);
            },
            &|r| {
                store(&X, 2);
                r[1].load(&X);
            },
        ],
        &[],
    );
    assert_eq!(found, [11, 12, 22]);
}

/// Of two threads' stores to two places, not both first ones come last.
#[test]
fn two_and_two_writes() {
    let found = outcomes(
        &[
            &|_: &Registers<1>| {
                store(&X, 1);
                store(&Y, 2);
            },
            &|_| {
                store(&Y, 1);
                store(&X, 2);
            },
            &|r| r[0].load(&X),
        ],
        &[&X, &Y],
    );
    assert_eq!(found, [12, 21, 22, 112, 121, 122, 212, 221, 222]);
}

#[test]
fn locked_additions_are_not_lost_and_others_are() {
    let add = |_: &Registers<0>| {
        X.fetch_add(1, Relaxed);
    };
    assert_eq!(outcomes(&[&add, &add], &[&X]), [2]);
    let add = |_: &Registers<0>| store(&X, X.load(Relaxed) + 1);
    assert_eq!(outcomes(&[&add, &add], &[&X]), [1, 2]);
}

/// Two threads take turns on one processor, and have one buffer.
#[test]
fn switched_to() {
    let read = Register::default();
    let found = RefCell::new(BTreeSet::new());
    let first = || {
        store(&X, 1);
        act(Op::Switch(2));
        store(&X, 3);
    };
    let second = || store(&Y, 1);
    let parked = || {
        read.load(&X);
        store(&X, 2);
        read.0.set(read.0.get() * 10 + Y.load(Relaxed));
        act(Op::Switch(0));
    };
    explore(&|| {}, &[("first", &first), ("second", &second)], &[("parked", &parked)], &|| {
        found.borrow_mut().insert((read.0.get(), X.load(Relaxed)));
    });
    assert_eq!(found.into_inner().into_iter().collect::<Vec<_>>(), [(10, 3), (11, 3)]);
}

#[test]
#[should_panic(expected = "deadlock")]
fn locks_in_two_orders() {
    let both = |one: &AtomicUsize, other: &AtomicUsize| {
        one.exchange_when(0, 1);
        other.exchange_when(0, 1);
        other.swap(0, Relaxed);
        one.swap(0, Relaxed);
    };
    outcomes(&[&|_: &Registers<0>| both(&X, &Y), &|_| both(&Y, &X)], &[]);
}

fn spin_until(place: &AtomicUsize, value: usize) {
    while place.load(Relaxed) != value {
        act(Op::Spin);
    }
}

#[test]
fn a_loop_that_looks_again_ends() {
    let found = outcomes(
        &[
            &|r: &Registers<1>| {
                spin_until(&X, 2);
                r[0].load(&Y);
            },
            &|_| {
                store(&X, 1);
                store(&Y, 1);
                store(&X, 2);
            },
        ],
        &[],
    );
    assert_eq!(found, [1]);
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_loop_that_looks_in_vain_does_not() {
    outcomes(&[&|_: &Registers<0>| spin_until(&X, 2), &|_| store(&X, 1)], &[]);
}

#[test]
#[should_panic(expected = "no end in sight")]
fn two_that_only_keep_each_other_busy() {
    let busy = |_: &Registers<0>| {
        loop {
            X.fetch_add(1, Relaxed);
            act(Op::Spin);
        }
    };
    outcomes(&[&busy, &busy], &[]);
}

#[test]
#[should_panic(expected = "both")]
fn what_a_thread_says_is_passed_on() {
    outcomes(
        &[&|_: &Registers<0>| store(&X, 1), &|_| {
            store(&Y, 1);
            assert_eq!(X.load(Relaxed), 0, "both");
        }],
        &[],
    );
}
