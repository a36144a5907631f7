//! Runs the threads of a model in every way that x86 could, store buffers and all.
//!
//! # The machine
//!
//! x86-TSO (Owens, Sarkar, Sewell 2009). A plain store goes into its thread's own buffer, first in, first
//! out, and at some later step from there into memory. A load takes the youngest store to the place
//! that is in its own buffer, else what is in memory. A locked instruction or a fence waits until the
//! own buffer is empty. Loads are never early and stores never overtake each other, so this is all the
//! disorder there is; what a compiler may do besides is not seen here.
//!
//! [`membarrier`](Op::Membarrier) is what membarrier(2) promises and no more: every other thread's
//! buffer has been empty at some moment between the call's begin and its end, each at a moment of its
//! own.
//!
//! # Exploring
//!
//! Each operation of a thread is a step, and so is each move of a store from a buffer into memory. From
//! every state every possible step is taken, depth first, without a bound; to get back to a state, memory
//! and the threads' stacks are put back. A state that was met before is not gone into again: it is the
//! same if memory, buffers, and everything that each thread has been told so far are, for threads do
//! nothing but what follows from that. (States are told apart by 64 bits of hash.)
//!
//! A state in which nothing can go on is a deadlock, unless all is done; a thread in a loop that only
//! looks again is to spin ([`Op::Spin`]), which waits for something to change; a run that does not end
//! within [`LONGEST`] steps is taken for one that never does.

use crate::coroutine::{Coroutine, Saved, suspend};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::panic::Location;

/// Steps in a run.
const LONGEST: usize = 2_000;

/// A place in memory: where it is, and what is there at the beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) at: usize,
    pub(crate) initial: u64,
}

/// What a thread does next. Each tells it a number.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Load(Place),
    /// Waits until the place has this value, or another than this.
    Until(Place, bool, u64),
    Store(Place, u64),
    /// Adds, not locked, to what nobody else writes. Tells the sum.
    Bump(Place, u64),
    /// A locked instruction. Tells what was there.
    Update(Place, fn(u64, u64) -> u64, u64),
    /// A locked compare-and-swap. Tells what was there.
    Swap(Place, u64, u64),
    /// Waits until the place has the first value, and swaps.
    SwapOnce(Place, u64, u64),
    Fence,
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

#[derive(Default)]
struct Mixer(u64);

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

type Numbers = BuildHasherDefault<Mixer>;

/// SplitMix64's finalizer.
fn mix(hash: u64, number: u64) -> u64 {
    let mut z = hash.rotate_left(23).wrapping_add(number).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Memory, and what passes between threads and explorer.
#[derive(Default)]
struct Machine {
    memory: HashMap<usize, u64, Numbers>,
    /// Of all memory, whatever the order of the stores.
    hash: u64,
    /// All changes so far: where, and what was there.
    changes: Vec<(Place, u64)>,
    /// Who runs, of the model's threads, and on which processor.
    running: Option<(usize, usize)>,
    /// What it wants, and what it is told.
    asked: Option<(Op, &'static Location<'static>)>,
    told: u64,
    names: Vec<(usize, String)>,
}

thread_local! {
    static MACHINE: RefCell<Machine> = RefCell::default();
}

impl Machine {
    fn get(&self, place: Place) -> u64 {
        self.memory.get(&place.at).copied().unwrap_or(place.initial)
    }

    fn set(&mut self, place: Place, value: u64) {
        let old = self.get(place);
        if old != value {
            let at = place.at as u64;
            self.hash ^= mix(at, old) ^ mix(at, value);
            self.changes.push((place, old));
            self.memory.insert(place.at, value);
        }
    }

    /// Makes memory what it was after so many changes.
    fn undo(&mut self, changes: usize) {
        while self.changes.len() > changes {
            let Some((place, old)) = self.changes.pop() else { break };
            self.set(place, old);
            self.changes.pop();
        }
    }

    /// All at once: a locked instruction, or anything where no thread of the model runs.
    fn directly(&mut self, op: Op) -> u64 {
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

    fn name(&self, value: u64) -> String {
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
pub(crate) fn act(op: Op) -> u64 {
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
pub(crate) fn peek(place: Place) -> u64 {
    MACHINE.with_borrow(|machine| machine.get(place))
}

/// Who runs, of the model's threads, by its number.
pub(crate) fn me() -> Option<usize> {
    MACHINE.with_borrow(|machine| machine.running).map(|(thread, _)| thread)
}

/// What something is called where a failure is described.
pub(crate) fn name<T>(of: &T, name: impl Into<String>) {
    let at = std::ptr::from_ref(of).addr();
    MACHINE.with_borrow_mut(|machine| machine.names.push((at, name.into())));
}

/// A number that is no part of the machine: every thread has and knows it at once.
#[derive(Debug)]
pub(crate) struct Ghost(u64);

impl Ghost {
    pub(crate) const fn new() -> Ghost {
        Ghost(0)
    }

    pub(crate) fn get(&self) -> usize {
        MACHINE.with_borrow(|machine| machine.get(self.place())) as usize
    }

    pub(crate) fn set(&self, value: usize) {
        MACHINE.with_borrow_mut(|machine| machine.set(self.place(), value as u64));
    }

    pub(crate) fn bump(&self) -> usize {
        self.set(self.get() + 1);
        self.get()
    }

    fn place(&self) -> Place {
        Place { at: std::ptr::from_ref(self).addr(), initial: self.0 }
    }
}

/// A thread of a model: what it is called, and what it does.
pub(crate) type Body<'a> = (&'static str, &'a dyn Fn());

struct Thread<'a> {
    name: &'static str,
    coroutine: Coroutine<'a>,
    now: Now,
}

/// What changes about a thread, but for its stack.
#[derive(Clone, Copy, Debug, Default)]
struct Now {
    /// Its processor.
    on: Option<usize>,
    next: Option<(Op, &'static Location<'static>)>,
    /// Of all that it has been told.
    history: u64,
    /// How often memory had changed when it last span.
    span: usize,
}

impl<'a> Thread<'a> {
    fn new(&(name, body): &Body<'a>) -> Thread<'a> {
        Thread { name, coroutine: Coroutine::new(body), now: Now::default() }
    }
}

/// The stores of a processor that are not in memory yet, the oldest first.
type Buffer = Vec<(Place, u64)>;

#[derive(Clone, Copy, Debug)]
enum Step {
    Act(usize),
    Drain(usize),
}

/// A state that has more than one next step, and how to get back there.
#[derive(Default)]
struct Fork {
    steps: Vec<Step>,
    taken: usize,
    threads: Vec<(Now, (usize, Saved))>,
    buffers: Vec<Buffer>,
    changes: usize,
    log: usize,
}

/// What an exploration came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Explored {
    /// Different states that had more than one next step.
    pub(crate) states: usize,
    /// Steps from one state to another.
    pub(crate) steps: usize,
    /// How often all was done.
    pub(crate) ends: usize,
}

struct Explorer<'a> {
    threads: Vec<Thread<'a>>,
    /// Of each processor.
    buffers: Vec<Buffer>,
    met: HashSet<u64, Numbers>,
    /// What has led to the present state.
    log: Vec<Event>,
    explored: Explored,
}

#[derive(Clone, Copy)]
enum Event {
    Acted(usize, Op, u64, &'static Location<'static>),
    Drained(usize, Place, u64),
}

/// Runs a model in every possible way: each time `begin` first, and `end` when nothing is left to do and
/// all stores have reached memory.
///
/// Each of `threads` has a processor; those that are `parked` have none until somebody switches to
/// them. What any of them does must follow from what it reads.
///
/// # Panics
///
/// If any of them does, having said what led there.
pub(crate) fn explore(
    begin: &dyn Fn(),
    threads: &[Body<'_>],
    parked: &[Body<'_>],
    end: &dyn Fn(),
) -> Explored {
    let mut explorer = Explorer {
        threads: threads.iter().chain(parked).map(Thread::new).collect(),
        buffers: vec![Buffer::new(); threads.len()],
        met: HashSet::default(),
        log: Vec::new(),
        explored: Explored::default(),
    };
    MACHINE.with_borrow_mut(|machine| {
        machine.memory.clear();
        machine.changes.clear();
        machine.hash = 0;
    });
    begin();
    for i in 0..threads.len() {
        explorer.threads[i].now.on = Some(i);
        explorer.go_on(i);
    }
    explorer.explore(end);
    println!("{:?}", explorer.explored);
    explorer.explored
}

impl Explorer<'_> {
    fn explore(&mut self, end: &dyn Fn()) {
        let mut forks = Vec::new();
        let mut spare = Vec::new();
        self.go_far(end, &mut forks, &mut spare);
        while let Some(fork) = forks.last_mut() {
            if fork.taken == fork.steps.len() {
                spare.extend(forks.pop());
                continue;
            }
            if fork.taken > 0 {
                self.back_to(fork);
            }
            let step = fork.steps[fork.taken];
            fork.taken += 1;
            self.take(step);
            self.go_far(end, &mut forks, &mut spare);
        }
    }

    /// Goes on to the next state that has more than one next step and was not met before, if there is one.
    fn go_far(&mut self, end: &dyn Fn(), forks: &mut Vec<Fork>, spare: &mut Vec<Fork>) {
        let mut fork: Fork = spare.pop().unwrap_or_default();
        loop {
            self.possible(&mut fork.steps);
            match fork.steps[..] {
                [] => {
                    self.check_done();
                    self.explored.ends += 1;
                    end();
                    break;
                }
                [step] => self.take(step),
                _ if self.met.insert(self.state()) => {
                    self.explored.states += 1;
                    self.save(&mut fork);
                    return forks.push(fork);
                }
                _ => break,
            }
        }
        spare.push(fork);
    }

    fn check_done(&self) {
        let stuck = |thread: &&Thread<'_>| thread.now.on.is_some() && thread.now.next.is_some();
        if let Some(stuck) = self.threads.iter().find(stuck) {
            panic!("deadlock: {} cannot go on", stuck.name);
        }
    }

    fn save(&self, fork: &mut Fork) {
        fork.taken = 0;
        fork.threads.resize_with(self.threads.len(), Default::default);
        for (thread, (now, stack)) in self.threads.iter().zip(&mut fork.threads) {
            *now = thread.now;
            thread.coroutine.save(stack);
        }
        fork.buffers.clone_from(&self.buffers);
        fork.changes = MACHINE.with_borrow(|machine| machine.changes.len());
        fork.log = self.log.len();
    }

    fn back_to(&mut self, fork: &Fork) {
        for (thread, (now, stack)) in self.threads.iter_mut().zip(&fork.threads) {
            thread.now = *now;
            thread.coroutine.restore(stack);
        }
        self.buffers.clone_from(&fork.buffers);
        MACHINE.with_borrow_mut(|machine| machine.undo(fork.changes));
        self.log.truncate(fork.log);
    }

    fn take(&mut self, step: Step) {
        assert!(self.log.len() < LONGEST, "no end in sight");
        self.explored.steps += 1;
        match step {
            Step::Act(i) => self.act(i),
            Step::Drain(cpu) => self.drain(cpu),
        }
    }

    /// Lets a thread run until it wants something, and if that is to switch, the other.
    fn go_on(&mut self, mut i: usize) {
        loop {
            let thread = &mut self.threads[i];
            MACHINE.with_borrow_mut(|machine| machine.running = Some((i, thread.now.on.unwrap())));
            let result = thread.coroutine.resume();
            thread.now.next = MACHINE.with_borrow_mut(|machine| {
                machine.running = None;
                machine.asked.take()
            });
            if let Err(payload) = result {
                std::panic::resume_unwind(payload);
            }
            let Some((op @ Op::Switch(to), at)) = thread.now.next else { return };
            self.log.push(Event::Acted(i, op, 0, at));
            let cpu = thread.now.on.take();
            assert!(self.threads[to].now.on.is_none(), "{} runs already", self.threads[to].name);
            self.threads[to].now.on = cpu;
            i = to;
        }
    }

    fn possible(&self, steps: &mut Vec<Step>) {
        steps.clear();
        MACHINE.with_borrow(|machine| {
            for (i, thread) in self.threads.iter().enumerate() {
                if self.can_act(thread, machine) {
                    steps.push(Step::Act(i));
                }
            }
        });
        for (cpu, buffer) in self.buffers.iter().enumerate() {
            if !buffer.is_empty() {
                steps.push(Step::Drain(cpu));
            }
        }
    }

    fn can_act(&self, thread: &Thread<'_>, machine: &Machine) -> bool {
        let (Some((op, _)), Some(cpu)) = (&thread.now.next, thread.now.on) else { return false };
        let empty = self.buffers[cpu].is_empty();
        match op {
            Op::Load(_) | Op::Store(..) | Op::Bump(..) => true,
            Op::Until(place, same, value) => (self.view(machine, cpu, *place) == *value) == *same,
            Op::Update(..) | Op::Swap(..) | Op::Fence | Op::Membarrier => empty,
            Op::SwapOnce(place, expected, _) => empty && machine.get(*place) == *expected,
            Op::Settle(waits) => *waits == 0,
            Op::When(condition, of) => condition(*of),
            Op::Spin => thread.now.span != machine.changes.len(),
            Op::Switch(_) => false,
        }
    }

    /// What is there for this processor: the youngest of its own stores, or what is in memory.
    fn view(&self, machine: &Machine, cpu: usize, place: Place) -> u64 {
        let own = self.buffers[cpu].iter().rev().find(|(at, _)| at.at == place.at);
        own.map_or_else(|| machine.get(place), |(_, value)| *value)
    }

    /// All that decides what comes next.
    fn state(&self) -> u64 {
        let (mut hash, changes) =
            MACHINE.with_borrow(|machine| (machine.hash, machine.changes.len()));
        for thread in &self.threads {
            hash =
                mix(mix(hash, thread.now.history), thread.now.on.map_or(0, |cpu| cpu as u64 + 1));
            hash = match thread.now.next {
                Some((Op::Settle(mask), _)) => mix(hash, mask.into()),
                Some((Op::Spin, _)) => mix(hash, (thread.now.span == changes).into()),
                _ => hash,
            };
        }
        for buffer in &self.buffers {
            for (place, value) in buffer {
                hash = mix(mix(hash, place.at as u64), *value);
            }
            hash = mix(hash, buffer.len() as u64);
        }
        hash
    }

    fn act(&mut self, i: usize) {
        let (Some((op, at)), Some(cpu)) = (self.threads[i].now.next, self.threads[i].now.on) else {
            unreachable!("a thread that has nothing to do");
        };
        let told = MACHINE.with_borrow_mut(|machine| match op {
            Op::Load(place) | Op::Until(place, ..) => self.view(machine, cpu, place),
            Op::Store(place, value) => {
                self.buffers[cpu].push((place, value));
                0
            }
            Op::Bump(place, by) => {
                let sum = self.view(machine, cpu, place).wrapping_add(by);
                self.buffers[cpu].push((place, sum));
                sum
            }
            op => machine.directly(op),
        });
        self.log.push(Event::Acted(i, op, told, at));
        let thread = &mut self.threads[i];
        thread.now.history = mix(thread.now.history, told);
        match op {
            Op::Membarrier => {
                let full =
                    |mask, cpu: usize| mask | u32::from(!self.buffers[cpu].is_empty()) << cpu;
                let mask = (0..self.buffers.len()).fold(0, full);
                if mask != 0 {
                    thread.now.next = Some((Op::Settle(mask), at));
                    return;
                }
            }
            Op::Spin => thread.now.span = MACHINE.with_borrow(|machine| machine.changes.len()),
            _ => {}
        }
        MACHINE.with_borrow_mut(|machine| machine.told = told);
        self.go_on(i);
    }

    fn drain(&mut self, cpu: usize) {
        let (place, value) = self.buffers[cpu].remove(0);
        MACHINE.with_borrow_mut(|machine| machine.set(place, value));
        if self.buffers[cpu].is_empty() {
            for other in &mut self.threads {
                if let Some((Op::Settle(mask), _)) = &mut other.now.next {
                    *mask &= !(1 << cpu);
                }
            }
        }
        self.log.push(Event::Drained(cpu, place, value));
    }
}

/// Says what led to a failure.
impl Drop for Explorer<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        MACHINE.with_borrow(|machine| {
            for event in &self.log {
                let (Event::Acted(i, ..) | Event::Drained(i, ..)) = event;
                println!("{:>10} | {}", self.threads[*i].name, event.describe(machine));
            }
        });
    }
}

impl Event {
    fn describe(&self, machine: &Machine) -> String {
        let name = |value| machine.name(value);
        let (op, told, at) = match *self {
            Event::Acted(_, op, told, at) => (op, name(told), at),
            Event::Drained(_, place, value) => {
                return format!("        in memory: {} = {}", name(place.at as u64), name(value));
            }
        };
        let place = |place: Place| name(place.at as u64);
        let what = match op {
            Op::Load(at) | Op::Until(at, ..) => format!("load {}: {told}", place(at)),
            Op::Store(at, value) => format!("store {} = {}", place(at), name(value)),
            Op::Bump(at, _) => format!("store {} = {told}", place(at)),
            Op::Update(at, _, with) => {
                format!("update {} with {}: was {told}", place(at), name(with))
            }
            Op::Swap(at, old, new) | Op::SwapOnce(at, old, new) => {
                format!("swap {}, {} to {}: was {told}", place(at), name(old), name(new))
            }
            op => format!("{op:?}"),
        };
        let file = at.file().rsplit('/').next().unwrap_or_default();
        format!("{what:60} {file}:{}", at.line())
    }
}
