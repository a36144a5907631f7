//! When a program is a deadlock, and when it is not: programs of their own, this one again with the name of a
//! case. No harness, for its threads would count as such that may yet do something. Go: `checkdead`,
//! `runtime/testdata/testprog/deadlock.go`.

mod alive;
mod dead;

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Output, Stdio};

/// A program, by name.
type Case = (&'static str, fn());

const VARIABLE: &str = "GORT_TEST_DEADLOCK";

/// Seconds after which a program is taken to hang.
const PATIENCE: u32 = 60;

fn start((name, _): Case, procs: usize, env: &[(&str, &str)]) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("the program has a path"));
    for key in ["GORT_PANIC", "GORT_STACK", "GORT_DEBUG", "GORT_TRACEBACK", "RUST_BACKTRACE"] {
        command.env_remove(key);
    }
    command.env(VARIABLE, name).env("GOMAXPROCS", procs.to_string()).envs(env.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the program can be run again")
}

/// Runs it under each GOMAXPROCS at the same time.
fn check(case: Case, env: &[(&str, &str)], good: impl Fn(&Output, &str) -> bool) {
    let children = [1, 2, 4, 16].map(|procs| (procs, start(case, procs, env)));
    for (procs, child) in children {
        let output = child.wait_with_output().expect("it ends");
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(good(&output, &err), "{}, {procs} Ps: {:?} {err}", case.0, output.status);
    }
}

fn run(name: &str) {
    let all = [dead::ALL, dead::CYCLES, dead::MAIN_GONE, &[dead::ALARMED], alive::ALL];
    let mut cases = all.into_iter().flatten();
    let (_, body) = cases.find(|case| case.0 == name).expect("there is such a case");
    gort_sys::raw::alarm(PATIENCE);
    body();
}

/// After the dump there is what makes it one.
fn names_a_cycle(err: &str) -> bool {
    let (dump, cycle) = err.split_once("\n\ndeadlock: goroutine ").unwrap_or_default();
    dump.contains("]:\n") && cycle.contains(" waits for a lock held by goroutine ")
}

fn main() {
    if let Ok(name) = std::env::var(VARIABLE) {
        return run(&name);
    }
    const ASLEEP: &str = "fatal error: all goroutines are asleep - deadlock!\n\n";
    const GONE: &str = "fatal error: no goroutines (main called gort::goexit) - deadlock!\n\n";
    let says = |line| {
        move |output: &Output, err: &str| output.status.code() == Some(2) && err.starts_with(line)
    };
    for case in dead::ALL {
        check(*case, &[], says(ASLEEP));
    }
    for case in dead::CYCLES {
        check(*case, &[], |output, err| says(ASLEEP)(output, err) && names_a_cycle(err));
    }
    for case in dead::MAIN_GONE {
        check(*case, &[], says(GONE));
        // There is nothing else to be done.
        check(*case, &[("GORT_DEBUG", "deadlock=0")], says(GONE));
    }
    // The watchdog's thread waits, too.
    check(dead::ALL[0], &[("GORT_DEBUG", "watchdog=1s")], says(ASLEEP));
    for case in alive::ALL {
        check(*case, &[], |output, err| output.status.success() && err.is_empty());
    }
    // It hangs until its alarm.
    let off = [("GORT_DEBUG", "deadlock=0")];
    check(dead::ALARMED, &off, |output, _| output.status.signal() == Some(libc::SIGALRM));
    println!(
        "{} programs ended as they should",
        dead::ALL.len() + dead::CYCLES.len() + alive::ALL.len()
    );
}
