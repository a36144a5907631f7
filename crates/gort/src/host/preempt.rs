//! The signal that pre-empts, and where it may.
//!
//! # Safety
//!
//! The handler runs on the M's signal stack and calls what the runtime has for it, or the program's own
//! handler. The walk over the loaded objects reads what the dynamic linker hands over.

#![allow(unsafe_code)]

use super::chain::Chain;
use gort_sys::context::sigframe::SignalFrame;
use gort_sys::types::{SigInfo, SigSet, Signal};
use std::ffi::{CStr, c_int, c_void};
use std::io;
use std::sync::OnceLock;

static SIGURG: Chain = Chain::new(gort_rt::SIGNAL);

/// Installs the handler, once.
pub(super) fn install() -> io::Result<()> {
    // SAFETY: `on_signal` is good in a handler. No other handler interrupts it: it is short, and may
    // be about to change where the interrupted code goes on.
    unsafe { SIGURG.install(handler, SigSet::FULL)? };
    Ok(())
}

unsafe extern "C" fn handler(_: Signal, info: *mut SigInfo, frame: *mut SignalFrame) {
    // SAFETY: the kernel's frame, which nobody else looks at.
    let own = gort_rt::on_signal(unsafe { &mut *frame });
    if !own {
        // SAFETY: the same arguments. Nobody to pass it on to: it is ignored, as it is by default.
        unsafe { SIGURG.pass_on(info, frame) };
    }
}

/// The text in which goroutines may be left at any instruction: the executable's, libm's and
/// libgcc_s's, which keep no state for each kernel thread and take no locks of libc's. None if malloc
/// is in the executable.
pub(super) fn text() -> &'static [(usize, usize)] {
    static TEXT: OnceLock<Vec<(usize, usize)>> = OnceLock::new();
    TEXT.get_or_init(|| {
        let mut found = Vec::new();
        // SAFETY: the callback takes `found` and returns before this does.
        unsafe { libc::dl_iterate_phdr(Some(collect), (&raw mut found).cast()) };
        // SAFETY: a name that libc has.
        let malloc = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"malloc".as_ptr()) }.addr();
        let inside = found.iter().any(|(start, end)| (*start..*end).contains(&malloc));
        if inside { Vec::new() } else { found }
    })
}

unsafe extern "C" fn collect(info: *mut libc::dl_phdr_info, _: usize, found: *mut c_void) -> c_int {
    // SAFETY: what `dl_iterate_phdr` hands over, and what `text` has given it.
    let (info, found) = unsafe { (&*info, &mut *found.cast::<Vec<(usize, usize)>>()) };
    // SAFETY: a name is a string of C's, and the headers are as many as it says.
    let (name, headers) = unsafe {
        let name = if info.dlpi_name.is_null() { c"" } else { CStr::from_ptr(info.dlpi_name) };
        (name, std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()))
    };
    let file = name.to_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    // The executable has no name.
    if file.is_empty() || file.starts_with(b"libm.so") || file.starts_with(b"libgcc_s.so") {
        for header in headers {
            if header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_X != 0 {
                let start = info.dlpi_addr as usize + header.p_vaddr as usize;
                found.push((start, start + header.p_memsz as usize));
            }
        }
    }
    0
}
