//! `GORT_DEBUG=schedtrace=N,scheddetail=1`: the lines are Go's. Go: `schedtrace`, and
//! `TestDebugLogging`-like uses of it.
//!
//! Each line is compared with a pattern in which `#` is a number, `?` a number or `nil`, `!` a truth value,
//! `@` numbers with spaces between, and `~` a reason for waiting. Go's own lines, as Go 1.27 has written
//! them, go through the same patterns.
//!
//! # Safety
//!
//! One test's program replaces its own standard error.

#![allow(unsafe_code)]

mod support;

use gort::syscall::types::{DupFlags, PipeFlags, Signal, Timespec};
use gort::syscall::{nanosleep, raw};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;
use support::{Child, is_child, serial, stderr};

const HEAD: &str = "SCHED #ms: gomaxprocs=# idleprocs=# threads=# spinningthreads=# needspinning=# \
    idlethreads=# runqueue=#";
const SHORT: &str = " [@] schedticks=[@]";
const DETAIL: &str = " gcwaiting=! nmidlelocked=# stopwait=# sysmonwait=!";
const P: &str = "  P#: status=# schedtick=# syscalltick=# m=? runqsize=# gfreecnt=# timerslen=#";
const M: &str = "  M#: p=? curg=? mallocing=# throwing=# preemptoff= locks=# dying=# spinning=! \
    blocked=! lockedg=?";
const G: &str = "  G#: status=#(~) m=? lockedm=?";

/// What Go 1.27.3 has written.
const GOS: &[&str] = &[
    "SCHED 0ms: gomaxprocs=2 idleprocs=1 threads=4 spinningthreads=0 needspinning=0 idlethreads=2 runqueue=0 [ 0 0 ] schedticks=[ 0 2 ]",
    "SCHED 308ms: gomaxprocs=2 idleprocs=0 threads=4 spinningthreads=0 needspinning=1 idlethreads=1 runqueue=0 [ 1 0 ] schedticks=[ 2447 2415 ]",
    "SCHED 301ms: gomaxprocs=2 idleprocs=0 threads=3 spinningthreads=0 needspinning=1 idlethreads=0 runqueue=1 gcwaiting=false nmidlelocked=0 stopwait=0 sysmonwait=false",
    "  P1: status=0 schedtick=0 syscalltick=0 m=nil runqsize=0 gfreecnt=0 timerslen=0",
    "  M0: p=0 curg=1 mallocing=0 throwing=0 preemptoff= locks=16 dying=0 spinning=false blocked=false lockedg=1",
    "  G21: status=4(chan receive) m=nil lockedm=nil",
    "  G19: status=2() m=2 lockedm=nil",
];

/// The longest beginning of `text` of which every character is one of these.
fn run(text: &str, of: impl Fn(char) -> bool) -> usize {
    text.find(|c| !of(c)).unwrap_or(text.len())
}

/// Whether `line` is what `pattern` says, from its first to its last character.
fn matches(pattern: &str, line: &str) -> bool {
    let mut rest = line;
    for part in pattern.chars() {
        let number = run(rest, |c| c.is_ascii_digit());
        let len = match part {
            '#' => number,
            '?' if number == 0 && rest.starts_with("nil") => 3,
            '?' => number,
            '!' if rest.starts_with("true") => 4,
            '!' if rest.starts_with("false") => 5,
            '@' => {
                let numbers = run(rest, |c| c == ' ' || c.is_ascii_digit());
                let (text, spaced) = (&rest[..numbers], rest[..numbers].trim());
                let single = spaced.split(' ').all(|number| !number.is_empty());
                if text.starts_with(' ') && text.ends_with(' ') && single { numbers } else { 0 }
            }
            // It may be empty.
            '~' => {
                rest = &rest
                    [run(rest, |c| c.is_ascii_alphabetic() || " .()".contains(c) && c != ')')..];
                continue;
            }
            '!' => 0,
            same if rest.starts_with(same) => same.len_utf8(),
            _ => 0,
        };
        if len == 0 {
            return false;
        }
        rest = &rest[len..];
    }
    rest.is_empty()
}

/// The line's field.
fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let at = line.find(&format!("{name}=")).unwrap() + name.len() + 1;
    line[at..].split([' ', '(']).next().unwrap()
}

fn number(line: &str, name: &str) -> usize {
    field(line, name).parse().unwrap()
}

fn short() -> String {
    format!("{HEAD}{SHORT}")
}

fn detailed() -> String {
    format!("{HEAD}{DETAIL}")
}

#[test]
fn the_patterns_are_gos() {
    let patterns = [short(), detailed(), P.into(), M.into(), G.into()];
    for line in GOS {
        let fitting = patterns.iter().filter(|pattern| matches(pattern, line)).count();
        assert_eq!(fitting, 1, "{line}");
        for wrong in [line.replacen("=", ":", 1), format!("{line} "), line[1..].into()] {
            assert!(!patterns.iter().any(|pattern| matches(pattern, &wrong)), "{wrong}");
        }
    }
}

/// A goroutine waits for a channel, and one is in a system call, for that long.
fn work(nanos: i64) {
    let (sender, receiver) = gort::chan::bounded::<()>(0);
    gort::run(|| {
        let waiter = gort::go(move || receiver.recv());
        let time = Timespec { sec: 0, nsec: nanos };
        gort::go(move || nanosleep(&time, None)).join().unwrap().unwrap();
        drop(sender);
        waiter.join().unwrap().unwrap_err();
    });
}

#[test]
fn a_line_for_each_period() {
    let _one = serial();
    for procs in [1usize, 3, 16] {
        let output = Child::new(["one", "three", "sixteen"][procs.ilog2().min(2) as usize], || {
            work(500_000_000)
        })
        .env("GOMAXPROCS", procs)
        .env("GORT_DEBUG", "schedtrace=50")
        .run();
        if is_child() {
            continue;
        }
        assert!(output.status.success(), "{}", stderr(&output));
        let err = stderr(&output);
        let lines: Vec<_> = err.lines().collect();
        // Half a second at least: 10 periods, of which a slow machine may miss some.
        assert!(lines.len() >= 4, "{err}");
        let mut last = None;
        for line in &lines {
            assert!(matches(&short(), line), "{line}");
            assert_eq!(number(line, "gomaxprocs"), procs);
            for list in line.split('[').skip(1) {
                let list = list.split(']').next().unwrap();
                assert_eq!(list.split_whitespace().count(), procs, "{line}");
            }
            let millis: u64 = line["SCHED ".len()..line.find("ms").unwrap()].parse().unwrap();
            // The first is at the beginning; the next is due 50 ms after the one before.
            assert!(last.is_none_or(|last| millis >= last + 49), "{err}");
            last = Some(millis);
        }
    }
}

/// Go's reports come when nobody does anything, too.
#[test]
fn a_line_while_all_is_idle() {
    let _one = serial();
    let output = Child::new("idle", || {
        gort::run(|| gort::go(|| ()).join().unwrap());
        // Nothing of the runtime's is awake.
        std::thread::sleep(Duration::from_millis(600));
    })
    .env("GOMAXPROCS", 2)
    .env("GORT_DEBUG", "schedtrace=100")
    .run();
    if !is_child() {
        let err = stderr(&output);
        let idle = err.lines().filter(|line| number(line, "idleprocs") == 2).count();
        assert!(idle >= 3, "{err}");
    }
}

#[test]
fn details() {
    let _one = serial();
    let output = Child::new("detail", || work(500_000_000))
        .env("GOMAXPROCS", 2)
        .env("GORT_DEBUG", "schedtrace=50,scheddetail=1")
        .run();
    if is_child() {
        return;
    }
    let err = stderr(&output);
    let mut reports: Vec<Vec<&str>> = Vec::new();
    for line in err.lines() {
        if line.starts_with("SCHED") {
            reports.push(Vec::new());
        }
        reports.last_mut().unwrap().push(line);
    }
    assert!(reports.len() >= 4, "{err}");
    let (mut waited, mut called) = (0, 0);
    for report in &reports {
        assert!(matches(&detailed(), report[0]), "{}", report[0]);
        let of = |pattern: &str, letter: &str| {
            let lines = report.iter().copied().filter(|line| line.trim_start().starts_with(letter));
            lines.inspect(|line| assert!(matches(pattern, line), "{line}")).collect::<Vec<_>>()
        };
        let (ps, ms, gs) = (of(P, "P"), of(M, "M"), of(G, "G"));
        assert_eq!(1 + ps.len() + ms.len() + gs.len(), report.len(), "{report:?}");
        assert_eq!(ps.len(), 2);
        waited += gs.iter().filter(|line| line.contains("status=4(chan receive) m=nil ")).count();
        // Its M says the same of it.
        for line in gs.iter().filter(|line| line.contains("status=3() m=")) {
            let (id, m) = (&line[3..line.find(':').unwrap()], field(line, "m"));
            let there =
                |line: &&&str| line.starts_with(&format!("  M{m}:")) && field(line, "curg") == id;
            called += ms.iter().filter(there).count();
        }
    }
    assert!(waited >= 2 && called >= 2, "{waited} {called} {err}");
}

/// More goroutines than a piece of a report has room for: each has its line, whole.
#[test]
fn details_of_many() {
    // Two reports fit into a pipe that the parent is late to read from.
    const MANY: usize = 500;
    let _one = serial();
    let output = Child::new("many", || {
        gort::run(|| {
            let (sender, receiver) = gort::chan::bounded::<()>(0);
            let wait = |_| {
                let receiver = receiver.clone();
                gort::go(move || receiver.recv())
            };
            let waiters: Vec<_> = (0..MANY).map(wait).collect();
            while gort::runtime::waiting_for().get("chan receive") != Some(&MANY) {
                gort::gosched();
            }
            gort::time::sleep(Duration::from_secs(1));
            drop(sender);
            waiters.into_iter().for_each(|waiter| assert!(waiter.join().unwrap().is_err()));
        });
    })
    .env("GORT_DEBUG", "schedtrace=100,scheddetail=1")
    .run();
    if !is_child() {
        let err = stderr(&output);
        let most = err.split("SCHED").map(|report| report.matches("(chan receive)").count()).max();
        assert_eq!(most, Some(MANY));
        let patterns = [detailed(), P.into(), M.into(), G.into()];
        for line in err.lines() {
            assert!(patterns.iter().any(|pattern| matches(pattern, line)), "{line}");
        }
    }
}

/// Who does not read the reports does not stop the runtime.
#[test]
fn nobody_reads() {
    let _one = serial();
    let output = Child::new("deaf", || {
        // A pipe that is full, and that nobody reads, for standard error.
        let pipe = raw::pipe2(PipeFlags::CLOEXEC).unwrap();
        // SAFETY: the call takes no memory.
        let size = unsafe { libc::fcntl(pipe.writer.as_raw_fd(), libc::F_GETPIPE_SZ) } as usize;
        assert_eq!(raw::write(&pipe.writer, &vec![b'.'; size]), Ok(size));
        // SAFETY: it is open, and nothing in this program relies on what it is; it is not closed.
        let mut error = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(2) });
        raw::dup3(&pipe.writer, &mut error, DupFlags::empty()).unwrap();
        gort::run(|| {
            // Rescued by sysmon, if it is not stuck: on one P nothing else could run.
            for _ in 0..20 {
                let sleeper = gort::go(|| std::thread::sleep(Duration::from_millis(50)));
                gort::time::sleep(Duration::from_millis(1));
                sleeper.join().unwrap();
            }
        });
        assert!(gort::runtime::stats().rescues > 0);
    })
    .env("GOMAXPROCS", 1)
    .env("GORT_DEBUG", "schedtrace=1,scheddetail=1")
    .run();
    if !is_child() {
        assert_ne!(output.status.signal(), Some(Signal::ALRM.0), "sysmon waits for a reader");
        assert!(output.status.success(), "{:?}", output.status);
    }
}
