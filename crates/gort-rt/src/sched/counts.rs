//! How many ordinary threads wait in the runtime without a limit of time: for `deadlock.rs`, whose header
//! says why the count can be relied on.
//!
//! Who looks publishes how many there would have to be ([`MISSING`]), fences, and reads the counts again; a
//! thread that begins to wait counts itself, fences, and reads that. So either the look sees the thread, or
//! the thread sees that it may be the last, and has sysmon look again.
//!
//! Modelled by loom in `tests/loom_deadlock.rs`.

use crate::prim::{AtomicUsize, Ordering, fence, global, last_asleep};

global! {
    /// How often a thread has begun to wait.
    static SLEPT: AtomicUsize = AtomicUsize::new(0);
}
global! {
    /// How often one has been told to go on.
    static TOLD: AtomicUsize = AtomicUsize::new(0);
}
global! {
    /// How many would have to wait for nobody to be awake.
    static MISSING: AtomicUsize = AtomicUsize::new(NONE);
}

/// More than there are.
const NONE: usize = usize::MAX >> 1;

/// As often as the counts may change during a look.
const TRIES: usize = 3;

/// A thread waits, and has written down that it does.
pub(crate) fn thread_sleeps() {
    // Release: what it has done before is seen by who counts it. SeqCst, below: see the module.
    SLEPT.fetch_add(1, Ordering::Release);
    fence(Ordering::SeqCst);
    // Acquire: pairs with the Release in `look`: sysmon has said that it sleeps.
    let missing = MISSING.load(Ordering::Acquire);
    let (slept, told) = now();
    if slept.wrapping_sub(told).cast_signed() >= missing.cast_signed() {
        last_asleep();
    }
}

/// A thread that waited, and has written that down, waits no more.
pub(crate) fn thread_told() {
    // Release: before whatever who tells it counts next, as `now` has it the other way round.
    TOLD.fetch_add(1, Ordering::Release);
}

/// Both only grow: the same twice is what they were in between.
fn now() -> (usize, usize) {
    // Acquire: pairs with the Releases above.
    let slept = SLEPT.load(Ordering::Acquire);
    (slept, TOLD.load(Ordering::Acquire))
}

/// No number of threads would make a difference.
pub(crate) fn nothing_missing() {
    MISSING.store(NONE, Ordering::Relaxed);
}

/// What the threads do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Threads {
    /// All of them wait.
    Asleep,
    /// One may do something, or that cannot be told. The one that waits last has sysmon look again.
    Awake,
    /// They do something while this looks.
    Busy,
}

/// Whether all that `threads` counts wait.
pub(crate) fn look(threads: impl Fn() -> Option<usize>) -> Threads {
    for _ in 0..TRIES {
        let before = now();
        let Some(threads) = threads() else { return Threads::Awake };
        // Release: pairs with the Acquire in `thread_sleeps`.
        MISSING.store(threads, Ordering::Release);
        // SeqCst: see the module.
        fence(Ordering::SeqCst);
        if now() == before {
            let all = before.0.wrapping_sub(before.1) == threads;
            return if all { Threads::Asleep } else { Threads::Awake };
        }
    }
    Threads::Busy
}
