//! No timer is due while nobody is awake, or about to be: an M that goes idle against who sets a timer,
//! the keeper against who sets an earlier one or takes it for other work, Ps that are given away with
//! timers.
//!
//! `keeper.rs` and what it works with are the runtime's own; timers and sysmon are short copies
//! (`model/timer.rs`, `model/sched.rs`). A goroutine whose timer nobody fires is one that nobody runs.
//!
//! # Safety
//!
//! As in `loom_sched.rs`.
//!
//! Shown to fail, each with "deadlock": either fence of `engage` and `tell` weaker than SeqCst; no second
//! look in `engage`; `tell_slow` without waking the keeper, or an M, or sysmon; `mget` and `check` without
//! telling sysmon; `handoffp` without `tell`, `do_without` without `check`; `keeper_until` left at 0 when the
//! keeper's time has come; a keeper that was woken and does not know; news that are not told; `stopm` without a
//! look at what is queued, or without what it does then about `keeper_until`, or without `check`; no fence in
//! `time_has_come`; a keeper that `engage` forgets when there is a new one.

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
use prim::Ordering::Relaxed;
use prim::{FAR, check, nanotime};
use sched::keeper::{tell, timer_added};
use sched::state::{SCHED, runqput};
use sched::sysmon::sysmon;
use sched::thread::REFUSE;
use sched::wake::handoffp;
use sched::worker::{acquirep, life, releasep, stopm};
use world::{boot, finish, goroutine, m_with_a_p, quick, submit};

fn p(id: usize) -> &'static P {
    SCHED.allp[id].get().unwrap()
}

/// A goroutine sleeps for no time at all, on `pp`'s M: it is readied by the timer.
fn go_to_sleep(pp: &'static P, gp: &'static obj::g::G) {
    gp.submitted.store(1, Relaxed);
    pp.timers.add(gp);
    timer_added(nanotime(), Some(pp));
}

/// The same, by who goes on.
fn set_timer(pp: &'static P, gp: &'static obj::g::G) {
    gp.submitted.store(1, Relaxed);
    pp.timers.add(gp);
    tell(nanotime());
}

/// Waits until there is a keeper for `when`.
fn until(when: u64) {
    while SCHED.keeper_until.load(Relaxed) != when {
        loom::thread::yield_now();
    }
}

/// A thread sets a timer while the only M goes idle.
#[test]
fn set_while_the_last_m_goes_idle() {
    check(3, || {
        boot(1);
        let (first, late) = (quick(), quick());
        submit(first);
        set_timer(p(0), late);
        finish(&[first, late]);
    });
}

/// The same, when there is a timer already, for which the M will keep the time.
#[test]
fn set_while_an_m_becomes_the_keeper() {
    check(1, || {
        boot(2);
        p(0).timers.add_far(FAR);
        let (first, late) = (quick(), quick());
        submit(first);
        set_timer(p(1), late);
        finish(&[first, late]);
    });
}

/// The keeper looks again, for there is an earlier timer, and then there is another.
#[test]
fn set_while_the_keeper_looks_again() {
    check(1, || {
        boot(2);
        p(0).timers.add_far(FAR + 1);
        let late = quick();
        let mp = m_with_a_p();
        host::start(move || life(mp));
        p(0).timers.add_far(FAR);
        tell(FAR);
        set_timer(p(1), late);
        finish(&[late]);
    });
}

/// A goroutine goes to sleep, and its M finds something else to do, for as long as the other sleeps.
#[test]
fn slept_while_other_work_comes() {
    check(1, || {
        boot(2);
        let late = quick();
        let sleeper = goroutine(move |mp| go_to_sleep(mp.pp(), late));
        let long = goroutine(move |_| late.ran.sleep());
        host::start(sysmon);
        submit(sleeper);
        submit(long);
        finish(&[sleeper, long, late]);
    });
}

/// The keeper is taken for work that lasts until the timer has fired for which it was about to wake.
#[test]
fn keeper_is_taken_for_other_work() {
    check(1, || {
        boot(2);
        let late = quick();
        let long = goroutine(move |_| late.ran.sleep());
        host::start(sysmon);
        let mp = m_with_a_p();
        host::start(move || life(mp));
        set_timer(p(0), late);
        submit(long);
        finish(&[long, late]);
    });
}

/// The keeper is taken for a P with work that is given away, so it does not look for any; later another
/// timer is set for the same time.
#[test]
fn keeper_is_taken_for_a_p_with_work() {
    check(1, || {
        boot(2);
        let (late, second) = (quick(), quick());
        let long = goroutine(move |_| {
            p(0).timers.fired.sleep();
            set_timer(p(0), second);
            second.ran.sleep();
        });
        let (mp, blocked) = (Box::leak(Box::new(M::new())), m_with_a_p());
        acquirep(blocked, blocked.nextp.take().unwrap());
        long.submitted.store(1, Relaxed);
        runqput(blocked.pp(), long, true);
        late.submitted.store(1, Relaxed);
        p(0).timers.add(late);
        host::start(sysmon);
        host::start(move || handoffp(releasep(blocked)));
        stopm(mp);
        life(mp);
        finish(&[long, late, second]);
    });
}

/// One that sets a timer goes on until it has fired, when the keeper has been taken for it.
#[test]
fn set_by_one_that_goes_on() {
    check(1, || {
        boot(2);
        p(1).timers.add_far(FAR);
        let (first, late) = (quick(), quick());
        let long = goroutine(move |mp| {
            set_timer(mp.pp(), late);
            late.ran.sleep();
        });
        submit(first);
        submit(long);
        finish(&[first, long, late]);
    });
}

/// The same when there is nobody to wake: both Ps are busy, the other until the timer has fired.
#[test]
fn set_while_all_are_busy() {
    check(1, || {
        boot(2);
        let late = quick();
        let long = goroutine(move |_| {
            set_timer(p(0), late);
            late.ran.sleep();
        });
        let busy = goroutine(move |_| p(0).timers.fired.sleep());
        host::start(sysmon);
        submit(long);
        submit(busy);
        finish(&[long, busy, late]);
    });
}

/// A goroutine's P is given away, as before a blocking call, with a timer for which the goroutine waits
/// in that call.
#[test]
fn p_given_away_with_a_timer() {
    given_away(3, 1);
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
            go_to_sleep(mp.pp(), late);
            handoffp(releasep(mp));
            late.ran.sleep();
        });
        submit(blocking);
        finish(&[blocking, late]);
    });
}

/// The same when the machine refuses a thread, and the goroutine's does not come back before.
#[test]
fn thread_refused() {
    check(3, || {
        boot(1);
        REFUSE.store(2, Relaxed);
        let late = quick();
        let mp = m_with_a_p();
        SCHED.lock().mcount += 1;
        host::start(sysmon);
        acquirep(mp, mp.nextp.take().unwrap());
        go_to_sleep(mp.pp(), late);
        handoffp(releasep(mp));
        p(0).timers.fired.sleep();
        stopm(mp);
        life(mp);
        finish(&[late]);
    });
}

/// A goroutine goes to sleep with a timer at another P, and its M has something else to do, for as long.
#[test]
fn slept_with_a_timer_elsewhere() {
    check(1, || {
        boot(2);
        let late = quick();
        late.submitted.store(1, Relaxed);
        let sleeper = goroutine(move |mp| {
            p(0).timers.add(late);
            timer_added(nanotime(), Some(mp.pp()));
        });
        let long = goroutine(move |_| late.ran.sleep());
        host::start(sysmon);
        let mp = m_with_a_p();
        let Some(pp) = mp.nextp.get() else { unreachable!() };
        assert!(!std::ptr::eq(pp, p(0)));
        for gp in [sleeper, long] {
            gp.submitted.store(1, Relaxed);
            runqput(pp, gp, false);
        }
        life(mp);
        finish(&[sleeper, long, late]);
    });
}

/// Something is queued, an M without a P is still awake, and no thread is granted: that M takes it.
#[test]
fn queued_when_no_thread_could_be_had() {
    check(3, || {
        boot(1);
        REFUSE.store(1, Relaxed);
        let gp = quick();
        let mp = m_with_a_p();
        SCHED.lock().mcount += 1;
        acquirep(mp, mp.nextp.take().unwrap());
        submit(gp);
        handoffp(releasep(mp));
        stopm(mp);
        life(mp);
        finish(&[gp]);
    });
}

/// The same, when that M was the keeper, and is awake to look again: it is the keeper no more, and whoever
/// sets a timer from then on has to know.
#[test]
fn queued_while_the_keeper_looks_again() {
    check(1, || {
        boot(1);
        REFUSE.store(1, Relaxed);
        let late = quick();
        let long = goroutine(move |_| {
            set_timer(p(0), late);
            p(0).timers.fired.sleep();
        });
        p(0).timers.add_far(FAR + 1);
        host::start(sysmon);
        let mp = m_with_a_p();
        SCHED.lock().mcount += 1;
        host::start(move || life(mp));
        p(0).timers.add_far(FAR);
        tell(FAR);
        submit(long);
        finish(&[long, late]);
    });
}

/// The same again, but the timer is set while the keeper is awake, so its setter relies on that: it has to
/// pass it on.
#[test]
fn queued_and_set_while_the_keeper_looks_again() {
    check(1, || {
        boot(2);
        REFUSE.store(1, Relaxed);
        let late = quick();
        let long = goroutine(move |_| p(0).timers.fired.sleep());
        p(1).timers.add_far(FAR + 1);
        host::start(sysmon);
        let mp = m_with_a_p();
        SCHED.lock().mcount += 1;
        host::start(move || life(mp));
        until(FAR + 1);
        p(1).timers.add_far(FAR);
        tell(FAR);
        set_timer(p(0), late);
        submit(long);
        finish(&[long, late]);
    });
}

/// The keeper's time has come, and what it readies goes on until a timer has fired that is set at that
/// moment, for the same time.
#[test]
fn set_when_the_time_has_come() {
    check(1, || {
        boot(2);
        REFUSE.store(1, Relaxed);
        SCHED.lock().mcount += 1;
        let late = quick();
        let first = goroutine(move |_| p(1).timers.fired.sleep());
        first.submitted.store(1, Relaxed);
        p(0).timers.add(first);
        host::start(sysmon);
        host::start(move || set_timer(p(1), late));
        let mp = Box::leak(Box::new(M::new()));
        stopm(mp);
        life(mp);
        finish(&[first, late]);
    });
}

/// An M sleeps as the keeper, and another goes to sleep that has an earlier timer: it becomes the keeper,
/// and the first can be taken for work as before.
#[test]
fn another_becomes_the_keeper() {
    check(1, || {
        boot(1);
        let last = quick();
        p(0).timers.add_far(FAR + 1);
        let (one, other) = (m_with_a_p(), Box::leak(Box::new(M::new())));
        host::start(move || life(one));
        until(FAR + 1);
        p(0).timers.add_far(FAR);
        host::start(move || {
            until(FAR);
            submit(last);
        });
        stopm(other);
        life(other);
        finish(&[last]);
    });
}
