//! Whoever waits for a completion, a goroutine, a thread or a waker, is told exactly once, and sees
//! what was written before.
//!
//! A model's goroutine is a thread that has said so; parking calls the commit when the "stack" has
//! been left, as the scheduler does, and whoever readies it before that is caught.
//!
//! Shown to fail: `complete` by load and store instead of swap, or no `futex_wake`: "deadlock".
//! `Acquire` for the swap's AcqRel, or `Relaxed` for the Acquire in `is_done` or after a failed
//! exchange: the result is old. `Release` for the swap's AcqRel, or `Relaxed` for the Release of
//! `enter`: "Causality violation", the G is not known yet. `Relaxed` for the Release of `futex`: not
//! done after the wait. `commit` before the park: "readied while on its stack".
//!
//! What goroutine and handle share is disposed of once, by one who sees what the other has done with
//! it, and the G goes back once, after that. Shown to fail, by "Causality violation": any of the
//! orderings in `is_detached`, `detach`, `release` and `bury` one weaker. `DETACHED` not put back in
//! `complete`: "not given back".
//!
//! # Safety
//!
//! Loom finds it if two are at a cell at one time.

#![allow(unsafe_code)]
#![allow(
    clippy::arc_with_non_send_sync,
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the models use parts of the files they include, and threads that take turns"
)]

#[path = "../src/sched/bed.rs"]
mod bed;
#[path = "../src/sched/completion.rs"]
mod completion;
#[path = "model/prim.rs"]
mod prim;

mod sched {
    pub(crate) use crate::bed;
}

mod obj {
    pub(crate) mod g {
        use crate::prim::AtomicU32;
        use loom::sync::Notify;

        /// Eight-aligned, like the runtime's.
        #[repr(align(8))]
        pub(crate) struct G {
            pub(crate) ready: Notify,
            /// Whether somebody is on its stack.
            pub(crate) on_stack: AtomicU32,
            /// What it has readied for.
            pub(crate) readied: AtomicU32,
        }

        loom::lazy_static! {
            pub(crate) static ref GOROUTINE: G = G {
                ready: Notify::new(),
                on_stack: AtomicU32::new(1),
                readied: AtomicU32::new(0),
            };
        }

        loom::thread_local! {
            pub(crate) static IS_GOROUTINE: std::cell::Cell<bool> = std::cell::Cell::new(false);
        }

        pub(crate) fn current() -> Option<&'static G> {
            IS_GOROUTINE.with(std::cell::Cell::get).then(|| &*GOROUTINE)
        }
    }
}

mod park {
    use crate::obj::g::{G, current};
    use crate::prim::Ordering::{Acquire, Relaxed, Release};

    pub(crate) enum WaitReason {
        Join,
    }

    pub(crate) fn gopark(commit: fn(&'static G, usize) -> bool, arg: usize, _: WaitReason) {
        let gp = current().unwrap();
        gp.on_stack.store(0, Relaxed);
        if commit(gp, arg) {
            // Loom's `wait` may come back once for nothing. Acquire: with `goready`, as the run queue
            // that hands the goroutine over.
            while gp.readied.load(Acquire) == 0 {
                gp.ready.wait();
            }
        } else {
            assert_eq!(gp.readied.load(Relaxed), 0, "called off, and readied too");
        }
        gp.on_stack.store(1, Relaxed);
    }

    pub(crate) fn goready(gp: &'static G) {
        assert_eq!(gp.on_stack.load(Relaxed), 0, "readied while on its stack");
        assert_eq!(gp.readied.fetch_add(1, Release), 0, "readied twice");
        gp.ready.notify();
    }
}

use completion::{Completed, Completion, Detached};
use loom::cell::UnsafeCell;
use loom::thread;
use obj::g::IS_GOROUTINE;
use prim::{AtomicU32, Ordering::Relaxed, check};
use std::sync::Arc;

/// A pointer that a waker would be.
const WAKER: usize = 64;
const OTHER: usize = 128;

struct Shared {
    completion: Completion,
    result: AtomicU32,
    /// How often the waker has been called.
    woken: AtomicU32,
}

/// The party that completes.
fn completer() -> (Arc<Shared>, thread::JoinHandle<Completed>) {
    let shared = Arc::new(Shared {
        completion: Completion::new(),
        result: AtomicU32::new(0),
        woken: AtomicU32::new(0),
    });
    let other = shared.clone();
    let completer = thread::spawn(move || {
        other.result.store(1, Relaxed);
        let completed = other.completion.complete();
        if matches!(completed, Completed::Wake(_)) {
            other.woken.fetch_add(1, Relaxed);
        }
        completed
    });
    (shared, completer)
}

fn wait(goroutine: bool) {
    let (shared, completer) = completer();
    IS_GOROUTINE.with(|is| is.set(goroutine));
    shared.completion.wait();
    assert_eq!(shared.result.load(Relaxed), 1);
    assert_eq!(completer.join().unwrap(), Completed::Told);
    // Once more is no wait.
    shared.completion.wait();
}

#[test]
fn goroutine() {
    check(3, || wait(true));
}

#[test]
fn thread() {
    check(3, || wait(false));
}

#[test]
fn waker_is_given_back_or_refused() {
    check(3, || {
        let (shared, completer) = completer();
        let set = shared.completion.set_waker(WAKER);
        if set.is_err() {
            assert_eq!(set, Err(WAKER));
            assert_eq!(shared.result.load(Relaxed), 1);
        }
        let woken = completer.join().unwrap();
        assert_eq!(woken, if set.is_ok() { Completed::Wake(WAKER) } else { Completed::Told });
        assert!(shared.completion.is_done());
    });
}

#[test]
fn waker_replaced_while_it_completes() {
    check(3, || {
        let (shared, completer) = completer();
        let first = shared.completion.set_waker(WAKER);
        let second = shared.completion.set_waker(OTHER);
        let woken = completer.join().unwrap();
        match (first, second) {
            (Ok(0), Ok(WAKER)) => assert_eq!(woken, Completed::Wake(OTHER)),
            (Ok(0), Err(OTHER)) => assert_eq!(woken, Completed::Wake(WAKER)),
            (Err(WAKER), Err(OTHER)) => assert_eq!(woken, Completed::Told),
            other => panic!("{other:?}"),
        }
        assert_eq!(shared.result.load(Relaxed), 1);
    });
}

/// A future that is dropped or turned into a wait takes its waker away first.
#[test]
fn waker_taken_away_then_wait() {
    for goroutine in [false, true] {
        check(3, move || {
            let (shared, completer) = completer();
            IS_GOROUTINE.with(|is| is.set(goroutine));
            let set = shared.completion.set_waker(WAKER);
            let taken = shared.completion.set_waker(0);
            shared.completion.wait();
            assert_eq!(shared.result.load(Relaxed), 1);
            let woken = completer.join().unwrap();
            match (set, taken) {
                (Ok(0), Ok(WAKER)) | (Err(WAKER), Err(0)) => assert_eq!(woken, Completed::Told),
                (Ok(0), Err(0)) => assert_eq!(woken, Completed::Wake(WAKER)),
                other => panic!("{other:?}"),
            }
        });
    }
}

#[test]
fn who_looks_sees_the_result() {
    check(3, || {
        let (shared, completer) = completer();
        if shared.completion.is_done() {
            assert_eq!(shared.result.load(Relaxed), 1);
        }
        assert_eq!(completer.join().unwrap(), Completed::Told);
        assert!(shared.completion.is_done());
    });
}

/// A goroutine and its handle, which lets go at some time. Cells: loom sees two at one at one time.
struct Pair {
    completion: Completion,
    /// 1: the closure, 2: the result, 0: disposed of.
    task: UnsafeCell<u32>,
    /// What the handle looks at as long as it is there. 0: disposed of.
    name: UnsafeCell<u32>,
    /// What the runtime does to the G at the end.
    g: UnsafeCell<u32>,
    /// How often the G has gone back.
    back: AtomicU32,
}

// SAFETY: loom finds it if two are at a cell at one time.
unsafe impl Sync for Pair {}

/// The value of a cell, and another in its place.
fn replace(cell: &UnsafeCell<u32>, to: u32) -> u32 {
    // SAFETY: see the module.
    cell.with_mut(|value| unsafe { std::mem::replace(&mut *value, to) })
}

fn value(cell: &UnsafeCell<u32>) -> u32 {
    // SAFETY: see the module.
    cell.with(|value| unsafe { *value })
}

impl Pair {
    fn dispose(&self) {
        assert_eq!(replace(&self.task, 0), 2, "disposed of too early or twice");
        assert_eq!(replace(&self.name, 0), 1);
    }

    fn give_back(&self) {
        assert_eq!(value(&self.task), 0, "given back with its task");
        assert_eq!(replace(&self.g, 2), 1, "given back too early");
        assert_eq!(self.back.fetch_add(1, Relaxed), 0, "given back twice");
    }
}

/// What `Task::run`, `gdestroy` and the handle do. The handle lets go with or without having
/// waited, or having left a waker.
fn pair(wait: bool, waker: bool) {
    let pair = Arc::new(Pair {
        completion: Completion::new(),
        task: UnsafeCell::new(1),
        name: UnsafeCell::new(1),
        g: UnsafeCell::new(0),
        back: AtomicU32::new(0),
    });
    let goroutine = pair.clone();
    let goroutine = thread::spawn(move || {
        assert_eq!(replace(&goroutine.task, 2), 1);
        let completed = goroutine.completion.complete();
        if completed == Completed::Alone {
            goroutine.dispose();
        }
        assert_eq!(replace(&goroutine.g, 1), 0);
        if goroutine.completion.bury() {
            goroutine.give_back();
        }
        completed
    });
    assert_eq!(value(&pair.name), 1);
    let set = waker && pair.completion.set_waker(WAKER).is_ok();
    if wait {
        pair.completion.wait();
    }
    let detached = pair.completion.detach();
    if detached == Detached::Over {
        pair.dispose();
        if pair.completion.release() {
            pair.give_back();
        }
    }
    let expected = match detached {
        Detached::Early(waker) => {
            assert_eq!(waker, if set { WAKER } else { 0 });
            Completed::Alone
        }
        Detached::Over if set => Completed::Wake(WAKER),
        Detached::Over => Completed::Told,
    };
    assert_eq!(goroutine.join().unwrap(), expected);
    assert!(!wait || detached == Detached::Over);
    assert_eq!(pair.back.load(Relaxed), 1, "not given back");
}

#[test]
fn handle_lets_go() {
    check(3, || pair(false, false));
}

#[test]
fn handle_with_a_waker_lets_go() {
    check(3, || pair(false, true));
}

#[test]
fn handle_lets_go_after_a_wait() {
    check(3, || pair(true, false));
}
