//! Timers. Go: `runtime/time.go`.
//!
//! # The problem
//!
//! Any number of timers, most of which are stopped or set anew before they fire; each fires when it is
//! due, whatever the Ps are doing, and no thread wakes for any other reason.
//!
//! # The protocol
//!
//! Each P has a heap of entries, by time, under a lock of its own (`timers.rs`). A timer is at home in
//! the heap of the P on which it was set when it was in none. What its entry says is a lower bound: to
//! set it to a later time, or to stop it, changes one word in the timer (`state.rs`), and nothing in the
//! heap. An entry is put right when it comes first: it moves to where it belongs, or leaves. When a
//! timer is set to an earlier time it gets another entry, and the old one leads nowhere. When too many
//! lead nowhere they are swept out.
//!
//! The time of a heap's first entry can be read without the lock (`Timers::next`). Who fires what is
//! due:
//!
//! - an M whose P it is, whenever it looks for the next goroutine on g0, and at one round in 61 of
//!   those in which it switches straight from one to the next;
//! - an M that looks for work, and finds none at the other Ps, for those;
//! - an M that sleeps without work, one of them with a timeout: `sched/keeper.rs`;
//! - sysmon, while all Ps are busy (`sched/sysmon.rs`), or if the others are late.
//!
//! So whoever makes a heap's first entry an earlier one has to see to it that one of these knows
//! (`keeper::timer_added`).
//!
//! # Designs rejected
//!
//! A lock in each timer, as in Go: two locked instructions where one is enough, and an order between
//! it and the heap's lock in which they cannot be taken. Go's marks for timers that were set to an
//! earlier time, which cost a walk over the heap: a second entry is cheaper. The timer's place in the
//! heap written down in it: then each level of the heap costs a cache miss more. A timing wheel: it
//! would have to wake up for nothing, or be coarse.

pub(crate) mod alarm;
mod heap;
mod pool;
mod sleep;
mod state;
#[allow(clippy::module_inception, reason = "it is what it is about")]
mod timer;
mod timers;

pub use pool::Owned;
pub(crate) use pool::abandon;
pub use sleep::sleep;
pub use state::NEVER;
pub use timer::Function;
pub(crate) use timer::Timer;
pub(crate) use timers::Timers;

use crate::sched::state::SCHED;
use crate::sched::{door, keeper};
use crate::throw::throw;
use gort_sys::Errno;
use gort_sys::context::slot;
use gort_sys::vdso::nanotime;

/// The time that is `nanos` nanoseconds from now; [`NEVER`] if that is too late to be told.
pub fn deadline(nanos: u64) -> u64 {
    nanotime().saturating_add(nanos).min(NEVER)
}

/// Sets `timer`, and returns whether it was set.
#[inline]
fn set(timer: &'static Timer, when: u64) -> Result<bool, Errno> {
    match timer.postpone(when, false) {
        Some(was_set) => Ok(was_set),
        None => set_slow(timer, when),
    }
}

fn set_slow(timer: &'static Timer, when: u64) -> Result<bool, Errno> {
    let pp = door::open_anywhere();
    let set = loop {
        let here = pp.map_or_else(somebodys, |pp| &pp.timers);
        match timer.set(here, when) {
            Ok(Some(set)) => break Ok(set),
            // GOMAXPROCS has changed.
            Ok(None) => {}
            Err(errno) => break Err(errno),
        }
    };
    if set.is_ok_and(|set| set.first) {
        keeper::timer_added(when, pp);
    }
    slot::unlock();
    set.map(|set| set.was_set)
}

/// The timers of some P, for a thread that has none; mostly the same.
fn somebodys() -> &'static Timers {
    let some = slot::thread_pointer() / 4096 % SCHED.procs().max(1);
    match SCHED.allp.get(some).and_then(|link| link.get()) {
        Some(pp) => &pp.timers,
        None => throw("a timer is set before there is a P"),
    }
}
