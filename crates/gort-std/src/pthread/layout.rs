//! Where libc keeps what its objects are: whether processes share them, of which type they are, by which clock they
//! wait. That is no part of its interface, so it is looked at in objects that it has initialised itself.
//!
//! # Safety
//!
//! Words of objects that the caller says are initialised. They do not change while the object is in use, or
//! are read as the atomics that they are.

#![allow(unsafe_code)]

use libc::{
    c_int, c_uint, pthread_barrier_t, pthread_cond_t, pthread_mutex_t, pthread_rwlock_t, sem_t,
};
use std::mem::MaybeUninit;
use std::ptr::null;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

/// What makes a mutex one of the kernel's: it is robust, or has a ceiling.
const KERNEL: u32 = 16 | 64;
/// Whoever owns it inherits priorities.
const INHERITS: u32 = 32;
/// Processes share it.
const SHARED: u32 = 128;
const TYPE: u32 = 3;

/// The word at `offset`.
///
/// # Safety
///
/// `object` is there, and is larger.
unsafe fn word<T>(object: *const T, offset: usize) -> &'static AtomicU32 {
    // SAFETY: the caller's contract; all of them are multiples of 4 bytes and aligned to that. The reference is
    // not kept.
    unsafe { &*object.cast::<AtomicU32>().byte_add(offset) }
}

unsafe fn read<T>(object: *const T, offset: usize) -> u32 {
    // SAFETY: the caller's contract.
    unsafe { word(object, offset).load(Ordering::Relaxed) }
}

/// Who owns the mutex, by libc's number.
pub(super) unsafe fn mutex_owner(mutex: *const pthread_mutex_t) -> u32 {
    // SAFETY: the caller's contract.
    unsafe { read(mutex, 8) }
}

unsafe fn mutex_kind(mutex: *const pthread_mutex_t) -> u32 {
    // SAFETY: the caller's contract.
    unsafe { read(mutex, 16) }
}

/// Whether goroutines may wait for it here.
pub(super) unsafe fn mutex_is_plain(mutex: *const pthread_mutex_t) -> bool {
    // SAFETY: the caller's contract.
    is_known() && unsafe { mutex_kind(mutex) } & (KERNEL | SHARED) == 0
}

/// Whether priorities are inherited, as far as threads have them, and goroutines may wait for it here.
#[inline(always)]
pub(super) unsafe fn mutex_inherits(mutex: *const pthread_mutex_t) -> bool {
    // SAFETY: the caller's contract.
    unsafe { mutex_kind(mutex) & INHERITS != 0 && mutex_is_plain(mutex) }
}

/// Whether only this process waits for it.
pub(super) unsafe fn mutex_is_private(mutex: *const pthread_mutex_t) -> bool {
    // SAFETY: the caller's contract.
    is_known() && unsafe { mutex_kind(mutex) } & SHARED == 0
}

/// Whether locking it twice is an error.
pub(super) unsafe fn mutex_checks(mutex: *const pthread_mutex_t) -> bool {
    // SAFETY: the caller's contract.
    unsafe { mutex_kind(mutex) & TYPE == libc::PTHREAD_MUTEX_ERRORCHECK as u32 }
}

/// The clock by which it waits.
pub(super) unsafe fn cond_clock(cond: *const pthread_cond_t) -> libc::clockid_t {
    // SAFETY: the caller's contract.
    if unsafe { read(cond, 36) } & 2 != 0 { libc::CLOCK_MONOTONIC } else { libc::CLOCK_REALTIME }
}

/// Who writes it, by libc's number.
pub(super) unsafe fn rwlock_writer(lock: *const pthread_rwlock_t) -> u32 {
    // SAFETY: the caller's contract.
    unsafe { read(lock, 24) }
}

pub(super) unsafe fn rwlock_is_private(lock: *const pthread_rwlock_t) -> bool {
    // SAFETY: the caller's contract.
    is_known() && unsafe { read(lock, 28) } == 0
}

pub(super) unsafe fn sem_is_private(sem: *const sem_t) -> bool {
    // SAFETY: the caller's contract.
    is_known() && unsafe { read(sem, 8) } == 0
}

pub(super) unsafe fn barrier_is_private(barrier: *const pthread_barrier_t) -> bool {
    // SAFETY: the caller's contract.
    is_known() && unsafe { read(barrier, 12) } == 0
}

/// How many have come to the barrier in this round, and how many there are in one.
pub(super) unsafe fn barrier_words(
    barrier: *const pthread_barrier_t,
) -> (&'static AtomicU32, c_uint) {
    // SAFETY: the caller's contract.
    unsafe { (word(barrier, 0), read(barrier, 8)) }
}

/// The calling thread's or goroutine's number, as libc's mutexes have it.
pub(super) fn own_id() -> u32 {
    let mut mutex = libc::PTHREAD_MUTEX_INITIALIZER;
    // SAFETY: a mutex of our own, which is unlocked again.
    unsafe {
        libc::pthread_mutex_trylock(&mut mutex);
        let owner = mutex_owner(&mutex);
        super::mutex::unlock(&mut mutex);
        owner
    }
}

/// Whether the objects are as they are taken to be here.
#[inline]
fn is_known() -> bool {
    static KNOWN: AtomicU8 = AtomicU8::new(0);
    match KNOWN.load(Ordering::Relaxed) {
        0 => {
            let known = look();
            KNOWN.store(if known { 1 } else { 2 }, Ordering::Relaxed);
            known
        }
        known => known == 1,
    }
}

/// Initialises objects of each sort, and looks.
#[cold]
fn look() -> bool {
    // SAFETY: objects and attributes on this stack, which own nothing.
    unsafe { mutexes() && conditions() && others() }
}

unsafe fn mutexes() -> bool {
    // SAFETY: as in `look`.
    unsafe {
        let mutex = |kind: c_int, shared: c_int| {
            let mut attr = MaybeUninit::uninit();
            libc::pthread_mutexattr_init(attr.as_mut_ptr());
            libc::pthread_mutexattr_settype(attr.as_mut_ptr(), kind);
            libc::pthread_mutexattr_setpshared(attr.as_mut_ptr(), shared);
            let mut mutex = libc::PTHREAD_MUTEX_INITIALIZER;
            libc::pthread_mutex_init(&mut mutex, attr.as_ptr());
            mutex
        };
        let plain = mutex(libc::PTHREAD_MUTEX_ERRORCHECK, libc::PTHREAD_PROCESS_PRIVATE);
        let shared = mutex(libc::PTHREAD_MUTEX_RECURSIVE, libc::PTHREAD_PROCESS_SHARED);
        mutex_kind(&plain) == libc::PTHREAD_MUTEX_ERRORCHECK as u32
            && mutex_kind(&shared) == libc::PTHREAD_MUTEX_RECURSIVE as u32 | SHARED
            && own_id() != 0
    }
}

unsafe fn conditions() -> bool {
    // SAFETY: as in `look`.
    unsafe {
        let cond = |clock, shared| {
            let mut attr = MaybeUninit::uninit();
            libc::pthread_condattr_init(attr.as_mut_ptr());
            libc::pthread_condattr_setclock(attr.as_mut_ptr(), clock);
            libc::pthread_condattr_setpshared(attr.as_mut_ptr(), shared);
            let mut cond = libc::PTHREAD_COND_INITIALIZER;
            libc::pthread_cond_init(&mut cond, attr.as_ptr());
            read(&cond, 36)
        };
        cond(libc::CLOCK_REALTIME, libc::PTHREAD_PROCESS_PRIVATE) == 0
            && cond(libc::CLOCK_REALTIME, libc::PTHREAD_PROCESS_SHARED) == 1
            && cond(libc::CLOCK_MONOTONIC, libc::PTHREAD_PROCESS_PRIVATE) == 2
    }
}

unsafe fn others() -> bool {
    // SAFETY: as in `look`.
    unsafe {
        let mut lock = libc::PTHREAD_RWLOCK_INITIALIZER;
        libc::pthread_rwlock_trywrlock(&mut lock);
        let locked = rwlock_writer(&lock) == own_id() && read(&lock, 28) == 0;
        super::rwlock::unlock(&mut lock);
        let mut attr = MaybeUninit::uninit();
        libc::pthread_rwlockattr_init(attr.as_mut_ptr());
        libc::pthread_rwlockattr_setpshared(attr.as_mut_ptr(), libc::PTHREAD_PROCESS_SHARED);
        libc::pthread_rwlock_init(&mut lock, attr.as_ptr());
        let mut sems = [MaybeUninit::<sem_t>::zeroed(), MaybeUninit::zeroed()];
        libc::sem_init(sems[0].as_mut_ptr(), 0, 5);
        libc::sem_init(sems[1].as_mut_ptr(), 1, 5);
        let mut barrier = MaybeUninit::<pthread_barrier_t>::zeroed();
        let mut shared = MaybeUninit::<pthread_barrier_t>::zeroed();
        libc::pthread_barrier_init(barrier.as_mut_ptr(), null(), 7);
        let mut attr = MaybeUninit::uninit();
        libc::pthread_barrierattr_init(attr.as_mut_ptr());
        libc::pthread_barrierattr_setpshared(attr.as_mut_ptr(), libc::PTHREAD_PROCESS_SHARED);
        libc::pthread_barrier_init(shared.as_mut_ptr(), attr.as_ptr(), 7);
        locked
            && read(&lock, 28) != 0
            && read(sems[0].as_ptr(), 8) == 0
            && read(sems[1].as_ptr(), 8) != 0
            && [0, 4, 8, 12].map(|offset| read(barrier.as_ptr(), offset)) == [0, 0, 7, 0]
            && read(shared.as_ptr(), 12) != 0
    }
}
