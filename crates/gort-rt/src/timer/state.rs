//! A timer's state: one word.
//!
//! | bit | meaning |
//! |-|-|
//! | heaped | it has an entry in its home's heap, for a time no later than its own |
//! | dead | it is stopped, or has fired |
//! | running | its function is being called |
//!
//! The rest is the time at which it is due. Setting it to a later time, and stopping it, need nothing
//! but this word: what is in the heap is put right when it surfaces. So for everything else that is
//! done with the word there is a heap's lock, and these two race with it by compare-and-swap.
//!
//! | transition | by | from, to |
//! |-|-|-|
//! | [`arm`](StateWord::arm) | anybody, to a later time; under a heap's lock to any time | not running; armed, heaped |
//! | [`stop`](StateWord::stop) | anybody | armed, not running; dead |
//! | [`fire`](StateWord::fire) | under its home's lock, when its entry has surfaced | armed; dead, not heaped, and running if it has a function |
//! | [`tick`](StateWord::tick) | the same, if it is periodic | armed; armed for later, and running |
//! | [`leave`](StateWord::leave) | under its home's lock | dead, heaped; not heaped |
//! | [`ran`](StateWord::ran) | who has called the function | running; not |

use crate::prim::{AtomicU64, Ordering, const_fn};

const HEAPED: u64 = 1;
const DEAD: u64 = 2;
const RUNNING: u64 = 4;
const FLAGS: u64 = HEAPED | DEAD | RUNNING;
const SHIFT: u32 = FLAGS.count_ones();

/// Later than all that comes: a clock of 61 bits that counts nanoseconds ends after 73 years.
pub const NEVER: u64 = u64::MAX >> SHIFT;

/// What a timer's word said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State(u64);

impl State {
    /// When it is due, or was when it was last armed.
    pub(crate) fn when(self) -> u64 {
        self.0 >> SHIFT
    }

    pub(crate) fn is_heaped(self) -> bool {
        self.0 & HEAPED != 0
    }

    /// Whether it is stopped, or has fired.
    pub(crate) fn is_dead(self) -> bool {
        self.0 & DEAD != 0
    }

    pub(crate) fn is_running(self) -> bool {
        self.0 & RUNNING != 0
    }
}

/// The word. Every transition says whether it took place: if not, the state was not `from` any more.
#[derive(Debug)]
pub(crate) struct StateWord(AtomicU64);

impl StateWord {
    const_fn! {
        pub(crate) const fn new() -> StateWord {
            StateWord(AtomicU64::new(DEAD))
        }
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> State {
        // Acquire: pairs with the Release of every transition: what the party before has written to
        // the timer, and done in its function, is seen.
        State(self.0.load(Ordering::Acquire))
    }

    #[inline(always)]
    fn change(&self, from: State, to: u64) -> bool {
        // AcqRel: as in `get`, and for those who come after.
        self.0.compare_exchange(from.0, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    #[inline(always)]
    #[must_use]
    pub(crate) fn arm(&self, from: State, when: u64) -> bool {
        self.change(from, when << SHIFT | HEAPED)
    }

    #[inline(always)]
    #[must_use]
    pub(crate) fn stop(&self, from: State) -> bool {
        self.change(from, from.0 | DEAD)
    }

    #[must_use]
    pub(crate) fn fire(&self, from: State, has_function: bool) -> bool {
        let running = if has_function { RUNNING } else { 0 };
        self.change(from, from.0 & !FLAGS | DEAD | running)
    }

    #[must_use]
    pub(crate) fn tick(&self, from: State, next: u64) -> bool {
        self.change(from, next << SHIFT | HEAPED | RUNNING)
    }

    #[must_use]
    pub(crate) fn leave(&self, from: State) -> bool {
        self.change(from, from.0 & !HEAPED)
    }

    pub(crate) fn ran(&self) {
        // AcqRel: as in `change`.
        self.0.fetch_and(!RUNNING, Ordering::AcqRel);
    }
}
