//! The real doors, system calls and taker, on a scheduler that has one queue.
//!
//! What is under the scheduler's lock is as good as known to everybody who has the lock, so the lists
//! are ghosts. So is what Ms without a P wait for: waking them has a model of its own
//! (`loom_sched.rs`).

#[path = "../../../src/sched/door.rs"]
pub(crate) mod door;
#[path = "../../../src/sched/own.rs"]
pub(crate) mod own;
#[path = "../../../src/sched/retake.rs"]
pub(crate) mod retake;
#[path = "../../../src/sched/syscall.rs"]
pub(crate) mod syscall;

pub(crate) mod state {
    use crate::lock::{Guard, Mutex, Rank};
    use crate::obj::g::G;
    use crate::obj::p::{P, PStatus};
    use crate::prim::{Ordering, Quiet};
    use crate::world::World;
    use tso::Ghost;

    pub(crate) const MAX_PROCS: usize = 2;

    pub(crate) struct Lists {
        pidle: [Quiet<P>; 2],
        runq: [Quiet<G>; 2],
        pub(crate) stopwait: Ghost,
    }

    /// What is never so here: sysmon does not sleep.
    pub(crate) struct Never;

    impl Never {
        pub(crate) fn load(&self, _: Ordering) -> u32 {
            0
        }
    }

    pub(crate) struct Sched {
        lists: Mutex<Lists>,
        pub(crate) sysmonwait: Never,
        pub(crate) allp: [Quiet<P>; MAX_PROCS],
        pub(crate) gcwaiting: Ghost,
        /// Goroutines that are over, and how often one has queued for a P.
        pub(crate) exited: Ghost,
        pub(crate) requeued: Ghost,
    }

    pub(crate) static SCHED: Sched = Sched {
        lists: Mutex::new(
            Rank::Sched,
            Lists {
                pidle: [const { Quiet::none() }; 2],
                runq: [const { Quiet::none() }; 2],
                stopwait: Ghost::new(),
            },
        ),
        sysmonwait: Never,
        allp: [const { Quiet::none() }; MAX_PROCS],
        gcwaiting: Ghost::new(),
        exited: Ghost::new(),
        requeued: Ghost::new(),
    };

    impl Sched {
        #[track_caller]
        pub(crate) fn lock(&self) -> Guard<'_, Lists> {
            self.lists.lock()
        }

        /// Nobody forks here.
        pub(crate) fn is_forked(&self) -> bool {
            false
        }

        pub(crate) fn ps(&self) -> impl Iterator<Item = &'static P> {
            World::get().p.iter().take(World::get().procs)
        }

        pub(crate) fn stopping(&self) -> bool {
            self.gcwaiting.get() != 0
        }

        /// Whether this M has something to run.
        pub(crate) fn has_work(&self, m: usize) -> bool {
            let lists = self.lists.peek();
            lists.runq[0].get().is_some() || World::get().links[m].is_there()
        }

        /// Whether there is a P for it.
        pub(crate) fn has_p(&self) -> bool {
            !self.stopping() && self.lists.peek().pidle[0].get().is_some()
        }

        pub(crate) fn has_stopped(&self) -> bool {
            self.lists.peek().stopwait.get() == 0
        }
    }

    /// Takes what came first.
    fn shift<T>(places: &[Quiet<T>; 2]) -> Option<&'static T> {
        let first = places[0].take();
        places[0].set(places[1].take());
        first
    }

    #[track_caller]
    fn append<T>(places: &[Quiet<T>; 2], item: &'static T) {
        let place = places.iter().find(|place| place.get().is_none());
        place.expect("a longer list").set(Some(item));
    }

    impl Lists {
        #[track_caller]
        pub(crate) fn pidleput(&self, pp: &'static P) {
            pp.set_status(PStatus::Idle);
            append(&self.pidle, pp);
        }

        pub(crate) fn pidleget(&self) -> Option<&'static P> {
            shift(&self.pidle)
        }

        #[track_caller]
        pub(crate) fn globrunqput(&self, gp: &'static G) {
            append(&self.runq, gp);
        }

        pub(crate) fn globrunqget(&self) -> Option<&'static G> {
            shift(&self.runq)
        }

        /// To nobody, or to the one who stops the world.
        pub(crate) fn give_back(&self, pp: &'static P) {
            if SCHED.stopping() {
                pp.set_status(PStatus::Stopped);
                self.stopwait.set(self.stopwait.get() - 1);
            } else {
                self.pidleput(pp);
            }
        }
    }
}

pub(crate) mod park {
    use super::door::Line;
    use super::own::take_on;
    use super::state::SCHED;
    use crate::obj::g::G;
    use crate::obj::m::M;
    use crate::world::World;
    use tso::{Op, act};

    /// What is done about a goroutine that has been left.
    #[derive(Clone, Copy, Debug)]
    pub(crate) enum After {
        Queue,
        Preempt,
        Exit,
        /// An M of this number gets it, by a plain store as into a run queue.
        To(usize),
    }

    impl After {
        fn number(self) -> usize {
            match self {
                After::Queue => 0,
                After::Preempt => 1,
                After::Exit => 2,
                After::To(m) => 3 + m,
            }
        }
    }

    /// `gp`, inside a door, goes to its M's g0, and comes back when somebody runs it.
    #[track_caller]
    pub(crate) fn leave(gp: &'static G, after: After) {
        gp.after.set(after.number());
        let mp = gp.mp();
        mp.left.set(Some(gp));
        act(Op::Switch(mp.thread));
        arrived(gp);
    }

    /// The same, but straight to `next`.
    #[track_caller]
    pub(crate) fn leave_to(gp: &'static G, after: After, next: &'static G) {
        gp.after.set(after.number());
        let mp = gp.mp();
        mp.left.set(Some(gp));
        take_on(mp, next);
        act(Op::Switch(next.thread));
        arrived(gp);
    }

    /// On `gp`, maybe on another M.
    pub(crate) fn arrived(gp: &'static G) {
        let mp = gp.mp();
        if let Some(left) = mp.left.take() {
            finish(mp, left);
        }
    }

    pub(crate) fn finish(mp: &'static M, gp: &'static G) {
        gp.status.left();
        match gp.after.get() {
            0 => SCHED.lock().globrunqput(gp),
            1 => {
                mp.pp().work();
                SCHED.lock().globrunqput(gp);
            }
            2 => {
                mp.pp().work();
                World::get().over(gp);
            }
            to => {
                World::get().links[to - 3].set(Some(gp));
                mp.pp().work();
            }
        }
    }

    pub(crate) fn gopreempt(gp: &'static G) {
        leave(gp, After::Preempt);
    }

    pub(crate) fn requeue(gp: &'static G, _: Line) {
        SCHED.requeued.bump();
        leave(gp, After::Queue);
    }
}

pub(crate) mod preempt {
    use super::retake::retake;
    use super::state::SCHED;
    use crate::obj::g::G;
    use crate::obj::m::M;
    use crate::obj::p::{P, PStatus};
    use crate::world::World;

    /// Whoever runs is a hog, if the model has hogs.
    pub(crate) fn seize() -> Option<&'static P> {
        let wanted = |pp: &P| pp.status() == PStatus::Running && !SCHED.stopping();
        let seized = World::get().hogs.then(|| retake(wanted).pop())??;
        seized.taken.bump();
        Some(seized)
    }

    pub(crate) fn quiet(_: &'static M) {}

    /// Where one queues makes no difference here.
    pub(crate) fn is_hog(_: &'static G) -> bool {
        false
    }
}

/// There is no limit.
pub(crate) mod threads {
    pub(crate) fn enter() -> bool {
        false
    }

    pub(crate) fn leave() {}
}

pub(crate) mod wake {
    use super::state::SCHED;
    use crate::obj::p::P;

    pub(crate) fn handoffp(pp: &'static P) {
        SCHED.lock().give_back(pp);
    }
}

pub(crate) mod worker {
    pub(crate) use super::own::{acquirep, releasep, take_on};
    use super::park;
    use super::state::SCHED;
    use crate::obj::g::G;
    use crate::obj::m::M;
    use crate::world::World;
    use tso::{Op, act};

    /// What `mp` does on g0, until all goroutines are over. It keeps its P while it looks for work.
    pub(crate) fn schedule(mp: &'static M) {
        loop {
            if mp.p.get().is_none() {
                act(Op::When(
                    |m| World::get().is_over() || SCHED.has_p() && SCHED.has_work(m),
                    mp.thread,
                ));
                if World::get().is_over() {
                    return;
                }
                let idle = SCHED.lock().pidleget();
                let Some(pp) = idle else { continue };
                acquirep(mp, pp);
            }
            let due = |m| World::get().is_over() || SCHED.stopping() || SCHED.has_work(m);
            act(Op::When(due, mp.thread));
            if World::get().is_over() || SCHED.stopping() {
                let pp = releasep(mp);
                SCHED.lock().give_back(pp);
            } else if let Some(gp) = findrunnable(mp) {
                execute(mp, gp);
            }
        }
    }

    fn findrunnable(mp: &'static M) -> Option<&'static G> {
        let link = &World::get().links[mp.thread];
        if link.is_there() { link.shift() } else { SCHED.lock().globrunqget() }
    }

    pub(crate) fn execute(mp: &'static M, gp: &'static G) {
        take_on(mp, gp);
        resume(mp, gp);
    }

    /// Goes to `gp`, which is `mp`'s already, and comes back when it has been left.
    #[track_caller]
    pub(crate) fn resume(mp: &'static M, gp: &'static G) {
        act(Op::Switch(gp.thread));
        left(mp);
    }

    fn left(mp: &'static M) {
        let gp = mp.left.take().expect("nobody was left");
        mp.curg.set(None);
        if mp.p.is_taken() {
            mp.p.set(None);
        }
        park::finish(mp, gp);
    }
}

pub(crate) mod sysmon {
    pub(crate) fn awaken() {
        unreachable!()
    }
}
