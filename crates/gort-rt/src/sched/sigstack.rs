//! The stack that an M's signal handlers run on. Go: `minitSignalStack`, `unminitSignals`.
//!
//! Handlers cannot run on a goroutine's stack, which may be what has run out, and the frame that the
//! kernel makes for one is up to 12 KiB with AMX. A foreign thread may have a signal stack already,
//! most often one that is too small (std's has little more than the frame): it is replaced for as long
//! as the thread has an M.
//!
//! An M keeps its stack when its thread ends, for the next one.
//!
//! # Safety
//!
//! The mapping belongs to the M, so one thread at a time uses it, and it is never unmapped. What a
//! foreign thread had before is given back only if nobody has replaced ours: whoever frees a signal
//! stack takes it out of use first.

#![allow(unsafe_code)]

use crate::obj::m::M;
use gort_sys::types::{MapFlags, Prot, SigStack, SigStackFlags};
use gort_sys::{Errno, raw};

const LEN: usize = 64 << 10;

/// Gives the calling thread, which is `mp`'s, its signal stack, and notes what it had before.
///
/// # Errors
///
/// `ENOMEM`; `EPERM` in a handler that runs on a signal stack.
pub(super) fn install(mp: &'static M) -> Result<(), Errno> {
    if mp.sigstack.get() == 0 {
        let flags = MapFlags::PRIVATE | MapFlags::ANONYMOUS | MapFlags::NORESERVE;
        let prot = Prot::READ | Prot::WRITE;
        // SAFETY: a new mapping.
        let base = unsafe { raw::mmap(core::ptr::null_mut(), LEN, prot, flags, None, 0)? };
        mp.sigstack.set(base.expose_provenance());
    }
    let base = core::ptr::with_exposed_provenance_mut(mp.sigstack.get());
    let new = SigStack { base, flags: SigStackFlags::empty(), len: LEN };
    let mut before = SigStack::NONE;
    // SAFETY: see the module.
    unsafe { raw::sigaltstack(Some(&new), Some(&mut before))? };
    let [base, len, flags] = &mp.sigstack_before;
    base.set(before.base.expose_provenance());
    len.set(before.len);
    flags.set(before.flags.bits() as usize);
    Ok(())
}

/// Undoes [`install`]. Not in a handler.
pub(super) fn remove(mp: &'static M) {
    let mut now = SigStack::NONE;
    let [base, len, flags] = &mp.sigstack_before;
    let before = SigStack {
        base: core::ptr::with_exposed_provenance_mut(base.get()),
        flags: SigStackFlags::from_bits_retain(flags.get() as i32),
        len: len.get(),
    };
    // SAFETY: asks; then see the module.
    unsafe {
        if raw::sigaltstack(None, Some(&mut now)).is_ok() && now.base.addr() == mp.sigstack.get() {
            let _ = raw::sigaltstack(Some(&before), None);
        }
    }
}

/// Whether `sp` is on `mp`'s signal stack: this is a handler.
pub(super) fn contains(mp: &'static M, sp: usize) -> bool {
    let (lo, hi) = bounds(mp);
    lo != 0 && (lo..=hi).contains(&sp)
}

/// `mp`'s signal stack, from the lowest address to one past the highest; zeros if it has none.
pub(crate) fn bounds(mp: &'static M) -> (usize, usize) {
    match mp.sigstack.get() {
        0 => (0, 0),
        base => (base, base + LEN),
    }
}
