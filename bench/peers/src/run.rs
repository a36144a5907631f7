//! Programs run one at a time, each in a fresh process, for a limited time, and the peers by turns: A B C, A B C.
//! What differs from minute to minute then differs for all.
//!
//! # Safety
//!
//! Between fork and exec only a system call is made.

#![allow(unsafe_code)]

use gort_sys::raw;
use gort_sys::types::{CpuSet, Pid, Signal};
use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// What a program has printed: figures by name, and distributions.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Printed {
    pub figures: BTreeMap<String, f64>,
    pub quantiles: Vec<f64>,
}

/// Why there is nothing from a program.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Failure {
    /// It says that it cannot.
    Absent(String),
    Failed(String),
}

/// How a program says that a peer does not have a workload.
const HAS_NOT: i32 = 2;

/// The CPUs that this process may use.
pub(crate) fn cpus() -> Vec<usize> {
    let mut set = CpuSet::EMPTY;
    // Without it there is no pinning either; the first CPU is always there.
    if raw::sched_getaffinity(Pid::SELF, &mut set).is_err() {
        return vec![0];
    }
    (0..CpuSet::CPUS).filter(|cpu| set.contains(*cpu)).collect()
}

/// Lets this thread, and what it starts from now on, run on these CPUs only.
pub(crate) fn pin(cpus: &[usize]) {
    let mut set = CpuSet::EMPTY;
    cpus.iter().for_each(|cpu| set.insert(*cpu));
    raw::sched_setaffinity(Pid::SELF, &set).expect("the CPUs are those that it may use");
}

/// Runs a program to its end, or for so long at most, and reads what it prints.
pub(crate) fn output(command: &mut Command, limit: Duration) -> Result<String, Failure> {
    output_of_both(command, limit).map(|(printed, _)| printed)
}

/// The same, with what it says on standard error.
pub(crate) fn output_of_both(
    command: &mut Command,
    limit: Duration,
) -> Result<(String, String), Failure> {
    let failed = |what: &dyn std::fmt::Display| Failure::Failed(what.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let command = in_group(command);
    let mut child = command.spawn().map_err(|error| failed(&error))?;
    let read = |pipe: Option<Box<dyn Read + Send>>| {
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
            let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
        });
        receiver
    };
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let out = read(out.map(|pipe| Box::new(pipe) as _));
    let err = read(err.map(|pipe| Box::new(pipe) as _));
    let Ok(printed) = out.recv_timeout(limit) else {
        kill(&mut child);
        return Err(failed(&format!("it had not ended after {} s", limit.as_secs_f64())));
    };
    let status = child.wait().map_err(|error| failed(&error))?;
    let said = err.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
    let last = || said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it says nothing");
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok((printed, said)),
        (Some(HAS_NOT), _) => Err(Failure::Absent(last().into())),
        (Some(code), _) => Err(failed(&format!("it ended with {code}: {}", last()))),
        (None, signal) => {
            Err(failed(&format!("signal {}: {}", signal.unwrap_or_default(), last())))
        }
    }
}

/// Gives a program a group of its own, so that it can be ended with all that it starts, and ends it when this
/// thread ends, which an interrupt from a terminal tells nobody outside this group.
pub(crate) fn in_group(command: &mut Command) -> &mut Command {
    let end_too = || Ok(raw::prctl_set_pdeathsig(Signal::TERM)?);
    // SAFETY: see the module.
    unsafe { command.process_group(0).pre_exec(end_too) }
}

/// Ends a program, and what it has started.
pub(crate) fn kill(child: &mut Child) {
    if let Ok(id) = i32::try_from(child.id()) {
        // It has a group of its own; it is a zombie at least, so that the number is nobody else's.
        let _ = raw::kill(Pid(id).group(), Signal::KILL);
    }
    let _ = child.wait();
}

/// Reads what programs print: see gort-bench.
pub(crate) fn parse(text: &str) -> Result<Printed, Failure> {
    let mut printed = Printed::default();
    for line in text.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        let named = words.first().is_some_and(|word| word.parse::<f64>().is_err());
        let (name, numbers) = words.split_at(usize::from(named));
        let numbers: Result<Vec<f64>, _> = numbers.iter().map(|word| word.parse()).collect();
        match numbers.as_deref() {
            Ok([number]) => {
                printed.figures.insert(name.concat(), *number);
            }
            Ok([_, _, ..]) => printed.quantiles = numbers.unwrap_or_default(),
            _ => return Err(Failure::Failed(format!("it printed {line:?}"))),
        }
    }
    if printed.figures.is_empty() {
        return Err(Failure::Failed("it printed nothing".into()));
    }
    Ok(printed)
}

/// What a contestant printed in each round, or why it is out.
pub(crate) type Rounds = Result<Vec<Printed>, Failure>;

/// Runs all contestants `rounds` times by turns; each has its own way to warm up. Who fails once
/// is out.
pub(crate) fn by_turns<T>(
    contestants: &[T],
    rounds: usize,
    mut run: impl FnMut(&T) -> Result<Printed, Failure>,
) -> Vec<Rounds> {
    let mut all: Vec<Rounds> = contestants.iter().map(|_| Ok(Vec::new())).collect();
    for _ in 0..rounds {
        for (contestant, so_far) in contestants.iter().zip(&mut all) {
            let Ok(printed) = so_far else { continue };
            match run(contestant) {
                Ok(figures) => printed.push(figures),
                Err(failure) => *so_far = Err(failure),
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A peer that is a few lines of shell.
    fn sh(script: &str) -> Result<Printed, Failure> {
        sh_within(script, Duration::from_secs(60))
    }

    fn sh_within(script: &str, limit: Duration) -> Result<Printed, Failure> {
        output(Command::new("sh").args(["-c", script]), limit).and_then(|text| parse(&text))
    }

    fn failed(text: &str) -> Result<Printed, Failure> {
        Err(Failure::Failed(text.into()))
    }

    #[test]
    fn peers_take_turns() {
        let log = std::env::temp_dir().join(format!("gort-peers-turns-{}", std::process::id()));
        let scripts =
            ["a", "b", "c"].map(|name| format!("printf {name} >>{}; echo 1", log.display()));
        let all = by_turns(&scripts, 2, |script| sh(script));
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "abcabc");
        assert!(all.iter().all(|one| one.as_ref().unwrap().len() == 2), "{all:?}");
        std::fs::remove_file(log).unwrap();
    }

    #[test]
    fn who_fails_is_out() {
        let mut runs = Vec::new();
        let all = by_turns(&["good", "bad"], 3, |name| {
            runs.push(*name);
            match *name {
                "bad" if runs.len() > 2 => failed("why"),
                _ => Ok(Printed::default()),
            }
        });
        assert_eq!(runs, ["good", "bad", "good", "bad", "good"]);
        assert_eq!(all[0].as_ref().unwrap().len(), 3);
        assert_eq!(all[1], Err(Failure::Failed("why".into())));
    }

    #[test]
    fn absent_and_broken_peers_say_why() {
        let absent = Failure::Absent("no such thing".into());
        assert_eq!(sh("echo 'no such thing' >&2; exit 2"), Err(absent));
        assert_eq!(sh("echo why >&2; exit 3"), failed("it ended with 3: why"));
        assert_eq!(sh("echo 1; kill -ABRT $$"), failed("signal 6: it says nothing"));
        assert_eq!(sh("true"), failed("it printed nothing"));
        assert_eq!(sh("echo a b"), failed("it printed \"a b\""));
        let missing = output(&mut Command::new("no-such-program"), Duration::from_secs(60));
        assert!(matches!(missing, Err(Failure::Failed(_))), "{missing:?}");
    }

    #[test]
    fn who_hangs_is_killed_with_what_it_started() {
        let file = std::env::temp_dir().join(format!("gort-peers-hung-{}", std::process::id()));
        let script = format!("sleep 1000 & echo $! >{}; sleep 1000", file.display());
        let hung = sh_within(&script, Duration::from_secs(2));
        assert_eq!(hung, failed("it had not ended after 2 s"));
        let started = std::fs::read_to_string(&file).unwrap();
        assert!(started.trim().parse::<u32>().is_ok(), "{started}");
        // Somebody has to wait for it: until then it is a zombie.
        let stat = format!("/proc/{}/stat", started.trim());
        let ended = || std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
        let pause = || std::thread::sleep(Duration::from_millis(10));
        assert!(
            (0..3000).any(|_| ended() || {
                pause();
                false
            }),
            "{started} is still there"
        );
        std::fs::remove_file(file).unwrap();
    }

    #[test]
    fn who_is_running_ends_with_the_runner() {
        let mut sleeper = Command::new("sleep");
        sleeper.arg("60").stdout(Stdio::piped());
        let mut child =
            std::thread::spawn(move || in_group(&mut sleeper).spawn().unwrap()).join().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::TERM.0));
    }

    #[test]
    fn figures_have_names() {
        let printed = parse("12.5\nwake 3\ncdf 1 2 3\n").unwrap();
        assert_eq!(printed.figures, BTreeMap::from([("".into(), 12.5), ("wake".into(), 3.0)]));
        assert_eq!(printed.quantiles, [1.0, 2.0, 3.0]);
    }

    #[test]
    fn what_is_started_is_pinned() {
        let all = cpus();
        let cpu = all[all.len() - 1];
        let seen = std::thread::spawn(move || {
            pin(&[cpu]);
            sh("grep Cpus_allowed_list /proc/self/status | cut -f2").unwrap()
        });
        assert_eq!(seen.join().unwrap().figures[""], cpu as f64);
    }
}
