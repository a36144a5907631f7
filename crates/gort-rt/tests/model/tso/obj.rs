//! G, M and P as far as taking Ps needs them.

#[path = "../../../src/obj/hold.rs"]
pub(crate) mod hold;

pub(crate) mod g {
    use super::m::M;
    use super::status::StatusWord;
    use crate::prim::{Quiet, slot};
    use crate::world::World;
    use tso::{Ghost, me};

    #[repr(C)]
    #[derive(Debug)]
    pub(crate) struct G {
        /// Its thread in the explorer: its stack.
        pub(crate) thread: usize,
        pub(crate) m: Quiet<M>,
        pub(crate) status: StatusWord,
        pub(crate) syscalltick: Ghost,
        pub(crate) syscallnr: Ghost,
        pub(crate) slowcall: Ghost,
        pub(crate) syscallpc: Ghost,
        pub(crate) syscallsp: Ghost,
        pub(crate) syscallbp: Ghost,
        pub(crate) stack_lo: Ghost,
        pub(crate) stack_hi: Ghost,
        /// What is done about it once it has been left.
        pub(crate) after: Ghost,
        /// Whether its storage is that of a thread that has ended.
        pub(crate) gone: Ghost,
    }

    impl G {
        pub(crate) const fn new(thread: usize) -> G {
            G {
                thread,
                m: Quiet::none(),
                status: StatusWord::new(),
                syscalltick: Ghost::new(),
                syscallnr: Ghost::new(),
                slowcall: Ghost::new(),
                syscallpc: Ghost::new(),
                syscallsp: Ghost::new(),
                syscallbp: Ghost::new(),
                stack_lo: Ghost::new(),
                stack_hi: Ghost::new(),
                after: Ghost::new(),
                gone: Ghost::new(),
            }
        }

        pub(crate) fn id(&self) -> u64 {
            self.thread as u64
        }

        #[track_caller]
        pub(crate) fn locks_on(&self, _: &'static M) -> Option<u32> {
            let locks = slot::locks_of(self.thread).acquire();
            assert_eq!(self.gone.get(), 0, "a thread's storage is read that has ended");
            Some(locks as u32)
        }

        pub(crate) fn has_room(&self, _: usize, _: usize) -> bool {
            true
        }

        #[track_caller]
        pub(crate) fn mp(&self) -> &'static M {
            self.m.get().expect("a running goroutine has no M")
        }
    }

    /// The goroutine whose stack this is.
    pub(crate) fn current() -> Option<&'static G> {
        let thread = me()?;
        World::get().g.iter().find(|gp| gp.thread == thread)
    }
}

pub(crate) mod m {
    use super::g::{self, G};
    use super::{hold::Hold, p::P};
    use crate::prim::{Link, Quiet};
    use crate::world::World;
    use tso::{Ghost, me};

    #[repr(C)]
    #[derive(Debug)]
    pub(crate) struct M {
        /// Its thread in the explorer: g0's stack.
        pub(crate) thread: usize,
        pub(crate) curg: Link<G>,
        pub(crate) p: Hold,
        /// Who was left for the one that now runs here.
        pub(crate) left: Quiet<G>,
        pub(crate) astray: Ghost,
        pub(crate) astraylink: Link<M>,
        pub(crate) look_at: Ghost,
    }

    impl M {
        pub(crate) const fn new(thread: usize) -> M {
            M {
                thread,
                curg: Link::none(),
                p: Hold::none(),
                left: Quiet::none(),
                astray: Ghost::new(),
                astraylink: Link::none(),
                look_at: Ghost::new(),
            }
        }

        #[track_caller]
        pub(crate) fn pp(&self) -> &'static P {
            self.p.get().expect("an M that must have a P has none")
        }
    }

    /// The M that this runs on.
    pub(crate) fn current() -> Option<&'static M> {
        let thread = me()?;
        let g0s = World::get().m.iter().find(|mp| mp.thread == thread);
        g0s.or_else(|| g::current()?.m.get())
    }
}

pub(crate) mod p {
    use super::m::M;
    use crate::prim::{Link, Word};
    use tso::Ghost;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum PStatus {
        Idle,
        Running,
        Stopped,
    }

    #[repr(C)]
    #[derive(Debug)]
    pub(crate) struct P {
        id: u64,
        pub(crate) m: Link<M>,
        pub(crate) schedtick: Word,
        pub(crate) preempt: Ghost,
        pub(crate) handed_off: Ghost,
        status: Ghost,
        /// How often it was taken.
        pub(crate) taken: Ghost,
        /// What belongs to its owner: a count of uses, plain, which is wrong if one does not see what
        /// another has stored; and how many there really were.
        pub(crate) uses: Word,
        used: Ghost,
    }

    impl P {
        pub(crate) const fn new() -> P {
            P {
                id: 0,
                m: Link::none(),
                schedtick: Word::new(0),
                preempt: Ghost::new(),
                handed_off: Ghost::new(),
                status: Ghost::new(),
                taken: Ghost::new(),
                uses: Word::new(0),
                used: Ghost::new(),
            }
        }

        pub(crate) fn status(&self) -> PStatus {
            match self.status.get() {
                0 => PStatus::Idle,
                1 => PStatus::Running,
                _ => PStatus::Stopped,
            }
        }

        pub(crate) fn set_status(&self, to: PStatus) {
            self.status.set(to as usize);
        }

        /// What its owner does with it.
        #[track_caller]
        pub(crate) fn work(&self) {
            assert_eq!(self.uses.bump(), self.used.bump(), "two own the P");
        }
    }
}

pub(crate) mod status {
    use tso::Ghost;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Status {
        Runnable,
        Running,
        Syscall,
    }

    #[derive(Debug)]
    pub(crate) struct StatusWord(Ghost);

    impl StatusWord {
        pub(crate) const fn new() -> StatusWord {
            StatusWord(Ghost::new())
        }

        pub(crate) fn get(&self) -> Status {
            [Status::Runnable, Status::Running, Status::Syscall][self.0.get()]
        }

        #[track_caller]
        fn change(&self, from: Status, to: Status) {
            assert_eq!(self.get(), from);
            self.0.set(to as usize);
        }

        #[track_caller]
        pub(crate) fn execute(&self) {
            self.change(Status::Runnable, Status::Running);
        }

        #[track_caller]
        pub(crate) fn entersyscall(&self) {
            self.change(Status::Running, Status::Syscall);
        }

        #[track_caller]
        pub(crate) fn exitsyscall(&self) {
            self.change(Status::Syscall, Status::Running);
        }

        /// It waits, or queues.
        #[track_caller]
        pub(crate) fn left(&self) {
            assert_ne!(self.get(), Status::Runnable);
            self.0.set(Status::Runnable as usize);
        }
    }
}

pub(crate) mod list {
    use std::cell::Cell;

    /// What one thread keeps for itself.
    #[derive(Debug)]
    pub(crate) struct Stack<T: 'static>([Cell<Option<&'static T>>; 2]);

    impl<T> Stack<T> {
        pub(crate) const fn new() -> Stack<T> {
            Stack([const { Cell::new(None) }; 2])
        }

        pub(crate) fn push(&self, item: &'static T) {
            let place = self.0.iter().find(|place| place.get().is_none());
            place.expect("a longer list").set(Some(item));
        }

        pub(crate) fn pop(&self) -> Option<&'static T> {
            self.0.iter().rev().find_map(Cell::take)
        }
    }
}
