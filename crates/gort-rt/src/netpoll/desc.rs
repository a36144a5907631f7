//! What is known about a descriptor that is polled. Go: `pollDesc`.
//!
//! Each direction has a word that says whether something has come and who waits (`side.rs`); beside it, here,
//! is why it is of no use to wait. One party at a time waits in each: the descriptor's own locks see to that,
//! above.
//!
//! # Safety
//!
//! A [`PollDesc`] is the runtime's memory: used again, never freed.

#![allow(unsafe_code)]

use super::side::{Party, Side};
use crate::lock::{Mutex, Rank};
use crate::obj::list::{Linked, Stack};
use crate::prim::{AtomicU32, AtomicU64, Link, Ordering, Word};
use crate::sched::door;
use crate::timer::{NEVER, Owned};
use core::cell::UnsafeCell;
use gort_sys::Errno;
use gort_sys::context::slot;
use gort_sys::fd::AsFd;
use gort_sys::vdso::nanotime;

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

/// One direction, and its deadline.
#[derive(Debug)]
struct Half {
    side: Side,
    /// Until when one may wait; [`NEVER`] for ever.
    deadline: AtomicU64,
    /// Rings then, once there has been a deadline. Under [`PollDesc::setting`].
    timer: UnsafeCell<Option<Owned>>,
}

impl Half {
    const fn new() -> Half {
        Half { side: Side::new(), deadline: AtomicU64::new(NEVER), timer: UnsafeCell::new(None) }
    }
}

/// See the module.
#[derive(Debug)]
pub struct PollDesc {
    link: Link<PollDesc>,
    halves: [Half; 2],
    closing: AtomicU32,
    /// The number of its life. Changed between lives.
    life: AtomicU64,
    /// The P in whose queue it is. Written under `setting`.
    pub(super) home: Word,
    /// Whether it is where what is read arrives. By who reads.
    pub(super) follows: Word,
    /// How often in a row it has been waited for with another. By who reads.
    pub(super) away: Word,
    /// Who sets deadlines, or puts it into another queue.
    pub(super) setting: Mutex<()>,
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
                    halves: [Half::new(), Half::new()],
                    closing: AtomicU32::new(0),
                    life: AtomicU64::new(0),
                    home: Word::new(0),
                    follows: Word::new(0),
                    away: Word::new(0),
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

    fn half(&'static self, of: Direction) -> &'static Half {
        match of {
            Direction::Read => &self.halves[0],
            Direction::Write => &self.halves[1],
        }
    }

    /// An event has come, `over` that it may be the last: who waited for it, if somebody did.
    pub(super) fn ready(&'static self, of: Direction, over: bool) -> Option<Party> {
        self.half(of).side.ready(over)
    }

    /// Whether an event has come since the last time, or the last one has; to be asked before each
    /// call. Go: `netpollreset`.
    #[inline]
    pub fn take_event(&'static self, of: Direction) -> bool {
        self.half(of).side.take_event()
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
        if self.half(of).side.is_expired() {
            return Err(Unready::TimedOut);
        }
        Ok(())
    }

    /// Whether it has been [`shut`](PollDesc::shut).
    #[inline]
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed) != 0
    }

    /// Waits until the descriptor may be ready; to be called when it is not. What waits: the goroutine, or
    /// the ordinary thread.
    ///
    /// Must be called by one at a time for each direction; `descriptor` is its own.
    ///
    /// # Errors
    ///
    /// See [`Unready`].
    pub fn wait(&'static self, of: Direction, descriptor: impl AsFd) -> Result<(), Unready> {
        if of == Direction::Read {
            self.come_along(descriptor);
        }
        self.half(of).side.wait(|| self.check(of))
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
        let half = self.half(of);
        let _one = self.setting.lock();
        // SAFETY: under the lock.
        let timer = unsafe { &mut *half.timer.get() };
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
            half.deadline.store(when, Ordering::Relaxed);
            half.side.renew();
            timer.set(when)?;
            return Ok(());
        }
        if let Some(timer) = timer {
            timer.stop();
        }
        half.deadline.store(when, Ordering::Relaxed);
        if past {
            half.side.expire();
        } else {
            half.side.renew();
        }
        Ok(())
    }

    fn at(&'static self) -> usize {
        core::ptr::from_ref(self).expose_provenance()
    }

    /// Nobody waits any more from here on; who does is woken. Whether this is the first time. Go:
    /// `poll_runtime_pollUnblock`.
    pub(super) fn evict(&'static self) -> bool {
        let first = self.closing.swap(1, Ordering::Relaxed) == 0;
        self.halves.iter().for_each(|half| half.side.evict());
        first
    }

    /// Ends this life: the descriptor is not registered any more, and nobody uses it any more. Inside a
    /// door.
    pub(super) fn release(&'static self) {
        {
            let _one = self.setting.lock();
            for half in &self.halves {
                // SAFETY: under the lock.
                if let Some(timer) = unsafe { &*half.timer.get() } {
                    timer.stop();
                }
                half.deadline.store(NEVER, Ordering::Relaxed);
            }
        }
        self.life.store(self.life.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        self.halves.iter().for_each(|half| half.side.reset());
        self.closing.store(0, Ordering::Relaxed);
        self.follows.set(0);
        self.away.set(0);
        FREE.lock().push(self);
    }
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
    let half = desc.half(of);
    if half.deadline.load(Ordering::Relaxed) == when {
        half.side.expire();
    }
}
