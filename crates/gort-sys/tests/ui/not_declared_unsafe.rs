//! Declaring a call is a promise, so it is marked as one.

use gort_sys::{Result, sys};

sys! { extern "kernel" {
    sysnb getppid() -> Result<()>;
} }

fn main() {}
