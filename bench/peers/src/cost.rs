//! What an operation is made of: instructions, atomic ones among them, and system calls.
//!
//! A virtual machine often has no counters of instructions, and valgrind does not know programs that set their
//! thread pointer. So the processor is told to stop after each instruction: some microseconds each, which is
//! affordable for some hundred operations. The program traps where those begin and where they end, and says
//! how many they are. Only the thread that traps is followed; with one P everything happens there. What
//! this does not show is time: cycles and misses of caches need counters.
//!
//! # Safety
//!
//! The traced process is a child of ours. Registers are written to memory that is as large as they are.

#![allow(unsafe_code)]

use crate::peer::Peer;
use crate::programs::Programs;
use crate::verdict::figure;
use gort_sys::types::{Pid, Signal, WaitOptions, WaitStatus};
use gort_sys::{Errno, raw};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// The hottest paths, and by how much their workloads are cut down, to some hundred operations.
const PATHS: &[(&str, &str, u64)] = &[
    ("yield", "yield", 5_000),
    ("pingpong", "channel without a buffer, there and back", 2_500),
    ("buffered1x1", "channel with a buffer, one value", 7_500),
    ("select3", "select of three", 2_500),
    ("join", "start and join", 500),
    ("uncontended", "mutex, lock and unlock", 20_000),
    ("timeradd", "timer, add", 2_500),
    ("timerreset", "timer, reset", 5_000),
    ("syscall", "getppid, with the scheduler told", 12_500),
    ("sysnb", "getppid, declared not to wait", 12_500),
    ("echo1", "echo, there and back", 1_000),
    ("ccall", "a C function", 5_000),
];

/// See ptrace(2).
const TRACEME: u32 = 0;
const CONT: u32 = 7;
const SINGLESTEP: u32 = 9;
const GETREGS: u32 = 12;
const SETOPTIONS: u32 = 0x4200;
const GETSIGINFO: u32 = 0x4202;
/// The code of a signal that an instruction has caused.
const BY_KERNEL: i32 = 0x80;
/// What is made by clone is traced, too, and all of it ends with the tracer.
const OPTIONS: usize = 0x8 | 0x10_0000;
/// Which of the registers is the instruction pointer, and how many there are.
const RIP: usize = 16;
const REGISTERS: usize = 27;

/// Also what clone has made, and only what this thread has started.
const OWN: WaitOptions = WaitOptions::ALL.union(WaitOptions::NOTHREAD);

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Cost {
    instructions: u64,
    atomics: u64,
    calls: u64,
}

/// What an instruction is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Plain,
    Atomic,
    Call,
}

/// Prints a table of what the paths cost on gort and on Go.
pub(crate) fn print(programs: &Programs) {
    println!(
        "| For one operation | instructions | atomic | system calls | Go: instructions | atomic | system calls |"
    );
    println!("|-|-|-|-|-|-|-|");
    for (workload, name, divisor) in PATHS {
        let cells = [Peer::Gort, Peer::Go].map(|peer| {
            let mut command = programs.bench(workload, peer).map_err(|why| format!("{why:?}"))?;
            command.arg(workload).env("GOMAXPROCS", "1").env("BENCH_TRACED", "1");
            command.env("BENCH_DIVISOR", divisor.to_string());
            // Under a tracer everything lasts longer than a slice.
            command
                .env("GORT_DEBUG", "asyncpreemptoff=1,slice=100000ms")
                .env("GODEBUG", "asyncpreemptoff=1");
            trace(&mut command)
        });
        let cells = cells.map(|cell| match cell {
            Ok((cost, count)) => [cost.instructions, cost.atomics, cost.calls]
                .map(|total| figure(total as f64 / count as f64))
                .join(" | "),
            Err(why) => format!("{why} | | "),
        });
        println!("| {name} | {} |", cells.join(" | "));
    }
}

/// Runs a program, and counts what is between its last two traps; with the number that it printed before.
fn trace(command: &mut Command) -> Result<(Cost, u64), String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    // SAFETY: between fork and exec only a system call is made.
    unsafe { command.pre_exec(|| Ok(raw::ptrace(TRACEME, Pid::SELF, 0, 0).map(drop)?)) };
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let counted = follow(&child).map_err(|errno| errno.to_string());
    if counted.is_err() {
        // It is gone already, unless tracing itself failed.
        let _ = child.kill();
        let _ = child.wait();
    }
    let said = child.stdout.take().map(|out| BufReader::new(out).lines().map_while(Result::ok));
    let numbers: Vec<String> = said.into_iter().flatten().collect();
    // The last but one is the last count; the last is the figure.
    let count = numbers.iter().rev().nth(1).and_then(|line| line.parse().ok()).unwrap_or(0);
    let cost = counted?;
    if count == 0 || cost == Cost::default() {
        Err(format!("it printed {numbers:?}"))
    } else {
        Ok((cost, count))
    }
}

/// Follows a process until it ends.
fn follow(child: &Child) -> Result<Cost, Errno> {
    let process = Pid(child.id().cast_signed());
    let memory = File::open(format!("/proc/{}/mem", process.0)).map_err(|_| Errno::ESRCH)?;
    let (mut last, mut cost, mut known) = (Cost::default(), Cost::default(), HashMap::new());
    let (mut stepped, mut begun) = (None, false);
    loop {
        let mut status = WaitStatus(0);
        let thread = match raw::wait4(Pid::ANY, Some(&mut status), OWN, None) {
            Err(Errno::ECHILD) => return Ok(last),
            other => other?,
        };
        if status.0 & 0xff != 0x7f {
            // A thread has ended, or the process.
            if thread == process {
                return Ok(last);
            }
            continue;
        }
        let (signal, event) = ((status.0 >> 8) & 0xff, status.0 >> 16);
        let mut deliver = 0;
        if !begun {
            begun = true;
            ptrace(SETOPTIONS, process, OPTIONS)?;
        } else if signal != Signal::TRAP.0 {
            // A new thread begins with a stop, which is the tracer's; preemption is of no use here.
            let ours = [Signal::STOP.0, Signal::URG.0].contains(&signal);
            deliver = if ours { 0 } else { signal as usize };
        } else if event == 0 && has_trapped(thread)? {
            match stepped.take() {
                None => (stepped, cost) = (Some(thread), Cost::default()),
                // If not, part of it was elsewhere, where nobody has looked.
                Some(other) => last = if other == thread { cost } else { Cost::default() },
            }
        }
        if stepped == Some(thread) && signal == Signal::TRAP.0 && event == 0 {
            let kind = at(&memory, thread, &mut known)?;
            cost.instructions += 1;
            cost.atomics += u64::from(kind == Kind::Atomic);
            cost.calls += u64::from(kind == Kind::Call);
        }
        let request = if stepped == Some(thread) { SINGLESTEP } else { CONT };
        match ptrace(request, thread, deliver) {
            // It has been killed in between.
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Whether a thread has stopped at a trap of its own, not after a step.
fn has_trapped(thread: Pid) -> Result<bool, Errno> {
    let mut info = [0_i32; 32];
    // SAFETY: see the module; a siginfo_t has 128 bytes.
    unsafe { raw::ptrace(GETSIGINFO, thread, 0, (&raw mut info).expose_provenance()) }?;
    Ok(info[2] == BY_KERNEL)
}

fn ptrace(request: u32, thread: Pid, data: usize) -> Result<(), Errno> {
    // SAFETY: see the module; these requests write nothing here.
    unsafe { raw::ptrace(request, thread, 0, data) }.map(drop)
}

/// The instruction that a stopped thread is about to carry out.
fn at(memory: &File, thread: Pid, known: &mut HashMap<u64, Kind>) -> Result<Kind, Errno> {
    let mut registers = [0_u64; REGISTERS];
    // SAFETY: see the module.
    unsafe { raw::ptrace(GETREGS, thread, 0, (&raw mut registers).expose_provenance()) }?;
    let rip = registers[RIP];
    Ok(*known.entry(rip).or_insert_with(|| {
        let mut bytes = [0; 15];
        let len = memory.read_at(&mut bytes, rip).unwrap_or(0);
        kind(&bytes[..len])
    }))
}

/// What an instruction is, by its bytes.
fn kind(bytes: &[u8]) -> Kind {
    let prefixes = bytes.iter().take_while(|byte| {
        matches!(byte, 0x40..=0x4f | 0x26 | 0x2e | 0x36 | 0x3e | 0x64..=0x67 | 0xf0 | 0xf2 | 0xf3)
    });
    let count = prefixes.count();
    match (&bytes[..count], &bytes[count..]) {
        (prefixes, _) if prefixes.contains(&0xf0) => Kind::Atomic,
        // xchg locks by itself, if one side is memory.
        (_, [0x86 | 0x87, operands, ..]) if operands >> 6 != 3 => Kind::Atomic,
        (_, [0x0f, 0x05, ..]) => Kind::Call,
        _ => Kind::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_known_by_their_bytes() {
        let known: &[(&[u8], Kind)] = &[
            (&[0xf0, 0x48, 0x0f, 0xc1, 0x07], Kind::Atomic),
            (&[0x48, 0x87, 0x07], Kind::Atomic),
            (&[0x48, 0x87, 0xc3], Kind::Plain),
            (&[0x66, 0x90], Kind::Plain),
            (&[0x0f, 0x05], Kind::Call),
            (&[0x48, 0x89, 0xe5], Kind::Plain),
            (&[], Kind::Plain),
        ];
        for (bytes, what) in known {
            assert_eq!(kind(bytes), *what, "{bytes:x?}");
        }
    }

    /// This very test, as a child, does as many atomic additions and calls as it says, between two traps.
    #[test]
    fn what_a_process_does_is_counted() {
        use std::sync::atomic::{AtomicU64, Ordering};
        const CHILD: &str = "GORT_PEERS_TRACED";
        if std::env::var_os(CHILD).is_some() {
            let total = AtomicU64::new(0);
            println!("\n10");
            // SAFETY: the tracer goes on behind it.
            unsafe { std::arch::asm!("int3") };
            for _ in 0..10 {
                std::hint::black_box(total.fetch_add(3, Ordering::SeqCst));
                std::hint::black_box(raw::getppid());
            }
            // SAFETY: as above.
            unsafe { std::arch::asm!("int3") };
            println!("0.5");
            std::process::exit(0);
        }
        let this = std::env::current_exe().unwrap();
        let mut command = Command::new(this);
        let name = "cost::tests::what_a_process_does_is_counted";
        command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(CHILD, "1");
        match trace(&mut command) {
            Ok((cost, count)) => {
                assert_eq!((cost.atomics, cost.calls, count), (10, 10, 10));
                assert!(cost.instructions > 40, "{cost:?}");
            }
            // A container may forbid it.
            Err(why) => assert!(why.contains("EPERM") || why.contains("permitted"), "{why}"),
        }
    }
}
