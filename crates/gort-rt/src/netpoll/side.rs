//! One direction of a descriptor that is polled: whether something has come, and who waits for that.
//!
//! # Protocol
//!
//! For each direction a word:
//!
//! | Word | Meaning | Left by |
//! |-|-|-|
//! | `NIL` | nothing is known | who waits, to `WAIT` or `THREAD`; an event, to `READY` |
//! | `READY` | an event has come that nobody has taken | who wants to wait, to `NIL` |
//! | `WAIT` | a goroutine is about to park | its commit, to its address; anybody else, which calls the park off |
//! | `THREAD` | an ordinary thread sleeps at `futex` | as the next |
//! | a goroutine | it is parked | whoever takes it out, to `READY` for an event, else to `NIL` |
//!
//! That the descriptor is being closed, or its deadline has passed, is said beside it. Who says so then
//! takes out who waits; who waits says so (`WAIT`, `THREAD`) and then looks. Between the two on each side
//! is a full fence, so that one of them sees the other.
//!
//! Events come when something changes (they are edge-triggered). So who has found that there is no more to
//! be had may wait for the next without another look, as long as every change is an event of its own: but
//! the end of a stream can come in one with data, and is the last. It is kept (`over`).
//!
//! One party at a time waits in each direction: the descriptor's own locks see to that, above.
//!
//! Modelled by loom in `tests/loom_netpoll.rs`.
//!
//! # Safety
//!
//! A side is never freed. Its word holds a goroutine's address only while that goroutine is parked here;
//! whoever takes it out readies it.

#![allow(unsafe_code)]

use super::Unready;
use crate::obj::g::{G, current};
use crate::prim::{AtomicU32, AtomicUsize, Ordering, const_fn, fence, futex_wait, futex_wake};
use crate::sched::park::{WaitReason, gopark, goready};
use crate::throw::throw;

const NIL: usize = 0;
const READY: usize = 1;
const WAIT: usize = 2;
const THREAD: usize = 3;

/// Who has waited.
#[derive(Clone, Copy)]
pub(crate) enum Party {
    /// To be readied.
    Goroutine(&'static G),
    /// It sleeps at this futex, which is never freed.
    Thread(&'static AtomicU32),
}

impl Party {
    /// From any thread, by who has taken it out.
    pub(crate) fn wake(self) {
        match self {
            Party::Goroutine(gp) => goready(gp),
            Party::Thread(futex) => Party::wake_thread(futex),
        }
    }

    pub(crate) fn wake_thread(futex: &AtomicU32) {
        // Release: with the Acquire in `Side::wait`.
        futex.store(1, Ordering::Release);
        let _ = futex_wake(futex, 1);
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Side {
    word: AtomicUsize,
    /// Whether an event has said that there will be no more, for the end has come: it stays so.
    over: AtomicU32,
    /// Whether the deadline has passed.
    expired: AtomicU32,
    /// Not 0 when the thread that waits is to go on.
    futex: AtomicU32,
}

impl Side {
    const_fn! {
        pub(crate) const fn new() -> Side {
            Side {
                word: AtomicUsize::new(NIL),
                over: AtomicU32::new(0),
                expired: AtomicU32::new(0),
                futex: AtomicU32::new(0),
            }
        }
    }

    /// As new. By whoever has it alone.
    pub(crate) fn reset(&self) {
        self.expired.store(0, Ordering::Relaxed);
        self.over.store(0, Ordering::Relaxed);
        self.word.store(NIL, Ordering::Relaxed);
    }

    /// An event has come, `over` that it may be the last: who waited for it, if somebody did.
    pub(crate) fn ready(&'static self, over: bool) -> Option<Party> {
        if over {
            // Before the word says that there is an event.
            self.over.store(1, Ordering::Relaxed);
        }
        self.unblock(READY)
    }

    /// Whether an event has come since the last time, or the last one has.
    #[inline]
    pub(crate) fn take_event(&self) -> bool {
        if self.word.load(Ordering::Relaxed) == READY {
            // Acquire: what the event was about is seen by the call that comes.
            self.word.swap(NIL, Ordering::Acquire);
            return true;
        }
        self.over.load(Ordering::Relaxed) != 0
    }

    /// Whether the deadline has passed.
    #[inline]
    pub(crate) fn is_expired(&self) -> bool {
        self.expired.load(Ordering::Relaxed) != 0
    }

    /// There is another deadline, which has not passed. Nobody says anything else meanwhile.
    pub(crate) fn renew(&self) {
        self.expired.store(0, Ordering::Relaxed);
    }

    /// The deadline has passed: who waits is woken.
    pub(crate) fn expire(&'static self) {
        self.expired.store(1, Ordering::Relaxed);
        self.evict();
    }

    /// Wakes who waits. The caller has said why.
    pub(crate) fn evict(&'static self) {
        // SeqCst: the fence; see the module.
        fence(Ordering::SeqCst);
        if let Some(party) = self.unblock(NIL) {
            party.wake();
        }
    }

    /// Takes out who waits, if somebody does. `to` is `READY` for an event. Go: `netpollunblock`.
    fn unblock(&'static self, to: usize) -> Option<Party> {
        let mut old = self.word.load(Ordering::Relaxed);
        loop {
            if to == NIL && matches!(old, NIL | READY) {
                return None;
            }
            // An event on top of another, too, for who takes that. AcqRel: the goroutine's, from its commit;
            // what has come, for who takes it.
            match self.word.compare_exchange(old, to, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(NIL | READY | WAIT) => return None,
                Ok(THREAD) => return Some(Party::Thread(&self.futex)),
                Ok(gp) => {
                    // SAFETY: a goroutine that is parked here, and ours now.
                    let gp = unsafe { &*core::ptr::with_exposed_provenance(gp) };
                    return Some(Party::Goroutine(gp));
                }
                Err(now) => old = now,
            }
        }
    }

    /// Waits for an event, unless `check` says that it is of no use. By one party at a time. What waits: the
    /// goroutine, or the ordinary thread. Go: `netpollblock`.
    pub(crate) fn wait(
        &'static self,
        check: impl Fn() -> Result<(), Unready>,
    ) -> Result<(), Unready> {
        let goroutine = current().is_some();
        if !goroutine {
            self.futex.store(0, Ordering::Relaxed);
        }
        let wait = if goroutine { WAIT } else { THREAD };
        // Release: the futex is 0 before somebody makes it 1. Acquire, below: as in
        // `take_event`.
        match self.word.compare_exchange(NIL, wait, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => {
                // SeqCst: between the word and what is looked at next; see the module.
                fence(Ordering::SeqCst);
                if let Err(unready) = check() {
                    // An event, or the one who says so, may have been faster.
                    self.word.swap(NIL, Ordering::AcqRel);
                    return Err(unready);
                }
            }
            Err(READY) => {
                self.word.swap(NIL, Ordering::Acquire);
                return check();
            }
            Err(_) => throw("two wait for one direction of a descriptor"),
        }
        if goroutine {
            gopark(commit, core::ptr::from_ref(&self.word).expose_provenance(), WaitReason::IoWait);
        } else {
            // Acquire: with the Release in `wake_thread`.
            while self.futex.load(Ordering::Acquire) == 0 {
                let _ = futex_wait(&self.futex, 0, None);
            }
        }
        // The event it was woken for. Acquire: with `unblock`.
        self.word.swap(NIL, Ordering::Acquire);
        check()
    }
}

/// [`Side::wait`]'s commit: off the stack, it may be woken.
fn commit(gp: &'static G, word: usize) -> bool {
    // SAFETY: `wait` passes the address of a word that is never freed.
    let word: &AtomicUsize = unsafe { &*core::ptr::with_exposed_provenance(word) };
    let at = core::ptr::from_ref(gp).expose_provenance();
    // Release: the goroutine's state is what who takes it out sees.
    word.compare_exchange(WAIT, at, Ordering::Release, Ordering::Relaxed).is_ok()
}
