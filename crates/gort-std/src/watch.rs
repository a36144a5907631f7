//! Parking until descriptors that are the user's may be ready: what `poll`, `select` and `epoll_wait` do on
//! goroutines.
//!
//! # The problem
//!
//! Any number of goroutines may wait for any descriptors, the same ones too, each for other events, while others
//! read them, which the runtime's own poller has them for: it serves one party in each direction of a descriptor.
//!
//! # How
//!
//! A *watch* is an epoll descriptor of its own, which the runtime's poller takes like any other. Who waits puts its
//! descriptors into one, level-triggered, parks until the watch has something, and asks the kernel again: the
//! answer is always the kernel's own, to the very call that the user has made, with no time to wait. So whatever the
//! kernel has of an epoll (a hang-up that nobody has asked for, an event that somebody else has taken) costs a
//! question and is never told.
//!
//! No event is lost: what is there already when a descriptor is put in is an event, and what comes after the kernel
//! was asked is kept for who parks then.
//!
//! # How many
//!
//! Watches are kept for the next, up to [`KEPT`]; and there are never more than a quarter of the descriptors that
//! the process may have, so that it is not they who use them up. Who finds none left has its thread wait, as who
//! has more to wait for than epoll takes (epolls in epolls).
//!
//! A descriptor that was closed meanwhile, while another of the same file is open, cannot be taken out of an epoll
//! again. A watch that this may have happened to is not used again, nor is one with many descriptors, whose
//! end is cheaper than taking them out.
//!
//! # Against poll(2)
//!
//! poll holds the files that it waits for; here one that another goroutine closes meanwhile is waited for no
//! more, but for the rest of the time. No signal interrupts who is parked.
//!
//! # Safety
//!
//! A watch's number is its own until [`Watch::end`] closes it.

#![allow(unsafe_code)]

use crate::words::kernel;
use gort::sync::Mutex;
use gort_rt::netpoll::{Direction, PollDesc};
use gort_rt::timer::{NEVER, deadline};
use gort_sys::types::{DupFlags, EpollEvent, EpollFlags, EpollOp, Resource};
use gort_sys::vdso::nanotime;
use gort_sys::{Errno, nr, raw};
use std::os::fd::{BorrowedFd, IntoRawFd, RawFd};
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many watches are kept that nobody uses, at most.
const KEPT: usize = 64;

/// A watch with more descriptors than this is not used again.
const FEW: usize = 4;

/// What is waited for at a descriptor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) fd: RawFd,
    pub(crate) events: EpollFlags,
}

/// How many there are.
static COUNT: AtomicUsize = AtomicUsize::new(0);

static POOL: Mutex<Vec<Watch>> = Mutex::new(Vec::new());

/// See the module.
#[derive(Debug)]
struct Watch {
    epoll: RawFd,
    desc: &'static PollDesc,
}

/// The end of a time that begins now: [`NEVER`] if there is none.
pub(crate) fn limit(nanos: Option<u64>) -> u64 {
    nanos.map_or(NEVER, deadline)
}

/// What is left of it, in nanoseconds; `None` if it has no end.
pub(crate) fn left(limit: u64) -> Option<u64> {
    (limit != NEVER).then(|| limit.saturating_sub(nanotime()))
}

/// Parks until `ask`, which does not wait and has just had no answer, has one, or until `limit`: then there is none.
/// It is asked whenever one of `looks` has something new.
///
/// # Errors
///
/// When these cannot be waited for in this way. Nothing has happened then.
pub(crate) fn until<R>(
    looks: impl Iterator<Item = Look> + Clone,
    limit: u64,
    ask: impl FnMut() -> Option<R>,
) -> Result<Option<R>, Errno> {
    let watch = Watch::take()?;
    // Another's, who has had this watch before.
    watch.desc.take_event(Direction::Read);
    let result = watch.add(looks.clone()).and_then(|count| match count {
        // Nothing will happen to any of them.
        0 => idle(limit, ask),
        _ => park(watch.desc, watch.fd(), limit, ask),
    });
    watch.give_back(looks);
    result
}

/// The same for a descriptor of gort-std's own that nobody else waits for.
pub(crate) fn until_own<R>(
    fd: BorrowedFd<'_>,
    ask: impl FnMut() -> Option<R>,
) -> Result<Option<R>, Errno> {
    let desc = PollDesc::open(fd)?;
    let result = park(desc, fd, NEVER, ask);
    desc.close(fd);
    result
}

/// Waits for the time alone.
fn idle<R>(limit: u64, mut ask: impl FnMut() -> Option<R>) -> Result<Option<R>, Errno> {
    match left(limit) {
        Some(time) => gort_rt::timer::sleep(time).map(|()| ask()),
        None => Err(Errno::EPERM),
    }
}

fn park<R>(
    desc: &'static PollDesc,
    fd: BorrowedFd<'_>,
    limit: u64,
    mut ask: impl FnMut() -> Option<R>,
) -> Result<Option<R>, Errno> {
    if limit != NEVER {
        desc.set_deadline(Direction::Read, limit)?;
    }
    let result = loop {
        let waited = desc.wait(Direction::Read, fd);
        let answer = ask();
        if answer.is_some() || waited.is_err() {
            break answer;
        }
    };
    if limit != NEVER {
        // It takes memory to set one only.
        let _ = desc.set_deadline(Direction::Read, NEVER);
    }
    Ok(result)
}

impl Watch {
    fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: see the module.
        unsafe { BorrowedFd::borrow_raw(self.epoll) }
    }

    /// One that nobody has.
    fn take() -> Result<Watch, Errno> {
        if let Some(watch) = POOL.lock().pop() {
            return Ok(watch);
        }
        let most = raw::getrlimit(Resource::NOFILE)?.current / 4;
        if COUNT.fetch_add(1, Ordering::Relaxed) as u64 >= most {
            COUNT.fetch_sub(1, Ordering::Relaxed);
            return Err(Errno::EMFILE);
        }
        Watch::new().inspect_err(|_| _ = COUNT.fetch_sub(1, Ordering::Relaxed))
    }

    fn new() -> Result<Watch, Errno> {
        let epoll = raw::epoll_create1(DupFlags::CLOEXEC)?.into_raw_fd();
        // SAFETY: it has just been made.
        match PollDesc::open(unsafe { BorrowedFd::borrow_raw(epoll) }) {
            Ok(desc) => Ok(Watch { epoll, desc }),
            Err(errno) => {
                close(epoll);
                Err(errno)
            }
        }
    }

    /// Puts them in. How many of them can change at all: regular files cannot.
    fn add(&self, looks: impl Iterator<Item = Look> + Clone) -> Result<usize, Errno> {
        let mut count = 0;
        for look in looks.clone() {
            match self.control(EpollOp::ADD, look) {
                // There already: for the events of all.
                Err(Errno::EEXIST) => {
                    let same = looks.clone().filter(|other| other.fd == look.fd);
                    let events = same.fold(EpollFlags::empty(), |all, other| all | other.events);
                    self.control(EpollOp::MODIFY, Look { events, ..look })?;
                }
                Err(Errno::EPERM) => continue,
                added => added?,
            }
            count += 1;
        }
        Ok(count)
    }

    fn control(&self, op: EpollOp, look: Look) -> Result<(), Errno> {
        let event = EpollEvent { events: look.events, data: 0 };
        // SAFETY: the number is the user's, and any number is good: it is an error if it is nobody's.
        let fd = unsafe { BorrowedFd::borrow_raw(look.fd) };
        raw::epoll_ctl(self.fd(), op, fd, Some(&event))
    }

    /// For the next, if there is nothing left in it.
    fn give_back(self, mut looks: impl Iterator<Item = Look> + Clone) {
        let few = looks.clone().take(FEW + 1).count() <= FEW;
        let out = |look| matches!(self.control(EpollOp::DELETE, look), Ok(()) | Err(Errno::EPERM));
        if few && looks.all(out) {
            let mut pool = POOL.lock();
            if pool.len() < KEPT {
                pool.push(self);
                return;
            }
        }
        self.end();
    }

    fn end(self) {
        self.desc.close(self.fd());
        close(self.epoll);
        COUNT.fetch_sub(1, Ordering::Relaxed);
    }
}

fn close(fd: RawFd) {
    // SAFETY: the caller's own, and not used any more.
    unsafe { kernel(nr::CLOSE, [fd as usize]) };
}
