//! The kernel's types, as Rust's.

mod ids;
mod time;

pub use ids::*;
pub use time::*;
