//! Signals that pre-empt, many more than the runtime itself would send.

use super::StopOnDrop;
use gort_sys::raw;
use gort_sys::types::{Pid, Signal};
use std::time::Duration;

/// Sends SIGURG to every thread of the process, its own aside, `per_second` times a second, or
/// without a pause.
pub fn storm(per_second: Option<u32>) -> StopOnDrop {
    let pause = per_second.map(|count| Duration::from_secs(1) / count);
    StopOnDrop::start(move || {
        // A thread that has ended by now is not harmed.
        for thread in threads() {
            if thread != raw::gettid() {
                let _ = raw::tgkill(raw::getpid(), thread, Signal::URG);
            }
        }
        if let Some(pause) = pause {
            std::thread::sleep(pause);
        }
    })
}

/// The threads of this process.
pub fn threads() -> impl Iterator<Item = Pid> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("/proc is mounted");
    tasks.filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok().map(Pid))
}
