//! Futexes as the kernel has them, with goroutines and threads at the same word.
//!
//! # Safety
//!
//! Words and times live until the calls that are given them return.

#![allow(unsafe_code)]

mod support;

use gort_std as _;
use libc::{
    EAGAIN, EFAULT, EINVAL, ENOSYS, ETIMEDOUT, FUTEX_CLOCK_REALTIME, FUTEX_CMP_REQUEUE,
    FUTEX_PRIVATE_FLAG, FUTEX_REQUEUE, FUTEX_WAIT, FUTEX_WAIT_BITSET, FUTEX_WAKE,
    FUTEX_WAKE_BITSET, FUTEX_WAKE_OP, c_int, timespec,
};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::{everywhere, matrix, mixed};

const ANY: u32 = u32::MAX;

/// The call's result, or the error.
fn futex(
    word: *const AtomicU32,
    operation: c_int,
    value: u32,
    more: usize,
    second: *const AtomicU32,
    third: u32,
) -> Result<usize, c_int> {
    let operation = operation | FUTEX_PRIVATE_FLAG;
    // SAFETY: see the module.
    let result =
        unsafe { libc::syscall(libc::SYS_futex, word, operation, value, more, second, third) };
    match result {
        -1 => Err(std::io::Error::last_os_error().raw_os_error().expect("there is one")),
        value => Ok(value as usize),
    }
}

fn wait(word: &AtomicU32, expected: u32, bits: u32) -> Result<usize, c_int> {
    futex(word, FUTEX_WAIT_BITSET, expected, 0, std::ptr::null(), bits)
}

fn wake(word: &AtomicU32, count: u32) -> usize {
    let woken = futex(word, FUTEX_WAKE, count, 0, std::ptr::null(), 0);
    woken.expect("waking does not fail")
}

fn wake_bits(word: &AtomicU32, count: u32, bits: u32) -> Result<usize, c_int> {
    futex(word, FUTEX_WAKE_BITSET, count, 0, std::ptr::null(), bits)
}

fn until(time: &timespec) -> usize {
    std::ptr::from_ref(time).expose_provenance()
}

const SOON: timespec = timespec { tv_sec: 0, tv_nsec: 2_000_000 };

fn now(clock: libc::clockid_t) -> timespec {
    let mut time = SOON;
    // SAFETY: see the module.
    assert_eq!(unsafe { libc::clock_gettime(clock, &mut time) }, 0);
    time
}

fn soon(clock: libc::clockid_t) -> timespec {
    let now = now(clock);
    let nanos = now.tv_nsec + SOON.tv_nsec;
    timespec { tv_sec: now.tv_sec + nanos / 1_000_000_000, tv_nsec: nanos % 1_000_000_000 }
}

/// Threads and goroutines get the same.
#[test]
fn errors() {
    everywhere(|| {
        let word = AtomicU32::new(1);
        let null = std::ptr::null();
        assert_eq!(futex(&word, FUTEX_WAIT, 2, 0, null, 0), Err(EAGAIN));
        assert_eq!(wait(&word, 2, ANY), Err(EAGAIN));
        assert_eq!(wait(&word, 1, 0), Err(EINVAL), "no bits");
        assert_eq!(wake_bits(&word, 1, 0), Err(EINVAL), "no bits");
        let odd = std::ptr::from_ref(&word).wrapping_byte_add(1);
        assert_eq!(futex(odd, FUTEX_WAIT, 1, 0, null, 0), Err(EINVAL), "not aligned");
        assert_eq!(futex(odd, FUTEX_WAKE, 1, 0, null, 0), Err(EINVAL), "not aligned");
        assert_eq!(futex(null, FUTEX_WAIT, 1, 0, null, 0), Err(EFAULT));
        for (tv_sec, tv_nsec) in [(-1, 0), (0, -1), (0, 1_000_000_000)] {
            let wrong = timespec { tv_sec, tv_nsec };
            assert_eq!(futex(&word, FUTEX_WAIT, 1, until(&wrong), null, 0), Err(EINVAL));
            assert_eq!(futex(&word, FUTEX_WAIT_BITSET, 1, until(&wrong), null, ANY), Err(EINVAL));
        }
        assert_eq!(futex(&word, 99, 1, 0, null, 0), Err(ENOSYS));
        assert_eq!(futex(&word, FUTEX_CMP_REQUEUE, 1, 1, &word, 2), Err(EAGAIN));
        assert_eq!(futex(&word, FUTEX_REQUEUE, ANY, 1, &word, 0), Err(EINVAL), "a negative number");
        assert_eq!(wake(&word, 1), 0, "nobody waits");
    });
}

#[test]
fn timeouts() {
    everywhere(|| {
        let word = AtomicU32::new(1);
        let null = std::ptr::null();
        let lasts = |wait: &dyn Fn() -> Result<usize, c_int>| {
            let start = Instant::now();
            assert_eq!(wait(), Err(ETIMEDOUT));
            assert!(start.elapsed() >= Duration::from_millis(1), "{:?}", start.elapsed());
        };
        lasts(&|| futex(&word, FUTEX_WAIT, 1, until(&SOON), null, 0));
        lasts(&|| {
            let time = soon(libc::CLOCK_MONOTONIC);
            futex(&word, FUTEX_WAIT_BITSET, 1, until(&time), null, ANY)
        });
        lasts(&|| {
            let (time, operation) =
                (soon(libc::CLOCK_REALTIME), FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME);
            futex(&word, operation, 1, until(&time), null, ANY)
        });
        let past = timespec { tv_sec: 0, tv_nsec: 1 };
        assert_eq!(futex(&word, FUTEX_WAIT_BITSET, 1, until(&past), null, ANY), Err(ETIMEDOUT));
        assert_eq!(futex(&word, FUTEX_WAIT_BITSET, 2, until(&past), null, ANY), Err(EAGAIN));
        assert_eq!(wake(&word, 1), 0, "nobody is left");
    });
}

/// A time that never comes is none.
#[test]
fn woken_before_a_time_that_is_far_away() {
    matrix(|_| {
        let word = AtomicU32::new(0);
        let far = timespec { tv_sec: i64::MAX, tv_nsec: 999_999_999 };
        gort::scope(|s| {
            for operation in [FUTEX_WAIT, FUTEX_WAIT_BITSET] {
                let (word, far) = (&word, &far);
                s.go(move || {
                    assert_eq!(futex(word, operation, 0, until(far), std::ptr::null(), ANY), Ok(0));
                });
                wake_exactly(word, 1, |word| wake(word, 1));
            }
        });
    });
}

/// Wakes over and over until so many have been woken.
fn wake_exactly(word: &AtomicU32, count: usize, wake: impl Fn(&AtomicU32) -> usize) {
    let mut woken = 0;
    while woken < count {
        woken += wake(word);
        gort::gosched();
    }
    assert_eq!(woken, count);
}

#[test]
fn oldest_first_and_by_bits() {
    support::on_one_p(|| {
        let word = AtomicU32::new(0);
        let order = AtomicU32::new(0);
        gort::scope(|s| {
            for bits in [1, 2, 3, 4] {
                let (word, order) = (&word, &order);
                s.go(move || {
                    assert_eq!(wait(word, 0, bits), Ok(0));
                    order.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |so_far| {
                        Some(so_far * 10 + bits)
                    })
                });
                gort::gosched();
            }
            assert_eq!(wake_bits(&word, ANY >> 1, 8), Ok(0), "nobody has that bit");
            assert_eq!(wake_bits(&word, 1, 2), Ok(1));
            gort::gosched();
            assert_eq!(wake_bits(&word, 5, 2), Ok(1));
            gort::gosched();
            assert_eq!(wake(&word, 1), 1);
            gort::gosched();
            assert_eq!(wake(&word, ANY >> 1), 1);
        });
        assert_eq!(order.into_inner(), 2314);
    });
}

/// Who wakes none wakes one: that is how the kernel counts.
#[test]
fn none_is_one() {
    support::on_one_p(|| {
        let word = AtomicU32::new(0);
        gort::scope(|s| {
            s.go(|| assert_eq!(wait(&word, 0, ANY), Ok(0)));
            gort::gosched();
            assert_eq!(wake(&word, 0), 1);
        });
    });
}

/// So many goroutines and as many threads wait at one word, and `wake` has each of them woken once. `second` is
/// another at which they may find themselves.
fn both_kinds(count: usize, wake: impl Fn(&AtomicU32, &AtomicU32, &AtomicUsize) + Sync) {
    for procs in support::PROCS {
        let (word, second, gone) = (AtomicU32::new(0), AtomicU32::new(0), AtomicUsize::new(0));
        mixed(procs, count + 1, count, |i| {
            if i == 0 {
                wake(&word, &second, &gone);
            } else {
                while wait(&word, 0, ANY) == Err(libc::EINTR) {}
                gone.fetch_add(1, Ordering::Relaxed);
            }
        });
        assert_eq!(gone.into_inner(), 2 * count);
    }
}

#[test]
fn goroutines_and_threads_are_counted() {
    both_kinds(20, |word, _, gone| {
        wake_exactly(word, 25, |word| wake(word, 1));
        wake_exactly(word, 10, |word| wake(word, 1));
        wake_exactly(word, 5, |word| wake(word, 1));
        while gone.load(Ordering::Relaxed) != 40 {
            gort::gosched();
        }
        assert_eq!(wake(word, ANY >> 1), 0);
    });
}

#[test]
fn no_more_than_asked_for() {
    both_kinds(10, |word, _, gone| {
        let mut left = 20;
        while left != 0 {
            let woken = wake(word, 3);
            assert!(woken <= 3, "{woken}");
            left -= woken;
            gort::gosched();
        }
        while gone.load(Ordering::Relaxed) != 20 {
            gort::gosched();
        }
    });
}

/// A thread does not wait for ever because goroutines wait again and again.
#[test]
fn threads_get_their_turn() {
    for procs in support::PROCS {
        let (word, over) = (AtomicU32::new(0), AtomicU32::new(0));
        mixed(procs, 4, 1, |i| {
            if i == 4 {
                while wait(&word, 0, ANY) == Err(libc::EINTR) {}
                over.store(1, Ordering::Relaxed);
            } else if i == 0 {
                while over.load(Ordering::Relaxed) == 0 {
                    wake(&word, 1);
                    gort::gosched();
                }
                word.store(1, Ordering::Relaxed);
                wake(&word, ANY >> 1);
            } else {
                while word.load(Ordering::Relaxed) == 0 {
                    let _ = wait(&word, 0, ANY);
                }
            }
        });
    }
}

#[test]
fn requeued_or_woken() {
    for operation in [FUTEX_REQUEUE, FUTEX_CMP_REQUEUE] {
        both_kinds(10, |word, second, gone| {
            let mut moved = 0;
            while moved < 20 {
                let now = futex(word, operation, 1, 4, second, 0).expect("the word is 0");
                assert!(now <= 5, "{now}");
                moved += now;
                gort::gosched();
            }
            assert_eq!(moved, 20);
            while gone.load(Ordering::Relaxed) != 20 {
                wake(second, 1);
                gort::gosched();
            }
        });
    }
}

/// `FUTEX_WAKE_OP` wakes at the first word, and at the second, which it changes, if that was what it is to have been.
#[test]
fn waking_with_an_operation() {
    both_kinds(10, |word, other, gone| {
        let add_one = libc::FUTEX_OP(libc::FUTEX_OP_ADD, 1, libc::FUTEX_OP_CMP_GE, 0) as u32;
        let mut rounds = 0;
        while gone.load(Ordering::Relaxed) != 20 {
            let woken = futex(word, FUTEX_WAKE_OP, 1, 1, other, add_one);
            assert!(woken.is_ok_and(|woken| woken <= 2), "{woken:?}");
            rounds += 1;
            gort::gosched();
        }
        assert_eq!(other.load(Ordering::Relaxed), rounds);
    });
    both_kinds(10, |word, other, gone| {
        let add_none = libc::FUTEX_OP(libc::FUTEX_OP_ADD, 0, libc::FUTEX_OP_CMP_EQ, 0) as u32;
        while gone.load(Ordering::Relaxed) != 20 {
            let woken = futex(other, FUTEX_WAKE_OP, 1, 2, word, add_none);
            assert!(woken.is_ok_and(|woken| woken <= 4), "{woken:?}");
            gort::gosched();
        }
    });
}

/// What another process could wake is the kernel's.
#[test]
fn shared_ones_are_the_kernels() {
    matrix(|_| {
        let word = AtomicU32::new(0);
        let shared = |operation: c_int, value: u32| {
            // SAFETY: see the module.
            unsafe { libc::syscall(libc::SYS_futex, &word, operation, value, 0_usize) }
        };
        gort::scope(|s| {
            s.go(|| while shared(FUTEX_WAIT, 0) == -1 && word.load(Ordering::Relaxed) == 0 {});
            while shared(FUTEX_WAKE, 1) == 0 {
                assert_eq!(wake(&word, 1), 0, "it is another futex");
                gort::gosched();
            }
        });
    });
}
