//! Locks that block the M (or an ordinary thread), for the runtime's own use.

mod latch;
mod mutex;
mod note;

pub(crate) use latch::Latch;
pub(crate) use mutex::{Guard, Mutex, Rank};
pub(crate) use note::Note;
