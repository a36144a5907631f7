//! The scheduler's state on standard error, every so often: `GORT_DEBUG=schedtrace=1000`. Go: `schedtrace`.
//!
//! The lines are Go's to the letter, so that what reads those reads these. What Go has and this runtime has
//! not is a constant: `needspinning`, `preemptoff`, and the like are 0, false or empty. `threads` are the
//! Ms, of which sysmon is none here; goroutines that are over have no line.
//!
//! sysmon writes them, without allocating, and a few KiB at a time. It is not to wait for who reads them:
//! if a pipe is full, the rest of the report is lost.
//!
//! The Ms are looked at under the scheduler's lock, as many at a time as there is room for; the others, and
//! everything about them, without, so a report is no picture of one moment.
//!
//! # Safety
//!
//! Standard error's number is borrowed without knowing whether it is open; writing and asking whether it
//! can be written is all that is done with it.

#![allow(unsafe_code)]

use super::figures;
use super::state::SCHED;
use crate::obj::g::G;
use crate::obj::m::M;
use crate::obj::p::{P, PStatus};
use crate::obj::status::Status;
use crate::prim::{AtomicU32, AtomicU64, Ordering};
use crate::sched::park::WaitReason;
use crate::timer::NEVER;
use gort_sys::fd::BorrowedFd;
use gort_sys::types::{PollFd, PollFlags};
use gort_sys::{Errno, raw};

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
            let mut text = Text::new();
            report(&mut text, now);
            text.flush();
        }
    }
}

#[cold]
fn report(text: &mut Text, now: u64) {
    let detail = DETAIL.load(Ordering::Relaxed) != 0;
    head(text, now, detail);
    if detail {
        text.end();
        SCHED.ps().for_each(|pp| p_line(text, pp));
        m_lines(text);
        g_lines(text);
    } else {
        text.text(" [");
        SCHED.ps().for_each(|pp| text.field(" ", pp.runq.len()));
        text.text(" ] schedticks=[ ");
        SCHED.ps().for_each(|pp| {
            text.number(pp.schedtick.get());
            text.text(" ");
        });
        text.text("]");
        text.end();
    }
}

fn head(text: &mut Text, now: u64, detail: bool) {
    let millis = now.saturating_sub(figures::start()) / 1_000_000;
    let (threads, idle, locked, stopwait) = {
        let lists = SCHED.lock();
        (lists.mcount, lists.idle_ms(), lists.mlocked.max(0) as usize, lists.stopwait)
    };
    text.field("SCHED ", millis as usize);
    text.field("ms: gomaxprocs=", SCHED.procs());
    text.field(" idleprocs=", SCHED.npidle.load(Ordering::Relaxed) as usize);
    text.field(" threads=", threads);
    text.field(" spinningthreads=", SCHED.nmspinning.load(Ordering::Relaxed) as usize);
    text.field(" needspinning=", 0);
    text.field(" idlethreads=", idle);
    text.field(" runqueue=", SCHED.runqsize.load(Ordering::Relaxed));
    if detail {
        text.flag(" gcwaiting=", SCHED.stopping());
        text.field(" nmidlelocked=", locked);
        text.field(" stopwait=", stopwait);
        text.flag(" sysmonwait=", SCHED.sysmonwait.load(Ordering::Relaxed) != 0);
    }
}

fn p_line(text: &mut Text, pp: &'static P) {
    // Go's numbers.
    let status = match pp.status() {
        PStatus::Idle => 0,
        PStatus::Running => 1,
        PStatus::Stopped => 3,
        PStatus::Dead => 4,
    };
    let calls = pp.m.get().and_then(|mp| mp.curg.get()).map_or(0, |gp| gp.syscalltick.get());
    text.field("  P", pp.id.get());
    text.field(": status=", status);
    text.field(" schedtick=", pp.schedtick.get());
    text.field(" syscalltick=", calls);
    text.maybe(" m=", pp.m.get().map(|mp| mp.id.get()));
    text.field(" runqsize=", pp.runq.len());
    text.field(" gfreecnt=", pp.gfree.len());
    text.field(" timerslen=", pp.timers.len());
    text.end();
}

fn m_lines(text: &mut Text) {
    let mut done = 0;
    loop {
        let lists = SCHED.lock();
        let all = core::iter::successors(SCHED.allm.get(), |mp| mp.alllink.get());
        // Those that have begun or ended meanwhile make it one twice, or one too few.
        for mp in all.skip(done) {
            if text.is_full() {
                break;
            }
            m_line(text, mp);
            done += 1;
        }
        drop(lists);
        if !text.is_full() {
            return;
        }
        text.flush();
    }
}

fn m_line(text: &mut Text, mp: &'static M) {
    let id = |gp: &'static G| gp.id() as usize;
    text.field("  M", mp.id.get());
    text.maybe(": p=", mp.p.get().map(|pp| pp.id.get()));
    let curg = mp.curg.get();
    text.maybe(" curg=", curg.map(id));
    text.text(" mallocing=0 throwing=0 preemptoff= locks=0 dying=0");
    text.flag(" spinning=", mp.is_spinning());
    let called = curg.is_some_and(|gp| gp.status.get() == Status::Syscall);
    text.flag(" blocked=", called && mp.p.is_taken());
    text.maybe(" lockedg=", mp.lockedg.get().map(id));
    text.end();
}

fn g_lines(text: &mut Text) {
    let newest = {
        let _lists = SCHED.lock();
        SCHED.allg.get()
    };
    // The links behind the newest do not change any more.
    for gp in core::iter::successors(newest, |gp| gp.alllink.get()) {
        // Go's numbers.
        let status = match gp.status.get() {
            Status::Runnable => 1,
            Status::Running => 2,
            Status::Syscall => 3,
            Status::Waiting => 4,
            Status::Idle | Status::Dead => continue,
        };
        let reason = WaitReason::of(gp.waitreason.get()).filter(|_| status == 4);
        text.field("  G", gp.id() as usize);
        text.field(": status=", status);
        text.text("(");
        text.text(reason.map_or("", WaitReason::text));
        text.text(")");
        // The M that it ran on last is there still.
        let here = gp.m.get().filter(|mp| mp.curg.is(gp));
        text.maybe(" m=", here.map(|mp| mp.id.get()));
        text.maybe(" lockedm=", gp.lockedm.get().map(|mp| mp.id.get()));
        text.end();
        if text.is_full() {
            text.flush();
        }
    }
}

/// As much as a pipe takes at once that has room for anything: `PIPE_BUF`.
const CHUNK: usize = 4096;
/// No line but that of more than 200 Ps is longer.
const LINE: usize = 512;

/// What is to be written, by whole lines as far as they fit.
struct Text {
    bytes: [u8; CHUNK],
    len: usize,
    /// Nobody reads: the rest is lost.
    lost: bool,
}

impl Text {
    fn new() -> Text {
        Text { bytes: [0; CHUNK], len: 0, lost: false }
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.len == CHUNK {
                self.flush();
            }
            if let Some(to) = self.bytes.get_mut(self.len) {
                *to = *byte;
                self.len += 1;
            }
        }
    }

    fn number(&mut self, mut number: usize) {
        let mut digits = [b'0'; 20];
        let mut used = 0;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
            used += 1;
            if number == 0 {
                break;
            }
        }
        self.bytes(digits.get(digits.len() - used..).unwrap_or_default());
    }

    fn field(&mut self, name: &str, value: usize) {
        self.text(name);
        self.number(value);
    }

    fn maybe(&mut self, name: &str, value: Option<usize>) {
        match value {
            Some(value) => self.field(name, value),
            None => {
                self.text(name);
                self.text("nil");
            }
        }
    }

    fn flag(&mut self, name: &str, value: bool) {
        self.text(name);
        self.text(if value { "true" } else { "false" });
    }

    fn end(&mut self) {
        self.text("\n");
    }

    /// Whether another line may not fit.
    fn is_full(&self) -> bool {
        self.len > CHUNK - LINE
    }

    /// To standard error, if that can be written without waiting.
    fn flush(&mut self) {
        let mut rest = self.bytes.split_at(self.len.min(CHUNK)).0;
        self.len = 0;
        // SAFETY: 2 is not -1, and a closed standard error only makes the calls fail.
        let stderr = unsafe { BorrowedFd::borrow_raw(2) };
        while !rest.is_empty() && !self.lost {
            let mut asked = [PollFd::new(stderr, PollFlags::OUT)];
            if raw::poll(&mut asked, 0) == Ok(0) {
                self.lost = true;
                return;
            }
            match raw::write(stderr, rest) {
                Ok(count) => rest = rest.split_at(count.min(rest.len())).1,
                Err(Errno::EINTR) => {}
                Err(_) => self.lost = true,
            }
        }
    }
}
