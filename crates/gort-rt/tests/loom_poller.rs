//! Nothing that has come for a P's descriptors waits while nobody looks, or is about to: an M that goes idle
//! against what comes, and against who opens the first descriptor, a sleeper against who takes it or its P
//! for other work.
//!
//! `keeper.rs`, `find.rs`, `wake.rs` and what they work with are the runtime's own; the kernel's queue is a
//! futex (`model/netpoll.rs`), and sysmon, which would find out in the end, does not look. A goroutine whose
//! event nobody takes is one that nobody runs.
//!
//! # Safety
//!
//! As in `loom_sched.rs`.
//!
//! Shown to fail, each with "deadlock": `call` that leaves one of the two roles; no interruption; no sleeper;
//! `inside` left as it is, or the sleeper, by who comes out; `see_to` without its fence, or one that starts
//! nobody; `handoffp` without it; one who is called and drops what has come.

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

use netpoll::poller::{happen, open};
use obj::p::P;
use prim::Ordering::Relaxed;
use prim::{FAR, check, nanotime};
use sched::keeper::tell;
use sched::state::{SCHED, runqput};
use sched::wake::handoffp;
use sched::worker::{acquirep, life, releasep};
use world::{boot, finish, goroutine, m_with_a_p, quick, submit};

fn p(id: usize) -> &'static P {
    SCHED.allp[id].get().unwrap()
}

/// While the only M goes idle.
#[test]
fn comes_while_the_last_m_goes_idle() {
    check(3, || {
        boot(1);
        let (first, late) = (goroutine(|mp| open(mp.pp())), quick());
        submit(first);
        happen(p(0), late);
        finish(&[first, late]);
    });
}

/// The M that would look goes idle while an idle P gets its first descriptor, from a thread.
#[test]
fn opened_while_an_m_goes_idle() {
    check(2, || {
        boot(1);
        let (first, late) = (quick(), quick());
        submit(first);
        happen(p(0), late);
        open(p(0));
        finish(&[first, late]);
    });
}

/// The sleeper is woken for other work when something comes.
#[test]
fn comes_while_the_sleeper_is_called() {
    check(3, || {
        boot(1);
        let (first, late, other) = (goroutine(|mp| open(mp.pp())), quick(), quick());
        submit(first);
        first.ran.sleep();
        host::start(move || happen(p(0), late));
        submit(other);
        finish(&[first, late, other]);
    });
}

/// The sleeper keeps the time, too, and is told of an earlier one.
#[test]
fn comes_while_the_sleeper_keeps_the_time() {
    check(2, || {
        boot(1);
        p(0).timers.add_far(FAR);
        let (first, late, timed) = (goroutine(|mp| open(mp.pp())), quick(), quick());
        submit(first);
        first.ran.sleep();
        host::start(move || happen(p(0), late));
        timed.submitted.store(1, Relaxed);
        p(0).timers.add(timed);
        tell(nanotime());
        finish(&[first, late, timed]);
    });
}

/// A goroutine's P is given away, as before a blocking call that lasts until the event has come.
#[test]
fn p_given_away() {
    given_away(2, 1);
}

/// The same while another P is idle.
#[test]
fn p_given_away_beside_an_idle_one() {
    given_away(1, 2);
}

fn given_away(preemptions: usize, procs: usize) {
    check(preemptions, move || {
        boot(procs);
        let late = quick();
        let blocking = goroutine(move |mp| {
            let pp = mp.pp();
            open(pp);
            handoffp(releasep(mp));
            happen(pp, late);
            late.ran.sleep();
        });
        submit(blocking);
        finish(&[blocking, late]);
    });
}

/// The same while a thread opens the first descriptor.
#[test]
fn opened_while_a_p_is_given_away() {
    check(1, || {
        boot(2);
        let late = quick();
        let blocking = goroutine(move |mp| {
            handoffp(releasep(mp));
            late.ran.sleep();
        });
        submit(blocking);
        happen(p(1), late);
        open(p(1));
        finish(&[blocking, late]);
    });
}

/// Two Ps have descriptors, and one M goes idle after the other.
#[test]
fn two_sleepers() {
    check(1, || {
        boot(2);
        let (late, later) = (quick(), quick());
        let first = goroutine(|_| (0..2).for_each(|id| open(p(id))));
        submit(first);
        first.ran.sleep();
        host::start(move || happen(p(0), late));
        happen(p(1), later);
        finish(&[first, late, later]);
    });
}
