//! How long an operation waits, and what ends it when the time is up.
//!
//! # Protocol
//!
//! To run out of time is one more case of those that may happen to a party ([`Waiter`]): whoever
//! changes `winner` goes on. For a goroutine its alarm does so, and wakes it; a thread wakes by itself.
//! The alarm is set when the goroutine is off its stack, but before it has let go of the channels: it
//! may ring at once, and the goroutine come back before all is done, but then it waits for the
//! channels, whose queues it has to leave. A goroutine whose operation was faster stops the alarm
//! before it goes on: what the alarm looks at is on its stack.
//!
//! # Safety
//!
//! A goroutine's `waiter` is the address of a [`Waiter`] on its stack from when it parks with an alarm
//! until it has stopped that.

#![allow(unsafe_code)]

use super::waitq::Waiter;
use crate::obj::g::G;
use crate::prim::nanotime;
use crate::timer::alarm;
use core::ptr::NonNull;

/// How long an operation waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    Not,
    /// Until this time, in nanoseconds of the monotonic clock; or, if there is no memory for a timer,
    /// not at all.
    Until(u64),
    /// Until it is possible.
    Ever,
}

impl Wait {
    /// The time until which, if there is one.
    pub(crate) fn until(self) -> Option<u64> {
        match self {
            Wait::Until(when) => Some(when),
            Wait::Not | Wait::Ever => None,
        }
    }

    /// Whether there is no more time.
    pub(crate) fn is_over(self) -> bool {
        match self {
            Wait::Not => true,
            Wait::Until(when) => nanotime() >= when,
            Wait::Ever => false,
        }
    }
}

/// Sets the alarm of `gp`, which has parked. If that cannot be had, the time is up.
pub(super) fn set_alarm(gp: &'static G, waiter: &Waiter, when: u64) -> bool {
    gp.waiter.set(core::ptr::from_ref(waiter).expose_provenance());
    alarm::start(gp, ring, when) || !waiter.time_is_up()
}

/// The alarm of the goroutine with this address.
///
/// # Safety
///
/// It has parked with one.
unsafe fn ring(gp: usize, _when: u64) {
    // SAFETY: Gs are never freed. For the waiter, see the module.
    unsafe {
        let gp = &*core::ptr::with_exposed_provenance::<G>(gp);
        let waiter = core::ptr::with_exposed_provenance_mut::<Waiter>(gp.waiter.get());
        if let Some(waiter) = NonNull::new(waiter)
            && waiter.as_ref().time_is_up()
        {
            Waiter::wake(waiter);
        }
    }
}

/// A thread waits until it is woken, or the time is up.
pub(super) fn wait_thread(waiter: &Waiter, when: Option<u64>) {
    if let Some(when) = when
        && !waiter.bed.sleep_until(when)
        && waiter.time_is_up()
    {
        return;
    }
    waiter.bed.sleep();
}
