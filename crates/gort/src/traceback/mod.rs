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

use crate::host;
use gort_rt::traceback::{self, Goroutine, How, Pc};
use gort_sys::raw;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How much is written at a time, in bytes.
const CHUNK: usize = 64 << 10;

/// The status of a process that ends for a reason of its own. Go's.
pub(crate) const STATUS: i32 = 2;

/// Writes what all goroutines do. With `system`, with the runtime's frames.
pub(crate) fn dump(out: &mut dyn Write, system: bool) -> io::Result<()> {
    dump_if(out, system, &|_| true)
}

fn dump_if(
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

/// Where the caller stands.
pub(crate) struct Trace(Vec<Pc>);

impl Trace {
    /// As far as it is shown.
    pub(crate) fn here() -> Trace {
        let mut pcs = [Pc::default(); 100];
        let count = traceback::callers(&mut pcs);
        Trace(pcs.into_iter().take(count).collect())
    }
}

/// The end of the process for a panic that nobody has caught: `panic: ` and the message, where it was, if
/// that is known, and as many other goroutines as the level says. Go: `fatalpanic`.
pub(crate) fn crash(message: &str, trace: Option<Trace>) -> ! {
    let level = level();
    let mut text = format!("panic: {message}\n");
    if level != Level::None {
        let id = gort_rt::current().map_or(0, gort_rt::G::id);
        text += "\n";
        let trace = trace.unwrap_or_else(Trace::here);
        print::current(&mut text, &mut symbols::lock(), id, &trace.0, level.is_system());
    }
    fatal(&text, level.is_all(), true)
}

/// The end of the process for a reason that concerns all goroutines: writes the line, and all of them.
pub(crate) fn fatal_dump(first_line: &str) -> ! {
    fatal(&format!("{first_line}\n"), level() != Level::None, false)
}

/// Writes `text`, then, if `all`, the other goroutines, or, if not `others`, all; and ends the process: by
/// status 2, or at the level *crash* by SIGABRT. Who comes second waits for the first to do so.
pub(crate) fn fatal(text: &str, all: bool, others: bool) -> ! {
    static ENDING: AtomicBool = AtomicBool::new(false);
    if ENDING.swap(true, Ordering::Relaxed) {
        loop {
            std::thread::sleep(Duration::from_secs(1));
        }
    }
    let level = level();
    let mut err = Stderr;
    let _ = err.write_all(text.as_bytes());
    if all {
        let _ = err.write_all(b"\n");
        let _ = dump_if(&mut err, level.is_system(), &|g| !(others && g.current));
    }
    if level == Level::Crash {
        std::process::abort();
    }
    raw::exit_group(STATUS)
}

/// Standard error without std's lock, which a goroutine may be holding for ever.
pub(crate) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(raw::write(io::stderr().as_fd(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
