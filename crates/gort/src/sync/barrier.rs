//! A place where goroutines and threads wait for one another.

use super::{Condvar, Mutex};
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

/// Lets so many goroutines or threads go on together. As [`std::sync::Barrier`].
///
/// ```
/// let barrier = gort::sync::Barrier::new(3);
/// gort::scope(|s| {
///     let others: Vec<_> = (0..2).map(|_| s.go(|| barrier.wait().is_leader())).collect();
///     let mut leaders = usize::from(barrier.wait().is_leader());
///     for other in others {
///         leaders += usize::from(other.join().unwrap());
///     }
///     assert_eq!(leaders, 1);
/// });
/// ```
pub struct Barrier {
    state: Mutex<State>,
    all: Condvar,
    count: usize,
}

// A panic leaves nothing half done: none can happen while the lock is held.
impl RefUnwindSafe for Barrier {}
impl UnwindSafe for Barrier {}

struct State {
    here: usize,
    round: usize,
}

impl Barrier {
    /// For `count`; none is as good as one.
    pub const fn new(count: usize) -> Barrier {
        Barrier { state: Mutex::new(State { here: 0, round: 0 }), all: Condvar::new(), count }
    }

    /// Waits until so many wait here, and begins anew. One of them is told that it is the leader.
    ///
    /// What waits: the goroutine, or the thread if it is an ordinary one.
    pub fn wait(&self) -> BarrierWaitResult {
        let mut state = self.state.lock();
        state.here += 1;
        let leader = state.here >= self.count;
        if leader {
            state.here = 0;
            state.round = state.round.wrapping_add(1);
            self.all.notify_all();
        } else {
            let round = state.round;
            self.all.wait_while(&mut state, |state| state.round == round);
        }
        BarrierWaitResult(leader)
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").finish_non_exhaustive()
    }
}

/// What [`Barrier::wait`] returns.
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Whether this is the one of its round.
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

impl fmt::Debug for BarrierWaitResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BarrierWaitResult").field("is_leader", &self.0).finish()
    }
}
