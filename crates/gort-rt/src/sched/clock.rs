//! The time, roughly: for what is only told to people.
//!
//! Whoever parks must not pay for a clock. sysmon, which reads one anyway, leaves the time here at each look,
//! and when it awakes from the sleep that it sleeps while nobody runs. So what is here is at most some 10 ms
//! old wherever a goroutine runs, unless sysmon itself gets no CPU.

use crate::prim::{AtomicU64, Ordering};

static NOW: AtomicU64 = AtomicU64::new(0);

/// What `nanotime` said not long ago.
#[inline(always)]
pub(crate) fn coarse() -> u64 {
    NOW.load(Ordering::Relaxed)
}

/// It is `now`.
pub(crate) fn tell(now: u64) {
    NOW.store(now, Ordering::Relaxed);
}
