//! G, M and P: the goroutine, the thread, the right to run.
//!
//! All three live in memory that is never freed, only used again, so `&'static` references to them
//! are always good, and a stale one finds a G, M or P in some state, never rubbish.

pub(crate) mod deque;
pub(crate) mod g;
pub(crate) mod hold;
pub(crate) mod list;
pub(crate) mod m;
pub(crate) mod p;
pub(crate) mod status;
