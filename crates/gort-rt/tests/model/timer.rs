//! Timers as far as who keeps the time needs them: a P has one, which readies a goroutine.
//!
//! It is one moment all the time: some timers are due, and others never will be while a run lasts.

use crate::lock::Note;
use crate::obj::g::G;
use crate::prim::{AtomicU64, FAR, Link, Ordering, nanotime};
use loom::sync::Mutex;

pub(crate) const NEVER: u64 = u64::MAX >> 3;

/// What lists know of one.
pub(crate) struct Timer {
    pub(crate) link: Link<Timer>,
}

pub(crate) struct Timers {
    next: AtomicU64,
    heap: Mutex<Option<&'static G>>,
    /// One has been fired.
    pub(crate) fired: Note,
}

impl Timers {
    pub(crate) fn new() -> Timers {
        Timers { next: AtomicU64::new(NEVER), heap: Mutex::new(None), fired: Note::new() }
    }

    pub(crate) fn next(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    pub(crate) fn settle(&self) {}

    /// One that is due now.
    pub(crate) fn add(&self, gp: &'static G) {
        let mut heap = self.heap.lock().unwrap();
        assert!(heap.is_none(), "there is room for one");
        *heap = Some(gp);
        self.next.store(nanotime(), Ordering::Relaxed);
    }

    /// One that is due at a time that does not come, in place of any other such.
    pub(crate) fn add_far(&self, when: u64) {
        assert!(when >= FAR, "it comes");
        self.next.store(when, Ordering::Relaxed);
    }

    /// The goroutine of one that is due.
    pub(crate) fn take(&self, now: u64) -> Option<&'static G> {
        if self.next() > now {
            return None;
        }
        let mut heap = self.heap.lock().unwrap();
        let gp = heap.take()?;
        self.next.store(NEVER, Ordering::Relaxed);
        self.fired.wakeup();
        Some(gp)
    }

    /// There are none any more.
    pub(crate) fn clear(&self) {
        self.next.store(NEVER, Ordering::Relaxed);
    }
}
