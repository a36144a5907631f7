//! Example programs, as programs of their own.

use std::path::PathBuf;
use std::process::Command;

/// Where an example's program is. `cargo test` has built it unless it was told to build one test only; so
/// cargo is asked again, which says at once that there is nothing to do.
pub fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the program has a path");
    let profile = test.ancestors().nth(2).expect("a test is in `target/PROFILE/deps`");
    let target = profile.parent().expect("`target`");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--package", "gort", "--example", name, "--target-dir"]);
    build.arg(target);
    if profile.ends_with("release") {
        build.arg("--release");
    }
    let output = build.output().expect("cargo can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let program = profile.join("examples").join(name);
    assert!(program.exists(), "{} is not there", program.display());
    program
}
