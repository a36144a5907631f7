//! Making a goroutine let others go first. Go: `preemptone`, `doSigPreempt`, `asyncPreempt2`.
//!
//! # How
//!
//! The request is a flag of the P, which doors that come often look at, and a signal (SIGURG) to the
//! thread, for code that comes to no door. The handler makes the goroutine call
//! [`async_preempt`](gort_sys::context::preempt) where it stands, if that is possible there:
//!
//! - on a goroutine with TLS of its own, that runs (not in an announced call);
//! - `locks` is zero: it is outside the runtime;
//! - it is in text that may be left anywhere: the program's own, not libc's, whose locks and
//!   per-thread words (malloc's) belong to the thread;
//! - the interrupted signal mask is the M's own: else it is in a handler of the program's;
//! - there is room on its stack, and the stack is its own.
//!
//! Nothing else is needed: a goroutine's thread-locals move with it, so to its code a preemption is
//! what the kernel does to a thread.
//!
//! Signals that come at a wrong place do nothing. sysmon sends more, and if none finds the right
//! place takes the P (`sysmon.rs`).
//!
//! # Who goes first
//!
//! A goroutine that is pre-empted goes to the queue of hogs, which comes after all others. One that has
//! waited for something (a call's return, another goroutine) finds the hogs running for no longer than
//! [`MIN_RUN`]; those that have only let others go first wait for a slice. So that hogs get their turn
//! however busy the others are, every queue is first at one round in 61 (`find::turn`).
//!
//! # Safety
//!
//! [`on_signal`] injects only under the conditions above, and these are what
//! [`inject`](preempt::inject) asks for: `locks` is zero and then raised, by the handler itself.

#![allow(unsafe_code)]

use super::retake::retake;
use super::state::SCHED;
use super::thread_state::{Asker, cpu_time, is_running};
use super::{door, park, sysmon, wake};
use crate::host;
use crate::obj::g::{G, current, getg};
use crate::obj::hold::Taken;
use crate::obj::m::M;
use crate::obj::p::{P, PStatus};
use crate::obj::status::Status;
use crate::prim::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence, spin_loop};
use gort_sys::context::preempt::{self, Form, Saved};
use gort_sys::context::sigframe::SignalFrame;
use gort_sys::context::slot;
use gort_sys::raw;
use gort_sys::types::{Pid, SigHow, SigSet, Signal};
use gort_sys::vdso::nanotime;

/// The signal: ignored by default, and rarely used. Go's choice, too.
pub const SIGNAL: Signal = Signal::URG;

/// How long a hog may run while others wait that are none, in nanoseconds.
pub(crate) const MIN_RUN: u64 = 100_000;

/// How long a hog may run while hogs wait: what the program says, or Go's 10 ms.
static SLICE: AtomicU64 = AtomicU64::new(10_000_000);
static ENABLED: AtomicU32 = AtomicU32::new(0);
static PREEMPTIONS: AtomicUsize = AtomicUsize::new(0);

/// Sets the slice, in nanoseconds, and whether signals are used; notes the signal mask. Before the first goroutine; the
/// host installs the handler.
pub(crate) fn setup(slice: Option<u64>, signals: bool) {
    if let Some(slice) = slice {
        SLICE.store(slice.max(MIN_RUN), Ordering::Relaxed);
    }
    if let Ok(mask) = raw::rt_sigprocmask(SigHow::BLOCK, None) {
        MASK.store(mask.0, Ordering::Relaxed);
    }
    if signals {
        // SAFETY: the form has been detected.
        unsafe { preempt::setup(Form::detect(), async_preempt2) };
        ENABLED.store(1, Ordering::Relaxed);
    }
}

pub(crate) fn slice() -> u64 {
    SLICE.load(Ordering::Relaxed)
}

/// How often a goroutine was pre-empted by the signal.
pub(crate) fn preemptions() -> usize {
    PREEMPTIONS.load(Ordering::Relaxed)
}

/// The signals that Ms block: what the thread did that started the runtime. An M's own maker may be
/// a thread that has changed its mask, or sysmon. Go: `initSigmask`.
static MASK: AtomicU64 = AtomicU64::new(0);

/// Gives the calling thread the mask of Ms, and returns it as a number.
pub(crate) fn set_thread_mask() -> u64 {
    let mask = SigSet(MASK.load(Ordering::Relaxed)).without(SIGNAL);
    let _ = raw::rt_sigprocmask(SigHow::SETMASK, Some(&mask));
    mask.0
}

/// Asks the goroutine that `mp` runs with `pp` to let others go first.
pub(crate) fn request(asker: Asker, pp: &'static P, mp: &'static M) {
    let tick = pp.schedtick.get();
    pp.preempt.set(tick);
    call_hog(mp);
    signal(asker, mp, || pp.schedtick.get() == tick && pp.m.is(mp));
}

/// Notes that the goroutine that `mp` runs is a hog: should it come to a door without its P, it queues
/// with those.
fn call_hog(mp: &'static M) {
    mp.hog.store(mp.curg.get().map_or(0, G::id), Ordering::Relaxed);
}

/// Whether `gp`, on which this is, was asked to let others go first.
pub(crate) fn is_hog(gp: &'static G) -> bool {
    gp.mp().hog.load(Ordering::Relaxed) == gp.id()
}

/// Sends `mp`'s thread the signal if, having found that it runs, `still` says so: one that sleeps would
/// have its call interrupted. None to a goroutine without thread-local storage of its own, which it
/// cannot pre-empt. Whether it is worth trying again soon.
pub(crate) fn signal(asker: Asker, mp: &'static M, still: impl Fn() -> bool) -> bool {
    let tid = mp.tid.load(Ordering::Relaxed);
    if ENABLED.load(Ordering::Relaxed) == 0 || is_running(asker, tid) != Some(true) {
        return false;
    }
    // One at a time. SeqCst: then the fence, as `quiet` has it the other way round.
    if mp.signalled.compare_exchange(0, 1, Ordering::SeqCst, Ordering::Relaxed).is_err() {
        return true;
    }
    fence(Ordering::SeqCst);
    let running =
        mp.curg.get().is_some_and(|gp| gp.status.get() == Status::Running && !gp.shares_tls());
    // One that has ended, or another thread that got its number, is not harmed.
    let sent = running && still() && raw::tgkill(raw::getpid(), Pid(tid), SIGNAL).is_ok();
    if !sent {
        mp.signalled.store(0, Ordering::Relaxed);
    }
    sent
}

/// Waits for a signal that is on its way to `mp`, on which this is, lest it interrupt the call that
/// comes next. The goroutine says already that it is in a call, so that none is sent from here on.
pub(crate) fn quiet(mp: &'static M) {
    // SeqCst: between the goroutine's status and `signalled`, as `signal` has it the other way round.
    fence(Ordering::SeqCst);
    if mp.signalled.load(Ordering::Relaxed) == 0 {
        return;
    }
    let end = nanotime() + MIN_RUN;
    while mp.signalled.load(Ordering::Relaxed) != 0 {
        spin_loop();
        if nanotime() >= end {
            // The thread has it blocked, or the program has put its own handler there: not again
            // before every call.
            mp.signalled.store(0, Ordering::Relaxed);
        }
    }
}

/// Takes a P from the hog that has run for longest, and has it reach a door. None if nobody is one.
pub(crate) fn seize() -> Option<&'static P> {
    let pp = hog()?;
    let mp = pp.m.get()?;
    let tick = pp.schedtick.get();
    call_hog(mp);
    let taken =
        retake(|one| core::ptr::eq(one, pp) && pp.schedtick.get() == tick && !SCHED.stopping());
    let seized = taken.pop()?;
    signal(Asker::Hurried, mp, || mp.p.is_taken());
    sysmon::hurry();
    Some(seized)
}

/// The P with the goroutine that has run for longest, as far as sysmon has seen, if that has used enough
/// of the CPU.
fn hog() -> Option<&'static P> {
    let now = nanotime();
    let ran = |pp: &&'static P| {
        let same = pp.status() == PStatus::Running && pp.seen.tick.get() == pp.schedtick.get();
        if same { now.saturating_sub(pp.seen.since.get() as u64) } else { 0 }
    };
    let pp = SCHED.ps().max_by_key(ran).filter(|pp| ran(pp) >= MIN_RUN)?;
    let cpu = cpu_time(pp.m.get()?.tid.load(Ordering::Relaxed))?;
    (cpu.saturating_sub(pp.seen.cpu_since.get() as u64) >= MIN_RUN).then_some(pp)
}

/// A goroutine has been queued although it has waited long enough, for every P is busy, and none with
/// a hog: sysmon knows best whether one becomes one. On g0.
pub(crate) fn make_room() {
    wake::wakep();
    sysmon::hurry();
}

/// The same for who has no P and cannot look for a hog to take one from: there is one.
pub(crate) fn make_room_from_outside() {
    wake::wakep();
    if SCHED.npidle.load(Ordering::Relaxed) == 0 && hog().is_some() {
        sysmon::hurry();
    }
}

/// What the handler of [`SIGNAL`] calls: whether the signal was the runtime's own. If not it is the
/// program's. Good in a handler, on any thread.
pub fn on_signal(frame: &mut SignalFrame) -> bool {
    let Some(gp) = getg() else { return false };
    let Some(mp) = gp.m.get() else { return false };
    let own = (mp.signalled.swap(0, Ordering::Relaxed) != 0)
        | mp.freeze.answer(core::ptr::from_mut(frame).expose_provenance());
    if ENABLED.load(Ordering::Relaxed) == 0
        || slot::locks() != 0
        || gp.is_g0()
        || gp.shares_tls()
        || gp.status.get() != Status::Running
        || frame.mask().0 != mp.sigmask.load(Ordering::Relaxed)
        || !is_own_text(frame.pc())
        || !gp.has_room(frame.sp(), preempt::needed())
        || preempt::in_range(frame.pc())
        || !preempt::saves_all(frame)
    {
        return own;
    }
    slot::lock();
    // SAFETY: all that `inject` asks for has just been looked at.
    unsafe { preempt::inject(frame) };
    own
}

/// Whether `pc` is in text where a goroutine may be left between any two instructions.
fn is_own_text(pc: usize) -> bool {
    host::get().text.iter().any(|(start, end)| (*start..*end).contains(&pc))
}

/// What `async_preempt` calls, on the goroutine, with `locks` raised. Go: `asyncPreempt2`.
extern "C" fn async_preempt2(_: &mut Saved) {
    let Some(gp) = current() else { return };
    PREEMPTIONS.fetch_add(1, Ordering::Relaxed);
    // The handler has raised `locks`: this is a door, as far as it goes.
    match gp.mp().p.held() {
        // It was for the goroutine before this one, or the program's own: that makes no hog.
        Ok(Some(pp)) if pp.preempt.get() != pp.schedtick.get() => park::stand_back(gp),
        Ok(_) => park::gopreempt(gp),
        Err(Taken) => {
            park::interrupted(gp);
            door::regain(gp, door::Line::Hogs);
        }
    }
}
