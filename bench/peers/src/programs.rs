//! The programs that are run: built once, and how each peer's is called.

use crate::elf;
use crate::golang::Go;
use crate::http::{self, Server};
use crate::idle;
use crate::peer::Peer;
use crate::run::{Failure, Printed, output, parse};
use crate::table::Row;
use gort_sys::raw;
use gort_sys::types::Resource;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// No run takes longer, unless it hangs.
const LIMIT: Duration = Duration::from_secs(60);
/// How many starts are a figure.
const STARTS: u32 = 20;

/// Where the programs are.
pub(crate) struct Programs {
    dir: PathBuf,
    go: Go,
    /// How many times fewer operations than in a full run.
    divisor: u64,
}

impl Programs {
    /// Builds everything into cargo's folder `target`; `ours` is the runner's.
    pub(crate) fn build(
        root: &Path,
        target: &Path,
        ours: &Path,
        quick: bool,
    ) -> Result<Programs, String> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        for what in [&["-p", "gort-bench"][..], &["-p", "gort", "--example", "httpd"]] {
            let mut command = Command::new(&cargo);
            command.args(["build", "--release", "--quiet"]).args(what).current_dir(root);
            // Where this program was built, also if it is called without cargo.
            command.env("CARGO_TARGET_DIR", target);
            if !command.status().is_ok_and(|status| status.success()) {
                return Err(format!("cargo build {} fails", what.join(" ")));
            }
        }
        let divisor = if quick { 10 } else { 1 };
        Ok(Programs { dir: target.join("release"), go: Go::build(root, ours), divisor })
    }

    /// Go's version, or why there is none.
    pub(crate) fn go_version(&self) -> String {
        self.go.version.clone()
    }

    /// Why a line of the table cannot be measured on a peer, if that is known before.
    pub(crate) fn absent(&self, row: &Row, peer: Peer) -> Option<String> {
        let limit = raw::getrlimit(Resource::NOFILE).map_or(u64::MAX, |limit| limit.current);
        if row.descriptors > limit {
            return Some(format!(
                "{} descriptors, of which the limit allows {limit}",
                row.descriptors
            ));
        }
        match (peer, row.workload) {
            (Peer::Go, _) if self.go.absent.is_some() => self.go.absent.clone(),
            (Peer::Nginx, _) if !there("nginx") => Some("there is no nginx on the path".into()),
            (_, workload) if workload.starts_with("http-") && !there("wrk") => {
                Some("there is no wrk on the path".into())
            }
            _ => None,
        }
    }

    /// Runs a line's workload once.
    pub(crate) fn run(&self, workload: &str, peer: Peer, procs: usize) -> Result<Printed, Failure> {
        match workload {
            "size" => one(size(&self.hello(peer)?)),
            "start" => self.starts(&self.hello(peer)?, procs),
            "idle" => {
                let mut command = self.bench(workload, peer)?;
                idle::watch(command.env("GOMAXPROCS", procs.to_string()))
            }
            "http-small" => http::run(&self.server(peer)?, &http::SMALL),
            "http-large" => http::run(&self.server(peer)?, &http::LARGE),
            _ => {
                let mut command = self.bench(workload, peer)?;
                command.env("GOMAXPROCS", procs.to_string());
                command.env("BENCH_DIVISOR", self.divisor.to_string());
                parse(&output(&mut command, LIMIT)?)
            }
        }
    }

    /// The program of the workloads, told which it is to run.
    pub(crate) fn bench(&self, workload: &str, peer: Peer) -> Result<Command, Failure> {
        let mut command = if peer == Peer::Go {
            let of_c = ["ccall", "callback"].contains(&workload);
            Command::new(there_is(if of_c { &self.go.cgo } else { &self.go.bench })?)
        } else if peer == Peer::GortStd {
            Command::new(self.dir.join("gort-std-bench"))
        } else {
            let mut command = Command::new(self.dir.join("gort-bench"));
            command.arg(peer.key());
            command
        };
        command.arg(workload);
        // smol's threads for calls that wait would be 500 at most; the others' pools have as many as this.
        command.env("BLOCKING_MAX_THREADS", "10000");
        // All have their defaults, whatever the caller's environment says.
        for name in ["GOGC", "GOMEMLIMIT", "GODEBUG", "GORT_DEBUG"] {
            command.env_remove(name);
        }
        Ok(command)
    }

    fn hello(&self, peer: Peer) -> Result<PathBuf, Failure> {
        match peer {
            Peer::Go => there_is(&self.go.hello),
            _ => Ok(self.dir.join(format!("hello-{}", peer.key()))),
        }
    }

    fn server(&self, peer: Peer) -> Result<Server, Failure> {
        Ok(match peer {
            Peer::Go => Server::Files(there_is(&self.go.files)?, None),
            Peer::Hyper => Server::Files(self.dir.join("hyper-files"), None),
            Peer::HyperInline => Server::Files(self.dir.join("hyper-files"), Some("inline")),
            Peer::Nginx => Server::Nginx,
            _ => Server::Httpd(self.dir.join("examples/httpd")),
        })
    }

    fn starts(&self, program: &Path, procs: usize) -> Result<Printed, Failure> {
        let start = Instant::now();
        for _ in 0..STARTS {
            output(Command::new(program).env("GOMAXPROCS", procs.to_string()), LIMIT)?;
        }
        one(start.elapsed().as_nanos() as f64 / f64::from(STARTS))
    }
}

fn one(figure: f64) -> Result<Printed, Failure> {
    Ok(Printed { figures: [(String::new(), figure)].into(), quantiles: Vec::new() })
}

fn there_is(program: &Option<PathBuf>) -> Result<PathBuf, Failure> {
    program.clone().ok_or_else(|| Failure::Absent("Go's program does not build".into()))
}

/// Whether a program can be run at all.
fn there(program: &str) -> bool {
    Command::new(program).arg("-v").output().is_ok()
}

/// The bytes of a program that are loaded: what debuggers read, and the tables of names, are left out.
fn size(program: &Path) -> f64 {
    let segments = elf::segments(&fs::read(program).unwrap_or_default());
    segments.iter().map(|segment| segment.size).sum::<usize>() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_loaded_is_less_than_the_file() {
        let this = std::env::current_exe().unwrap();
        let (size, file) = (size(&this), fs::metadata(&this).unwrap().len() as f64);
        assert!(size > 10_000.0 && size < file, "{size} of {file}");
        assert_eq!(super::size(Path::new("no-such-file")), 0.0);
    }
}
