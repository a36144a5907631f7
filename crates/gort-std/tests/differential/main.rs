//! Random programs of system calls do the same on threads and on goroutines.
//!
//! A program of one party never waits for ever: what might is given a limit of time, or left out after a
//! look. A program of two says how many bytes go where, and by which calls; each party does its share, and
//! waits for the other in whatever call it is. What the calls return, errors and bytes, is written down and
//! compared.
//!
//! `GORT_TEST_CASES` makes it as many cases of each kind.

mod alone;
mod calls;
mod couple;
mod locks;

#[path = "../../../gort/tests/support/mod.rs"]
mod support;

use gort_std as _;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use support::{PROCS, serial, watchdog};

/// Gives each program of a kind to `test`, under one GOMAXPROCS after the other.
fn cases<P: Strategy>(count: u32, programs: P, test: impl Fn(&P::Value)) {
    let _one = serial();
    let _watchdog = watchdog();
    let asked = std::env::var("GORT_TEST_CASES").ok().and_then(|text| text.parse().ok());
    let config = ProptestConfig { cases: asked.unwrap_or(count), ..ProptestConfig::default() };
    let number = std::cell::Cell::new(0);
    let result = TestRunner::new(config).run(&programs, |program| {
        let procs = PROCS[number.replace(number.get() + 1) % PROCS.len()];
        gort::runtime::gomaxprocs(Some(procs));
        test(&program);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// Line by line, so that the first that differs is what is shown.
fn same(on_thread: &[String], on_goroutine: &[String]) {
    on_thread.iter().zip(on_goroutine).for_each(|(one, other)| assert_eq!(one, other));
}

#[test]
fn one_party() {
    cases(100, vec(alone::op(), 1..80), |program| {
        let on_thread = alone::run(program);
        let on_goroutine = gort::run(|| alone::run(program));
        same(&on_thread, &on_goroutine);
    });
}

#[test]
fn futexes_and_locks() {
    cases(80, vec(locks::op(), 1..60), |program| {
        let on_thread = locks::run(program);
        let on_goroutine = gort::run(|| locks::run(program));
        same(&on_thread, &on_goroutine);
    });
}

#[test]
fn two_parties() {
    cases(30, couple::program(), |program| {
        let on_threads = couple::run(program, [false, false]);
        for goroutines in [[true, true], [true, false], [false, true]] {
            let others = couple::run(program, goroutines);
            on_threads.iter().zip(&others).for_each(|(party, other)| same(party, other));
        }
    });
}
