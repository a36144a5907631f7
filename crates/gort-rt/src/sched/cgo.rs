//! Calls of C, and C's calls back. Go: `cgocall`, `cgocallback`.
//!
//! # The problem
//!
//! C wants a stack as large as threads have, may wait in the kernel, and may call a function of the
//! program's that parks. A goroutine that is parked leaves its stack as it is and its M runs others;
//! but C's frames are on the M's own stack, which is where the scheduler works.
//!
//! # How
//!
//! ```text
//!             M's own stack (g0)            goroutine's stack
//!      higher |  mstart      |        |  goroutine's code, cgocall |
//!  M::g0_sp > |--------------|  <---  |----------------------------| < G::sp
//!             |  C           |        |                            |
//!             |  cgocallback |  --->  |  callback, cgocall         |
//!  M::g0_sp > |--------------|  <---  |----------------------------| < G::sp
//!       lower |  C           |        |                            |
//! ```
//!
//! [`cgocall`] is a system call as the scheduler sees it, made on g0. The thread pointer stays the
//! goroutine's: `errno` and whatever else C keeps for each thread is the goroutine's. What says who
//! runs here is g0, however. So whatever of the runtime is called in C without going by way of
//! [`cgocallback`] does what it does on an ordinary thread: it blocks the thread instead of parking the
//! goroutine, which could not be resumed from there.
//!
//! [`cgocallback`] comes back to the goroutine, below the frame that has called C, and out of the
//! system call. Meanwhile C's frames are needed: the scheduler's stack begins below them (`g0_sp`), and
//! the goroutine is locked to its M.
//!
//! A foreign thread that calls back is a goroutine's M in the same state: in C, for good
//! (`foreign.rs`).
//!
//! # Against Go
//!
//! In Go what C keeps for a thread stays on the thread, so a goroutine that wants to find it again has
//! to be locked. Here it goes with the goroutine.
//!
//! # Safety
//!
//! While a goroutine is in C its status keeps it from being pre-empted, and nobody else runs on its
//! M: g0 is free but for C's frames, and the goroutine's stack below where it has called C (`G::sp`).
//! [`switch::systemstack`] notes for either side where it begins to be free.

#![allow(unsafe_code)]

use super::state::SCHED;
use super::syscall::{again, blocking, entersyscall, exitsyscall, reentersyscall};
use super::{lockm, sigstack};
use crate::obj::g::{G, current, getg, setg};
use crate::obj::m::M;
use crate::obj::p::P;
use crate::obj::status::Status;
use crate::prim::{AtomicUsize, Ordering, Word, slot};
use crate::throw::{Say, throw, throw_with};
use core::ffi::c_void;
use core::sync::atomic::compiler_fence;
use gort_sys::context::slot::Here;
use gort_sys::context::switch;

/// What [`cgocall`] calls.
pub type CFunction = unsafe extern "C" fn(*mut c_void);

/// What [`cgocallback`] calls. It does not unwind.
pub type Callback = unsafe extern "C" fn(usize);

/// How much of g0 the scheduler needs, with what libc does for it there.
const NEEDED: usize = 32 << 10;

/// Calls `f(arg)` on the M's own stack. What waits: the goroutine; its P goes to others if the call
/// lasts. On an ordinary thread a plain call. Go: `cgocall`.
///
/// # Safety
///
/// `f(arg)` may be called, and does not unwind.
#[inline]
pub unsafe fn cgocall(f: CFunction, arg: *mut c_void) {
    let Some(gp) = current() else {
        // SAFETY: the caller's contract.
        return unsafe { f(arg) };
    };
    let call = f as *const () as usize;
    if gp.slowcall.get() == call {
        // SAFETY: the caller's contract; the goroutine is in a system call.
        return again(gp, call, || unsafe { asmcgocall(gp, f, arg) });
    }
    entersyscall(gp, call);
    // SAFETY: as above.
    unsafe { asmcgocall(gp, f, arg) };
    exitsyscall(gp);
}

/// [`cgocall`] of a function that will wait: the P goes to others first.
///
/// # Safety
///
/// As for [`cgocall`].
pub unsafe fn cgocall_blocking(f: CFunction, arg: *mut c_void) {
    let Some(gp) = current() else {
        // SAFETY: the caller's contract.
        return unsafe { f(arg) };
    };
    // SAFETY: the caller's contract; the goroutine is in a system call.
    blocking(gp, f as *const () as usize, || unsafe { asmcgocall(gp, f, arg) });
}

/// Calls `f(arg)` on g0. Go: `asmcgocall`.
///
/// # Safety
///
/// As for [`cgocall`]; `gp` runs here, and is in a system call.
#[inline(always)]
unsafe fn asmcgocall(gp: &'static G, f: CFunction, arg: *mut c_void) {
    // A signal that comes before the status has changed may move the goroutine to another M.
    compiler_fence(Ordering::SeqCst);
    let mp = gp.mp();
    setg(&mp.g0);
    // SAFETY: the caller's contract, and the module's. A function that returns nothing leaves some word
    // or other where a result would be.
    unsafe {
        let f = core::mem::transmute::<CFunction, unsafe extern "C" fn(usize) -> usize>(f);
        switch::systemstack(f, arg.expose_provenance(), mp.g0_sp.get(), gp.sp.as_ptr());
    }
    setg(gp);
}

/// The goroutine that has called C, which this is in, and the lowest and one past the highest address
/// of the stack that C runs on. `None` where that is not known: in C that a foreign thread runs.
/// Good in a signal handler.
pub fn in_c() -> Option<(&'static G, usize, usize)> {
    let g0 = getg().filter(|g| g.is_g0())?;
    let gp = g0.m.get()?.curg.get().filter(|gp| gp.status.get() == Status::Syscall)?;
    (g0.stack_lo.get() != 0).then(|| (gp, g0.stack_lo.get(), g0.stack_hi.get()))
}

/// The stack that this runs on if it is a goroutine's, or one that a goroutine has called C on: its
/// lowest address, and how many bytes it has.
pub fn stack_here() -> Option<(usize, usize)> {
    let (lo, hi) = match current() {
        Some(gp) => gp.room().map(|room| (room.lo + room.guard, room.hi))?,
        None => in_c().map(|(_, lo, hi)| (lo, hi))?,
    };
    Some((lo, hi - lo))
}

/// Calls `f(arg)` on the goroutine that has called C, which this is in; where it is called on a
/// goroutine, it just calls. Whether it has: not on a thread that is not the runtime's
/// ([`Foreign`](super::foreign::Foreign)). What waits: the goroutine, for a P. Go: `cgocallback`.
///
/// # Safety
///
/// `f(arg)` may be called, and does not unwind.
pub unsafe fn cgocallback(f: Callback, arg: usize) -> bool {
    if slot::locks() != 0 {
        throw("a callback from within the runtime: in a signal handler?");
    }
    let Some(g) = getg() else { return false };
    if !g.is_g0() {
        // SAFETY: the caller's contract.
        unsafe { f(arg) };
        return true;
    }
    let mp = g.mp();
    let Some(gp) = mp.curg.get().filter(|gp| gp.status.get() == Status::Syscall) else {
        throw("a callback on a scheduler's stack");
    };
    // SAFETY: the caller's contract; the goroutine has called C, and is in it.
    unsafe { come_back(mp, gp, f, arg, false) };
    true
}

/// A callback on its way to its goroutine's stack.
struct Call {
    f: Callback,
    arg: usize,
    mp: &'static M,
    gp: &'static G,
    /// The call that it comes out of.
    call: usize,
    from: Here,
    foreign: bool,
}

/// Calls `f(arg)` on `gp`, which is in C on `mp`. The caller is on C's stack.
///
/// # Safety
///
/// As for [`cgocallback`].
pub(super) unsafe fn come_back(
    mp: &'static M,
    gp: &'static G,
    f: Callback,
    arg: usize,
    foreign: bool,
) {
    check_stack(mp, gp);
    let (outer, g0_sp, sp) = (slot::current(), mp.g0_sp.get(), gp.sp.get());
    let from = Here { pc: gp.syscallpc.get(), sp: gp.syscallsp.get(), bp: gp.syscallbp.get() };
    let call = Call { f, arg, mp, gp, call: gp.syscallnr.get(), from, foreign };
    lockm::tie(gp, mp);
    // SAFETY: nobody is on the goroutine's stack below where it has called C.
    unsafe {
        switch::systemstack(run, (&raw const call).expose_provenance(), sp, mp.g0_sp.as_ptr());
    }
    lockm::untie(gp, mp);
    slot::set_current(outer);
    mp.g0_sp.set(g0_sp);
    gp.sp.set(sp);
}

/// On the goroutine's stack: out of the system call, and in again.
unsafe extern "C" fn run(call: usize) -> usize {
    // SAFETY: `come_back`'s own, which it keeps until this returns.
    let call = unsafe { &*core::ptr::with_exposed_provenance::<Call>(call) };
    let (gp, mp) = (call.gp, call.mp);
    setg(gp);
    exitsyscall(gp);
    if call.foreign {
        slot::lock();
        count(mp, |pp| &pp.spawned, &SCHED.spawned);
        slot::unlock();
    }
    // SAFETY: the contract of `cgocallback`.
    unsafe { (call.f)(call.arg) };
    slot::lock();
    reentersyscall(gp, call.call, call.from);
    if call.foreign {
        count(mp, |pp| &pp.exited, &SCHED.exited);
    }
    slot::unlock();
    0
}

/// The M's P has one goroutine more to count, or everybody has. `locks` is raised.
fn count(mp: &'static M, ours: impl Fn(&'static P) -> &'static Word, all: &AtomicUsize) {
    match mp.p.held() {
        Ok(Some(pp)) => _ = ours(pp).bump(),
        _ => _ = all.fetch_add(1, Ordering::Relaxed),
    }
}

/// The scheduler is about to work below this frame.
fn check_stack(mp: &'static M, gp: &'static G) {
    let here = slot::here().sp;
    if sigstack::contains(mp, here) {
        throw("a callback in a signal handler");
    }
    let (lo, hi) = (mp.g0.stack_lo.get(), mp.g0.stack_hi.get());
    // Where the stack is not known, or C has one of its own, that is C's to see to.
    if (lo..hi).contains(&here) && here - lo < NEEDED {
        throw_with(&[
            Say::Text("a callback of goroutine "),
            Say::Dec(gp.id()),
            Say::Text(" has "),
            Say::Dec(((here - lo) >> 10) as u64),
            Say::Text(" KiB of its thread's stack left, of "),
            Say::Dec(((hi - lo) >> 10) as u64),
            Say::Text("; threads get more by gort::ffi::set_stack_size"),
        ]);
    }
}
