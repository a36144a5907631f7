//! `cargo xtask planted`: every check is seen to fail.
//!
//! A check that cannot go red is worse than none. So for each script of `ci/`, and for each rule of
//! tidy, one mistake is planted in a copy of the workspace, and the script must fail there, and say
//! what it is supposed to say: a copy that is broken in some other way proves nothing.

use crate::tree::Tree;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// A mistake, and the check that must see it.
struct Plant {
    /// The script; for tidy's, the rule is the name.
    script: &'static str,
    name: &'static str,
    edit: Edit,
    /// What the check's output must have in it.
    says: &'static str,
}

enum Edit {
    /// Adds to the end of a file.
    Append(&'static str, &'static str),
    /// Makes a file, or replaces what is in it.
    Write(&'static str, &'static str),
}

use Edit::{Append, Write};

const SYS: &str = "crates/gort-sys/src/lib.rs";
const NEW: &str = "crates/gort-sys/src/planted.rs";
const EXAMPLE: &str = "crates/gort-sys/examples/ls.rs";
const PROGRAM: &str = "crates/gort/examples/echo.rs";

const fn plant(script: &'static str, name: &'static str, edit: Edit, says: &'static str) -> Plant {
    Plant { script, name, edit, says }
}

const fn tidy(rule: &'static str, edit: Edit, says: &'static str) -> Plant {
    plant("ci/tidy.sh", rule, edit, says)
}

const PLANTS: &[Plant] = &[
    plant(
        "ci/lock.sh",
        "stale-lock",
        Append("xtask/Cargo.toml", "\n[dependencies]\nlibc.workspace = true\n"),
        "--locked",
    ),
    plant("ci/fmt.sh", "format", Append(SYS, "fn  planted() {}\n"), "-fn  planted() {}"),
    tidy(
        "layers",
        Append(
            "crates/gort-sys/Cargo.toml",
            "\n[target.'cfg(any())'.dependencies]\nlibc.workspace = true\n",
        ),
        "gort-sys may not depend on libc",
    ),
    tidy("no-std", Write(NEW, "extern crate std;\n"), "planted.rs:1: no-std:"),
    tidy("length", Write(NEW, LONG), "planted.rs:640: length:"),
    tidy("banned", Write(NEW, "#[test]\n#[ignore]\nfn planted() {}\n"), "planted.rs:2: banned:"),
    tidy("safety-header", Write(NEW, "#![allow(unsafe_code)]\n"), "planted.rs:1: safety-header:"),
    tidy(
        "safety-comment",
        Write(NEW, "//! # Safety\nfn planted() {\n    unsafe { hint() }\n}\n"),
        "planted.rs:3: safety-comment:",
    ),
    tidy(
        "local-path",
        Append("README.md", concat!("See /", "home/me/gort.\n")),
        "is somebody's own machine",
    ),
    tidy("changelog", Write("CHANGELOG.md", "# Changelog\n"), "CHANGELOG.md:1: changelog:"),
    tidy(
        "readme-command",
        Append("README.md", "\n```sh\ncargo test --all\n```\n"),
        "no script of .ci/run runs `cargo test --all`",
    ),
    tidy("readme-file", Append(PROGRAM, "// More.\n"), "readme-file: this is not"),
    tidy("link", Append("README.md", "[nowhere](nowhere.md)\n"), "nowhere.md is not there"),
    plant(
        "ci/clippy.sh",
        "lint",
        Append(SYS, "#[allow(dead_code)]\nfn planted() -> i32 {\n    return 1;\n}\n"),
        "clippy::needless_return",
    ),
    plant(
        "ci/clippy.sh",
        "unsafe-code",
        Append(
            SYS,
            "#[allow(dead_code)]\nfn planted() {\n    // SAFETY: none.\n    \
             unsafe { core::hint::unreachable_unchecked() }\n}\n",
        ),
        "usage of an `unsafe` block",
    ),
    plant(
        "ci/clippy.sh",
        "missing-docs",
        Append(SYS, "pub fn planted() {}\n"),
        "missing documentation for a function",
    ),
    plant(
        "ci/no_std.sh",
        "std-outside-its-feature",
        Append(SYS, "/// Planted.\npub type Planted = std::vec::Vec<u8>;\n"),
        "Planted = std::vec",
    ),
    plant(
        "ci/doc.sh",
        "dead-link",
        Append(SYS, "/// [`nowhere`]\npub mod planted {}\n"),
        "unresolved link to `nowhere`",
    ),
    plant(
        "ci/test.sh",
        "failing-test",
        Append(SYS, "#[test]\nfn planted() {\n    assert_eq!(1, 2);\n}\n"),
        "test planted ... FAILED",
    ),
    plant(
        "ci/test_release.sh",
        "failing-optimised-test",
        Append(SYS, "#[test]\nfn planted() {\n    assert!(cfg!(debug_assertions));\n}\n"),
        "test planted ... FAILED",
    ),
    plant(
        "ci/crates.sh",
        "stale-lock-of-the-crates",
        Append("tests/crates/Cargo.toml", "\n[dependencies]\nlibc = \"0.2\"\n"),
        "--locked",
    ),
    plant(
        "ci/example.sh",
        "no-output",
        Write(EXAMPLE, "//! Empty.\nfn main() {}\n"),
        "does not have Cargo.toml",
    ),
    plant(
        "ci/bench.sh",
        "bench-does-not-build",
        Write("crates/gort-sys/benches/planted.rs", "//! Planted.\nfn main() -> u8 {}\n"),
        "benches/planted.rs:2",
    ),
];

/// 640 lines.
const LONG: &str = {
    const BYTES: [u8; 640] = [b'\n'; 640];
    match std::str::from_utf8(&BYTES) {
        Ok(text) => text,
        Err(_) => "",
    }
};

/// Plants every mistake in turn, in one copy, so that later builds there start from earlier ones.
///
/// # Errors
///
/// The checks that did not see theirs.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let copy = root.join("target/planted");
    let show = |error: std::io::Error| format!("{}: {error}", copy.display());
    let tree = Tree::read(root).map_err(|error| format!("{}: {error}", root.display()))?;
    make_copy(root, &tree, &copy).map_err(show)?;
    let mut blind = Vec::new();
    for plant in PLANTS {
        let (status, output) = check(plant, &tree, &copy).map_err(show)?;
        match judge(plant, status, &output) {
            Ok(()) => println!("planted {}: red, as it must be", plant.name),
            Err(why) => {
                println!("planted {}: {} {why}\n{output}", plant.name, plant.script);
                blind.push(plant.name);
            }
        }
    }
    fs::remove_dir_all(&copy).map_err(show)?;
    if blind.is_empty() { Ok(()) } else { Err(format!("not seen: {}", blind.join(", "))) }
}

/// What a check that was shown a mistake has done wrong.
fn judge(plant: &Plant, passed: bool, output: &str) -> Result<(), &'static str> {
    match (passed, output.contains(plant.says)) {
        (true, _) => Err("stayed green"),
        (false, false) => Err("is red for another reason"),
        (false, true) => Ok(()),
    }
}

fn make_copy(root: &Path, tree: &Tree, copy: &Path) -> std::io::Result<()> {
    if copy.exists() {
        fs::remove_dir_all(copy)?;
    }
    for path in tree.paths() {
        let to = copy.join(path);
        fs::create_dir_all(to.parent().unwrap_or(copy))?;
        fs::copy(root.join(path), to)?; // with its mode: scripts stay executable
    }
    Ok(())
}

/// Plants, runs the script, and takes the mistake out again.
fn check(plant: &Plant, tree: &Tree, copy: &Path) -> std::io::Result<(bool, String)> {
    let (path, text) = match plant.edit {
        Append(path, more) => (path, tree.get(path).unwrap_or_default().to_owned() + more),
        Write(path, text) => (path, text.to_owned()),
    };
    let file = copy.join(path);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&file, text)?;
    let output = Command::new(copy.join(plant.script))
        .env("CARGO_TERM_COLOR", "never")
        .stdin(Stdio::null())
        .output()?;
    match tree.get(path) {
        Some(text) => fs::write(&file, text)?,
        None => fs::remove_file(&file)?,
    }
    let text = [&output.stdout[..], &output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::RULES;

    /// These check nothing themselves.
    const NO_CHECK: &[&str] = &["ci/tools.sh", "ci/planted.sh"];

    #[test]
    fn every_script_is_run_and_has_a_plant() {
        let tree = Tree::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap();
        let run = tree.get(".ci/run").unwrap();
        for (path, _) in tree.ending(".sh").filter(|(path, _)| path.starts_with("ci/")) {
            assert!(run.lines().any(|line| line.trim() == path), "{path} is not run");
            let planted = PLANTS.iter().any(|plant| plant.script == path);
            assert!(planted || NO_CHECK.contains(&path), "{path} has no plant");
        }
    }

    #[test]
    fn every_rule_has_a_plant() {
        for (rule, _) in RULES {
            let planted = PLANTS.iter().any(|p| p.script == "ci/tidy.sh" && p.name == *rule);
            assert!(planted, "{rule} has no plant");
        }
    }

    #[test]
    fn only_the_right_red_counts() {
        let plant = &plant("ci/x.sh", "x", Write("x", ""), "as planted");
        assert_eq!(judge(plant, false, "failed as planted"), Ok(()));
        assert_eq!(judge(plant, true, "failed as planted"), Err("stayed green"));
        assert_eq!(judge(plant, false, "no such file"), Err("is red for another reason"));
    }
}
