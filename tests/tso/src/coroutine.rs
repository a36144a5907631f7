//! Threads of a model that take turns on one thread: each has a stack of its own, which can be saved and
//! put back, so that a thread goes on once more from where it has been before.
//!
//! What is not on the stack is not put back, so a model's threads own nothing that lies elsewhere.
//!
//! # Safety
//!
//! A stack is resumed by the one thread that made it, at the place where it was suspended, and has
//! that thread's own thread pointer. What is on it refers to nothing that does not outlive the
//! [`Coroutine`]: its body does. Nobody else refers to what is on it, and it does not move, so its bytes
//! from an earlier time make it what it was then.

#![allow(unsafe_code)]

use gort_sys::context::{slot, switch};
use std::any::Any;
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A stack's alignment.
type Unit = MaybeUninit<u128>;

/// Units in a stack: enough for a panic with a backtrace.
const STACK: usize = 1 << 16;

unsafe extern "C" {
    safe fn getauxval(kind: u64) -> u64;
}

thread_local! {
    /// Where `resume` was called, and who runs.
    static MAIN: Cell<usize> = const { Cell::new(0) };
    static RUNNING: Cell<*const Inner> = const { Cell::new(std::ptr::null()) };
}

pub(crate) struct Coroutine<'a> {
    stack: Box<[Unit]>,
    inner: Inner,
    body: &'a dyn Fn(),
}

#[derive(Default)]
struct Inner {
    sp: Cell<usize>,
    panic: Cell<Option<Box<dyn Any + Send>>>,
}

/// A stack as it once was.
pub(crate) type Saved = Vec<Unit>;

impl<'a> Coroutine<'a> {
    /// One that begins when it is first resumed.
    pub(crate) fn new(body: &'a dyn Fn()) -> Coroutine<'a> {
        const AT_HWCAP2: u64 = 26;
        switch::set_fsgsbase(getauxval(AT_HWCAP2) & 2 != 0);
        let mut stack = Box::new_uninit_slice(STACK);
        let top = stack.as_mut_ptr_range().end;
        let inner = Inner::default();
        // SAFETY: the top of a stack on which nobody is.
        inner.sp.set(unsafe { switch::prepare(top.expose_provenance(), begin) });
        Coroutine { stack, inner, body }
    }

    /// Runs it until it suspends itself or is done. What it panics with is returned.
    pub(crate) fn resume(&self) -> Result<(), Box<dyn Any + Send>> {
        RUNNING.set(&raw const self.inner);
        let this = std::ptr::from_ref(self).expose_provenance();
        let sp = self.inner.sp.get();
        // SAFETY: suspended, by `new` or `suspend`; `begin` gets this very coroutine.
        unsafe { switch::switch(MAIN.with(Cell::as_ptr), sp, slot::thread_pointer(), this) };
        self.inner.panic.take().map_or(Ok(()), Err)
    }

    /// Where in `stack` its live part begins. It is suspended on a boundary of eight.
    fn live(&self) -> usize {
        (self.inner.sp.get() - self.stack.as_ptr().addr()) / size_of::<Unit>()
    }

    pub(crate) fn save(&self, to: &mut (usize, Saved)) {
        to.0 = self.inner.sp.get();
        to.1.clear();
        to.1.extend_from_slice(&self.stack[self.live()..]);
    }

    pub(crate) fn restore(&mut self, from: &(usize, Saved)) {
        self.inner.sp.set(from.0);
        let live = self.live();
        self.stack[live..].copy_from_slice(&from.1);
    }
}

/// On a coroutine: goes back to whoever resumed it.
pub(crate) fn suspend() {
    // SAFETY: `resume` is waiting, with this in `RUNNING`.
    unsafe {
        let inner = &*RUNNING.get();
        switch::switch(inner.sp.as_ptr(), MAIN.get(), slot::thread_pointer(), 0);
    }
}

unsafe extern "C" fn begin(this: usize) -> ! {
    // SAFETY: `resume` passes itself, and waits.
    let coroutine = unsafe { &*std::ptr::with_exposed_provenance::<Coroutine<'_>>(this) };
    let result = catch_unwind(AssertUnwindSafe(coroutine.body));
    coroutine.inner.panic.set(result.err());
    loop {
        suspend();
    }
}
