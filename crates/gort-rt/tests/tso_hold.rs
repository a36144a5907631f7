//! Who owns a P.

#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    unused_mut,
    unreachable_pub,
    reason = "the models use parts of the files they include"
)]

#[path = "model/coroutine.rs"]
mod coroutine;
#[path = "model/tso_lock.rs"]
mod lock;
#[path = "model/tso_obj.rs"]
mod obj;
#[path = "model/tso_prim.rs"]
mod prim;
#[path = "model/tso_sched.rs"]
mod sched;
#[path = "model/tso.rs"]
mod tso;
#[path = "model/tso_world.rs"]
mod world;

mod throw {
    #[derive(Debug)]
    pub(crate) enum Say<'a> {
        Text(&'a str),
        Dec(u64),
        Hex(usize),
    }

    pub(crate) fn throw_with(pieces: &[Say<'_>]) -> ! {
        panic!("{pieces:?}")
    }

    #[track_caller]
    pub(crate) fn throw(text: &str) -> ! {
        panic!("{text}")
    }
}

use obj::g::G;
use obj::m::M;
use obj::p::P;
use obj::p::PStatus;
use prim::slot;
use sched::door;
use sched::park::{into, leave, leave_to};
use sched::retake::retake;
use sched::state::SCHED;
use sched::syscall::{entersyscall, entersyscallblock, exitsyscall};
use sched::wake::handoffp;
use sched::worker::{acquirep, releasep};
use tso::{Op, act};
use world::{Model, World, check, exit};

/// In and out.
fn visit(gp: &'static G) {
    door::open(gp).work();
    slot::unlock();
}

/// Makes M number `m` run what is left.
fn to_m(m: usize) -> usize {
    into(&World::get().links[m])
}

/// Takes what it can, uses it, and gives it to whoever has a use for it.
fn take() {
    let taken = retake(|_| true);
    while let Some(pp) = taken.pop() {
        pp.work();
        handoffp(pp);
    }
}

fn take_first() {
    let taken = retake(|pp| std::ptr::eq(pp, &World::get().p[0]));
    while let Some(pp) = taken.pop() {
        pp.work();
        handoffp(pp);
    }
}

#[test]
fn doors_against_a_taker() {
    check(&Model {
        ms: 1,
        procs: 1,
        goroutines: &[&|gp| {
            visit(gp);
            visit(gp);
        }],
        with_p: 1,
        running: 1,
        queued: 0,
        others: &[&take],
    });
}

/// A goes over g0, is run by another M meanwhile, and comes back.
#[test]
fn over_g0_and_back() {
    check(&Model {
        ms: 2,
        procs: 2,
        goroutines: &[&|a| {
            door::open(a);
            leave(a, to_m(1));
            slot::unlock();
            door::open(a);
            leave(a, to_m(0));
            slot::unlock();
        }],
        with_p: 2,
        running: 1,
        queued: 0,
        others: &[&take_first],
    });
}

/// A goes straight to B inside a door, and is run by another M.
#[test]
fn switch_inside_a_door() {
    check(&Model {
        ms: 2,
        procs: 2,
        goroutines: &[
            &|a| {
                door::open(a);
                leave_to(a, to_m(1), &World::get().g[1]);
                slot::unlock();
            },
            &exit,
        ],
        with_p: 2,
        running: 1,
        queued: 0,
        others: &[&take_first],
    });
}

/// A gives its P up inside a door and gets it back, or another.
#[test]
fn released_and_acquired_inside_a_door() {
    check(&Model {
        ms: 1,
        procs: 1,
        goroutines: &[&|a| {
            door::open(a);
            let pp = releasep(a.mp());
            acquirep(a.mp(), pp);
            pp.work();
            slot::unlock();
        }],
        with_p: 1,
        running: 1,
        queued: 0,
        others: &[&take],
    });
}

/// Two takers, one after the other, and an M that runs something with what they have taken.
#[test]
fn two_takers() {
    check(&Model {
        ms: 2,
        procs: 1,
        goroutines: &[
            &|a| {
                visit(a);
                exit(a);
            },
            &exit,
        ],
        with_p: 1,
        running: 1,
        queued: 1,
        others: &[&take, &take],
    });
}

/// A call that lasts: B runs with A's P, and A queues when it comes back.
#[test]
fn system_call() {
    check(&Model {
        ms: 2,
        procs: 1,
        goroutines: &[
            &|a| {
                entersyscall(a);
                exitsyscall(a);
                visit(a);
                exit(a);
            },
            &exit,
        ],
        with_p: 1,
        running: 1,
        queued: 1,
        others: &[&take],
    });
}

/// A call that is known to wait.
#[test]
fn blocking_call() {
    check(&Model {
        ms: 2,
        procs: 1,
        goroutines: &[
            &|a| {
                entersyscallblock(a);
                exitsyscall(a);
                visit(a);
                exit(a);
            },
            &exit,
        ],
        with_p: 1,
        running: 1,
        queued: 1,
        others: &[&take],
    });
}

fn stop_the_world() {
    let lists = SCHED.lock();
    lists.stopwait.set(World::get().procs);
    SCHED.gcwaiting.set(1);
    while let Some(pp) = lists.pidleget() {
        lists.give_back(pp);
    }
    drop(lists);
    for _ in 0..2 {
        let taken = retake(|pp| pp.status() == PStatus::Running);
        while let Some(pp) = taken.pop() {
            SCHED.lock().give_back(pp);
        }
    }
    act(Op::When(|_| SCHED.has_stopped(), 0));
    for pp in SCHED.ps() {
        pp.work();
    }
    let lists = SCHED.lock();
    SCHED.gcwaiting.set(0);
    for pp in SCHED.ps() {
        lists.pidleput(pp);
    }
}

#[test]
fn stop_the_world_during_a_call() {
    check(&Model {
        ms: 1,
        procs: 1,
        goroutines: &[&|a| {
            entersyscall(a);
            exitsyscall(a);
            visit(a);
            exit(a);
        }],
        with_p: 1,
        running: 1,
        queued: 0,
        others: &[&stop_the_world],
    });
}
