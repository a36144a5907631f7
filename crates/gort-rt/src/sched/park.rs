//! Leaving a goroutine and coming back to it. Go: `gopark`, `goready`, `Gosched`.
//!
//! # Safety
//!
//! See `sched/mod.rs`: the goroutine that is left is handled by [`finish`], on the other side of
//! the switch, when nobody is on its stack. `locks` is raised from before the choice of the next
//! goroutine until the goroutine itself runs again.

#![allow(unsafe_code)]

use super::find::{Turn, turn};
use super::fire::is_due;
use super::state::{SCHED, runqput};
use super::{clock, door, exit, latency, preempt, spawn, sysmon, wake, worker};
use crate::host;
use crate::obj::g::{G, current};
use crate::obj::m::{self, M};
use crate::obj::p::P;
use crate::prim::{Ordering, fence};
use crate::throw::throw;
use gort_sys::context::{slot, switch};

/// [`G::after`]: it lets others go first.
const YIELD: usize = 1;
/// [`G::after`]: it is over.
pub(crate) const EXIT: usize = 2;
/// [`G::after`]: it has run long enough, others go first.
const PREEMPT: usize = 3;
/// [`G::after`]: it has no P.
const REQUEUE: usize = 4;
// Anything else is the `Commit` of a goroutine that parks.

/// What completes a park: called when nobody is on the goroutine's stack any more. `false` calls
/// the park off, and the goroutine goes on.
///
/// Runs on another goroutine's stack or on g0, with `locks` raised: it may take locks of the runtime,
/// unlock, publish the goroutine and make others ready, and nothing else.
pub type Commit = fn(gp: &'static G, arg: usize) -> bool;

/// Why a goroutine waits, as dumps say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum WaitReason {
    /// For another goroutine's end.
    Join = 1,
    /// For whatever the program says.
    Park,
    /// For a mutex, or as the first of those who want to write for a read-write lock.
    MutexLock,
    /// To read what somebody writes, or is about to.
    RwMutexRLock,
    /// To write what others read.
    RwMutexLock,
    /// For a condition.
    CondWait,
    /// For a group to have done its work.
    WaitGroupWait,
    /// For a semaphore's permits.
    Semaphore,
    /// For a value that somebody else makes.
    OnceDo,
    /// To send on a channel.
    ChanSend,
    /// To receive from a channel.
    ChanReceive,
    /// For one of several channel operations.
    Select,
    /// For something that cannot happen.
    Never,
    /// For another goroutine's blocking call to end: there are as many as may be.
    ThreadLimit,
    /// For a time to come.
    Sleep,
    /// For a descriptor to be ready.
    IoWait,
    /// For a future to be woken.
    Future,
    /// At a word of the program's.
    Futex,
}

impl WaitReason {
    /// What dumps call it: Go's words, where Go has it. Go: `waitReasonStrings`.
    pub fn text(self) -> &'static str {
        match self {
            WaitReason::Join => "join",
            WaitReason::Park => "park",
            WaitReason::MutexLock => "sync.Mutex.Lock",
            WaitReason::RwMutexRLock => "sync.RWMutex.RLock",
            WaitReason::RwMutexLock => "sync.RWMutex.Lock",
            WaitReason::CondWait => "sync.Cond.Wait",
            WaitReason::WaitGroupWait => "sync.WaitGroup.Wait",
            WaitReason::Semaphore => "semacquire",
            WaitReason::OnceDo => "sync.Once.Do",
            WaitReason::ChanSend => "chan send",
            WaitReason::ChanReceive => "chan receive",
            WaitReason::Select => "select",
            WaitReason::Never => "select (no cases)",
            WaitReason::ThreadLimit => "thread limit",
            WaitReason::Sleep => "sleep",
            WaitReason::IoWait => "IO wait",
            WaitReason::Future => "future",
            WaitReason::Futex => "futex",
        }
    }

    /// All of them, in their order.
    const ALL: [WaitReason; 18] = [
        WaitReason::Join,
        WaitReason::Park,
        WaitReason::MutexLock,
        WaitReason::RwMutexRLock,
        WaitReason::RwMutexLock,
        WaitReason::CondWait,
        WaitReason::WaitGroupWait,
        WaitReason::Semaphore,
        WaitReason::OnceDo,
        WaitReason::ChanSend,
        WaitReason::ChanReceive,
        WaitReason::Select,
        WaitReason::Never,
        WaitReason::ThreadLimit,
        WaitReason::Sleep,
        WaitReason::IoWait,
        WaitReason::Future,
        WaitReason::Futex,
    ];

    /// The one with this number.
    pub(crate) fn of(number: usize) -> Option<WaitReason> {
        WaitReason::ALL.get(number.wrapping_sub(1)).copied()
    }
}

const _: () = {
    let mut i = 0;
    while i < WaitReason::ALL.len() {
        assert!(WaitReason::ALL[i] as usize == i + 1);
        i += 1;
    }
};

/// The goroutine this runs on; it is one.
fn here() -> &'static G {
    match current() {
        Some(gp) => gp,
        None => throw("not on a goroutine"),
    }
}

/// Lets other goroutines go first, if there are any. What waits: the goroutine, in its P's queue.
/// On a thread that is not the runtime's: `sched_yield`. Go: `runtime.Gosched`.
pub fn gosched() {
    let Some(gp) = current() else {
        let _ = gort_sys::raw::sched_yield();
        return;
    };
    let pp = door::open(gp);
    let anybody =
        SCHED.runqsize.load(Ordering::Relaxed) != 0 || SCHED.stopping() || !pp.runq.is_empty();
    // sysmon leaves it to who goes from round to round to look for events.
    if anybody || turn(pp) == Some(Turn::Events) {
        leave(gp, YIELD, 0);
    } else {
        // A round of its own: who yields all the time is no hog, though nobody else is there.
        pp.schedtick.bump();
    }
    slot::unlock();
}

/// Parks the goroutine until [`goready`]. `commit(gp, arg)` is called once it is off its stack:
/// that is when somebody may ready it. Go: `gopark`.
///
/// Must be called on a goroutine.
pub fn gopark(commit: Commit, arg: usize, reason: WaitReason) {
    door::open(here());
    gopark_raised(commit, arg, reason);
}

/// [`gopark`] by a caller who has raised `locks`, once; it is lowered again when this returns.
///
/// The caller need not have a P, and may hold locks that `commit` lets go: so nothing here waits
/// before `commit` has been called, not even for a P.
pub(crate) fn gopark_raised(commit: Commit, arg: usize, reason: WaitReason) {
    let gp = here();
    gp.waitreason.set(reason as usize);
    gp.waitsince.set(clock::coarse() as usize);
    match gp.mp().p.held() {
        Ok(Some(_)) => leave(gp, commit as *const () as usize, arg),
        _ => leave_without_p(gp, commit as *const () as usize, arg),
    }
    gp.waitreason.set(0);
    slot::unlock();
}

/// Makes a parked goroutine runnable. From any thread, by the one party that has taken the
/// goroutine from where its `commit` put it; twice is a throw. Go: `goready`.
pub fn goready(gp: &'static G) {
    door::open_anywhere();
    goready_raised(gp);
    slot::unlock();
}

/// [`goready`] by a caller who has raised `locks`, and need not have a P.
pub(crate) fn goready_raised(gp: &'static G) {
    gp.status.readied();
    match m::current().and_then(|mp| mp.p.held().ok().flatten()) {
        Some(pp) => {
            latency::queued(Some(pp), gp);
            let tick = pp.schedtick.get();
            pp.readied.set(tick);
            runqput(pp, gp, true);
            wake_another();
            if pp.seen.tick.get() == tick {
                // Who readies it may be a hog: it has been seen already. SeqCst: see `hurry`.
                fence(Ordering::SeqCst);
                sysmon::hurry();
            }
        }
        None => {
            latency::queued(None, gp);
            SCHED.lock().globrunqput_urgent(gp);
            preempt::make_room_from_outside();
        }
    }
}

/// Lets the goroutine that this one has readied last go first, where that is possible: not inside the
/// runtime. Go: `goyield`.
pub(crate) fn goyield() {
    if current().is_some() && slot::locks() == 0 {
        gosched();
    }
}

/// Ends the goroutine.
fn end() -> ! {
    let gp = here();
    door::open(gp);
    leave(gp, EXIT, 0);
    throw("a goroutine that was over went on")
}

/// `gp`, inside a door, lets others go first: it has run long enough. Go: `gopreempt_m`.
#[cold]
pub(crate) fn gopreempt(gp: &'static G) {
    leave(gp, PREEMPT, 0);
}

/// Whether `gp`, when it last stopped running, did so because it was interrupted.
pub(super) fn was_interrupted(gp: &'static G) -> bool {
    let hogs = gp.after_arg.get() == 0;
    gp.after.get() == PREEMPT || gp.after.get() == REQUEUE && hogs
}

/// `gp` was interrupted, and goes on at once.
pub(super) fn interrupted(gp: &'static G) {
    gp.after.set(PREEMPT);
}

/// `gp`, inside a door, lets the others of its P go first.
#[cold]
pub(crate) fn stand_back(gp: &'static G) {
    leave(gp, YIELD, 0);
}

/// `gp`, inside a door without a P, goes to the end of a global queue, and comes back with one.
pub(crate) fn requeue(gp: &'static G, line: door::Line) {
    leave_without_p(gp, REQUEUE, usize::from(line == door::Line::Waited));
}

/// [`leave`] by way of g0, where the M, which can run nothing, goes to sleep.
fn leave_without_p(gp: &'static G, after: usize, arg: usize) {
    gp.after.set(after);
    gp.after_arg.set(arg);
    if SCHED.forked.load(Ordering::Relaxed) != 0 {
        return alone(after);
    }
    let mp = gp.mp();
    let from = core::ptr::from_ref(gp).expose_provenance();
    // SAFETY: nobody is on g0 while its M runs a goroutine.
    let left =
        unsafe { switch::mcall(gp.sp.as_ptr(), mp.g0_sp.get(), mp.fs.get(), from, worker::left) };
    arrived(gp, left);
}

/// Goes from `gp` to whatever is next, and comes back when somebody resumes `gp`.
fn leave(gp: &'static G, after: usize, arg: usize) {
    gp.after.set(after);
    gp.after_arg.set(arg);
    if SCHED.stopping() && SCHED.is_forked() {
        return alone(after);
    }
    let mp = gp.mp();
    let pp = mp.pp();
    let from = core::ptr::from_ref(gp).expose_provenance();
    let left = match next_here(mp, pp, gp) {
        // SAFETY: `next` came from our own queue, is suspended, and has a block of its own; the
        // words of the block we leave are ours until the switch.
        Some(next) => unsafe {
            worker::take_on(mp, next);
            let fs = next.fs.get();
            host::carry(gp.fs.get(), fs);
            switch::switch(gp.sp.as_ptr(), next.sp.get(), fs, from)
        },
        // SAFETY: nobody is on g0 while its M runs a goroutine.
        None => unsafe {
            switch::mcall(gp.sp.as_ptr(), mp.g0_sp.get(), mp.fs.get(), from, worker::left)
        },
    };
    // On `gp` again, maybe on another M.
    arrived(gp, left);
}

/// In a child that a goroutine forked there is nobody to go to: yielding does nothing, the end of
/// the goroutine is the end of the process, and waiting would be for ever.
#[cold]
fn alone(after: usize) {
    match after {
        YIELD | PREEMPT => {}
        EXIT => gort_sys::raw::exit_group(0),
        _ => throw("a goroutine waits in a process that it forked: the runtime stayed behind"),
    }
}

/// After a switch: deals with the goroutine that the M came from, if it came straight from one.
#[inline(always)]
fn arrived(gp: &'static G, left: usize) {
    let left = core::ptr::with_exposed_provenance::<G>(left);
    // SAFETY: a switch hands over null or the goroutine that was left, and those are never freed.
    if let Some(left) = unsafe { left.as_ref() } {
        finish(gp.mp(), left);
    }
}

/// Where a new goroutine begins.
pub(crate) unsafe extern "C" fn gostart(left: usize) -> ! {
    let gp = here();
    arrived(gp, left);
    slot::unlock();
    // SAFETY: what its maker asked for (`newproc`'s contract).
    unsafe {
        let entry: unsafe extern "C" fn(usize) =
            core::mem::transmute::<usize, unsafe extern "C" fn(usize)>(gp.entry.get());
        entry(gp.data.get());
    }
    end()
}

/// A goroutine that can be switched to straight from here: from our own queue, with a stack, not
/// locked to another M. One that is not goes on by way of g0.
#[inline(always)]
fn next_here(mp: &'static M, pp: &'static P, from: &'static G) -> Option<&'static G> {
    if SCHED.stopping() || !mp.lockedg.is_none() || from.shares_tls() {
        return None;
    }
    let next = match turn(pp) {
        Some(Turn::Ring) => pp.runq.get_oldest()?,
        Some(Turn::Events) => return None,
        Some(_) if SCHED.runqsize.load(Ordering::Relaxed) != 0 => return None,
        // Timers are fired on g0.
        Some(Turn::Global) if is_due(&pp.timers) => return None,
        _ => pp.runq.get()?.0,
    };
    if next.lockedm.is_none()
        && (next.sp.get() != 0 || spawn::attach_warm(pp, next))
        && (next.is_plain() || latency::noted(pp, next))
    {
        return Some(next);
    }
    mp.handoff.set(Some(next));
    None
}

/// Completes what `gp` left its stack for.
pub(crate) fn finish(mp: &'static M, gp: &'static G) {
    match gp.after.get() {
        YIELD => {
            gp.status.yielded();
            latency::queued(Some(mp.pp()), gp);
            runqput(mp.pp(), gp, false);
            wake_another();
        }
        EXIT => exit::gdestroy(mp.pp(), gp),
        PREEMPT => {
            gp.status.yielded();
            latency::queued(mp.p.get(), gp);
            SCHED.lock().hogput(gp);
            wake_another();
        }
        REQUEUE => {
            gp.status.requeued();
            latency::queued(None, gp);
            if gp.after_arg.get() == 0 {
                SCHED.lock().hogput(gp);
                return wake::wakep();
            }
            SCHED.lock().globrunqput_urgent(gp);
            preempt::make_room();
        }
        commit => {
            gp.status.parked();
            // SAFETY: `gopark` stored a `Commit` here.
            let commit: Commit = unsafe { core::mem::transmute::<usize, Commit>(commit) };
            if !commit(gp, gp.after_arg.get()) {
                // The M may have no P: its own was taken before the goroutine parked.
                goready_raised(gp);
            }
        }
    }
}

/// There is new work in our own queue: for the other Ps, if there are any. What was left between two
/// goroutines counts as new, for it was in no queue, and an M that looked just then went to sleep.
#[inline(always)]
fn wake_another() {
    if SCHED.procs() > 1 {
        wake::wakep();
    }
}
