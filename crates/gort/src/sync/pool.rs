//! Values that are used again.
//!
//! # The problem
//!
//! A value that is expensive to make, a buffer say, is needed for a moment in many goroutines. One list
//! of spare values under one lock is where they would all meet; and a list that only grows keeps what
//! a busy minute has needed for ever.
//!
//! # How
//!
//! Each P has a place for one value, which is touched only by who runs on that P and cannot be
//! interrupted there ([`gort_rt::pinned`]): no lock, no atomic instruction. Behind it each P has a shelf
//! under a lock, for what does not fit, from which others take when theirs is empty. Whoever has no P
//! (an ordinary thread, or a goroutine whose P was taken for a moment) uses the shelves only.
//!
//! A shelf has two layers. What has not been used when its [`AGE`] is over goes to the lower layer, and
//! what lies there by then is dropped: so a value that nobody needs goes after one to two of these
//! times, by the next that puts something there. Go ages its pools by the garbage collector's rounds.
//!
//! # Safety
//!
//! A P's place is used only inside `pinned`, by who is on that P, without calling anything there. Or by
//! who has the pool to itself.

#![allow(unsafe_code)]

use super::reentrant::RawGoId;
use super::{Mutex, OnceLock};
use gort_rt::pinned;
use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::time::{Duration, Instant};

/// How long a value stays unused in each layer.
const AGE: Duration = Duration::from_secs(10);

/// Returns to a place after which somebody looks how old the shelf is.
const TURNS: u32 = 1024;

/// Spare values, for whoever needs one for a moment. Go: `sync.Pool`.
///
/// Any value may be dropped at any time: one that has not been used for some 10 to 20 seconds goes
/// when others are put back, except that every P may keep one.
///
/// ```
/// use gort::sync::Pool;
/// static BUFFERS: Pool<Vec<u8>> = Pool::new(|| Vec::with_capacity(1 << 16));
/// let mut buffer = BUFFERS.get();
/// buffer.extend_from_slice(b"hello");
/// buffer.clear();
/// BUFFERS.put(buffer);
/// ```
pub struct Pool<T, F = fn() -> T> {
    locals: OnceLock<Box<[Local<T>]>>,
    make: F,
}

// SAFETY: values go from one goroutine or thread to another, and are never shared; for the places see
// the module.
unsafe impl<T: Send, F: Sync> Sync for Pool<T, F> {}

/// A P's.
#[repr(align(128))]
struct Local<T> {
    place: UnsafeCell<Option<T>>,
    /// Returns to the place.
    turns: Cell<u32>,
    shelf: Mutex<Shelf<T>>,
}

struct Shelf<T> {
    fresh: Vec<T>,
    old: Vec<T>,
    since: Instant,
}

impl<T> Local<T> {
    fn new() -> Local<T> {
        let shelf = Shelf { fresh: Vec::new(), old: Vec::new(), since: Instant::now() };
        Local { place: UnsafeCell::new(None), turns: Cell::new(0), shelf: Mutex::new(shelf) }
    }

    /// What has been unused for too long, to be dropped without the lock.
    fn age(shelf: &mut Shelf<T>) -> Vec<T> {
        if shelf.since.elapsed() < AGE {
            return Vec::new();
        }
        shelf.since = Instant::now();
        let fresh = std::mem::take(&mut shelf.fresh);
        std::mem::replace(&mut shelf.old, fresh)
    }
}

impl<T, F: Fn() -> T> Pool<T, F> {
    /// Empty; `make` makes a value when there is none.
    pub const fn new(make: F) -> Pool<T, F> {
        Pool { locals: OnceLock::new(), make }
    }

    /// A spare value, or a new one.
    ///
    /// What waits, if others look for one just then, and for a moment: the goroutine, or the thread if
    /// it is an ordinary one.
    ///
    /// # Panics
    ///
    /// When `make` does.
    #[inline]
    pub fn get(&self) -> T {
        // SAFETY: pinned, so nobody else is at the place, and nothing is called.
        let own = self.at_place(|local| unsafe { (*local.place.get()).take() });
        own.flatten().or_else(|| self.search()).unwrap_or_else(&self.make)
    }

    /// Puts a value back, or gives away one that was made elsewhere. What waits: as for
    /// [`get`](Pool::get).
    #[inline]
    pub fn put(&self, value: T) {
        let mut value = Some(value);
        let old = self.at_place(|local| {
            // SAFETY: pinned, so nobody else is at the place, and nothing is called: the place is
            // empty when something is put there.
            let place = unsafe { &mut *local.place.get() };
            if place.is_none() {
                std::mem::swap(place, &mut value);
            }
            local.turns.set(local.turns.get().wrapping_add(1));
            local.turns.get().is_multiple_of(TURNS)
        });
        if value.is_some() || old == Some(true) {
            self.shelve(value);
        }
    }

    /// Calls `f`, which calls nothing itself, with the P's own part.
    #[inline]
    fn at_place<R>(&self, f: impl FnOnce(&Local<T>) -> R) -> Option<R> {
        let locals = self.locals.get()?;
        pinned(|p| locals.get(p?).map(f))
    }

    /// The parts, from the one that is the caller's own. There is one for each P that there was when
    /// the pool was first used; those with higher numbers share the shelves.
    fn locals(&self) -> impl Iterator<Item = &Local<T>> {
        let locals = self
            .locals
            .get_or_init(|| (0..gort_rt::procs().max(1)).map(|_| Local::new()).collect());
        let own = pinned(|p| p).unwrap_or_else(|| RawGoId::here().get()) % locals.len();
        locals[own..].iter().chain(&locals[..own])
    }

    /// One from a shelf, the own one first. Waits for whoever looks through one: that is over in no time,
    /// and making a value may not be.
    #[cold]
    fn search(&self) -> Option<T> {
        self.locals.get()?;
        let search = |layer: fn(&mut Shelf<T>) -> &mut Vec<T>| {
            self.locals().find_map(|local| layer(&mut local.shelf.lock()).pop())
        };
        search(|shelf| &mut shelf.fresh).or_else(|| search(|shelf| &mut shelf.old))
    }

    #[cold]
    fn shelve(&self, value: Option<T>) {
        let Some(local) = self.locals().next() else { return };
        let mut shelf = local.shelf.lock();
        let old = Local::age(&mut shelf);
        shelf.fresh.extend(value);
        drop(shelf);
        drop(old);
    }
}

impl<T, F> fmt::Debug for Pool<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_uses_goes_after_two_ages() {
        let local = Local::new();
        let mut shelf = local.shelf.lock();
        let mut age_by = |time: Duration, more: &[i32]| {
            shelf.since -= time;
            let gone = Local::age(&mut shelf);
            shelf.fresh.extend(more);
            (gone, shelf.old.clone())
        };
        assert_eq!(age_by(Duration::ZERO, &[1]), (vec![], vec![]));
        assert_eq!(age_by(AGE, &[2]), (vec![], vec![1]));
        assert_eq!(age_by(Duration::ZERO, &[3]), (vec![], vec![1]));
        assert_eq!(age_by(AGE, &[]), (vec![1], vec![2, 3]));
        assert_eq!(age_by(AGE, &[]), (vec![2, 3], vec![]));
    }
}
