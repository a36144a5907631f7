//! Two loops that take turns on one P because they are interrupted: how long it is from the last look at the
//! clock of one to the first of the other. That is a whole interruption: the beginning of one of the first, and
//! the end of an earlier one of the second. Whoever interrupts has another CPU, if there is one.

use crate::sized;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// How many turns there are, one every 10 ms.
const TURNS: u64 = 200;
/// How long a loop goes on between two looks, so that it is seldom interrupted in the clock.
const STEPS: u32 = 100;

/// What both know.
struct Turns {
    start: Instant,
    left: AtomicU64,
    /// Who looked at the clock last, and when.
    owner: AtomicU64,
    at: AtomicU64,
}

/// The median, in nanoseconds.
pub(crate) fn preempt() -> f64 {
    gort::runtime::gomaxprocs(Some(1));
    let [left, owner, at] = [sized(TURNS), 0, 0].map(AtomicU64::new);
    let turns = Arc::new(Turns { start: Instant::now(), left, owner, at });
    let loops = [0, 1].map(|me| {
        let turns = Arc::clone(&turns);
        gort::go(move || turns.take(me))
    });
    let mut all = loops.map(|one| one.join().unwrap()).concat();
    all.sort_unstable();
    all[all.len() / 2] as f64
}

impl Turns {
    /// Runs one of the loops; how long its turns were in coming.
    fn take(&self, me: u64) -> Vec<u64> {
        let mut took = Vec::new();
        while self.left.load(Relaxed) != 0 {
            (0..STEPS).for_each(|step| _ = black_box(step));
            let now = self.start.elapsed().as_nanos() as u64;
            if self.owner.swap(me, Relaxed) != me {
                // Whoever was interrupted just here has a time that is past.
                took.extend(now.checked_sub(self.at.load(Relaxed)));
                let _ = self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
            }
            self.at.store(now, Relaxed);
        }
        took
    }
}
