//! `cargo xtask suites [NAME...]`: other people's tests, their threads goroutines.
//!
//! cargo fetches the crates as published (`cargo vendor`), and builds their tests. Each test program is run twice:
//! as it is, and with gort-std loaded before libc (`LD_PRELOAD`), which makes every thread that it starts a
//! goroutine. So neither the sources nor the programs are changed. cargo runs them by way of this program
//! (`xtask host`), which counts their threads and ends those that hang. All results go to `docs/suites.md`.
//!
//! It needs the network, and some minutes: it is not one of the checks that run every time.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The crates, and in which version.
const SUITES: &[(&str, &str)] = &[
    ("once_cell", "1.21.4"),
    ("parking_lot", "0.12.5"),
    ("threadpool", "1.8.1"),
    ("crossbeam-channel", "0.5.17"),
];

/// What has the host load this library.
const PRELOAD: &str = "GORT_SUITES_PRELOAD";
/// How a line of the host's begins.
const HOST: &str = "host: ";
/// After that a program hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a suite has come to.
#[derive(Default)]
struct Outcome {
    passed: u64,
    /// By name, or a program that has not come to its end.
    failed: Vec<String>,
    /// The most that one of its programs had.
    threads: u64,
}

/// Runs the suites that are named, or all and writes the page.
///
/// # Errors
///
/// What cannot be built, and which tests fail that do not with threads.
pub(crate) fn run(root: &Path, names: &[&str]) -> Result<(), String> {
    let work = root.join("target/suites");
    let library = build_library(root, &work)?;
    fetch(&work)?;
    let mut page = String::from(PAGE);
    let mut broken = Vec::new();
    for (name, version) in SUITES {
        if !names.is_empty() && !names.contains(name) {
            continue;
        }
        let tests = |library| test(&work, name, version, library);
        let (threads, goroutines) = (tests(None)?, tests(Some(&library))?);
        println!("{name} {version}:");
        for (how, outcome) in [("threads", &threads), ("goroutines", &goroutines)] {
            let Outcome { passed, failed, threads } = outcome;
            println!("  {how}: {passed} passed, {} failed, {threads} threads", failed.len());
            failed.iter().for_each(|failed| println!("    {failed}"));
        }
        let _ = writeln!(
            page,
            "| {name} {version} | {} | {} | {} | {} | {} | {} |",
            threads.passed,
            list(&threads.failed),
            threads.threads,
            goroutines.passed,
            list(&goroutines.failed),
            goroutines.threads,
        );
        let new = goroutines.failed.iter().filter(|failed| !threads.failed.contains(failed));
        broken.extend(new.map(|failed| format!("{name}: {failed}")));
        if threads.passed == 0 {
            broken.push(format!("{name}: no test has passed"));
        }
    }
    if names.is_empty() {
        fs::write(root.join("docs/suites.md"), page).map_err(|error| error.to_string())?;
    }
    if broken.is_empty() { Ok(()) } else { Err(broken.join("\n")) }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "0".into() } else { format!("{} ({})", names.len(), names.join(", ")) }
}

const PAGE: &str = "# Other people's tests, their threads goroutines

The tests of published crates, unmodified: `cargo xtask suites` fetches them, and runs each test program as it is
and with gort-std loaded before libc, `GORT_STD=threads` and GOMAXPROCS=2. Then every thread that it starts is a
goroutine. The last column of each half is how many threads the kernel has counted at most in any of the programs;
those that the tests start only for a moment it can miss.

| Crate | with threads: passed | failed | threads | with goroutines: passed | failed | threads |
|-|-|-|-|-|-|-|
";

fn cargo() -> Command {
    let mut command = Command::new(std::env::var("CARGO").unwrap_or("cargo".into()));
    // Those of the workspace that this program was started in.
    for key in ["CARGO_MANIFEST_DIR", "CARGO_TARGET_DIR", "RUSTFLAGS"] {
        command.env_remove(key);
    }
    command.stdin(Stdio::null());
    command
}

fn succeed(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        status => Err(format!("{command:?}: {status:?}")),
    }
}

/// gort-std as a library of its own, which has std in it.
fn build_library(root: &Path, work: &Path) -> Result<String, String> {
    let mut command = cargo();
    command.current_dir(root).args(["rustc", "-q", "--release", "-p", "gort-std", "--lib"]);
    succeed(command.args(["--crate-type", "cdylib", "--target-dir"]).arg(work.join("library")))?;
    let library = work.join("library/release/libgort_std.so");
    library.to_str().map(str::to_owned).ok_or("a path that is not text".into())
}

/// Into a folder for each, with those that they need, which are not looked at.
fn fetch(work: &Path) -> Result<(), String> {
    let fetch = work.join("fetch");
    let mut manifest = String::from(
        "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [workspace]\n[lib]\npath = \"lib.rs\"\n[dependencies]\n",
    );
    for (name, version) in SUITES {
        let _ =
            writeln!(manifest, "{name} = {{ version = \"={version}\", default-features = false }}");
    }
    fs::create_dir_all(&fetch)
        .and_then(|()| fs::write(fetch.join("Cargo.toml"), manifest))
        .and_then(|()| fs::write(fetch.join("lib.rs"), ""))
        .map_err(|error| error.to_string())?;
    let mut command = cargo();
    command.current_dir(&fetch).args(["vendor", "-q", "--versioned-dirs"]);
    succeed(command.arg(work.join("sources")).stdout(Stdio::null()))
}

/// Runs a crate's tests.
fn test(work: &Path, name: &str, version: &str, library: Option<&str>) -> Result<Outcome, String> {
    let source = work.join("sources").join(format!("{name}-{version}"));
    let host = std::env::current_exe().map_err(|error| error.to_string())?;
    let runner = format!("target.'cfg(all())'.runner = ['{}', 'host']", host.display());
    let mut command = cargo();
    command.current_dir(&source).args(["test", "--release", "--no-fail-fast", "--lib", "--tests"]);
    command.args(["--config", &runner, "--target-dir"]);
    command.arg(work.join("build"));
    match library {
        Some(library) => command.env(PRELOAD, library).env("GOMAXPROCS", "2"),
        None => command.env_remove(PRELOAD),
    };
    let output = command.output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut outcome = Outcome::default();
    for line in text.lines() {
        let words: Vec<_> = line.split(' ').collect();
        if let Some(said) = line.strip_prefix(HOST) {
            match said.split_once(" threads") {
                Some((threads, _)) => {
                    outcome.threads = outcome.threads.max(threads.parse().unwrap_or(0));
                }
                None => outcome.failed.push(said.into()),
            }
        } else if let ["test", "result:", _, passed, "passed;", ..] = words[..] {
            outcome.passed += passed.parse::<u64>().unwrap_or(0);
        } else if let Some(test) = line.strip_suffix(" ... FAILED")
            && let Some(test) = test.strip_prefix("test ")
        {
            outcome.failed.push(test.trim_end_matches(" - should panic").into());
        }
    }
    if outcome.threads == 0 {
        let error = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the tests of {name} cannot be run:\n{text}{error}"));
    }
    Ok(outcome)
}

/// `xtask host PROGRAM ARGUMENTS...`: runs a test program, says how many threads it has had at most, and whether it
/// has come to its end.
pub(crate) fn host(program: &str, arguments: &[&str]) -> Result<(), String> {
    let mut command = Command::new(program);
    command.args(arguments);
    if let Ok(library) = std::env::var(PRELOAD) {
        command.env("LD_PRELOAD", library).env("GORT_STD", "threads");
    }
    let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
    let (start, mut most) = (Instant::now(), 1);
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            break Some(status);
        }
        if start.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            break None;
        }
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let threads = status.lines().find_map(|line| line.strip_prefix("Threads:"));
        most = threads.and_then(|text| text.trim().parse().ok()).unwrap_or(1).max(most);
        thread::sleep(Duration::from_millis(2));
    };
    println!("\n{HOST}{most} threads");
    let name = Path::new(program).file_stem().unwrap_or_default().to_string_lossy();
    // Without cargo's hash.
    let name = name.rsplit_once('-').map_or(&*name, |(name, _)| name);
    match status {
        Some(status) if status.success() => return Ok(()),
        // Some tests have failed, and the harness has said which.
        Some(status) if status.code() == Some(101) => {}
        Some(status) => println!("{HOST}program {name}: {status}"),
        None => println!("{HOST}program {name} hangs"),
    }
    Err(format!("{name} has failed"))
}
