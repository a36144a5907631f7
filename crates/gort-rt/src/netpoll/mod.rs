//! Goroutines that wait for descriptors: sockets, pipes, whatever epoll takes. Go: `netpoll.go`,
//! `netpoll_epoll.go`.
//!
//! A descriptor is in the kernel's queue of one P (`poller.rs`) for as long as it is open, edge-triggered:
//! an event says that something has changed, never that it is still so. What came when nobody waited is
//! kept (`desc.rs`), and whoever wants to wait takes that away and tries again.
//!
//! Which P it is: the one on which it was opened; when it is waited for on another one several times in a
//! row, that one; or, for who asks for that ([`PollDesc::arrives_on`]), the one on whose CPU what is read
//! arrives.
//!
//! Events carry the descriptor's address and the number of its life, so that one that was on its way
//! when the descriptor was closed wakes nobody of the next life.

mod desc;
pub(crate) mod poller;
mod register;
mod side;

pub use desc::{Direction, PollDesc, Unready};

use crate::lock::{Mutex, Rank};
use crate::obj::g::G;
use crate::obj::list::Queue;
use crate::obj::p::P;
use crate::prim::{AtomicU32, Ordering};
use crate::sched::latency;
use crate::sched::state::{SCHED, runqput};
use crate::sched::wake::wakep;
use gort_sys::fd::IntoRawFd;
use gort_sys::types::{BorrowedFd, Mode, OFlags};
use gort_sys::{Errno, raw};

/// Looks which descriptors of `from`'s have become ready, and makes the goroutines runnable; `pp` is the P
/// of the M that this runs on.
pub(crate) fn poll(from: &'static P, pp: Option<&'static P>) {
    if pp.is_some() {
        from.poller.is_here();
    }
    inject(&from.poller.look(), pp);
}

/// Makes what a poll has brought runnable: by `pp`, if the caller has one, else by anybody. Go:
/// `injectglist`.
pub(crate) fn inject(ready: &Queue<G>, pp: Option<&'static P>) {
    let count = ready.len();
    while let Some(gp) = ready.pop_front() {
        gp.status.readied();
        latency::queued(pp, gp);
        match pp {
            Some(pp) => runqput(pp, gp, false),
            None => SCHED.lock().globrunqput_urgent(gp),
        }
    }
    // One that is about to be run here is nobody else's.
    if count > usize::from(pp.is_some()) {
        wakep();
    }
}

/// A descriptor that nothing can be done with, plus one; 0 before there is one. Never closed.
static NOTHING: AtomicU32 = AtomicU32::new(0);

fn nothing() -> Result<BorrowedFd<'static>, Errno> {
    static INIT: Mutex<()> = Mutex::new(Rank::PollInit, ());
    if NOTHING.load(Ordering::Relaxed) == 0 {
        let _one = INIT.lock();
        if NOTHING.load(Ordering::Relaxed) == 0 {
            let nothing = raw::open(c"/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
            // Release: with the Acquire in `fd`.
            NOTHING.store(nothing.into_raw_fd() as u32 + 1, Ordering::Release);
        }
    }
    poller::fd(&NOTHING).ok_or(Errno::EBADF)
}
