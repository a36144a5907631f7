//! Starting goroutines.
//!
//! # Safety
//!
//! `newproc` is given an entry that does not unwind, and a task that is its alone.

#![allow(unsafe_code)]

use crate::join::{Inner, JoinHandle};
use crate::scope::ScopeData;
use crate::task::{Task, Unplaced};
use crate::{boot, host};
use gort_rt::Spawn;
use std::io;
use std::ptr::NonNull;
use std::sync::Arc;

/// Starts a goroutine that runs `f`, as [`std::thread::spawn`] starts a thread, from anywhere: the
/// first call starts the runtime.
///
/// Does not block. The goroutine runs when a P gets to it; on its own stack, with its own
/// thread-locals, on any thread.
///
/// ```
/// let answer = gort::go(|| 6 * 7);
/// assert_eq!(answer.join().unwrap(), 42);
/// ```
///
/// # Panics
///
/// When there is no memory for it; [`Builder::spawn`] gives an error instead. When the runtime
/// cannot run on this system.
#[doc(alias = "newproc")]
#[inline(always)]
pub fn go<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match Builder::new().spawn(f) {
        Ok(handle) => handle,
        Err(error) => refused("gort::go", &error),
    }
}

/// For what says nothing of errors.
#[cold]
#[inline(never)]
pub(crate) fn refused(who: &str, error: &io::Error) -> ! {
    panic!("{who}: cannot start a goroutine: {error}")
}

/// What a goroutine is to be, as [`std::thread::Builder`].
///
/// ```
/// let worker = gort::Builder::new().name("worker".into()).stack_size(1 << 20);
/// let handle = worker.spawn(|| 1)?;
/// assert_eq!(handle.name(), Some("worker"));
/// # handle.join().unwrap();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Default)]
#[must_use = "a builder starts nothing until `spawn`"]
pub struct Builder {
    name: Option<String>,
    stack_size: Option<usize>,
}

impl Builder {
    /// The defaults: no name; a stack of 256 KiB less guard and thread-local storage, or what
    /// `GORT_STACK` says.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Names it, for panic messages and dumps.
    pub fn name(mut self, name: String) -> Builder {
        self.name = Some(name);
        self
    }

    /// How much stack it can use, in bytes. That much address space is reserved (rounded up to a
    /// power of two with guard and thread-local storage); memory is what it touches.
    pub fn stack_size(mut self, bytes: usize) -> Builder {
        self.stack_size = Some(bytes);
        self
    }

    /// Starts it; see [`go`](fn@crate::go).
    ///
    /// # Errors
    ///
    /// `OutOfMemory` when there is no memory or address space for it, or for a stack of more than
    /// about 1 GiB; `Unsupported` when the runtime cannot run on this system. Nothing has happened
    /// then but that `f` is dropped.
    #[inline(always)]
    pub fn spawn<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        // SAFETY: `'static`, so it may run for ever.
        unsafe { self.start(f, None, false, gort_rt::here()) }.map(JoinHandle)
    }

    /// Starts one that has no thread-local storage of its own: it sees that of whatever thread it
    /// runs on. It costs a page of memory less.
    ///
    /// # Errors
    ///
    /// As for [`spawn`](Builder::spawn).
    ///
    /// # Safety
    ///
    /// Neither `f` nor anything it calls keeps a reference to, or a borrow of, a thread-local
    /// variable, or anything that depends on the thread's identity, across a point where the
    /// goroutine may yield or park: `println!`, a panic that is caught further up, `Rc` in a
    /// `thread_local!`, a lock guard of a reentrant lock are examples.
    #[inline(always)]
    pub unsafe fn spawn_shared_tls<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        // SAFETY: `'static`; the rest is the caller's contract.
        unsafe { self.start(f, None, true, gort_rt::here()) }.map(JoinHandle)
    }

    /// `creator` is where the program has asked for it: whatever leads from there to here is inlined into
    /// the program's own function.
    ///
    /// # Safety
    ///
    /// What `f` borrows outlives the goroutine and the handle. With `shared_tls`, see
    /// `spawn_shared_tls`.
    pub(crate) unsafe fn start<'a, F, T>(
        self,
        f: F,
        scope: Option<Arc<ScopeData>>,
        shared_tls: bool,
        creator: usize,
    ) -> io::Result<Inner<'a, T>>
    where
        F: FnOnce() -> T + Send + 'a,
        T: Send + 'a,
    {
        boot::ensure()?;
        let name = self.name.map(String::into_boxed_str);
        let spawn = Spawn {
            entry: Task::<F, T>::run,
            stack: self.stack_size.or(host::default_stack()),
            name: name
                .as_deref()
                .map_or((0, 0), |name| (name.as_ptr().expose_provenance(), name.len())),
            shared_tls,
            creator,
        };
        let task = Unplaced::new(name, scope, f);
        let mut at = NonNull::<Task<F, T>>::dangling();
        let place = |gp| {
            at = task.place(gp);
            at.expose_provenance().get()
        };
        // SAFETY: `run` does not unwind, completes, and may run as long as the caller says. The name
        // lives in the task.
        let gp = unsafe { gort_rt::newproc(&spawn, place) }?;
        // SAFETY: its task, and the one handle.
        Ok(unsafe { Inner::new(gp, at) })
    }
}
