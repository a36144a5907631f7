//! Who waits for whom: for reports of deadlocks and leaks.
//!
//! Taken while the world is stopped. Whoever is parked then stays so, and so does what it waits for: the lock,
//! channel or goroutine is borrowed by the call that waits.
//!
//! Nothing is allocated: the caller has made room.
//!
//! # Safety
//!
//! What [`G::waits_for`] says is there for as long as the goroutine is parked, and of the type that goes with
//! the reason (`waits.rs`). A channel's handles are there as long as the channel. A parked goroutine's name
//! is there.

#![allow(unsafe_code)]

use super::all::{all_gs, all_ms};
use super::park::WaitReason;
use super::sigstack;
use super::state::SCHED;
use super::stop::stop_the_world;
use crate::chan::{Channels, Handles};
use crate::obj::g::G;
use crate::obj::status::Status;
use crate::prim::Ordering;
use crate::stack;
use crate::sync::Holder;
use crate::traceback::{self, Name};

/// A goroutine that is not over.
#[derive(Clone, Copy, Debug)]
pub struct Party {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: Name,
    /// Why it waits, if it is parked.
    pub reason: Option<WaitReason>,
    /// The number of the goroutine that it waits for without a limit of time; 0 if that is not known.
    pub on: u64,
    /// Whether it waits at pits, without a limit of time, and who has their handles is all that can wake it.
    pub waits_at_pits: bool,
    /// Which of the pits those are, first and one past the last. All of it is always written: what is not
    /// would be left from something else, a handle perhaps.
    pub pits: (usize, usize),
    /// Its memory in the runtime, with what it was made with.
    pub own: (usize, usize),
    /// The part of its stack that is in use, and its thread-locals; the whole, if it runs.
    pub stack: (usize, usize),
}

/// A channel that somebody waits at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pit {
    /// What its handles hold, with all bits turned over: so that who looks for it finds the handles, and
    /// not this.
    pub hidden: usize,
    /// How many bytes at that address are its own.
    pub size: usize,
    /// How many handles it has.
    pub handles: usize,
}

/// What there is, and whether there was room for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Census {
    /// How many goroutines.
    pub parties: usize,
    /// How many places at which they wait.
    pub pits: usize,
}

impl Party {
    /// Nobody.
    pub const NONE: Party = Party {
        id: 0,
        name: Name::NONE,
        reason: None,
        on: 0,
        waits_at_pits: false,
        pits: (0, 0),
        own: (0, 0),
        stack: (0, 0),
    };
}

/// Counts all goroutines and what they wait for, and writes down as many as there is room for. None before
/// the runtime has started, and in a forked child. What waits: the goroutine or thread, until the world has
/// stopped.
pub fn census(parties: &mut [Party], pits: &mut [Pit]) -> Census {
    let mut census = Census::default();
    if SCHED.procs() == 0 || SCHED.is_forked() {
        return census;
    }
    stop_the_world(|| {
        for gp in all_gs().filter(|gp| !matches!(gp.status.get(), Status::Dead | Status::Idle)) {
            let party = look(gp, pits, &mut census.pits);
            if let Some(place) = parties.get_mut(census.parties) {
                *place = party;
            }
            census.parties += 1;
        }
    });
    census
}

fn look(gp: &'static G, pits: &mut [Pit], count: &mut usize) -> Party {
    let mut party = Party { id: gp.id(), ..Party::NONE };
    let at = core::ptr::from_ref(gp).addr();
    party.own = (at, at + size_of::<G>());
    if let Some(room) = gp.slot.get().map(|slot| slot.room()) {
        party.stack = (room.lo + room.guard, room.hi);
    }
    if gp.status.get() != Status::Waiting {
        return party;
    }
    party.stack.0 = gp.sp.get();
    party.name = traceback::name(gp, traceback::How::Live);
    let for_what = gp.waits_for.get();
    party.reason = WaitReason::of(gp.waitreason.get());
    match party.reason {
        Some(WaitReason::Never) => party.waits_at_pits = true,
        _ if for_what == 0 => {}
        Some(WaitReason::MutexLock | WaitReason::RwMutexRLock) => {
            // SAFETY: see the module.
            party.on = unsafe { &*core::ptr::with_exposed_provenance::<Holder>(for_what) }.get();
        }
        Some(WaitReason::Join) => {
            // SAFETY: see the module.
            party.on = unsafe { &*core::ptr::with_exposed_provenance::<G>(for_what) }.id();
        }
        Some(WaitReason::ChanSend | WaitReason::ChanReceive | WaitReason::Select) => {
            let channels = core::ptr::with_exposed_provenance::<Channels<'_>>(for_what);
            // SAFETY: see the module.
            let channels = unsafe { &*channels };
            party.pits.0 = *count;
            party.waits_at_pits = add_pits(channels, pits, count);
            party.pits.1 = *count;
        }
        _ => {}
    }
    party
}

/// Adds what somebody waits at. Whether it is known who can send there.
fn add_pits(channels: &Channels<'_>, pits: &mut [Pit], count: &mut usize) -> bool {
    let mut known = true;
    channels.each(|base| {
        let handles = core::ptr::with_exposed_provenance::<Handles>(base.handles());
        // SAFETY: see the module; null if it has none.
        let Some(handles) = (unsafe { handles.as_ref() }) else { return known = false };
        let senders = handles.senders.load(Ordering::Relaxed);
        // Without any a timer sends.
        known &= senders != 0;
        let pit = Pit {
            hidden: !base.handles(),
            size: handles.size,
            handles: senders + handles.receivers.load(Ordering::Relaxed),
        };
        if let Some(place) = pits.get_mut(*count) {
            *place = pit;
        }
        *count += 1;
    });
    known
}

/// Where the stacks of goroutines lie, and those of the runtime's own threads, with what was left there by
/// code that is not the program's; each from its lowest address to one past the highest. Writes down as many
/// as there is room for, and returns how many there are; none if that cannot be told.
pub fn stacks(out: &mut [(usize, usize)]) -> Option<usize> {
    let mut count = 0;
    let mut add = |range| {
        if let Some(place) = out.get_mut(count) {
            *place = range;
        }
        count += 1;
    };
    stack::mappings()?.for_each(&mut add);
    let _lists = SCHED.lock();
    for mp in all_ms() {
        add((mp.g0.stack_lo.get(), mp.g0.stack_hi.get()));
        add(sigstack::bounds(mp));
    }
    Some(count)
}
