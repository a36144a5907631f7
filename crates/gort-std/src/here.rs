//! Whether a call is a goroutine's that may park.

use crate::taken::Taken;
use std::cell::Cell;

thread_local! {
    /// How many reasons this goroutine has to go straight to the kernel. It is the goroutine's own, as all
    /// thread-locals are.
    static ASIDE: Cell<u32> = const { Cell::new(0) };
}

/// What a signal's handler sets in [`ASIDE`], beside the reasons of others.
const HANDLER: u32 = 1 << 16;

/// Whether this call is to be made the runtime's way; counts it if so.
#[inline(always)]
pub(crate) fn takes(taken: &Taken) -> bool {
    if gort_rt::may_park().is_none() || ASIDE.get() != 0 || taken.is_off() {
        return false;
    }
    taken.count(gort_rt::m_thread_pointer().unwrap_or(0));
    true
}

/// Whether whoever waits here is a goroutine, and may be parked.
#[inline(always)]
pub(crate) fn parks() -> bool {
    gort_rt::may_park().is_some() && ASIDE.get() == 0
}

/// Whether calls go straight to the kernel here.
pub(crate) fn is_aside() -> bool {
    ASIDE.get() != 0
}

/// Whether this is a signal's handler, as far as is known.
#[inline(always)]
pub(crate) fn in_handler() -> bool {
    ASIDE.get() >= HANDLER
}

/// Straight to the kernel from now on, until it is dropped.
pub(crate) struct Aside(u32);

impl Aside {
    fn by(reason: u32) -> Aside {
        ASIDE.set(ASIDE.get() + reason);
        Aside(reason)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        ASIDE.set(ASIDE.get() - self.0);
    }
}

/// Straight to the kernel from now on, in a signal's handler; returns what [`stand_back`] is given.
#[inline]
pub(crate) fn stand_aside() -> u32 {
    let before = ASIDE.get();
    ASIDE.set(before | HANDLER);
    before
}

/// As it was before. Handlers that were left by `longjmp` meanwhile are forgotten.
#[inline]
pub(crate) fn stand_back(before: u32) {
    ASIDE.set(before);
}

/// All handlers have been left by a jump.
#[inline]
pub(crate) fn leave_handlers() {
    ASIDE.set(ASIDE.get() % HANDLER);
}

/// Does `work` as if this crate were not there: what waits in it is the thread, which the runtime rescues the
/// P of.
///
/// ```
/// use std::io::Read;
/// # let (mut reader, writer) = std::io::pipe().unwrap();
/// # drop(writer);
/// let mut text = String::new();
/// gort::run(|| gort_std::passthrough(|| reader.read_to_string(&mut text))).unwrap();
/// ```
pub fn passthrough<R>(work: impl FnOnce() -> R) -> R {
    let _aside = Aside::by(1);
    work()
}
