//! Selecting from a list of operations that is made at run time.
//!
//! # Safety
//!
//! A handle lives as long as the list's lifetime, so its address is nobody else's, and says of which
//! type it is. A [`Slot`] has a value of an operation's type from when that operation was chosen
//! until it is completed.
//!
//! A list may be sent to another thread although the values may not: there an operation can be
//! chosen, but not completed, for that needs the handle. So a value that was received and not taken
//! is dropped only on the thread (or goroutine) where its receiver was put on the list.

#![allow(unsafe_code)]

use super::channel::{Receiver, Sender};
use super::error::{RecvError, SendError, TryReadyError, TrySelectError};
use gort_rt::chan::{self, AnyChannel, Case, Chosen, Held, How, Promise, Wait};
use gort_sys::context::slot::thread_pointer;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::{NonNull, from_ref, null_mut};

/// As many operations as are chosen from without memory of the heap.
const INLINE: usize = 64;

/// A list of channel operations to choose from.
///
/// [`select!`](super::select!) does it for operations that are known when the program is written,
/// and is quicker.
///
/// An operation can be given up front, and one of them chosen as soon as it is possible
/// ([`select`](Select::select)); what was chosen has to be completed. Or the list only says which is
/// possible ([`ready`](Select::ready)). If several are, any of them is chosen with the same
/// probability, unless the list was made by [`new_biased`](Select::new_biased). An operation is
/// possible, too, if it would only find the channel closed.
///
/// ```
/// use gort::chan::{Receiver, RecvError, Select, bounded, never};
///
/// fn first<T>(from: &[Receiver<T>]) -> Result<T, RecvError> {
///     let mut list = Select::new();
///     for receiver in from {
///         list.recv(receiver);
///     }
///     let chosen = list.select();
///     let index = chosen.index();
///     chosen.recv(&from[index])
/// }
///
/// let (s, r) = bounded(1);
/// s.send('b').unwrap();
/// assert_eq!(first(&[never(), r]), Ok('b'));
/// ```
#[derive(Clone)]
pub struct Select<'a> {
    operations: Vec<Operation<'a>>,
    next: usize,
    biased: bool,
}

#[derive(Clone, Copy)]
struct Operation<'a> {
    index: usize,
    channel: Option<AnyChannel<'a>>,
    /// The sender's or receiver's address.
    handle: *const (),
    /// What it receives; none if it sends.
    value: Option<Value>,
}

/// The type of the values that are received.
#[derive(Clone, Copy)]
struct Value {
    layout: Layout,
    drop: unsafe fn(*mut ()),
    /// Whose block of thread-local storage the receiver was put on the list in.
    home: usize,
}

// SAFETY: see the module.
unsafe impl Send for Select<'_> {}
// SAFETY: a shared list can only be cloned.
unsafe impl Sync for Select<'_> {}

impl<'a> Select<'a> {
    /// An empty list.
    pub fn new() -> Select<'a> {
        Select { operations: Vec::with_capacity(4), next: 0, biased: false }
    }

    /// An empty list of which the first operation that is possible is chosen, in the order in which
    /// they were added.
    pub fn new_biased() -> Select<'a> {
        Select { biased: true, ..Select::new() }
    }

    /// Adds a send, and returns its index.
    pub fn send<T>(&mut self, s: &'a Sender<T>) -> usize {
        self.add(Some(s.handle().any()), from_ref(s).cast(), None)
    }

    /// Adds a receive, and returns its index.
    pub fn recv<T>(&mut self, r: &'a Receiver<T>) -> usize {
        unsafe fn drop<T>(at: *mut ()) {
            // SAFETY: called for a value of this type.
            unsafe { at.cast::<T>().drop_in_place() }
        }
        let value = Value { layout: Layout::new::<T>(), drop: drop::<T>, home: thread_pointer() };
        self.add(r.any(), from_ref(r).cast(), Some(value))
    }

    fn add(
        &mut self,
        channel: Option<AnyChannel<'a>>,
        handle: *const (),
        value: Option<Value>,
    ) -> usize {
        let index = self.next;
        self.next += 1;
        self.operations.push(Operation { index, channel, handle, value });
        index
    }

    /// Takes an operation off the list. Its index is not used again.
    ///
    /// # Panics
    ///
    /// If no operation has this index.
    pub fn remove(&mut self, index: usize) {
        assert!(index < self.next, "index out of bounds; {index} >= {}", self.next);
        let at = self.operations.iter().position(|operation| operation.index == index);
        self.operations.remove(at.expect("no operation with this index"));
    }

    /// Chooses an operation that is possible now.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn try_select(&mut self) -> Result<SelectedOperation<'a>, TrySelectError> {
        self.choose(Wait::Not).ok_or(TrySelectError)
    }

    /// Chooses an operation. What waits, until one is possible: the goroutine, or the thread if it is
    /// an ordinary one.
    ///
    /// # Panics
    ///
    /// If the list is empty.
    pub fn select(&mut self) -> SelectedOperation<'a> {
        self.check();
        self.choose(Wait::Ever).expect("who waits has something in the end")
    }

    /// The index of an operation that looks as if it were possible now. Others may be quicker.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn try_ready(&mut self) -> Result<usize, TryReadyError> {
        self.look(Wait::Not).ok_or(TryReadyError)
    }

    /// The index of an operation that looks as if it were possible. Others may be quicker. What
    /// waits, until there is one: the goroutine, or the thread if it is an ordinary one.
    ///
    /// # Panics
    ///
    /// If the list is empty.
    pub fn ready(&mut self) -> usize {
        self.check();
        self.look(Wait::Ever).expect("who waits has something in the end")
    }

    fn check(&self) {
        assert!(!self.operations.is_empty(), "no operations have been added to `Select`");
    }

    pub(super) fn look(&self, wait: Wait) -> Option<usize> {
        let how = How { biased: self.biased, wait };
        let at = self.with_cases(null_mut(), |cases, held| chan::ready(cases, held, how))?;
        self.operations.get(at).map(|operation| operation.index)
    }

    pub(super) fn choose(&self, wait: Wait) -> Option<SelectedOperation<'a>> {
        let how = How { biased: self.biased, wait };
        let mut slot = Slot::new(self.operations.iter().filter_map(|one| one.value));
        let at = slot.at();
        let (at, chosen) = self.with_cases(at, |cases, held| chan::select(cases, held, how))?;
        let Operation { index, channel, handle, value } = *self.operations.get(at)?;
        let state = match (chosen, value, channel) {
            (Chosen::Received, Some(value), _) => State::Received(slot, value),
            (Chosen::Send(promise), _, Some(channel)) => State::Promised(promise, channel),
            _ => State::Closed,
        };
        Some(SelectedOperation { index, handle, state, list: PhantomData })
    }

    /// Runs `body` with the list as the runtime wants it; whatever is received goes to `to`.
    fn with_cases<R>(&self, to: *mut (), body: impl FnOnce(&[Case<'a>], &[Held]) -> R) -> R {
        let case = |operation: &Operation<'a>| match (operation.value, operation.channel) {
            (None, Some(channel)) => Case::send(channel),
            // SAFETY: `to` has room for a value of any of the operations, until they have been used.
            (_, channel) => unsafe { Case::receive(channel, to) },
        };
        let count = self.operations.len();
        if count > INLINE {
            let cases: Vec<Case<'a>> = self.operations.iter().map(case).collect();
            let held: Vec<Held> = (0..count).map(|_| Held::new()).collect();
            return body(&cases, &held);
        }
        let mut cases = [const { MaybeUninit::uninit() }; INLINE];
        for (place, operation) in cases.iter_mut().zip(&self.operations) {
            place.write(case(operation));
        }
        // SAFETY: the first `count` have just been written; cases need not be dropped.
        let cases = unsafe { std::slice::from_raw_parts(cases.as_ptr().cast(), count) };
        body(cases, &[const { Held::new() }; INLINE][..count])
    }
}

impl Default for Select<'_> {
    fn default() -> Self {
        Select::new()
    }
}

impl fmt::Debug for Select<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Select { .. }")
    }
}

/// Room for a value of one of several types.
struct Slot {
    small: MaybeUninit<Small>,
    /// Memory of its own, for what is too large.
    large: Option<(NonNull<u8>, Layout)>,
}

/// What there is room for without.
#[repr(align(16))]
struct Small(#[expect(dead_code, reason = "room")] [usize; 6]);

impl Slot {
    fn new(values: impl Iterator<Item = Value>) -> Slot {
        let small = Layout::new::<Small>();
        let (mut size, mut align) = (small.size(), small.align());
        for Value { layout, .. } in values {
            (size, align) = (size.max(layout.size()), align.max(layout.align()));
        }
        let layout = Layout::from_size_align(size, align).expect("larger than anything can be");
        let large = (layout != small).then(|| {
            // SAFETY: the layout is not empty.
            let at = NonNull::new(unsafe { alloc(layout) });
            (at.unwrap_or_else(|| handle_alloc_error(layout)), layout)
        });
        Slot { small: MaybeUninit::uninit(), large }
    }

    fn at(&mut self) -> *mut () {
        match self.large {
            Some((at, _)) => at.as_ptr().cast(),
            None => self.small.as_mut_ptr().cast(),
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some((at, layout)) = self.large {
            // SAFETY: from `alloc` for this layout.
            unsafe { dealloc(at.as_ptr(), layout) };
        }
    }
}

/// An operation that was chosen, and has to be completed by [`send`](SelectedOperation::send) or
/// [`recv`](SelectedOperation::recv).
///
/// If it is dropped instead, nothing is sent; a value that it has received is lost to others.
///
/// # Panics
///
/// When it is dropped.
#[must_use]
pub struct SelectedOperation<'a> {
    index: usize,
    handle: *const (),
    state: State<'a>,
    list: PhantomData<&'a ()>,
}

enum State<'a> {
    /// There is a value.
    Received(Slot, Value),
    /// There will be no value, or nobody to send one to.
    Closed,
    /// To send a value.
    Promised(Promise, AnyChannel<'a>),
}

impl SelectedOperation<'_> {
    /// The operation's index.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Sends `msg`. Does not wait.
    ///
    /// # Errors
    ///
    /// The value, if the channel is closed.
    ///
    /// # Panics
    ///
    /// If `s` is not the very [`Sender`] that was put on the list.
    pub fn send<T>(mut self, s: &Sender<T>, msg: T) -> Result<(), SendError<T>> {
        assert!(self.handle == from_ref(s).cast(), "passed a sender that wasn't selected");
        let state = std::mem::replace(&mut self.state, State::Closed);
        std::mem::forget(self);
        match state {
            State::Promised(promise, _) => {
                // SAFETY: made for this sender's channel.
                unsafe { s.handle().keep(promise, msg) }.map_err(SendError)
            }
            _ => Err(SendError(msg)),
        }
    }

    /// Receives. Does not wait.
    ///
    /// # Errors
    ///
    /// If the channel is closed and nothing is left in it.
    ///
    /// # Panics
    ///
    /// If `r` is not the very [`Receiver`] that was put on the list.
    pub fn recv<T>(mut self, r: &Receiver<T>) -> Result<T, RecvError> {
        assert!(self.handle == from_ref(r).cast(), "passed a receiver that wasn't selected");
        let state = std::mem::replace(&mut self.state, State::Closed);
        std::mem::forget(self);
        match state {
            // SAFETY: a value of this receiver's type was moved there.
            State::Received(mut slot, _) => Ok(unsafe { slot.at().cast::<T>().read() }),
            _ => Err(RecvError),
        }
    }
}

impl Drop for SelectedOperation<'_> {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Closed => {}
            State::Received(mut slot, value) => {
                if value.home == thread_pointer() {
                    // SAFETY: a value of this type was moved there, and this is where it belongs.
                    unsafe { (value.drop)(slot.at()) };
                }
            }
            // SAFETY: made for this channel.
            State::Promised(promise, channel) => unsafe { channel.renege(promise) },
        }
        if !std::thread::panicking() {
            panic!("dropped `SelectedOperation` without completing the operation");
        }
    }
}

impl fmt::Debug for SelectedOperation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("SelectedOperation { .. }")
    }
}
