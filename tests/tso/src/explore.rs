//! All that a model's threads can do.

use super::coroutine::{Coroutine, Saved};
use super::machine::{Asked, MACHINE, Machine, Numbers, Op, Place, mix, peek};
use std::collections::HashSet;
use std::panic::Location;

/// Steps in a run.
const LONGEST: usize = 2_000;

/// A thread of a model: what it is called, and what it does.
pub type Body<'a> = (&'static str, &'a dyn Fn());

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
    next: Option<Asked>,
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
pub struct Explored {
    /// Different states that had more than one next step.
    pub states: usize,
    /// Steps from one state to another.
    pub steps: usize,
    /// How often all was done.
    pub ends: usize,
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
pub fn explore(
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
    MACHINE.with_borrow_mut(Machine::clear);
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
        fork.changes = MACHINE.with_borrow(Machine::changes);
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
            MACHINE.with_borrow_mut(|machine| machine.leave_to(i));
            let result = thread.coroutine.resume();
            let (next, learnt) = MACHINE.with_borrow_mut(Machine::come_back);
            thread.now.next = next;
            thread.now.history = mix(thread.now.history, learnt);
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
        for (i, thread) in self.threads.iter().enumerate() {
            if self.can_act(thread) {
                steps.push(Step::Act(i));
            }
        }
        for (cpu, buffer) in self.buffers.iter().enumerate() {
            if !buffer.is_empty() {
                steps.push(Step::Drain(cpu));
            }
        }
    }

    fn can_act(&self, thread: &Thread<'_>) -> bool {
        let (Some((op, _)), Some(cpu)) = (&thread.now.next, thread.now.on) else { return false };
        let empty = self.buffers[cpu].is_empty();
        match op {
            Op::Load(_) | Op::Store(..) | Op::Bump(..) => true,
            Op::Update(..) | Op::Swap(..) | Op::Fence | Op::Membarrier => empty,
            Op::SwapOnce(place, expected, _) => empty && peek(*place) == *expected,
            Op::Settle(waits) => *waits == 0,
            Op::When(condition, of) => condition(*of),
            Op::Spin => thread.now.span != MACHINE.with_borrow(Machine::changes),
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
        let (mut hash, changes) = MACHINE.with_borrow(|machine| (machine.hash, machine.changes()));
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
            Op::Load(place) => self.view(machine, cpu, place),
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
            Op::Spin => thread.now.span = MACHINE.with_borrow(Machine::changes),
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
            Op::Load(at) => format!("load {}: {told}", place(at)),
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
