//! Everybody there is, for who looks without the scheduler's lock.

use super::state::SCHED;
use crate::obj::g::G;
use crate::obj::m::M;
use core::iter::successors;

/// More than there are, for who cannot be sure that a list is as it was.
pub(crate) const MOST: usize = 1 << 28;

/// All goroutines that there has ever been memory for, the newest first: the links behind the first do not
/// change any more.
pub(crate) fn all_gs() -> impl Iterator<Item = &'static G> {
    successors(SCHED.allg.acquire(), |gp| gp.alllink.get())
}

/// All Ms, the newest first. Without the lock, one that ends meanwhile may have others come twice or not at all.
pub(crate) fn all_ms() -> impl Iterator<Item = &'static M> {
    successors(SCHED.allm.acquire(), |mp| mp.alllink.get())
}
