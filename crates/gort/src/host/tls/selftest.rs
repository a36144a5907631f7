//! Tries out a block before goroutines get any.
//!
//! # Safety
//!
//! Runs functions on the present stack with a scratch block's thread pointer, all signals blocked: a
//! handler, libc's own above all, must not run meanwhile. The functions are libc's, or read variables
//! through calls that the compiler cannot see through.

#![allow(unsafe_code)]

use super::Tls;
use super::fs::call_with;
use super::image::Scratch;
use super::unsupported::Unsupported;
use core::cell::Cell;
use core::ffi::c_void;
use core::hint::black_box;
use core::mem::MaybeUninit;
use core::ptr;
use gort_sys::raw;
use gort_sys::types::{SigHow, SigSet};

/// A block without a stack, freed when dropped.
struct Trial<'a> {
    tls: &'a Tls,
    fs: usize,
    scratch: Scratch,
}

impl<'a> Trial<'a> {
    fn new(tls: &'a Tls) -> Result<Trial<'a>, Unsupported> {
        let scratch = Scratch::new(&tls.layout.named)?;
        let slot = scratch.slot();
        // SAFETY: the scratch slot is ours and has room for a block.
        let fs = unsafe { tls.build(slot.lo, slot.hi, slot.guard) };
        Ok(Trial { tls, fs: fs.map_err(|_| Unsupported::Memory)?, scratch })
    }

    /// Makes the block new.
    fn reset(&self) {
        let slot = self.scratch.slot();
        // SAFETY: the block is of this slot, and nothing runs with it.
        unsafe { self.tls.reset(self.fs, slot.lo, slot.hi, slot.guard) };
    }

    /// Runs `f` with the block's thread pointer.
    fn with<T>(&self, f: impl FnOnce() -> T) -> Option<T> {
        struct Call<F, T>(Option<F>, Option<T>);
        unsafe extern "C" fn enter<F: FnOnce() -> T, T>(call: *mut c_void) {
            // SAFETY: `with` passes its own `Call`.
            let Call(f, result) = unsafe { &mut *call.cast::<Call<F, T>>() };
            *result = f.take().map(|f| f());
        }
        let mut call = Call(Some(f), None);
        let old = raw::rt_sigprocmask(SigHow::SETMASK, Some(&SigSet::FULL)).ok()?;
        // SAFETY: the module's contract: nobody else has the block, and no signal comes.
        unsafe { call_with(self.fs, enter_for(&call), (&raw mut call).cast()) };
        raw::rt_sigprocmask(SigHow::SETMASK, Some(&old)).ok()?;
        return call.1;

        /// `enter` for the closure's type, which has no name.
        fn enter_for<F: FnOnce() -> T, T>(_: &Call<F, T>) -> unsafe extern "C" fn(*mut c_void) {
            enter::<F, T>
        }
    }
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        // SAFETY: nothing runs with the block any more.
        unsafe { self.tls.destroy(self.fs) };
    }
}

/// A variable with an initial value.
const MARK: u64 = 0x600d_7175_0000_600d;
thread_local! { static VARIABLE: Cell<u64> = const { Cell::new(MARK) }; }

thread_local! { static DESTROYED: Cell<u32> = const { Cell::new(0) }; }
unsafe extern "C" fn count(_: *mut c_void) {
    DESTROYED.set(DESTROYED.get() + 1);
}

unsafe extern "C" {
    fn __res_state() -> *mut c_void;
}

/// Does a block behave as a thread's, and is it new again after `reset`?
pub(super) fn run(tls: &Tls) -> Result<(), Unsupported> {
    let mut mutex = MaybeUninit::<libc::pthread_mutex_t>::uninit();
    let mut key = 0;
    // SAFETY: the attributes and the mutex are initialised here before use, and not moved.
    unsafe {
        let mut attributes = MaybeUninit::uninit();
        libc::pthread_mutexattr_init(attributes.as_mut_ptr());
        let kind = libc::PTHREAD_MUTEX_ERRORCHECK;
        libc::pthread_mutexattr_settype(attributes.as_mut_ptr(), kind);
        libc::pthread_mutex_init(mutex.as_mut_ptr(), attributes.as_ptr());
        if libc::pthread_key_create(&mut key, Some(count)) != 0 {
            return Err(Unsupported::SelfTest("no key"));
        }
    }
    let answer = Trial::new(tls).and_then(|trial| {
        let check = |answer: Option<Result<(), &'static str>>| match answer {
            Some(Ok(())) => Ok(()),
            Some(Err(what)) => Err(Unsupported::SelfTest(what)),
            None => Err(Unsupported::SelfTest("signals cannot be blocked")),
        };
        for _ in 0..2 {
            check(trial.with(|| first_half(&trial, mutex.as_mut_ptr(), key)))?;
            // SAFETY: the mutex is initialised; this thread has not locked it.
            if unsafe { libc::pthread_mutex_unlock(mutex.as_mut_ptr()) } != libc::EPERM {
                return Err(Unsupported::SelfTest("a mutex does not know its owner"));
            }
            check(trial.with(|| second_half(tls, mutex.as_mut_ptr())))?;
            trial.reset();
        }
        Ok(())
    });
    // SAFETY: both exist, and nobody uses them any more.
    unsafe {
        libc::pthread_key_delete(key);
        libc::pthread_mutex_destroy(mutex.as_mut_ptr());
    }
    answer
}

fn ensure(holds: bool, what: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(what) }
}

/// A thread's beginning, up to the mutex being locked.
#[inline(never)]
fn first_half(
    trial: &Trial<'_>,
    mutex: *mut libc::pthread_mutex_t,
    key: libc::pthread_key_t,
) -> Result<(), &'static str> {
    let fs = trial.fs;
    // SAFETY: libc's functions on the objects of `run`, as any thread may call them.
    unsafe {
        trial.tls.first_run();
        ensure(libc::pthread_self() as usize == fs, "pthread_self is another's")?;
        let errno = libc::__errno_location();
        let below = fs - trial.tls.layout.named.below()..fs;
        ensure(below.contains(&(errno as usize)), "errno is not in the block")?;
        ensure(*errno == 0, "errno is not zero at first")?;
        libc::close(-1);
        ensure(*errno == libc::EBADF, "errno is not set")?;
        ensure(VARIABLE.replace(0) == MARK, "a variable has not its initial value")?;
        let state = __res_state() as usize;
        ensure(state == fs + trial.tls.layout.res, "the resolver's state is another's")?;
        ensure(libc::pthread_getspecific(key).is_null(), "a key has a value at first")?;
        let value = ptr::without_provenance(8);
        ensure(libc::pthread_setspecific(key, value) == 0, "a key takes no value")?;
        ensure(libc::pthread_getspecific(key) == value.cast_mut(), "a key keeps no value")?;
        ensure(libc::isalpha(b'a'.into()) != 0, "there are no character tables")?;
        ensure(libc::pthread_mutex_lock(mutex) == 0, "a mutex cannot be locked")?;
        let again = libc::pthread_mutex_lock(mutex);
        ensure(again == libc::EDEADLK, "a mutex does not know its owner")
    }
}

/// The rest, to the thread's end.
#[inline(never)]
fn second_half(tls: &Tls, mutex: *mut libc::pthread_mutex_t) -> Result<(), &'static str> {
    // SAFETY: the mutex is `run`'s; the block runs its exit sequence once, here.
    unsafe {
        ensure(libc::pthread_mutex_unlock(mutex) == 0, "a mutex forgets its owner")?;
        ensure(DESTROYED.get() == 0, "a destructor runs early")?;
        tls.exit_sequence();
        ensure(DESTROYED.get() == 1, "a destructor does not run once")
    }
}

/// Whether malloc, run with a block into which the `words` of this thread were copied, works on this
/// thread's own cache: it must hand out what was freed last.
pub(super) fn shares_malloc(tls: &Tls, words: &[isize]) -> Result<bool, Unsupported> {
    let trial = Trial::new(tls)?;
    let own = super::fs::thread_pointer();
    // SAFETY: the words are in the static TLS of both. `black_box` keeps the allocations.
    let (freed, handed_out, and_back) = unsafe {
        let take_and_free = || {
            let chunk = black_box(libc::malloc(black_box(24)));
            libc::free(chunk);
            chunk as usize
        };
        let freed = take_and_free();
        copy_words(words, own, trial.fs);
        let handed_out = trial.with(take_and_free);
        copy_words(words, trial.fs, own);
        (Some(freed), handed_out, Some(take_and_free()))
    };
    Ok(handed_out == freed && and_back == freed)
}

/// Copies the words at these offsets from one thread pointer to those from another.
///
/// # Safety
///
/// Both have static TLS at these offsets, and nothing runs with `to` on another thread.
unsafe fn copy_words(words: &[isize], from: usize, to: usize) {
    for offset in words {
        let (from, to) = (from.wrapping_add_signed(*offset), to.wrapping_add_signed(*offset));
        // SAFETY: the caller's promise.
        unsafe { super::layout::put(to, super::layout::get(from)) };
    }
}
