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

use super::park::gostart;
use super::state::{SCHED, runqput};
use super::syscall::reentersyscall;
use super::wake::wakep;
use super::{door, latency};
use crate::host;
use crate::lock::{Mutex, Rank};
use crate::obj::deque::Deque;
use crate::obj::g::{G, SHARED_TLS, current, setg_at};
use crate::obj::p::P;
use crate::prim::Ordering;
use crate::stack::{self, DEFAULT_CLASS, Slot};
use gort_sys::Errno;
use gort_sys::context::{slot, switch};

/// Gs are allocated this many at a time.
const CHUNK: usize = 32;
/// How many dead Gs a P keeps, and how many go over at a time.
const KEEP: usize = 128;
const BATCH: usize = 64;
/// Goroutine numbers are taken this many at a time.
const IDS: usize = 16;

/// Dead goroutines beyond what the Ps keep, the newest taken first.
static DEAD: Mutex<Deque<G>> = Mutex::new(Rank::Dead, Deque::new());

/// What a new goroutine is to be.
#[derive(Debug, Clone, Copy)]
pub struct Spawn {
    /// It runs `entry(data)`, which must not unwind, and completes [`G::done`] before it returns. What
    /// the host has to do on a goroutine, first and last (thread-locals' destructors), is done there
    /// too.
    pub entry: unsafe extern "C" fn(usize),
    /// How much stack it can use, in bytes; `None` for the default.
    pub stack: Option<usize>,
    /// Its name: text that stays where it is until [`G::clear_name`] or the goroutine's end; address 0
    /// for none.
    pub name: (usize, usize),
    /// It uses the TLS block of whatever thread it runs on.
    pub shared_tls: bool,
    /// Where in the program it was asked for, for traces ([`here`](crate::here)); 0 if that is not known.
    pub creator: usize,
}

/// Makes a goroutine and puts it in front of the caller's P's queue (at the end of the global one
/// from a thread without P). Does not block. Go: `newproc`.
///
/// `fill` is called with it when there is one, puts into its payload what it wants there, and returns
/// what `entry` gets. It runs inside the runtime, and does no more than write memory.
///
/// The G is the caller's to look at until he gives it back: [`Completion::detach`](crate::Completion::detach) and, if that says
/// so, [`release`].
///
/// # Errors
///
/// `ENOMEM` when there is no memory for it; nothing has happened then.
///
/// # Safety
///
/// `entry(data)` may be called once, on any thread. With `shared_tls` it and all it calls must keep
/// nothing of a thread-local variable across anything that may park or yield.
#[inline]
pub unsafe fn newproc(
    spawn: &Spawn,
    fill: impl FnOnce(&'static G) -> usize,
) -> Result<&'static G, Errno> {
    let pp = door::open_anywhere();
    let made = make(pp, spawn);
    if let Ok(gp) = made {
        gp.data.set(fill(gp));
        submit(pp, gp);
    }
    slot::unlock();
    made
}

fn make(pp: Option<&'static P>, spawn: &Spawn) -> Result<&'static G, Errno> {
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
    gp.name.set(spawn.name.0);
    gp.name_len.set(spawn.name.1);
    gp.creator.set(spawn.creator);
    gp.kind.set(if spawn.shared_tls { SHARED_TLS } else { 0 });
    gp.parent.store(current().map_or(0, G::id), Ordering::Relaxed);
    gp.goid.store(next_id(pp) as u64, Ordering::Relaxed);
    gp.done.reset();
    Ok(gp)
}

fn submit(pp: Option<&'static P>, gp: &'static G) {
    gp.status.made();
    match pp {
        Some(pp) => {
            latency::drawn_by(pp.spawned.bump(), gp);
            runqput(pp, gp, true);
        }
        None => {
            latency::drawn_by(SCHED.spawned.fetch_add(1, Ordering::Relaxed), gp);
            SCHED.lock().globrunqput(gp);
        }
    }
    wakep();
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
            let mut dead = DEAD.lock();
            for _ in 1..BATCH {
                let Some(gp) = dead.pop_back() else { break };
                pp.gfree.push(gp);
            }
            dead.pop_back()
        }),
        None => DEAD.lock().pop_back(),
    };
    if let Some(gp) = free {
        gp.status.reborn();
        return Ok(gp);
    }
    malg(pp)
}

/// Keeps `gp`, which is dead, for whoever makes the next. Go: `gfput`.
#[inline]
pub(super) fn gfput(pp: &'static P, gp: &'static G) {
    pp.gfree.push(gp);
    if pp.gfree.len() > KEEP {
        gfspill(pp, BATCH);
    }
}

/// [`gfput`] without a P.
pub(super) fn gfput_global(gp: &'static G) {
    DEAD.lock().push_back(gp);
}

/// Gives all that `pp` keeps to everybody. Go: `gfpurge`.
pub(super) fn gfpurge(pp: &'static P) {
    gfspill(pp, usize::MAX);
}

/// Gives `gp` back, whose goroutine is over: the handle has disposed of what was in it
/// ([`Detached::Over`](super::completion::Detached)). Does not block.
pub fn release(gp: &'static G) {
    if !gp.done.release() {
        return;
    }
    match door::open_anywhere() {
        Some(pp) => gfput(pp, gp),
        None => gfput_global(gp),
    }
    slot::unlock();
}

#[cold]
fn gfspill(pp: &'static P, count: usize) {
    let mut dead = DEAD.lock();
    for _ in 0..count {
        let Some(gp) = pp.gfree.pop() else { break };
        dead.push_back(gp);
    }
}

/// New Gs, and the address space for their stacks. Go: `malg`.
#[cold]
fn malg(pp: Option<&'static P>) -> Result<&'static G, Errno> {
    let total = SCHED.gallocated.fetch_add(CHUNK, Ordering::Relaxed) + CHUNK;
    let chunk = stack::ensure_room(total)
        .and_then(|()| SCHED.lock().runq.reserve(total))
        .and_then(|()| DEAD.lock().reserve(total))
        .and_then(|()| crate::mem::alloc::<G>(CHUNK));
    let chunk = chunk.inspect_err(|_| {
        SCHED.gallocated.fetch_sub(CHUNK, Ordering::Relaxed);
    })?;
    // SAFETY: as many as there is room for, which is ours; the runtime's memory is never freed.
    let chunk: &'static [G] = unsafe {
        for i in 0..CHUNK {
            chunk.add(i).write(G::new());
        }
        core::slice::from_raw_parts(chunk, CHUNK)
    };
    let (mine, others) = chunk.split_first().ok_or(Errno::ENOMEM)?;
    link_all(mine, others);
    for gp in others {
        // It has never lived, and is handed out as if it had.
        gp.status.made();
        gp.status.execute();
        gp.status.died();
        match pp {
            Some(pp) => pp.gfree.push(gp),
            None => DEAD.lock().push_back(gp),
        }
    }
    Ok(mine)
}

/// Enters new Gs into the list of all. Go: `allgadd`.
fn link_all(first: &'static G, others: &'static [G]) {
    let mut last = first;
    for gp in others {
        last.alllink.set(Some(gp));
        last = gp;
    }
    let _lists = SCHED.lock();
    last.alllink.set(SCHED.allg.get());
    SCHED.allg.publish(first);
}

/// A slot for a stack of a size of its own.
fn own_slot(bytes: usize) -> Result<&'static Slot, Errno> {
    any_slot(stack::class_for(bytes, host::get().tls_reserve)?)
}

fn any_slot(class: usize) -> Result<&'static Slot, Errno> {
    match stack::get_global(class) {
        Some(slot) => Ok(slot),
        None => stack::take_fresh(class),
    }
}

/// The goroutine of a foreign thread: it has called C at the very beginning of its stack, which has
/// `stack` bytes or the default size.
pub(super) fn adopt(stack: Option<usize>) -> Result<&'static G, Errno> {
    let slot = stack.map_or_else(|| any_slot(DEFAULT_CLASS), own_slot)?;
    let gp = gfget(None).inspect_err(|_| stack::put_global(slot))?;
    gp.slowcall.set(0);
    gp.name.set(0);
    gp.creator.set(0);
    gp.entry.set(0);
    gp.kind.set(SHARED_TLS);
    gp.parent.store(0, Ordering::Relaxed);
    gp.goid.store(next_id(None) as u64, Ordering::Relaxed);
    settle(gp, slot);
    gp.status.made();
    gp.status.execute();
    gp.sp.set(gp.stack_hi.get());
    reentersyscall(gp, 0, slot::Here { sp: gp.stack_hi.get(), ..slot::here() });
    Ok(gp)
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
            // Not to `pp`'s, or it would look as if there were something for those who starve.
            stack::put_global(slot);
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
    stack::renew(room.lo + room.guard, top);
    // SAFETY: the top of a stack that nobody is on.
    gp.sp.set(unsafe { switch::prepare(top, gostart) });
}
