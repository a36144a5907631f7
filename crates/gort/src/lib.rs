//! Goroutines for Rust.

// The runtime above this module is not here yet; only tests call it.
#![cfg_attr(not(test), allow(dead_code, unused_imports))]

mod host;
