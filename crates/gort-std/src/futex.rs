//! Futexes: words at which `std`'s locks, conditions and parked threads wait, and everybody else's.
//!
//! Goroutines wait in the runtime's table, threads in the kernel, at the same word: who wakes takes goroutines
//! first and then asks the kernel for the rest of its number, for a thread may wait there that nobody knows of.
//! So that threads get their turn where goroutines wait again and again, every so often the kernel comes first.
//!
//! A goroutine that is to be requeued is woken instead, and counts as requeued. What others than this process
//! may wake (no `FUTEX_PRIVATE_FLAG`), or has to do with priorities, is the kernel's alone.
//!
//! # Safety
//!
//! The word of a waiter is there while it waits: the caller's contract. That of a waker need not be.

#![allow(unsafe_code)]

use crate::here;
use crate::time::{nanos, now, time};
use crate::words::{blocking, kernel};
use gort_rt::sync::{Parked, futex_is_waited_at, futex_park, futex_wake_at, futex_wake_later};
use gort_rt::timer::{NEVER, deadline};
use gort_sys::{Errno, nr};
use libc::{
    CLOCK_MONOTONIC, CLOCK_REALTIME, FUTEX_CLOCK_REALTIME, FUTEX_CMP_REQUEUE, FUTEX_PRIVATE_FLAG,
    FUTEX_REQUEUE, FUTEX_WAIT, FUTEX_WAIT_BITSET, FUTEX_WAKE, FUTEX_WAKE_BITSET, FUTEX_WAKE_OP,
    c_int, clockid_t, timespec,
};
use std::sync::atomic::{AtomicU32, Ordering};

/// Any bit.
pub(crate) const ANY: u32 = libc::FUTEX_BITSET_MATCH_ANY as u32;

/// One in so many times it is the kernel's waiters' turn first.
const TURNS: u32 = 16;

/// The system call's arguments.
type Words = [usize; 6];

/// The system call, which wakes `words[2]`.
///
/// # Safety
///
/// That of the call.
#[inline]
unsafe fn wake_both(words: Words, bitset: u32) -> Result<usize, Errno> {
    if futex_is_waited_at(words[0]) {
        // SAFETY: the caller's contract.
        unsafe { wake_both_slow(words, bitset) }
    } else {
        // SAFETY: the caller's contract.
        unsafe { plain(words) }
    }
}

/// # Safety
///
/// As for [`wake_both`].
#[cold]
unsafe fn wake_both_slow(words: Words, bitset: u32) -> Result<usize, Errno> {
    /// Counts those who come here. Some may be lost.
    static TURN: AtomicU32 = AtomicU32::new(0);
    let turn = TURN.load(Ordering::Relaxed).wrapping_add(1);
    TURN.store(turn, Ordering::Relaxed);
    let [word, operation, count, rest @ ..] = words;
    // Who wakes none wakes one.
    let count = (count as i32).max(1) as usize;
    let threads = |count| {
        let [a, b, c] = rest;
        // SAFETY: the caller's contract.
        unsafe { plain([word, operation, count, a, b, c]) }
    };
    if turn.is_multiple_of(TURNS) {
        let first = threads(count)?;
        let rest = count.saturating_sub(first);
        return Ok(first + if rest == 0 { 0 } else { wake_goroutines(word, rest, bitset) });
    }
    let first = wake_goroutines(word, count, bitset);
    Ok(first + if first < count { threads(count - first)? } else { 0 })
}

fn wake_goroutines(word: usize, count: usize, bitset: u32) -> usize {
    if !here::in_handler() {
        return futex_wake_at(word, count, bitset);
    }
    futex_wake_later(word);
    0
}

/// # Safety
///
/// The word is there until this returns.
unsafe fn park(
    word: *const u32,
    expected: u32,
    bitset: u32,
    until: Option<u64>,
) -> Result<(), Errno> {
    // SAFETY: the caller's contract.
    let now_is = || unsafe { AtomicU32::from_ptr(word.cast_mut()).load(Ordering::Relaxed) };
    if now_is() != expected {
        return Err(Errno::EAGAIN);
    }
    let until = until.filter(|until| *until < NEVER);
    match futex_park(word.expose_provenance(), bitset, until, || now_is() == expected) {
        Parked::Woken => Ok(()),
        Parked::Not => Err(Errno::EAGAIN),
        Parked::TimedOut => Err(Errno::ETIMEDOUT),
        Parked::TooLate => {
            // The kernel knows whether the time is up, or there was no memory for a timer.
            let until = until.map(time);
            let words = waiting(word, expected, bitset, until.as_ref());
            // SAFETY: the caller's contract; the time is there.
            Errno::from_ret(unsafe { blocking(nr::FUTEX, words) }).map(|_| ())
        }
    }
}

/// What has the kernel wait.
fn waiting(word: *const u32, expected: u32, bitset: u32, until: Option<&timespec>) -> Words {
    [
        word.expose_provenance(),
        (FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG) as usize,
        expected as usize,
        until.map_or(0, |until| std::ptr::from_ref(until).expose_provenance()),
        0,
        bitset as usize,
    ]
}

/// The system call, with goroutines among those it is about. `parks`: it waits as a goroutine.
///
/// # Safety
///
/// That of the call.
pub(crate) unsafe fn futex(words: Words, parks: bool) -> Result<usize, Errno> {
    let operation = words[1] as c_int;
    let private = operation & FUTEX_PRIVATE_FLAG != 0;
    // SAFETY: the caller's contract.
    unsafe {
        // Not by a table with the others: the processor forgets where that leads at each system call.
        if operation == FUTEX_WAKE | FUTEX_PRIVATE_FLAG {
            return wake_both(words, ANY);
        }
        match operation & !FUTEX_PRIVATE_FLAG {
            FUTEX_WAIT if private && parks => park_for(words),
            FUTEX_WAIT_BITSET if private && parks => park_until(words, CLOCK_MONOTONIC),
            FUTEX_WAIT_BITSET_REALTIME if private && parks => park_until(words, CLOCK_REALTIME),
            FUTEX_WAKE_BITSET if private && words[5] as u32 != 0 => {
                wake_both(words, words[5] as u32)
            }
            FUTEX_REQUEUE | FUTEX_CMP_REQUEUE if private => requeue(words),
            FUTEX_WAKE_OP if private => wake_op(words),
            FUTEX_WAKE | FUTEX_WAKE_BITSET | FUTEX_REQUEUE | FUTEX_CMP_REQUEUE | FUTEX_WAKE_OP => {
                plain(words)
            }
            _ if parks => Errno::from_ret(blocking(nr::FUTEX, words)),
            _ => plain(words),
        }
    }
}

const FUTEX_WAIT_BITSET_REALTIME: c_int = FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME;

/// # Safety
///
/// That of the call.
#[inline]
unsafe fn plain(words: Words) -> Result<usize, Errno> {
    // SAFETY: the caller's contract.
    Errno::from_ret(unsafe { kernel(nr::FUTEX, words) })
}

/// The word's address and the time, if there is one: of a call that waits.
///
/// # Safety
///
/// That of the call.
unsafe fn waiter(words: Words) -> Result<(*const u32, Option<u64>), Errno> {
    let [word, _, _, limit, ..] = words;
    // SAFETY: the caller's contract.
    let limit = unsafe { std::ptr::with_exposed_provenance::<timespec>(limit).as_ref() };
    let limit = limit.map(nanos).transpose()?;
    if !word.is_multiple_of(size_of::<u32>()) {
        return Err(Errno::EINVAL);
    }
    if word == 0 {
        return Err(Errno::EFAULT);
    }
    Ok((std::ptr::with_exposed_provenance(word), limit))
}

/// `FUTEX_WAIT`: its limit is how long.
///
/// # Safety
///
/// That of the call.
unsafe fn park_for(words: Words) -> Result<usize, Errno> {
    // SAFETY: the caller's contract.
    unsafe {
        let (word, limit) = waiter(words)?;
        park(word, words[2] as u32, ANY, limit.map(deadline)).map(|()| 0)
    }
}

/// `FUTEX_WAIT_BITSET`: its limit is a time of the clock's.
///
/// # Safety
///
/// That of the call.
unsafe fn park_until(words: Words, clock: clockid_t) -> Result<usize, Errno> {
    // SAFETY: the caller's contract.
    let (word, limit) = unsafe { waiter(words)? };
    let [_, _, expected, .., bitset] = words.map(|word| word as u32);
    if bitset == 0 {
        return Err(Errno::EINVAL);
    }
    let until = match limit {
        Some(limit) if clock != CLOCK_MONOTONIC => {
            Some(deadline(limit.saturating_sub(now(clock)?)))
        }
        limit => limit,
    };
    // SAFETY: the caller's contract.
    match unsafe { park(word, expected, bitset, until) } {
        // The clock has been set back: woken for nothing.
        Err(Errno::ETIMEDOUT)
            if limit.is_some_and(|limit| now(clock).is_ok_and(|now| now < limit)) =>
        {
            Ok(0)
        }
        parked => parked.map(|()| 0),
    }
}

/// `FUTEX_REQUEUE`, `FUTEX_CMP_REQUEUE`: as many goroutines as are left to be woken or requeued are woken.
///
/// # Safety
///
/// That of the call.
unsafe fn requeue(words: Words) -> Result<usize, Errno> {
    // SAFETY: the caller's contract.
    let threads = unsafe { plain(words)? };
    let [word, _, woken, requeued, ..] = words;
    // Neither is negative: the kernel has looked.
    let most = (woken as i32 as usize).saturating_add(requeued as i32 as usize);
    Ok(threads + wake_waiting(word, most.saturating_sub(threads)))
}

/// `FUTEX_WAKE_OP`: the goroutines at the second word are woken whatever it was.
///
/// # Safety
///
/// That of the call.
unsafe fn wake_op(words: Words) -> Result<usize, Errno> {
    // SAFETY: the caller's contract.
    let threads = unsafe { plain(words)? };
    let [first, _, most_first, most_second, second, _] = words;
    let most = [most_first, most_second].map(|most| (most as i32).max(1) as usize);
    Ok(threads + wake_waiting(first, most[0]) + wake_waiting(second, most[1]))
}

/// Wakes goroutines, if there are any.
fn wake_waiting(word: usize, most: usize) -> usize {
    if most != 0 && futex_is_waited_at(word) { wake_goroutines(word, most, ANY) } else { 0 }
}
