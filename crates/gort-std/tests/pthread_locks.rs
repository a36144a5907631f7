//! C's mutexes, read-write locks, conditions, semaphores, barriers and once-routines, on goroutines.
//!
//! # Safety
//!
//! The objects are on the stack of a test that waits for whoever uses them; those that C has no initialiser for
//! are zeros until they are initialised.

#![allow(unsafe_code)]

use gort_std as _;
use libc::{c_int, timespec};
use std::cell::UnsafeCell;
use std::mem::zeroed;
use std::ptr::null;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

#[path = "../../gort/tests/support/mod.rs"]
mod support;
use support::{all, matrix, mixed};

/// One of C's objects, which does its own excluding.
struct Shared<T>(UnsafeCell<T>);

// SAFETY: what is done with it is done by functions that may be called on any thread.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    const fn new(object: T) -> Shared<T> {
        Shared(UnsafeCell::new(object))
    }

    fn at(&self) -> *mut T {
        self.0.get()
    }
}

/// How many threads the process has.
fn threads() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc is mounted");
    let line = status.lines().find_map(|line| line.strip_prefix("Threads:"));
    line.and_then(|count| count.trim().parse().ok()).expect("a count of threads")
}

/// Calls functions of libc's on objects that are there, initialised, and of the right type.
macro_rules! c {
    ($name:ident($($arg:expr),* $(,)?)) => {{
        // SAFETY: see the macro.
        unsafe { c::$name($($arg),*) }
    }};
}

/// What the crate libc has, and what it has not.
mod c {
    pub(super) use libc::*;

    unsafe extern "C" {
        pub(super) fn pthread_mutex_clocklock(
            mutex: *mut pthread_mutex_t,
            clock: clockid_t,
            at: *const timespec,
        ) -> c_int;
        pub(super) fn pthread_rwlock_timedrdlock(
            lock: *mut pthread_rwlock_t,
            at: *const timespec,
        ) -> c_int;
        pub(super) fn pthread_rwlock_timedwrlock(
            lock: *mut pthread_rwlock_t,
            at: *const timespec,
        ) -> c_int;
        pub(super) fn pthread_once(once: *mut c_int, routine: extern "C" fn()) -> c_int;
    }
}

/// So many milliseconds from now.
fn soon(clock: c_int, millis: i64) -> timespec {
    let mut time = timespec { tv_sec: 0, tv_nsec: 0 };
    c!(clock_gettime(clock, &mut time));
    time.tv_nsec += millis * 1_000_000;
    timespec {
        tv_sec: time.tv_sec + time.tv_nsec / 1_000_000_000,
        tv_nsec: time.tv_nsec % 1_000_000_000,
    }
}

const MANY: usize = 10_000;

#[test]
fn a_mutex_excludes_thousands_of_goroutines_on_few_threads() {
    let most = AtomicUsize::new(0);
    matrix(|procs| {
        let mutex = Shared::new(libc::PTHREAD_MUTEX_INITIALIZER);
        let count = Shared::new(0);
        all(MANY, |i| {
            assert_eq!(c!(pthread_mutex_lock(mutex.at())), 0);
            if i % 100 == 0 {
                // The others come and wait meanwhile.
                gort::gosched();
            }
            // SAFETY: under the mutex.
            unsafe {
                *count.at() += 1;
            }
            assert_eq!(c!(pthread_mutex_unlock(mutex.at())), 0);
            if i % 1_000 == 0 {
                most.fetch_max(threads().saturating_sub(procs), Ordering::Relaxed);
            }
        });
        assert_eq!(count.0.into_inner(), MANY);
    });
    assert!(most.load(Ordering::Relaxed) < 24, "{most:?} threads more than Ps");
    let entry = gort_std::taken_over().find(|entry| entry.name == "pthread_mutex_lock");
    assert_ne!(entry.map(|entry| entry.calls), Some(0));
}

#[test]
fn threads_and_goroutines_exclude_each_other() {
    for procs in support::PROCS {
        let mutex = Shared::new(libc::PTHREAD_MUTEX_INITIALIZER);
        let count = Shared::new(0);
        mixed(procs, 50, 4, |i| {
            for round in 0..500 {
                assert_eq!(c!(pthread_mutex_lock(mutex.at())), 0);
                // SAFETY: under the mutex.
                unsafe {
                    *count.at() += 1;
                }
                if round % 64 == i % 64 {
                    std::thread::yield_now();
                }
                assert_eq!(c!(pthread_mutex_unlock(mutex.at())), 0);
            }
        });
        assert_eq!(count.0.into_inner(), 54 * 500);
    }
}

#[test]
fn recursive_and_checking_mutexes_know_their_goroutine() {
    matrix(|_| {
        let recursive = Shared::new(libc::PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP);
        let checking = Shared::new(libc::PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP);
        let inside = AtomicU32::new(0);
        all(50, |_| {
            for _ in 0..20 {
                assert_eq!(c!(pthread_mutex_lock(recursive.at())), 0);
                assert_eq!(c!(pthread_mutex_lock(recursive.at())), 0);
                assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0);
                gort::gosched();
                assert_eq!(c!(pthread_mutex_unlock(recursive.at())), 0);
                gort::gosched();
                assert_eq!(inside.fetch_sub(1, Ordering::Relaxed), 1);
                assert_eq!(c!(pthread_mutex_unlock(recursive.at())), 0);

                assert_eq!(c!(pthread_mutex_unlock(checking.at())), libc::EPERM);
                assert_eq!(c!(pthread_mutex_lock(checking.at())), 0);
                gort::gosched();
                assert_eq!(c!(pthread_mutex_lock(checking.at())), libc::EDEADLK);
                assert_eq!(c!(pthread_mutex_unlock(checking.at())), 0);
            }
        });
    });
}

#[test]
fn locks_are_waited_for_until_it_is_too_late() {
    matrix(|_| {
        let mutex = Shared::new(libc::PTHREAD_MUTEX_INITIALIZER);
        let lock = Shared::new(libc::PTHREAD_RWLOCK_INITIALIZER);
        // SAFETY: a semaphore of zeros is initialised by the call below.
        let sem = Shared::new(unsafe { zeroed::<libc::sem_t>() });
        c!(sem_init(sem.at(), 0, 0));
        assert_eq!(c!(pthread_mutex_lock(mutex.at())), 0);
        assert_eq!(c!(pthread_rwlock_wrlock(lock.at())), 0);
        assert_eq!(c!(pthread_rwlock_rdlock(lock.at())), libc::EDEADLK);
        assert_eq!(c!(pthread_rwlock_wrlock(lock.at())), libc::EDEADLK);
        all(10, |i| {
            let late = soon(libc::CLOCK_REALTIME, i as i64);
            assert_eq!(c!(pthread_mutex_timedlock(mutex.at(), &late)), libc::ETIMEDOUT);
            assert!(!is_before(libc::CLOCK_REALTIME, &late));
            let late = soon(libc::CLOCK_MONOTONIC, i as i64);
            let result = c!(pthread_mutex_clocklock(mutex.at(), libc::CLOCK_MONOTONIC, &late));
            assert_eq!(result, libc::ETIMEDOUT);
            assert!(!is_before(libc::CLOCK_MONOTONIC, &late));
            let late = soon(libc::CLOCK_REALTIME, 1);
            assert_eq!(c!(pthread_rwlock_timedrdlock(lock.at(), &late)), libc::ETIMEDOUT);
            assert_eq!(c!(pthread_rwlock_timedwrlock(lock.at(), &late)), libc::ETIMEDOUT);
            assert_eq!(c!(sem_timedwait(sem.at(), &late)), -1);
            assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::ETIMEDOUT));
            let before = timespec { tv_sec: -1, tv_nsec: 0 };
            assert_eq!(c!(pthread_mutex_timedlock(mutex.at(), &before)), libc::ETIMEDOUT);
            let none = timespec { tv_sec: 0, tv_nsec: -1 };
            assert_eq!(c!(pthread_mutex_timedlock(mutex.at(), &none)), libc::EINVAL);
        });
        let far = soon(libc::CLOCK_REALTIME, 100_000);
        gort::scope(|s| {
            s.go(|| {
                assert_eq!(c!(pthread_mutex_timedlock(mutex.at(), &far)), 0);
                assert_eq!(c!(pthread_mutex_unlock(mutex.at())), 0);
            });
            s.go(|| assert_eq!(c!(sem_timedwait(sem.at(), &far)), 0));
            support::settle();
            assert_eq!(c!(pthread_mutex_unlock(mutex.at())), 0);
            assert_eq!(c!(sem_post(sem.at())), 0);
        });
    });
}

fn is_before(clock: c_int, time: &timespec) -> bool {
    let now = soon(clock, 0);
    (now.tv_sec, now.tv_nsec) < (time.tv_sec, time.tv_nsec)
}

#[test]
fn readers_read_together_and_writers_write_alone() {
    for procs in support::PROCS {
        let lock = Shared::new(libc::PTHREAD_RWLOCK_INITIALIZER);
        let (readers, writers) = (AtomicU32::new(0), AtomicU32::new(0));
        let together = AtomicU32::new(0);
        mixed(procs, 60, 3, |i| {
            for round in 0..100 {
                if (i + round) % 5 == 0 {
                    assert_eq!(c!(pthread_rwlock_wrlock(lock.at())), 0);
                    assert_eq!(writers.fetch_add(1, Ordering::Relaxed), 0);
                    assert_eq!(readers.load(Ordering::Relaxed), 0);
                    std::thread::yield_now();
                    writers.fetch_sub(1, Ordering::Relaxed);
                } else {
                    assert_eq!(c!(pthread_rwlock_rdlock(lock.at())), 0);
                    let now = readers.fetch_add(1, Ordering::Relaxed) + 1;
                    together.fetch_max(now, Ordering::Relaxed);
                    assert_eq!(writers.load(Ordering::Relaxed), 0);
                    std::thread::yield_now();
                    readers.fetch_sub(1, Ordering::Relaxed);
                }
                assert_eq!(c!(pthread_rwlock_unlock(lock.at())), 0);
            }
        });
        assert!(together.into_inner() > 1);
    }
}

#[test]
fn a_condition_wakes_threads_and_goroutines() {
    for procs in support::PROCS {
        let mutex = Shared::new(libc::PTHREAD_MUTEX_INITIALIZER);
        let (full, empty) = (
            Shared::new(libc::PTHREAD_COND_INITIALIZER),
            Shared::new(libc::PTHREAD_COND_INITIALIZER),
        );
        // A queue with four places, of which only the length matters.
        let (length, taken) = (AtomicU32::new(0), AtomicUsize::new(0));
        let add = |number: u32| {
            length.store(length.load(Ordering::Relaxed).wrapping_add(number), Ordering::Relaxed);
        };
        mixed(procs, 40, 4, |i| {
            for _ in 0..200 {
                assert_eq!(c!(pthread_mutex_lock(mutex.at())), 0);
                if i % 2 == 0 {
                    while length.load(Ordering::Relaxed) == 4 {
                        assert_eq!(c!(pthread_cond_wait(empty.at(), mutex.at())), 0);
                    }
                    add(1);
                    assert_eq!(c!(pthread_cond_signal(full.at())), 0);
                } else {
                    while length.load(Ordering::Relaxed) == 0 {
                        assert_eq!(c!(pthread_cond_wait(full.at(), mutex.at())), 0);
                    }
                    add(u32::MAX);
                    taken.fetch_add(1, Ordering::Relaxed);
                    assert_eq!(c!(pthread_cond_signal(empty.at())), 0);
                }
                assert_eq!(c!(pthread_mutex_unlock(mutex.at())), 0);
            }
        });
        assert_eq!((taken.into_inner(), length.into_inner()), (22 * 200, 0));
    }
}

#[test]
fn a_thread_that_has_waited_in_libc_since_before_is_woken_and_its_mutex_excludes() {
    let output = support::Child::new("before", || {
        let mutex = Shared::new(libc::PTHREAD_MUTEX_INITIALIZER);
        let cond = Shared::new(libc::PTHREAD_COND_INITIALIZER);
        let (go, inside) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|s| {
            s.spawn(|| {
                c!(pthread_mutex_lock(mutex.at()));
                go.store(1, Ordering::Relaxed);
                while go.load(Ordering::Relaxed) != 2 {
                    c!(pthread_cond_wait(cond.at(), mutex.at()));
                }
                assert_eq!(inside.load(Ordering::Relaxed), 0);
                c!(pthread_mutex_unlock(mutex.at()));
            });
            while go.load(Ordering::Relaxed) == 0 {
                std::thread::yield_now();
            }
            // It waits: it has let go of the mutex.
            c!(pthread_mutex_lock(mutex.at()));
            c!(pthread_mutex_unlock(mutex.at()));
            gort::run(|| {
                all(20, |i| {
                    c!(pthread_mutex_lock(mutex.at()));
                    assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0);
                    gort::gosched();
                    inside.fetch_sub(1, Ordering::Relaxed);
                    if i == 10 {
                        go.store(2, Ordering::Relaxed);
                        c!(pthread_cond_signal(cond.at()));
                    }
                    c!(pthread_mutex_unlock(mutex.at()));
                });
            });
        });
    });
    let output = output.run();
    assert!(output.status.success(), "{}", support::stderr(&output));
}

#[test]
fn a_broadcast_wakes_thousands_and_a_condition_keeps_its_time() {
    matrix(|procs| {
        let mutex = Shared::new(libc::PTHREAD_MUTEX_INITIALIZER);
        let cond = Shared::new(libc::PTHREAD_COND_INITIALIZER);
        let (go, waiting) = (AtomicU32::new(0), AtomicUsize::new(0));
        gort::scope(|s| {
            for _ in 0..MANY / 5 {
                s.go(|| {
                    assert_eq!(c!(pthread_mutex_lock(mutex.at())), 0);
                    waiting.fetch_add(1, Ordering::Relaxed);
                    while go.load(Ordering::Relaxed) == 0 {
                        assert_eq!(c!(pthread_cond_wait(cond.at(), mutex.at())), 0);
                    }
                    assert_eq!(c!(pthread_mutex_unlock(mutex.at())), 0);
                });
            }
            while waiting.load(Ordering::Relaxed) < MANY / 5 {
                gort::gosched();
            }
            assert_eq!(c!(pthread_mutex_lock(mutex.at())), 0);
            assert!(threads() < procs + 24, "{} threads", threads());
            let late = soon(libc::CLOCK_REALTIME, 2);
            while c!(pthread_cond_timedwait(cond.at(), mutex.at(), &late)) == 0 {}
            assert!(!is_before(libc::CLOCK_REALTIME, &late));
            go.store(1, Ordering::Relaxed);
            assert_eq!(c!(pthread_cond_broadcast(cond.at())), 0);
            assert_eq!(c!(pthread_mutex_unlock(mutex.at())), 0);
        });
        assert_eq!(c!(pthread_cond_destroy(cond.at())), 0);
    });
}

#[test]
fn a_condition_waits_by_its_own_clock() {
    matrix(|_| {
        let mutex = Shared::new(libc::PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP);
        // SAFETY: the attributes and the condition are initialised by the calls below.
        let (mut attr, cond) = unsafe { (zeroed(), Shared::new(zeroed())) };
        c!(pthread_condattr_init(&mut attr));
        c!(pthread_condattr_setclock(&mut attr, libc::CLOCK_MONOTONIC));
        c!(pthread_cond_init(cond.at(), &attr));
        // By the other clock this is long ago.
        let late = soon(libc::CLOCK_MONOTONIC, 5);
        assert_eq!(c!(pthread_cond_timedwait(cond.at(), mutex.at(), &late)), libc::EPERM);
        assert_eq!(c!(pthread_mutex_lock(mutex.at())), 0);
        while c!(pthread_cond_timedwait(cond.at(), mutex.at(), &late)) == 0 {}
        assert!(!is_before(libc::CLOCK_MONOTONIC, &late));
        // It has the mutex again.
        assert_eq!(c!(pthread_mutex_unlock(mutex.at())), 0);
    });
}

#[test]
fn a_semaphore_lets_in_as_many_as_it_says() {
    for procs in support::PROCS {
        // SAFETY: initialised by the call below.
        let sem = Shared::new(unsafe { zeroed::<libc::sem_t>() });
        c!(sem_init(sem.at(), 0, 3));
        let inside = AtomicU32::new(0);
        mixed(procs, 100, 4, |_| {
            for _ in 0..50 {
                assert_eq!(c!(sem_wait(sem.at())), 0);
                assert!(inside.fetch_add(1, Ordering::Relaxed) < 3);
                std::thread::yield_now();
                inside.fetch_sub(1, Ordering::Relaxed);
                assert_eq!(c!(sem_post(sem.at())), 0);
            }
        });
        let mut left = 0;
        assert_eq!(c!(sem_getvalue(sem.at(), &mut left)), 0);
        assert_eq!(left, 3);
    }
}

#[test]
fn a_semaphore_is_posted_where_the_runtime_must_not_be_entered() {
    matrix(|_| {
        // SAFETY: initialised by the call below.
        let sem = Shared::new(unsafe { zeroed::<libc::sem_t>() });
        c!(sem_init(sem.at(), 0, 0));
        gort::scope(|s| {
            for _ in 0..20 {
                s.go(|| assert_eq!(c!(sem_wait(sem.at())), 0));
            }
            support::settle();
            for _ in 0..20 {
                // As in a handler that has interrupted it.
                gort_sys::context::slot::lock();
                c!(sem_post(sem.at()));
                gort_sys::context::slot::unlock();
            }
        });
    });
}

static POSTED: Shared<std::mem::MaybeUninit<libc::sem_t>> =
    Shared::new(std::mem::MaybeUninit::zeroed());

extern "C" fn posts(_: c_int) {
    c!(sem_post(POSTED.at().cast()));
}

#[test]
fn a_semaphore_is_posted_by_a_handler() {
    // SAFETY: zeros are a mask that is empty, and no flags.
    let mut action: libc::sigaction = unsafe { zeroed() };
    action.sa_sigaction = posts as *const () as usize;
    action.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART;
    c!(sigaction(libc::SIGUSR2, &action, std::ptr::null_mut()));
    matrix(|_| {
        c!(sem_init(POSTED.at().cast(), 0, 0));
        gort::scope(|s| {
            for _ in 0..20 {
                s.go(|| assert_eq!(c!(sem_wait(POSTED.at().cast())), 0));
            }
            support::settle();
            for _ in 0..20 {
                c!(raise(libc::SIGUSR2));
            }
        });
    });
}

#[test]
fn a_barrier_holds_threads_and_goroutines() {
    const ALL: u32 = 44;
    for procs in support::PROCS {
        // SAFETY: initialised by the call below.
        let barrier = Shared::new(unsafe { zeroed::<libc::pthread_barrier_t>() });
        c!(pthread_barrier_init(barrier.at(), null(), ALL));
        let (come, last) = (AtomicU32::new(0), AtomicU32::new(0));
        mixed(procs, 40, 4, |_| {
            for round in 1..=50 {
                come.fetch_add(1, Ordering::Relaxed);
                let result = c!(pthread_barrier_wait(barrier.at()));
                assert!(come.load(Ordering::Relaxed) >= round * ALL);
                last.fetch_add(u32::from(result != 0), Ordering::Relaxed);
                assert!(result == 0 || result == libc::PTHREAD_BARRIER_SERIAL_THREAD);
            }
        });
        assert_eq!(last.into_inner(), 50);
        assert_eq!(c!(pthread_barrier_destroy(barrier.at())), 0);
    }
}

static RUNS: AtomicU32 = AtomicU32::new(0);

extern "C" fn routine() {
    // The others come meanwhile.
    std::thread::sleep(std::time::Duration::from_millis(20));
    RUNS.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn a_routine_is_run_once_while_the_others_park() {
    matrix(|procs| {
        let once = Shared::new(0);
        RUNS.store(0, Ordering::Relaxed);
        all(500, |i| {
            let result = c!(pthread_once(once.at(), routine));
            assert_eq!((result, RUNS.load(Ordering::Relaxed)), (0, 1));
            if i % 100 == 0 {
                assert!(threads() < procs + 24, "{} threads", threads());
            }
        });
    });
}

#[test]
fn what_the_kernel_or_other_processes_have_a_part_in_is_libcs() {
    matrix(|_| {
        // SAFETY: the attributes and the mutexes are initialised by the calls below.
        let (mut robust, mut shared) = unsafe { (zeroed(), zeroed()) };
        c!(pthread_mutexattr_init(&mut robust));
        c!(pthread_mutexattr_setrobust(&mut robust, libc::PTHREAD_MUTEX_ROBUST));
        c!(pthread_mutexattr_init(&mut shared));
        c!(pthread_mutexattr_setpshared(&mut shared, libc::PTHREAD_PROCESS_SHARED));
        for attr in [robust, shared] {
            let mutex = Shared::new(libc::PTHREAD_MUTEX_INITIALIZER);
            c!(pthread_mutex_init(mutex.at(), &attr));
            let inside = AtomicU32::new(0);
            all(20, |_| {
                assert_eq!(c!(pthread_mutex_lock(mutex.at())), 0);
                assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0);
                gort::gosched();
                inside.fetch_sub(1, Ordering::Relaxed);
                assert_eq!(c!(pthread_mutex_unlock(mutex.at())), 0);
            });
        }
    });
}

#[test]
fn a_thread_is_joined_by_a_goroutine() {
    matrix(|_| {
        all(10, |i| {
            let thread = gort_std::passthrough(|| std::thread::spawn(move || i));
            assert_eq!(thread.join().expect("it does not panic"), i);
        });
    });
}

#[test]
fn threads_are_goroutines_when_the_environment_says_so() {
    let starts = |goroutine: bool| {
        move || {
            let thread = std::thread::spawn(|| gort::current().is_some());
            assert_eq!(thread.join().expect("it does not panic"), goroutine);
        }
    };
    let output = support::Child::new("threads", || starts(true)()).env("GORT_STD", "threads").run();
    if support::is_child() {
        return;
    }
    starts(false)();
    assert!(output.status.success(), "{}", support::stderr(&output));
}
