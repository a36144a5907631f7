//! What a program in C does with its threads: each function returns 0, or the line on which it was not what POSIX
//! says.
//!
//! # Safety
//!
//! The functions take nothing.

#![allow(unsafe_code)]

use std::ffi::c_int;

#[link(name = "gort_threads", kind = "static")]
unsafe extern "C" {
    safe fn create_and_join() -> c_int;
    safe fn exits() -> c_int;
    safe fn cleans_up() -> c_int;
    safe fn keys() -> c_int;
    safe fn attributes() -> c_int;
    safe fn names() -> c_int;
    safe fn detached() -> c_int;
    safe fn timed_joins() -> c_int;
    safe fn refusals() -> c_int;
    safe fn locks() -> c_int;
    /// Not among all: no threads.
    pub safe fn leaves_handlers(times: c_int) -> c_int;
}

/// The functions, with their names.
pub const ALL: [(&str, extern "C" fn() -> c_int); 10] = [
    ("create_and_join", create_and_join),
    ("exits", exits),
    ("cleans_up", cleans_up),
    ("keys", keys),
    ("attributes", attributes),
    ("names", names),
    ("detached", detached),
    ("timed_joins", timed_joins),
    ("refusals", refusals),
    ("locks", locks),
];
