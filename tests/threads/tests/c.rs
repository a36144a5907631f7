//! A program in C whose threads are goroutines, and the same with threads.

gort_std::threads!();

#[path = "../../../crates/gort/tests/support/mod.rs"]
mod support;

fn run() {
    // The watchdog's thread is a goroutine here.
    gort_sys::raw::alarm(120);
    for (name, function) in threads::ALL {
        assert_eq!(function(), 0, "{name}");
    }
}

#[test]
fn goroutines_are_threads_to_c() {
    support::everywhere(run);
}

#[test]
fn threads_are_threads_to_c() {
    let _one = support::serial();
    gort_std::passthrough(run);
}
