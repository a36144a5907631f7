//! A timer that is set, stopped, fired and moved by several parties at a time: it fires once for each
//! time that it was set and not stopped, what it says of that is true, and its function does not run
//! any more when whoever stopped it goes on.
//!
//! `state.rs`, `timer.rs`, `timers.rs` and `heap.rs` are the runtime's own. The lock is loom's.
//!
//! # Safety
//!
//! What the included files rely on. Timers, heaps and what functions write to are leaked.
//!
//! Shown to fail:

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    unsafe_code,
    reason = "the models use parts of the files they include"
)]

#[path = "model/lock.rs"]
mod lock;
#[path = "model/prim.rs"]
mod prim;
#[path = "model/timers.rs"]
mod timer;

mod mem {
    use gort_sys::Errno;
    use std::alloc::{Layout, alloc, realloc};

    /// # Safety
    ///
    /// As the runtime's.
    #[allow(clippy::unnecessary_wraps, reason = "as the runtime's")]
    pub(crate) unsafe fn remap(at: *mut u8, old: usize, new: usize) -> Result<*mut u8, Errno> {
        let layout = |size| Layout::from_size_align(size, 4096).unwrap();
        // SAFETY: the caller's contract, and sizes are not 0.
        Ok(unsafe { if old == 0 { alloc(layout(new)) } else { realloc(at, layout(old), new) } })
    }
}

mod throw {
    pub(crate) fn throw(what: &str) -> ! {
        panic!("{what}")
    }
}

use loom::thread::{self, JoinHandle};
use prim::{AtomicU32, Ordering::Relaxed, check};
use std::fmt::Debug;
use timer::state::NEVER;
use timer::timer::{Set, Timer};
use timer::timers::Timers;

/// What a timer's function does.
struct Effect {
    fired: AtomicU32,
    running: AtomicU32,
}

impl Effect {
    fn new() -> &'static Effect {
        leak(Effect { fired: AtomicU32::new(0), running: AtomicU32::new(0) })
    }

    fn arg(&'static self) -> usize {
        std::ptr::from_ref(self).expose_provenance()
    }

    /// How often it has fired, by somebody who may know.
    fn fired(&self) -> u32 {
        assert_eq!(self.running.load(Relaxed), 0, "the function runs");
        self.fired.load(Relaxed)
    }
}

/// The function.
unsafe fn fire(arg: usize, _when: u64) {
    // SAFETY: an effect's address.
    let effect = unsafe { &*std::ptr::with_exposed_provenance::<Effect>(arg) };
    assert_eq!(effect.running.load(Relaxed), 0, "the function runs twice at a time");
    effect.running.store(1, Relaxed);
    effect.fired.store(effect.fired.load(Relaxed) + 1, Relaxed);
    effect.running.store(0, Relaxed);
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn heaps() -> [&'static Timers; 2] {
    [leak(Timers::new()), leak(Timers::new())]
}

fn timer(period: u64) -> (&'static Timer, &'static Effect) {
    let (timer, effect) = (leak(Timer::new()), Effect::new());
    timer.init(Some(fire), effect.arg(), period);
    (timer, effect)
}

fn set(timer: &'static Timer, here: &'static Timers, when: u64) -> bool {
    timer.set(here, when).unwrap().expect("the heap is open").was_set
}

fn run(heap: &'static Timers, now: u64) {
    heap.run(now, usize::MAX, |_| unreachable!("it has a function"));
}

/// Everything that is left fires.
fn drain(heaps: [&'static Timers; 2]) {
    for heap in heaps {
        run(heap, NEVER - 1);
        assert_eq!(heap.next(), NEVER, "something is left");
    }
}

/// Two parties at the same time; loom's main thread is the first.
fn both<A, B: 'static>(one: impl FnOnce() -> A, other: impl FnOnce() -> B + 'static) -> (A, B) {
    let other = thread::spawn(other);
    let one = one();
    (one, other.join().unwrap())
}

#[test]
fn stopped_or_fired() {
    check(3, || {
        let [here, _] = heaps();
        let (timer, effect) = timer(0);
        assert!(!set(timer, here, 10));
        let other = thread::spawn(move || run(here, 10));
        let stopped = timer.stop();
        assert_eq!(effect.fired(), u32::from(!stopped));
        other.join().unwrap();
        assert_eq!(effect.fired(), u32::from(!stopped));
        assert!(!timer.stop());
    });
}

#[test]
fn set_later_or_fired() {
    check(3, || {
        let [here, there] = heaps();
        let (timer, effect) = timer(0);
        assert!(!set(timer, here, 10));
        let (was_set, ()) = both(|| set(timer, there, 20), move || run(here, 10));
        assert_eq!(effect.fired(), u32::from(!was_set));
        drain([here, there]);
        assert_eq!(effect.fired(), 1 + u32::from(!was_set));
    });
}

#[test]
fn set_earlier_or_fired() {
    check(3, || {
        let [here, there] = heaps();
        let (timer, effect) = timer(0);
        assert!(!set(timer, here, 20));
        let (was_set, ()) = both(|| set(timer, there, 10), move || run(here, 20));
        drain([here, there]);
        assert_eq!(effect.fired(), 1 + u32::from(!was_set));
    });
}

/// An entry that leads to a timer that is stopped is about to be taken out.
#[test]
fn set_again_or_taken_out() {
    for when in [10, 30] {
        check(3, move || {
            let [here, there] = heaps();
            let (timer, effect) = timer(0);
            assert!(!set(timer, here, 20));
            assert!(timer.stop());
            let (was_set, ()) = both(|| set(timer, there, when), move || run(here, 20));
            assert!(!was_set);
            drain([here, there]);
            assert_eq!(effect.fired(), 1);
        });
    }
}

#[test]
fn set_by_two_or_stopped() {
    check(2, || {
        let [here, there] = heaps();
        let (timer, effect) = timer(0);
        let others = [
            thread::spawn(move || u32::from(set(timer, there, 10))),
            thread::spawn(move || u32::from(timer.stop())),
        ];
        // Each finds it set that another has set, and it is not set any more for who comes next.
        let found = u32::from(set(timer, here, 20))
            + others.map(|other| other.join().unwrap()).iter().sum::<u32>();
        drain([here, there]);
        assert_eq!(effect.fired() + found, 2);
    });
}

#[test]
fn fired_by_one_of_two() {
    check(3, || {
        let [here, _] = heaps();
        let (timer, effect) = timer(0);
        assert!(!set(timer, here, 10));
        both(|| run(here, 10), move || run(here, 10));
        assert_eq!(effect.fired(), 1);
    });
}

/// It is due again while its function may still be running.
#[test]
fn ticks_one_at_a_time() {
    check(3, || {
        let [here, _] = heaps();
        let (timer, effect) = timer(10);
        assert!(!set(timer, here, 10));
        both(|| run(here, 10), move || run(here, 20));
        assert!(timer.stop());
        assert!((1..=2).contains(&effect.fired()));
        drain([here, here]);
    });
}

/// A stopped timer gets a new life while the entry of the old one comes first.
#[test]
fn new_life_or_old() {
    check(3, || {
        let [here, there] = heaps();
        let (timer, old) = timer(0);
        assert!(!set(timer, here, 10));
        let other = thread::spawn(move || run(here, 10));
        let stopped = timer.stop();
        let new = Effect::new();
        timer.init(Some(fire), new.arg(), 0);
        assert!(!set(timer, there, 10));
        other.join().unwrap();
        drain([here, there]);
        assert_eq!([old.fired(), new.fired()], [u32::from(!stopped), 1]);
    });
}

/// The P goes out of use while somebody sets one of its timers, or stops it.
#[test]
fn moves_to_another_heap() {
    for when in [10, 30] {
        check(3, move || {
            let [here, there] = heaps();
            let (timer, effect) = timer(0);
            assert!(!set(timer, here, 20));
            let other = thread::spawn(move || here.close(there).unwrap());
            // For `here`, if it were not there already.
            assert!(set(timer, there, when));
            other.join().unwrap();
            assert_eq!(here.next(), NEVER);
            assert_eq!(there.next(), when.min(20));
            drain([here, there]);
            assert_eq!(effect.fired(), 1);
            assert_eq!(timer.set(here, 40), Ok(None));
        });
    }
}

/// A timer without a function readies its goroutine, once.
#[test]
fn wakes_once() {
    check(3, || {
        let [here, there] = heaps();
        let timer = leak(Timer::new());
        timer.init(None, 7, 0);
        assert!(!set(timer, here, 10));
        let run = move || here.run(10, usize::MAX, |arg| assert_eq!(arg, 7));
        let (one, other) = both(run, run);
        assert_eq!(one + other, 1);
        // The goroutine sleeps again.
        assert!(!set(timer, there, 20));
        assert_eq!(there.run(20, usize::MAX, |arg| assert_eq!(arg, 7)), 1);
    });
}

/// Entries that lead nowhere are swept out while they are set again.
#[test]
fn swept() {
    check(2, || {
        let [here, there] = heaps();
        let (timer, effect) = timer(0);
        assert!(!set(timer, here, 20));
        assert!(timer.stop());
        let (was_set, ()) = both(|| set(timer, there, 30), move || here.sweep());
        assert!(!was_set);
        drain([here, there]);
        assert_eq!(effect.fired(), 1);
    });
}
