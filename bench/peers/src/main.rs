//! `cargo bench-peers`: the same workloads on gort and on its peers, side by side.
//!
//! It builds the programs (`bench`, `bench/go`), runs them by turns in fresh processes on the same CPUs, and
//! writes `target/bench-peers/DATE.json` with a page beside it, and `index.html` with all runs. What is measured
//! is a line each in `table.rs`; who takes part is in `peer.rs`.
//!
//! A run on a machine that is too noisy to tell is refused.

mod callgrind;
mod charts;
mod costs;
mod costs_page;
mod elf;
mod floors;
mod golang;
mod http;
mod idle;
mod machine;
mod noise;
mod numbers;
mod opcode;
mod peer;
mod programs;
mod readme;
mod record;
mod report;
mod run;
mod session;
mod stats;
mod table;
mod verdict;

use costs::Costs;
use gort_sys::raw;
use gort_sys::types::{Pid, Resource, Rlimit};
use machine::{Machine, said};
use noise::Watch;
use programs::Programs;
use record::{Outcome, Record};
use session::Plan;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;
use std::{env, fs};

const USAGE: &str = "usage: cargo bench-peers [--quick] [--noisy] [--rounds N] [WORKLOAD...]
       cargo bench-peers --costs [WORKLOAD...]
       cargo bench-peers --readme

  --quick     small counts and 3 rounds
  --noisy     go on although the machine is too noisy to tell, and say so in the report
  --rounds N  rounds, of 7
  WORKLOAD    only these, by their names in bench/peers/src/table.rs
  --costs     instructions and the like in place of times, which a full run counts as well: needs valgrind
  --readme    write the README's figures and docs/bench.svg from the last full run";

/// What was asked for.
#[derive(Debug, Default, PartialEq)]
struct Options {
    quick: bool,
    noisy: bool,
    readme: bool,
    costs: bool,
    rounds: Option<usize>,
    only: Vec<String>,
}

impl Options {
    fn parse(args: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut options = Options::default();
        let mut args = args;
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--quick" => options.quick = true,
                "--noisy" => options.noisy = true,
                "--readme" => options.readme = true,
                "--costs" => options.costs = true,
                "--rounds" => {
                    let count = args.next().and_then(|count| count.parse().ok());
                    options.rounds = Some(count.filter(|count| *count > 0).ok_or(USAGE)?);
                }
                name if table::ROWS.iter().any(|row| row.workload == name) => {
                    options.only.push(arg)
                }
                _ => return Err(format!("{arg} is unknown\n{USAGE}")),
            }
        }
        Ok(options)
    }
}

fn main() -> ExitCode {
    match Options::parse(env::args().skip(1)).and_then(|options| bench(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn bench(options: &Options) -> Result<(), String> {
    let failed = |error: std::io::Error| error.to_string();
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let program = env::current_exe().map_err(failed)?;
    let target = program.ancestors().nth(2).ok_or("a program is in a folder of cargo's")?;
    let ours = target.join("bench-peers");
    fs::create_dir_all(&ours).map_err(failed)?;
    let mut all = Record::all(&ours).map_err(failed)?;
    if options.readme {
        let last = all.iter().rfind(|record| record.is_sound());
        return readme::write(root, last.ok_or("there is no full run yet that was quiet")?);
    }

    let programs = Programs::build(root, target, &ours, options.quick)?;
    raise_descriptors();
    let cpus = run::cpus();
    let machine = Machine::here(root, &cpus, programs.go_version());
    let start = Instant::now();
    let mut watch = Watch::start(&cpus);
    if !options.costs {
        refuse(options, watch.noise().noisy)?;
    }
    let plan = Plan {
        quick: options.quick,
        rounds: options.rounds.unwrap_or(if options.quick { 3 } else { record::ROUNDS }),
        only: options.only.clone(),
        cpus,
    };
    let cells = if options.costs { Vec::new() } else { plan.run(&programs, &mut watch) };
    let noise = watch.noise();
    if !options.costs {
        refuse(options, noise.noisy.clone())?;
    }
    let whole = !options.quick && options.only.is_empty();
    let costs = (options.costs || whole).then(|| Costs::count(&programs, &options.only, &ours));
    let record = Record {
        date: said("date", &["-u", "+%Y%m%dT%H%M%S"]),
        commit: commit(root),
        quick: options.quick,
        part: options.costs || !options.only.is_empty(),
        rounds: plan.rounds,
        seconds: start.elapsed().as_secs_f64(),
        machine,
        noise,
        cells,
        costs,
    };
    let page = report::page(&record, record.before(&all));
    let path = record.write(&ours).map_err(failed)?.with_extension("html");
    fs::write(&path, page).map_err(failed)?;
    all.push(record);
    fs::write(ours.join("index.html"), report::index(&all)).map_err(failed)?;
    tell(&all[all.len() - 1], &path);
    Ok(())
}

/// Ends a run that can tell nothing, unless it is to go on.
fn refuse(options: &Options, noisy: Option<String>) -> Result<(), String> {
    match noisy {
        Some(why) if !options.noisy => {
            Err(format!("too noisy to tell: {why}. --noisy goes on, and marks the report."))
        }
        _ => Ok(()),
    }
}

/// Go raises it by itself; so that all have the same, all have the most.
fn raise_descriptors() {
    if let Ok(limit) = raw::getrlimit(Resource::NOFILE) {
        let most = Rlimit { current: limit.max, ..limit };
        // What cannot be raised is seen when a line needs it.
        let _ = raw::prlimit64(Pid::SELF, Resource::NOFILE, Some(&most));
    }
}

fn commit(root: &Path) -> String {
    let root = root.to_string_lossy();
    let head = said("git", &["-C", &root, "rev-parse", "--short=12", "HEAD"]);
    let changed = said("git", &["-C", &root, "status", "--porcelain", "--untracked-files=no"]);
    if changed == "unknown" { head } else { format!("{head}, changed") }
}

/// The run in a few lines.
fn tell(record: &Record, path: &Path) {
    for cell in &record.cells {
        for (peer, outcome) in &cell.results {
            if let Outcome::Failed(why) = outcome {
                println!("{} on {peer} failed: {why}", cell.workload);
            }
        }
    }
    for (row, cell) in report::lines(record) {
        for (verdict, said) in row
            .targets_on(cell.procs)
            .iter()
            .filter_map(|target| verdict::judge(*target, row.unit, cell))
        {
            if verdict != verdict::Verdict::Met {
                println!("{}, {} P: {}: {said}", row.name, cell.procs, verdict.word());
            }
        }
    }
    print!("{}", costs_page::text(record));
    let [met, missed, close] = report::verdicts(record);
    println!(
        "{met} targets met, {missed} missed, {close} too close to tell, {:.0} s",
        record.seconds
    );
    println!("{}", path.display());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Options, String> {
        Options::parse(args.iter().map(|arg| (*arg).into()))
    }

    #[test]
    fn options_are_read() {
        assert_eq!(parse(&[]), Ok(Options::default()));
        let known = Options {
            quick: true,
            noisy: true,
            rounds: Some(2),
            only: vec!["burst".into()],
            ..Options::default()
        };
        assert_eq!(parse(&["--quick", "burst", "--noisy", "--rounds", "2"]), Ok(known));
        assert!(parse(&["--readme"]).unwrap().readme);
        assert!(parse(&["--costs", "yield"]).unwrap().costs);
        for bad in [&["--rounds"][..], &["--rounds", "0"], &["bursts"], &["--help"]] {
            assert!(parse(bad).unwrap_err().contains(USAGE), "{bad:?}");
        }
    }

    #[test]
    fn noise_is_refused_unless_it_is_allowed() {
        let (strict, noisy) = (Options::default(), Options { noisy: true, ..Options::default() });
        let why = || Some("others".to_owned());
        assert_eq!(refuse(&strict, None), Ok(()));
        assert!(refuse(&strict, why()).unwrap_err().starts_with("too noisy to tell: others."));
        assert_eq!(refuse(&noisy, why()), Ok(()));
    }
}
