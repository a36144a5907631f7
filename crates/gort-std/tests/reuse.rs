//! C's objects whose addresses were others' before, or whose waiters are found among others; and mutexes that inherit
//! priorities.
//!
//! # Safety
//!
//! The objects are static, or live until whoever uses them is done. Handlers and forked children make system calls.

#![allow(unsafe_code)]

mod support;

use gort_std as _;
use libc::{c_int, c_void, pthread_mutex_t, pthread_rwlock_t};
use std::cell::UnsafeCell;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use support::alone;

/// Room for any of them, which excludes by itself.
#[repr(C, align(16))]
struct Room(UnsafeCell<[u64; 8]>);

// SAFETY: used by functions that may be called on any thread.
unsafe impl Sync for Room {}

impl Room {
    const fn new() -> Room {
        Room(UnsafeCell::new([0; 8]))
    }

    fn at<T>(&self) -> *mut T {
        self.0.get().cast()
    }
}

/// What was a condition is a mutex, and who waits for it is woken.
#[test]
fn what_was_a_condition_may_be_a_mutex() {
    static ROOM: Room = Room::new();
    static MUTEX: Room = Room::new();
    // SAFETY: see above, here and in all that follows.
    alone("reused", || unsafe {
        gort_sys::raw::alarm(60);
        gort::run(|| {
            libc::pthread_mutex_lock(MUTEX.at());
            let waits = gort::go(|| {
                libc::pthread_mutex_lock(MUTEX.at());
                libc::pthread_cond_signal(ROOM.at());
                libc::pthread_mutex_unlock(MUTEX.at());
            });
            assert_eq!(libc::pthread_cond_wait(ROOM.at(), MUTEX.at()), 0);
            libc::pthread_mutex_unlock(MUTEX.at());
            waits.join().expect("it does not panic");
            ROOM.0.get().write([0; 8]);
            libc::pthread_mutex_lock(ROOM.at());
            let waits = gort::go(|| libc::pthread_mutex_lock(ROOM.at()));
            gort::time::sleep(Duration::from_millis(20));
            libc::pthread_mutex_unlock(ROOM.at());
            assert_eq!(waits.join().expect("it does not panic"), 0);
        });
    });
}

static WORD: AtomicU32 = AtomicU32::new(0);

fn futex(operation: c_int, value: u32) {
    // SAFETY: a static word.
    unsafe {
        libc::syscall(libc::SYS_futex, &WORD, operation | libc::FUTEX_PRIVATE_FLAG, value, 0_usize)
    };
}

extern "C" fn wake(_: c_int) {
    WORD.store(1, Ordering::Relaxed);
    futex(libc::FUTEX_WAKE, 1);
}

/// A handler that wakes at a futex leaves those alone who wait to write.
#[test]
fn who_waits_to_write_waits_at_no_futex() {
    static LOCKS: [Room; 2000] = [const { Room::new() }; 2000];
    // SAFETY: as above.
    alone("writers", || unsafe {
        gort_sys::raw::alarm(60);
        gort::run(|| {
            libc::signal(libc::SIGUSR1, wake as *const () as usize);
            let locks = || LOCKS.iter().map(Room::at::<pthread_rwlock_t>);
            locks().for_each(|lock| assert_eq!(libc::pthread_rwlock_rdlock(lock), 0));
            let writers: Vec<_> = LOCKS
                .iter()
                .map(|room| gort::go(|| libc::pthread_rwlock_wrlock(room.at())))
                .collect();
            let waits = gort::go(|| futex(libc::FUTEX_WAIT, 0));
            let address = (&raw const WORD).addr();
            while !gort_rt::sync::futex_is_waited_at(address) {
                gort::gosched();
            }
            gort::time::sleep(Duration::from_millis(50));
            libc::raise(libc::SIGUSR1);
            waits.join().expect("it does not panic");
            assert!(!gort_rt::sync::futex_is_waited_at(address), "somebody is counted");
            locks().for_each(|lock| assert_eq!(libc::pthread_rwlock_unlock(lock), 0));
            writers.into_iter().for_each(|one| assert_eq!(one.join().expect("no panic"), 0));
        });
    });
}

/// A child that was forked on a goroutine has threads that meet.
#[test]
fn a_forked_child_has_barriers() {
    static BARRIER: Room = Room::new();
    extern "C" fn comes(_: *mut c_void) -> *mut c_void {
        // SAFETY: as above.
        unsafe { libc::pthread_barrier_wait(BARRIER.at()) };
        null_mut()
    }
    // SAFETY: as above.
    alone("forked", || unsafe {
        gort_sys::raw::alarm(60);
        gort::run(|| {
            let child = libc::fork();
            if child == 0 {
                gort_sys::raw::alarm(20);
                let mut thread = 0;
                libc::pthread_barrier_init(BARRIER.at(), null(), 2);
                libc::pthread_create(&mut thread, null(), comes, null_mut());
                comes(null_mut());
                libc::_exit(libc::pthread_join(thread, null_mut()));
            }
            let mut status = 0;
            libc::waitpid(child, &mut status, 0);
            assert_eq!(status, 0);
        });
    });
}

/// Goroutines and threads take turns with a mutex that inherits priorities.
#[test]
fn priorities_are_no_obstacle() {
    static MUTEX: Room = Room::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    fn turn() {
        // SAFETY: as above.
        unsafe {
            assert_eq!(libc::pthread_mutex_lock(MUTEX.at()), 0);
            let count = COUNT.load(Ordering::Relaxed);
            libc::usleep(1000);
            COUNT.store(count + 1, Ordering::Relaxed);
            assert_eq!(libc::pthread_mutex_unlock(MUTEX.at()), 0);
        }
    }
    let turns = || (0..20).for_each(|_| turn());
    // SAFETY: as above.
    alone("inherits", || unsafe {
        gort_sys::raw::alarm(60);
        let mut attr: libc::pthread_mutexattr_t = std::mem::zeroed();
        libc::pthread_mutexattr_init(&mut attr);
        libc::pthread_mutexattr_setprotocol(&mut attr, libc::PTHREAD_PRIO_INHERIT);
        libc::pthread_mutex_init(MUTEX.at::<pthread_mutex_t>(), &attr);
        gort::run(|| {
            let goroutines = [(); 3].map(|()| gort::go(turns));
            let threads = [(); 2].map(|()| std::thread::spawn(turns));
            goroutines.into_iter().for_each(|one| one.join().expect("it does not panic"));
            threads.into_iter().for_each(|one| one.join().expect("it does not panic"));
        });
        assert_eq!(COUNT.load(Ordering::Relaxed), 100);
    });
}
