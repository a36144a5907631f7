//! A stack that has run out.
//!
//! # Safety
//!
//! The handler runs on the M's signal stack, with the goroutine's own thread-local storage. For any
//! fault that is not in the running goroutine's guard it does what the handler before it does.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::io::{self, Write};
use std::sync::OnceLock;

/// What was installed before, by signal.
static BEFORE: [OnceLock<libc::sigaction>; 2] = [OnceLock::new(), OnceLock::new()];
const SIGNALS: [c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// Seconds after which the process ends even if writing the trace hangs.
const PATIENCE: u32 = 10;

/// Installs the handler, once.
pub(super) fn install() -> io::Result<()> {
    for (signal, before) in SIGNALS.into_iter().zip(&BEFORE) {
        if before.get().is_some() {
            continue;
        }
        // SAFETY: the handler is a function of this file that suits SA_SIGINFO.
        unsafe {
            let mut old = std::mem::zeroed::<libc::sigaction>();
            if libc::sigaction(signal, std::ptr::null(), &mut old) != 0 {
                return Err(io::Error::last_os_error());
            }
            before.get_or_init(|| old);
            let mut new = std::mem::zeroed::<libc::sigaction>();
            new.sa_sigaction = handler as *const () as usize;
            new.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigemptyset(&mut new.sa_mask);
            if libc::sigaction(signal, &new, std::ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
        }
    }
    Ok(())
}

unsafe extern "C" fn handler(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes a valid siginfo.
    let address = unsafe { (*info).si_addr() }.addr();
    if let Some(gp) = gort_rt::current()
        && let Some(room) = gp.room()
        && (room.lo..room.lo + room.guard).contains(&address)
    {
        report(room.hi - room.lo - room.guard);
    }
    // SAFETY: the same arguments, to the handler that was there before.
    unsafe { pass_on(signal, info, context) }
}

/// Says whose stack it was, how large, and where; then aborts.
fn report(size: usize) -> ! {
    // The trace takes locks and memory that the goroutine may have been holding: be sure to end.
    // SAFETY: both calls take plain values.
    unsafe {
        libc::signal(libc::SIGALRM, libc::SIG_DFL);
        libc::alarm(PATIENCE);
    }
    let mut line = [0u8; 512];
    let mut rest = &mut line[..];
    let (id, name) = match gort_rt::current() {
        Some(gp) => (gp.id(), gp.name_here()),
        None => (0, None),
    };
    let _ = write!(rest, "\ngoroutine {id}");
    if let Some(name) = name {
        let _ = write!(rest, " [{name}]");
    }
    let _ = writeln!(
        rest,
        " stack overflow: it has {} KiB; give it more by Builder::stack_size, or all by GORT_STACK",
        size >> 10
    );
    let left = rest.len();
    let _ = gort_sys::raw::write(io::stderr(), &line[..line.len() - left]);
    let trace = std::backtrace::Backtrace::force_capture();
    let _ = writeln!(io::stderr(), "{trace}");
    std::process::abort()
}

/// # Safety
///
/// In a handler, with its arguments.
unsafe fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let before = SIGNALS.iter().position(|one| *one == signal).and_then(|i| BEFORE[i].get());
    match before {
        Some(before) if before.sa_sigaction > libc::SIG_IGN => {
            // SAFETY: what was installed is a handler of one of the two shapes, by its flags.
            unsafe {
                if before.sa_flags & libc::SA_SIGINFO != 0 {
                    let f: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) =
                        std::mem::transmute(before.sa_sigaction);
                    f(signal, info, context);
                } else {
                    let f: extern "C" fn(c_int) = std::mem::transmute(before.sa_sigaction);
                    f(signal);
                }
            }
        }
        // The fault comes again, and does what it does by default.
        // SAFETY: plain values.
        _ => unsafe {
            libc::signal(signal, libc::SIG_DFL);
        },
    }
}
