//! What goroutines wait for.
//!
//! [`G::waits_for`] is, for as long as a goroutine is parked without a limit of time:
//!
//! | It waits | Address of |
//! |-|-|
//! | for a mutex, or to read what somebody writes | who has it, a `Holder` |
//! | for a goroutine's end | that goroutine, a `G` |
//! | for a channel, or several | the channels, a [`Channels`] on its stack |
//! | for anything else | nothing |
//!
//! It is written where a goroutine is about to park, never where it need not.

use crate::obj::g::{G, current};

/// Does `wait`, which parks the goroutine until something happens to `what`.
#[inline(always)]
pub(crate) fn waiting_for<T, R>(what: &T, wait: impl FnOnce() -> R) -> R {
    let Some(gp) = current() else { return wait() };
    gp.waits_for.set(core::ptr::from_ref(what).expose_provenance());
    let result = wait();
    gp.waits_for.set(0);
    result
}

/// Waits until `gp` is over: parks the goroutine, blocks an ordinary thread. By its handle.
pub fn join(gp: &'static G) {
    waiting_for(gp, || gp.done().wait());
}
