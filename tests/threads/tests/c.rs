//! A program in C whose threads are goroutines, and the same with threads.

gort_std::threads!();

#[path = "../../../crates/gort/tests/support/mod.rs"]
mod support;

fn run() {
    for (name, function) in threads::ALL {
        assert_eq!(function(), 0, "{name}");
    }
}

#[test]
fn goroutines_are_threads_to_c() {
    // From this thread, which is a goroutine itself if the harness starts one, and from one that is none.
    support::everywhere(run);
}

#[test]
fn threads_are_threads_to_c() {
    gort_std::passthrough(run);
}
