//! Dumps: what each goroutine does, for a person to read.
//!
//! Where the goroutines are is found out by [`gort_rt::traceback`]. Here addresses become names and lines
//! (`symbols.rs`), frames that are not the program's are left out (`kind.rs`), and what is left is written
//! in Go's layout (`print.rs`).
//!
//! A process that is beyond help is dumped by the runtime itself (`gort_rt::throw`), which gets its names
//! from `names.rs`: without lines, without inlined functions, and without allocating.

mod elf;
mod kind;
mod level;
pub(crate) mod names;
mod object;
mod print;
mod symbols;

pub(crate) use level::{Level, level, set_level_from_env};

use crate::{deadlock, host};
use gort_rt::traceback::{self, Goroutine, How, Pc};
use gort_sys::raw;
use std::fmt;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// How much is written at a time, in bytes.
const CHUNK: usize = 64 << 10;
/// To standard error; a page is what a pipe has room for when it has any.
const PIECE: usize = 4 << 10;

/// The status of a process that ends for a reason of its own. Go's.
pub(crate) const STATUS: i32 = 2;

/// Writes what all goroutines do, and which of them wait for one another. With `system`, with the runtime's frames.
pub(crate) fn dump(out: &mut dyn Write, system: bool) -> io::Result<()> {
    dump_if(out, system, &|_| true)?;
    deadlock::report(out)
}

/// [`dump`] of those that are wanted.
pub(crate) fn dump_if(
    out: &mut dyn Write,
    system: bool,
    wanted: &dyn Fn(&Goroutine) -> bool,
) -> io::Result<()> {
    if gort_rt::procs() == 0 || host::is_forked() {
        // There are none.
        return Ok(());
    }
    let (mut text, mut result, mut first) = (String::new(), Ok(()), true);
    traceback::each(How::Live, &mut |g, pcs| {
        if result.is_err() || !wanted(g) {
            return;
        }
        if !first {
            text.push('\n');
        }
        first = false;
        print::goroutine(&mut text, &mut symbols::lock(), g, pcs, system);
        if text.len() >= CHUNK {
            result = out.write_all(text.as_bytes());
            text.clear();
        }
    });
    result.and_then(|()| out.write_all(text.as_bytes()))
}

/// Where the caller stands, on a goroutine.
#[derive(Default)]
pub(crate) struct Trace(Vec<Pc>);

impl Trace {
    pub(crate) fn here() -> Trace {
        let mut pcs = [Pc::default(); 100];
        let count = traceback::callers(&mut pcs);
        Trace(pcs.into_iter().take(count).collect())
    }
}

/// As in a dump.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(gp) = gort_rt::current() else { return Ok(()) };
        let mut text = String::new();
        print::running(&mut text, gp.id(), gp.name_here());
        print::stack(&mut text, &mut symbols::lock(), &self.0, 0, level().is_system());
        f.write_str(&text)
    }
}

/// The end of the process for a panic that nobody has caught: writes `message`, where it was, if that is
/// known, and as many other goroutines as the level says. Go: `fatalpanic`.
pub(crate) fn crash(message: &str, trace: Option<Trace>) -> ! {
    let level = level();
    let trace = match level {
        Level::None => String::new(),
        _ => format!("\n{}", trace.unwrap_or_default()),
    };
    let others: Option<&dyn Fn(&Goroutine) -> bool> =
        if level.is_all() { Some(&|g| !g.current) } else { None };
    last_words(&format!("{message}\n{trace}"), others);
    std::process::exit(STATUS)
}

/// The end of the process for a reason that concerns all goroutines: writes the line, and all of them.
/// Allocates, and takes locks that goroutines may hold: not on sysmon or in a handler. Go: `fatal`.
pub(crate) fn fatal_dump(first_line: &str) -> ! {
    let all: Option<&dyn Fn(&Goroutine) -> bool> =
        if level() == Level::None { None } else { Some(&|_| true) };
    last_words(&format!("{first_line}\n"), all);
    // Nobody else's code: it may wait for what goroutines hold.
    raw::exit_group(STATUS)
}

/// Writes `text`, and the goroutines that are wanted; at the level *crash* it then aborts. Who comes second
/// waits for the first to end the process.
fn last_words(text: &str, wanted: Option<&dyn Fn(&Goroutine) -> bool>) {
    static ENDING: AtomicBool = AtomicBool::new(false);
    if ENDING.swap(true, Ordering::Relaxed) {
        loop {
            std::thread::sleep(Duration::from_secs(1));
        }
    }
    let level = level();
    let mut err = Stderr;
    let _ = err.write_all(text.as_bytes());
    if let Some(wanted) = wanted {
        let _ = err.write_all(b"\n");
        let _ = dump_if(&mut err, level.is_system(), wanted);
        let _ = deadlock::report(&mut err);
    }
    if level == Level::Crash {
        std::process::abort();
    }
}

/// Standard error without std's lock, which a goroutine may be holding for ever.
pub(crate) struct Stderr;

/// How many bytes so far, on their way round.
static WRITTEN: AtomicUsize = AtomicUsize::new(0);

/// What changes while somebody writes a dump to standard error, and gets on.
pub(crate) fn written() -> usize {
    WRITTEN.load(Ordering::Relaxed)
}

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Not all at once, lest a slow reader look like none.
        let count = raw::write(io::stderr().as_fd(), &bytes[..bytes.len().min(PIECE)])?;
        WRITTEN.fetch_add(count, Ordering::Relaxed);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
