//! Moments, as std and as the runtime have them.

use gort_rt::timer::{NEVER, deadline};
use gort_sys::vdso::nanotime;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

static EPOCH: OnceLock<(u64, Instant)> = OnceLock::new();

/// One moment in both forms. std's is a little later, by less than it takes to look at a clock twice:
/// so what comes from the runtime is never earlier than it was.
fn epoch() -> (u64, Instant) {
    *EPOCH.get_or_init(|| {
        let look = |_| {
            let (before, instant) = (nanotime(), Instant::now());
            (nanotime() - before, before, instant)
        };
        // One of them is not interrupted.
        let (_, start, instant) = (1..16).map(look).fold(look(0), |best, next| best.min(next));
        (start, instant)
    })
}

/// Looks at the clock for the first time, which may take a moment.
pub(crate) fn start() {
    epoch();
}

/// The span in nanoseconds; all there are if it is longer.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The moment that is `duration` from now, in nanoseconds of the runtime's clock.
pub(crate) fn nanos_from_now(duration: Duration) -> u64 {
    deadline(nanos(duration))
}

/// The moment in nanoseconds of the runtime's clock. [`NEVER`] if that does not reach so far.
pub(crate) fn nanos_at(moment: Instant) -> u64 {
    let (start, instant) = epoch();
    match moment.checked_duration_since(instant) {
        Some(later) => start.saturating_add(nanos(later)).min(NEVER),
        None => start.saturating_sub(nanos(instant.duration_since(moment))),
    }
}

/// The moment as std has it.
pub(crate) fn instant_at(when: u64) -> Instant {
    let (start, instant) = epoch();
    match when.checked_sub(start) {
        Some(later) => instant.checked_add(Duration::from_nanos(later)),
        None => instant.checked_sub(Duration::from_nanos(start - when)),
    }
    .unwrap_or(instant)
}
