//! What an operation costs in instructions, by callgrind, which plays the CPU and its caches: not times, but
//! counts, which are the same on a machine that others use as well.
//!
//! A program is run twice, what is measured once and [`MANY`] times: the difference has no beginning, no end and
//! no first touch of anything. One P; nothing is interrupted, because a played CPU is so slow that interruptions
//! would be too many. What the kernel does is not counted, only how often it is called.

use crate::callgrind::Profile;
use crate::elf;
use crate::floors::{PATHS, Path};
use crate::machine::said;
use crate::opcode::{Kind, kind};
use crate::peer::Peer;
use crate::programs::Programs;
use crate::run::{Failure, output, parse};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

/// How often what is measured is done in the longer of two runs.
const MANY: u64 = 11;
/// No run takes longer, unless it hangs.
const LIMIT: Duration = Duration::from_secs(120);
/// The instructions that a switch takes more here than on the bare machine: valgrind does not know `wrfsbase` and
/// hides it from programs, so that gort sets the thread pointer by a system call. See `switch.rs` of gort-sys.
const WITHOUT_WRFSBASE: f64 = 4.0;

/// What all paths cost, and who has counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Costs {
    /// valgrind's version.
    pub by: String,
    /// The caches that were played.
    pub caches: Vec<String>,
    /// By workload and by the peers' keys: what was counted, or why nothing was.
    pub paths: BTreeMap<String, BTreeMap<String, Result<Cost, String>>>,
}

/// What was counted, of an operation or of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cost {
    pub instructions: f64,
    /// Locked instructions, exchanges with memory and fences.
    pub atomics: f64,
    /// Of the first caches, of instructions and of data.
    pub misses: f64,
    /// Of the last cache.
    pub last_misses: f64,
    /// System calls.
    pub calls: f64,
    /// System calls in place of the vDSO, which valgrind hides: looks at the clock, mostly.
    pub clocks: f64,
}

impl Cost {
    /// All that a profile has, where `code` gives the bytes of files that were executed.
    fn of(profile: &Profile, mut code: impl FnMut(&str) -> Vec<u8>) -> Cost {
        let total = |names: [&str; 3]| {
            names.iter().filter_map(|name| profile.totals.get(*name)).sum::<u64>() as f64
        };
        let mut cost = Cost {
            instructions: total(["Ir", "", ""]),
            misses: total(["I1mr", "D1mr", "D1mw"]),
            last_misses: total(["ILmr", "DLmr", "DLmw"]),
            ..Cost::default()
        };
        for (object, executed) in &profile.executed {
            let bytes = code(object);
            for segment in elf::segments(&bytes) {
                let end = segment.address.saturating_add(segment.size as u64);
                let in_file = bytes.get(segment.offset..).unwrap_or_default();
                for (address, times) in executed.range(segment.address..end) {
                    let times = *times as f64;
                    match kind(in_file, (address - segment.address) as usize) {
                        Some(Kind::Atomic) => cost.atomics += times,
                        Some(Kind::Call) => cost.calls += times,
                        Some(Kind::Vdso) => cost.clocks += times,
                        Some(Kind::ThreadPointer) => {
                            cost.instructions -= WITHOUT_WRFSBASE * times;
                        }
                        None => {}
                    }
                }
            }
        }
        cost
    }

    /// What each of `operations` costs that one run has more than another, which had `few`.
    fn each(self, few: Cost, operations: f64) -> Cost {
        let each = |many: f64, few: f64| (many - few) / operations;
        Cost {
            instructions: each(self.instructions, few.instructions),
            atomics: each(self.atomics, few.atomics),
            misses: each(self.misses, few.misses),
            last_misses: each(self.last_misses, few.last_misses),
            calls: each(self.calls, few.calls),
            clocks: each(self.clocks, few.clocks),
        }
    }
}

impl Costs {
    /// Counts the paths that are named, or all if none is, where there is valgrind; `dir` is for its files.
    pub(crate) fn count(programs: &Programs, only: &[String], dir: &std::path::Path) -> Costs {
        let mut costs = Costs { by: said("valgrind", &["--version"]), ..Costs::default() };
        let named = |path: &&Path| only.is_empty() || only.iter().any(|name| name == path.workload);
        for path in PATHS.iter().filter(named) {
            eprintln!("costs of {}", path.workload);
            let mut of_path = BTreeMap::new();
            for peer in path.peers() {
                let counted = match (&costs.by[..], programs.absent(path.row(), peer)) {
                    ("unknown", _) => Err(Failure::Absent("valgrind is not installed".into())),
                    (_, Some(why)) => Err(Failure::Absent(why)),
                    _ => programs.bench(path.workload, peer).and_then(|program| {
                        let (few, _) = run(&program, path, 1, dir)?;
                        let (many, caches) = run(&program, path, MANY, dir)?;
                        costs.caches = caches;
                        Ok(many.0.each(few.0, many.1 - few.1))
                    }),
                };
                of_path.insert(peer.key().to_owned(), counted.map_err(why));
            }
            costs.paths.insert(path.workload.into(), of_path);
        }
        costs
    }

    /// What was counted of a path on a peer.
    pub(crate) fn get(&self, workload: &str, peer: Peer) -> Option<&Result<Cost, String>> {
        self.paths.get(workload)?.get(peer.key())
    }
}

fn why(failure: Failure) -> String {
    match failure {
        Failure::Absent(why) => format!("absent: {why}"),
        Failure::Failed(why) => format!("failed: {why}"),
    }
}

/// A run's cost with how many operations it had, and the caches.
type Counted = ((Cost, f64), Vec<String>);

fn run(
    program: &Command,
    path: &Path,
    repeat: u64,
    dir: &std::path::Path,
) -> Result<Counted, Failure> {
    let file = dir.join(format!("callgrind-{}", std::process::id()));
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--cache-sim=yes", "--dump-instr=yes"]);
    command.arg(format!("--callgrind-out-file={}", file.display()));
    command.arg(program.get_program()).args(program.get_args());
    command.env("GOMAXPROCS", "1").env("BENCH_DIVISOR", path.divisor.to_string());
    command.env("BENCH_REPEAT", repeat.to_string());
    command.env("GORT_DEBUG", "asyncpreemptoff=1").env("GODEBUG", "asyncpreemptoff=1");
    let printed = output(&mut command, LIMIT).and_then(|text| parse(&text));
    let text = fs::read_to_string(&file).unwrap_or_default();
    // If there is none, nothing was written.
    let _ = fs::remove_file(&file);
    let operations = printed?.figures.get("operations").copied();
    let operations =
        operations.ok_or_else(|| Failure::Failed("it does not say how many operations".into()))?;
    let profile = Profile::parse(&text).map_err(Failure::Failed)?;
    // What is no file is code that something has made while it ran.
    let cost = Cost::of(&profile, |object| fs::read(object).unwrap_or_default());
    Ok(((cost, operations), profile.caches))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::callgrind::tests::RECORDED;

    /// Something of everything.
    pub(crate) fn sample() -> Costs {
        let cost = |instructions| Cost {
            instructions,
            atomics: 1.5,
            misses: 0.25,
            last_misses: 0.0,
            calls: 1.0,
            clocks: 2.0,
        };
        let of = |peer: &str, cost| (peer.to_owned(), cost);
        let all = [
            of("gort", Ok(cost(250.0))),
            of("go", Ok(cost(1000.0))),
            of("bare", Err("failed: <why>".into())),
        ];
        Costs {
            by: "valgrind-3.19.0".into(),
            caches: vec!["I1 cache: 65536 B".into(), "LL cache: 1 B".into()],
            paths: BTreeMap::from([("yield".into(), all.into())]),
        }
    }

    /// The least of an ELF file: a header, a program header, and code that is loaded at 0x1000.
    fn program(code: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 128];
        let mut put = |at: usize, word: u64| bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
        put(32, 64);
        put(54, 56 | 1 << 16);
        put(64, 1);
        put(64 + 8, 128);
        put(64 + 16, 0x1000);
        put(64 + 32, code.len() as u64);
        bytes.extend(code);
        bytes
    }

    #[test]
    fn instructions_are_looked_at_where_they_are() {
        let profile = Profile::parse(RECORDED).unwrap();
        // lock inc dword ptr [rax], then syscall, of which the address that counts is another: nop.
        let atomic = program(&[0xf0, 0xff, 0x00, 0x0f, 0x05]);
        let of = |bytes: &[u8]| {
            Cost::of(
                &profile,
                |object| if object == "/bin/program" { bytes.into() } else { vec![] },
            )
        };
        let known = Cost {
            instructions: 74.0,
            atomics: 6.0,
            misses: 3.0,
            last_misses: 0.0,
            calls: 12.0,
            clocks: 0.0,
        };
        assert_eq!(of(&atomic), known);
        assert_eq!(of(&[]), Cost { atomics: 0.0, calls: 0.0, ..known });
    }

    #[test]
    fn a_switch_is_that_of_the_bare_machine() {
        let mut profile = Profile::parse(RECORDED).unwrap();
        profile.executed.insert("/bin/program".into(), BTreeMap::from([(0x1005, 10)]));
        let code = program(&[0xb8, 158, 0, 0, 0, 0x0f, 0x05]);
        let cost = Cost::of(&profile, |_| code.clone());
        assert_eq!((cost.instructions, cost.calls), (34.0, 0.0));
    }

    #[test]
    fn an_operation_is_the_difference_of_two_runs() {
        let of = |n: f64| Cost {
            instructions: 100.0 + n,
            atomics: 2.0 * n,
            misses: 7.0,
            last_misses: n / 2.0,
            calls: 1.0,
            clocks: 3.0 * n,
        };
        let known = Cost {
            instructions: 1.0,
            atomics: 2.0,
            misses: 0.0,
            last_misses: 0.5,
            calls: 0.0,
            clocks: 3.0,
        };
        assert_eq!(of(110.0).each(of(10.0), 100.0), known);
    }

    /// `true` stands for a program that counts nothing; without valgrind there is nothing to run it.
    #[test]
    fn what_cannot_be_counted_says_why() {
        let dir = std::env::temp_dir().join(format!("gort-peers-costs-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let mut program = Command::new("sh");
        program.args(["-c", "echo 1"]);
        let why = why(run(&program, &PATHS[0], 1, &dir).unwrap_err());
        match &said("valgrind", &["--version"])[..] {
            "unknown" => assert!(why.starts_with("failed: "), "{why}"),
            _ => assert_eq!(why, "failed: it does not say how many operations"),
        }
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
        fs::remove_dir(dir).unwrap();
    }
}
