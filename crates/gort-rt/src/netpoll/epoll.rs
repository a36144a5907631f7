//! The kernel's queue of events: epoll.
//!
//! # Safety
//!
//! Events carry what [`PollDesc::tag`] has made, or [`BREAK`].

#![allow(unsafe_code)]

use super::desc::{Direction, Party, PollDesc};
use crate::lock::{Mutex, Rank};
use crate::obj::g::G;
use crate::obj::list::Queue;
use crate::prim::{AtomicU32, AtomicU64, Ordering};
use core::mem::ManuallyDrop;
use gort_sys::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd};
use gort_sys::types::{
    BorrowedFd, DupFlags, EpollEvent, EpollFlags, EpollOp, EventfdFlags, Mode, OFlags, OwnedFd,
    RawFd, Timespec,
};
use gort_sys::vdso::nanotime;
use gort_sys::{Errno, raw};

/// Events taken at a time.
const BATCH: usize = 128;

/// The event of who interrupts a poll: no address.
const BREAK: u64 = 1;

/// The descriptors, plus one; 0 before there are any.
static EPOLL: AtomicU32 = AtomicU32::new(0);
static EVENT: AtomicU32 = AtomicU32::new(0);
/// One that nothing can be done with, likewise.
static NOTHING: AtomicU32 = AtomicU32::new(0);

/// Whether somebody has interrupted the poll that is on its way, or the next.
static INTERRUPTED: AtomicU32 = AtomicU32::new(0);

/// Who makes the descriptors.
static INIT: Mutex<()> = Mutex::new(Rank::PollSetting, ());

/// When somebody has polled last.
static LAST: AtomicU64 = AtomicU64::new(0);

fn fd(word: &AtomicU32) -> Option<BorrowedFd<'static>> {
    // Acquire: with `init`'s Release.
    let fd = word.load(Ordering::Acquire).checked_sub(1)? as RawFd;
    // SAFETY: never closed.
    Some(unsafe { BorrowedFd::borrow_raw(fd) })
}

/// Makes the descriptors, unless there are any. Go: `netpollinit`.
fn init() -> Result<BorrowedFd<'static>, Errno> {
    if let Some(epoll) = fd(&EPOLL) {
        return Ok(epoll);
    }
    let _one = INIT.lock();
    if let Some(epoll) = fd(&EPOLL) {
        return Ok(epoll);
    }
    let epoll = raw::epoll_create1(DupFlags::CLOEXEC)?;
    let event = raw::eventfd2(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    let interrupts = EpollEvent { events: EpollFlags::IN, data: BREAK };
    raw::epoll_ctl(&epoll, EpollOp::ADD, &event, Some(&interrupts))?;
    let nothing = raw::open(c"/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    // Release: with the Acquire in `fd`.
    NOTHING.store(nothing.into_raw_fd() as u32 + 1, Ordering::Release);
    EVENT.store(event.into_raw_fd() as u32 + 1, Ordering::Release);
    EPOLL.store(epoll.into_raw_fd() as u32 + 1, Ordering::Release);
    fd(&EPOLL).ok_or(Errno::EBADF)
}

/// Registers a descriptor, for as long as it is open. Go: `netpollopen`.
///
/// # Errors
///
/// `EPERM` if it cannot be polled (a regular file); `ENOMEM`, `ENOSPC`, `EMFILE`.
pub fn open(descriptor: impl AsFd) -> Result<&'static PollDesc, Errno> {
    let epoll = init()?;
    let desc = PollDesc::take()?;
    let ends = EpollFlags::RDHUP | EpollFlags::PRI;
    let watched = EpollFlags::IN | EpollFlags::OUT | ends | EpollFlags::ET;
    let event = EpollEvent { events: watched, data: desc.tag() };
    let added = raw::epoll_ctl(epoll, EpollOp::ADD, descriptor, Some(&event));
    if let Err(errno) = added {
        desc.release();
        return Err(errno);
    }
    Ok(desc)
}

/// Closes the file behind `descriptor`, while others may use it: who waits for it is woken, and what they
/// do with it fails from now on (`EBADF`). The number stays taken until the caller closes it. Whether it
/// was open.
pub fn shut(descriptor: impl AsFd, desc: &'static PollDesc) -> bool {
    let first = desc.evict();
    if first && let (Some(epoll), Some(nothing)) = (fd(&EPOLL), fd(&NOTHING)) {
        let _ = raw::epoll_ctl(epoll, EpollOp::DELETE, &descriptor, None);
        // SAFETY: the number goes on to be a descriptor, and the caller's: it is not dropped here.
        let number = unsafe { OwnedFd::from_raw_fd(descriptor.as_fd().as_raw_fd()) };
        let _ = raw::dup3(nothing, &mut *ManuallyDrop::new(number), DupFlags::CLOEXEC);
    }
    first
}

/// Ends what [`open`] began, before the descriptor is closed. Nobody uses it any more. Go: `netpollclose`.
pub fn close(descriptor: impl AsFd, desc: &'static PollDesc) {
    if !desc.is_closing()
        && let Some(epoll) = fd(&EPOLL)
    {
        let _ = raw::epoll_ctl(epoll, EpollOp::DELETE, descriptor, None);
    }
    desc.release();
}

/// Whose descriptors have become ready; waits for the first until `until` ([`NEVER`](crate::timer::NEVER)
/// for ever), or until [`interrupt`]. What waits: the M. They are the caller's to ready. Go: `netpoll`.
pub(crate) fn poll(until: Option<u64>) -> Queue<G> {
    let ready = Queue::new();
    let Some(epoll) = fd(&EPOLL) else { return ready };
    let mut events = [EpollEvent::default(); BATCH];
    let timeout = until.map(|until| {
        let nanos = until.saturating_sub(nanotime());
        Timespec {
            sec: (nanos / 1_000_000_000).cast_signed(),
            nsec: (nanos % 1_000_000_000).cast_signed(),
        }
    });
    // EINTR, or a timeout: the caller finds out what there is to do.
    let count = raw::epoll_pwait2(epoll, &mut events, timeout.as_ref(), None).unwrap_or(0);
    LAST.store(nanotime(), Ordering::Relaxed);
    for event in events.iter().take(count) {
        let (data, what) = (event.data, event.events);
        if data == BREAK {
            // Left for who sleeps here.
            if until != Some(0) {
                clear();
            }
            continue;
        }
        // SAFETY: what `open` has registered.
        let Some(desc) = (unsafe { PollDesc::of(data) }) else { continue };
        let broken = what.intersects(EpollFlags::HUP | EpollFlags::ERR);
        // Of a read that ends at urgent data no event says that there is more behind.
        let ended = broken || what.intersects(EpollFlags::RDHUP | EpollFlags::PRI);
        if ended || what.intersects(EpollFlags::IN) {
            wake(&ready, desc.ready(Direction::Read, ended));
        }
        if broken || what.intersects(EpollFlags::OUT) {
            wake(&ready, desc.ready(Direction::Write, broken));
        }
    }
    ready
}

fn wake(ready: &Queue<G>, party: Option<Party>) {
    match party {
        Some(Party::Goroutine(gp)) => ready.push_back(gp),
        Some(Party::Thread(futex)) => Party::wake_thread(futex),
        None => {}
    }
}

/// Has the [`poll`] return that somebody waits in, or else the next. Go: `netpollBreak`.
pub(crate) fn interrupt() {
    // One is enough.
    if INTERRUPTED.swap(1, Ordering::AcqRel) != 0 {
        return;
    }
    if let Some(event) = fd(&EVENT) {
        let _ = raw::write(event, &1u64.to_ne_bytes());
    }
}

/// The interruption has arrived.
fn clear() {
    if let Some(event) = fd(&EVENT) {
        let mut count = [0; 8];
        let _ = raw::read(event, &mut count);
    }
    // Release: the counter is empty before it is filled again.
    INTERRUPTED.store(0, Ordering::Release);
}

/// When somebody has polled last, by `nanotime`.
pub(crate) fn last() -> u64 {
    LAST.load(Ordering::Relaxed)
}
