//! Example programs, as programs of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// Where an example's program is. `cargo test` builds it, but not if it was told to build one test only:
/// then cargo is asked for it. Not otherwise, for it might choose other features of other crates, and build
/// everything anew.
pub fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the program has a path");
    let profile = test.ancestors().nth(2).expect("a test is in `target/PROFILE/deps`");
    let program = profile.join("examples").join(name);
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("`crates`");
    let built = fs::metadata(&program).and_then(|data| data.modified());
    if built.is_ok_and(|built| built >= newest(crates)) {
        return program;
    }
    let mut build = Command::new(env!("CARGO"));
    build.args([
        "build",
        "--quiet",
        "--package",
        env!("CARGO_PKG_NAME"),
        "--example",
        name,
        "--target-dir",
    ]);
    build.arg(profile.parent().expect("`target`"));
    if profile.ends_with("release") {
        build.arg("--release");
    }
    let output = build.output().expect("cargo can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(program.exists(), "{} is not there", program.display());
    program
}

/// When the last of the sources below `dir` was changed, tests apart.
fn newest(dir: &Path) -> SystemTime {
    let entries = fs::read_dir(dir).expect("sources can be read").map_while(Result::ok);
    let times =
        entries.filter(|entry| entry.file_name() != "tests").map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => newest(&entry.path()),
            _ => {
                entry.metadata().and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
            }
        });
    times.max().unwrap_or(SystemTime::UNIX_EPOCH)
}
