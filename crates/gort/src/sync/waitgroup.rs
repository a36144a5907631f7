//! Waiting for a group of goroutines.
//!
//! # Protocol
//!
//! One word: the counter, and [`WAITED`] while somebody waits. Who waits sets the bit and enters the
//! table of waiters (`gort_rt::sync`) in one step, in which the counter is not zero; the step that
//! makes it zero takes the bit away, and whoever has made it wakes all.

use super::OnceLock;
use gort_rt::WaitReason;
use gort_rt::sync::{Place, Wait, address_of, park_at, wake_at};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Somebody waits.
const WAITED: u64 = 1;
/// One that is counted.
const ONE: u64 = 2;
/// As many as can be counted.
const MOST: u32 = i32::MAX as u32;

/// How much is left to be done, and who waits for it. Go: `sync.WaitGroup`.
///
/// A handle: clones are the same group.
///
/// ```
/// use gort::sync::WaitGroup;
/// let group = WaitGroup::new();
/// for n in 0..3 {
///     group.go(move || println!("{n}"));
/// }
/// group.wait();
/// ```
///
/// By hand, the counter is raised before the goroutine starts:
///
/// ```
/// # use gort::sync::WaitGroup;
/// let group = WaitGroup::new();
/// group.add(1);
/// gort::go({
///     let group = group.clone();
///     move || group.done()
/// });
/// group.wait();
/// ```
#[derive(Default)]
pub struct WaitGroup(OnceLock<Arc<State>>);

#[derive(Default)]
struct State(AtomicU64);

impl WaitGroup {
    /// With nothing to wait for. It allocates when it is first used.
    pub const fn new() -> WaitGroup {
        WaitGroup(OnceLock::new())
    }

    fn state(&self) -> &Arc<State> {
        self.0.get_or_init(Arc::default)
    }

    /// Adds to the counter. When it becomes zero all who wait go on. Does not wait.
    ///
    /// # Panics
    ///
    /// When the counter would be negative, or more than `i32::MAX`: it stays what it was.
    pub fn add(&self, delta: isize) {
        self.state().add(delta);
    }

    /// One less to wait for: `add(-1)`.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn done(&self) {
        self.add(-1);
    }

    /// Waits until the counter is zero.
    ///
    /// What waits: the goroutine, or the thread if it is an ordinary one.
    ///
    /// # Panics
    ///
    /// When the group is used for the next round before this has returned from the last.
    pub fn wait(&self) {
        self.state().wait();
    }

    /// Runs `f` as a goroutine that is waited for: however it ends, by a panic too.
    ///
    /// # Panics
    ///
    /// As [`go`](fn@crate::go) and [`add`](WaitGroup::add); nothing has been added then.
    #[inline(always)]
    pub fn go<F: FnOnce() + Send + 'static>(&self, f: F) {
        struct Done(Arc<State>);
        impl Drop for Done {
            fn drop(&mut self) {
                self.0.add(-1);
            }
        }
        self.add(1);
        let done = Done(Arc::clone(self.state()));
        crate::go(move || {
            let _done = done;
            f();
        });
    }
}

impl State {
    fn add(&self, delta: isize) {
        let sum = |old: u64| ((old / ONE) as isize).checked_add(delta);
        let changed = |old| {
            let counter = u32::try_from(sum(old)?).ok().filter(|sum| *sum <= MOST)?;
            let waited = if counter == 0 { 0 } else { old & WAITED };
            Some((u64::from(counter) * ONE) | waited)
        };
        // AcqRel: the last passes on what all have done, to whoever waits or looks.
        match self.0.fetch_update(Ordering::AcqRel, Ordering::Relaxed, changed) {
            Ok(old) if old & WAITED != 0 && sum(old) == Some(0) => {
                wake_at(address_of(self), |_| true, |_, _| ());
            }
            Ok(_) => {}
            Err(_) if delta < 0 => panic!("sync: negative WaitGroup counter"),
            Err(_) => panic!("sync: WaitGroup counter overflow"),
        }
    }

    fn wait(&self) {
        // Acquire: pairs with the Release in `add`.
        if self.0.load(Ordering::Acquire) == 0 {
            return;
        }
        let wait = Wait {
            address: address_of(self),
            place: Place::Back,
            arg: 0,
            reason: WaitReason::WaitGroupWait,
        };
        let enter = || {
            let waited = |old| (old >= ONE).then_some(old | WAITED);
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, waited).is_ok()
        };
        let waited = park_at(wait, enter, || ());
        // Acquire: as above.
        if self.0.load(Ordering::Acquire) != 0 && waited {
            panic!("sync: WaitGroup is reused before previous Wait has returned");
        }
    }
}

impl Clone for WaitGroup {
    fn clone(&self) -> WaitGroup {
        WaitGroup(OnceLock::from(Arc::clone(self.state())))
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counter = self.0.get().map_or(0, |state| state.0.load(Ordering::Relaxed) / ONE);
        f.debug_struct("WaitGroup").field("counter", &counter).finish()
    }
}
