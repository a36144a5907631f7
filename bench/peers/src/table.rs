//! What is measured: a line for each workload, which peers have it, and what gort is to reach.

use crate::peer::Peer::{self, *};
use Procs::*;
use Target::*;
use Unit::*;

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Nanos,
    Millis,
    Bytes,
    Count,
    /// The only one of which more is better.
    PerSecond,
}

/// With how many Ps, on as many CPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Procs {
    One,
    All,
    /// One and all.
    Both,
    /// 1, 2, 4 and so on up to all.
    Powers,
}

/// What gort is to reach. Ratios are of costs: of gort's to a peer's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    /// A part of a peer's cost.
    Of(f64, Peer),
    /// A part of the cost of the best peer that has a scheduler of its own.
    OfBest(f64),
    /// A figure.
    AtMost(f64),
    /// So much more than a peer's figure.
    Over(f64, Peer),
}

/// A line of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub group: &'static str,
    /// What the programs are asked for.
    pub workload: &'static str,
    /// Which of what they print, if not what has no name.
    pub figure: &'static str,
    /// What one operation is.
    pub name: &'static str,
    pub unit: Unit,
    pub procs: Procs,
    /// Who has it beside gort.
    pub peers: &'static [Peer],
    /// Who has not, and why.
    pub absent: &'static [(Peer, &'static str)],
    pub targets: &'static [Target],
    /// Whether that is for more Ps than one.
    pub together: bool,
    /// How many descriptors it takes.
    pub descriptors: u64,
    /// Whether it is short enough for a quick run.
    pub quick: bool,
    /// Whether it is in the main chart.
    pub main: bool,
    /// Whether it is the same each time, so that one round is enough.
    pub constant: bool,
}

const fn row(
    group: &'static str,
    workload: &'static str,
    name: &'static str,
    unit: Unit,
    procs: Procs,
    peers: &'static [Peer],
) -> Row {
    Row {
        group,
        workload,
        figure: "",
        name,
        unit,
        procs,
        peers,
        absent: &[],
        targets: &[],
        together: false,
        descriptors: 100,
        quick: true,
        main: false,
        constant: false,
    }
}

impl Row {
    const fn figure(mut self, figure: &'static str) -> Row {
        self.figure = figure;
        self
    }

    const fn absent(mut self, absent: &'static [(Peer, &'static str)]) -> Row {
        self.absent = absent;
        self
    }

    const fn target(mut self, targets: &'static [Target]) -> Row {
        self.targets = targets;
        self
    }

    const fn together(mut self) -> Row {
        self.together = true;
        self
    }

    const fn descriptors(mut self, count: u64) -> Row {
        self.descriptors = count;
        self
    }

    const fn slow(mut self) -> Row {
        self.quick = false;
        self
    }

    const fn main(mut self) -> Row {
        self.main = true;
        self
    }

    const fn constant(mut self) -> Row {
        self.constant = true;
        self
    }

    /// The number that the workload's name ends with, behind the rest of it.
    pub(crate) fn scale(&self) -> Option<(&'static str, f64)> {
        let rest = self.workload.trim_end_matches(|c: char| c.is_ascii_digit());
        let number = self.workload[rest.len()..].parse().ok()?;
        Some((rest, number)).filter(|_| !rest.ends_with('x'))
    }

    /// What is to be reached with so many Ps.
    pub(crate) fn targets_on(&self, procs: usize) -> &'static [Target] {
        if self.together && procs == 1 { &[] } else { self.targets }
    }

    /// With how many Ps it is run where there are so many CPUs.
    pub(crate) fn procs(&self, cpus: usize, quick: bool) -> Vec<usize> {
        let powers = || std::iter::successors(Some(1), |n| Some(n * 2)).take_while(|n| *n < cpus);
        match self.procs {
            One => vec![1],
            All => vec![cpus],
            _ if quick => vec![cpus],
            Both if cpus > 1 => vec![1, cpus],
            Both => vec![1],
            Powers => powers().chain([cpus]).collect(),
        }
    }
}

const SCHED: &str = "Goroutines";
const CHAN: &str = "Channels";
const LOCK: &str = "Locks";
const TIME: &str = "Timers";
const PARK: &str = "Many that wait";
const CALL: &str = "System calls and C";
const NET: &str = "Sockets and files";
const HTTP: &str = "HTTP";
const PANIC: &str = "Deferred work and panics";
const PROCESS: &str = "The process";

const MANY: (Peer, &str) =
    (May, "each of its stacks takes two mappings, of which the kernel allows 65,530");
const NO_BOUND: (Peer, &str) = (May, "its channels have no bound");
const NO_BLOCK: (Peer, &str) = (May, "a call that waits stops its worker");
const ONE_RECEIVER: (Peer, &str) = (Tokio, "its channels have one receiver");
const HOGS: &str = "what does not yield is never interrupted";
const THREADS: (Peer, &str) = (Std, "so many threads are more than a system allows");
const WRITES: (Peer, &str) = (Epoll, "the loop does not remember what it could not write");

/// Everything that is measured.
#[rustfmt::skip]
pub(crate) static ROWS: &[Row] = &[
    row(SCHED, "burst", "start 1,000,000 that end at once, each", Nanos, Powers, &[Go, Tokio, Smol, Std])
        .absent(&[MANY]).target(&[Of(0.6, Go)]).main(),
    row(SCHED, "join", "start one and join it", Nanos, Both, &[GortStd, Go, Tokio, May, Smol, Std])
        .target(&[OfBest(0.8)]).main(),
    row(SCHED, "yield", "yield to the other of two", Nanos, One, &[Go, Tokio, May, Smol, Std, Bare])
        .target(&[AtMost(30.0), Of(1.0, May)]).main(),
    row(SCHED, "skynet", "skynet: a tree of 1,000,000 leaves, each", Nanos, Powers, &[Go, Tokio, Smol])
        .absent(&[MANY, THREADS]).target(&[Of(0.6, Go)]).main(),
    row(SCHED, "preempt", "interrupted by a signal, to another and back (bare: the signal)", Nanos, One, &[Bare])
        .absent(&[(Tokio, HOGS), (May, HOGS), (Smol, HOGS)]).target(&[AtMost(1_300.0)]),
    row(SCHED, "stopworld", "stop the world beside a loop", Nanos, All, &[Go]),

    row(CHAN, "pingpong", "there and back, no buffer (tokio, smol: one place)", Nanos, Both,
        &[GortStd, Go, Tokio, May, Smol, Std, Crossbeam, Flume]).target(&[Of(0.5, Go), Of(0.8, Tokio)]).main(),
    row(CHAN, "pingpong128", "there and back, buffer of 128", Nanos, Both,
        &[Go, Tokio, Smol, Std, Crossbeam, Flume]).absent(&[NO_BOUND]),
    row(CHAN, "buffered1x1", "one to one, buffer of 128", Nanos, Both,
        &[GortStd, Go, Tokio, Smol, Std, Crossbeam, Flume]).absent(&[NO_BOUND]).target(&[Of(0.7, Go)]).main(),
    row(CHAN, "buffered4x4", "four to four, buffer of 128", Nanos, Powers, &[Go, Smol, Crossbeam, Flume])
        .absent(&[ONE_RECEIVER, NO_BOUND]).target(&[Of(0.8, Go)]).together(),
    row(CHAN, "select3", "select of three (tokio, smol: one place)", Nanos, Both, &[Go, Tokio, Smol, Crossbeam]).target(&[Of(0.6, Go)]).main(),
    row(CHAN, "sieve", "sieve of primes below 2,000, per number (tokio, smol: one place)", Nanos, Both,
        &[Go, Tokio, Smol, Std, Crossbeam, Flume]),
    row(CHAN, "oneshot", "futures that take turns by oneshot", Nanos, Both, &[Tokio]),
    row(CHAN, "blockon", "block on a future that is ready", Nanos, One, &[Tokio]),

    row(LOCK, "uncontended", "mutex that nobody else wants", Nanos, One,
        &[Go, Tokio, Smol, Std, ParkingLot]),
    row(LOCK, "mutex", "mutex that 8 want", Nanos, Powers, &[GortStd, Go, Tokio, May, Smol, Std, ParkingLot])
        .target(&[Of(0.6, Go)]).together().main(),
    row(LOCK, "rwlock", "read-write lock that 8 want, 1 in 10 to write", Nanos, Both,
        &[Go, Tokio, May, Smol, Std, ParkingLot]),
    row(LOCK, "waitgroup", "wait for 8 that end at once, each", Nanos, Both, &[Go, Tokio, May, Smol, Std]),

    row(TIME, "timeradd", "add one of 1,000,000 timers", Nanos, One, &[Go, Tokio, Smol]).target(&[AtMost(300.0)]).main(),
    row(TIME, "timerfire", "fire one of 1,000,000 timers, CPU time", Nanos, One, &[Go]).slow(),
    row(TIME, "timerreset", "reset one of 1,000,000 timers", Nanos, One, &[Go]).target(&[Of(0.6, Go)]),
    row(TIME, "sleep", "lateness of 1 ms, median", Nanos, All, &[GortStd, Go, Tokio, May, Smol, Std]).figure("median"),
    row(TIME, "sleep", "lateness of 1 ms, 99 %", Nanos, All, &[GortStd, Go, Tokio, May, Smol, Std]),
    row(TIME, "sleephogs", "lateness of 1 ms beside 4 loops, median", Nanos, All, &[Go]).figure("median")
        .absent(&[(Tokio, HOGS), (May, HOGS), (Smol, HOGS)]).target(&[AtMost(200_000.0)]),
    row(TIME, "sleephogs", "lateness of 1 ms beside 4 loops, 99 %", Nanos, All, &[Go])
        .absent(&[(Tokio, HOGS), (May, HOGS), (Smol, HOGS)]).target(&[AtMost(1_000_000.0)]).main(),

    row(PARK, "parked1000", "memory of one of 1,000", Bytes, All, &[Go, Tokio, May, Smol, Std]),
    row(PARK, "parked10000", "memory of one of 10,000", Bytes, All, &[GortStd, Go, Tokio, May, Smol, Std]),
    row(PARK, "parked100000", "memory of one of 100,000", Bytes, All, &[Go, Tokio, Smol])
        .absent(&[MANY, THREADS]),
    row(PARK, "parked1000000", "memory of one of 1,000,000", Bytes, All, &[Go, Tokio, Smol])
        .absent(&[MANY, THREADS]).target(&[AtMost(8908.8)]).slow().main(),
    row(PARK, "parked1000000", "page tables of one of 1,000,000", Bytes, All, &[Go, Tokio, Smol]).figure("tables").slow(),
    row(PARK, "sharedtls1000000", "memory of one of 1,000,000, shared thread-locals", Bytes, All, &[])
        .target(&[AtMost(4812.8)]).slow(),
    row(PARK, "parked1000", "start one of 1,000 and let it wait", Nanos, All, &[Go, Tokio, May, Smol, Std])
        .figure("spawn"),
    row(PARK, "parked10000", "start one of 10,000 and let it wait", Nanos, All,
        &[GortStd, Go, Tokio, May, Smol, Std]).figure("spawn"),
    row(PARK, "parked100000", "start one of 100,000 and let it wait", Nanos, All, &[Go, Tokio, Smol])
        .figure("spawn"),
    row(PARK, "parked1000000", "start one of 1,000,000 and let it wait", Nanos, All, &[Go, Tokio, Smol])
        .figure("spawn").slow(),
    row(PARK, "parked1000", "wake one of 1,000", Nanos, All, &[Go, Tokio, May, Smol, Std]).figure("wake"),
    row(PARK, "parked10000", "wake one of 10,000", Nanos, All, &[GortStd, Go, Tokio, May, Smol, Std]).figure("wake"),
    row(PARK, "parked100000", "wake one of 100,000", Nanos, All, &[Go, Tokio, Smol]).figure("wake"),
    row(PARK, "parked1000000", "wake one of 1,000,000", Nanos, All, &[Go, Tokio, Smol]).figure("wake")
        .target(&[Of(0.6, Go)]).slow(),

    row(CALL, "rawsyscall", "getppid, untyped", Nanos, One, &[Go, Bare]).target(&[Over(2.0, Bare)]),
    row(CALL, "sysnb", "getppid, declared not to wait", Nanos, One, &[Go]),
    row(CALL, "syscall", "getppid, with the scheduler told", Nanos, One, &[Go, Bare]).target(&[Over(10.0, Bare)])
        .absent(&[(Tokio, "nothing tells its scheduler"), (May, "nothing tells its scheduler")]).main(),
    row(CALL, "ccall", "a C function", Nanos, One, &[Go, Bare]).target(&[Over(15.0, Bare)]),
    row(CALL, "callback", "C's call back", Nanos, One, &[Go]),
    row(CALL, "block10", "a sleep of 10 ms in the kernel, 10 at a time", Millis, All, &[Go, Tokio, Smol, Std])
        .absent(&[NO_BLOCK]),
    row(CALL, "block100", "a sleep of 10 ms in the kernel, 100 at a time", Millis, All,
        &[Go, Tokio, Smol, Std]).absent(&[NO_BLOCK]),
    row(CALL, "block500", "a sleep of 10 ms in the kernel, 500 at a time", Millis, All,
        &[GortStd, Go, Tokio, Smol, Std]).absent(&[NO_BLOCK]).target(&[AtMost(20.0)]).main(),
    row(CALL, "block1000", "a sleep of 10 ms in the kernel, 1,000 at a time", Millis, All,
        &[Go, Tokio, Smol, Std]).absent(&[NO_BLOCK]).slow(),
    row(CALL, "block2000", "a sleep of 10 ms in the kernel, 2,000 at a time", Millis, All,
        &[Go, Tokio, Smol, Std]).absent(&[NO_BLOCK]).slow(),
    row(CALL, "sysblock500", "a sleep of 10 ms declared to be long, 500 at a time", Millis, All, &[Go])
        .target(&[AtMost(14.0)]),

    row(NET, "echo1", "echo, 1 connection, 64 B", Nanos, All, &[GortStd, Go, Tokio, May, Smol, Std, Epoll]),
    row(NET, "echo100", "echo, 100 connections, 64 B", Nanos, All, &[GortStd, Go, Tokio, May, Smol, Std, Epoll])
        .target(&[OfBest(0.8), Of(1.0 / 0.75, Epoll)]).main(),
    row(NET, "echo5000", "echo, 5,000 connections, 64 B", Nanos, All, &[GortStd, Go, Tokio, May, Smol, Epoll])
        .absent(&[THREADS]).target(&[OfBest(1.0 / 1.05), Of(1.0 / 0.95, Epoll)]).descriptors(10_100).slow().main(),
    row(NET, "echo50000", "echo, 50,000 connections, 64 B", Nanos, All, &[Go, Tokio, May, Smol, Epoll])
        .absent(&[THREADS]).descriptors(100_100).slow(),
    row(NET, "echo1x16384", "echo, 1 connection, 16 KiB", Nanos, All, &[GortStd, Go, Tokio, May, Smol, Std]).absent(&[WRITES]),
    row(NET, "echo100x16384", "echo, 100 connections, 16 KiB", Nanos, All, &[GortStd, Go, Tokio, May, Smol, Std])
        .absent(&[WRITES]),
    row(NET, "latency1", "latency of echo, 1 connection, median", Nanos, All, &[GortStd, Go, Tokio, May, Smol, Std, Epoll]).figure("median"),
    row(NET, "latency100", "latency of echo, 100 connections, median", Nanos, All, &[GortStd, Go, Tokio, May, Smol, Std, Epoll]).figure("median"),
    row(NET, "latency1", "latency of echo, 1 connection, 99 %", Nanos, All, &[GortStd, Go, Tokio, May, Smol, Std, Epoll]),
    row(NET, "latency100", "latency of echo, 100 connections, 99 %", Nanos, All, &[GortStd, Go, Tokio, May, Smol, Std, Epoll]),
    row(NET, "latency1", "latency of echo, 1 connection, 99.9 %", Nanos, All, &[GortStd, Go, Tokio, May, Smol, Std, Epoll]).figure("thousandth"),
    row(NET, "latency100", "latency of echo, 100 connections, 99.9 %", Nanos, All, &[GortStd, Go, Tokio, May, Smol, Std, Epoll]).figure("thousandth"),
    row(NET, "readfile", "read 4 KiB of a file", Nanos, One, &[Go, Std]),
    row(NET, "statfile", "look a file up", Nanos, One, &[Go, Std]),

    row(HTTP, "http-small", "HTTP, 1 KiB, 100 connections", PerSecond, All, &[Go, Hyper, HyperInline, Nginx]).main(),
    row(HTTP, "http-large", "HTTP, 200 MB, 4 connections, bytes", PerSecond, All, &[Go, Nginx])
        .absent(&[(Hyper, "its program here reads whole files into memory: it is for small ones")]).slow(),

    row(PANIC, "defer", "a call at the end of a function (std: without a guard)", Nanos, One, &[Go, Std]),
    row(PANIC, "defers", "a closure that a loop defers (std: boxed in a Vec)", Nanos, One, &[Go, Std]),
    row(PANIC, "recover", "catch a panic", Nanos, One, &[Go, Std]),
    row(PANIC, "catch", "catch a panic by std's catch_unwind, on a goroutine", Nanos, One, &[]),
    row(PANIC, "deferred", "recover from a panic in deferred work", Nanos, One, &[Go, Std]),

    row(PROCESS, "idle", "wake-ups in 5 s of nothing", Count, All, &[Go, Tokio, May, Smol, Std])
        .target(&[AtMost(0.0)]).constant().slow(),
    row(PROCESS, "idle", "threads with nothing to do", Count, All, &[Go, Tokio, May, Smol, Std])
        .figure("threads").constant().slow(),
    row(PROCESS, "start", "from start to end with one goroutine", Nanos, All, &[Go, Tokio, May, Smol, Std]),
    row(PROCESS, "size", "code and data of that program", Bytes, All, &[Go, Tokio, May, Smol, Std]).constant(),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_line_is_there_once() {
        let all: BTreeSet<_> = ROWS.iter().map(|row| (row.workload, row.figure)).collect();
        assert_eq!(all.len(), ROWS.len());
        let names: BTreeSet<_> = ROWS.iter().map(|row| (row.group, row.name)).collect();
        assert_eq!(names.len(), ROWS.len());
    }

    #[test]
    fn targets_name_peers_that_are_there() {
        for row in ROWS {
            for target in row.targets {
                if let Of(_, peer) | Over(_, peer) = target {
                    assert!(row.peers.contains(peer), "{}: {peer:?}", row.name);
                }
            }
            for (peer, _) in row.absent {
                assert!(!row.peers.contains(peer), "{}: {peer:?}", row.name);
            }
        }
    }

    #[test]
    fn targets_for_many_are_not_for_one() {
        let row = Row { targets: &[AtMost(1.0)], ..ROWS[0] };
        assert_eq!((row.targets_on(1), row.targets_on(2)), (row.targets, row.targets));
        let row = row.together();
        assert_eq!((row.targets_on(1), row.targets_on(2)), (&[][..], row.targets));
    }

    #[test]
    fn ps_are_as_many_as_there_are_cpus() {
        let of = |procs, cpus, quick| Row { procs, ..ROWS[0] }.procs(cpus, quick);
        assert_eq!(of(Powers, 6, false), [1, 2, 4, 6]);
        assert_eq!(of(Powers, 4, false), [1, 2, 4]);
        assert_eq!(of(Powers, 1, false), [1]);
        assert_eq!(of(Both, 1, false), [1]);
        assert_eq!(of(Both, 2, false), [1, 2]);
        assert_eq!(of(Both, 2, true), [2]);
        assert_eq!(of(One, 2, true), [1]);
    }

    #[test]
    fn scales_are_numbers_of_goroutines() {
        let of = |workload| Row { workload, ..ROWS[0] }.scale();
        assert_eq!(of("parked1000"), Some(("parked", 1000.0)));
        assert_eq!(of("echo100x16384"), None);
        assert_eq!(of("burst"), None);
    }
}
