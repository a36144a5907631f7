//! For how long goroutines wait to be run, once they can. Go: `gTrackingPeriod`, `timeToRun`.
//!
//! A clock costs about as much as a switch, so only one in 512 is timed: it gets a stamp, by whoever makes
//! it runnable, and whoever runs it notes the difference, with the P that runs it. The others cost next to
//! nothing. Which they are is drawn from a counter that is at hand, the P's tick or its count of new
//! goroutines: neighbours come out far apart, whatever rhythm a program has, and in the long run each
//! has its share. Those that one goroutine readies without leaving are drawn together.
//!
//! Nor does the switch straight from goroutine to goroutine look for stamps: one that has a stamp is of a
//! kind ([`TIMED`]) that it looks at twice, as at those that share their thread's storage.
//!
//! Under the watchdog everybody gets a stamp: it looks at them.

use crate::obj::g::{G, TIMED};
use crate::obj::p::P;
use crate::prim::{AtomicU32, AtomicUsize, Ordering, Word};
use gort_sys::vdso::nanotime;

/// One in so many is timed.
const PERIOD: u32 = 512;

/// How many buckets there are.
const BUCKETS: usize = 28;

/// The first bucket is for less than this, in nanoseconds; each bucket's bound is twice the one's before.
const FIRST: u64 = 256;

/// What a P has noted. Its owner's; read by others.
#[derive(Debug)]
pub(crate) struct Tally {
    counts: [Word; BUCKETS],
    nanos: Word,
}

impl Tally {
    pub(crate) const fn new() -> Tally {
        Tally { counts: [const { Word::new(0) }; BUCKETS], nanos: Word::new(0) }
    }
}

/// Numbers up to this are drawn. In a cache line that nobody writes.
#[repr(align(64))]
struct Limit(AtomicU32);

const ONE_IN_PERIOD: u32 = u32::MAX / PERIOD;
static LIMIT: Limit = Limit(AtomicU32::new(ONE_IN_PERIOD));

/// Everybody gets a stamp from here on, or one in [`PERIOD`] again.
pub(super) fn time_all(all: bool) {
    LIMIT.0.store(if all { u32::MAX } else { ONE_IN_PERIOD }, Ordering::Relaxed);
}

/// Whether the one with this number gets a stamp. Steps of the golden ratio.
#[inline(always)]
fn is_drawn(number: usize) -> bool {
    (number as u32).wrapping_mul(0x9e37_79b9) <= LIMIT.0.load(Ordering::Relaxed)
}

/// `gp` has become runnable, and is about to be queued; by the M that has `pp`, or has none.
#[inline(always)]
pub(crate) fn queued(pp: Option<&'static P>, gp: &'static G) {
    match pp {
        Some(pp) => drawn_by(pp.schedtick.get(), gp),
        None => {
            static OUTSIDE: AtomicUsize = AtomicUsize::new(0);
            drawn_by(OUTSIDE.fetch_add(1, Ordering::Relaxed), gp);
        }
    }
}

/// `gp`, the one with this number, has become runnable, and is about to be queued.
#[inline(always)]
pub(crate) fn drawn_by(number: usize, gp: &'static G) {
    if is_drawn(number) {
        stamp(gp);
    }
}

#[cold]
#[inline(never)]
fn stamp(gp: &'static G) {
    gp.runnable_since.set(nanotime() as usize);
    gp.kind.set(gp.kind.get() | TIMED);
}

/// Since when `gp` has been runnable, if it is and has a stamp.
pub(super) fn since(gp: &'static G) -> Option<u64> {
    Some(gp.runnable_since.get() as u64).filter(|since| *since != 0)
}

/// `gp` is about to run with `pp`.
#[inline(always)]
pub(crate) fn runs(pp: &'static P, gp: &'static G) {
    if gp.kind.get() & TIMED != 0 {
        note(pp, gp);
    }
}

/// `gp`, which is not plain, is about to run with `pp`: whether it is by now.
#[cold]
pub(super) fn noted(pp: &'static P, gp: &'static G) -> bool {
    runs(pp, gp);
    gp.is_plain()
}

#[cold]
#[inline(never)]
fn note(pp: &'static P, gp: &'static G) {
    let waited = nanotime().saturating_sub(gp.runnable_since.get() as u64);
    gp.runnable_since.set(0);
    gp.kind.set(gp.kind.get() & !TIMED);
    let tally = &pp.latency;
    tally.nanos.set(tally.nanos.get().wrapping_add(waited as usize));
    if let Some(count) = tally.counts.get(bucket(waited)) {
        count.bump();
    }
}

/// The bucket for so many nanoseconds.
fn bucket(nanos: u64) -> usize {
    let doublings = (nanos / FIRST).checked_ilog2().map_or(0, |log| log + 1);
    (doublings as usize).min(BUCKETS - 1)
}

/// For how long goroutines have waited to be run: a histogram of those that were timed, about one in 512,
/// spread evenly.
///
/// The first bucket is for less than 256 ns, the next for less than 512 ns, and so on, doubling; the
/// 27th is for less than 17 s, and the 28th for all that is longer.
///
/// ```
/// let latency = gort_rt::Latency::default();
/// assert_eq!((latency.count(), latency.quantile(0.5)), (0, None));
/// assert_eq!(latency.buckets().next(), Some((Some(256), 0)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    counts: [usize; BUCKETS],
    nanos: usize,
}

impl Latency {
    /// Adds what `pp` has noted.
    pub(crate) fn add(&mut self, pp: &'static P) {
        for (sum, count) in self.counts.iter_mut().zip(&pp.latency.counts) {
            *sum = sum.wrapping_add(count.get());
        }
        self.nanos = self.nanos.wrapping_add(pp.latency.nanos.get());
    }

    /// The buckets: below how many nanoseconds each lies (`None`: no bound), and how many are in it.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<u64>, usize)> {
        let last = BUCKETS - 1;
        let bound = move |i| if i < last { Some(FIRST << i) } else { None };
        self.counts.into_iter().enumerate().map(move |(i, count)| (bound(i), count))
    }

    /// How many were timed.
    pub fn count(&self) -> usize {
        self.counts.iter().fold(0, |sum, count| sum.wrapping_add(*count))
    }

    /// For how long they waited, all together, in nanoseconds.
    pub fn nanos(&self) -> usize {
        self.nanos
    }

    /// The bound, in nanoseconds, that this part of them (0 to 1) stayed below, as closely as the buckets
    /// tell: up to twice too much. `None` if there were none, or if some of them belong to the last bucket.
    pub fn quantile(&self, part: f64) -> Option<u64> {
        let count = self.count();
        let wanted = (part.clamp(0.0, 1.0) * count as f64) as usize;
        let mut below = 0;
        self.buckets().find_map(|(bound, count)| {
            below += count;
            (count != 0 && below >= wanted).then_some(bound)
        })?
    }

    /// What has been noted since `before`, which is earlier.
    pub fn since(&self, before: &Latency) -> Latency {
        let mut later = *self;
        for (count, before) in later.counts.iter_mut().zip(before.counts) {
            *count = count.wrapping_sub(before);
        }
        later.nanos = later.nanos.wrapping_sub(before.nanos);
        later
    }
}

#[cfg(test)]
mod tests {
    use super::{BUCKETS, FIRST, bucket};

    #[test]
    fn bounds_are_exclusive() {
        assert_eq!((bucket(0), bucket(FIRST - 1), bucket(FIRST)), (0, 0, 1));
        for i in 1..BUCKETS - 1 {
            let bound = FIRST << i;
            assert_eq!((bucket(bound - 1), bucket(bound)), (i, i + 1));
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }
}
