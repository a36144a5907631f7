//! The real search for work, wake-ups, lists and queues, on Ms that only pretend to run goroutines.

#[path = "../../src/sched/find.rs"]
pub(crate) mod find;
#[path = "../../src/sched/keeper.rs"]
pub(crate) mod keeper;
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

    pub(crate) const KEEP: usize = 512;

    pub(crate) fn check(_: &Lists) {}
}

/// As `src/sched/fire.rs`.
pub(crate) mod fire {
    use super::state::{SCHED, runqput};
    use super::wake::wakep;
    use crate::obj::p::P;
    use crate::prim::nanotime;
    use crate::timer::Timers;

    pub(crate) fn fire_due(timers: &Timers, pp: &'static P) {
        fire(timers, Some(pp), nanotime());
    }

    pub(crate) fn fire_all(pp: Option<&'static P>, now: u64) {
        SCHED.ps().for_each(|owner| fire(&owner.timers, pp, now));
    }

    fn fire(timers: &Timers, pp: Option<&'static P>, now: u64) {
        let Some(gp) = timers.take(now) else { return };
        match pp {
            Some(pp) => runqput(pp, gp, true),
            None => {
                SCHED.lock().globrunqput_urgent(gp);
                wakep();
            }
        }
    }
}

/// Nobody looks for one.
pub(crate) mod deadlock {
    use super::state::Lists;

    pub(crate) fn rested(_: &Lists) {}
}

/// Sleeps until it is told something.
pub(crate) mod sysmon {
    use super::fire::fire_all;
    use super::state::SCHED;
    use crate::prim::{FAR, nanotime};

    pub(crate) fn sysmon() {
        SCHED.sysmonnote.sleep();
        fire_all(None, nanotime());
    }

    pub(crate) fn hurry() {}

    pub(crate) fn awaken() {}

    pub(crate) fn hurry_until(when: u64) {
        if when < FAR {
            SCHED.sysmonnote.wakeup();
        }
    }
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
    pub(crate) use super::keeper::stopm;
    use super::state::SCHED;
    use super::{find, keeper};
    use crate::netpoll::poller::{Poller, forget_all};
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
            keeper::tell_news(mp.pp());
            gp.run(job, mp);
            let mut lists = SCHED.lock();
            if LEFT.fetch_sub(1, Ordering::Relaxed) == 1 {
                SCHED.ps().for_each(|pp| pp.timers.clear());
                forget_all();
                for pp in SCHED.ps().filter(|pp| !pp.poller.sleeper.is_none()) {
                    let mp = lists.mget_for(pp).unwrap();
                    mp.nextp.set(Some(last_p()));
                    keeper::rouse(mp);
                }
                while let Some(mp) = lists.mget() {
                    mp.nextp.set(Some(last_p()));
                    mp.park.wakeup();
                }
                SCHED.sysmonnote.wakeup();
            }
            drop(lists);
            if mp.p.is_none() {
                stopm(mp);
            }
        }
    }

    /// `poller`'s sleeper, if it has come too late to be told that it is over.
    pub(crate) fn dismiss(poller: &Poller) {
        let mut lists = SCHED.lock();
        if LEFT.load(Ordering::Relaxed) == 0
            && let Some(pp) = SCHED.ps().find(|pp| std::ptr::eq(&raw const pp.poller, poller))
            && !poller.sleeper.is_none()
        {
            let mp = lists.mget_for(pp).unwrap();
            mp.nextp.set(Some(last_p()));
            keeper::rouse(mp);
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

    pub(crate) fn sleep(mp: &'static M) {
        let lists = SCHED.lock();
        if LEFT.load(Ordering::Relaxed) == 0 {
            // Those that nobody has taken have come too late to be told that it is over.
            let mut late = false;
            while let Some(other) = lists.midle.pop() {
                if std::ptr::eq(other, mp) {
                    late = true;
                    break;
                }
                other.nextp.set(Some(last_p()));
                other.park.wakeup();
            }
            if late {
                return acquirep(mp, last_p());
            }
        }
        drop(lists);
        mp.park.sleep();
        mp.park.clear();
        acquirep(mp, mp.nextp.take().expect("woken without a P"));
    }

    /// No M ends before the others.
    pub(crate) fn mexit(_: &'static M) -> ! {
        unreachable!()
    }
}
