//! A channel's buffer: a ring of fixed size, or a chain of segments that grows.
//!
//! # Safety
//!
//! Everything here is under the channel's lock, but for the words that others read as hints. The
//! positions from `head` in the first segment to `tail` in the last hold values, `len` of them, and
//! no others do; a ring is one segment that is first and last. Segments are the program's memory,
//! got and given back without the lock.

#![allow(unsafe_code)]

use super::base::Base;
use crate::prim::{Cell, Word};
use core::alloc::Layout;
use core::marker::PhantomData;
use core::ptr::{NonNull, null_mut};

/// The program's allocator.
///
/// # Safety
///
/// [`alloc`](Memory::alloc) returns memory of that layout, which is the caller's until it gives it
/// to [`dealloc`](Memory::dealloc). Neither unwinds.
pub unsafe trait Memory {
    /// Memory for `layout`, which is not empty. Does not return without.
    fn alloc(layout: Layout) -> NonNull<u8>;

    /// Gives back what [`alloc`](Memory::alloc) gave.
    ///
    /// # Safety
    ///
    /// It came from there, for the same layout, and is not used any more.
    unsafe fn dealloc(at: NonNull<u8>, layout: Layout);
}

/// What a segment begins with; the places for values come after it.
struct Link {
    next: Cell<*mut Link>,
}

/// Memory for some values, that no buffer has.
pub(crate) struct Segment {
    at: NonNull<Link>,
    layout: Layout,
    dealloc: unsafe fn(NonNull<u8>, Layout),
}

impl Segment {
    fn into_link(self) -> *mut Link {
        core::mem::ManuallyDrop::new(self).at.as_ptr()
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // SAFETY: from the allocator, for this layout; nobody has it but us.
        unsafe { (self.dealloc)(self.at.cast(), self.layout) };
    }
}

/// See the module. The two counts that go with it, of values and of free places, are in [`Base`].
#[repr(C)]
pub(crate) struct Buf<T, M: Memory> {
    head: Word,
    tail: Word,
    first: Cell<*mut Link>,
    last: Cell<*mut Link>,
    /// An empty segment, so that a queue that goes up and down leaves the allocator alone.
    spare: Cell<*mut Link>,
    /// Places in each segment, and its layout. Fixed.
    places: usize,
    layout: Layout,
    types: PhantomData<(*mut T, M)>,
}

impl<T, M: Memory> Buf<T, M> {
    /// Where a segment's first place is.
    const FIRST: usize = size_of::<Link>().next_multiple_of(align_of::<T>());

    /// A ring of `places`, or a chain with nothing in it yet. None if a segment would be larger than
    /// anything can be.
    pub(crate) fn new(ring: Option<usize>) -> Option<Buf<T, M>> {
        // A chain's segments are about a page each.
        let page =
            (4096 / size_of::<T>().max(1)).clamp(crate::prim::SEGMENT / 8, crate::prim::SEGMENT);
        let places = ring.unwrap_or(page);
        let values = Layout::array::<T>(places).ok()?;
        let (layout, _) = Layout::new::<Link>().extend(values).ok()?;
        let buf = Buf {
            head: Word::new(0),
            tail: Word::new(0),
            first: Cell::new(null_mut()),
            last: Cell::new(null_mut()),
            spare: Cell::new(null_mut()),
            places,
            layout,
            types: PhantomData,
        };
        if ring.is_some() && places != 0 {
            let ring = buf.segment().into_link();
            buf.first.set(ring);
            buf.last.set(ring);
        }
        Some(buf)
    }

    /// # Safety
    ///
    /// `link` is one of this buffer's segments, `at` is below `places`.
    #[inline(always)]
    unsafe fn place(link: *mut Link, at: usize) -> *mut T {
        // SAFETY: the caller's contract.
        unsafe { link.byte_add(Self::FIRST).cast::<T>().add(at) }
    }

    /// Moves a value in.
    ///
    /// # Safety
    ///
    /// Under the lock; a place is free; the value is the caller's to move.
    #[inline(always)]
    pub(crate) unsafe fn push(&self, base: &Base, from: *const T) {
        let tail = self.tail.get();
        // SAFETY: a free place is the one at `tail`.
        unsafe { Self::place(self.last.get(), tail).copy_from_nonoverlapping(from, 1) };
        let tail = tail + 1;
        self.tail.set(if tail == self.places && base.is_bounded() { 0 } else { tail });
        base.len.set(base.len.get() + 1);
        base.free.set(base.free.get() - 1);
    }

    /// Moves the oldest value out. Returns a segment that is of no more use, to be dropped without
    /// the lock.
    ///
    /// # Safety
    ///
    /// Under the lock; there is a value; `to` has room for it.
    #[inline(always)]
    pub(crate) unsafe fn pop(&self, base: &Base, to: *mut T) -> Option<Segment> {
        let head = self.head.get();
        // SAFETY: the oldest value is at `head`.
        unsafe { Self::place(self.first.get(), head).copy_to_nonoverlapping(to, 1) };
        let head = head + 1;
        self.head.set(head);
        base.len.set(base.len.get() - 1);
        base.free.set(base.free.get() + usize::from(base.is_bounded()));
        if head == self.places { self.used_up(base) } else { None }
    }

    /// The first segment has been read to its end.
    #[inline]
    fn used_up(&self, base: &Base) -> Option<Segment> {
        self.head.set(0);
        if base.is_bounded() {
            return None;
        }
        let first = self.first.get();
        if core::ptr::eq(first, self.last.get()) {
            // It has been written to its end, too, or it would not have been read.
            self.tail.set(0);
            base.free.set(self.places);
            return None;
        }
        // SAFETY: a segment of ours.
        self.first.set(unsafe { (*first).next.replace(null_mut()) });
        if self.spare.get().is_null() {
            self.spare.set(first);
            return None;
        }
        self.owned(first)
    }

    fn owned(&self, link: *mut Link) -> Option<Segment> {
        let at = NonNull::new(link)?;
        Some(Segment { at, layout: self.layout, dealloc: M::dealloc })
    }

    /// A new segment, to [`grow`](Buf::grow) with. Calls the allocator.
    pub(crate) fn segment(&self) -> Segment {
        let at = M::alloc(self.layout).cast::<Link>();
        // SAFETY: fresh memory, with room for the link.
        unsafe { at.write(Link { next: Cell::new(null_mut()) }) };
        Segment { at, layout: self.layout, dealloc: M::dealloc }
    }

    /// Under the lock: makes places free in a chain that has none, with the spare segment or with
    /// `more`; whether it could.
    pub(crate) fn grow(&self, base: &Base, more: &mut Option<Segment>) -> bool {
        let spare = self.spare.replace(null_mut());
        let link = match (spare.is_null(), more.take()) {
            (false, kept) => {
                *more = kept;
                spare
            }
            (true, Some(segment)) => segment.into_link(),
            (true, None) => return false,
        };
        // SAFETY: null, or a segment of ours.
        match unsafe { self.last.get().as_ref() } {
            Some(last) => last.next.set(link),
            None => self.first.set(link),
        }
        self.last.set(link);
        self.tail.set(0);
        base.free.set(self.places);
        true
    }
}

impl<T, M: Memory> Drop for Buf<T, M> {
    /// Nobody has the channel any more, and its values have been taken out.
    fn drop(&mut self) {
        let mut link = self.first.get();
        while let Some(segment) = self.owned(link) {
            // SAFETY: a segment of ours.
            link = unsafe { segment.at.as_ref() }.next.get();
        }
        drop(self.owned(self.spare.get()));
    }
}
