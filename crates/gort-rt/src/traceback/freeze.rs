//! Holding another thread where it is, to look at it.
//!
//! | state | who goes on, to what |
//! |-|-|
//! | free | who asks: asked, and sends the signal |
//! | asked | the thread's handler: held. Who has asked in vain: late |
//! | held | who has asked, when it has seen enough: free. The handler waits for that |
//! | late | the handler, if it comes after all: free. Who asks again: asked |
//!
//! Where the thread was interrupted is written before "held" and read after. One asks at a time: who has
//! stopped the world, or is the first to say that the process is dying, who may find a thread that is held
//! already, and asks nothing more of it.
//!
//! The thread is held at any instruction, with any lock. So whoever holds it takes none that it may have,
//! allocates nothing, and calls nothing that could.
//!
//! Modelled by loom in `tests/loom_freeze.rs`.

use crate::prim::{
    AtomicU32, Ordering, Word, const_fn, futex_wait, futex_wait_until, futex_wake, nanotime,
};
use gort_sys::types::Timespec;

const FREE: u32 = 0;
const ASKED: u32 = 1;
const HELD: u32 = 2;
const LATE: u32 = 3;

/// An M's part.
#[derive(Debug)]
pub(crate) struct Freeze {
    state: AtomicU32,
    /// What the thread has to show: its signal frame's address. Written by it before it is held.
    frame: Word,
}

impl Freeze {
    const_fn! {
        pub(crate) const fn new() -> Freeze {
            Freeze { state: AtomicU32::new(FREE), frame: Word::new(0) }
        }
    }

    /// The thread is to be held; a signal has to be sent.
    pub(crate) fn ask(&self) {
        let order = Ordering::Relaxed;
        loop {
            let now = self.state.load(order);
            // Nothing goes with it; the signal comes later.
            if now != FREE && now != LATE
                || self.state.compare_exchange(now, ASKED, order, order).is_ok()
            {
                return;
            }
        }
    }

    /// Waits until the thread is held, at the latest until `nanotime` says `until`. Whether it is not yet.
    pub(crate) fn wait(&self, until: u64) -> bool {
        let deadline = Timespec::from_nanos(until);
        while self.state.load(Ordering::Relaxed) == ASKED {
            if nanotime() >= until {
                return true;
            }
            let _ = futex_wait_until(&self.state, ASKED, Some(&deadline));
        }
        false
    }

    /// [`wait`](Freeze::wait), and gives up then: what the thread, which is held, has to show, or nothing,
    /// and it will not be held.
    pub(crate) fn held(&self, until: u64) -> Option<usize> {
        if self.wait(until) {
            let order = Ordering::Relaxed;
            let _ = self.state.compare_exchange(ASKED, LATE, order, order);
        }
        // Acquire: pairs with the Release in `answer_slow`.
        (self.state.load(Ordering::Acquire) == HELD).then(|| self.frame.get())
    }

    /// The thread, which is held, may go on.
    pub(crate) fn release(&self) {
        // Release: pairs with the Acquire in `answer`: what was looked at stays as it was until here.
        self.state.store(FREE, Ordering::Release);
        let _ = futex_wake(&self.state, 1);
    }

    /// The thread's handler: shows `frame`, and waits, if it is to be held. Whether the signal was for this.
    #[inline]
    pub(crate) fn answer(&self, frame: usize) -> bool {
        self.state.load(Ordering::Relaxed) != FREE && self.answer_slow(frame)
    }

    #[cold]
    fn answer_slow(&self, frame: usize) -> bool {
        self.frame.set(frame);
        // Release: pairs with the Acquire in `held`.
        match self.state.compare_exchange(ASKED, HELD, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => {
                let _ = futex_wake(&self.state, 1);
                // Acquire: pairs with the Release in `release`.
                while self.state.load(Ordering::Acquire) == HELD {
                    let _ = futex_wait(&self.state, HELD, None);
                }
                true
            }
            // Too late. It may be asked again in this very moment: then there is another signal.
            Err(LATE) => {
                let order = Ordering::Relaxed;
                let _ = self.state.compare_exchange(LATE, FREE, order, order);
                true
            }
            Err(_) => false,
        }
    }
}
