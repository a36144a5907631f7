//! Who owns a P, and how it is taken: nobody touches what belongs to a P but its owner, and every
//! owner sees what the one before it has written; no goroutine is left waiting. In every order of the
//! threads' steps and with every delay of their stores (`tso`), without a bound.
//!
//! `hold.rs`, `own.rs`, `retake.rs`, `door.rs` and `syscall.rs` are the runtime's own; stopping the world
//! and the Ms' loop are short copies. Each test says how often Ps can be taken and how often goroutines
//! queue for one, all combinations of which must occur: nothing holds because nothing happened.
//!
//! Shown to fail, in most models: no membarrier, or one before the marks; everything or only `locks`
//! looked at before it; `locks` not looked at; a door that raises `locks` only when it has looked, that
//! does not see the mark, or goes on when its swap has failed; `keep` that takes a mark withdrawn by the
//! taker for a P taken (which is how it was written first); plain stores in `take` and in `keep`; `take`
//! of a P whose mark is gone; an M on g0 taken for one that is outside.
//!
//! And in these:
//!
//! - `over_g0_and_back`: the tick not changed, not looked at again, or looked at again before `curg`;
//!   `curg` not looked at again; in `take_on`, `curg` before the tick (which is how it was written first);
//! - `switch_inside_a_door`: `curg` not looked at again;
//! - `released_and_acquired_inside_a_door`: plain stores in `mark` and in `unmark`;
//! - `taken_at_the_second_attempt`: no `unmark`;
//! - `two_takers`, `taken_again`: two takers at a time;
//! - `system_call`: `exitsyscall` that raises `locks` only when it has looked, or does not look;
//! - `blocking_call`: the P not forgone, or as if there had been none.
//!
//! Not needed, it turned out: that the first look at the tick comes before the first at `curg`.

#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    unused_mut,
    unreachable_pub,
    reason = "the models use parts of the files they include"
)]

#[path = "model/tso/lock.rs"]
mod lock;
#[path = "model/tso/obj.rs"]
mod obj;
#[path = "model/tso/prim.rs"]
mod prim;
#[path = "model/tso/sched.rs"]
mod sched;
#[path = "model/tso/world.rs"]
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
use obj::p::{P, PStatus};
use prim::slot;
use sched::door;
use sched::park::{After, leave, leave_to};
use sched::retake::{retake, retire};
use sched::state::SCHED;
use sched::syscall::{entersyscall, entersyscallblock, exitsyscall};
use sched::wake::handoffp;
use sched::worker::{acquirep, execute, releasep};
use tso::{Op, act};
use world::{Model, World, check, exit};

/// One goroutine on one M with one P, and a taker.
const PLAIN: Model<'_> = Model {
    ms: 1,
    procs: 1,
    with_p: 1,
    goroutines: &[],
    needed: 1,
    running: 1,
    queued: 0,
    hogs: false,
    others: &[&take],
};

/// In and out.
fn visit(gp: &'static G) {
    door::open(gp).work();
    slot::unlock();
}

/// Takes what it can, uses it, and gives it to whoever has a use for it.
fn take() {
    take_some(|_| true);
}

/// Takes only M 0's.
fn take_first() {
    take_some(|pp| std::ptr::eq(pp, &World::get().p[0]));
}

fn take_some(wanted: impl Fn(&'static P) -> bool) {
    let taken = retake(wanted);
    while let Some(pp) = taken.pop() {
        pp.taken.bump();
        pp.work();
        handoffp(pp);
    }
}

#[test]
fn doors_against_a_taker() {
    let outcomes = check(&Model {
        goroutines: &[&|a| {
            visit(a);
            door::open(a);
            visit(a);
            slot::unlock();
            exit(a);
        }],
        ..PLAIN
    });
    assert_eq!(outcomes, [(0, 0), (1, 0), (1, 1)]);
}

/// A gives its P up inside a door and gets it back.
#[test]
fn released_and_acquired_inside_a_door() {
    let outcomes = check(&Model {
        goroutines: &[&|a| {
            door::open(a);
            let pp = releasep(a.mp());
            acquirep(a.mp(), pp);
            pp.work();
            slot::unlock();
        }],
        ..PLAIN
    });
    assert_eq!(outcomes, [(0, 0), (1, 0), (1, 1)]);
}

/// A goes over g0, is run by another M meanwhile, and comes back.
#[test]
fn over_g0_and_back() {
    let outcomes = check(&Model {
        ms: 2,
        procs: 2,
        with_p: 2,
        goroutines: &[&|a| {
            door::open(a);
            leave(a, After::To(1));
            slot::unlock();
            door::open(a);
            leave(a, After::To(0));
            a.mp().pp().work();
            slot::unlock();
        }],
        others: &[&take_first],
        ..PLAIN
    });
    assert_eq!(outcomes, [(0, 0), (1, 0), (1, 1)]);
}

/// A goes straight to B inside a door, and is run by another M.
#[test]
fn switch_inside_a_door() {
    let outcomes = check(&Model {
        ms: 2,
        procs: 2,
        with_p: 2,
        goroutines: &[
            &|a| {
                door::open(a);
                leave_to(a, After::To(1), &World::get().g[1]);
                slot::unlock();
            },
            &exit,
        ],
        needed: 2,
        others: &[&take_first],
        ..PLAIN
    });
    assert_eq!(outcomes, [(0, 0), (1, 0), (1, 1)]);
}

/// A mark that is withdrawn does not stay: a taker that comes later finds the P.
#[test]
fn taken_at_the_second_attempt() {
    let twice = || {
        take();
        act(Op::When(|_| World::get().is_over(), 0));
        take();
    };
    let outcomes = check(&Model {
        goroutines: &[&|a| {
            door::open(a);
            slot::unlock();
        }],
        others: &[&twice],
        ..PLAIN
    });
    assert_eq!(outcomes, [(1, 0), (2, 0), (2, 1)]);
}

#[test]
fn two_takers() {
    let outcomes = check(&Model { goroutines: &[&visit], others: &[&take, &take], ..PLAIN });
    assert_eq!(outcomes, [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1)]);
}

/// What is taken from A's M goes to another, which runs B, and is taken from there, too.
#[test]
fn taken_again() {
    let take_and_run = || {
        let w = World::get();
        let Some(pp) = retake(|_| true).pop() else { return };
        pp.taken.bump();
        acquirep(&w.m[1], pp);
        execute(&w.m[1], &w.g[1]);
        if w.m[1].p.get().is_some() {
            handoffp(releasep(&w.m[1]));
        }
    };
    let outcomes =
        check(&Model { goroutines: &[&visit, &exit], others: &[&take_and_run, &take], ..PLAIN });
    assert_eq!(outcomes, [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2)]);
}

/// What is taken from A's M is used elsewhere while A comes by another, which is taken, too.
#[test]
fn another_p() {
    let twice = || {
        take();
        take();
    };
    let outcomes = check(&Model {
        procs: 2,
        goroutines: &[&|a| {
            visit(a);
            visit(a);
        }],
        others: &[&twice],
        ..PLAIN
    });
    assert_eq!(outcomes, [(0, 0), (1, 0), (2, 0)]);
}

/// A call that lasts: B runs with A's P, and A queues when it comes back, or is told that others wait.
#[test]
fn system_call() {
    for asked in [false, true] {
        let outcomes = check(&Model {
            ms: 2,
            goroutines: &[
                &|a| {
                    if asked {
                        let pp = &World::get().p[0];
                        pp.preempt.set(pp.schedtick.get());
                    }
                    entersyscall(a, 1);
                    exitsyscall(a);
                    visit(a);
                },
                &exit,
            ],
            queued: 1,
            ..PLAIN
        });
        assert_eq!(outcomes, [(0, 0), (1, 0), (1, 1)]);
    }
}

/// The call is over and B runs: A takes the P back from B.
#[test]
fn system_call_against_a_hog() {
    let outcomes = check(&Model {
        ms: 2,
        goroutines: &[
            &|a| {
                entersyscall(a, 1);
                exitsyscall(a);
                visit(a);
            },
            &exit,
        ],
        queued: 1,
        hogs: true,
        ..PLAIN
    });
    assert_eq!(outcomes, [(0, 0), (1, 0), (1, 1), (2, 1), (3, 0), (3, 1)]);
}

/// A call that is known to wait.
#[test]
fn blocking_call() {
    let outcomes = check(&Model {
        ms: 2,
        goroutines: &[
            &|a| {
                entersyscallblock(a, 1, slot::here());
                exitsyscall(a);
                visit(a);
            },
            &exit,
        ],
        queued: 1,
        ..PLAIN
    });
    assert_eq!(outcomes, [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]);
}

/// A's thread ends, and its storage with it, with or without a P. Without the wait in `retire` a taker
/// reads what is gone.
#[test]
fn a_threads_end() {
    for without in [false, true] {
        let outcomes = check(&Model {
            goroutines: &[&|a| {
                if without {
                    entersyscallblock(a, 1, slot::here());
                }
                slot::lock();
                let pp = retire(a.mp());
                slot::unlock();
                a.gone.set(1);
                if let Some(pp) = pp {
                    pp.work();
                    handoffp(pp);
                }
            }],
            ..PLAIN
        });
        let expected: &[_] = if without { &[(0, 0), (1, 0), (1, 1)] } else { &[(0, 0), (1, 0)] };
        assert_eq!(outcomes, expected);
    }
}

/// As `stop.rs` does it: nobody owns a P but who stops the world, until that is over.
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
            pp.taken.bump();
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
    let outcomes = check(&Model {
        goroutines: &[&|a| {
            entersyscall(a, 1);
            exitsyscall(a);
            visit(a);
            exit(a);
        }],
        others: &[&stop_the_world],
        ..PLAIN
    });
    assert_eq!(outcomes, [(0, 0), (1, 0), (1, 1)]);
}
