//! A goroutine waits for something, but not for ever.
//!
//! Its alarm is a timer of its own, besides the one for sleeping, and stays with it: mostly it is
//! stopped before it rings, and in a heap still when it is needed again.

use super::pool;
use super::set;
use super::timer::Function;
use crate::obj::g::G;

/// Has `ring`, always the same function, called with `gp`'s address at `when`. Whether there was memory
/// for that. By who has `gp` in hand, in a door.
pub(crate) fn start(gp: &'static G, ring: Function, when: u64) -> bool {
    let timer = match gp.alarm.get() {
        Some(timer) => timer,
        None => {
            let Ok(timer) = pool::take() else { return false };
            timer.init(Some(ring), core::ptr::from_ref(gp).expose_provenance(), 0);
            gp.alarm.set(Some(timer));
            timer
        }
    };
    set(timer, when).is_ok()
}

/// It rings no more, and has stopped ringing. By `gp` itself. What waits: the M, while it rings.
pub(crate) fn stop(gp: &'static G) {
    if let Some(timer) = gp.alarm.get() {
        timer.stop();
    }
}
