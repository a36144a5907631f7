//! A P's queue of events in the kernel: epoll.
//!
//! # The problem
//!
//! With one queue for all, whoever looks finds the events of all. A goroutine that runs on another CPU than
//! before, or than the other end of its connection, finds nothing in that CPU's caches, and the memory of
//! what is sent goes back and forth between CPUs: a round trip over loopback cost twice the CPU time when
//! a second P took part. So each P has a queue, and a descriptor is in that of the P where it is waited for.
//!
//! # Who looks
//!
//! - the M that has the P, whenever it has found nothing in the P's queue and in the global ones, and now
//!   and then while it does find something;
//! - while the P is idle, its *sleeper*: an M that sleeps in the queue. When something has come it takes
//!   the P, if it still is idle; who wants to run the P wakes the sleeper (`wake::startm`) by an event of
//!   its own;
//! - sysmon, when nobody has looked for [`GAP`]: the P's goroutine is a hog, or there was no M.
//!
//! An idle P gets its sleeper when an M goes to sleep (`keeper::stopm`). Who makes a P idle without an M
//! has one started, and whoever registers the first descriptor with an idle P, too (`keeper::see_to`). If all that
//! fails, sysmon finds out: it does not go into its deep sleep while a queue is in use that nobody watches.
//!
//! The queue of a P that is not in use any more has no M to sleep in it. It is a *ward* of P 0's: an entry in
//! that one's queue, which is ready when it is, until its P is back. Its descriptors leave it when they are next
//! waited for.
//!
//! # Safety
//!
//! Events carry what [`PollDesc::tag`] has made, or [`BREAK`], or the address of a P's queue and [`WARD`].

#![allow(unsafe_code)]

use super::desc::{Direction, PollDesc};
use super::side::Party;
use crate::lock::{Mutex, Rank};
use crate::obj::g::G;
use crate::obj::list::Queue;
use crate::obj::m::M;
use crate::prim::{AtomicU32, AtomicU64, AtomicUsize, Link, Ordering, Word, set_timerslack};
use crate::sched::state::SCHED;
use core::mem::MaybeUninit;
use gort_sys::fd::{AsFd, AsRawFd, IntoRawFd};
use gort_sys::types::{
    BorrowedFd, DupFlags, EpollEvent, EpollFlags, EpollOp, EventfdFlags, RawFd, Timespec,
};
use gort_sys::vdso::{getcpu, nanotime};
use gort_sys::{Errno, Regs, nr, raw};

/// Events taken at a time.
const BATCH: usize = 128;

/// The event of who interrupts a sleeper: no address.
const BREAK: u64 = 1;

/// In the event of a ward, with its address: no [`PollDesc`]'s has this bit.
const WARD: u64 = 2;

/// So many descriptors are not many.
const SLACK: u32 = 16;

/// For how long nobody may have looked before sysmon does, in nanoseconds.
pub(crate) const GAP: u64 = 500_000;

/// Who makes the descriptors.
static INIT: Mutex<()> = Mutex::new(Rank::PollInit, ());

/// See the module.
#[derive(Debug)]
pub(crate) struct Poller {
    /// The kernel's queue, plus one; 0 before there is one. Never closed.
    epoll: AtomicU32,
    /// An eventfd that is in it, likewise.
    event: AtomicU32,
    /// Whether the sleeper has been interrupted, and has not noticed.
    interrupted: AtomicU32,
    /// How many descriptors are in it.
    count: AtomicU32,
    /// When somebody has looked last.
    last: AtomicU64,
    /// How often somebody has looked, and how many events there were.
    polls: AtomicUsize,
    events: AtomicUsize,
    /// Whether it is a ward. Changed while the world is stopped.
    ward: AtomicU32,
    /// The CPU that the P's M was on when it looked last, plus one.
    pub(crate) cpu: Word,
    /// The M that sleeps in it in order to take the P. Under the scheduler's lock.
    pub(crate) sleeper: Link<M>,
    /// Whether an M is in there, maybe one that is not the sleeper any more and has not noticed. Under the
    /// scheduler's lock.
    pub(crate) inside: Word,
}

/// The descriptor whose number, plus one, is in `word`, if there is one. It is never closed.
pub(super) fn fd(word: &AtomicU32) -> Option<BorrowedFd<'static>> {
    // Acquire: with `init`'s Release.
    let fd = word.load(Ordering::Acquire).checked_sub(1)? as RawFd;
    // SAFETY: never closed.
    Some(unsafe { BorrowedFd::borrow_raw(fd) })
}

impl Poller {
    pub(crate) const fn new() -> Poller {
        Poller {
            epoll: AtomicU32::new(0),
            event: AtomicU32::new(0),
            interrupted: AtomicU32::new(0),
            count: AtomicU32::new(0),
            last: AtomicU64::new(0),
            polls: AtomicUsize::new(0),
            events: AtomicUsize::new(0),
            ward: AtomicU32::new(0),
            cpu: Word::new(0),
            sleeper: Link::none(),
            inside: Word::new(0),
        }
    }

    /// Go: `netpollinit`.
    fn init(&self) -> Result<BorrowedFd<'static>, Errno> {
        if let Some(epoll) = fd(&self.epoll) {
            return Ok(epoll);
        }
        let _one = INIT.lock();
        if let Some(epoll) = fd(&self.epoll) {
            return Ok(epoll);
        }
        let epoll = raw::epoll_create1(DupFlags::CLOEXEC)?;
        let event = raw::eventfd2(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let interrupts = EpollEvent { events: EpollFlags::IN, data: BREAK };
        raw::epoll_ctl(&epoll, EpollOp::ADD, &event, Some(&interrupts))?;
        // Release: with the Acquire in `fd`.
        self.event.store(event.into_raw_fd() as u32 + 1, Ordering::Release);
        self.epoll.store(epoll.into_raw_fd() as u32 + 1, Ordering::Release);
        fd(&self.epoll).ok_or(Errno::EBADF)
    }

    /// Whether any descriptor is in it.
    #[inline(always)]
    pub(crate) fn is_used(&self) -> bool {
        self.count.load(Ordering::Relaxed) != 0
    }

    /// Whether it has many more descriptors than `other`.
    pub(super) fn is_crowded(&self, other: &Poller) -> bool {
        self.count.load(Ordering::Relaxed) > 2 * other.count.load(Ordering::Relaxed) + SLACK
    }

    /// Whether it is in use and there is nobody who sleeps in it. Under the scheduler's lock, or roughly.
    pub(crate) fn is_unwatched(&self) -> bool {
        self.is_used() && self.sleeper.is_none() && !self.is_ward()
    }

    /// Whether it has more than its share, compared with `other`.
    pub(super) fn is_fuller(&self, other: &Poller) -> bool {
        let theirs = other.count.load(Ordering::Relaxed);
        self.count.load(Ordering::Relaxed) > theirs + theirs / 8 + SLACK
    }

    /// Whether who looks at P 0's looks at this one.
    pub(crate) fn is_ward(&self) -> bool {
        self.ward.load(Ordering::Relaxed) != 0
    }

    /// Makes `other` a ward of this one, whose P stays. If that cannot be, it is left to sysmon.
    pub(crate) fn take_in(&self, other: &'static Poller) {
        let tag = core::ptr::from_ref(other).expose_provenance() as u64 | WARD;
        if let Some(epoll) = fd(&other.epoll)
            && self.add(epoll, tag).is_ok()
        {
            other.ward.store(1, Ordering::Relaxed);
        }
    }

    /// `other`'s P is back.
    pub(crate) fn let_go(&self, other: &Poller) {
        if other.ward.swap(0, Ordering::Relaxed) != 0
            && let Some(epoll) = fd(&other.epoll)
        {
            self.remove(epoll);
        }
    }

    /// Puts a descriptor in. What it is ready for already is an event.
    pub(super) fn add(&self, descriptor: impl AsFd, tag: u64) -> Result<(), Errno> {
        if SCHED.is_forked() {
            return Err(Errno::EPERM);
        }
        let epoll = self.init()?;
        // SeqCst: before the P's status is looked at, as who makes a P idle has it the other way round.
        self.count.fetch_add(1, Ordering::SeqCst);
        let ends = EpollFlags::RDHUP | EpollFlags::PRI;
        let events = EpollFlags::IN | EpollFlags::OUT | ends | EpollFlags::ET;
        let event = EpollEvent { events, data: tag };
        let added = raw::epoll_ctl(epoll, EpollOp::ADD, descriptor, Some(&event));
        if added.is_err() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        added
    }

    /// Takes it out. Not in a child that was forked: there, the queue is the parent's.
    pub(super) fn remove(&self, descriptor: impl AsFd) {
        if let Some(epoll) = fd(&self.epoll)
            && !SCHED.is_forked()
        {
            let _ = raw::epoll_ctl(epoll, EpollOp::DELETE, descriptor, None);
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The caller, who has the P and looks, is on this CPU.
    pub(super) fn is_here(&self) {
        let cpu = getcpu().map_or(0, |(cpu, _)| cpu as usize + 1);
        if self.cpu.get() != cpu {
            self.cpu.set(cpu);
        }
    }

    /// Whose descriptors have become ready. They are the caller's to ready. Go: `netpoll`.
    pub(crate) fn look(&self) -> Queue<G> {
        self.wait(Some(&Timespec::default()), false)
    }

    /// The same by the sleeper: waits for the first until `until`, if there is such a time, or until it is
    /// interrupted. What waits: the M.
    pub(crate) fn sleep(&self, until: Option<u64>) -> Queue<G> {
        let Some(until) = until else { return self.wait(None, true) };
        let nanos = until.saturating_sub(nanotime());
        let time = Timespec::from_nanos(nanos);
        // As in `Note::sleep_until`.
        let _ = set_timerslack(1);
        let ready = self.wait(Some(&time), true);
        let _ = set_timerslack(0);
        ready
    }

    fn wait(&self, timeout: Option<&Timespec>, sleeper: bool) -> Queue<G> {
        let ready = Queue::new();
        self.take(&ready, timeout, sleeper);
        ready
    }

    /// Adds to `ready`. How many events there were.
    fn take(&self, ready: &Queue<G>, timeout: Option<&Timespec>, sleeper: bool) -> usize {
        let Some(epoll) = fd(&self.epoll) else { return 0 };
        let mut events = [const { MaybeUninit::uninit() }; BATCH];
        // EINTR, or a timeout: the caller finds out what there is to do.
        let events = epoll_wait(epoll, &mut events, timeout).unwrap_or_default();
        let count = events.len();
        self.last.store(nanotime(), Ordering::Relaxed);
        self.polls.fetch_add(1, Ordering::Relaxed);
        if count != 0 {
            self.events.fetch_add(count, Ordering::Relaxed);
        }
        for event in events {
            let (data, what) = (event.data, event.events);
            if data == BREAK {
                // Left for who sleeps here.
                if sleeper {
                    self.clear();
                }
                continue;
            }
            if data & WARD != 0 {
                let at = core::ptr::with_exposed_provenance::<Poller>((data & !WARD) as usize);
                // SAFETY: what `take_in` has registered; Ps are never freed.
                let ward = unsafe { &*at };
                // To the last one: its own event is edge-triggered.
                while ward.take(ready, Some(&Timespec::default()), false) == BATCH {}
                continue;
            }
            // SAFETY: what `add` has registered.
            let Some(desc) = (unsafe { PollDesc::of(data) }) else { continue };
            let broken = what.intersects(EpollFlags::HUP | EpollFlags::ERR);
            // Of a read that ends at urgent data no event says that there is more behind.
            let ended = broken || what.intersects(EpollFlags::RDHUP | EpollFlags::PRI);
            if ended || what.intersects(EpollFlags::IN) {
                wake(ready, desc.ready(Direction::Read, ended));
            }
            if broken || what.intersects(EpollFlags::OUT) {
                wake(ready, desc.ready(Direction::Write, broken));
            }
        }
        count
    }

    /// How often the kernel was asked.
    pub(crate) fn polls(&self) -> usize {
        self.polls.load(Ordering::Relaxed)
    }

    /// How many events it had, those of the runtime's own included.
    pub(crate) fn events(&self) -> usize {
        self.events.load(Ordering::Relaxed)
    }

    /// Has the one that is in here come out. Go: `netpollBreak`.
    pub(crate) fn interrupt(&self) {
        // AcqRel: with `clear`. One is enough.
        if self.interrupted.swap(1, Ordering::AcqRel) != 0 {
            return;
        }
        if let Some(event) = fd(&self.event) {
            let _ = raw::write(event, &1u64.to_ne_bytes());
        }
    }

    /// The interruption has arrived.
    fn clear(&self) {
        if let Some(event) = fd(&self.event) {
            let mut count = [0; 8];
            let _ = raw::read(event, &mut count);
        }
        // Release: the counter is empty before it is filled again.
        self.interrupted.store(0, Ordering::Release);
    }

    /// Whether its M should look before it has run all that waits. If that is `many`, later: what then
    /// does not fit into the P's queue goes to everybody, away from its caches.
    pub(crate) fn is_overdue(&self, many: bool) -> bool {
        let patience = if many { 4 * GAP } else { GAP / 2 };
        self.is_used() && self.overlooked_for(nanotime()) >= patience
    }

    /// For how long nobody has looked.
    pub(crate) fn overlooked_for(&self, now: u64) -> u64 {
        now.saturating_sub(self.last.load(Ordering::Relaxed))
    }
}

/// The events that there are, in what need not have been written before: that would be 1.5 KB each time.
///
/// Kernels before 5.11 have no nanoseconds here, and some sandboxes refuse them: then until the millisecond is
/// over.
fn epoll_wait<'events>(
    epoll: BorrowedFd<'_>,
    events: &'events mut [MaybeUninit<EpollEvent>; BATCH],
    timeout: Option<&Timespec>,
) -> Result<&'events [EpollEvent], Errno> {
    let room = events.as_mut_ptr().expose_provenance();
    let regs = Regs::new().push(epoll.as_raw_fd() as usize).push(room).push(BATCH);
    let time = timeout.map_or(0, |time| core::ptr::from_ref(time).expose_provenance());
    // SAFETY: the kernel writes at most `BATCH` events there, and reads the time.
    let mut count =
        Errno::from_ret(unsafe { regs.push(time).push(0).push(0).trap(nr::EPOLL_PWAIT2) });
    if let Err(Errno::ENOSYS | Errno::EPERM) = count {
        let millis = timeout.map_or(-1, |time| {
            let rest = (time.nsec + 999_999) / 1_000_000;
            time.sec.saturating_mul(1000).saturating_add(rest).min(i32::MAX.into()) as i32
        });
        // SAFETY: as above, and millis take no memory.
        count = Errno::from_ret(unsafe { regs.push(millis as usize).trap(nr::EPOLL_WAIT) });
    }
    let written = events.get(..count?).unwrap_or_default();
    // SAFETY: the kernel has written so many.
    Ok(unsafe { core::slice::from_raw_parts(written.as_ptr().cast(), written.len()) })
}

fn wake(ready: &Queue<G>, party: Option<Party>) {
    match party {
        Some(Party::Goroutine(gp)) => ready.push_back(gp),
        Some(Party::Thread(futex)) => Party::wake_thread(futex),
        None => {}
    }
}
