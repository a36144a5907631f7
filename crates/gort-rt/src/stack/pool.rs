//! Free slots: a few warm ones for each P, the rest in one list a size.
//!
//! A P's own list is last in, first out: the slot that a goroutine has just left is the one the
//! next goroutine gets, with its pages and TLS block in the cache. What spills into the common list
//! is trimmed to a few pages: by one thread at a time, for the kernel has all CPUs forget what they know of
//! all memory when two threads give some back at once, although there is nothing to give (10 microseconds a slot
//! in place of 0.3, with two CPUs; kernel 6.18).

use super::arena::{self, MAX_CLASS};
use super::slot::{DEFAULT_CLASS, Slot};
use crate::lock::{Mutex, Rank};
use crate::obj::list::Stack;
use gort_sys::Errno;

/// How many slots a P keeps, and how many go over at a time.
const KEEP: usize = 64;
const BATCH: usize = KEEP / 2;

/// A P's free slots of the default size. The owner's.
#[derive(Debug)]
pub(crate) struct SlotCache(Stack<Slot>);

impl SlotCache {
    pub(crate) const fn new() -> SlotCache {
        SlotCache(Stack::new())
    }

    /// A slot whose TLS block is ready but for [`Slot::renew`].
    #[inline]
    pub(crate) fn get_built(&self) -> Option<&'static Slot> {
        let slot = self.0.pop()?;
        if slot.is_built() {
            return Some(slot);
        }
        self.0.push(slot);
        None
    }

    /// Any slot that is free already.
    pub(crate) fn get(&self) -> Option<&'static Slot> {
        self.0.pop().or_else(|| {
            FREE.lock()[DEFAULT_CLASS].move_to(&self.0, BATCH);
            self.0.pop()
        })
    }

    /// Takes a slot back.
    #[inline]
    pub(crate) fn put(&self, slot: &'static Slot) {
        if slot.class() != DEFAULT_CLASS {
            return put_global(slot);
        }
        self.0.push(slot);
        if self.0.len() > KEEP {
            self.spill(BATCH);
        }
    }

    /// Gives up to `count` slots to the common list.
    #[cold]
    fn spill(&self, count: usize) {
        let batch = Stack::new();
        self.0.move_to(&batch, count);
        put_all(&batch);
    }

    /// Gives all of them; how many it were.
    pub(crate) fn clear(&self) -> usize {
        let count = self.0.len();
        self.spill(count);
        count
    }
}

/// As many lists as make every class modulo that a list of its own.
const LISTS: usize = (MAX_CLASS + 1).next_power_of_two();

static FREE: Mutex<[Stack<Slot>; LISTS]> =
    Mutex::new(Rank::StackFree, [const { Stack::new() }; LISTS]);

/// See the module.
static TRIM: Mutex<()> = Mutex::new(Rank::StackTrim, ());

/// A free slot of a size from the common list.
pub(crate) fn get_global(class: usize) -> Option<&'static Slot> {
    FREE.lock()[class % LISTS].pop()
}

/// How many slots of the default size are in the common list: those whose TLS block is ready, or all
/// that are to be used `bare`.
pub(crate) fn count_free(bare: bool) -> usize {
    FREE.lock()[DEFAULT_CLASS].iter().filter(|slot| bare || slot.is_built()).count()
}

/// Into the common list.
pub(crate) fn put_global(slot: &'static Slot) {
    let one = Stack::new();
    one.push(slot);
    put_all(&one);
}

fn put_all(slots: &Stack<Slot>) {
    if slots.len() == 0 {
        return;
    }
    let trimming = TRIM.lock();
    slots.iter().for_each(Slot::trim);
    drop(trimming);
    let lists = FREE.lock();
    while let Some(slot) = slots.pop() {
        lists[slot.class() % LISTS].push(slot);
    }
}

/// A slot that has never been used.
///
/// # Errors
///
/// `ENOMEM`: see [`arena::carve`].
pub(crate) fn take_fresh(class: usize) -> Result<&'static Slot, Errno> {
    arena::carve(class)
}
