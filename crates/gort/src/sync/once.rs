//! What is done once, by whoever comes first.
//!
//! # Protocol
//!
//! One word: how far it is, and [`WAITED`] while somebody waits. It goes from [`NEW`] to [`RUNNING`]
//! and from there to [`DONE`], or, if the work panics, to [`POISONED`], from where it can be run again.
//! Who waits sets [`WAITED`] and enters the table of waiters (`gort_rt::sync`) in one step; whoever
//! ends the work takes the bit away and wakes all, and they look again.

use gort_rt::WaitReason;
use gort_rt::sync::{Place, Wait, address_of, park_at, wake_at};
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

const NEW: u32 = 0;
const POISONED: u32 = 1;
const RUNNING: u32 = 2;
const DONE: u32 = 3;
/// How far it is.
const STATE: u32 = 3;
/// Somebody waits.
const WAITED: u32 = 4;

/// Something to be done once. As [`std::sync::Once`], but who waits parks if it is a goroutine.
///
/// ```
/// use gort::sync::Once;
/// static START: Once = Once::new();
/// START.call_once(|| println!("the first"));
/// START.call_once(|| unreachable!());
/// assert!(START.is_completed());
/// ```
#[derive(Default)]
pub struct Once {
    state: AtomicU32,
}

/// What [`Once::call_once_force`] tells its closure.
pub struct OnceState {
    poisoned: bool,
}

impl OnceState {
    /// Whether an earlier closure has panicked.
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }
}

impl fmt::Debug for OnceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceState").field("poisoned", &self.poisoned).finish()
    }
}

impl Once {
    /// Not yet done.
    pub const fn new() -> Once {
        Once { state: AtomicU32::new(NEW) }
    }

    /// Whether it is done.
    #[inline]
    pub fn is_completed(&self) -> bool {
        // Acquire: pairs with the Release in `Completer`.
        self.state.load(Ordering::Acquire) == DONE
    }

    /// Runs `f` if nobody has run one, or waits for whoever does. It has been done when this returns,
    /// and what was done can be seen.
    ///
    /// What waits: the goroutine, or the thread if it is an ordinary one; for ever, if `f` itself
    /// comes here.
    ///
    /// # Panics
    ///
    /// When `f` does: it is poisoned then. When it has been poisoned before.
    #[inline]
    #[track_caller]
    pub fn call_once<F: FnOnce()>(&self, f: F) {
        if !self.is_completed() {
            let mut f = Some(f);
            self.call(false, &mut |_| take(&mut f)());
        }
    }

    /// [`call_once`](Once::call_once) that runs `f` all the same if it has been poisoned.
    ///
    /// # Panics
    ///
    /// When `f` does: it is poisoned then.
    #[inline]
    pub fn call_once_force<F: FnOnce(&OnceState)>(&self, f: F) {
        if !self.is_completed() {
            let mut f = Some(f);
            self.call(true, &mut |state| take(&mut f)(state));
        }
    }

    /// Waits until it is done, without doing it. What waits: as for [`call_once`](Once::call_once).
    ///
    /// # Panics
    ///
    /// When it is poisoned, or has been before.
    pub fn wait(&self) {
        self.wait_until_done(false);
    }

    /// [`wait`](Once::wait) that goes on waiting when it is poisoned.
    pub fn wait_force(&self) {
        self.wait_until_done(true);
    }

    #[cold]
    #[track_caller]
    fn call(&self, ignore_poison: bool, f: &mut dyn FnMut(&OnceState)) {
        loop {
            // Acquire: pairs with the Release in `Completer`.
            let old = self.state.load(Ordering::Acquire);
            match old & STATE {
                DONE => return,
                POISONED if !ignore_poison => poisoned(),
                RUNNING => self.sleep_while(|state| state == RUNNING),
                state => {
                    let new = RUNNING | old & WAITED;
                    // Acquire: as above, of what a closure has done that panicked.
                    if self
                        .state
                        .compare_exchange(old, new, Ordering::Acquire, Ordering::Relaxed)
                        .is_ok()
                    {
                        let mut completer = Completer { once: self, to: POISONED };
                        f(&OnceState { poisoned: state == POISONED });
                        completer.to = DONE;
                        return;
                    }
                }
            }
        }
    }

    #[track_caller]
    fn wait_until_done(&self, ignore_poison: bool) {
        loop {
            // Acquire: pairs with the Release in `Completer`.
            match self.state.load(Ordering::Acquire) & STATE {
                DONE => return,
                POISONED if !ignore_poison => poisoned(),
                _ => {
                    self.sleep_while(|state| state != DONE && (ignore_poison || state != POISONED))
                }
            }
        }
    }

    /// Waits for whoever ends the work, as long as `still` says so of the state.
    fn sleep_while(&self, still: impl Fn(u32) -> bool) {
        let wait = Wait {
            address: address_of(self),
            place: Place::Back,
            arg: 0,
            reason: WaitReason::OnceDo,
        };
        let enter = || {
            let waited = |old| still(old & STATE).then_some(old | WAITED);
            self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, waited).is_ok()
        };
        park_at(wait, enter, || ());
    }
}

/// The closure, which is called once.
fn take<F>(f: &mut Option<F>) -> F {
    f.take().expect("a closure is run once")
}

#[cold]
#[track_caller]
fn poisoned() -> ! {
    panic!("Once instance has previously been poisoned")
}

/// Ends the work when it is dropped, however that comes.
struct Completer<'a> {
    once: &'a Once,
    to: u32,
}

impl Drop for Completer<'_> {
    fn drop(&mut self) {
        // Release: publishes what was done.
        let old = self.once.state.swap(self.to, Ordering::Release);
        if old & WAITED != 0 {
            wake_at(address_of(self.once), |_| true, |_, _| ());
        }
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").finish_non_exhaustive()
    }
}
