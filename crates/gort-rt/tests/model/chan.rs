//! The real channels with what they need, and parties to use them.

#[path = "../../src/chan/mod.rs"]
pub(crate) mod chan;
#[path = "goroutine.rs"]
mod goroutine;

#[path = "../../src/lock/latch.rs"]
mod latch;

pub(crate) mod lock {
    pub(crate) use super::latch::Latch;
}

pub(crate) mod sched {
    pub(crate) use super::goroutine::{park, rand};
}

pub(crate) use goroutine::{obj, throw, timer};

use chan::{Hchan, Memory};
use loom::thread::JoinHandle;
use std::alloc::{Layout, alloc, dealloc};
use std::ptr::NonNull;
use std::sync::Arc;

/// The program's allocator.
pub(crate) enum Heap {}

// SAFETY: as the global allocator promises.
unsafe impl Memory for Heap {
    fn alloc(layout: Layout) -> NonNull<u8> {
        // SAFETY: the layout is not empty.
        NonNull::new(unsafe { alloc(layout) }).unwrap()
    }

    unsafe fn dealloc(at: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's contract.
        unsafe { dealloc(at.as_ptr(), layout) };
    }
}

/// A channel that parties share.
pub(crate) struct Channel(Hchan<u32, Heap>);

impl Channel {
    pub(crate) fn new(capacity: Option<usize>) -> Arc<Channel> {
        Arc::new(Channel::with(capacity))
    }

    pub(crate) fn with(capacity: Option<usize>) -> Channel {
        Channel(Hchan::new(capacity).unwrap())
    }
}

impl std::ops::Deref for Channel {
    type Target = Hchan<u32, Heap>;

    fn deref(&self) -> &Hchan<u32, Heap> {
        &self.0
    }
}

/// What a party is.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Goroutine,
    Thread,
}

pub(crate) const KINDS: [Kind; 2] = [Kind::Goroutine, Kind::Thread];

impl Kind {
    /// Runs `body` as this, on the calling thread.
    pub(crate) fn run<R>(self, body: impl FnOnce() -> R) -> R {
        if matches!(self, Kind::Goroutine) && obj::g::current().is_none() {
            obj::g::become_goroutine();
        }
        body()
    }
}

/// Another party.
pub(crate) fn spawn<R: 'static>(kind: Kind, body: impl FnOnce() -> R + 'static) -> JoinHandle<R> {
    loom::thread::spawn(move || kind.run(body))
}
