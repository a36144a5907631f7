//! Semaphores: words that count wake-ups that nobody has taken yet. Go: `runtime/sema.go`.
//!
//! The word is touched under the table's lock only. Who releases hands wake-ups to those who wait, and
//! adds to the word what is left: who is on its way to the table finds it there. Unlike Go's, a wake-up
//! that was given to a waiter cannot be taken by somebody who comes later, and while somebody is in the
//! table the word is zero.
//!
//! A wake-up is left in the word only while somebody has yet to come for it, who keeps the word.

use super::{Parked, Place, Wait, address_of, park_at, park_until, wake_at};
use crate::prim::{AtomicU32, Ordering};
use crate::sched::park::{WaitReason, goyield};

fn wait(sema: &AtomicU32, place: Place, reason: WaitReason) -> Wait {
    Wait { address: address_of(sema), place, arg: 0, reason }
}

/// Takes a wake-up that is in the word: whether there is none.
fn is_empty(sema: &AtomicU32) -> bool {
    match sema.load(Ordering::Relaxed).checked_sub(1) {
        None => true,
        Some(rest) => {
            sema.store(rest, Ordering::Relaxed);
            false
        }
    }
}

/// Takes one wake-up, waiting until there is one. Go: `semacquire`.
///
/// What waits: the goroutine, or the thread if it is an ordinary one; behind the others, or, if it has
/// waited before, in front of them.
pub fn semacquire(sema: &AtomicU32, place: Place, reason: WaitReason) {
    park_at(wait(sema, place, reason), || is_empty(sema), || ());
}

/// Takes one wake-up, waiting for one until the time `until` (in nanoseconds of monotonic time), or for
/// longer if `leave` says then that one is on its way: whether it has one. For `leave` see
/// [`park_until`].
pub fn semacquire_until(
    sema: &AtomicU32,
    place: Place,
    reason: WaitReason,
    until: u64,
    leave: impl FnOnce() -> bool,
) -> bool {
    let wait = wait(sema, place, reason);
    matches!(park_until(wait, until, || is_empty(sema), || (), leave), Parked::Woken | Parked::Not)
}

/// Gives `count` wake-ups. Go: `semrelease`.
///
/// Does not wait. From any thread.
pub fn semrelease(sema: &AtomicU32, count: u32) {
    release(sema, count, || true);
}

/// Gives one wake-up to somebody who waits, and the P with it; or, if nobody does and `still` says that
/// somebody is on the way, to that one. Whether it was given. `still` is called under the table's
/// lock. Go: `semrelease` with `handoff`.
///
/// What waits: the goroutine, in its P's queue.
pub fn semhandoff(sema: &AtomicU32, still: impl FnOnce() -> bool) -> bool {
    let given = release(sema, 1, still);
    if given {
        goyield();
    }
    given
}

#[inline]
fn release(sema: &AtomicU32, count: u32, still: impl FnOnce() -> bool) -> bool {
    let (mut given, mut kept) = (0, true);
    let take = |_| {
        given += 1;
        given <= count
    };
    let keep = |taken, _| {
        let rest = count - taken as u32;
        kept = rest == 0 || still();
        if rest != 0 && kept {
            sema.store(sema.load(Ordering::Relaxed) + rest, Ordering::Relaxed);
        }
    };
    wake_at(address_of(sema), take, keep);
    kept
}
