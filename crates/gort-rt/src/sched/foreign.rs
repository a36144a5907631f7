//! Threads that the runtime has not made, for as long as goroutines run on them. Go: `needm`, `dropm`.
//!
//! # The problem
//!
//! A C library has threads of its own and calls back on them. What they call may park and do whatever
//! a goroutine does; so it needs to be one, on an M. But the thread stays what it is: it has its own
//! thread-local storage, its frames, and its maker who waits for its end.
//!
//! # How
//!
//! At its first callback the thread gets an M, and a goroutine that is locked to it, shares its
//! thread-local storage, and is in C. A callback is then what it is on any goroutine in C (`cgo.rs`): a
//! return from a system call. Both stay with the thread until it ends; the P stays as with any
//! goroutine in a system call, until somebody needs it.
//!
//! Between callbacks the thread's slot is empty: to everything else it is an ordinary thread.
//!
//! The M runs no other goroutine, and the thread's stack below its frames is the scheduler's while the
//! goroutine is parked. Signals do not pre-empt it, for its thread-local storage is not its own; its P
//! is taken from it when its time is up.
//!
//! # Safety
//!
//! The M is the thread's from [`Foreign::bind`] to [`Foreign::release`], both of which, and all
//! callbacks, happen on it. Others look at its thread-local storage (`locks`) until `release` has seen
//! to it that nobody does.

#![allow(unsafe_code)]

use super::cgo::{Callback, come_back};
use super::state::SCHED;
use super::worker::{self, releasep};
use super::{exit, lockm, retake, sigstack, spawn, threads, wake};
use crate::obj::g::{G, setg};
use crate::obj::m::M;
use crate::prim::{Ordering, slot};
use crate::throw::throw;
use gort_sys::types::SigHow;
use gort_sys::{Errno, raw};

/// A thread of somebody else's that has an M: the calling thread's own.
#[derive(Clone, Copy, Debug)]
pub struct Foreign(&'static M);

impl Foreign {
    /// Gives the calling thread an M and a goroutine with a stack of `stack` bytes, or of the default
    /// size. Go: `needm`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `EPERM` in a handler that runs on a signal stack. The thread is what it was then.
    pub fn bind(stack: Option<usize>) -> Result<Foreign, Errno> {
        slot::lock();
        let bound = spawn::adopt(stack).and_then(|gp| {
            let mp = needm().inspect_err(|_| exit::disown(gp))?;
            assign(mp, gp);
            Ok(Foreign(mp))
        });
        slot::unlock();
        bound
    }

    /// A word for it.
    pub fn into_raw(self) -> usize {
        core::ptr::from_ref(self.0).expose_provenance()
    }

    /// Back from [`into_raw`](Foreign::into_raw).
    ///
    /// # Safety
    ///
    /// `raw` is from there, on this thread, and has not been released.
    pub unsafe fn from_raw(raw: usize) -> Foreign {
        // SAFETY: the caller's contract; Ms are never freed.
        Foreign(unsafe { &*core::ptr::with_exposed_provenance(raw) })
    }

    /// Calls `f(arg)` on the thread's goroutine. What waits: the goroutine, for a P.
    ///
    /// # Safety
    ///
    /// As for [`cgocallback`](super::cgo::cgocallback), which has found that this thread is nobody's.
    pub unsafe fn callback(self, f: Callback, arg: usize) {
        let Foreign(mp) = self;
        let Some(gp) = mp.curg.get() else { throw("a foreign thread has no goroutine") };
        // SAFETY: the caller's contract; the goroutine is in C.
        unsafe { come_back(mp, gp, f, arg, true) };
    }

    /// Takes both away again: the thread is about to end. Not in a callback. Go: `dropm`.
    pub fn release(self) {
        let Foreign(mp) = self;
        slot::lock();
        // So that a thread which has to be started now is not started from here.
        setg(&mp.g0);
        match mp.p.held() {
            Ok(Some(_)) => wake::handoffp(releasep(mp)),
            _ => mp.p.set(None),
        }
        let gp = mp.curg.take();
        retake::unwatched();
        mp.lockedg.set(None);
        if let Some(gp) = gp {
            exit::disown(gp);
        }
        sigstack::remove(mp);
        worker::strike(mp);
        slot::set_current(0);
        SCHED.lock().mfree.push(mp);
        slot::unlock();
    }
}

/// An M, with its signal stack under this thread.
fn needm() -> Result<&'static M, Errno> {
    let id = {
        let mut lists = SCHED.lock();
        lists.mnext += 1;
        lists.mnext - 1
    };
    let mp = wake::allocm(id)?;
    sigstack::install(mp).inspect_err(|_| SCHED.lock().mfree.push(mp))?;
    Ok(mp)
}

/// Makes `mp` this thread's, and `gp` its goroutine.
fn assign(mp: &'static M, gp: &'static G) {
    mp.fs.set(slot::thread_pointer());
    mp.tid.store(raw::gettid().0, Ordering::Relaxed);
    if let Ok(mask) = raw::rt_sigprocmask(SigHow::BLOCK, None) {
        mp.sigmask.store(mask.0, Ordering::Relaxed);
    }
    // Not known: the scheduler's stack is whatever C's happens to be.
    mp.g0.stack_lo.set(0);
    mp.g0.stack_hi.set(0);
    mp.p.forgo();
    gp.m.set(Some(mp));
    lockm::tie(gp, mp);
    mp.curg.publish(gp);
    mp.signalled.store(0, Ordering::Relaxed);
    worker::enroll(mp);
    let mut lists = SCHED.lock();
    lists.mcount += 1;
    threads::check(&lists);
}
