//! The example `httpd`, as a program of its own, with clients of several kinds.

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod bodies;
mod client;
mod faults;
mod files;
mod limits;
mod peers;
mod seccomp;
mod server;
mod stop;
