//! The scheduler's state on standard error, every so often: `GORT_DEBUG=schedtrace=1000`. Go: `schedtrace`.
//!
//! The lines are Go's to the letter, so that what reads those reads these. What Go has and this runtime has
//! not is a constant: `needspinning`, `preemptoff`, and the like are 0, false or empty. `threads` are the
//! Ms, of which sysmon is none here; goroutines that are over have no line.
//!
//! sysmon writes them, without allocating, and a few KiB at a time. It is not to wait for who reads them:
//! if a pipe is full, the rest of the report is lost.
//!
//! But for the first line all is looked at without the scheduler's lock, so a report is no picture of one moment.
//!
//! The same lines are the beginning of a throw's report, which must not take the lock ([`at_the_end`]).

use super::all::{MOST, all_gs, all_ms};
use super::figures;
use super::state::{Lists, SCHED};
use crate::obj::g::G;
use crate::obj::m::M;
use crate::obj::p::{P, PStatus};
use crate::obj::status::Status;
use crate::out::Out;
use crate::prim::{AtomicU32, AtomicU64, Ordering};
use crate::sched::park::WaitReason;
use crate::timer::NEVER;
use gort_sys::vdso::nanotime;

/// What is to be written.
#[derive(Clone, Copy, Debug)]
pub struct Trace {
    /// Nanoseconds between two reports.
    pub period: u64,
    /// Whether each P, M and goroutine gets a line.
    pub detail: bool,
}

/// 0: nothing is written.
static PERIOD: AtomicU64 = AtomicU64::new(0);
static DETAIL: AtomicU32 = AtomicU32::new(0);

/// Before sysmon starts.
pub(super) fn setup(trace: Option<Trace>) {
    let Some(Trace { period, detail }) = trace else { return };
    DETAIL.store(detail.into(), Ordering::Relaxed);
    PERIOD.store(period, Ordering::Relaxed);
}

/// When the next report is due. sysmon's.
#[derive(Debug)]
pub(super) struct Reports(u64);

impl Reports {
    pub(super) fn new() -> Reports {
        Reports(if PERIOD.load(Ordering::Relaxed) == 0 { NEVER } else { figures::start() })
    }

    /// When sysmon is to be awake, if it has nothing else to do.
    pub(super) fn due(&self) -> u64 {
        self.0
    }

    /// Writes a report if one is due. Go's first is at the beginning, too.
    pub(super) fn write(&mut self, now: u64) {
        if now >= self.0 {
            self.0 = now.saturating_add(PERIOD.load(Ordering::Relaxed));
            report(&mut Out::impatient(), now);
        }
    }
}

#[cold]
fn report(out: &mut Out, now: u64) {
    let detail = DETAIL.load(Ordering::Relaxed) != 0;
    head(out, now, Some(&SCHED.lock()), detail);
    if detail {
        out.text("\n");
        SCHED.ps().for_each(|pp| p_line(out, pp));
        all_ms().for_each(|mp| m_line(out, mp));
        all_gs().for_each(|gp| g_line(out, gp));
    } else {
        out.text(" [");
        SCHED.ps().for_each(|pp| out.field(" ", pp.runq.len()));
        out.text(" ] schedticks=[");
        SCHED.ps().for_each(|pp| out.field(" ", pp.schedtick.get()));
        out.text(" ]\n");
    }
}

/// What Ps and Ms do when the process is about to end for a throw: without the lock, which whoever has thrown
/// may have.
pub(crate) fn at_the_end(out: &mut Out) {
    head(out, nanotime(), None, true);
    out.text("\n");
    SCHED.all_ps().for_each(|pp| p_line(out, pp));
    all_ms().take(MOST).for_each(|mp| m_line(out, mp));
}

/// Without the line's end. What only the lock makes certain is left out without it.
fn head(out: &mut Out, now: u64, lists: Option<&Lists>, detail: bool) {
    let millis = now.saturating_sub(figures::start()) / 1_000_000;
    out.field("SCHED ", millis as usize);
    out.field("ms: gomaxprocs=", SCHED.procs());
    out.field(" idleprocs=", SCHED.npidle.load(Ordering::Relaxed) as usize);
    let threads = || all_ms().take(MOST).count();
    out.field(" threads=", lists.map_or_else(threads, |lists| lists.mcount));
    out.field(" spinningthreads=", SCHED.nmspinning.load(Ordering::Relaxed) as usize);
    out.field(" needspinning=", 0);
    if let Some(lists) = lists {
        out.field(" idlethreads=", lists.idle_ms());
    }
    out.field(" runqueue=", SCHED.runqsize.load(Ordering::Relaxed));
    if detail {
        out.flag(" gcwaiting=", SCHED.stopping());
        if let Some(lists) = lists {
            out.field(" nmidlelocked=", lists.mlocked.max(0) as usize);
            out.field(" stopwait=", lists.stopwait);
        }
        out.flag(" sysmonwait=", SCHED.sysmonwait.load(Ordering::Relaxed) != 0);
    }
}

fn p_line(out: &mut Out, pp: &'static P) {
    // Go's numbers.
    let status = match pp.status() {
        PStatus::Idle => 0,
        PStatus::Running => 1,
        PStatus::Stopped => 3,
        PStatus::Dead => 4,
    };
    let calls = pp.m.get().and_then(|mp| mp.curg.get()).map_or(0, |gp| gp.syscalltick.get());
    out.field("  P", pp.id.get());
    out.field(": status=", status);
    out.field(" schedtick=", pp.schedtick.get());
    out.field(" syscalltick=", calls);
    out.maybe(" m=", pp.m.get().map(|mp| mp.id.get()));
    out.field(" runqsize=", pp.runq.len());
    out.field(" gfreecnt=", pp.gfree.len());
    out.field(" timerslen=", pp.timers.len());
    end(out);
}

fn m_line(out: &mut Out, mp: &'static M) {
    let id = |gp: &'static G| gp.id() as usize;
    out.field("  M", mp.id.get());
    out.maybe(": p=", mp.p.get().map(|pp| pp.id.get()));
    let curg = mp.curg.get();
    out.maybe(" curg=", curg.map(id));
    out.text(" mallocing=0 throwing=0 preemptoff= locks=0 dying=0");
    out.flag(" spinning=", mp.is_spinning());
    let called = curg.is_some_and(|gp| gp.status.get() == Status::Syscall);
    out.flag(" blocked=", called && mp.p.is_taken());
    out.maybe(" lockedg=", mp.lockedg.get().map(id));
    end(out);
}

fn g_line(out: &mut Out, gp: &'static G) {
    // Go's numbers.
    let status = match gp.status.get() {
        Status::Runnable => 1,
        Status::Running => 2,
        Status::Syscall => 3,
        Status::Waiting => 4,
        Status::Idle | Status::Dead => return,
    };
    let reason = WaitReason::of(gp.waitreason.get()).filter(|_| status == 4);
    out.field("  G", gp.id() as usize);
    out.field(": status=", status);
    out.text("(");
    out.text(reason.map_or("", WaitReason::text));
    out.text(")");
    // The M that it ran on last is there still.
    let here = gp.m.get().filter(|mp| mp.curg.is(gp));
    out.maybe(" m=", here.map(|mp| mp.id.get()));
    out.maybe(" lockedm=", gp.lockedm.get().map(|mp| mp.id.get()));
    end(out);
}

/// The end of a line, after which others follow.
fn end(out: &mut Out) {
    out.text("\n");
    if out.is_full() {
        out.flush();
    }
}
