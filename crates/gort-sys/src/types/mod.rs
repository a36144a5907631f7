//! The kernel's types, as Rust's.

mod ids;

pub use ids::*;
