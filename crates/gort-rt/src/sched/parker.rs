//! Waiting to be told to go on, by anybody and any number of times: what a future's waker is made of.
//!
//! # The problem
//!
//! A waker may be kept for ever, and be woken on any thread: also when its future is long done, and the
//! goroutine over. So it is the address of memory that is never freed: of a goroutine, or of a cell that
//! is used again. Nobody counts wakers, and none of them costs memory. One that is woken too late finds
//! whoever waits there now, who looks once for nothing.
//!
//! # The protocol
//!
//! | Word | Meaning | Left by |
//! |-|-|-|
//! | `NIL` | nobody waits, nobody has been told | who waits; who tells, to `TOLD` |
//! | `TOLD` | told, once or more | who wants to wait, to `NIL`, without waiting |
//! | `THREAD` | an ordinary thread sleeps in `bed` | who tells, to `TOLD` |
//! | a goroutine | it is parked | as above |
//!
//! Whoever swaps `TOLD` in has who waited, and wakes it. A goroutine enters itself when it is off its stack
//! (the commit of its park).
//!
//! Modelled by loom in `tests/loom_parker.rs`.
//!
//! # Safety
//!
//! A parker is never freed. Its word holds a goroutine's address only while that goroutine is parked here.

#![allow(unsafe_code)]

use crate::obj::g::{G, current};
use crate::prim::{AtomicU32, AtomicUsize, Ordering, const_fn};
use crate::sched::bed::Bed;
use crate::sched::park::{WaitReason, gopark, goready};

const NIL: usize = 0;
const TOLD: usize = 1;
const THREAD: usize = 2;

/// See the module. One party waits at a time.
#[derive(Debug, Default)]
pub struct Parker {
    word: AtomicUsize,
    /// Where a thread waits.
    bed: Bed,
    /// Not 0 while somebody has it. Written by its goroutine, or by who has it alone.
    lent: AtomicU32,
}

impl Parker {
    const_fn! {
        /// Nobody waits, nobody has been told.
        pub const fn new() -> Parker {
            Parker {
                word: AtomicUsize::new(NIL),
                bed: Bed::new(),
                lent: AtomicU32::new(0),
            }
        }
    }

    /// Takes it for one use, on its goroutine; what was told before is forgotten. Whether it could be had:
    /// it is not in use further up.
    #[inline]
    pub fn lend(&self) -> bool {
        if self.lent.load(Ordering::Relaxed) != 0 {
            return false;
        }
        self.lent.store(1, Ordering::Relaxed);
        self.word.store(NIL, Ordering::Relaxed);
        true
    }

    /// Ends what [`lend`](Parker::lend) began.
    #[inline]
    pub fn give_back(&self) {
        self.lent.store(0, Ordering::Relaxed);
    }

    /// Waits until [`unpark`](Parker::unpark), unless that has been called since the last time this
    /// returned. Whether it has waited. What was written before `unpark` can be read then.
    ///
    /// What waits: the goroutine, or the thread if it is an ordinary one.
    #[inline]
    pub fn park(&'static self) -> bool {
        let waits = self.word.load(Ordering::Relaxed) != TOLD && self.wait();
        // Acquire: with the swap in `unpark`.
        self.word.swap(NIL, Ordering::Acquire);
        waits
    }

    fn wait(&'static self) -> bool {
        if current().is_some() {
            let at = core::ptr::from_ref(self).expose_provenance();
            gopark(commit, at, WaitReason::Future);
            return true;
        }
        self.bed.make();
        if !self.enter(THREAD) {
            return false;
        }
        self.bed.sleep();
        true
    }

    /// Whether who waits has entered: it has not been told before.
    fn enter(&self, who: usize) -> bool {
        // Release: the goroutine's state, or the bed, is what who tells it sees.
        self.word.compare_exchange(NIL, who, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// Tells who waits, or else who waits next. Does not wait. From any thread.
    pub fn unpark(&'static self) {
        // Release: what was written before is seen by who is told. Acquire: takes over who waits.
        match self.word.swap(TOLD, Ordering::AcqRel) {
            NIL | TOLD => {}
            THREAD => self.bed.tell(),
            gp => {
                // SAFETY: a goroutine that is parked here, and ours now; Gs are never freed.
                goready(unsafe { &*core::ptr::with_exposed_provenance::<G>(gp) });
            }
        }
    }
}

/// The goroutine is off its stack: it can be readied from here on.
fn commit(gp: &'static G, parker: usize) -> bool {
    // SAFETY: `wait` passes its own address, which is never freed.
    let parker: &Parker = unsafe { &*core::ptr::with_exposed_provenance(parker) };
    parker.enter(core::ptr::from_ref(gp).expose_provenance())
}
