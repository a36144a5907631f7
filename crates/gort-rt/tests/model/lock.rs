//! The real note, and loom's lock.

#[path = "../../src/lock/note.rs"]
mod note;

use loom::sync::MutexGuard;
pub(crate) use note::Note;

pub(crate) type Guard<'a, T> = MutexGuard<'a, T>;

#[derive(Debug)]
pub(crate) enum Rank {
    Sched,
    Timers,
}

#[derive(Debug)]
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(_: Rank, value: T) -> Mutex<T> {
        Mutex(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.0.lock().unwrap()
    }

    pub(crate) fn lock_another(&self) -> Guard<'_, T> {
        self.lock()
    }
}
