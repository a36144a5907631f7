//! Many who wait, each for an event of its own, like a goroutine that waits for its connection: what each of
//! them takes, and what it costs to start one and to wake it.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many wait, and how many have been woken and are about to end.
pub(crate) static WAITING: AtomicU64 = AtomicU64::new(0);
/// See [`WAITING`].
pub(crate) static WOKEN: AtomicU64 = AtomicU64::new(0);

/// One more of either.
pub(crate) fn count(of: &AtomicU64) {
    of.fetch_add(1, Ordering::AcqRel);
}

/// How many there are of either.
pub(crate) fn counted(of: &AtomicU64) -> u64 {
    of.load(Ordering::Acquire)
}

/// A field of the process's status, in bytes.
pub(crate) fn status(field: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
}

/// Makes `count` events, starts somebody for each by `spawn`, wakes them by `wake`, and lets them run by `pause`
/// until all are there, or gone. The events are not part of the memory. What it does may await, so it is a macro.
macro_rules! parked {
    ($count:expr, $event:expr, $spawn:expr, $wake:expr, $pause:expr) => {{
        use $crate::parked::{WAITING, WOKEN, counted, status};
        let count: u64 = $count;
        let all: Vec<_> = (0..count).map(|_| $event).collect();
        let (memory, tables) = (status("VmRSS:"), status("VmPTE:"));
        let start = std::time::Instant::now();
        for one in &all {
            $spawn(one);
        }
        while counted(&WAITING) < count {
            $pause;
        }
        let each = |total: f64| total / count as f64;
        $crate::also("spawn", &[each(start.elapsed().as_nanos() as f64)]);
        let memory = status("VmRSS:") - memory;
        $crate::also("tables", &[each(status("VmPTE:") - tables)]);
        let start = std::time::Instant::now();
        for one in &all {
            $wake(one);
        }
        while counted(&WOKEN) < count {
            $pause;
        }
        $crate::also("wake", &[each(start.elapsed().as_nanos() as f64)]);
        each(memory)
    }};
}

pub(crate) use parked;
