//! Whom a waker wakes.
//!
//! # Safety
//!
//! A waker's data is the address of a `&'static Parker`.

#![allow(unsafe_code)]

use crate::sync::Mutex;
use gort_rt::Parker;
use std::ptr;
use std::task::{RawWaker, RawWakerVTable, Waker};

/// Parkers that nobody uses: of threads, and of goroutines inside a poll. Never freed, for wakers lead there.
static FREE: Mutex<Vec<&'static Parker>> = Mutex::new(Vec::new());

/// A parker that is the caller's alone: the goroutine's own if it has not lent it already.
pub(super) struct Lent {
    parker: &'static Parker,
    own: bool,
}

impl Lent {
    #[inline]
    pub(super) fn new() -> Lent {
        match gort_rt::current() {
            Some(gp) if gp.parker().lend() => Lent { parker: gp.parker(), own: true },
            _ => Lent::pooled(),
        }
    }

    #[cold]
    fn pooled() -> Lent {
        let free = FREE.lock().pop();
        let parker = free.unwrap_or_else(|| Box::leak(Box::new(Parker::new())));
        let lent = parker.lend();
        debug_assert!(lent, "a free parker is in use");
        Lent { parker, own: false }
    }

    pub(super) fn waker(&self) -> Waker {
        // SAFETY: see the module.
        unsafe { Waker::from_raw(raw(ptr::from_ref(self.parker).cast())) }
    }

    #[inline]
    pub(super) fn park(&self) -> bool {
        self.parker.park()
    }
}

impl Drop for Lent {
    #[inline]
    fn drop(&mut self) {
        self.parker.give_back();
        if !self.own {
            FREE.lock().push(self.parker);
        }
    }
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(raw, wake, wake, |_| ());

fn raw(parker: *const ()) -> RawWaker {
    RawWaker::new(parker, &VTABLE)
}

fn wake(parker: *const ()) {
    // SAFETY: see the module.
    unsafe { &*parker.cast::<Parker>() }.unpark();
}
