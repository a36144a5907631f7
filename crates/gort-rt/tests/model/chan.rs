//! The real channels with what they need, and parties to use them.
//!
//! # Safety
//!
//! Memory for the channels is the global allocator's.

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
    pub(crate) use super::goroutine::{bed, park, rand, waits};
}

pub(crate) use goroutine::{KINDS, Kind, obj, spawn, throw, timer};

use chan::{Hchan, Memory};
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
