//! The real table and locks, and goroutines to use them: threads that say they are one.
//!
//! Parking calls the commit when the "stack" has been left, as the scheduler does; whoever readies a
//! goroutine before that, or twice, is caught.

#[path = "../../src/sync/mod.rs"]
pub(crate) mod sync;

pub(crate) mod obj {
    pub(crate) mod g {
        use crate::prim::AtomicU32;
        use loom::sync::Notify;
        use std::cell::Cell;

        pub(crate) struct G {
            pub(crate) ready: Notify,
            /// Whether somebody is on its stack.
            pub(crate) on_stack: AtomicU32,
            /// How often it has parked and been readied.
            pub(crate) parked: AtomicU32,
            pub(crate) readied: AtomicU32,
        }

        loom::thread_local! {
            static HERE: Cell<Option<&'static G>> = Cell::new(None);
        }

        pub(crate) fn current() -> Option<&'static G> {
            HERE.with(Cell::get)
        }

        /// The calling thread is a goroutine from here on.
        pub(crate) fn become_goroutine() {
            let gp = Box::leak(Box::new(G {
                ready: Notify::new(),
                on_stack: AtomicU32::new(1),
                parked: AtomicU32::new(0),
                readied: AtomicU32::new(0),
            }));
            HERE.with(|here| here.set(Some(gp)));
        }
    }
}

pub(crate) mod lock {
    use loom::sync::MutexGuard;

    pub(crate) enum Rank {
        Waiters,
    }

    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(_: Rank, value: T) -> Mutex<T> {
            Mutex(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap()
        }
    }
}

pub(crate) mod sched {
    pub(crate) mod park {
        use crate::obj::g::{G, current};
        use crate::prim::Ordering::{Acquire, Relaxed, Release};

        #[derive(Clone, Copy, Debug)]
        pub enum WaitReason {
            MutexLock,
            RwMutexLock,
            RwMutexRLock,
        }

        pub(crate) fn gopark(commit: fn(&'static G, usize) -> bool, arg: usize, _: WaitReason) {
            let gp = current().unwrap();
            let before = gp.parked.load(Relaxed);
            gp.parked.store(before + 1, Relaxed);
            gp.on_stack.store(0, Relaxed);
            if commit(gp, arg) {
                // Loom's `wait` may come back once for nothing. Acquire: with `goready`, as the run
                // queue that hands the goroutine over.
                while gp.readied.load(Acquire) == before {
                    gp.ready.wait();
                }
            } else {
                assert_eq!(gp.readied.load(Relaxed), before, "called off, and readied too");
                gp.readied.store(before + 1, Relaxed);
            }
            gp.on_stack.store(1, Relaxed);
        }

        pub(crate) fn goready(gp: &'static G) {
            assert_eq!(gp.on_stack.load(Relaxed), 0, "readied while on its stack");
            let before = gp.readied.fetch_add(1, Release);
            assert_eq!(before + 1, gp.parked.load(Relaxed), "readied twice");
            gp.ready.notify();
        }

        /// Loom does that of itself.
        pub(crate) fn goyield() {}
    }

    pub(crate) mod spin {
        use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

        /// How often it makes sense to spin. Set before a model runs.
        pub(crate) static SPINS: AtomicU32 = AtomicU32::new(0);

        pub(crate) fn canspin(spins: u32) -> bool {
            spins < SPINS.load(Relaxed)
        }

        pub(crate) fn procyield() {
            loom::thread::yield_now();
        }
    }
}

/// What a party is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Goroutine,
    Thread,
}
pub(crate) use Kind::{Goroutine, Thread};

impl Kind {
    /// Runs `body` as this, on the calling thread.
    pub(crate) fn run<R>(self, body: impl FnOnce() -> R) -> R {
        if matches!(self, Goroutine) && obj::g::current().is_none() {
            obj::g::become_goroutine();
        }
        body()
    }
}

/// Another party.
pub(crate) fn spawn(kind: Kind, body: impl FnOnce() + 'static) -> loom::thread::JoinHandle<()> {
    loom::thread::spawn(move || kind.run(body))
}
