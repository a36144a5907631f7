//! Waiting a moment for what another thread is about to do. Go: `canSpin`, `doSpin`.

use super::state::SCHED;
use crate::obj::m;
use crate::prim::{Ordering, slot, spin_loop};

/// How often, and for how many pauses each time: some microseconds in all. Go's numbers.
const SPINS: u32 = 4;
const PAUSES: u32 = 30;

/// Whether it makes sense to wait awake for somebody who has a lock, for the time after `spins`: not
/// for long, not while there is other work for the P, and only if another P works, whose goroutine
/// may be the one. A thread that is not the runtime's has no other work.
pub(crate) fn canspin(spins: u32) -> bool {
    if spins >= SPINS {
        return false;
    }
    // No door: what is read here belongs to no one.
    slot::lock();
    let pp = m::current().and_then(|mp| mp.p.get());
    slot::unlock();
    let Some(pp) = pp else { return m::current().is_none() };
    let resting = SCHED.npidle.load(Ordering::Relaxed) + SCHED.nmspinning.load(Ordering::Relaxed);
    SCHED.procs() > resting as usize + 1 && pp.runq.is_empty()
}

/// Waits a moment.
pub(crate) fn procyield() {
    for _ in 0..PAUSES {
        spin_loop();
    }
}
