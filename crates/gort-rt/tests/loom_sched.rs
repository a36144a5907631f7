//! No work is left in a queue while a P is idle and nobody looks: the submit versus last-spinner
//! handshake, parking and waking of Ms with a P handed over, the idle lists, the global queue.
//!
//! `find.rs`, `wake.rs`, `state.rs`, `runq.rs`, `list.rs` and `note.rs` are the runtime's own;
//! threads are loom's. The lock is loom's too: the runtime's has its own model.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the models use parts of the files they include"
)]

#[path = "model/lock.rs"]
mod lock;
#[path = "model/obj.rs"]
mod obj;
#[path = "model/prim.rs"]
mod prim;
#[path = "model/sched.rs"]
mod sched;

/// The Ms' threads.
mod host {
    use crate::obj::m::M;
    use crate::sched::worker::life;
    use loom::thread::{self, JoinHandle};
    use std::sync::Mutex;

    loom::lazy_static! {
        /// Not part of the model.
        pub(crate) static ref THREADS: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());
    }

    pub(crate) fn start(mp: &'static M) {
        let thread = thread::spawn(move || life(mp));
        THREADS.lock().unwrap().push(thread);
    }
}

mod mem {
    use gort_sys::Errno;

    #[allow(clippy::unnecessary_wraps, reason = "as the runtime's")]
    pub(crate) fn alloc<T>(count: usize) -> Result<*mut T, Errno> {
        assert_eq!(count, 1);
        Ok(Box::into_raw(Box::<T>::new_uninit()).cast())
    }
}

mod stack {
    use crate::prim::Link;

    pub(crate) struct Slot {
        pub(crate) link: Link<Slot>,
    }
}

mod throw {
    #[derive(Debug)]
    pub(crate) enum Say<'a> {
        Text(&'a str),
    }

    pub(crate) fn throw_with(pieces: &[Say<'_>]) -> ! {
        panic!("{pieces:?}")
    }

    pub(crate) fn throw(text: &str) -> ! {
        panic!("{text}")
    }
}

use obj::g::G;
use obj::m::M;
use obj::p::P;
use prim::{Ordering::Relaxed, check};
use sched::state::{SCHED, runqput};
use sched::wake::{handoffp, wakep};
use sched::worker::{LEFT, releasep};

fn goroutine(job: impl Fn(&'static M) + Send + Sync + 'static) -> &'static G {
    LEFT.fetch_add(1, Relaxed);
    Box::leak(Box::new(G::new(Some(Box::new(job)))))
}

/// One that has nothing to do.
fn quick() -> &'static G {
    goroutine(|_| {})
}

/// `goready` on a thread without a P.
fn submit(gp: &'static G) {
    gp.submitted.store(1, Relaxed);
    SCHED.lock().globrunqput(gp);
    wakep();
}

/// `goready` on a goroutine.
fn submit_here(mp: &'static M, gp: &'static G) {
    gp.submitted.store(1, Relaxed);
    runqput(mp.pp(), gp, true);
    wakep();
}

/// A scheduler with `count` idle Ps and no M.
fn boot(count: usize) {
    LEFT.store(0, Relaxed);
    SCHED.gomaxprocs.store(count as u32, Relaxed);
    for link in SCHED.allp.iter().take(count) {
        let pp = Box::leak(Box::new(P::new()));
        link.set(Some(pp));
        SCHED.lock().pidleput(pp);
    }
    host::THREADS.lock().unwrap().clear();
}

/// Waits until all Ms have ended, which they do when everything has run. Anything that nobody runs
/// is a deadlock.
fn finish(all: &[&'static G]) {
    loop {
        let Some(thread) = host::THREADS.lock().unwrap().pop() else { break };
        thread.join().unwrap();
    }
    assert!(all.iter().all(|gp| gp.ran.happened()));
    assert_eq!(SCHED.nmspinning.load(Relaxed), 0);
    assert_eq!(SCHED.npidle.load(Relaxed), SCHED.procs() as u32);
}

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
