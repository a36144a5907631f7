//! What the handles of a channel share.
//!
//! # Safety
//!
//! A [`Handle`] is counted at its end of the channel, so what it points to is there. The last handle
//! of an end closes the channel; the last end frees it.

#![allow(unsafe_code)]

use crate::time::clock;
use gort_rt::chan::{Handles, Hchan, Memory};
use gort_rt::timer::Owned;
use gort_sys::Errno;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

/// The program's allocator.
pub(crate) enum Heap {}

// SAFETY: as the global allocator promises.
unsafe impl Memory for Heap {
    fn alloc(layout: Layout) -> NonNull<u8> {
        // SAFETY: the layout is not empty, by the trait's contract.
        let at = unsafe { alloc(layout) };
        NonNull::new(at).unwrap_or_else(|| handle_alloc_error(layout))
    }

    unsafe fn dealloc(at: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's contract.
        unsafe { dealloc(at.as_ptr(), layout) };
    }
}

/// A channel and how many handles it has, whose address is what they hold.
#[repr(C)]
pub(crate) struct Shared<T> {
    handles: Handles,
    /// What sends, if there are no senders. Before the channel, for it is gone before that is.
    timer: Option<Owned>,
    hchan: Hchan<T, Heap>,
    /// Whether one end has no handles any more.
    half: AtomicBool,
}

/// One of the ends.
pub(crate) trait End {
    fn count<T>(shared: &Shared<T>) -> &AtomicUsize;

    /// What its last handle does after it has closed the channel.
    fn last<T>(shared: &Shared<T>);
}

/// Where values are sent.
pub(crate) enum Sending {}

impl End for Sending {
    fn count<T>(shared: &Shared<T>) -> &AtomicUsize {
        &shared.handles.senders
    }

    fn last<T>(_: &Shared<T>) {}
}

/// Where they are received.
pub(crate) enum Receiving {}

impl End for Receiving {
    fn count<T>(shared: &Shared<T>) -> &AtomicUsize {
        &shared.handles.receivers
    }

    /// Nobody will receive what is left. All of it is dropped, even if that panics.
    fn last<T>(shared: &Shared<T>) {
        let mut panicked = None;
        while let Some(item) = shared.hchan.recv() {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(item))) {
                panicked.get_or_insert(payload);
            }
        }
        if let Some(payload) = panicked
            && !std::thread::panicking()
        {
            resume_unwind(payload);
        }
    }
}

/// A counted pointer from one end.
pub(crate) struct Handle<T, E: End> {
    shared: NonNull<Shared<T>>,
    end: std::marker::PhantomData<E>,
}

/// A channel with so many handles at the sending end, and one at the other.
fn made<T>(hchan: Hchan<T, Heap>, senders: usize) -> NonNull<Shared<T>> {
    let shared = Box::leak(Box::new(Shared {
        handles: Handles {
            senders: AtomicUsize::new(senders),
            receivers: AtomicUsize::new(1),
            size: size_of::<Shared<T>>(),
        },
        timer: None,
        hchan,
        half: AtomicBool::new(senders == 0),
    }));
    shared.hchan.counted_by(&shared.handles);
    NonNull::from(shared)
}

/// A channel with one handle at each end. None if it would be larger than anything can be.
pub(crate) fn new<T>(
    capacity: Option<usize>,
) -> Option<(Handle<T, Sending>, Handle<T, Receiving>)> {
    let shared = made(Hchan::new(capacity)?, 1);
    Some((
        Handle { shared, end: std::marker::PhantomData },
        Handle { shared, end: std::marker::PhantomData },
    ))
}

/// A channel with room for one value and a timer instead of senders. It sends the time that it was set
/// for, and nothing if there is no room.
///
/// # Errors
///
/// `ENOMEM` when there is no memory for the timer.
pub(crate) fn timed(period: u64) -> Result<Handle<Instant, Receiving>, Errno> {
    clock::start();
    let shared = made(Hchan::new(Some(1)).ok_or(Errno::ENOMEM)?, 0);
    let handle = Handle { shared, end: std::marker::PhantomData };
    // SAFETY: the channel is there until the timer is dropped, and sending to it, if that does not
    // wait, is what a timer may do.
    let timer = unsafe { Owned::new(ring, shared.as_ptr().expose_provenance(), period) }?;
    // SAFETY: nobody else knows of the channel yet.
    unsafe { (*shared.as_ptr()).timer = Some(timer) };
    Ok(handle)
}

/// The timer of the channel with this address.
unsafe fn ring(shared: usize, when: u64) {
    // SAFETY: see `timed`.
    let shared = unsafe { &*std::ptr::with_exposed_provenance::<Shared<Instant>>(shared) };
    let _ = shared.hchan.offer(clock::instant_at(when));
}

impl<T, E: End> Handle<T, E> {
    #[inline(always)]
    fn shared(&self) -> &Shared<T> {
        // SAFETY: see the module.
        unsafe { self.shared.as_ref() }
    }

    /// The timer that sends here.
    pub(crate) fn timer(&self) -> Option<&Owned> {
        self.shared().timer.as_ref()
    }

    /// Whether both are of one channel.
    pub(crate) fn is_same(&self, other: &Handle<T, E>) -> bool {
        self.shared == other.shared
    }
}

impl<T, E: End> Deref for Handle<T, E> {
    type Target = Hchan<T, Heap>;

    #[inline(always)]
    fn deref(&self) -> &Hchan<T, Heap> {
        &self.shared().hchan
    }
}

impl<T, E: End> Clone for Handle<T, E> {
    fn clone(&self) -> Handle<T, E> {
        // Relaxed: as in `Arc`: who clones has a handle already.
        let before = E::count(self.shared()).fetch_add(1, Ordering::Relaxed);
        if before > isize::MAX as usize {
            // Handles have been leaked until the count is about to overflow.
            std::process::abort();
        }
        Handle { shared: self.shared, end: self.end }
    }
}

impl<T, E: End> Drop for Handle<T, E> {
    fn drop(&mut self) {
        // AcqRel: whatever was done by a handle is done before the last one goes on.
        if E::count(self.shared()).fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        /// This end is done with the channel, even if dropping values has panicked.
        struct Leave<T>(NonNull<Shared<T>>);
        impl<T> Drop for Leave<T> {
            fn drop(&mut self) {
                // SAFETY: the other end is still there, or has left it to us.
                // AcqRel: as above, for the other end.
                if unsafe { self.0.as_ref() }.half.swap(true, Ordering::AcqRel) {
                    // SAFETY: made by `Box::leak`; neither end uses it any more.
                    drop(unsafe { Box::from_raw(self.0.as_ptr()) });
                }
            }
        }
        let leave = Leave(self.shared);
        self.close();
        E::last(self.shared());
        drop(leave);
    }
}
