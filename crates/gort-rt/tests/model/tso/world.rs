//! The Ms, Ps and goroutines of a model, and how it starts and ends.

use crate::obj::{g::G, m::M, p::P};
use crate::prim::{Link, slot};
use crate::sched::door;
use crate::sched::park::{After, arrived, leave};
use crate::sched::state::SCHED;
use crate::sched::worker::{acquirep, resume, schedule, take_on};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use tso::{explore, name};

const MS: usize = 2;
const PS: usize = 2;
const GS: usize = 2;

thread_local! {
    static WORLD: Cell<Option<&'static World>> = const { Cell::new(None) };
}

pub(crate) struct World {
    pub(crate) m: [M; MS],
    pub(crate) p: [P; PS],
    pub(crate) g: [G; GS],
    pub(crate) procs: usize,
    needed: usize,
    /// Whether who comes back without a P takes it from whoever runs.
    pub(crate) hogs: bool,
    /// What each M is to run next, given to it without a lock.
    pub(crate) links: [Link<G>; MS],
}

impl World {
    pub(crate) fn get() -> &'static World {
        WORLD.get().expect("no world")
    }

    /// `gp` has done what it had to do.
    pub(crate) fn over(&self, gp: &'static G) {
        if self.g.iter().take(self.needed).any(|needed| std::ptr::eq(needed, gp)) {
            SCHED.exited.bump();
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        SCHED.exited.get() == self.needed
    }
}

/// What a model consists of.
pub(crate) struct Model<'a> {
    pub(crate) ms: usize,
    pub(crate) procs: usize,
    pub(crate) goroutines: &'a [&'a dyn Fn(&'static G)],
    /// How many of them, the first ones, are to come to their end.
    pub(crate) needed: usize,
    /// How many of them run at the beginning, each on its M.
    pub(crate) running: usize,
    /// How many Ms have a P at the beginning; those that run nothing look for work.
    pub(crate) with_p: usize,
    /// How many of the others are queued; what is left waits for somebody to switch to it.
    pub(crate) queued: usize,
    /// Whether who comes back without a P takes it from whoever runs.
    pub(crate) hogs: bool,
    /// Threads that are no Ms.
    pub(crate) others: &'a [&'a dyn Fn()],
}

/// Explores it: all goroutines come to their end, and nobody uses a P that is another's. Returns how often
/// Ps were taken and how often goroutines queued for one, in all the ways that there are.
pub(crate) fn check(model: &Model<'_>) -> Vec<(usize, usize)> {
    let first = model.ms + model.others.len();
    let w: &'static World = Box::leak(Box::new(World {
        m: std::array::from_fn(M::new),
        p: [const { P::new() }; PS],
        g: std::array::from_fn(|i| G::new(first + i)),
        procs: model.procs,
        needed: model.needed,
        hogs: model.hogs,
        links: [const { Link::none() }; MS],
    }));
    WORLD.set(Some(w));
    give_names(w);

    let ms: Vec<Box<dyn Fn() + '_>> = (0..model.ms)
        .map(|i| {
            Box::new(move || {
                if i < model.running {
                    resume(&w.m[i], &w.g[i]);
                }
                schedule(&w.m[i]);
            }) as Box<dyn Fn()>
        })
        .collect();
    let goroutines: Vec<Box<dyn Fn() + '_>> = (0..model.goroutines.len())
        .map(|i| {
            Box::new(move || {
                let gp = &w.g[i];
                arrived(gp);
                slot::unlock();
                model.goroutines[i](gp);
                // It stays, outside. `exit` is another way.
                w.over(gp);
            }) as Box<dyn Fn()>
        })
        .collect();
    let others = ["taker", "second"].into_iter().zip(model.others.iter().copied());
    let threads: Vec<(_, &dyn Fn())> =
        ["m0", "m1"].into_iter().zip(ms.iter().map(|m| &**m)).chain(others).collect();
    let parked: Vec<(_, &dyn Fn())> =
        ["A", "B"].into_iter().zip(goroutines.iter().map(|g| &**g)).collect();

    let begin = || {
        for (mp, pp) in w.m.iter().zip(&w.p).take(model.with_p) {
            acquirep(mp, pp);
        }
        for (mp, gp) in w.m.iter().zip(&w.g).take(model.running) {
            take_on(mp, gp);
        }
        let lists = SCHED.lock();
        for pp in &w.p[model.with_p..model.procs] {
            lists.pidleput(pp);
        }
        for gp in &w.g[model.running..model.running + model.queued] {
            lists.globrunqput(gp);
        }
    };
    let found = RefCell::new(BTreeSet::new());
    let end = || {
        assert!(w.is_over());
        for pp in SCHED.ps() {
            pp.work();
        }
        let taken = SCHED.ps().map(|pp| pp.taken.get()).sum::<usize>();
        found.borrow_mut().insert((taken, SCHED.requeued.get()));
    };
    explore(&begin, &threads, &parked, &end);
    found.into_inner().into_iter().collect()
}

/// Ends a goroutine so that its M goes on.
pub(crate) fn exit(gp: &'static G) {
    door::open(gp);
    leave(gp, After::Exit);
}

fn give_names(w: &'static World) {
    for (i, m) in w.m.iter().enumerate() {
        name(m, format!("m{i}"));
        name(&m.curg, format!("m{i}.curg"));
        name(&m.p, format!("m{i}.p"));
        name(&m.astraylink, format!("m{i}.astraylink"));
    }
    for (i, p) in w.p.iter().enumerate() {
        name(p, format!("p{i}"));
        name(&p.m, format!("p{i}.m"));
        name(&p.schedtick, format!("p{i}.schedtick"));
        name(&p.uses, format!("p{i}.uses"));
    }
    for (g, letter) in w.g.iter().zip(["A", "B"]) {
        name(g, letter);
        name(slot::locks_of(g.thread), format!("{letter}.locks"));
    }
    for (i, link) in w.links.iter().enumerate() {
        name(link, format!("links[{i}]"));
    }
}
