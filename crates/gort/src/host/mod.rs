//! What the runtime asks of the C library: threads' storage made by hand, and the places where libc
//! must be told that a thread of its own is not the one that runs.

pub(crate) mod attr;
pub(crate) mod fork;
pub(crate) mod setxid;
pub(crate) mod tls;
