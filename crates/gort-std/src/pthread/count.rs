//! Trying until it works, and parking in between: an event count for each address.
//!
//! # The protocol
//!
//! | Who waits | Who lets go |
//! |-|-|
//! | says that somebody may wait ([`arm`]) | lets go, by libc |
//! | counts itself | looks whether anybody may wait at all |
//! | reads the sequence number | reads the count: nobody, then that is all |
//! | tries | changes the sequence number |
//! | parks, unless the sequence number has changed, which is looked at under the table's lock | takes whoever waits out of the table, under its lock |
//!
//! A try that fails has seen the object before it was let go of. libc lets go by a locked instruction, which is a full
//! fence on this machine, and so are the first two steps of who waits; so who lets go reads a count that is not 0. The
//! last two steps exclude each other: either it is in the table by then, or it sees that the number has
//! changed. A plain store is what libc lets go by as long as the process has only one thread; then nobody waits.
//!
//! Who waits for a condition fails at nothing: it counts itself while it has the mutex, and whoever changes what it
//! waits for has the mutex after it.
//!
//! Counts and numbers are shared by addresses with the same hash: those try once more, for nothing.
//!
//! For a mutex only one who has been woken is to be on its way at a time: `woken` is its address from when it is taken
//! out until it tries again. Who lets go meanwhile wakes nobody, for whoever is on its way will try after that. If the
//! word has another address by then, that costs a wake-up for nothing.
//!
//! In a child after `fork` there are no goroutines, and the table's locks may be held for ever: there nobody
//! waits, and nobody is woken.
//!
//! # Safety
//!
//! What is called in a child after `fork` writes a word.

#![allow(unsafe_code)]

use super::clock::Deadline;
use gort_rt::WaitReason;
use gort_rt::sync::{Parked, Place, Wait, park_at, park_until, wake_at};
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};

/// How many addresses are told apart, mostly. A power of two.
const COUNTS: usize = 256;

/// See the module.
#[repr(align(64))]
pub(super) struct Count {
    waiting: AtomicU32,
    sequence: AtomicU32,
    woken: AtomicUsize,
    /// Threads that let go of a mutex inside libc: see `cond.rs`.
    hidden: AtomicU32,
}

static TABLE: [Count; COUNTS] = [const {
    Count {
        waiting: AtomicU32::new(0),
        sequence: AtomicU32::new(0),
        woken: AtomicUsize::new(0),
        hidden: AtomicU32::new(0),
    }
}; COUNTS];

const NEVER: u8 = 0;
const ARMED: u8 = 1;
const FORKED: u8 = 2;

/// Whether somebody may wait here.
static STATE: AtomicU8 = AtomicU8::new(NEVER);

/// From now on somebody may wait. On a goroutine.
#[inline]
pub(super) fn arm() {
    if STATE.load(Ordering::SeqCst) == NEVER {
        // SeqCst, above and here: before the try of who waits, as who lets go looks after it has; and see `cond.rs`.
        STATE.store(ARMED, Ordering::SeqCst);
    }
}

/// Whether anybody may wait here.
#[inline(always)]
pub(super) fn is_armed() -> bool {
    // SeqCst: as in `arm`; a plain load on this machine.
    STATE.load(Ordering::SeqCst) == ARMED
}

/// Whether this is a child after `fork`.
pub(super) fn is_forked() -> bool {
    STATE.load(Ordering::Relaxed) == FORKED
}

extern "C" fn forked() {
    // Before the runtime has started the child may start one of its own.
    if gort_rt::procs() != 0 {
        STATE.store(FORKED, Ordering::Relaxed);
        // Before the handlers of others, which may unlock.
        gort_rt::forked();
    }
}

/// Has children know that they are. Before `main`.
pub(super) fn prepare() {
    // SAFETY: see the module.
    unsafe { libc::pthread_atfork(None, None, Some(forked)) };
}

/// The count for whoever waits at `key`.
#[inline]
pub(super) fn of(key: usize) -> &'static Count {
    &TABLE[key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (usize::BITS - COUNTS.trailing_zeros())]
}

/// One who may wait, until it is dropped.
pub(super) struct Counted(&'static Count);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Count {
    /// Counts the caller.
    #[inline]
    pub(super) fn enter(&'static self) -> Counted {
        // SeqCst: before the try; see the module.
        self.waiting.fetch_add(1, Ordering::SeqCst);
        Counted(self)
    }

    /// The caller may let go of a mutex inside libc, until [`unhide`](Count::unhide).
    pub(super) fn hide(&self) {
        // SeqCst: before it looks whether somebody may wait; with `arm` and `hides`.
        self.hidden.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn unhide(&self) {
        self.hidden.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether a mutex may be let go of inside libc, by whoever has begun to before somebody could wait.
    pub(super) fn hides(&self) -> bool {
        // SeqCst: after `arm`.
        self.hidden.load(Ordering::SeqCst) != 0
    }

    pub(super) fn sequence(&self) -> u32 {
        // Acquire: pairs with the Release of who lets go, so that the try sees that.
        self.sequence.load(Ordering::Acquire)
    }
}

/// Where and how to wait.
#[derive(Clone, Copy)]
pub(super) struct Waiting {
    pub(super) key: usize,
    pub(super) place: Place,
    pub(super) reason: WaitReason,
    pub(super) until: Option<Deadline>,
}

impl Waiting {
    /// Parks, unless the sequence number of the key's count has changed.
    pub(super) fn park(&self, sequence: u32) -> Parked {
        let count = of(self.key);
        let wait = Wait { address: self.key, place: self.place, arg: 0, reason: self.reason };
        let check = || count.sequence.load(Ordering::Relaxed) == sequence;
        let parked = match self.until {
            None if park_at(wait, check, || ()) => Parked::Woken,
            None => Parked::Not,
            Some(until) => park_until(wait, until.monotonic(), check, || (), || true),
        };
        if parked == Parked::Woken {
            // Before the next try: see the module. Not only by who waits for a mutex: what was a condition may be one
            // next. SeqCst, as is `wake_next`'s load after it has let go.
            let (key, nobody) = (self.key, 0);
            let _ = count.woken.compare_exchange(key, nobody, Ordering::SeqCst, Ordering::Relaxed);
        }
        parked
    }

    /// Tries, and parks for as long as it is of no use; `None` if it is too late.
    pub(super) fn until_it_works<R>(mut self, mut attempt: impl FnMut() -> Option<R>) -> Option<R> {
        let count = of(self.key);
        let _counted = count.enter();
        loop {
            let sequence = count.sequence();
            if let Some(result) = attempt() {
                return Some(result);
            }
            if self.until.is_some_and(Deadline::is_over) {
                return None;
            }
            if self.park(sequence) == Parked::Woken {
                // It has waited already.
                self.place = Place::Front;
            }
        }
    }
}

/// Whether anybody may wait at `key`, after letting go.
#[inline]
pub(super) fn somebody(key: usize) -> bool {
    // SeqCst: after letting go; with `enter`.
    is_armed() && of(key).waiting.load(Ordering::SeqCst) != 0
}

/// Wakes up to `most` of those who wait at `key`, after letting go. Does not wait.
#[inline]
pub(super) fn wake(key: usize, most: usize) -> usize {
    if somebody(key) { wake_slow(key, most) } else { 0 }
}

/// Wakes who waits for the mutex at `key`, unless somebody is awake already who will try.
#[inline]
pub(super) fn wake_next(key: usize) {
    // SeqCst: after letting go; with who is woken, in `until_it_works`.
    if somebody(key) && of(key).woken.load(Ordering::SeqCst) != key {
        wake_slow(key, 1);
    }
}

#[cold]
fn wake_slow(key: usize, most: usize) -> usize {
    let count = of(key);
    // Release: pairs with the Acquire in `sequence`.
    count.sequence.fetch_add(1, Ordering::Release);
    let mut rest = most;
    let take = |_| {
        let one = rest != 0;
        rest = rest.saturating_sub(1);
        one
    };
    wake_at(key, take, |taken, _| {
        if taken != 0 {
            count.woken.store(key, Ordering::Relaxed);
        }
    })
}
