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

/// A handler that is left by a jump is over.
#[test]
fn left_handlers_are_over() {
    let _one = support::serial();
    gort::run(|| {
        let sleeps = || {
            let entry = gort_std::taken_over().find(|entry| entry.name == "clock_nanosleep");
            entry.expect("it is taken over").calls
        };
        let before = sleeps();
        assert_eq!(threads::leaves_handlers(100_000), 0);
        std::thread::sleep(std::time::Duration::from_millis(1));
        assert!(sleeps() > before, "it stands aside");
    });
}

#[test]
fn threads_are_threads_to_c() {
    let _one = support::serial();
    gort_std::passthrough(run);
}
