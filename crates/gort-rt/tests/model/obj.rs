//! G, M and P as far as finding work, waking and sleeping need them. The lists are the real ones.

#[path = "../../src/obj/deque.rs"]
pub(crate) mod deque;
#[path = "../../src/obj/list.rs"]
pub(crate) mod list;

pub(crate) mod g {
    use super::m::M;
    use crate::prim::{AtomicU32, Link, Ordering::Relaxed};

    pub(crate) type Job = Box<dyn Fn(&'static M) + Send + Sync>;

    pub(crate) struct G {
        pub(crate) m: Link<M>,
        pub(crate) schedlink: Link<G>,
        /// What it does; none for a scheduler stack, and for what ends an M.
        pub(crate) job: Option<Job>,
        /// Written by who submits it, read by who runs it.
        pub(crate) submitted: AtomicU32,
        /// Set once it has run.
        pub(crate) ran: crate::lock::Note,
    }

    /// All of this is on g0.
    pub(crate) fn current() -> Option<&'static G> {
        None
    }

    impl G {
        pub(crate) fn new(job: Option<Job>) -> G {
            G {
                m: Link::none(),
                schedlink: Link::none(),
                job,
                submitted: AtomicU32::new(0),
                ran: crate::lock::Note::new(),
            }
        }

        pub(crate) fn run(&self, job: &Job, mp: &'static M) {
            assert_eq!(self.submitted.load(Relaxed), 1, "run before it was submitted");
            assert!(!self.ran.happened(), "run twice");
            job(mp);
            self.ran.wakeup();
        }
    }
}

pub(crate) mod m {
    use super::{g::G, p::P};
    use crate::lock::Note;
    use crate::prim::{Link, Word};

    pub(crate) struct M {
        pub(crate) g0: G,
        pub(crate) p: Link<P>,
        pub(crate) nextp: Link<P>,
        pub(crate) park: Note,
        pub(crate) spinning: Word,
        pub(crate) schedlink: Link<M>,
        pub(crate) id: Word,
        pub(crate) lockedg: Link<G>,
        pub(crate) watches: Link<P>,
    }

    impl M {
        pub(crate) fn new() -> M {
            M {
                g0: G::new(None),
                p: Link::none(),
                nextp: Link::none(),
                park: Note::new(),
                spinning: Word::new(0),
                schedlink: Link::none(),
                id: Word::new(0),
                lockedg: Link::none(),
                watches: Link::none(),
            }
        }

        pub(crate) fn is_spinning(&self) -> bool {
            self.spinning.get() != 0
        }

        pub(crate) fn pp(&self) -> &'static P {
            self.p.get().expect("the M has no P")
        }
    }
}

pub(crate) mod p {
    use super::g::G;
    use crate::netpoll::poller::Poller;
    use crate::prim::{Link, Word};
    use crate::sched::runq::RunQueue;
    use crate::timer::Timers;

    #[derive(Clone, Copy, Debug, PartialEq)]
    pub(crate) enum PStatus {
        Idle,
        Running,
    }

    pub(crate) struct P {
        pub(crate) runq: RunQueue<G>,
        pub(crate) link: Link<P>,
        pub(crate) schedtick: Word,
        pub(crate) readied: Word,
        pub(crate) steals: Word,
        pub(crate) timer_news: Word,
        pub(crate) timers: Timers,
        pub(crate) poller: Poller,
        status: Word,
    }

    impl P {
        pub(crate) fn new() -> P {
            P {
                runq: RunQueue::new(),
                link: Link::none(),
                // Not a round in which the global queue goes first.
                schedtick: Word::new(1),
                readied: Word::new(0),
                steals: Word::new(0),
                timer_news: Word::new(0),
                timers: Timers::new(),
                poller: Poller::new(),
                status: Word::new(PStatus::Idle as usize),
            }
        }

        pub(crate) fn status(&self) -> PStatus {
            if self.status.get() == 0 { PStatus::Idle } else { PStatus::Running }
        }

        pub(crate) fn set_status(&self, to: PStatus) {
            self.status.set(to as usize);
        }

        pub(crate) fn cheaprand(&self) -> usize {
            0
        }
    }
}
