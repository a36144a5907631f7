//! Memory, and how a thread of a model acts on it.

use super::coroutine::suspend;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::panic::Location;

/// A place in memory: where it is, and what is there at the beginning.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Its address.
    pub at: usize,
    /// What is there before anybody stores to it.
    pub initial: u64,
}

/// What a thread does next. Each tells it a number.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    /// Tells what is there.
    Load(Place),
    /// A plain one, by way of the buffer.
    Store(Place, u64),
    /// Adds, not locked, to what nobody else writes. Tells the sum.
    Bump(Place, u64),
    /// A locked instruction. Tells what was there.
    Update(Place, fn(u64, u64) -> u64, u64),
    /// A locked compare-and-swap. Tells what was there.
    Swap(Place, u64, u64),
    /// Waits until the place has the first value, and swaps.
    SwapOnce(Place, u64, u64),
    /// Waits until the own buffer is empty.
    Fence,
    /// The first half of a membarrier.
    Membarrier,
    /// The second half of it: waits for these threads.
    Settle(u32),
    /// Waits until memory has changed since it last did.
    Spin,
    /// Waits for what somebody who sees everything can tell, of this.
    When(fn(usize) -> bool, usize),
    /// Leaves its processor to another thread, until somebody switches back. Not seen by anybody.
    Switch(usize),
}

/// Hashes what is a hash already, or nearly.
#[derive(Default)]
pub(super) struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only numbers");
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = mix(self.0, number);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}

pub(super) type Numbers = BuildHasherDefault<Mixer>;

/// SplitMix64's finalizer.
pub(super) fn mix(hash: u64, number: u64) -> u64 {
    let mut z = hash.rotate_left(23).wrapping_add(number).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Memory, and what passes between threads and explorer.
#[derive(Default)]
pub(super) struct Machine {
    memory: HashMap<usize, u64, Numbers>,
    /// Of all memory, whatever the order of the stores.
    pub(super) hash: u64,
    /// All changes so far: where, and what was there.
    changes: Vec<(Place, u64)>,
    /// Who runs, of the model's threads.
    running: Option<usize>,
    /// What it wants, what it is told, and what it has learnt from ghosts.
    asked: Option<Asked>,
    pub(super) told: u64,
    learnt: u64,
    names: Vec<(usize, String)>,
}

/// What a thread wants, and where it says so.
pub(super) type Asked = (Op, &'static Location<'static>);

thread_local! {
    pub(super) static MACHINE: RefCell<Machine> = RefCell::default();
}

impl Machine {
    pub(super) fn clear(&mut self) {
        self.memory.clear();
        self.changes.clear();
        self.hash = 0;
    }

    pub(super) fn get(&self, place: Place) -> u64 {
        self.memory.get(&place.at).copied().unwrap_or(place.initial)
    }

    pub(super) fn set(&mut self, place: Place, value: u64) {
        let old = self.get(place);
        if old != value {
            let at = place.at as u64;
            self.hash ^= mix(at, old) ^ mix(at, value);
            self.changes.push((place, old));
            self.memory.insert(place.at, value);
        }
    }

    /// How often memory has changed.
    pub(super) fn changes(&self) -> usize {
        self.changes.len()
    }

    /// Makes memory what it was after so many changes.
    pub(super) fn undo(&mut self, changes: usize) {
        while self.changes.len() > changes {
            let Some((place, old)) = self.changes.pop() else { break };
            self.set(place, old);
            self.changes.pop();
        }
    }

    /// All at once: a locked instruction, or anything where no thread of the model runs.
    pub(super) fn directly(&mut self, op: Op) -> u64 {
        match op {
            Op::Load(place) => self.get(place),
            Op::Store(place, value) => {
                self.set(place, value);
                0
            }
            Op::Bump(place, by) => {
                let sum = self.get(place).wrapping_add(by);
                self.set(place, sum);
                sum
            }
            Op::Update(place, new, with) => {
                let old = self.get(place);
                self.set(place, new(old, with));
                old
            }
            Op::Swap(place, expected, new) | Op::SwapOnce(place, expected, new) => {
                let old = self.get(place);
                if old == expected {
                    self.set(place, new);
                }
                old
            }
            _ => 0,
        }
    }

    /// A thread of the model is about to run.
    pub(super) fn leave_to(&mut self, thread: usize) {
        self.running = Some(thread);
        self.learnt = 0;
    }

    /// It does not run any more: what it wants, and what it has learnt.
    pub(super) fn come_back(&mut self) -> (Option<Asked>, u64) {
        self.running = None;
        (self.asked.take(), self.learnt)
    }

    /// What is in memory, for a thread that then knows it.
    fn learn(&mut self, place: Place) -> u64 {
        let value = self.get(place);
        self.learnt = mix(self.learnt, value);
        value
    }

    pub(super) fn name(&self, value: u64) -> String {
        let named = |of: usize| self.names.iter().find(|(at, _)| *at == of).map(|(_, name)| name);
        match (named(value as usize), named(value as usize & !1)) {
            (Some(name), _) => name.clone(),
            (None, Some(name)) => format!("{name}|1"),
            _ => format!("{value:#x}"),
        }
    }
}

/// Does it, or has the explorer do it in its turn.
#[track_caller]
pub fn act(op: Op) -> u64 {
    let at = Location::caller();
    let waits = MACHINE.with_borrow_mut(|machine| {
        if machine.running.is_none() || std::thread::panicking() {
            machine.told = machine.directly(op);
            return false;
        }
        machine.asked = Some((op, at));
        true
    });
    if waits {
        suspend();
    }
    MACHINE.with_borrow(|machine| machine.told)
}

/// What is in memory, whatever is still in buffers.
pub fn peek(place: Place) -> u64 {
    MACHINE.with_borrow_mut(|machine| machine.learn(place))
}

/// Who runs, of the model's threads, by its number.
pub fn me() -> Option<usize> {
    MACHINE.with_borrow(|machine| machine.running)
}

/// What something is called where a failure is described.
pub fn name<T>(of: &T, name: impl Into<String>) {
    let at = std::ptr::from_ref(of).addr();
    MACHINE.with_borrow_mut(|machine| machine.names.push((at, name.into())));
}

/// A number that is no part of the machine: every thread has and knows it at once.
#[derive(Debug, Default)]
pub struct Ghost(u64);

impl Ghost {
    /// Zero.
    pub const fn new() -> Ghost {
        Ghost(0)
    }

    /// What it is.
    pub fn get(&self) -> usize {
        peek(self.place()) as usize
    }

    /// Makes it another.
    pub fn set(&self, value: usize) {
        MACHINE.with_borrow_mut(|machine| machine.set(self.place(), value as u64));
    }

    /// Adds one, and says what it is then.
    pub fn bump(&self) -> usize {
        self.set(self.get() + 1);
        self.get()
    }

    fn place(&self) -> Place {
        Place { at: std::ptr::from_ref(self).addr(), initial: self.0 }
    }
}
