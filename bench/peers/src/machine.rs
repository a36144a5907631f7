//! Where the figures were taken.

use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The machine, and the versions of what ran on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub cpu: String,
    /// The CPUs that were used.
    pub cpus: Vec<usize>,
    pub kernel: String,
    pub glibc: String,
    pub rustc: String,
    /// Go's version, or why there is no Go.
    pub go: String,
    /// Name and version.
    pub crates: Vec<(String, String)>,
    /// How the CPU's frequency is governed, if the system says so.
    pub governor: String,
    /// Of one, five and fifteen minutes, before the run.
    pub load: String,
}

/// The crates whose versions matter.
const CRATES: &[&str] =
    &["crossbeam-channel", "flume", "hyper", "may", "parking_lot", "smol", "tokio"];

impl Machine {
    /// The present one; `go` says what is known about Go.
    pub(crate) fn here(root: &Path, cpus: &[usize], go: String) -> Machine {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let info = read("/proc/cpuinfo");
        let model = info.lines().find(|line| line.starts_with("model name"));
        let version = said("getconf", &["GNU_LIBC_VERSION"]);
        let governor = read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
        let lock = fs::read_to_string(root.join("Cargo.lock")).unwrap_or_default();
        Machine {
            cpu: model.and_then(|line| line.split(": ").nth(1)).unwrap_or("unknown").into(),
            cpus: cpus.to_vec(),
            kernel: read("/proc/sys/kernel/osrelease"),
            glibc: version.trim_start_matches("glibc ").into(),
            rustc: said("rustc", &["--version"]).trim_start_matches("rustc ").into(),
            go,
            crates: versions(&lock),
            governor: if governor.is_empty() { "unknown".into() } else { governor },
            load: read("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" "),
        }
    }

    /// The machine in a line.
    pub(crate) fn line(&self) -> String {
        let count = self.cpus.len();
        format!("{}, {count} CPUs, kernel {}, glibc {}", self.cpu, self.kernel, self.glibc)
    }

    /// What ran, in a line.
    pub(crate) fn versions(&self) -> String {
        let crates = self.crates.iter().map(|(name, version)| format!("{name} {version}"));
        let all = [format!("rustc {}", self.rustc), self.go.clone()];
        all.into_iter().chain(crates).collect::<Vec<_>>().join(", ")
    }
}

/// What a program says, in a line, or that it is unknown.
pub(crate) fn said(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    let text = output.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    let text = String::from_utf8(text.unwrap_or_default()).unwrap_or_default();
    text.lines().next().filter(|line| !line.is_empty()).unwrap_or("unknown").trim().into()
}

/// The highest version of each of [`CRATES`] in a lock file.
fn versions(lock: &str) -> Vec<(String, String)> {
    let version = |name: &&str| {
        let begin = format!("name = \"{name}\"\nversion = \"");
        let last = lock.rsplit_once(&begin)?.1.split('"').next()?;
        Some(((*name).into(), last.into()))
    };
    CRATES.iter().filter_map(version).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn sample() -> Machine {
        Machine {
            cpu: "A <CPU> & more".into(),
            cpus: vec![0, 1],
            kernel: "6.1".into(),
            glibc: "2.36".into(),
            rustc: "1.95.0".into(),
            go: "Go 1.27.3".into(),
            crates: vec![("tokio".into(), "1.54.1".into())],
            governor: "unknown".into(),
            load: "0.00 0.01 0.02".into(),
        }
    }

    #[test]
    fn versions_are_those_of_the_lock_file() {
        let lock = "[[package]]\nname = \"tokio\"\nversion = \"1.2.3\"\n\n[[package]]\nname = \"x\"\n\
                    version = \"9\"\n[[package]]\nname = \"tokio\"\nversion = \"2.0.0\"\n";
        assert_eq!(versions(lock), [("tokio".into(), "2.0.0".into())]);
    }

    #[test]
    fn a_program_that_is_not_there_says_nothing() {
        assert_eq!(said("no-such-program", &[]), "unknown");
        assert_eq!(said("echo", &["a"]), "a");
        assert_eq!(said("false", &[]), "unknown");
    }
}
