//! In whose queue of events a descriptor is, from when it is opened until it is closed.
//!
//! # Safety
//!
//! The number of a descriptor that is shut goes on to be one, of a file that nothing can be done with.

#![allow(unsafe_code)]

use super::desc::PollDesc;
use super::nothing;
use crate::obj::m;
use crate::obj::p::{P, PStatus};
use crate::sched::door;
use crate::sched::keeper::see_to;
use crate::sched::state::SCHED;
use crate::throw::throw;
use core::mem::ManuallyDrop;
use gort_sys::context::slot;
use gort_sys::fd::{AsFd, AsRawFd, FromRawFd};
use gort_sys::types::{DupFlags, OwnedFd};
use gort_sys::{Errno, raw};

/// How often in a row a descriptor is waited for with another P before it goes there. Work that is stolen
/// once does not take its descriptors along, unless its P has more than its share of them.
const AWAY: usize = 4;

/// The P of the M that this runs on. Roughly, unless the caller has opened a door.
fn here() -> Option<&'static P> {
    slot::lock();
    let pp = m::current().and_then(|mp| mp.p.held().ok().flatten());
    slot::unlock();
    pp
}

impl PollDesc {
    /// Registers a descriptor, for as long as it is open. What waits: nobody. Go: `netpollopen`.
    ///
    /// # Errors
    ///
    /// `EPERM` if it cannot be polled (a regular file); `ENOMEM`, `ENOSPC`, `EMFILE`.
    pub fn open(descriptor: impl AsFd) -> Result<&'static PollDesc, Errno> {
        nothing()?;
        door::open_anywhere();
        let opened = PollDesc::open_inside(descriptor);
        slot::unlock();
        opened
    }

    fn open_inside(descriptor: impl AsFd) -> Result<&'static PollDesc, Errno> {
        let desc = PollDesc::take()?;
        let pp = here().unwrap_or_else(|| p(0));
        desc.home.set(pp.id.get());
        if let Err(errno) = pp.poller.add(descriptor, desc.tag()) {
            desc.release();
            return Err(errno);
        }
        see_to(pp);
        Ok(desc)
    }

    /// What is read here arrives on this CPU: whoever waits for it is to go on there, with the P whose M was
    /// last seen on it, unless that has many more than where it is. For those whose other end does not follow
    /// them.
    pub fn arrives_on(&'static self, cpu: usize, descriptor: impl AsFd) {
        let here = &p(self.home.get()).poller;
        let home = SCHED.ps().find(|pp| pp.poller.cpu.get() == cpu + 1);
        let home = home.filter(|pp| !pp.poller.is_crowded(here));
        self.follows.set(usize::from(home.is_some()));
        if let Some(pp) = home {
            self.go_to(pp, descriptor);
        }
    }

    /// It is about to be waited for here.
    pub(super) fn come_along(&'static self, descriptor: impl AsFd) {
        let Some(pp) = here() else { return };
        if pp.id.get() == self.home.get() {
            if self.away.get() != 0 {
                self.away.set(0);
            }
            return;
        }
        let home = p(self.home.get());
        if home.status() == PStatus::Dead {
            return self.go_to(pp, descriptor);
        }
        let may = self.follows.get() == 0 || home.poller.is_crowded(&pp.poller);
        let away = if home.poller.is_fuller(&pp.poller) { 1 } else { AWAY };
        if may && self.away.bump() >= away {
            self.go_to(pp, descriptor);
        }
    }

    /// Has it in `pp`'s queue from now on. If that cannot be, it stays where it is.
    #[cold]
    fn go_to(&'static self, pp: &'static P, descriptor: impl AsFd) {
        self.away.set(0);
        if self.home.get() == pp.id.get() {
            return;
        }
        door::open_anywhere();
        {
            let _one = self.setting.lock();
            // In both for a moment: what happens then is an event in one of them at least.
            let of_use = pp.status() != PStatus::Dead && !self.is_closing();
            if of_use && pp.poller.add(&descriptor, self.tag()).is_ok() {
                p(self.home.get()).poller.remove(&descriptor);
                self.home.set(pp.id.get());
            }
        }
        see_to(pp);
        slot::unlock();
    }

    /// Closes the file behind the descriptor, while others may use it: who waits for it is woken, and what
    /// they do with it fails from now on (`EBADF`). The number stays taken until the caller closes it.
    /// Whether it was open.
    pub fn shut(&'static self, descriptor: impl AsFd) -> bool {
        let first = self.leave(&descriptor);
        if first && let Ok(nothing) = nothing() {
            // SAFETY: the number goes on to be a descriptor, and the caller's: it is not dropped here.
            let number = unsafe { OwnedFd::from_raw_fd(descriptor.as_fd().as_raw_fd()) };
            let _ = raw::dup3(nothing, &mut ManuallyDrop::new(number), DupFlags::CLOEXEC);
        }
        first
    }

    /// Nobody waits for it any more from here on, who does is woken, and it is in no queue of events: for a
    /// number that is about to be closed while others may use it. Whether this is the first time.
    pub fn leave(&'static self, descriptor: impl AsFd) -> bool {
        let first = self.evict();
        if first {
            door::open_anywhere();
            {
                let _one = self.setting.lock();
                p(self.home.get()).poller.remove(descriptor);
            }
            slot::unlock();
        }
        first
    }

    /// Ends what [`open`](PollDesc::open) began, before the descriptor is closed. Nobody uses it any more.
    /// Go: `netpollclose`.
    pub fn close(&'static self, descriptor: impl AsFd) {
        door::open_anywhere();
        if !self.is_closing() {
            p(self.home.get()).poller.remove(descriptor);
        }
        self.release();
        slot::unlock();
    }
}

fn p(id: usize) -> &'static P {
    match SCHED.allp.get(id).and_then(|link| link.get()) {
        Some(pp) => pp,
        None => throw("a descriptor is in the queue of a P that there is not"),
    }
}
