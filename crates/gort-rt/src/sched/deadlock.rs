//! Whether everybody waits for everybody else. Go: `checkdead`.
//!
//! # The problem
//!
//! A program in which nobody will ever do anything again should end and say so, instead of hanging. But one
//! in which somebody may yet do something must not be ended, whatever that is: a thread of a C library's
//! that will call back, a descriptor, a timer, a signal. Go sees only its own threads. Here a program has
//! others, which may hold a sender, a lock or a waker.
//!
//! # When it is one
//!
//! All of this at the same time:
//!
//! - every P is idle, nothing is queued, and every M sleeps without work: so no goroutine runs, is in a system
//!   call, or in C (a thread of C's that has called back is an M in C until it ends);
//! - no timer is set, and no goroutine waits for a descriptor (the one that `gort::signal` has does), or at a
//!   futex;
//! - every other thread of the process, by the kernel's count, is one of the runtime's, or an ordinary one
//!   that waits in the runtime without a limit of time ([`Bed`](super::bed::Bed)).
//!
//! Where the kernel does not say how many threads there are, or says what cannot be (qemu's user mode: none), nothing
//! is ever one. A signal's handler of the program's own can wake nobody but by a descriptor or a futex, for nothing
//! else of the runtime is good in one: a program that waits for ever at a channel for a handler to end it is one, as
//! in Go.
//!
//! # Who looks, and when
//!
//! sysmon, before its long sleep, under the scheduler's lock. It sleeps only while all Ps are idle and wakes
//! when one is not, so each time that the last P becomes idle is followed by a look, and an idle program has
//! no further ones. What can complete a deadlock while sysmon sleeps wakes it:
//!
//! - an M without a P comes to rest, or ends ([`rested`]), if the last look has found that one had not;
//! - an ordinary thread begins to wait, if that makes as many as the last look has found to be missing.
//!
//! Nothing tells when a thread ends, and the kernel counts it a little longer than others see it: a `join` returns
//! before that. So where all that is missing are threads, sysmon looks [`LOOKS`] times more, [`PAUSE`] apart. If
//! an ordinary thread that was the last one that could have woken anybody ends after that, nobody notices
//! before something else happens: the alternative is a wake-up now and then for as long as a program is idle.
//!
//! # Why there is no false alarm
//!
//! Under the lock no M can leave its rest. One that is woken is in no list of sleeping Ms from before that,
//! and has a P, which is not idle. One that is on its way to its rest has no P, or has found nothing to do with it, and does nothing
//! but take the lock. Those that wake by themselves, for a timer or for an event, take the lock before they do
//! anything; the timer was set, and the goroutine waits for the descriptor, until then.
//!
//! A goroutine that an ordinary thread has readied is in a queue before that thread waits. The thread's wait
//! is counted after that, with Release, and read here with Acquire before the queues' and heaps' words are.
//!
//! The threads: let `slept` and `told` be how often threads have begun to wait, and have been told. Both are
//! read before and after the kernel's count, and have to be the same. So who waits is the same all the while;
//! all of these are in the kernel's count; and if it counts nobody else, then at that time there was nobody
//! who could make a thread or wake one. A thread is counted out before it can go on: who has woken it could
//! otherwise take its place in the kernel's count when it ends.
//!
//! The count of the runtime's own threads is never too high: an M counts before its thread is there, but has
//! a P then, and not any more before its thread is gone.
//!
//! The counts and who is woken by them are modelled by loom in `tests/loom_deadlock.rs`.
//!
//! # Safety
//!
//! The thread that tells the host is given what it takes.

#![allow(unsafe_code)]

use super::all::all_gs;
use super::counts::{self, Threads};
use super::figures::numgoroutine;
use super::state::{Lists, SCHED};
use super::{keeper, sysmon, template, thread_state};
use crate::host;
use crate::obj::g::G;
use crate::obj::status::Status;
use crate::prim::{AtomicU32, Link, Ordering};
use crate::sched::park::WaitReason;
use crate::throw::{Whose, last_words};
use crate::timer::NEVER;
use gort_sys::raw;
use gort_sys::types::Timespec;

/// Whether a deadlock ends the program.
static ENABLED: AtomicU32 = AtomicU32::new(0);
/// Whether the main goroutine has gone without the program's end.
static MAIN_OVER: AtomicU32 = AtomicU32::new(0);
/// Whether the last look has found an M that did not rest.
static RESTLESS: AtomicU32 = AtomicU32::new(0);
/// One that waited for a descriptor when somebody looked last: mostly it does again, and a server that is idle
/// now and then need not look further. By sysmon.
static WAKEFUL: Link<G> = Link::none();

/// How often to look again, if nothing has happened, for threads that are about to be gone.
const LOOKS: u32 = 8;
/// Between two such looks, in nanoseconds.
pub(super) const PAUSE: u64 = 64_000_000;

/// For how long the host may be ending the process, in nanoseconds.
const PATIENCE: u64 = 10_000_000_000;

/// What sysmon finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Finding {
    /// Somebody may do something.
    Alive,
    /// It is to look again soon.
    Soon,
    /// It is to look again after [`PAUSE`].
    Later,
    /// It is one, with these words.
    Dead(Why),
}

/// Why it is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// All goroutines wait, and threads, too.
    AllAsleep,
    /// The main goroutine has ended itself, and there is no other.
    MainGone,
}

impl Why {
    /// Go's, with the line's end and an empty one.
    fn words(self) -> &'static str {
        match self {
            Why::AllAsleep => "fatal error: all goroutines are asleep - deadlock!\n\n",
            Why::MainGone => {
                "fatal error: no goroutines (main called gort::goexit) - deadlock!\n\n"
            }
        }
    }
}

/// From here on a deadlock ends the program.
pub(super) fn enable() {
    ENABLED.store(1, Ordering::Relaxed);
}

/// The main goroutine has ended itself: what waits is the thread, until the program ends otherwise; at the
/// latest, when there are no goroutines left. Go: the end of `main`'s goroutine by `Goexit`.
pub fn main_is_over() -> ! {
    let lists = SCHED.lock();
    MAIN_OVER.store(1, Ordering::Relaxed);
    drop(lists);
    sysmon::awaken();
    let bed = super::bed::Bed::new();
    loop {
        bed.sleep();
    }
}

/// An M has come to rest, or is none any more. Under the scheduler's lock.
pub(crate) fn rested(lists: &Lists) {
    if RESTLESS.load(Ordering::Relaxed) != 0 && at_rest(lists) {
        sysmon::awaken();
    }
}

/// Whether all Ps are idle and all Ms asleep.
fn at_rest(lists: &Lists) -> bool {
    let sleepers = SCHED.all_ps().filter(|pp| !pp.poller.sleeper.is_none()).count();
    let asleep = (lists.idle_ms() + sleepers).cast_signed() + lists.mlocked;
    SCHED.npidle.load(Ordering::Relaxed) as usize == SCHED.procs()
        && lists.mcount.cast_signed() == asleep
}

/// Looks, by sysmon, under the scheduler's lock, having said that it sleeps; `looks` times since something has
/// happened.
pub(super) fn look(lists: &Lists, looks: u32) -> Finding {
    counts::nothing_missing();
    let judged = !SCHED.stopping() && SCHED.nstarved.load(Ordering::Relaxed) == 0;
    let at_rest = judged && at_rest(lists);
    RESTLESS.store(u32::from(judged && !at_rest), Ordering::Relaxed);
    if !at_rest || keeper::earliest() != NEVER {
        return Finding::Alive;
    }
    let main_gone = MAIN_OVER.load(Ordering::Relaxed) != 0 && numgoroutine() == 0;
    if !main_gone && ENABLED.load(Ordering::Relaxed) == 0 || WAKEFUL.get().is_some_and(is_wakeful) {
        return Finding::Alive;
    }
    let ours = lists.mcount + 1 + usize::from(template::is_there());
    match counts::look(|| thread_state::count()?.checked_sub(ours)) {
        // What a thread that is asleep by now has done before.
        Threads::Asleep if keeper::earliest() == NEVER && all_wait() => {
            Finding::Dead(if main_gone { Why::MainGone } else { Why::AllAsleep })
        }
        Threads::Busy => Finding::Soon,
        // A server is idle again and again: once is enough to know that it is one.
        Threads::Awake if looks < LOOKS && (looks != 1 || all_wait()) => Finding::Later,
        _ => Finding::Alive,
    }
}

/// Has the host end the process, on a thread on which it may allocate; if that cannot be, or is not done in
/// time, ends it without the host. By sysmon.
pub(super) fn end(why: Why) -> ! {
    unsafe extern "C" fn tell(why: usize) {
        let why = if why == Why::MainGone as usize { Why::MainGone } else { Why::AllAsleep };
        let words = why.words();
        (host::get().fatal)(words.strip_suffix("\n\n").unwrap_or(words));
    }
    // SAFETY: `tell` may be called on a new thread, with what is one.
    let told = unsafe { (host::get().start_thread)(tell, why as usize) };
    if told.is_ok() {
        let _ = raw::nanosleep(&Timespec::from_nanos(PATIENCE), None);
    }
    last_words(why.words(), Whose::All, || raw::exit_group(2))
}

/// Whether all goroutines wait, and none of them for what the kernel or a handler may do.
fn all_wait() -> bool {
    WAKEFUL.set(all_gs().find(|gp| is_wakeful(gp)));
    WAKEFUL.is_none()
}

/// Whether it may go on by itself.
fn is_wakeful(gp: &G) -> bool {
    match gp.status.get() {
        Status::Dead | Status::Idle => false,
        Status::Waiting => {
            let reason = gp.waitreason.get();
            reason == WaitReason::IoWait as usize || reason == WaitReason::Futex as usize
        }
        Status::Runnable | Status::Running | Status::Syscall => true,
    }
}
