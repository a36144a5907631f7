//! A P's queue of events. The kernel's part is a futex, and there is room for one event.

use crate::obj::g::G;
use crate::obj::list::Queue;
use crate::obj::p::P;
use crate::prim::Ordering::Relaxed;
use crate::sched::state::{SCHED, runqput};
use crate::sched::wake::wakep;

/// As `src/netpoll/mod.rs`.
pub(crate) fn poll(from: &'static P, pp: Option<&'static P>) {
    inject(&from.poller.look(), pp);
}

/// Likewise.
pub(crate) fn inject(ready: &Queue<G>, pp: Option<&'static P>) {
    let count = ready.len();
    while let Some(gp) = ready.pop_front() {
        gp.submitted.store(1, Relaxed);
        match pp {
            Some(pp) => runqput(pp, gp, false),
            None => SCHED.lock().globrunqput_urgent(gp),
        }
    }
    if count > usize::from(pp.is_some()) {
        wakep();
    }
}

pub(crate) mod poller {
    use crate::obj::g::G;
    use crate::obj::list::Queue;
    use crate::obj::m::M;
    use crate::obj::p::P;
    use crate::prim::{
        AtomicU32, FAR, Link, Ordering, Ordering::Relaxed, Word, futex_wait, futex_wake,
    };
    use crate::sched::keeper::see_to;
    use crate::sched::state::SCHED;
    use crate::sched::worker::dismiss;
    use loom::sync::Mutex;

    pub(crate) struct Poller {
        count: AtomicU32,
        /// What has come.
        event: Mutex<Option<&'static G>>,
        interrupted: AtomicU32,
        /// Changes when something comes.
        word: AtomicU32,
        pub(crate) sleeper: Link<M>,
        pub(crate) inside: Word,
    }

    impl Poller {
        pub(crate) fn new() -> Poller {
            Poller {
                count: AtomicU32::new(0),
                event: Mutex::new(None),
                interrupted: AtomicU32::new(0),
                word: AtomicU32::new(0),
                sleeper: Link::none(),
                inside: Word::new(0),
            }
        }

        pub(crate) fn is_used(&self) -> bool {
            self.count.load(Relaxed) != 0
        }

        pub(crate) fn is_unwatched(&self) -> bool {
            self.is_used() && self.sleeper.is_none()
        }

        pub(crate) fn is_overdue(&self, _many: bool) -> bool {
            false
        }

        pub(crate) fn look(&self) -> Queue<G> {
            let ready = Queue::new();
            if let Some(gp) = self.event.lock().unwrap().take() {
                ready.push_back(gp);
            }
            ready
        }

        pub(crate) fn sleep(&self, until: Option<u64>) -> Queue<G> {
            dismiss(self);
            loop {
                let seen = self.word.load(Ordering::Acquire);
                let ready = self.look();
                let interrupted = self.interrupted.swap(0, Ordering::AcqRel) != 0;
                if ready.len() != 0 || interrupted || until.is_some_and(|until| until < FAR) {
                    return ready;
                }
                futex_wait(&self.word, seen, None);
            }
        }

        pub(crate) fn interrupt(&self) {
            self.interrupted.swap(1, Ordering::AcqRel);
            self.tell();
        }

        fn tell(&self) {
            self.word.fetch_add(1, Ordering::Release);
            futex_wake(&self.word, 1);
        }
    }

    /// Somebody opens a descriptor with `pp`.
    pub(crate) fn open(pp: &'static P) {
        pp.poller.count.fetch_add(1, Ordering::SeqCst);
        see_to(pp);
    }

    /// It becomes ready, for which `gp` waits.
    pub(crate) fn happen(pp: &'static P, gp: &'static G) {
        *pp.poller.event.lock().unwrap() = Some(gp);
        pp.poller.tell();
    }

    /// Nobody opens any more.
    pub(crate) fn forget_all() {
        SCHED.ps().for_each(|pp| pp.poller.count.store(0, Relaxed));
    }
}
