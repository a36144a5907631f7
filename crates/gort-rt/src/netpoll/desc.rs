//! What is known about a descriptor that is polled. Go: `pollDesc`.
//!
//! # Protocol
//!
//! For each direction a word:
//!
//! | Word | Meaning | Left by |
//! |-|-|-|
//! | `NIL` | nothing is known | who waits, to `WAIT` or `THREAD`; an event, to `READY` |
//! | `READY` | an event has come that nobody has taken | who wants to wait, to `NIL` |
//! | `WAIT` | a goroutine is about to park | its commit, to its address; anybody else, which calls the park off |
//! | `THREAD` | an ordinary thread sleeps at `futex` | as the next |
//! | a goroutine | it is parked | whoever takes it out, to `READY` for an event, else to `NIL` |
//!
//! That the descriptor is being closed, or its deadline has passed, is said beside it. Who says so then
//! takes out who waits; who waits says so (`WAIT`, `THREAD`) and then looks. Between the two on each side
//! is a full fence, so that one of them sees the other.
//!
//! Events come when something changes (they are edge-triggered). So who has found that there is no more to
//! be had may wait for the next without another look, as long as every change is an event of its own: but
//! the end of a stream can come in one with data, and is the last. It is kept (`over`).
//!
//! One party at a time waits in each direction: the descriptor's own locks see to that, above.
//!
//! Modelled by loom in `tests/loom_netpoll.rs`.
//!
//! # Safety
//!
//! A [`PollDesc`] is the runtime's memory: used again, never freed. A direction's word holds a
//! goroutine's address only while that goroutine is parked here; whoever takes it out readies it.

#![allow(unsafe_code)]

use super::WAITERS;
use crate::lock::{Mutex, Rank};
use crate::obj::g::{G, current};
use crate::obj::list::{Linked, Stack};
use crate::obj::p::P;
use crate::prim::{
    AtomicU32, AtomicU64, AtomicUsize, Link, Ordering, fence, futex_wait, futex_wake,
};
use crate::sched::park::{WaitReason, gopark, goready};
use crate::sched::{door, keeper};
use crate::throw::throw;
use crate::timer::{NEVER, Owned};
use core::cell::UnsafeCell;
use gort_sys::Errno;
use gort_sys::context::slot;
use gort_sys::vdso::nanotime;

const NIL: usize = 0;
const READY: usize = 1;
const WAIT: usize = 2;
const THREAD: usize = 3;

/// What a goroutine waits to be able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To read, or accept.
    Read = 0,
    /// To write, or be connected.
    Write = 1,
}

/// Why it is of no use to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unready {
    /// The descriptor is being closed.
    Closing,
    /// The deadline has passed.
    TimedOut,
}

/// Who has waited.
#[derive(Clone, Copy)]
pub(super) enum Party {
    /// To be readied.
    Goroutine(&'static G),
    /// It sleeps at this futex, which is never freed.
    Thread(&'static AtomicU32),
}

impl Party {
    /// From any thread, by who has taken it out.
    fn wake(self) {
        match self {
            Party::Goroutine(gp) => goready(gp),
            Party::Thread(futex) => Party::wake_thread(futex),
        }
    }

    pub(super) fn wake_thread(futex: &AtomicU32) {
        // Release: with the Acquire in `wait_thread`.
        futex.store(1, Ordering::Release);
        let _ = futex_wake(futex, 1);
    }
}

/// One direction.
#[derive(Debug)]
struct Side {
    word: AtomicUsize,
    /// Whether an event has said that there will be no more, for the end has come: it stays so.
    over: AtomicU32,
    /// Not 0 when the thread that waits is to go on.
    futex: AtomicU32,
    /// Until when one may wait; [`NEVER`] for ever.
    deadline: AtomicU64,
    /// Whether it has passed.
    expired: AtomicU32,
    /// Rings then, once there has been a deadline. Under [`PollDesc::setting`].
    timer: UnsafeCell<Option<Owned>>,
}

impl Side {
    const fn new() -> Side {
        Side {
            word: AtomicUsize::new(NIL),
            over: AtomicU32::new(0),
            futex: AtomicU32::new(0),
            deadline: AtomicU64::new(NEVER),
            expired: AtomicU32::new(0),
            timer: UnsafeCell::new(None),
        }
    }

    /// Takes out who waits, if somebody does. `to` is `READY` for an event. Go: `netpollunblock`.
    fn unblock(&'static self, to: usize) -> Option<Party> {
        let mut old = self.word.load(Ordering::Relaxed);
        loop {
            if old == READY || old == to {
                return None;
            }
            // AcqRel: the goroutine's, from its commit; what has come, for who takes it.
            match self.word.compare_exchange(old, to, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(WAIT | NIL) => return None,
                Ok(THREAD) => {
                    WAITERS.fetch_sub(1, Ordering::Relaxed);
                    return Some(Party::Thread(&self.futex));
                }
                Ok(gp) => {
                    WAITERS.fetch_sub(1, Ordering::Relaxed);
                    // SAFETY: a goroutine that is parked here, and ours now.
                    let gp = unsafe { &*core::ptr::with_exposed_provenance(gp) };
                    return Some(Party::Goroutine(gp));
                }
                Err(now) => old = now,
            }
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct PollDesc {
    link: Link<PollDesc>,
    sides: [Side; 2],
    closing: AtomicU32,
    /// The number of its life. Changed between lives.
    life: AtomicU64,
    /// Who sets deadlines.
    setting: Mutex<()>,
}

// SAFETY: the timers are under `setting`.
unsafe impl Sync for PollDesc {}

impl Linked for PollDesc {
    fn link(&self) -> &Link<PollDesc> {
        &self.link
    }
}

static FREE: Mutex<Stack<PollDesc>> = Mutex::new(Rank::PollFree, Stack::new());

/// How many are allocated at a time.
const CHUNK: usize = 32;

impl PollDesc {
    /// One that nobody has. Its directions are not known to be ready.
    ///
    /// # Errors
    ///
    /// `ENOMEM` when there is no memory for it.
    pub(super) fn take() -> Result<&'static PollDesc, Errno> {
        if let Some(free) = FREE.lock().pop() {
            return Ok(free);
        }
        let first = crate::mem::alloc::<PollDesc>(CHUNK)?;
        for i in 0..CHUNK {
            // SAFETY: fresh memory of the runtime's own, with room for all of them.
            let one = unsafe {
                let at = first.add(i);
                at.write(PollDesc {
                    link: Link::none(),
                    sides: [Side::new(), Side::new()],
                    closing: AtomicU32::new(0),
                    life: AtomicU64::new(0),
                    setting: Mutex::new(Rank::PollSetting, ()),
                });
                &*at
            };
            if i + 1 == CHUNK {
                return Ok(one);
            }
            FREE.lock().push(one);
        }
        Err(Errno::ENOMEM)
    }

    /// What events of this life carry.
    pub(super) fn tag(&'static self) -> u64 {
        let at = core::ptr::from_ref(self).expose_provenance() as u64;
        at | self.life.load(Ordering::Relaxed) << 48
    }

    /// Whose event this is, if that life is not over.
    ///
    /// # Safety
    ///
    /// `tag` is from [`tag`](PollDesc::tag).
    pub(super) unsafe fn of(tag: u64) -> Option<&'static PollDesc> {
        let at = tag as usize & ((1 << 48) - 1);
        // SAFETY: the caller's contract; they are never freed.
        let desc: &PollDesc = unsafe { &*core::ptr::with_exposed_provenance(at) };
        (desc.life.load(Ordering::Relaxed) as u16 == (tag >> 48) as u16).then_some(desc)
    }

    fn side(&'static self, of: Direction) -> &'static Side {
        match of {
            Direction::Read => &self.sides[0],
            Direction::Write => &self.sides[1],
        }
    }

    /// An event has come, `over` that it may be the last: who waited for it, if somebody did.
    pub(super) fn ready(&'static self, of: Direction, over: bool) -> Option<Party> {
        let side = self.side(of);
        if over {
            // Before the word says that there is an event.
            side.over.store(1, Ordering::Relaxed);
        }
        side.unblock(READY)
    }

    /// Whether an event has come since the last time, or the last one has; to be asked before each
    /// call. Go: `netpollreset`.
    #[inline]
    pub fn take_event(&'static self, of: Direction) -> bool {
        let side = self.side(of);
        if side.word.load(Ordering::Relaxed) == READY {
            // Acquire: what the event was about is seen by the call that comes.
            side.word.swap(NIL, Ordering::Acquire);
            return true;
        }
        side.over.load(Ordering::Relaxed) != 0
    }

    /// Whether it is of no use to wait.
    ///
    /// # Errors
    ///
    /// See [`Unready`].
    #[inline]
    pub fn check(&'static self, of: Direction) -> Result<(), Unready> {
        if self.is_closing() {
            return Err(Unready::Closing);
        }
        if self.side(of).expired.load(Ordering::Relaxed) != 0 {
            return Err(Unready::TimedOut);
        }
        Ok(())
    }

    /// Whether somebody has called [`evict`](PollDesc::evict).
    #[inline]
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed) != 0
    }

    /// Waits until the descriptor may be ready; to be called when it is not. What waits: the goroutine, or
    /// the ordinary thread. Go: `netpollblock`.
    ///
    /// Must be called by one at a time for each direction.
    ///
    /// # Errors
    ///
    /// See [`Unready`].
    pub fn wait(&'static self, of: Direction) -> Result<(), Unready> {
        let side = self.side(of);
        let goroutine = current().is_some();
        if !goroutine {
            side.futex.store(0, Ordering::Relaxed);
            awaited(None);
        }
        let wait = if goroutine { WAIT } else { THREAD };
        // SeqCst: the fence between the word and what is looked at next; see the module.
        match side.word.compare_exchange(NIL, wait, Ordering::SeqCst, Ordering::Acquire) {
            Ok(_) if self.check(of).is_err() => {
                // An event or the one who says so may have been faster.
                if side.word.swap(NIL, Ordering::AcqRel) == THREAD {
                    WAITERS.fetch_sub(1, Ordering::Relaxed);
                }
                return self.check(of);
            }
            Ok(_) => {}
            Err(READY) => {
                if !goroutine {
                    WAITERS.fetch_sub(1, Ordering::Relaxed);
                }
                side.word.store(NIL, Ordering::Relaxed);
                return self.check(of);
            }
            Err(_) => throw("two wait for one direction of a descriptor"),
        }
        if goroutine {
            gopark(commit, core::ptr::from_ref(&side.word).expose_provenance(), WaitReason::IoWait);
        } else {
            // Acquire: with the Release in `wake_thread`.
            while side.futex.load(Ordering::Acquire) == 0 {
                let _ = futex_wait(&side.futex, 0, None);
            }
        }
        // The event it was woken for. Acquire: with `unblock`.
        side.word.swap(NIL, Ordering::Acquire);
        self.check(of)
    }

    /// Sets until when one may wait; 0 for an end of all waiting at once, [`NEVER`] for none. Who waits
    /// already is bound by it, too. What waits: the M, for others who set one. Go: `poll_runtime_pollSetDeadline`.
    ///
    /// # Errors
    ///
    /// `ENOMEM` when there is no memory for a timer; then it is as it was.
    pub fn set_deadline(&'static self, of: Direction, when: u64) -> Result<(), Errno> {
        // A goroutine may have to queue for a P: before it holds the lock.
        door::open_anywhere();
        let set = self.set_deadline_inside(of, when);
        slot::unlock();
        set
    }

    fn set_deadline_inside(&'static self, of: Direction, when: u64) -> Result<(), Errno> {
        let side = self.side(of);
        let _one = self.setting.lock();
        // SAFETY: under the lock.
        let timer = unsafe { &mut *side.timer.get() };
        let past = when <= nanotime();
        if !past && when != NEVER {
            let timer = match timer {
                Some(timer) => timer,
                None => {
                    let (ring, arg) = match of {
                        Direction::Read => (ring_read as _, self.at()),
                        Direction::Write => (ring_write as _, self.at()),
                    };
                    // SAFETY: these are never freed; what they do is allowed there.
                    timer.insert(unsafe { Owned::new(ring, arg, 0)? })
                }
            };
            // Before it may ring, and after it has rung for the last time for another deadline.
            timer.stop();
            side.deadline.store(when, Ordering::Relaxed);
            side.expired.store(0, Ordering::Relaxed);
            timer.set(when)?;
            return Ok(());
        }
        if let Some(timer) = timer {
            timer.stop();
        }
        side.deadline.store(when, Ordering::Relaxed);
        side.expired.store(u32::from(past), Ordering::Relaxed);
        if past {
            self.expire(of);
        }
        Ok(())
    }

    fn at(&'static self) -> usize {
        core::ptr::from_ref(self).expose_provenance()
    }

    fn expire(&'static self, of: Direction) {
        let side = self.side(of);
        side.expired.store(1, Ordering::Relaxed);
        // SeqCst: see the module.
        fence(Ordering::SeqCst);
        if let Some(party) = side.unblock(NIL) {
            party.wake();
        }
    }

    /// Nobody waits any more from here on; who does is woken. Whether this is the first time. Go:
    /// `poll_runtime_pollUnblock`.
    pub(super) fn evict(&'static self) -> bool {
        // SeqCst: the fence; see the module.
        let first = self.closing.swap(1, Ordering::SeqCst) == 0;
        for side in &self.sides {
            if let Some(party) = side.unblock(NIL) {
                party.wake();
            }
        }
        first
    }

    /// Ends this life: the descriptor is not registered any more, and nobody uses it any more.
    pub(super) fn release(&'static self) {
        door::open_anywhere();
        {
            let _one = self.setting.lock();
            for side in &self.sides {
                // SAFETY: under the lock.
                if let Some(timer) = unsafe { &*side.timer.get() } {
                    timer.stop();
                }
                side.deadline.store(NEVER, Ordering::Relaxed);
            }
        }
        self.life.store(self.life.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        for side in &self.sides {
            side.expired.store(0, Ordering::Relaxed);
            side.over.store(0, Ordering::Relaxed);
            side.word.store(NIL, Ordering::Relaxed);
        }
        self.closing.store(0, Ordering::Relaxed);
        FREE.lock().push(self);
        slot::unlock();
    }
}

/// One more waits. `pp` is the P of the M that this runs on, if it is g0's commit.
fn awaited(pp: Option<&'static P>) {
    // SeqCst: before the keeper's state, as `keeper::engage` has it the other way round.
    if WAITERS.fetch_add(1, Ordering::SeqCst) == 0 {
        keeper::descriptor_awaited(pp);
    }
}

/// [`PollDesc::wait`]'s commit: off the stack, it may be woken.
fn commit(gp: &'static G, word: usize) -> bool {
    awaited(gp.mp().p.get());
    // SAFETY: `wait` passes the address of a word that is never freed.
    let word: &AtomicUsize = unsafe { &*core::ptr::with_exposed_provenance(word) };
    let at = core::ptr::from_ref(gp).expose_provenance();
    // Release: the goroutine's state is what who takes it out sees.
    let parked = word.compare_exchange(WAIT, at, Ordering::Release, Ordering::Relaxed).is_ok();
    if !parked {
        WAITERS.fetch_sub(1, Ordering::Relaxed);
    }
    parked
}

unsafe fn ring_read(desc: usize, when: u64) {
    // SAFETY: `set_deadline` passes its own address.
    unsafe { ring(desc, when, Direction::Read) }
}

unsafe fn ring_write(desc: usize, when: u64) {
    // SAFETY: as above.
    unsafe { ring(desc, when, Direction::Write) }
}

/// # Safety
///
/// `desc` is the address of one.
unsafe fn ring(desc: usize, when: u64, of: Direction) {
    // SAFETY: the caller's contract.
    let desc: &'static PollDesc = unsafe { &*core::ptr::with_exposed_provenance(desc) };
    if desc.side(of).deadline.load(Ordering::Relaxed) == when {
        desc.expire(of);
    }
}
