//! Waiting for what others do under a mutex. Go: `sync.Cond`, `runtime.notifyList`.
//!
//! # Protocol
//!
//! Who waits enters the table of waiters while it still has the mutex, and unlocks it afterwards; so
//! whoever changes something under the mutex finds everybody who had not seen it. Who notifies need not
//! have the mutex: whoever waits may be awake before its mutex has been unlocked, by the other side of
//! its own park, and locks it then as everybody else. So that side touches nothing but the mutex.
//!
//! The count of those who wait, changed under the table's lock, saves looking there in vain.
//!
//! Modelled by loom in `tests/loom_cond.rs`.

use super::{Mutex, Parked, Place, Wait, address_of, park_at, park_until, wake_at};
use crate::prim::{AtomicU32, Ordering, const_fn};
use crate::sched::park::WaitReason;

/// See the module.
#[derive(Debug, Default)]
pub struct Cond {
    waiting: AtomicU32,
}

impl Cond {
    const_fn! {
        /// Nobody waits.
        pub const fn new() -> Cond {
            Cond { waiting: AtomicU32::new(0) }
        }
    }

    /// Unlocks `mutex`, which is locked, waits to be notified, until the time `until` at the latest (in
    /// nanoseconds of monotonic time), and locks it again: whether it was notified. Between unlocking
    /// and waiting no notification is lost. `mutex` stays where it is until this returns.
    ///
    /// What waits: the goroutine, or the thread if it is an ordinary one.
    pub fn wait(&self, mutex: &Mutex, until: Option<u64>) -> bool {
        let wait = Wait {
            address: address_of(self),
            place: Place::Back,
            arg: 0,
            reason: WaitReason::CondWait,
        };
        let enter = || {
            self.add(1);
            true
        };
        let leave = || {
            self.add(-1);
            true
        };
        // What is left behind when somebody else is on the stack: the reference itself.
        let unlock = move || mutex.unlock();
        let parked = match until {
            None => {
                park_at(wait, enter, unlock);
                Parked::Woken
            }
            Some(until) => park_until(wait, until, enter, unlock, leave),
        };
        if parked == Parked::TooLate {
            // Others get their turn all the same.
            mutex.unlock();
        }
        mutex.lock();
        parked == Parked::Woken
    }

    /// Wakes the `most` who have waited for longest: how many. Does not wait.
    #[inline]
    pub fn notify(&self, most: usize) -> usize {
        if self.waiting.load(Ordering::Relaxed) == 0 { 0 } else { self.notify_slow(most) }
    }

    #[cold]
    fn notify_slow(&self, most: usize) -> usize {
        let mut rest = most;
        let take = |_| {
            let one = rest != 0;
            rest = rest.wrapping_sub(usize::from(one));
            one
        };
        wake_at(address_of(self), take, |taken, _| self.add(-(taken as i32)))
    }

    /// Under the table's lock. Relaxed: whoever must see it has had the mutex since.
    fn add(&self, change: i32) {
        let now = self.waiting.load(Ordering::Relaxed).wrapping_add_signed(change);
        self.waiting.store(now, Ordering::Relaxed);
    }
}
