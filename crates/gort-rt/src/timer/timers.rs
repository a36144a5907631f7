//! The timers of one P: who belongs to them, and firing those that are due.
//!
//! # Safety
//!
//! A timer's function is what [`Timer::init`] was given, with its argument.

#![allow(unsafe_code)]

use super::heap::{Entry, Heap};
use super::state::NEVER;
use super::timer::{Function, Timer};
use crate::lock::{Guard, Mutex, Rank};
use crate::prim::{AtomicU64, Ordering, Word, const_fn};
use gort_sys::Errno;

/// How many are fired at a time: the lock is free in between.
const BATCH: usize = 16;

/// So many dead ones are not worth looking for.
const FEW: usize = 128;

/// See the module. Go: `timers`.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Timers {
    /// When the first is due; [`NEVER`] if there is none. Written under the lock. Go: `timer0When`.
    next: AtomicU64,
    /// About how many entries there are, and how many of them lead to no timer that is set: changed
    /// without care for who else does.
    len: Word,
    dead: Word,
    /// How many have fired. Written under the lock.
    fired: Word,
    heap: Mutex<Contents>,
}

/// What is under the lock.
#[derive(Debug)]
pub(crate) struct Contents {
    heap: Heap<&'static Timer>,
    /// The P is not in use.
    closed: bool,
}

impl Contents {
    pub(super) fn reserve(&mut self, more: usize) -> Result<(), Errno> {
        self.heap.reserve(more)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }
}

/// A timer that has fired.
struct Due {
    timer: &'static Timer,
    function: usize,
    arg: usize,
    when: u64,
}

/// What the first entry of a heap has turned out to be.
enum First {
    /// Nothing; it is gone, or has moved to its right place.
    Elsewhere,
    /// A timer that has fired.
    Fired(Due),
    /// A timer that is due at the time that the entry is for, which is yet to come.
    Waits,
}

impl Timers {
    const_fn! {
        pub(crate) const fn new() -> Timers {
            Timers {
                next: AtomicU64::new(NEVER),
                len: Word::new(0),
                dead: Word::new(0),
                fired: Word::new(0),
                heap: Mutex::new(Rank::Timers, Contents { heap: Heap::new(), closed: false }),
            }
        }
    }

    /// A time before which none is due; [`NEVER`] if there is none.
    #[inline(always)]
    pub(crate) fn next(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// How many entries there are, about.
    pub(crate) fn len(&self) -> usize {
        self.len.get()
    }

    /// How many timers are set, about.
    pub(crate) fn pending(&self) -> usize {
        self.len().saturating_sub(self.dead.get())
    }

    /// How many have fired.
    pub(crate) fn fired(&self) -> usize {
        self.fired.get()
    }

    /// Makes room for `more`.
    ///
    /// # Errors
    ///
    /// `ENOMEM` when there is no memory for them.
    pub(crate) fn reserve(&self, more: usize) -> Result<(), Errno> {
        self.lock().reserve(more)
    }

    pub(super) fn lock(&self) -> Guard<'_, Contents> {
        self.heap.lock()
    }

    fn publish(&self, contents: &Contents) {
        let next = contents.heap.peek().map_or(NEVER, |entry| entry.key);
        self.next.store(next, Ordering::Relaxed);
        self.len.set(contents.heap.len());
    }

    /// Gives `timer`, which is at home here, an entry, for which there is room. Whether it is the first.
    pub(super) fn enter(&self, contents: &mut Contents, when: u64, timer: &'static Timer) -> bool {
        timer.key.set(when as usize);
        contents.heap.push(when, timer);
        let first = when < self.next();
        self.publish(contents);
        first
    }

    /// An entry here leads to no timer that is set any more. If there are many of them by now they are
    /// taken out. Not under the lock. Go: `timers.zombies`.
    #[inline]
    pub(super) fn one_dead_more(&self) {
        let dead = self.dead.bump();
        if dead > FEW && dead > self.len.get() / 4 {
            self.sweep();
        }
    }

    /// One is set again.
    #[inline]
    pub(super) fn one_dead_less(&self) {
        self.dead.set(self.dead.get().saturating_sub(1));
    }

    /// Whether this entry is `timer`'s. An old one of a timer that has been set to an earlier time, or
    /// has left and is somewhere else, is nobody's.
    fn is_entry(&self, Entry { key, item: timer }: Entry<&'static Timer>) -> bool {
        timer.home.is(self) && timer.key.get() as u64 == key
    }

    /// Takes the entries out that lead to no timer that is set.
    #[cold]
    pub(crate) fn sweep(&self) {
        let mut contents = self.lock();
        contents.heap.retain(|entry| self.is_entry(entry) && !self.let_go(entry));
        contents.heap.trim();
        self.dead.set(0);
        self.publish(&contents);
    }

    /// Lets the timer of this entry go if it is dead; whether it was.
    fn let_go(&self, entry: Entry<&'static Timer>) -> bool {
        let timer = entry.item;
        loop {
            let state = timer.state.get();
            if !state.is_dead() {
                return false;
            }
            // Before it is in no heap: then it may get into another at once.
            let home = timer.home.take();
            if timer.state.leave(state) {
                return true;
            }
            // Set again, just now.
            timer.home.set(home);
        }
    }

    /// Sees to the first entry. It changes under our hands only as far as it is stopped or set to a
    /// later time; whoever does the rest has the lock.
    fn surface(
        &self,
        heap: &mut Heap<&'static Timer>,
        entry: Entry<&'static Timer>,
        now: u64,
    ) -> First {
        let timer = entry.item;
        if !self.is_entry(entry) || self.let_go(entry) {
            heap.pop();
            self.one_dead_less();
            return First::Elsewhere;
        }
        loop {
            let state = timer.state.get();
            if state.is_dead() {
                return First::Elsewhere;
            }
            if state.when() > entry.key {
                timer.key.set(state.when() as usize);
                heap.postpone(state.when());
                return First::Elsewhere;
            }
            if entry.key > now {
                return First::Waits;
            }
            let (function, arg) = (timer.function.get(), timer.arg.get());
            let due = Due { timer, function, arg, when: entry.key };
            let period = timer.period.get() as u64;
            if period != 0 {
                // As often as it would have been due meanwhile, it is late, and that is all.
                let next = after(entry.key, period, now);
                let running = state.is_running();
                if timer.state.tick(state, next) {
                    timer.key.set(next as usize);
                    heap.postpone(next);
                    return if running { First::Elsewhere } else { First::Fired(due) };
                }
                continue;
            }
            // See `let_go`.
            let home = timer.home.take();
            if timer.state.fire(state, function != 0) {
                heap.pop();
                return First::Fired(due);
            }
            timer.home.set(home);
        }
    }

    /// Fires what is due by `now`, up to `limit`, and returns how many that were. `wake` is called
    /// for each that readies a goroutine, with its argument. Go: `timers.check`, `timers.run`.
    pub(crate) fn run(&self, now: u64, limit: usize, mut wake: impl FnMut(usize)) -> usize {
        let mut fired = 0;
        while self.next() <= now && fired < limit {
            let mut batch = [const { None }; BATCH];
            let mut contents = self.lock();
            for place in &mut batch {
                while let Some(entry) = contents.heap.peek()
                    && entry.key <= now
                    && place.is_none()
                {
                    if let First::Fired(due) = self.surface(&mut contents.heap, entry, now) {
                        *place = Some(due);
                        self.fired.bump();
                    }
                }
            }
            contents.heap.trim();
            self.publish(&contents);
            drop(contents);
            for Due { timer, function, arg, when } in batch.into_iter().flatten() {
                fired += 1;
                if function == 0 {
                    wake(arg);
                } else {
                    // SAFETY: see the module.
                    unsafe {
                        let function = core::mem::transmute::<usize, Function>(function);
                        function(arg, when);
                    }
                    timer.ran();
                }
            }
        }
        fired
    }

    /// Finds out when the first really is due, for somebody who is about to sleep for so long.
    pub(crate) fn settle(&self) {
        if self.next() == NEVER {
            return;
        }
        let mut contents = self.lock();
        while let Some(entry) = contents.heap.peek() {
            // None is due at time 0.
            if let First::Waits = self.surface(&mut contents.heap, entry, 0) {
                break;
            }
        }
        self.publish(&contents);
    }

    /// The P is in use again.
    pub(crate) fn open(&self) {
        self.lock().closed = false;
    }

    /// The P is not in use any more: its timers go to another's. Go: `timers.take`.
    ///
    /// # Errors
    ///
    /// `ENOMEM` when there is no memory for them there; nothing has changed then.
    pub(crate) fn close(&self, other: &'static Timers) -> Result<(), Errno> {
        let mut from = self.lock();
        let mut to = other.heap.lock_another();
        to.heap.reserve(from.heap.len())?;
        from.closed = true;
        while let Some(entry) = from.heap.peek() {
            if self.is_entry(entry) {
                entry.item.home.set(Some(other));
                to.heap.push(entry.key, entry.item);
            }
            from.heap.pop();
        }
        // In this order: who looks at both sees what there is.
        other.publish(&to);
        self.publish(&from);
        Ok(())
    }
}

/// The first time after `now` that is a number of periods after `when`. Go: in `unlockAndRun`.
fn after(when: u64, period: u64, now: u64) -> u64 {
    let late = now.saturating_sub(when);
    when.saturating_add(period.saturating_mul(1 + late / period)).min(NEVER)
}
