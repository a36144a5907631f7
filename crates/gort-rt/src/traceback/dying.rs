//! Every goroutine of a process that is about to end.
//!
//! Nothing here is sure to be as it should, so nothing is relied on: no lock is taken, for its holder may
//! be the one who has failed, or be held; nothing is allocated; and the lists of all Ms and all goroutines
//! are read as they are, for what is in them is never freed.

use super::capture::{Looker, PATIENCE};
use super::walk::Walk;
use super::{Goroutine, How, Name, Pc, State, capture, own, own_stacks};
use crate::obj::m::M;
use crate::obj::status::Status;
use crate::prim::{AtomicI32, Ordering, nanotime};
use crate::sched::all::{MOST, all_gs, all_ms};
use crate::sched::preempt;
use crate::sched::state::SCHED;
use gort_sys::context::registers::Registers;
use gort_sys::raw;
use gort_sys::types::{Pid, SigHow, SigSet};

/// The thread that says how everybody dies; 0 while nobody does.
static DYING: AtomicI32 = AtomicI32::new(0);

/// See [`super::each`].
pub(super) fn each(here: Registers, f: &mut dyn FnMut(&Goroutine, &[Pc])) -> usize {
    let thread = raw::gettid().0;
    match DYING.compare_exchange(0, thread, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => {}
        Err(other) if other == thread => return 0,
        Err(_) => loop {
            let _ = raw::pause();
        },
    }
    let own = own();
    let forked = SCHED.is_forked();
    if !forked {
        // Somebody may have asked this thread to stand still, be asked himself, and never let it go.
        let signal = SigSet::EMPTY.with(preempt::SIGNAL);
        let _ = raw::rt_sigprocmask(SigHow::BLOCK, Some(&signal));
        // Nobody who comes to the scheduler leaves it again.
        SCHED.gcwaiting.store(1, Ordering::Relaxed);
        hold_all(thread);
    }
    let mut looker =
        Looker { how: How::Dying, now: nanotime(), own: own.map(|gp| (gp, here)), cache: None };
    let mut look = |gp, f: &mut dyn FnMut(&Goroutine, &[Pc])| {
        if let Some((goroutine, frames)) = looker.look(gp) {
            f(&goroutine, frames.kept());
        }
    };
    match own {
        Some(gp) => look(gp, f),
        None => {
            let mut goroutine = THREAD;
            let walk = Walk::new(here, true, own_stacks(), None);
            let frames = capture::frames(walk, &mut goroutine);
            f(&goroutine, frames.kept());
        }
    }
    let others = all_gs().filter(|gp| !own.is_some_and(|own| core::ptr::eq(own, *gp)));
    others.take(if forked { 0 } else { MOST }).for_each(|gp| look(gp, f));
    0
}

/// The stack of a thread that runs no goroutine.
const THREAD: Goroutine = Goroutine {
    id: 0,
    parent: 0,
    creator: 0,
    entry: 0,
    state: State::Running,
    reason: None,
    waited: None,
    locked: false,
    call: None,
    name: Name::NONE,
    stack: (0, 0),
    current: true,
    elided: 0,
    unseen: None,
};

fn others(thread: i32) -> impl Iterator<Item = &'static M> {
    all_ms().take(MOST).filter(move |mp| mp.tid.load(Ordering::Relaxed) != thread && can_answer(mp))
}

/// A foreign thread outside its callbacks does not know the signal.
fn can_answer(mp: &'static M) -> bool {
    !mp.curg.get().is_some_and(|gp| gp.shares_tls() && gp.status.get() == Status::Syscall)
}

/// Has every thread but this one stand still, as far as they do within [`PATIENCE`].
fn hold_all(thread: i32) {
    for mp in others(thread) {
        mp.freeze.ask();
        let tid = Pid(mp.tid.load(Ordering::Relaxed));
        let _ = raw::tgkill(raw::getpid(), tid, preempt::SIGNAL);
    }
    let until = nanotime().saturating_add(PATIENCE);
    for mp in others(thread) {
        let _ = mp.freeze.held(until);
    }
}
