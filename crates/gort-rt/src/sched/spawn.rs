//! Making goroutines. Go: `newproc`, `gfget`, `malg`.
//!
//! A goroutine needs neither stack nor TLS block until it first runs: `newproc` makes a G and puts
//! it into a queue, and the P that runs it first takes a slot from its warm list. So a burst of
//! short goroutines goes over a few warm stacks.
//!
//! # Safety
//!
//! A G that comes from a free list is dead: nothing refers to it but the list. A slot that comes
//! from a list has nobody on it.

#![allow(unsafe_code)]

use super::door;
use super::park::gostart;
use super::state::{Lists, SCHED, runqput};
use super::wake::wakep;
use crate::host;
use crate::obj::g::{G, SHARED_TLS, current, setg_at};
use crate::obj::p::P;
use crate::prim::Ordering;
use crate::stack::{self, DEFAULT_CLASS, Slot};
use gort_sys::Errno;
use gort_sys::context::{slot, switch};

/// Gs are allocated this many at a time.
const CHUNK: usize = 32;
/// How many dead Gs a P keeps, and how many go over at a time.
pub(super) const KEEP: usize = 64;
pub(super) const BATCH: usize = 32;
/// Goroutine numbers are taken this many at a time.
const IDS: usize = 16;

/// What a new goroutine is to be.
#[derive(Debug, Clone, Copy)]
pub struct Spawn {
    /// It runs `entry(data)`, which must not unwind. What the host has to do on a goroutine, first
    /// and last (thread-locals' destructors), is done there too.
    pub entry: unsafe extern "C" fn(usize),
    /// See `entry`.
    pub data: usize,
    /// How much stack it can use, in bytes; `None` for the default.
    pub stack: Option<usize>,
    /// Its name: text that stays where it is until [`G::clear_name`] or the goroutine's end; address 0
    /// for none.
    pub name: (usize, usize),
    /// It uses the TLS block of whatever thread it runs on.
    pub shared_tls: bool,
}

/// Makes a goroutine and puts it in front of the caller's P's queue (at the end of the global one
/// from a thread without P). Returns its number. Does not block. Go: `newproc`.
///
/// # Errors
///
/// `ENOMEM` when there is no memory for it; nothing has happened then.
///
/// # Safety
///
/// `entry(data)` may be called once, on any thread. With `shared_tls` it and all it calls must keep
/// nothing of a thread-local variable across anything that may park or yield.
pub unsafe fn newproc(spawn: &Spawn) -> Result<u64, Errno> {
    let made = make(door::open_anywhere(), spawn);
    if made.is_ok() {
        wakep();
    }
    slot::unlock();
    made
}

fn make(pp: Option<&'static P>, spawn: &Spawn) -> Result<u64, Errno> {
    let own = match spawn.stack {
        Some(bytes) => Some(own_slot(bytes)?),
        None => None,
    };
    let gp = match gfget(pp) {
        Ok(gp) => gp,
        Err(errno) => {
            if let Some(slot) = own {
                stack::put_global(slot);
            }
            return Err(errno);
        }
    };
    gp.slot.set(own);
    gp.sp.set(0);
    gp.fs.set(0);
    gp.slowcall.set(0);
    gp.entry.set(spawn.entry as *const () as usize);
    gp.data.set(spawn.data);
    gp.name.set(spawn.name.0);
    gp.name_len.set(spawn.name.1);
    gp.kind.set(if spawn.shared_tls { SHARED_TLS } else { 0 });
    gp.parent.store(current().map_or(0, G::id), Ordering::Relaxed);
    let id = next_id(pp);
    gp.goid.store(id as u64, Ordering::Relaxed);
    gp.status.made();
    match pp {
        Some(pp) => {
            pp.spawned.bump();
            runqput(pp, gp, true);
        }
        None => {
            SCHED.spawned.fetch_add(1, Ordering::Relaxed);
            SCHED.lock().globrunqput(gp);
        }
    }
    Ok(id as u64)
}

fn next_id(pp: Option<&'static P>) -> usize {
    let Some(pp) = pp else { return SCHED.goidgen.fetch_add(1, Ordering::Relaxed) };
    if pp.goid.get() == pp.goid_end.get() {
        let first = SCHED.goidgen.fetch_add(IDS, Ordering::Relaxed);
        pp.goid.set(first);
        pp.goid_end.set(first + IDS);
    }
    let id = pp.goid.get();
    pp.goid.set(id + 1);
    id
}

/// A G to be filled: used before, or new. Go: `gfget`.
fn gfget(pp: Option<&'static P>) -> Result<&'static G, Errno> {
    let free = match pp {
        Some(pp) => pp.gfree.pop().or_else(|| {
            SCHED.lock().gfree.move_to(&pp.gfree, BATCH);
            pp.gfree.pop()
        }),
        None => SCHED.lock().gfree.pop(),
    };
    if let Some(gp) = free {
        gp.status.reborn();
        return Ok(gp);
    }
    malg(pp)
}

/// New Gs, and the address space for their stacks. Go: `malg`.
#[cold]
fn malg(pp: Option<&'static P>) -> Result<&'static G, Errno> {
    let total = SCHED.gallocated.fetch_add(CHUNK, Ordering::Relaxed) + CHUNK;
    let chunk = stack::ensure_room(total).and_then(|()| crate::mem::alloc::<G>(CHUNK));
    let chunk = chunk.inspect_err(|_| {
        SCHED.gallocated.fetch_sub(CHUNK, Ordering::Relaxed);
    })?;
    let mut lists = SCHED.lock();
    for i in 1..CHUNK {
        // SAFETY: within the chunk, which is ours.
        let gp = unsafe { new_g(&mut lists, chunk.add(i)) };
        // It has never lived, and is handed out as if it had.
        gp.status.made();
        gp.status.execute();
        gp.status.died();
        match pp {
            Some(pp) => pp.gfree.push(gp),
            None => lists.gfree.push(gp),
        }
    }
    // SAFETY: as above.
    Ok(unsafe { new_g(&mut lists, chunk) })
}

/// # Safety
///
/// Room for a G that nobody else has.
unsafe fn new_g(_lists: &mut Lists, at: *mut G) -> &'static G {
    // SAFETY: the caller's contract; the runtime's memory is never freed.
    let gp: &'static G = unsafe {
        at.write(G::new());
        &*at
    };
    gp.alllink.set(SCHED.allg.get());
    SCHED.allg.set(Some(gp));
    gp
}

/// A slot for a stack of a size of its own.
fn own_slot(bytes: usize) -> Result<&'static Slot, Errno> {
    let class = stack::class_for(bytes, host::get().tls_reserve)?;
    match stack::get_global(class) {
        Some(slot) => Ok(slot),
        None => stack::take_fresh(class),
    }
}

/// Gives `gp`, which is about to run for the first time, its stack and TLS block. On g0.
pub(super) fn attach(pp: &'static P, gp: &'static G) -> Result<(), Errno> {
    let slot = match gp.slot.get().or_else(|| pp.slots.get()) {
        Some(slot) => slot,
        None => stack::take_fresh(DEFAULT_CLASS)?,
    };
    if !gp.shares_tls()
        && !slot.is_built()
        && let Err(errno) = slot.build()
    {
        if gp.slot.is_none() {
            pp.slots.put(slot);
        }
        return Err(errno);
    }
    settle(gp, slot);
    Ok(())
}

/// [`attach`] without leaving the goroutine this runs on: only if a slot is at hand whose block
/// needs no more than cleaning.
#[inline]
pub(super) fn attach_warm(pp: &'static P, gp: &'static G) -> bool {
    if !gp.slot.is_none() || gp.shares_tls() {
        return false;
    }
    match pp.slots.get_built() {
        Some(slot) => {
            settle(gp, slot);
            true
        }
        None => false,
    }
}

/// Makes `gp` look suspended at its beginning, on `slot`.
#[inline]
fn settle(gp: &'static G, slot: &'static Slot) {
    let (fs, top) = if gp.shares_tls() {
        (0, slot.bare_top())
    } else {
        let fs = slot.renew();
        // SAFETY: the block is built; nobody runs on it.
        unsafe {
            setg_at(fs, gp);
            (fs, (host::get().stack_top)(fs))
        }
    };
    gp.slot.set(Some(slot));
    gp.fs.set(fs);
    let room = slot.room();
    gp.stack_lo.set(room.lo + room.guard);
    gp.stack_hi.set(top);
    // SAFETY: the top of a stack that nobody is on.
    gp.sp.set(unsafe { switch::prepare(top, gostart) });
}
