//! A process whose runtime is there and has nothing to do.

use std::fs;
use std::time::Duration;

/// For how long there is nothing.
pub(crate) const SPAN: Duration = Duration::from_secs(5);

/// How often the kernel has switched to the process's threads, and how many threads there are.
pub(crate) fn switches() -> (u64, usize) {
    let tasks: Vec<_> = fs::read_dir("/proc/self/task").unwrap().flatten().collect();
    let of_one = |status: String| -> u64 {
        let lines = status.lines().filter(|line| line.contains("voluntary_ctxt_switches:"));
        lines.filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok()).sum()
    };
    let all = tasks.iter().filter_map(|task| fs::read_to_string(task.path().join("status")).ok());
    (all.map(of_one).sum(), tasks.len())
}

/// How long it may take to come to rest before that.
pub(crate) const REST: Duration = Duration::from_millis(500);

/// Sleeps for [`SPAN`]: how often a thread woke in that time, but for the one that the sleep itself ends. To
/// sleep may be to await, so it is a macro.
macro_rules! idle {
    ($span:ident => $sleep:expr) => {{
        let $span = $crate::idle::REST;
        $sleep;
        let $span = $crate::idle::SPAN;
        let (before, _) = $crate::idle::switches();
        $sleep;
        let (after, threads) = $crate::idle::switches();
        $crate::also("threads", &[threads as f64]);
        (after - before).saturating_sub(1) as f64
    }};
}

pub(crate) use idle;
