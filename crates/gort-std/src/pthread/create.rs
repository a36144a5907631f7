//! Threads that are goroutines: `pthread_create` and what goes with it.
//!
//! # What becomes a goroutine
//!
//! Once [`threads!`](crate::threads) or the environment has asked for it, whatever `pthread_create` is called for, but
//!
//! - what the runtime itself starts, inside of which `locks` is raised;
//! - what is started in [`passthrough`](crate::passthrough), in a signal's handler, and in a child after `fork`;
//! - what asks for something that only a thread has: a stack of the program's own, a scheduling policy, an
//!   affinity, a signal mask, a larger guard than goroutines have;
//! - everything, where the runtime cannot run.
//!
//! The main thread stays a thread.
//!
//! # How one ends
//!
//! By returning, or by `pthread_exit`, which is libc's: it unwinds to `call_until_exit`, and runs what C and C++ have
//! to clean up on the way. Thread-local variables and keys are destroyed by the goroutine's end, before whoever
//! joins goes on. Nobody can be cancelled: there is no signal for one goroutine.
//!
//! libc ends the process with its last thread, which the runtime's threads never let happen. So if the main thread has ended
//! itself, the last goroutine does that ([`LIVE`]).
//!
//! # Safety
//!
//! Each function has the contract of libc's function of its name.

#![allow(unsafe_code)]

use super::clock::Deadline;
use super::count::{self, Waiting, is_forked, wake};
use super::record::{self, Record, State};
use crate::arch::{UnwindBuf, call_until_exit};
use crate::here;
use crate::real::real;
use crate::taken::take_over;
use gort::{Builder, JoinHandle};
use gort_rt::WaitReason;
use gort_rt::sync::Place;
use gort_sys::context::slot;
use gort_sys::raw;
use libc::{c_char, c_int, c_void, pthread_attr_t, pthread_t, size_t};
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

type Routine = unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void;

static ENABLED: AtomicBool = AtomicBool::new(false);

/// How many goroutines are threads to C and not over.
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// Whether the main thread has ended itself.
static MAIN_GONE: AtomicBool = AtomicBool::new(false);

/// From now on threads are goroutines.
pub(crate) fn enable() {
    ENABLED.store(true, Ordering::Relaxed);
}

/// Makes every thread that the program starts a goroutine: `pthread_create`, and so `std::thread::spawn`, C's and C++'s
/// threads, and whatever crate or library starts one. Written once in the program, outside of functions; the environment can do the
/// same with `GORT_STD=threads`.
///
/// It is a macro of the program's, not a feature of the crate: cargo gives all programs of a workspace the features
/// that one of them asks for.
///
/// ```standalone_crate
/// gort_std::threads!();
///
/// fn main() {
///     let threads: Vec<_> = (0..1_000)
///         .map(|n| std::thread::spawn(move || (n, gort::current().is_some())))
///         .collect();
///     for (n, thread) in threads.into_iter().enumerate() {
///         assert_eq!(thread.join().unwrap(), (n, true));
///     }
/// }
/// ```
///
/// What the kernel keeps for each thread (signal mask, thread id, affinity, namespaces, rings of io_uring) is not the
/// goroutine's: threads that use it have to be started in [`passthrough`](crate::passthrough).
///
/// The main thread stays a thread, and when `main` returns the process ends. Stack size, detached state and names are
/// as asked for; a thread that is to have a stack of the program's own, a scheduling policy, an affinity or a signal
/// mask is a thread, and so is what is started in [`passthrough`](crate::passthrough). `pthread_cancel` and
/// `pthread_kill` of another goroutine are refused (ENOTSUP).
#[macro_export]
macro_rules! threads {
    () => {
        const _: () = {
            #[used]
            #[unsafe(link_section = ".init_array")]
            static THREADS: extern "C" fn() = $crate::__threads;
        };
    };
}

/// What a goroutine is to be.
struct Wanted {
    stack: usize,
    detached: bool,
}

/// The longest guard that goroutines have.
const GUARD: usize = 64 << 10;
/// The largest stack.
const STACK: usize = 512 << 20;

/// What the attributes ask for; `None` if only a thread can be that.
unsafe fn wanted(attr: *const pthread_attr_t) -> Option<Wanted> {
    let (mut stack, mut guard, mut detached, mut inherit) = (0, 0, 0, 0);
    let mut default = MaybeUninit::uninit();
    // SAFETY: the caller's contract; the default is initialised before it is looked at, and destroyed.
    unsafe {
        if attr.is_null() {
            if real!(pthread_getattr_default_np(default.as_mut_ptr()): fn(*mut pthread_attr_t) -> c_int)
                != 0
            {
                return None;
            }
            libc::pthread_attr_getstacksize(default.as_ptr(), &mut stack);
            libc::pthread_attr_destroy(default.as_mut_ptr());
        } else {
            let (mut at, mut size, mut cpus) = (std::ptr::null_mut(), 0, [0u8; 128]);
            let mut mask = MaybeUninit::<libc::sigset_t>::uninit();
            libc::pthread_attr_getstacksize(attr, &mut stack);
            libc::pthread_attr_getguardsize(attr, &mut guard);
            real!(pthread_attr_getdetachstate(attr, &mut detached): fn(*const pthread_attr_t, *mut c_int) -> c_int);
            libc::pthread_attr_getinheritsched(attr, &mut inherit);
            libc::pthread_attr_getstack(attr, &mut at, &mut size);
            libc::pthread_attr_getaffinity_np(attr, cpus.len(), cpus.as_mut_ptr().cast());
            // Where no stack has been given, its upper end is 0.
            let own_stack = at.addr().wrapping_add(size) != 0;
            // libc says that there is none by -1.
            let masked = real!(pthread_attr_getsigmask_np(attr, mask.as_mut_ptr()): fn(*const pthread_attr_t, *mut libc::sigset_t) -> c_int)
                == 0;
            let plain = !own_stack
                && !masked
                && inherit == libc::PTHREAD_INHERIT_SCHED
                && guard <= GUARD
                && cpus.iter().all(|cpus| *cpus == !0);
            if !plain {
                return None;
            }
        }
    }
    let detached = detached == libc::PTHREAD_CREATE_DETACHED;
    (stack <= STACK).then_some(Wanted { stack, detached })
}

unsafe fn create(
    thread: *mut pthread_t,
    attr: *const pthread_attr_t,
    routine: Routine,
    arg: *mut c_void,
) -> c_int {
    let ours = ENABLED.load(Ordering::Relaxed)
        && slot::locks() == 0
        && !here::is_aside()
        && !is_forked()
        && !entries::pthread_create.is_off();
    if ours {
        // SAFETY: the caller's contract.
        unsafe {
            if let Some(wanted) = wanted(attr)
                && let Some(result) = start(&wanted, thread, routine, arg.expose_provenance())
            {
                return result;
            }
        }
    }
    // SAFETY: the caller's contract; libc's types.
    unsafe {
        real!(pthread_create(thread, attr, routine, arg): fn(*mut pthread_t, *const pthread_attr_t, Routine, *mut c_void) -> c_int)
    }
}

/// `None` if it has to be a thread.
unsafe fn start(
    wanted: &Wanted,
    thread: *mut pthread_t,
    routine: Routine,
    arg: usize,
) -> Option<c_int> {
    let record = record::take()?;
    // Who joins or detaches it waits until there is a handle.
    let mut state = record.state.lock();
    *state = State { detached: wanted.detached, ..State::default() };
    // It may run, and look, before this returns.
    // SAFETY: the caller's contract.
    unsafe { thread.write(record.thread()) };
    let builder = Builder::new().stack_size(wanted.stack);
    LIVE.fetch_add(1, Ordering::Relaxed);
    match builder.spawn(move || run(record, routine, arg)) {
        Ok(handle) => state.handle = Some(handle),
        Err(error) => {
            drop(state);
            record.give();
            LIVE.fetch_sub(1, Ordering::Relaxed);
            return (error.kind() != io::ErrorKind::Unsupported).then_some(libc::EAGAIN);
        }
    }
    drop(state);
    if wanted.detached {
        record.detach();
    }
    Some(0)
}

/// On the goroutine.
fn run(record: &'static Record, routine: Routine, arg: usize) -> usize {
    record.enter();
    let (mut buf, mut result) = (UnwindBuf::new(), std::ptr::null_mut());
    let arg = std::ptr::with_exposed_provenance_mut(arg);
    // SAFETY: `pthread_create`'s caller has said that it may be called.
    let exited = unsafe { call_until_exit(&mut buf, routine, arg, &mut result) } != 0;
    // SeqCst, here and in `exit`: either this one sees that the main thread has gone, or that one that nobody is left.
    if LIVE.fetch_sub(1, Ordering::SeqCst) == 1 && MAIN_GONE.load(Ordering::SeqCst) {
        // SAFETY: what libc does when the last thread ends.
        unsafe { libc::exit(0) };
    }
    if exited { record.exit.load(Ordering::Relaxed) } else { result.expose_provenance() }
}

/// How to join.
#[derive(Clone, Copy)]
pub(super) enum Patience {
    None,
    Until(Deadline),
    Forever,
}

/// Wakes who joins.
struct Bell(usize);

impl Wake for Bell {
    fn wake(self: Arc<Bell>) {
        wake(self.0, usize::MAX);
    }
}

type Ended = std::thread::Result<usize>;

/// Waits until it is over, or until then; gives the handle back if it is not.
fn wait_for(
    record: &'static Record,
    mut handle: JoinHandle<usize>,
    patience: Patience,
) -> Result<Ended, (JoinHandle<usize>, c_int)> {
    match patience {
        Patience::Forever => Ok(handle.join()),
        Patience::None if handle.is_finished() => Ok(handle.join()),
        Patience::None => Err((handle, libc::EBUSY)),
        Patience::Until(until) => {
            count::arm();
            let key = record.thread() as usize | 2;
            let waker = Waker::from(Arc::new(Bell(key)));
            let waiting =
                Waiting { key, place: Place::Back, reason: WaitReason::Join, until: Some(until) };
            let ended = waiting.until_it_works(|| {
                match Pin::new(&mut handle).poll(&mut Context::from_waker(&waker)) {
                    Poll::Ready(ended) => Some(ended),
                    Poll::Pending => None,
                }
            });
            ended.ok_or((handle, libc::ETIMEDOUT))
        }
    }
}

/// # Safety
///
/// `value` is null or to be written.
pub(super) unsafe fn join(
    record: &'static Record,
    value: *mut *mut c_void,
    patience: Patience,
) -> c_int {
    if record::own().is_some_and(|own| std::ptr::eq(own, record)) {
        return libc::EDEADLK;
    }
    let mut state = record.state.lock();
    let detached = state.detached;
    let Some(handle) = state.handle.take_if(|_| !detached) else { return libc::EINVAL };
    drop(state);
    match wait_for(record, handle, patience) {
        Ok(ended) => {
            // Who has ended otherwise has ended as one that was cancelled.
            let ended = ended.unwrap_or(usize::MAX);
            // SAFETY: the caller's contract.
            unsafe {
                if let Some(value) = value.as_mut() {
                    *value = std::ptr::with_exposed_provenance_mut(ended);
                }
            }
            record.give();
            0
        }
        Err((handle, errno)) => {
            record.state.lock().handle = Some(handle);
            errno
        }
    }
}

fn detach(record: &'static Record) -> c_int {
    let mut state = record.state.lock();
    if state.detached || state.handle.is_none() {
        return libc::EINVAL;
    }
    state.detached = true;
    drop(state);
    record.detach();
    0
}

/// Ends the calling thread, or the goroutine if `pthread_create` has made it.
unsafe fn exit(value: *mut c_void) -> ! {
    let goroutine = gort_rt::current().is_some() || gort_rt::in_c().is_some();
    match record::own() {
        Some(record) if gort_rt::current().is_some() => {
            record.exit.store(value.expose_provenance(), Ordering::Relaxed);
        }
        Some(_) => gort_rt::throw("gort-std: pthread_exit in C that gort::ffi has called"),
        None if goroutine => gort_rt::throw(
            "gort-std: pthread_exit on a goroutine that is no thread: gort::goexit ends it",
        ),
        None if ENABLED.load(Ordering::Relaxed) && raw::gettid() == raw::getpid() => {
            MAIN_GONE.store(true, Ordering::SeqCst);
            if LIVE.load(Ordering::SeqCst) == 0 {
                // SAFETY: as in `run`.
                unsafe { libc::exit(0) };
            }
        }
        None => {}
    }
    // SAFETY: the caller's contract; on a goroutine `call_until_exit` is where it ends.
    unsafe { real!(pthread_exit(value): fn(*mut c_void) -> !) }
}

/// The goroutine's record, or libc's thread.
fn self_here() -> pthread_t {
    match record::own() {
        Some(record) => record.thread(),
        // SAFETY: libc's type.
        None => unsafe { real!(pthread_self(): fn() -> pthread_t) },
    }
}

unsafe fn kill(thread: pthread_t, signal: c_int) -> c_int {
    match record::of(thread) {
        Some(_) if signal == 0 => 0,
        Some(record) if record::own().is_some_and(|own| std::ptr::eq(own, record)) => {
            // SAFETY: of the thread that it runs on.
            match unsafe { libc::raise(signal) } {
                0 => 0,
                _ => libc::EINVAL,
            }
        }
        Some(_) => libc::ENOTSUP,
        // SAFETY: the caller's contract; libc's types.
        None => unsafe { real!(pthread_kill(thread, signal): fn(pthread_t, c_int) -> c_int) },
    }
}

unsafe fn set_name(thread: pthread_t, name: *const c_char) -> c_int {
    let Some(record) = record::of(thread) else {
        // SAFETY: the caller's contract; libc's types.
        return unsafe {
            real!(pthread_setname_np(thread, name): fn(pthread_t, *const c_char) -> c_int)
        };
    };
    // SAFETY: the caller's contract: it is terminated.
    let (name, length) = unsafe { (name, libc::strlen(name)) };
    let mut state = record.state.lock();
    if length >= state.name.len() {
        return libc::ERANGE;
    }
    // SAFETY: so long, with its end.
    unsafe { name.copy_to(state.name.as_mut_ptr(), length + 1) };
    0
}

unsafe fn get_name(thread: pthread_t, name: *mut c_char, size: size_t) -> c_int {
    let Some(record) = record::of(thread) else {
        // SAFETY: the caller's contract; libc's types.
        return unsafe {
            real!(pthread_getname_np(thread, name, size): fn(pthread_t, *mut c_char, size_t) -> c_int)
        };
    };
    let state = record.state.lock();
    if size < state.name.len() {
        return libc::ERANGE;
    }
    // SAFETY: the caller's contract: there is room.
    unsafe { name.copy_from(state.name.as_ptr(), state.name.len()) };
    0
}

take_over! {
    /// Starts a goroutine, if threads are to be goroutines.
    fn pthread_create(thread: *mut pthread_t, attr: *const pthread_attr_t, routine: Routine, arg: *mut c_void) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { create(thread, attr, routine, arg) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { create(thread, attr, routine, arg) }
    }

    /// The goroutine's own, if it is a thread to C.
    fn pthread_self() -> pthread_t else { self_here() } => { self_here() }

    /// Knows goroutines that are threads to C.
    fn pthread_detach(thread: pthread_t) -> c_int else {
        // SAFETY: the caller's contract; libc's type.
        record::of(thread).map_or_else(|| unsafe { real!(pthread_detach(thread): fn(pthread_t) -> c_int) }, detach)
    } => {
        // SAFETY: as above.
        record::of(thread).map_or_else(|| unsafe { real!(pthread_detach(thread): fn(pthread_t) -> c_int) }, detach)
    }

    /// Ends a goroutine that is a thread to C.
    fn pthread_exit(value: *mut c_void) -> ! else {
        // SAFETY: the caller's contract.
        unsafe { exit(value) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { exit(value) }
    }

    /// Refuses goroutines (ENOTSUP).
    fn pthread_cancel(thread: pthread_t) -> c_int else {
        // SAFETY: the caller's contract; libc's type.
        record::of(thread).map_or_else(|| unsafe { real!(pthread_cancel(thread): fn(pthread_t) -> c_int) }, |_| libc::ENOTSUP)
    } => {
        // SAFETY: as above.
        record::of(thread).map_or_else(|| unsafe { real!(pthread_cancel(thread): fn(pthread_t) -> c_int) }, |_| libc::ENOTSUP)
    }

    /// Signals the goroutine itself; refuses others (ENOTSUP).
    fn pthread_kill(thread: pthread_t, signal: c_int) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { kill(thread, signal) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { kill(thread, signal) }
    }

    /// Knows goroutines that are threads to C.
    fn pthread_setname_np(thread: pthread_t, name: *const c_char) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { set_name(thread, name) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { set_name(thread, name) }
    }

    /// Knows goroutines that are threads to C.
    fn pthread_getname_np(thread: pthread_t, name: *mut c_char, size: size_t) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { get_name(thread, name, size) }
    } => {
        // SAFETY: the caller's contract.
        unsafe { get_name(thread, name, size) }
    }
}
