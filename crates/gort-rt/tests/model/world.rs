//! What a model of the scheduler stands on, and goroutines to run on it.
//!
//! # Safety
//!
//! What the included files rely on; Ms and Ps that a model makes are leaked, so they live for ever.

use crate::obj::g::G;
use crate::obj::m::M;
use crate::obj::p::P;
use crate::prim::Ordering::Relaxed;
use crate::sched::state::{SCHED, runqput};
use crate::sched::wake::wakep;
use crate::sched::worker::LEFT;

/// The Ms' threads.
pub(crate) mod host {
    use loom::thread::{self, JoinHandle};
    use std::sync::Mutex;

    loom::lazy_static! {
        /// Not part of the model.
        pub(crate) static ref THREADS: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());
    }

    pub(crate) fn start(life: impl FnOnce() + 'static) {
        THREADS.lock().unwrap().push(thread::spawn(life));
    }
}

pub(crate) mod mem {
    use gort_sys::Errno;

    #[allow(clippy::unnecessary_wraps, reason = "as the runtime's")]
    pub(crate) fn alloc<T>(count: usize) -> Result<*mut T, Errno> {
        assert_eq!(count, 1);
        Ok(Box::into_raw(Box::<T>::new_uninit()).cast())
    }
}

pub(crate) mod stack {
    use crate::prim::Link;

    pub(crate) struct Slot {
        pub(crate) link: Link<Slot>,
    }
}

pub(crate) mod throw {
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

pub(crate) fn goroutine(job: impl Fn(&'static M) + Send + Sync + 'static) -> &'static G {
    let count = LEFT.fetch_add(1, Relaxed) + 1;
    SCHED.lock().runq.reserve(count).unwrap();
    Box::leak(Box::new(G::new(Some(Box::new(job)))))
}

/// One that has nothing to do.
pub(crate) fn quick() -> &'static G {
    goroutine(|_| {})
}

/// `goready` on a thread without a P.
pub(crate) fn submit(gp: &'static G) {
    gp.submitted.store(1, Relaxed);
    SCHED.lock().globrunqput(gp);
    wakep();
}

/// `goready` on a goroutine.
pub(crate) fn submit_here(mp: &'static M, gp: &'static G) {
    gp.submitted.store(1, Relaxed);
    runqput(mp.pp(), gp, true);
    wakep();
}

/// A scheduler with `count` idle Ps and no M.
pub(crate) fn boot(count: usize) {
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
pub(crate) fn finish(all: &[&'static G]) {
    loop {
        let Some(thread) = host::THREADS.lock().unwrap().pop() else { break };
        thread.join().unwrap();
    }
    assert!(all.iter().all(|gp| gp.ran.happened()));
    assert_eq!(SCHED.nmspinning.load(Relaxed), 0);
    assert_eq!(SCHED.npidle.load(Relaxed), SCHED.procs() as u32);
}

pub(crate) fn m_with_a_p() -> &'static M {
    let mp = Box::leak(Box::new(M::new()));
    mp.nextp.set(SCHED.lock().pidleget());
    mp
}
