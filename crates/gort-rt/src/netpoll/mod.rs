//! Waiting for descriptors. Go: `runtime/netpoll.go`, `netpoll_epoll.go`.
//!
//! # The problem
//!
//! A goroutine that finds a socket empty parks, and whoever looks for work next, or sleeps for want of
//! it, must find out when that has changed. A descriptor may be closed, or its deadline pass, while
//! goroutines wait for it.
//!
//! # Protocol
//!
//! A descriptor is registered once, for both directions and edge-triggered, for as long as it is open.
//! It has a [`PollDesc`], whose memory is never used for anything else, and in it for each direction a
//! word ([`desc`]): nothing is known; it is ready; somebody is about to wait; that goroutine waits. A
//! goroutine tries its call first, and waits only when the kernel says that it would block. So an edge
//! that comes between the two must not be lost: it makes the word "ready", and who wants to wait takes
//! that away and tries again.
//!
//! Events carry the descriptor's address and the number of its life, so that one that was on its way
//! when the descriptor was closed wakes nobody of the next life.
//!
//! # Who polls
//!
//! - an M that has found nothing in its own queue and in the global ones, before it looks at other Ps;
//! - the keeper (`sched/keeper.rs`), which sleeps in the kernel's queue of events instead of on its note
//!   as long as somebody waits for a descriptor: whoever wakes it breaks that off ([`epoll::interrupt`]);
//! - sysmon, while all Ps are busy.

pub(crate) mod desc;
pub(crate) mod epoll;

pub use desc::{Direction, PollDesc, Unready};
pub use epoll::{close, open, shut};

use crate::obj::g::G;
use crate::obj::list::Queue;
use crate::obj::p::P;
use crate::prim::{AtomicU32, Ordering};
use crate::sched::state::{SCHED, runqput};
use crate::sched::wake::wakep;

/// Goroutines that wait for a descriptor.
static WAITERS: AtomicU32 = AtomicU32::new(0);

/// Between two polls of sysmon's, while all Ps are busy, in nanoseconds.
pub(crate) const GAP: u64 = 500_000;

/// Looks which descriptors have become ready, and makes the goroutines runnable: in `pp`'s queue, if this
/// is its M, else in the global one. Whether there were any.
pub(crate) fn poll(pp: Option<&'static P>) -> bool {
    inject(&epoll::poll(Some(0)), pp)
}

/// The same with what a poll has brought. Go: `injectglist`.
pub(crate) fn inject(ready: &Queue<G>, pp: Option<&'static P>) -> bool {
    let mut any = false;
    while let Some(gp) = ready.pop_front() {
        any = true;
        gp.status.readied();
        match pp {
            Some(pp) => runqput(pp, gp, false),
            None => SCHED.lock().globrunqput_urgent(gp),
        }
    }
    if any {
        wakep();
    }
    any
}

/// Whether anybody waits for a descriptor.
#[inline(always)]
pub(crate) fn is_awaited() -> bool {
    WAITERS.load(Ordering::Relaxed) != 0
}
