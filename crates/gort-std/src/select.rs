//! `select` and `pselect`.
//!
//! Sets are of as many words as the highest number needs, as the kernel has it. What a goroutine waits for
//! with sets of more than 1024 its thread waits for: how far the kernel looks in those depends on how
//! large the process's table of descriptors has become.
//!
//! # Safety
//!
//! Sets and times are read and written where the caller says they are.

#![allow(unsafe_code)]

use crate::poll::{SET_SIZE, at, copy, timespec_of, uninterrupted};
use crate::taken::take_over;
use crate::watch::{Look, left, limit, until};
use crate::words::{answer, blocking, kernel};
use gort_sys::types::EpollFlags;
use gort_sys::{Errno, nr};
use libc::{FD_SETSIZE, c_int, fd_set, sigset_t, timespec, timeval};
use std::ptr::null;

const BITS: usize = u64::BITS as usize;

/// To read, to write, and exceptions, by their bits; none where the caller has given none.
#[derive(Clone)]
struct Sets([Option<[u64; FD_SETSIZE / BITS]>; 3]);

/// What the kernel's `POLLIN_SET`, `POLLOUT_SET` and `POLLEX_SET` are, but for errors and hang-ups, which there
/// always are.
const EVENTS: [EpollFlags; 3] = [EpollFlags::IN, EpollFlags::OUT, EpollFlags::PRI];

impl Sets {
    /// # Safety
    ///
    /// The sets have room for `count` descriptors, or are null.
    unsafe fn read(sets: [*mut fd_set; 3], count: usize) -> Sets {
        Sets(sets.map(|set| {
            (!set.is_null()).then(|| {
                let mut words = [0; FD_SETSIZE / BITS];
                // SAFETY: the caller's contract.
                unsafe {
                    set.cast::<u64>()
                        .copy_to_nonoverlapping(words.as_mut_ptr(), count.div_ceil(BITS))
                };
                words
            })
        }))
    }

    /// # Safety
    ///
    /// As for [`read`](Sets::read).
    unsafe fn write(&self, sets: [*mut fd_set; 3], count: usize) {
        for (set, words) in sets.into_iter().zip(&self.0) {
            if let Some(words) = words {
                // SAFETY: the caller's contract.
                unsafe {
                    set.cast::<u64>().copy_from_nonoverlapping(words.as_ptr(), count.div_ceil(BITS))
                };
            }
        }
    }

    /// What the kernel answers at once; then these are what it has found.
    fn look(&mut self, count: usize) -> usize {
        let sets = self.0.each_mut().map(|set| at(set.as_mut()));
        let mut time = Some(timespec_of(0));
        let words = [count, sets[0], sets[1], sets[2], at(time.as_mut()), 0];
        // SAFETY: the sets are here, and have room. If it is interrupted they are as before.
        uninterrupted(|| unsafe { kernel(nr::PSELECT6, words) })
    }

    /// What is waited for.
    fn looks(&self, count: usize) -> impl Iterator<Item = Look> + Clone {
        (0..count).filter_map(|fd| {
            let of = |set: usize| match self.0[set] {
                Some(words) if words[fd / BITS] >> (fd % BITS) & 1 != 0 => EVENTS[set],
                _ => EpollFlags::empty(),
            };
            let events = of(0) | of(1) | of(2);
            (!events.is_empty()).then_some(Look { fd: fd as c_int, events })
        })
    }
}

/// On a goroutine: waits until there is something, or an error, until `limit`. Only for sets of
/// [`FD_SETSIZE`].
///
/// # Safety
///
/// As for [`Sets::read`].
unsafe fn wait(count: usize, sets: [*mut fd_set; 3], nanos: Option<u64>) -> usize {
    // SAFETY: the caller's contract, here and below.
    let wanted = unsafe { Sets::read(sets, count) };
    let mut found = wanted.clone();
    let mut result = found.look(count);
    if result == 0 && nanos != Some(0) {
        let limit = limit(nanos);
        let ask = || {
            found = wanted.clone();
            result = found.look(count);
            (result != 0).then_some(())
        };
        if until(wanted.looks(count), limit, ask).is_err() {
            let mut time = left(limit).map(timespec_of);
            // SAFETY: as above.
            return unsafe {
                blocking(nr::PSELECT6, words(count as c_int, sets, &mut time, &None))
            };
        }
    }
    if Errno::from_ret(result).is_ok() {
        // SAFETY: as above.
        unsafe { found.write(sets, count) };
    }
    result
}

/// Whether a goroutine can park for sets of so many.
fn usual(count: c_int) -> bool {
    (0..=FD_SETSIZE as c_int).contains(&count)
}

/// A signal mask and its size behind one pointer: `pselect6` has no seventh argument.
type Mask = Option<[usize; 2]>;

fn mask_of(mask: *const sigset_t) -> Mask {
    (!mask.is_null()).then(|| [mask.expose_provenance(), SET_SIZE])
}

/// `pselect6`'s words, with a time that the kernel may change.
fn words(
    count: c_int,
    sets: [*mut fd_set; 3],
    time: &mut Option<timespec>,
    mask: &Mask,
) -> [usize; 6] {
    let [read, write, except] = sets.map(<*mut fd_set>::expose_provenance);
    let mask = mask.as_ref().map_or(null(), |mask| mask.as_ptr()).expose_provenance();
    [count as usize, read, write, except, at(time.as_mut()), mask]
}

/// As nanoseconds, as the kernel's `select` takes it: microseconds may be more than a second.
fn nanos(time: &timeval) -> Result<u64, Errno> {
    let (Ok(seconds), Ok(micros)) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_usec))
    else {
        return Err(Errno::EINVAL);
    };
    Ok(seconds.saturating_mul(1_000_000_000).saturating_add(micros.saturating_mul(1_000)))
}

take_over! {
    /// Parks until there is something, or the time is up, and leaves there what is left of the time.
    fn select(
        count: c_int, read: *mut fd_set, write: *mut fd_set, except: *mut fd_set, time: *mut timeval,
    ) -> c_int = SELECT => {
        // SAFETY: the caller's contract.
        let nanos = unsafe { copy(time) }.as_ref().map(nanos).transpose();
        let Some(nanos) = nanos.ok().filter(|_| usual(count)) else {
            let [read, write, except] = [read, write, except].map(<*mut fd_set>::expose_provenance);
            // SAFETY: as above.
            return answer(unsafe { blocking(nr::SELECT, [count as usize, read, write, except, time.expose_provenance()]) });
        };
        let limit = limit(nanos);
        // SAFETY: as above.
        let result = unsafe { wait(count as usize, [read, write, except], nanos) };
        if let Some(left) = left(limit).filter(|_| nanos != Some(0)) {
            let left = timespec_of(left);
            // SAFETY: as above; there is a time.
            unsafe { *time = timeval { tv_sec: left.tv_sec, tv_usec: left.tv_nsec / 1_000 } };
        }
        answer(result)
    }

    /// Parks until there is something, or the time is up; with a signal mask the thread waits.
    fn pselect(
        count: c_int, read: *mut fd_set, write: *mut fd_set, except: *mut fd_set, time: *const timespec,
        mask: *const sigset_t,
    ) -> c_int else {
        // SAFETY: the caller's contract.
        answer(unsafe { kernel(nr::PSELECT6, words(count, [read, write, except], &mut copy(time), &mask_of(mask))) })
    } => {
        // SAFETY: as above.
        let mut time = unsafe { copy(time) };
        match time.as_ref().map(crate::time::nanos).transpose() {
            Ok(nanos) if mask.is_null() && usual(count) => {
                // SAFETY: as above.
                answer(unsafe { wait(count as usize, [read, write, except], nanos) })
            }
            // SAFETY: as above.
            _ => answer(unsafe { blocking(nr::PSELECT6, words(count, [read, write, except], &mut time, &mask_of(mask))) }),
        }
    }
}
