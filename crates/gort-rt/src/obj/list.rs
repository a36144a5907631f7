//! Lists through the links that G, M, P and slots carry. A thing is in one list at a time.

use super::g::G;
use super::m::M;
use super::p::P;
use crate::prim::{Link, Word, const_fn};
use crate::stack::Slot;
use crate::timer::Timer;

/// Has a link to the next in its list.
pub(crate) trait Linked: Sized + 'static {
    fn link(&self) -> &Link<Self>;
}

impl Linked for G {
    fn link(&self) -> &Link<G> {
        &self.schedlink
    }
}

impl Linked for M {
    fn link(&self) -> &Link<M> {
        &self.schedlink
    }
}

impl Linked for P {
    fn link(&self) -> &Link<P> {
        &self.link
    }
}

impl Linked for Slot {
    fn link(&self) -> &Link<Slot> {
        &self.link
    }
}

impl Linked for Timer {
    fn link(&self) -> &Link<Timer> {
        &self.link
    }
}

/// Last in, first out. One party at a time: its owner, or whoever holds its lock.
#[derive(Debug)]
pub(crate) struct Stack<T: Linked> {
    head: Link<T>,
    len: Word,
}

impl<T: Linked> Stack<T> {
    const_fn! {
        pub(crate) const fn new() -> Stack<T> {
            Stack { head: Link::none(), len: Word::new(0) }
        }
    }

    #[inline]
    pub(crate) fn push(&self, item: &'static T) {
        item.link().set(self.head.get());
        self.head.set(Some(item));
        self.len.set(self.len.get() + 1);
    }

    #[inline]
    pub(crate) fn pop(&self) -> Option<&'static T> {
        let item = self.head.get()?;
        self.head.set(item.link().take());
        self.len.set(self.len.get() - 1);
        Some(item)
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len.get()
    }

    /// Takes `item` out; whether it was there.
    pub(crate) fn remove(&self, item: &'static T) -> bool {
        let mut link = &self.head;
        while let Some(here) = link.get() {
            if core::ptr::eq(here, item) {
                link.set(here.link().take());
                self.len.set(self.len.get() - 1);
                return true;
            }
            link = here.link();
        }
        false
    }

    /// What is there, the newest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &'static T> {
        core::iter::successors(self.head.get(), |item| item.link().get())
    }

    /// Moves up to `count` items to another list.
    pub(crate) fn move_to(&self, other: &Stack<T>, count: usize) {
        for _ in 0..count {
            let Some(item) = self.pop() else { break };
            other.push(item);
        }
    }
}

/// First in, first out. One party at a time, as for [`Stack`].
#[derive(Debug)]
pub(crate) struct Queue<T: Linked> {
    head: Link<T>,
    tail: Link<T>,
    len: Word,
}

impl<T: Linked> Queue<T> {
    const_fn! {
        pub(crate) const fn new() -> Queue<T> {
            Queue { head: Link::none(), tail: Link::none(), len: Word::new(0) }
        }
    }

    pub(crate) fn push_back(&self, item: &'static T) {
        item.link().set(None);
        match self.tail.get() {
            Some(tail) => tail.link().set(Some(item)),
            None => self.head.set(Some(item)),
        }
        self.tail.set(Some(item));
        self.len.set(self.len.get() + 1);
    }

    /// The oldest, which stays.
    pub(crate) fn front(&self) -> Option<&'static T> {
        self.head.get()
    }

    pub(crate) fn pop_front(&self) -> Option<&'static T> {
        let item = self.head.get()?;
        self.head.set(item.link().take());
        if self.head.is_none() {
            self.tail.set(None);
        }
        self.len.set(self.len.get() - 1);
        Some(item)
    }

    pub(crate) fn len(&self) -> usize {
        self.len.get()
    }
}
