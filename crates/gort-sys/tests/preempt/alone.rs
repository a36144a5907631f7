//! A process of its own, for a test that sets up something else than the others. Not by fork: the
//! others panic in other threads, and might hold std's lock on the hook.

use std::process::Command;

/// Runs `body` in this program started again for the one `test`, which has called this.
pub(crate) fn alone(test: &str, body: impl FnOnce()) {
    const ALONE: &str = "GORT_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return body();
    }
    let program = std::env::current_exe().expect("a program");
    let output = Command::new(program).args([test, "--exact"]).env(ALONE, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{test}: {output:#?}");
}
