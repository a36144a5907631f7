//! G: a goroutine.
//!
//! # Safety
//!
//! A goroutine's slot (thread-local) holds the address of its G and of nothing else: it is written
//! here, from a `&'static G`. A thread the runtime has never seen holds zero.
//!
//! The payload is the maker's, who says by the completion whose it is at what time; the runtime only
//! keeps the room.

#![allow(unsafe_code)]

use super::m::M;
use super::status::StatusWord;
use crate::host::Room;
use crate::prim::{AtomicU64, Half, Link, Ordering, Word};
use crate::sched::completion::Completion;
use crate::sched::parker::Parker;
use crate::sched::state::SCHED;
use crate::stack::Slot;
use crate::timer::Timer;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use gort_sys::context::slot;

/// A goroutine, or an M's scheduler stack (g0).
///
/// Fields without a note belong to whoever owns the goroutine by its state (`status.rs`).
#[derive(Debug)]
#[repr(C, align(64))]
pub struct G {
    /// Where it goes on, while it does not run; while it is in C, where its stack begins to be free.
    pub(crate) sp: Word,
    /// Its thread pointer; 0 until it has a slot, and for one that shares its thread's.
    pub(crate) fs: Word,
    /// The M it runs on. Written by that M.
    pub(crate) m: Link<M>,
    /// The next in whatever list it is in. Belongs to the list.
    pub(crate) schedlink: Link<G>,
    pub(crate) status: StatusWord,
    /// Bits of what kind it is. Fixed while it lives, but for [`TIMED`].
    pub(crate) kind: Half,
    /// What the M does once it has left the stack (`sched/park.rs`).
    pub(crate) after: Word,
    pub(crate) after_arg: Word,
    /// Its stack and TLS block; none until it first runs.
    pub(crate) slot: Link<Slot>,
    /// What it runs: `entry(data)`. Fixed while it lives.
    pub(crate) entry: Word,
    pub(crate) data: Word,
    /// Its number; never used again.
    pub(crate) goid: AtomicU64,
    /// The goroutine that made it, 0 for a thread.
    pub(crate) parent: AtomicU64,
    /// Where it was made, in whose code; 0 if that is not known. Fixed while it lives.
    pub(crate) creator: Word,
    /// The M it is locked to, which runs nothing else.
    pub(crate) lockedm: Link<M>,
    /// How often it has been locked.
    pub(crate) lock_count: Half,
    /// Why it waits. Written by itself before it parks.
    pub(crate) waitreason: Half,
    /// What it waits for: see `sched/waits.rs`. Written by itself around its wait.
    pub(crate) waits_for: Word,
    /// Since when, by [`clock::coarse`](crate::sched::clock::coarse). Written by itself before it parks.
    pub(crate) waitsince: Word,
    /// Where its stack ends and begins, below and above all it can use; set when it gets it.
    pub(crate) stack_lo: Word,
    pub(crate) stack_hi: Word,
    /// The length of its name.
    pub(crate) name_len: Half,
    /// System calls it has come back from. Written by itself.
    pub(crate) syscalltick: Half,
    /// Where it called the kernel or C: for traces. Written by itself, 0 outside.
    pub(crate) syscallpc: Word,
    pub(crate) syscallsp: Word,
    /// The frame pointer there.
    pub(crate) syscallbp: Word,
    /// The number of that call, plus one; 0 for C.
    pub(crate) syscallnr: Word,
    /// Since when it has been runnable, if it is and somebody wants to know (`sched/latency.rs`); else 0.
    pub(crate) runnable_since: Word,
    /// Its number, if the watchdog has said that it runs on, and it still does. sysmon's.
    pub(crate) barked: Word,
    /// The number, plus one, of the last call that took so long that the P was taken.
    pub(crate) slowcall: Word,
    /// Its name, if it has one: the address of text that lives as long as it runs.
    pub(crate) name: Word,
    /// The next in the list of all. Fixed once it is there.
    pub(crate) alllink: Link<G>,
    /// The timer that wakes it, once it has slept. Kept for the next life.
    pub(crate) timer: Link<Timer>,
    /// The timer that ends its waiting for something else, once it has waited with one.
    pub(crate) alarm: Link<Timer>,
    /// What the alarm looks at: see `chan/wait.rs`.
    pub(crate) waiter: Word,
    /// Its end, and who holds it: itself and its handle.
    pub(crate) done: Completion,
    /// Where it waits for futures. A waker of an earlier life's may tell it something.
    pub(crate) parker: Parker,
    payload: Payload,
}

/// How many bytes of its maker's a G has room for, 16-aligned.
pub const PAYLOAD: usize = 96;

/// See [`G::payload`].
#[derive(Debug)]
#[repr(C, align(16))]
struct Payload(UnsafeCell<[MaybeUninit<u8>; PAYLOAD]>);

// SAFETY: only its address is had from here.
unsafe impl Sync for Payload {}

/// A million of them are 64 MB less than with one line more.
const _: () = assert!(size_of::<G>() == 6 * 64);

/// [`G::kind`]: it uses its thread's TLS block instead of its own.
pub(crate) const SHARED_TLS: usize = 1;
/// [`G::kind`]: it is runnable, and whoever runs it looks at `runnable_since`.
pub(crate) const TIMED: usize = 2;

impl G {
    pub(crate) const fn new() -> G {
        G {
            sp: Word::new(0),
            fs: Word::new(0),
            m: Link::none(),
            schedlink: Link::none(),
            status: StatusWord::new(),
            kind: Half::new(),
            after: Word::new(0),
            after_arg: Word::new(0),
            slot: Link::none(),
            entry: Word::new(0),
            data: Word::new(0),
            goid: AtomicU64::new(0),
            parent: AtomicU64::new(0),
            creator: Word::new(0),
            lockedm: Link::none(),
            lock_count: Half::new(),
            waitreason: Half::new(),
            waits_for: Word::new(0),
            waitsince: Word::new(0),
            stack_lo: Word::new(0),
            stack_hi: Word::new(0),
            name_len: Half::new(),
            syscalltick: Half::new(),
            syscallpc: Word::new(0),
            syscallsp: Word::new(0),
            syscallbp: Word::new(0),
            syscallnr: Word::new(0),
            runnable_since: Word::new(0),
            barked: Word::new(0),
            slowcall: Word::new(0),
            name: Word::new(0),
            alllink: Link::none(),
            timer: Link::none(),
            alarm: Link::none(),
            waiter: Word::new(0),
            done: Completion::new(),
            parker: Parker::new(),
            payload: Payload(UnsafeCell::new([MaybeUninit::uninit(); PAYLOAD])),
        }
    }

    /// Its end. It is used again only when its handle, too, has let go of it: see [`Completion`].
    #[inline]
    pub fn done(&self) -> &Completion {
        &self.done
    }

    /// Where it waits for futures.
    #[inline]
    pub fn parker(&self) -> &Parker {
        &self.parker
    }

    /// Room for [`PAYLOAD`] bytes, so that what a goroutine runs and results in needs no memory of its
    /// own. Its maker's while he makes it ([`newproc`](crate::newproc)), and whosever he says, as long
    /// as it is not used again.
    #[inline]
    pub fn payload(&self) -> *mut u8 {
        self.payload.0.get().cast()
    }

    /// Its number.
    #[inline]
    pub fn id(&self) -> u64 {
        self.goid.load(Ordering::Relaxed)
    }

    /// Whether it has thread-local storage of its own, and no stamp: it can be switched to as it is.
    #[inline(always)]
    pub(crate) fn is_plain(&self) -> bool {
        self.kind.get() == 0
    }

    #[inline(always)]
    pub(crate) fn shares_tls(&self) -> bool {
        self.kind.get() & SHARED_TLS != 0
    }

    /// Whether this is an M's scheduler stack: the only Gs without a number.
    #[inline]
    pub(crate) fn is_g0(&self) -> bool {
        self.id() == 0
    }

    /// Its stack and TLS block, once it has run.
    pub fn room(&self) -> Option<Room> {
        self.slot.get().map(|slot| slot.room())
    }

    /// Its name, if this is called on it.
    pub fn name_here(&self) -> Option<&str> {
        let at = core::ptr::with_exposed_provenance::<u8>(self.name.get());
        if at.is_null() || !current().is_some_and(|gp| core::ptr::eq(gp, self)) {
            return None;
        }
        // SAFETY: the text lives while the goroutine runs, which it does, and was a `str`.
        Some(unsafe {
            core::str::from_utf8_unchecked(core::slice::from_raw_parts(at, self.name_len.get()))
        })
    }

    /// Makes it nameless: the name's text is about to go. Only on the goroutine itself.
    pub fn clear_name(&self) {
        self.name.set(0);
    }

    /// Its TLS block's thread pointer; 0 while it has none of its own.
    pub fn thread_pointer(&self) -> usize {
        self.fs.get()
    }

    /// How many reasons there are not to take it off `mp`, which it runs on; `None` if it does not
    /// by now. Read by anybody.
    pub(crate) fn locks_on(&self, mp: &'static M) -> Option<u32> {
        let fs = if self.shares_tls() { mp.fs.get() } else { self.fs.get() };
        // SAFETY: a goroutine's block lies in a slot and an M's in its thread, which outlives its
        // goroutines; slots are never unmapped. If it is not this goroutine's block any more, the
        // word is anybody's, and the caller finds out by the P's tick.
        (fs != 0).then(|| unsafe { slot::locks_at(fs) })
    }

    /// Whether `sp` lies on its stack, with `room` bytes below it.
    pub(crate) fn has_room(&self, sp: usize, room: usize) -> bool {
        sp <= self.stack_hi.get() && sp >= self.stack_lo.get() + room
    }

    /// The M it runs on; it does run.
    #[inline(always)]
    pub(crate) fn mp(&self) -> &'static M {
        match self.m.get() {
            Some(mp) => mp,
            None => crate::throw::throw("a running goroutine has no M"),
        }
    }
}

/// The G whose stack this is: a goroutine, a g0, or none in a thread that is not the runtime's.
#[inline(always)]
pub(crate) fn getg() -> Option<&'static G> {
    let at = core::ptr::with_exposed_provenance::<G>(slot::current());
    // SAFETY: see the module: null or the address of a G, and those are never freed.
    unsafe { at.as_ref() }
}

/// Makes `gp` the running block's G.
#[inline(always)]
pub(crate) fn setg(gp: &'static G) {
    slot::set_current(core::ptr::from_ref(gp).expose_provenance());
}

/// Makes `gp` the G of the block with this thread pointer, with `locks` raised once.
///
/// # Safety
///
/// The block is live, not running, and the caller's.
#[inline(always)]
pub(crate) unsafe fn setg_at(fs: usize, gp: &'static G) {
    let value = slot::Slot { current: core::ptr::from_ref(gp).expose_provenance(), locks: 1 };
    // SAFETY: the caller's contract.
    unsafe { slot::at(fs).write(value) };
}

/// The goroutine this runs on, if it is one.
#[inline(always)]
pub fn current() -> Option<&'static G> {
    getg().filter(|gp| !gp.is_g0())
}

/// The goroutine this runs on, if it may be parked here: not inside the runtime, and not in a child after
/// `fork`.
#[inline(always)]
pub fn may_park() -> Option<&'static G> {
    current().filter(|_| slot::locks() == 0 && !SCHED.is_forked())
}

/// The number of the goroutine that this runs on, or 0.
#[inline(always)]
pub(crate) fn id_here() -> u64 {
    getg().map_or(0, G::id)
}

/// The thread pointer of the thread that this runs on, if a goroutine's own is set in its place: on
/// the goroutine, and in C that it calls. Good in a signal handler; elsewhere it may be another
/// thread's at once.
#[inline]
pub fn m_thread_pointer() -> Option<usize> {
    let fs = getg()?.m.get()?.fs.get();
    (fs != slot::thread_pointer()).then_some(fs)
}
