//! Taking Ps from Ms whose goroutines are outside the runtime. Go: `retake`, and the part of
//! `stopTheWorld` that takes Ps out of system calls.
//!
//! The protocol is in `obj/hold.rs`. It is the same for a goroutine in a system call, in a blocking
//! call that nobody announced, and in a loop: none of them is inside a door.
//!
//! An M whose running goroutine has lost its P is *astray*: it may go on for a while, outside the
//! runtime. It is kept in a list, so that sysmon can see to it that it reaches a door.

use super::state::{MAX_PROCS, SCHED};
use crate::lock::{Mutex, Rank};
use crate::obj::list::Stack;
use crate::obj::m::M;
use crate::obj::p::{P, PStatus};
use crate::obj::status::Status;
use crate::prim::{AtomicU32, Link, Ordering, membarrier};

/// One taker at a time: a mark belongs to whoever has this. So does the list of Ms astray.
static TAKER: Mutex<Astray> = Mutex::new(Rank::Retake, Astray { head: Link::none() });

/// How many Ms are in the list. Changed under the lock, read without.
static NASTRAY: AtomicU32 = AtomicU32::new(0);

struct Astray {
    head: Link<M>,
}

/// Takes from their Ms those Ps that `wanted` says and whose M is outside the runtime. What is returned
/// is the caller's.
///
/// Costs a membarrier (some microseconds), if any is wanted.
pub(crate) fn retake(wanted: impl Fn(&'static P) -> bool) -> Stack<P> {
    let taken = Stack::new();
    let astray = TAKER.lock();
    let mut marks = [0u64; MAX_PROCS.div_ceil(64)];
    let mut any = false;
    for (i, pp) in SCHED.ps().enumerate() {
        if let Some(mp) = pp.m.get()
            && wanted(pp)
            && mp.p.mark(pp)
        {
            marks[i / 64 % marks.len()] |= 1 << (i % 64);
            any = true;
        }
    }
    if !any {
        return taken;
    }
    let fenced = membarrier();
    for (i, pp) in SCHED.ps().enumerate() {
        if marks[i / 64 % marks.len()] & 1 << (i % 64) == 0 {
            continue;
        }
        // If it has another M by now, or none, the mark is gone, and so is the chance.
        let Some(mp) = pp.m.get() else { continue };
        if fenced && is_outside(mp, pp) && mp.p.take(pp) {
            pp.m.set(None);
            pp.set_status(PStatus::Idle);
            taken.push(pp);
            astray.add(mp);
        } else {
            mp.p.unmark(pp);
        }
    }
    taken
}

/// Whether the goroutine that `mp` runs with `pp` is outside the runtime, at one moment of the call.
///
/// It is on `mp` all the time between the two looks at `curg` if it is there both times and has not
/// been put there again in between; putting it there changes the tick first (`take_on`). Hence the
/// order: the tick is looked at before all and after all.
fn is_outside(mp: &'static M, pp: &'static P) -> bool {
    let tick = pp.schedtick.acquire();
    let Some(gp) = mp.curg.acquire() else { return false };
    gp.locks_on(mp) == Some(0)
        && mp.curg.acquire().is_some_and(|now| core::ptr::eq(now, gp))
        && pp.schedtick.get() == tick
}

impl Astray {
    fn add(&self, mp: &'static M) {
        if mp.astray.get() == 0 {
            mp.astray.set(1);
            mp.look_at.set(0);
            mp.astraylink.set(self.head.get());
            self.head.set(Some(mp));
            NASTRAY.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Calls `hurry` with each M that runs a goroutine without a P, and forgets those that no longer do.
pub(crate) fn astray(mut hurry: impl FnMut(&'static M)) {
    if NASTRAY.load(Ordering::Relaxed) == 0 {
        return;
    }
    let list = TAKER.lock();
    let mut link = &list.head;
    while let Some(mp) = link.get() {
        if mp.p.is_taken() {
            // One in a call that it has announced comes by itself.
            if mp.curg.get().is_some_and(|gp| gp.status.get() == Status::Running) {
                hurry(mp);
            }
            link = &mp.astraylink;
        } else {
            link.set(mp.astraylink.take());
            mp.astray.set(0);
            NASTRAY.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Waits until nobody looks at an M that had a P: before its thread ends, and its stack with it.
pub(crate) fn unwatched() {
    drop(TAKER.lock());
}
