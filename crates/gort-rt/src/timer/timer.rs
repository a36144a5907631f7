//! One timer: how it is set, stopped and waited for.
//!
//! # Safety
//!
//! Timers are in memory of the runtime's that is never given back, so an entry of a heap leads to one
//! even if it has been given a new life since.

#![allow(unsafe_code)]

use super::state::{State, StateWord};
use super::timers::Timers;
use crate::prim::{
    AtomicU32, Link, Ordering, SPINS, Word, const_fn, fence, futex_wait, futex_wake, spin_loop,
};
use gort_sys::Errno;

/// What a timer calls when it is due: with its argument, and the time it was set for. On an M inside
/// the runtime, or on sysmon: it may ready and make goroutines and send on channels, and nothing else.
pub type Function = unsafe fn(arg: usize, when: u64);

/// See the module. Who may write a field while the timer is in no heap is who has the timer; then it
/// is as said.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Timer {
    pub(super) state: StateWord,
    /// The time that its entry in the heap is for. Under its home's lock.
    pub(super) key: Word,
    /// In whose heap that entry is; none while it has none. Changed to and from a heap under that
    /// heap's lock, so who has the lock knows for sure whether it is this one.
    pub(super) home: Link<Timers>,
    /// How long after it has been due it is due again; 0 for once. Under its home's lock.
    pub(super) period: Word,
    /// What it does: calls a function, or if none, readies the goroutine `arg`. As `period`.
    pub(super) function: Word,
    pub(super) arg: Word,
    /// Whether somebody waits for its function to return.
    waiting: AtomicU32,
    /// The next free timer. Belongs to the list.
    pub(crate) link: Link<Timer>,
}

/// What setting a timer has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) struct Set {
    /// It was set before, and had not fired.
    pub(crate) was_set: bool,
    /// It is the first of its heap now: somebody may have to be told.
    pub(crate) first: bool,
}

impl Set {
    fn before(state: State, first: bool) -> Set {
        Set { was_set: !state.is_dead(), first }
    }
}

impl Timer {
    const_fn! {
        /// Stopped.
        pub(crate) const fn new() -> Timer {
            Timer {
                state: StateWord::new(),
                key: Word::new(0),
                home: Link::none(),
                period: Word::new(0),
                function: Word::new(0),
                arg: Word::new(0),
                waiting: AtomicU32::new(0),
                link: Link::none(),
            }
        }
    }

    /// Makes a stopped timer what it is to be. It may be in a heap still.
    pub(crate) fn init(&self, function: Option<Function>, arg: usize, period: u64) {
        self.settled(|| {
            self.function.set(function.map_or(0, |function| function as *const () as usize));
            self.arg.set(arg);
            self.period.set(period as usize);
        });
    }

    /// Changes how long after it has been due it is due again, if it has a function.
    pub(super) fn set_period(&self, period: u64) {
        self.settled(|| self.period.set(period as usize));
    }

    /// Calls `write` while nobody is about to fire the timer: who is has its home's lock, from when it
    /// finds the entry until it has found out whether the timer is set.
    fn settled(&self, write: impl FnOnce()) {
        while self.state.get().is_heaped() {
            if let Some(home) = self.home.get() {
                let _contents = home.lock();
                if self.home.is(home) {
                    return write();
                }
            }
            spin_loop();
        }
        write();
    }

    /// Sets it to a time no earlier than the one it has, if it is in a heap and, for `only_set`, is set.
    /// Whether it was set before; none if that is not so. The fast part of [`set`](Timer::set), for
    /// which no heap is needed.
    #[inline]
    pub(crate) fn postpone(&self, when: u64, only_set: bool) -> Option<bool> {
        loop {
            let state = self.state.get();
            if !state.is_heaped()
                || state.is_running()
                || when < state.when()
                || only_set && state.is_dead()
            {
                return None;
            }
            if self.state.arm(state, when) {
                if state.is_dead()
                    && let Some(home) = self.home.get()
                {
                    home.one_dead_less();
                }
                return Some(!state.is_dead());
            }
        }
    }

    /// Sets it to fire at `when`, from `here` if it is in no heap. What waits: the M, while its
    /// function runs. None if there are to be no timers here any more. Go: `timer.modify`.
    ///
    /// # Errors
    ///
    /// `ENOMEM` when there is no memory for it; then it is as it was.
    pub(crate) fn set(
        &'static self,
        here: &'static Timers,
        when: u64,
    ) -> Result<Option<Set>, Errno> {
        loop {
            if let Some(was_set) = self.postpone(when, false) {
                return Ok(Some(Set { was_set, first: false }));
            }
            let state = self.state.get();
            if state.is_running() {
                self.wait();
            } else if !state.is_heaped() {
                let mut heap = here.lock();
                if heap.is_closed() {
                    return Ok(None);
                }
                heap.reserve(1)?;
                if self.state.arm(state, when) {
                    self.home.set(Some(here));
                    return Ok(Some(Set::before(state, here.enter(&mut heap, when, self))));
                }
            } else if let Some(home) = self.home.get() {
                let mut heap = home.lock();
                if !self.home.is(home) {
                    continue;
                }
                if self.key.get() as u64 <= when {
                    if self.state.arm(state, when) {
                        return Ok(Some(Set::before(state, false)));
                    }
                    continue;
                }
                heap.reserve(1)?;
                if self.state.arm(state, when) {
                    let first = home.enter(&mut heap, when, self);
                    drop(heap);
                    if !state.is_dead() {
                        // The entry that it has had leads nowhere now.
                        home.one_dead_more();
                    }
                    return Ok(Some(Set::before(state, first)));
                }
            } else {
                // Between two words that somebody else is just writing.
                spin_loop();
            }
        }
    }

    /// Stops it: whether it was set, and will not fire now. Otherwise, if it has a function, that has
    /// returned. What waits: the M, while its function runs. Go: `timer.stop`.
    #[inline]
    pub(crate) fn stop(&self) -> bool {
        loop {
            let state = self.state.get();
            if state.is_running() {
                self.wait();
            } else if state.is_dead() {
                return false;
            } else if self.state.stop(state) {
                if state.is_heaped()
                    && let Some(home) = self.home.get()
                {
                    home.one_dead_more();
                }
                return true;
            }
        }
    }

    /// Waits until its function has returned. What waits: the M.
    #[cold]
    fn wait(&self) {
        for _ in 0..SPINS {
            if !self.state.get().is_running() {
                return;
            }
            spin_loop();
        }
        loop {
            self.waiting.store(1, Ordering::Relaxed);
            // SeqCst: between `waiting` and the state, as `ran` has it the other way round.
            fence(Ordering::SeqCst);
            if !self.state.get().is_running() {
                return;
            }
            let _ = futex_wait(&self.waiting, 1, None);
        }
    }

    /// Its function has returned.
    pub(super) fn ran(&self) {
        self.state.ran();
        // SeqCst: see `wait`.
        fence(Ordering::SeqCst);
        if self.waiting.load(Ordering::Relaxed) != 0 {
            self.waiting.store(0, Ordering::Relaxed);
            let _ = futex_wake(&self.waiting, i32::MAX);
        }
    }
}
