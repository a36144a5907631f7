//! Timers that belong to somebody, and those that are free.
//!
//! A timer is the runtime's memory: used again, never given back. So it can be let go while a heap
//! still has an entry for it, which its next life finds there, and uses.
//!
//! # Safety
//!
//! Timers are allocated here, and initialised before anybody else sees them.

#![allow(unsafe_code)]

use super::timer::{Function, Timer};
use super::{set, state};
use crate::lock::{Mutex, Rank};
use crate::obj::list::Stack;
use crate::obj::p::P;
use crate::sched::door;
use gort_sys::Errno;
use gort_sys::context::slot;

/// How many are allocated at a time.
const CHUNK: usize = 64;
/// How many a P keeps, and how many go over at a time.
const KEEP: usize = 128;
const BATCH: usize = 64;

static FREE: Mutex<Stack<Timer>> = Mutex::new(Rank::TimersFree, Stack::new());

/// A timer that calls a function.
#[derive(Debug)]
pub struct Owned(&'static Timer);

impl Owned {
    /// One that is not set. When it fires it calls `function(arg, when)`, where `when` is the time it
    /// was set for; and if `period` is not 0, again every `period` nanoseconds. If it comes late, what
    /// it should have done meanwhile is left out.
    ///
    /// # Errors
    ///
    /// `ENOMEM` when there is no memory for it.
    ///
    /// # Safety
    ///
    /// Until this is dropped `function` may be called with `arg` on any thread. It is called inside
    /// the runtime: it may ready and make goroutines and send on channels, without waiting, and
    /// nothing else.
    pub unsafe fn new(function: Function, arg: usize, period: u64) -> Result<Owned, Errno> {
        let timer = take()?;
        timer.init(Some(function), arg, period);
        Ok(Owned(timer))
    }

    /// Sets it to fire at `when`, in nanoseconds of monotonic time, and returns whether it was set and
    /// had not fired. If it had, its function has returned. What waits: the M (or the thread), while
    /// the function runs. Go: `resetTimer`.
    ///
    /// # Errors
    ///
    /// `ENOMEM` when there is no memory for it; then it is as it was.
    #[inline]
    pub fn set(&self, when: u64) -> Result<bool, Errno> {
        set(self.0, when.min(state::NEVER))
    }

    /// Sets it to `when` if it is set already, to no later time than that; whether it was. It
    /// is the quicker part of [`set`](Owned::set), and never waits.
    #[inline]
    pub fn delay(&self, when: u64) -> bool {
        self.0.postpone(when.min(state::NEVER), true).is_some()
    }

    /// Stops it, and returns whether it was set and had not fired. If it had, its function has
    /// returned. What waits is as for [`set`](Owned::set). Go: `stopTimer`.
    #[inline]
    pub fn stop(&self) -> bool {
        self.0.stop()
    }

    /// Gives it another period, from the next time on that it fires.
    pub fn set_period(&self, period: u64) {
        self.0.set_period(period);
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.stop();
        give(self.0);
    }
}

/// A timer that is not set, and the caller's.
///
/// # Errors
///
/// `ENOMEM` when there is no memory for it.
pub(super) fn take() -> Result<&'static Timer, Errno> {
    let pp = door::open_anywhere();
    let found = match pp {
        Some(pp) => pp.timers_free.pop().or_else(|| {
            FREE.lock().move_to(&pp.timers_free, BATCH);
            pp.timers_free.pop()
        }),
        None => FREE.lock().pop(),
    };
    let timer = found.map_or_else(|| allocate(pp), Ok);
    slot::unlock();
    timer
}

/// More timers, all but one of them into a list.
#[cold]
fn allocate(pp: Option<&'static P>) -> Result<&'static Timer, Errno> {
    let chunk = crate::mem::alloc::<Timer>(CHUNK)?;
    let free = FREE.lock();
    for i in (1..CHUNK).rev() {
        // SAFETY: within the chunk, which is ours.
        let timer = unsafe { new(chunk.add(i)) };
        match pp {
            Some(pp) => pp.timers_free.push(timer),
            None => free.push(timer),
        }
    }
    // SAFETY: as above.
    Ok(unsafe { new(chunk) })
}

/// # Safety
///
/// Room for a timer that nobody else has.
unsafe fn new(at: *mut Timer) -> &'static Timer {
    // SAFETY: the caller's contract; the runtime's memory is never freed.
    unsafe {
        at.write(Timer::new());
        &*at
    }
}

/// Gives one back that is not set, and whose function does not run.
fn give(timer: &'static Timer) {
    match door::open_anywhere() {
        Some(pp) => {
            pp.timers_free.push(timer);
            if pp.timers_free.len() > KEEP {
                pp.timers_free.move_to(&FREE.lock(), BATCH);
            }
        }
        None => FREE.lock().push(timer),
    }
    slot::unlock();
}

/// `pp` is not in use any more.
pub(crate) fn abandon(pp: &'static P) {
    pp.timers_free.move_to(&FREE.lock(), usize::MAX);
}
