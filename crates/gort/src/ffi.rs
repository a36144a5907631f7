//! C: calling it, and being called back.
//!
//! A goroutine may call C as any Rust code does. What [`call`] and its like are for: C that needs more
//! stack than a goroutine has, C that may wait, and C that calls back.
//!
//! ```
//! use std::ffi::{c_int, c_void};
//!
//! unsafe extern "C" {
//!     fn qsort(
//!         base: *mut c_void,
//!         count: usize,
//!         size: usize,
//!         compare: unsafe extern "C" fn(*const c_void, *const c_void) -> c_int,
//!     );
//! }
//!
//! /// Called by C. In `callback` it is on the goroutine again, and may do whatever goroutines do.
//! unsafe extern "C" fn compare(a: *const c_void, b: *const c_void) -> c_int {
//!     // SAFETY: qsort passes elements of the array.
//!     let (a, b) = unsafe { (*a.cast::<u32>(), *b.cast::<u32>()) };
//!     gort::ffi::callback(|| {
//!         gort::gosched();
//!         a.cmp(&b) as c_int
//!     })
//! }
//!
//! gort::run(|| {
//!     let mut numbers = [3u32, 1, 2];
//!     // SAFETY: the array, its length, the size of an element, and an order of such elements.
//!     gort::ffi::call_with(|| unsafe {
//!         qsort(numbers.as_mut_ptr().cast(), 3, size_of::<u32>(), compare)
//!     });
//!     assert_eq!(numbers, [1, 2, 3]);
//! });
//! ```
//!
//! # What C sees
//!
//! A thread with 256 KiB of stack ([`set_stack_size`] gives more), whose thread-local variables are the
//! goroutine's: `errno`, a library's last error, pthread keys, `pthread_self()` are there at the next
//! call, on whatever thread that is. What belongs to the kernel's thread (its id, signal mask, affinity)
//! may be another's by then; [`lock_os_thread`](crate::lock_os_thread) keeps it.
//!
//! # What waits
//!
//! A call is a system call to the scheduler: it costs some nanoseconds, and if C is long in coming back
//! the P goes to other goroutines. In C a goroutine is not pre-empted, and is on its thread whatever it
//! does. So whatever of gort is called there without going by way of [`callback`] finds itself on an
//! ordinary thread: it waits by blocking the thread, which stands still for this goroutine only.
//!
//! # What must not be done
//!
//! Leave either of them by `longjmp`, a C++ exception or `pthread_exit`. A panic that gets to the end
//! of a callback ends the process.
//!
//! # Safety
//!
//! Closures are called once, on the thread and with the thread-local storage of their caller, by the
//! functions here, which wait for them.

#![allow(unsafe_code)]

use crate::{goexit, host, panic, runtime};
use gort_sys::raw;
use gort_sys::types::{SigAction, Signal};
use std::any::Any;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::abort;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;

/// Calls `f(arg)` on the system stack of the goroutine's thread, with the goroutine's thread-local
/// storage. On an ordinary thread it is a plain call.
///
/// What waits: the goroutine. Its P goes to others if the call lasts, after some 20 microseconds.
/// Go: `cgocall`.
///
/// # Safety
///
/// `f(arg)` may be called here, and returns: it does not unwind, `longjmp` away, or end the thread.
#[doc(alias = "cgocall")]
#[inline]
pub unsafe fn call(f: unsafe extern "C" fn(*mut c_void), arg: *mut c_void) {
    // SAFETY: the caller's contract.
    unsafe { gort_rt::cgocall(f, arg) }
}

/// [`call`] for any signature: calls `f` on the system stack, and returns what it returns.
///
/// ```
/// # unsafe extern "C" { fn abs(n: std::ffi::c_int) -> std::ffi::c_int; }
/// // SAFETY: it takes any number but the least.
/// let n = gort::run(|| gort::ffi::call_with(|| unsafe { abs(-5) }));
/// assert_eq!(n, 5);
/// ```
///
/// # Panics
///
/// With `f`'s panic, which must not come through C.
#[inline]
pub fn call_with<R>(f: impl FnOnce() -> R) -> R {
    let mut job = Job::new(f);
    // SAFETY: `work` catches what `f` unwinds; the job is there until the call returns.
    unsafe { gort_rt::cgocall(job.work(), job.arg()) }
    job.finish()
}

/// [`call_with`] for C that will wait: the P goes to others before, not after it has waited for some
/// time. It is dearer when C does not wait after all.
///
/// ```
/// # unsafe extern "C" { fn usleep(micros: u32) -> std::ffi::c_int; }
/// // SAFETY: it takes any number.
/// gort::run(|| gort::ffi::call_blocking(|| unsafe { usleep(100) }));
/// ```
///
/// # Panics
///
/// As for [`call_with`].
pub fn call_blocking<R>(f: impl FnOnce() -> R) -> R {
    let mut job = Job::new(f);
    // SAFETY: as in `call_with`.
    unsafe { gort_rt::cgocall_blocking(job.work(), job.arg()) }
    job.finish()
}

/// Sets how much stack C has that goroutines call, in bytes: 256 KiB unless set, at least 64 KiB. It
/// is for threads that are started from now on, so set it before the first goroutine. The memory is
/// reserved for each thread of the runtime, and used as far as it is touched.
///
/// ```
/// gort::ffi::set_stack_size(8 << 20);
/// ```
pub fn set_stack_size(bytes: usize) {
    host::set_stack_size(bytes);
}

/// Runs `f` on a goroutine, called by C on any thread, and returns what it returns. `f` may do whatever
/// a goroutine may: park, yield, start others, call C again, to any depth.
///
/// In C that a goroutine has called, it is that goroutine, back on its own stack. On a thread that is
/// not the runtime's it is a goroutine of the thread's own, which has the thread's thread-local storage
/// and a stack as [`go`](fn@crate::go) makes it; the first callback starts the runtime if need be. On a
/// goroutine it is a call.
///
/// What waits: the goroutine, for a P. While `f` runs the goroutine is locked to its thread, as by
/// [`lock_os_thread`](crate::lock_os_thread); while it is parked the thread sleeps, or works for the
/// scheduler on what is left of C's stack, for which it needs 32 KiB.
///
/// A thread that is not the runtime's keeps what it needs for callbacks until it ends, a larger
/// alternate signal stack (64 KiB) among it.
///
/// # Aborts
///
/// The process ends, with a message, when `f` panics or calls [`goexit`](fn@crate::goexit), for C's
/// frames cannot be unwound; when the runtime cannot run on this system, or has no memory for the
/// thread; in a signal handler; and in a child made by `fork`, on a thread that had not called back
/// before.
#[doc(alias = "cgocallback")]
pub fn callback<R>(f: impl FnOnce() -> R) -> R {
    let mut job = Job::new(f);
    let (answer, arg) = (job.answer(), job.arg().expose_provenance());
    // SAFETY: `answer` does not unwind; the job is there until it has been done. The second is called
    // if the first finds that the thread is nobody's.
    let done = unsafe {
        match gort_rt::cgocallback(answer, arg) {
            true => Ok(()),
            false => host::foreign::callback(answer, arg),
        }
    };
    if let Err(error) = done {
        say(&format!("a callback from C on {}: {error}", runtime::title()));
        abort();
    }
    job.finish()
}

/// A closure on its way to another stack, and its result on the way back.
struct Job<F, R> {
    closure: Option<F>,
    result: Option<thread::Result<R>>,
}

impl<F: FnOnce() -> R, R> Job<F, R> {
    fn new(closure: F) -> Job<F, R> {
        Job { closure: Some(closure), result: None }
    }

    fn arg(&mut self) -> *mut c_void {
        (&raw mut *self).cast()
    }

    fn finish(self) -> R {
        match self.result {
            Some(Ok(value)) => value,
            Some(Err(payload)) => resume_unwind(payload),
            None => unreachable!("the closure has not been called"),
        }
    }

    /// What does it for Rust, that gets a panic back.
    fn work(&self) -> unsafe extern "C" fn(*mut c_void) {
        unsafe extern "C" fn work<F: FnOnce() -> R, R>(job: *mut c_void) {
            // SAFETY: the caller's own job, which waits for this.
            unsafe { (*job.cast::<Job<F, R>>()).run() }
        }
        work::<F, R>
    }

    /// What does it for C, that does not.
    fn answer(&self) -> unsafe extern "C" fn(usize) {
        unsafe extern "C" fn answer<F: FnOnce() -> R, R>(job: usize) {
            let job = std::ptr::with_exposed_provenance_mut::<Job<F, R>>(job);
            // SAFETY: as in `work`.
            let job = unsafe { &mut *job };
            job.run();
            if let Some(Err(payload)) = &job.result {
                die(&**payload);
            }
        }
        answer::<F, R>
    }

    #[inline]
    fn run(&mut self) {
        if let Some(closure) = self.closure.take() {
            self.result = Some(catch_unwind(AssertUnwindSafe(closure)));
        }
    }
}

/// What `f` unwinds has come to C. Nothing of the program's runs from here on, but its handler of
/// SIGABRT: should that come here too, it is over at once. Go: `m.dying`.
#[cold]
fn die(payload: &(dyn Any + Send)) -> ! {
    static DYING: AtomicI32 = AtomicI32::new(0);
    let thread = raw::gettid().0;
    match DYING.compare_exchange(0, thread, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => {
            let trace = panic::take_trace().map(|trace| format!("\n{trace}")).unwrap_or_default();
            let who = runtime::title();
            say(&if goexit::is_goexit(payload) {
                format!(
                    "{who} called goexit in a callback from C, whose frames it cannot end{trace}"
                )
            } else {
                let what = panic::message(payload);
                format!(
                    "{who} panicked in a callback from C, which cannot be unwound: {what}{trace}"
                )
            });
        }
        // Let the first have its say.
        Err(other) if other != thread => loop {
            let _ = raw::pause();
        },
        // In its handler, which would be called again and again.
        Err(_) => {
            // SAFETY: what a signal without a handler does.
            let _ = unsafe { raw::rt_sigaction(Signal::ABRT, Some(&SigAction::DEFAULT), None) };
        }
    }
    abort()
}

/// Without std's lock, which somebody may hold who waits for this.
fn say(what: &str) {
    let text = format!("fatal error: gort: {what}\n");
    let mut rest = text.as_bytes();
    while let Ok(len @ 1..) = raw::write(std::io::stderr(), rest) {
        rest = &rest[len..];
    }
}
