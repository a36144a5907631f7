//! The real timers.

#[path = "../../src/timer/heap.rs"]
mod heap;
#[path = "../../src/timer/state.rs"]
pub(crate) mod state;
#[path = "../../src/timer/timer.rs"]
#[allow(clippy::module_inception, reason = "as in the runtime")]
pub(crate) mod timer;
#[path = "../../src/timer/timers.rs"]
pub(crate) mod timers;
