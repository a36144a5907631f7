//! No work is left in a queue while a P is idle and nobody looks: the submit versus last-spinner
//! handshake, parking and waking of Ms with a P handed over, the idle lists, the global queue.
//!
//! `find.rs`, `wake.rs`, `state.rs`, `runq.rs`, `list.rs` and `note.rs` are the runtime's own;
//! threads are loom's. The lock is loom's too: the runtime's has its own model.
//!
//! # Safety
//!
//! What the included files rely on; Ms and Ps that a model makes are leaked, so they live for ever.
//!
//! Shown to fail, each with "deadlock": `AcqRel` for either of the two `SeqCst` fences; no second look
//! (`work_somewhere`), or none at the global queue, in `go_idle`; no `runqsize` stored in
//! `globrunqput`; no `wakep` in `resetspinning` (`who_finds_work_wakes_the_next`); in `wakep_slow`,
//! `nmspinning` lowered after the lock has been given back (`wake_up_that_finds_no_p`), which is how
//! it was written first: loom found it. `nextp` set after the wake-up, or `Relaxed` in the note:
//! "woken without a P". `nmspinning` not lowered in `wakep_slow`: it is 1 at the end. Without the
//! `pair` in `do_without`, or the queue's contents not given back: "deadlock"; the P not given back, or
//! `nmspinning` not lowered there, shows at the end.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the models use parts of the files they include"
)]

#[path = "model/lock.rs"]
mod lock;
#[path = "model/netpoll.rs"]
mod netpoll;
#[path = "model/obj.rs"]
mod obj;
#[path = "model/prim.rs"]
mod prim;
#[path = "model/sched.rs"]
mod sched;
#[path = "model/timer.rs"]
mod timer;
#[path = "model/world.rs"]
mod world;

use world::{host, mem, stack, throw};

use obj::m::M;
use obj::p::P;
use prim::{Ordering::Relaxed, check};
use sched::state::{SCHED, runqput};
use sched::thread::REFUSE;
use sched::wake::{handoffp, wakep};
use sched::worker::{acquirep, life, releasep, stopm};
use world::{boot, finish, goroutine, m_with_a_p, quick, submit, submit_here};

/// The one M of the one P goes idle while another thread submits.
#[test]
fn submitted_from_outside_while_the_last_m_goes_idle() {
    check(3, || {
        boot(1);
        let all = [quick(), quick()];
        for gp in all {
            submit(gp);
        }
        finish(&all);
    });
}

/// A goroutine submits another and does not come back before that has run: somebody else must,
/// whatever the other P's M is doing.
#[test]
fn submitted_by_one_that_goes_on_while_another_m_goes_idle() {
    check(2, || {
        boot(2);
        let other = quick();
        let long = goroutine(move |mp| {
            submit_here(mp, other);
            other.ran.sleep();
        });
        let all = [quick(), long];
        for gp in all {
            submit(gp);
        }
        finish(&all);
    });
}

/// A goroutine gives its P away, as before a blocking call, and waits for one that is submitted
/// meanwhile.
#[test]
fn p_given_away_while_another_thread_submits() {
    check(3, || {
        boot(1);
        let other = quick();
        let blocking = goroutine(move |mp| {
            handoffp(releasep(mp));
            other.ran.sleep();
        });
        let all = [blocking, other];
        for gp in all {
            submit(gp);
        }
        finish(&all);
    });
}

/// Two submit at once, from outside and from a goroutine that goes on, and find one P idle, or
/// none, while the other's M goes idle.
#[test]
fn two_submit_at_once() {
    check(2, || {
        boot(2);
        let other = quick();
        let long = goroutine(move |mp| {
            submit_here(mp, other);
            other.ran.sleep();
        });
        let all = [long, quick(), quick()];
        for gp in all {
            submit(gp);
        }
        finish(&all);
    });
}

/// Two are submitted; whoever looks finds the first, which does not come back before the second has
/// run: the finder must have sent somebody else to look.
#[test]
fn who_finds_work_wakes_the_next() {
    check(2, || {
        boot(2);
        let other = quick();
        let long = goroutine(move |_| other.ran.sleep());
        let all = [long, other];
        for gp in all {
            submit(gp);
        }
        finish(&all);
    });
}

/// Who wakes others, and finds that there is no P left after all, keeps everybody else from waking
/// meanwhile: a P must not become idle unseen in that time.
#[test]
fn wake_up_that_finds_no_p() {
    check(2, || {
        boot(2);
        let other = quick();
        let busy = m_with_a_p();
        // A goroutine that submits and goes on.
        host::start(move || {
            acquirep(busy, busy.nextp.take().unwrap());
            submit_here(busy, other);
            other.ran.sleep();
            SCHED.lock().pidleput(releasep(busy));
        });
        // As for something that somebody else has taken already.
        host::start(wakep);
        // Takes the second P, finds nothing to do, and gives it back.
        let mp = m_with_a_p();
        if mp.nextp.is_none() {
            stopm(mp);
        }
        life(mp);
        finish(&[other]);
    });
}

/// Another thread submits and is refused an M, while the only one there is goes idle. No second is
/// asked for, for time stands still.
#[test]
fn thread_refused() {
    check(2, || {
        boot(2);
        REFUSE.store(2, Relaxed);
        let mp = m_with_a_p();
        SCHED.lock().mcount += 1;
        let all = [quick(), quick()];
        host::start(move || all.into_iter().for_each(submit));
        life(mp);
        finish(&all);
        assert_ne!(REFUSE.load(Relaxed), 0, "asked twice");
    });
}

/// A thread that blocks gives its P away, with a goroutine in its queue, and is refused an M for it,
/// while the only other M goes idle.
#[test]
fn thread_refused_for_a_p_with_work() {
    check(3, || {
        boot(2);
        REFUSE.store(2, Relaxed);
        let other = quick();
        let (mp, blocked) = (m_with_a_p(), m_with_a_p());
        SCHED.lock().mcount += 2;
        host::start(move || {
            acquirep(blocked, blocked.nextp.take().unwrap());
            other.submitted.store(1, Relaxed);
            runqput(blocked.pp(), other, true);
            handoffp(releasep(blocked));
        });
        life(mp);
        finish(&[other]);
    });
}
