//! Starting an M's thread.
//!
//! # Safety
//!
//! g0 is free while its M runs a goroutine, and the host's function does not unwind.

#![allow(unsafe_code)]

use super::eager::plainly;
use super::worker;
use crate::host;
use crate::obj::g::current;
use crate::obj::m::M;
use gort_sys::Errno;
use gort_sys::context::switch;

/// Starts the thread of `mp`, which nobody else starts. A goroutine's own stack may have no room for
/// what libc does, so there it is done on the thread's.
///
/// # Errors
///
/// The host's, with nothing started.
pub(super) fn start(mp: &'static M) -> Result<(), Errno> {
    let arg = core::ptr::from_ref(mp).expose_provenance();
    let number = match current() {
        // SAFETY: see the module.
        Some(gp) => unsafe { switch::systemstack(begin, arg, gp.mp().g0_sp.get(), gp.sp.as_ptr()) },
        // SAFETY: as below.
        None => plainly(|| unsafe { begin(arg) }),
    };
    if number == 0 { Ok(()) } else { Err(Errno::from_raw(number as i32)) }
}

/// Starts the thread of the M with this address; the error's number, or 0.
unsafe extern "C" fn begin(mp: usize) -> usize {
    // SAFETY: `mstart` takes the address of an M.
    match unsafe { (host::get().start_thread)(worker::mstart, mp) } {
        Ok(()) => 0,
        Err(errno) => errno.raw() as usize,
    }
}
