//! What a glibc program gives the runtime.
//!
//! # Safety
//!
//! The functions of [`gort_rt::host::Host`]'s table, each with the contract written there.

#![allow(unsafe_code)]

mod attr;
mod chain;
pub(crate) mod foreign;
mod fork;
mod overflow;
mod preempt;
mod procs;
mod quit;
mod setxid;
mod thread;
pub(crate) mod tls;
mod unwind;

pub(crate) use procs::{default_procs, num_cpu};
pub(crate) use thread::{real_threads, set_stack_size};

use gort_rt::host::{Host, Room};
use gort_sys::Errno;
use std::io;
use std::sync::OnceLock;
use tls::Tls;

static TLS: OnceLock<&'static Tls> = OnceLock::new();

fn tls() -> &'static Tls {
    match TLS.get() {
        Some(tls) => tls,
        None => unreachable!("the runtime has started without a host"),
    }
}

/// Finds out what this system has, and fills the table.
///
/// # Errors
///
/// `Unsupported`, with the reason.
pub(crate) fn start() -> io::Result<&'static Host> {
    static HOST: OnceLock<Host> = OnceLock::new();
    let unsupported = |why: String| io::Error::new(io::ErrorKind::Unsupported, why);
    let tls = real_threads(tls::get).map_err(|why| unsupported(why.to_string()))?;
    if tls.malloc_words().is_empty() {
        return Err(unsupported("malloc's per-thread words were not found in this libc".into()));
    }
    unwind::install();
    overflow::install()?;
    quit::install()?;
    preempt::install()?;
    attr::install(|thread| {
        // Of itself only.
        // SAFETY: no conditions.
        if thread == unsafe { libc::pthread_self() } as usize {
            gort_rt::stack_here()
        } else {
            None
        }
    });
    // SAFETY: `m_thread_pointer` reads the goroutine's slot and its M, which are always there.
    unsafe {
        setxid::install(gort_rt::m_thread_pointer)?;
        fork::install(gort_rt::m_thread_pointer)?;
    }
    TLS.get_or_init(|| tls);
    Ok(HOST.get_or_init(|| Host {
        start_thread: thread::start,
        thread_stack: thread::stack,
        tls_reserve: tls.reserve(),
        tls_build: |room: Room| -> Result<usize, Errno> {
            // What has been loaded by now is to be known to the resets of this block, too.
            let generation = self::tls().generation();
            if self::tls().refresh() < generation {
                return Err(Errno::ENOMEM);
            }
            unwind::refresh();
            // SAFETY: the table's contract: a slot's room, on an ordinary thread.
            unsafe { self::tls().build(room.lo, room.hi, room.guard) }
        },
        tls_reset: |fs, room: Room| {
            // SAFETY: the table's contract: a block of this slot that nobody runs with.
            unsafe { self::tls().reset(fs, room.lo, room.hi, room.guard) }
        },
        tls_destroy: |fs| {
            // SAFETY: the table's contract: as above, on an ordinary thread.
            unsafe { self::tls().destroy(fs) }
        },
        stack_top: |fs| self::tls().stack_top(fs),
        carried: tls.malloc_words(),
        tls_generation: || self::tls().generation() as usize,
        text: preempt::text(),
        fsgsbase: tls::has_fsgsbase(),
        find_unwind: unwind::find,
        symbol: crate::traceback::names::symbol,
        fatal: |line| crate::traceback::fatal_dump(line),
    }))
}

/// Whether this process was forked after the runtime had started, which stayed behind.
pub(crate) fn is_forked() -> bool {
    fork::is_child()
}

/// Makes libc ready for the goroutine.
///
/// # Safety
///
/// On a goroutine, before its first own instruction.
pub(crate) unsafe fn first_run() {
    // SAFETY: the caller's contract.
    unsafe { tls().first_run() }
}

/// Runs the destructors of the goroutine's thread-locals.
///
/// # Safety
///
/// On a goroutine, after its last own instruction.
pub(crate) unsafe fn exit_sequence() {
    // SAFETY: the caller's contract.
    unsafe { tls().exit_sequence() }
}

/// `GORT_STACK`: the default stack size in bytes, with `K` or `M` if wanted.
pub(crate) fn default_stack() -> Option<usize> {
    static STACK: OnceLock<Option<usize>> = OnceLock::new();
    *STACK.get_or_init(|| {
        let text = std::env::var("GORT_STACK").ok()?;
        let (digits, unit) = match text.to_ascii_uppercase() {
            text if text.ends_with('K') => (text[..text.len() - 1].to_owned(), 1 << 10),
            text if text.ends_with('M') => (text[..text.len() - 1].to_owned(), 1 << 20),
            text => (text, 1),
        };
        digits.parse::<usize>().ok()?.checked_mul(unit)
    })
}
