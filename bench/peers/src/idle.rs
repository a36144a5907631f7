//! A program that has nothing to do, watched from outside: what it would do to watch itself counts, too.

use crate::run::{Failure, Printed, in_group, kill};
use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// How long it may take to come to rest.
const REST: Duration = Duration::from_secs(1);
/// For how long it is watched.
const SPAN: Duration = Duration::from_secs(5);

/// How often the kernel has switched to a program's threads while it slept, and how many it has.
pub(crate) fn watch(command: &mut Command) -> Result<Printed, Failure> {
    watch_for(command, REST, SPAN)
}

fn watch_for(command: &mut Command, rest: Duration, span: Duration) -> Result<Printed, Failure> {
    let failed = |why: &dyn std::fmt::Display| Failure::Failed(why.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = in_group(command).spawn().map_err(|error| failed(&error))?;
    sleep(rest);
    let before = switches(&child);
    sleep(span);
    let after = switches(&child);
    let ended = child.try_wait();
    kill(&mut child);
    match (before, after, ended) {
        (Some((before, _)), Some((after, threads)), Ok(None)) => {
            let figures = [("", after.saturating_sub(before)), ("threads", threads)];
            let figures = figures.map(|(name, count)| (name.to_owned(), count as f64)).into();
            Ok(Printed { figures, quantiles: Vec::new() })
        }
        _ => Err(failed(&"it did not sleep so long")),
    }
}

/// How often the kernel has switched to a program's threads, and how many they are.
fn switches(child: &Child) -> Option<(u64, u64)> {
    let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).ok()?;
    let of_one = |status: String| -> u64 {
        let lines = status.lines().filter(|line| line.contains("voluntary_ctxt_switches:"));
        lines.filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok()).sum()
    };
    let all = tasks.flatten().map(|task| fs::read_to_string(task.path().join("status")));
    let all: Vec<_> = all.collect::<Result<_, _>>().ok()?;
    Some((all.iter().cloned().map(of_one).sum(), all.len() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Result<Printed, Failure> {
        let span = Duration::from_secs(1);
        watch_for(Command::new("sh").args(["-c", script]), span, span)
    }

    #[test]
    fn wake_ups_are_counted() {
        let idle = sh("exec sleep 60").unwrap();
        assert_eq!((idle.figures[""], idle.figures["threads"]), (0.0, 1.0));
        let busy = sh("while :; do sleep 0.1; done").unwrap();
        assert!(busy.figures[""] > 2.0, "{busy:?}");
        assert_eq!(sh("exit 0"), Err(Failure::Failed("it did not sleep so long".into())));
    }
}
