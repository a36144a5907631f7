//! The real search for work, wake-ups, lists and queues, on Ms that only pretend to run goroutines.

#[path = "../../src/sched/find.rs"]
pub(crate) mod find;
#[path = "../../src/sched/runq.rs"]
pub(crate) mod runq;
#[path = "../../src/sched/state.rs"]
pub(crate) mod state;
#[path = "../../src/sched/wake.rs"]
pub(crate) mod wake;

/// The world never stops here.
pub(crate) mod stop {
    use super::state::Lists;
    use crate::obj::{m::M, p::P};

    pub(crate) fn gcstopm(_: &'static M) {
        unreachable!()
    }

    pub(crate) fn stopped(_: &mut Lists, _: &'static P) {
        unreachable!()
    }
}

/// Nobody starves here.
pub(crate) mod exit {
    use super::state::Lists;
    use crate::obj::p::P;

    pub(crate) fn pass_on(_: &mut Lists, _: &'static P) {
        unreachable!()
    }
}

/// No goroutine is locked to its thread here.
pub(crate) mod template {
    use crate::obj::m::M;

    pub(crate) fn take_over(_: &'static M) -> bool {
        false
    }
}

/// There may be as many threads as are asked for.
pub(crate) mod threads {
    use super::state::Lists;

    pub(crate) fn check(_: &Lists) {}
}

/// Threads are granted, or not.
pub(crate) mod thread {
    use crate::obj::m::M;
    use crate::prim::{AtomicUsize, Ordering};
    use gort_sys::Errno;

    loom::lazy_static! {
        /// How many more will be refused.
        pub(crate) static ref REFUSE: AtomicUsize = AtomicUsize::new(0);
    }

    pub(crate) fn start(mp: &'static M) -> Result<(), Errno> {
        let left = REFUSE.load(Ordering::Relaxed);
        if left != 0 {
            REFUSE.store(left - 1, Ordering::Relaxed);
            return Err(Errno::EAGAIN);
        }
        crate::host::start(move || super::worker::life(mp));
        Ok(())
    }
}

/// An M's life as in `src/sched/worker.rs`, and its end when there is no more to do.
pub(crate) mod worker {
    use super::find;
    use super::state::SCHED;
    use crate::obj::g::G;
    use crate::obj::m::M;
    use crate::obj::p::{P, PStatus};
    use crate::prim::{AtomicUsize, Ordering};

    loom::lazy_static! {
        /// Goroutines that have not run yet; at 0 all Ms end. To 0 under the scheduler's lock.
        pub(crate) static ref LEFT: AtomicUsize = AtomicUsize::new(0);
    }

    pub(crate) fn life(mp: &'static M) {
        if let Some(pp) = mp.nextp.take() {
            acquirep(mp, pp);
        }
        loop {
            let gp = find::findrunnable(mp);
            if mp.is_spinning() {
                find::resetspinning(mp);
            }
            let Some(job) = &gp.job else { return };
            gp.run(job, mp);
            let lists = SCHED.lock();
            if LEFT.fetch_sub(1, Ordering::Relaxed) == 1 {
                while let Some(mp) = lists.midle.pop() {
                    mp.nextp.set(Some(last_p()));
                    mp.park.wakeup();
                }
            }
            drop(lists);
            if mp.p.is_none() {
                stopm(mp);
            }
        }
    }

    /// A P outside of all lists, with what ends an M in its queue.
    fn last_p() -> &'static P {
        let pp = Box::leak(Box::new(P::new()));
        pp.runq.put_next(Box::leak(Box::new(G::new(None))), |_, _| unreachable!());
        pp
    }

    pub(crate) fn acquirep(mp: &'static M, pp: &'static P) {
        assert!(mp.p.is_none(), "the M has a P");
        assert_eq!(pp.status(), PStatus::Idle, "the P has an M");
        pp.set_status(PStatus::Running);
        mp.p.set(Some(pp));
    }

    pub(crate) fn releasep(mp: &'static M) -> &'static P {
        let pp = mp.pp();
        pp.set_status(PStatus::Idle);
        mp.p.set(None);
        pp
    }

    pub(crate) fn stopm(mp: &'static M) {
        let lists = SCHED.lock();
        if LEFT.load(Ordering::Relaxed) == 0 {
            return acquirep(mp, last_p());
        }
        let mut lists = lists;
        if lists.queued()
            && let Some(pp) = lists.pidleget()
        {
            drop(lists);
            return acquirep(mp, pp);
        }
        lists.midle.push(mp);
        drop(lists);
        mp.park.sleep();
        mp.park.clear();
        acquirep(mp, mp.nextp.take().expect("woken without a P"));
    }
}
