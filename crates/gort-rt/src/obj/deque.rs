//! Pointers in a row: what many wait in, and few take from at a time.
//!
//! A list through links has to look at every member to find the next, and each that another CPU has
//! touched last costs a cache miss, under the list's lock. Here a batch goes in and out as so many
//! neighbouring words, and nobody looks at the members.
//!
//! Putting something in cannot fail: room for all that there is has been reserved when it was made.

use crate::prim::{Link, empty_links};
use crate::throw::throw;
use gort_sys::Errno;

/// A ring of links. Its user has it for himself, by a lock.
#[derive(Debug)]
pub(crate) struct Deque<T: 'static> {
    /// As many as a power of two says, or none.
    places: &'static [Link<T>],
    head: usize,
    len: usize,
}

impl<T> Deque<T> {
    pub(crate) const fn new() -> Deque<T> {
        Deque { places: &[], head: 0, len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Makes room for `count` in all.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; nothing has changed then.
    pub(crate) fn reserve(&mut self, count: usize) -> Result<(), Errno> {
        if count <= self.places.len() {
            return Ok(());
        }
        let places = empty_links(count.next_power_of_two())?;
        for (i, place) in places.iter().enumerate().take(self.len) {
            place.set(self.place(i).and_then(Link::get));
        }
        (self.places, self.head) = (places, 0);
        Ok(())
    }

    /// The place of the member with this number.
    #[inline]
    fn place(&self, number: usize) -> Option<&'static Link<T>> {
        self.places.get((self.head + number) & self.places.len().wrapping_sub(1))
    }

    #[inline]
    pub(crate) fn push_back(&mut self, item: &'static T) {
        match self.place(self.len) {
            Some(place) if self.len < self.places.len() => place.set(Some(item)),
            _ => throw("more goroutines in a queue than there are"),
        }
        self.len += 1;
    }

    /// The oldest, which stays.
    pub(crate) fn front(&self) -> Option<&'static T> {
        if self.len == 0 { None } else { self.place(0)?.get() }
    }

    /// The oldest.
    #[inline]
    pub(crate) fn pop_front(&mut self) -> Option<&'static T> {
        self.len = self.len.checked_sub(1)?;
        let item = self.place(0)?.take();
        // An empty one begins anew, at memory that is warm.
        self.head = if self.len == 0 { 0 } else { self.head + 1 };
        item
    }

    /// The newest.
    #[inline]
    pub(crate) fn pop_back(&mut self) -> Option<&'static T> {
        self.len = self.len.checked_sub(1)?;
        self.place(self.len)?.take()
    }
}
