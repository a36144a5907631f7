//! Goroutines in models: threads that say they are one.
//!
//! Parking calls the commit when the "stack" has been left, as the scheduler does; whoever readies a
//! goroutine before that is caught.
//!
//! # Safety
//!
//! A timer's function is called with its argument at most once after it was set, and has returned when the
//! timer is gone.

#![allow(unsafe_code)]

#[path = "../../src/sched/bed.rs"]
pub(crate) mod bed;

pub(crate) mod obj {
    pub(crate) mod g {
        use crate::prim::{AtomicU32, Ordering::Relaxed, Word};
        use loom::sync::Notify;
        use loom::thread::JoinHandle;
        use std::cell::Cell;
        use std::sync::Mutex;

        pub(crate) struct G {
            pub(crate) ready: Notify,
            /// Whether somebody is on its stack.
            pub(crate) on_stack: AtomicU32,
            /// How often it has been readied.
            pub(crate) readied: AtomicU32,
            pub(crate) waiter: Word,
            /// Its alarm, a thread that rings when it is its turn. Not part of the model.
            pub(crate) alarm: Mutex<Option<JoinHandle<()>>>,
            /// Commits that may still run. Not part of the model.
            pub(crate) parting: Mutex<Vec<JoinHandle<()>>>,
        }

        impl std::fmt::Debug for G {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("G")
            }
        }

        loom::thread_local! {
            static HERE: Cell<Option<&'static G>> = Cell::new(None);
        }

        pub(crate) fn current() -> Option<&'static G> {
            HERE.with(Cell::get)
        }

        /// Some number, the same for the same goroutine.
        pub(crate) fn id_here() -> u64 {
            current().map_or(0, |gp| std::ptr::from_ref(gp).addr() as u64 >> 4)
        }

        /// The calling thread is a goroutine from here on.
        pub(crate) fn become_goroutine() {
            let gp = Box::leak(Box::new(G {
                ready: Notify::new(),
                on_stack: AtomicU32::new(1),
                readied: AtomicU32::new(0),
                waiter: Word::new(0),
                alarm: Mutex::new(None),
                parting: Mutex::new(Vec::new()),
            }));
            HERE.with(|here| here.set(Some(gp)));
            assert_eq!(gp.on_stack.load(Relaxed), 1);
        }
    }

    pub(crate) mod m {
        use crate::prim::Word;

        pub(crate) struct M {
            pub(crate) ranks: Word,
        }

        pub(crate) fn current() -> Option<&'static M> {
            None
        }
    }
}

/// Nobody asks.
pub(crate) mod waits {
    pub(crate) fn waiting_for<T, R>(_: &T, wait: impl FnOnce() -> R) -> R {
        wait()
    }
}

pub(crate) mod park {
    use super::obj::g::{G, current};
    use crate::prim::Ordering::{Acquire, Relaxed, Release};
    use gort_sys::context::slot;

    #[derive(Clone, Copy, Debug)]
    pub enum WaitReason {
        ChanSend,
        ChanReceive,
        Select,
        Never,
        MutexLock,
        RwMutexLock,
        RwMutexRLock,
        CondWait,
        IoWait,
        Future,
        Futex,
    }

    pub(crate) fn gopark(commit: fn(&'static G, usize) -> bool, arg: usize, reason: WaitReason) {
        slot::lock();
        gopark_raised(commit, arg, reason);
    }

    pub(crate) fn goready(gp: &'static G) {
        goready_raised(gp);
    }

    pub(crate) fn gopark_raised(
        commit: fn(&'static G, usize) -> bool,
        arg: usize,
        reason: WaitReason,
    ) {
        let gp = current().unwrap();
        let before = gp.readied.load(Relaxed);
        gp.on_stack.store(0, Relaxed);
        if matches!(reason, WaitReason::CondWait) {
            // Here the commit has something to do when the goroutine may be running again.
            let parting = loom::thread::spawn(move || {
                if !commit(gp, arg) {
                    goready_raised(gp);
                }
            });
            gp.parting.lock().unwrap().push(parting);
        } else if !commit(gp, arg) {
            gp.on_stack.store(1, Relaxed);
            return slot::unlock();
        }
        // Loom's `wait` may come back once for nothing. Acquire: with `goready`, as the run queue that
        // hands the goroutine over.
        while gp.readied.load(Acquire) == before {
            gp.ready.wait();
        }
        gp.on_stack.store(1, Relaxed);
        slot::unlock();
    }

    pub(crate) fn goready_raised(gp: &'static G) {
        assert_eq!(gp.on_stack.load(Relaxed), 0, "readied while on its stack");
        gp.readied.fetch_add(1, Release);
        gp.ready.notify();
    }
}

/// Alarms, with no clock: one that is set may ring at once, or at any time after that.
pub(crate) mod timer {
    use gort_sys::Errno;
    use loom::thread::JoinHandle;
    use std::cell::Cell;

    /// A timer that is set once.
    pub struct Owned {
        function: unsafe fn(usize, u64),
        arg: usize,
        thread: Cell<Option<JoinHandle<()>>>,
    }

    impl Owned {
        #[allow(clippy::unnecessary_wraps, reason = "as the runtime's")]
        pub(crate) unsafe fn new(
            function: unsafe fn(usize, u64),
            arg: usize,
            _: u64,
        ) -> Result<Owned, Errno> {
            Ok(Owned { function, arg, thread: Cell::new(None) })
        }

        #[allow(clippy::unnecessary_wraps, reason = "as the runtime's")]
        pub(crate) fn set(&self, when: u64) -> Result<bool, Errno> {
            let (function, arg) = (self.function, self.arg);
            // SAFETY: what `new` was promised.
            self.thread.set(Some(loom::thread::spawn(move || unsafe { function(arg, when) })));
            Ok(false)
        }
    }

    /// It fires all the same, in vain.
    impl Drop for Owned {
        fn drop(&mut self) {
            if let Some(thread) = self.thread.take() {
                thread.join().unwrap();
            }
        }
    }

    pub(crate) mod alarm {
        use crate::obj::g::G;

        pub(crate) fn start(gp: &'static G, ring: unsafe fn(usize, u64), when: u64) -> bool {
            stop(gp);
            let at = std::ptr::from_ref(gp).expose_provenance();
            // SAFETY: as the real one does.
            let alarm = loom::thread::spawn(move || unsafe { ring(at, when) });
            *gp.alarm.lock().unwrap() = Some(alarm);
            true
        }

        /// It rings all the same, in vain.
        pub(crate) fn stop(gp: &'static G) {
            let alarm = gp.alarm.lock().unwrap().take();
            if let Some(alarm) = alarm {
                alarm.join().unwrap();
            }
        }
    }
}

pub(crate) mod throw {
    pub(crate) fn throw(what: &str) -> ! {
        panic!("{what}")
    }
}

pub(crate) mod rand {
    pub(crate) fn cheaprandn(_: u32) -> u32 {
        0
    }
}

/// What a party is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Goroutine,
    Thread,
}

pub(crate) const KINDS: [Kind; 2] = [Kind::Goroutine, Kind::Thread];

impl Kind {
    /// Runs `body` as this, on the calling thread.
    pub(crate) fn run<R>(self, body: impl FnOnce() -> R) -> R {
        if matches!(self, Kind::Goroutine) && obj::g::current().is_none() {
            obj::g::become_goroutine();
        }
        let result = body();
        if let Some(gp) = obj::g::current() {
            for parting in std::mem::take(&mut *gp.parting.lock().unwrap()) {
                parting.join().unwrap();
            }
        }
        result
    }
}

/// Another party.
pub(crate) fn spawn<R: 'static>(
    kind: Kind,
    body: impl FnOnce() -> R + 'static,
) -> loom::thread::JoinHandle<R> {
    loom::thread::spawn(move || kind.run(body))
}
