//! What is known about a descriptor that is polled. Go: `pollDesc`.
//!
//! # Protocol
//!
//! For each direction a word:
//!
//! | Word | Meaning | Left by |
//! |-|-|-|
//! | `NIL` | nothing is known | who waits, to `WAIT`; an event, to `READY` |
//! | `READY` | an event has come that nobody has taken | who wants to wait, to `NIL` |
//! | `WAIT` | somebody is about to park | its commit, to its address; anybody else, which calls the park off |
//! | a goroutine | it is parked | whoever takes it out, to `READY` for an event, else to `NIL` |
//!
//! That the descriptor is being closed, or its deadline has passed, is said beside it. Who says so then
//! takes out who waits; who waits says so (`WAIT`) and then looks. Between the two on each side is a full
//! fence, so that one of them sees the other.
//!
//! One goroutine at a time waits in each direction: the descriptor's own locks see to that, above.
//!
//! # Safety
//!
//! A [`PollDesc`] is the runtime's memory: used again, never freed. A direction's word holds a
//! goroutine's address only while that goroutine is parked here; whoever takes it out readies it.

#![allow(unsafe_code)]

use super::WAITERS;
use crate::lock::{Mutex, Rank};
use crate::obj::g::G;
use crate::obj::list::{Linked, Stack};
use crate::prim::{AtomicU32, AtomicU64, AtomicUsize, Link, Ordering, fence};
use crate::sched::park::{WaitReason, gopark, goready};
use crate::sched::{door, keeper};
use crate::timer::{NEVER, Owned};
use core::cell::UnsafeCell;
use gort_sys::Errno;
use gort_sys::context::slot;
use gort_sys::vdso::nanotime;

const NIL: usize = 0;
const READY: usize = 1;
const WAIT: usize = 2;

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

/// One direction.
#[derive(Debug)]
struct Side {
    word: AtomicUsize,
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
            deadline: AtomicU64::new(NEVER),
            expired: AtomicU32::new(0),
            timer: UnsafeCell::new(None),
        }
    }

    /// Takes out who waits, if somebody does. `to` is `READY` for an event. Go: `netpollunblock`.
    fn unblock(&self, to: usize) -> Option<&'static G> {
        let mut old = self.word.load(Ordering::Relaxed);
        loop {
            if old == READY || old == to {
                return None;
            }
            // AcqRel: the goroutine's, from its commit; what has come, for who takes it.
            match self.word.compare_exchange(old, to, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(WAIT | NIL) => return None,
                Ok(gp) => {
                    WAITERS.fetch_sub(1, Ordering::Relaxed);
                    // SAFETY: a goroutine that is parked here, and ours now.
                    return Some(unsafe { &*core::ptr::with_exposed_provenance(gp) });
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

    fn side(&self, of: Direction) -> &Side {
        match of {
            Direction::Read => &self.sides[0],
            Direction::Write => &self.sides[1],
        }
    }

    /// An event has come: who waited for it, if somebody did.
    pub(super) fn ready(&self, of: Direction) -> Option<&'static G> {
        self.side(of).unblock(READY)
    }

    /// Why it is of no use to wait, if it is not: before each call. Forgets an event that has come
    /// before. Go: `netpollreset`.
    ///
    /// # Errors
    ///
    /// See [`Unready`].
    #[inline]
    pub fn prepare(&self, of: Direction) -> Result<(), Unready> {
        self.check(of)?;
        let side = self.side(of);
        if side.word.load(Ordering::Relaxed) == READY {
            // Acquire: what the event was about is seen by the call that comes.
            side.word.swap(NIL, Ordering::Acquire);
        }
        Ok(())
    }

    #[inline]
    fn check(&self, of: Direction) -> Result<(), Unready> {
        if self.closing.load(Ordering::Relaxed) != 0 {
            return Err(Unready::Closing);
        }
        if self.side(of).expired.load(Ordering::Relaxed) != 0 {
            return Err(Unready::TimedOut);
        }
        Ok(())
    }

    /// Waits until the descriptor may be ready; to be called when the kernel says that it is not. What
    /// waits: the goroutine. Go: `netpollblock`.
    ///
    /// Must be called on a goroutine, by one at a time for each direction.
    ///
    /// # Errors
    ///
    /// See [`Unready`].
    pub fn wait(&'static self, of: Direction) -> Result<(), Unready> {
        let side = self.side(of);
        // SeqCst: the fence between `WAIT` and what is looked at next; see the module.
        match side.word.compare_exchange(NIL, WAIT, Ordering::SeqCst, Ordering::Acquire) {
            Ok(_) => {}
            Err(READY) => {
                side.word.store(NIL, Ordering::Relaxed);
                return self.check(of);
            }
            Err(_) => crate::throw::throw("two goroutines wait for one direction of a descriptor"),
        }
        if let Err(unready) = self.check(of) {
            // An event or the one who says so may have been faster.
            side.word.swap(NIL, Ordering::AcqRel);
            return Err(unready);
        }
        gopark(commit, core::ptr::from_ref(&side.word).expose_provenance(), WaitReason::IoWait);
        // Taken by this goroutine, as all that it is woken for. Acquire: with `unblock`.
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

    fn expire(&self, of: Direction) {
        let side = self.side(of);
        side.expired.store(1, Ordering::Relaxed);
        // SeqCst: see the module.
        fence(Ordering::SeqCst);
        if let Some(gp) = side.unblock(NIL) {
            goready(gp);
        }
    }

    /// Nobody waits any more from here on; who does is woken. Go: `poll_runtime_pollUnblock`.
    pub fn evict(&'static self) {
        self.closing.store(1, Ordering::Relaxed);
        // SeqCst: see the module.
        fence(Ordering::SeqCst);
        for side in &self.sides {
            if let Some(gp) = side.unblock(NIL) {
                goready(gp);
            }
        }
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
            side.word.store(NIL, Ordering::Relaxed);
        }
        self.closing.store(0, Ordering::Relaxed);
        FREE.lock().push(self);
        slot::unlock();
    }
}

/// [`PollDesc::wait`]'s commit: off the stack, it may be woken.
fn commit(gp: &'static G, word: usize) -> bool {
    // SeqCst: before the keeper's state, as `keeper::engage` has it the other way round.
    if WAITERS.fetch_add(1, Ordering::SeqCst) == 0 {
        keeper::descriptor_awaited(gp.mp().p.get());
    }
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
