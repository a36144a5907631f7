//! Waiting at words of the program's own: for goroutines what a futex is for threads. The words, and what they
//! say, are the program's; threads that wait at the same words are the kernel's.
//!
//! # The problem
//!
//! Who changes a word and wakes mostly wakes nobody, and may be any thread at all. That has to be found out
//! by a few instructions, and no wake-up may be lost.
//!
//! # Protocol
//!
//! Each bucket of the table counts who waits in it at such words ([`Count`]).
//!
//! | who waits, under the bucket's lock | who wakes |
//! |-|-|
//! | counts itself | has changed the word |
//! | full fence | full fence |
//! | looks at the word: enters, or counts itself out | looks at the count: locks the bucket, unless it is 0 |
//!
//! One of the two sees what the other has written. If it is who waits, it does not wait. If it is who wakes, the
//! lock has it find the other in the table, or gone.
//!
//! Before any goroutine has waited at all, who wakes does without the fence (`ever.rs`).
//!
//! # In a signal's handler
//!
//! What a handler has interrupted may be the runtime, with a lock held or a queue half-written; and even where
//! it is not, a handler cannot start a thread, which readying a goroutine may come to. So it leaves a note that
//! *everybody* in the bucket is to be woken, and sysmon does it: who waits at a futex has to be content to be
//! woken for nothing, and such notes need no room. What the runtime has interrupted itself for, a function of
//! the host's, does the same: `locks` is raised.
//!
//! So nobody can tell that all who wait here wait for ever: `sched/deadlock.rs` takes them for those who do not.
//!
//! The keys of these words are odd, those of the runtime's own are even.
//!
//! Modelled by loom in `tests/loom_futex.rs`.

use super::ever::Ever;
use super::waiters::Woken;
use super::{Bucket, Parked, Place, TABLE, Wait, bucket, mixed, park_at, park_until};
use crate::prim::{AtomicU32, Ordering, SEMTAB, const_fn, fence, global, slot, zeros};
use crate::sched::errand;
use crate::sched::park::WaitReason;

/// How many wait at words of the program's, in one bucket. Changed under its lock.
#[derive(Debug)]
pub(super) struct Count(AtomicU32);

impl Count {
    const_fn! {
        pub(super) const fn new() -> Count {
            Count(AtomicU32::new(0))
        }
    }

    fn add(&self, change: i32) {
        let now = self.0.load(Ordering::Relaxed).wrapping_add_signed(change);
        self.0.store(now, Ordering::Relaxed);
    }
}

global! {
    /// Whether anybody has ever waited.
    static EVER: Ever = Ever::new();
}

/// So many words have a bit for each bucket.
const NOTES: usize = SEMTAB.div_ceil(u32::BITS as usize);

global! {
    /// The buckets in which everybody is to be woken.
    static NOTED: [AtomicU32; NOTES] = zeros();
}

/// Where in the table the word is waited for.
fn key(address: usize) -> usize {
    mixed(address | 1)
}

/// Parks the goroutine at the word at `address` until [`futex_wake_at`] wakes it, with a bit of `bitset` among
/// others, or until the time `until`, in nanoseconds of monotonic time. Not if `still` says that the word is not
/// what it was: that is called under the table's lock, looks at the word, and does nothing else.
///
/// What waits: the goroutine.
pub fn futex_park(
    address: usize,
    bitset: u32,
    until: Option<u64>,
    still: impl FnOnce() -> bool,
) -> Parked {
    EVER.say();
    let Bucket(_, count) = bucket(key(address));
    let check = || {
        count.add(1);
        // SeqCst: see the module.
        fence(Ordering::SeqCst);
        let waits = still();
        if !waits {
            count.add(-1);
        }
        waits
    };
    let leave = || {
        count.add(-1);
        true
    };
    let wait = Wait {
        address: address | 1,
        place: Place::Back,
        arg: bitset as usize,
        reason: WaitReason::Futex,
    };
    match until {
        Some(until) => park_until(wait, until, check, || (), leave),
        None if park_at(wait, check, || ()) => Parked::Woken,
        None => Parked::Not,
    }
}

/// Whether goroutines may wait at the word at `address`, which the caller has changed before. Any thread, and
/// in a signal's handler.
#[inline]
pub fn futex_is_waited_at(address: usize) -> bool {
    if !EVER.is_said() {
        return false;
    }
    let Bucket(_, count) = bucket(key(address));
    // SeqCst: see the module.
    fence(Ordering::SeqCst);
    count.0.load(Ordering::Relaxed) != 0
}

/// Wakes up to `most` of those that [`futex_park`] has parked at `address` with one of these bits, oldest first:
/// how many. Inside the runtime none: that is done by [`futex_wake_later`].
///
/// Does not wait. From any thread, but not in a signal's handler.
pub fn futex_wake_at(address: usize, most: usize, bitset: u32) -> usize {
    if slot::locks() != 0 {
        futex_wake_later(address);
        return 0;
    }
    let key = key(address);
    let mut woken = Woken::nobody();
    let Bucket(waiters, count) = bucket(key);
    let waiters = waiters.lock();
    waiters.remove_those(key, &mut woken, most, bitset as usize);
    let taken = woken.count();
    count.add(-(taken as i32));
    drop(waiters);
    woken.wake_all();
    taken
}

/// Has those woken that [`futex_park`] has parked at `address`, all of them and maybe others, soon. In a
/// signal's handler.
#[cold]
pub fn futex_wake_later(address: usize) {
    let at = key(address) % TABLE.len();
    let bit = 1 << (at % u32::BITS as usize);
    // Release: pairs with the Acquire in `wake_noted`: whatever was written before.
    NOTED[at / u32::BITS as usize].fetch_or(bit, Ordering::Release);
    errand::call();
}

/// Whether somebody is to be woken by [`wake_noted`]. See `errand.rs` for the order of things.
pub(crate) fn is_noted() -> bool {
    NOTED.iter().any(|bits| bits.load(Ordering::Relaxed) != 0)
}

/// Wakes everybody in the buckets that are noted. By sysmon.
pub(crate) fn wake_noted() {
    for (bits, buckets) in NOTED.iter().zip(TABLE.chunks(u32::BITS as usize)) {
        // Acquire: pairs with the Release in `futex_wake_later`.
        let bits = bits.swap(0, Ordering::Acquire);
        let noted = buckets.iter().enumerate().filter(|(at, _)| bits >> at & 1 != 0);
        noted.for_each(|(_, bucket)| wake_all_in(bucket));
    }
}

fn wake_all_in(Bucket(waiters, count): &Bucket) {
    let mut woken = Woken::nobody();
    let waiters = waiters.lock();
    while let Some(key) = waiters.odd_key() {
        waiters.remove_those(key, &mut woken, usize::MAX, usize::MAX);
    }
    count.add(-(woken.count() as i32));
    drop(waiters);
    woken.wake_all();
}

/// In a forked child nobody waits.
pub(crate) fn forked() {
    EVER.forget();
}
