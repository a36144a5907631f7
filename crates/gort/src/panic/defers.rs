//! Deferred work whose amount is known only when the program runs.
//!
//! The closures lie one behind the other in one piece of memory that grows, each with the address of
//! the function that takes it out again behind it: so there is no allocation for each.
//!
//! # Safety
//!
//! The words end with a closure and the function that belongs to it, made by [`Words::push`], or are
//! empty. A closure is moved bit by bit, when the memory grows and when it is taken out, as any value
//! may be; it is taken out once.

#![allow(unsafe_code)]

use super::{Payload, crashes, deferred, discard, set_trace_aside};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

type Word = MaybeUninit<usize>;

/// Takes the last closure out and runs it.
type Run = unsafe fn(&Words);

struct Words(RefCell<Vec<Word>>);

impl Words {
    /// How many words an `F` takes.
    const fn of<F>() -> usize {
        size_of::<F>().div_ceil(size_of::<Word>())
    }

    /// `F` is aligned as words are.
    fn push<F: FnOnce()>(&self, f: F) {
        let mut words = self.0.borrow_mut();
        let room = Words::of::<F>();
        words.reserve(room + 1);
        let end = words.len();
        // SAFETY: there is room, aligned well enough; all that is counted is `MaybeUninit`.
        unsafe {
            let at = words.as_mut_ptr().add(end);
            at.cast::<F>().write(f);
            at.add(room).cast::<Run>().write(Words::run::<F>);
            words.set_len(end + room + 1);
        }
    }

    /// Runs what was pushed last, and still is here.
    fn run_last(&self) -> bool {
        let mut words = self.0.borrow_mut();
        let Some(last) = words.len().checked_sub(1) else { return false };
        // SAFETY: the last word is a function, and what is before it is that function's closure.
        unsafe {
            let run = words.as_ptr().add(last).cast::<Run>().read();
            words.set_len(last);
            drop(words);
            run(self);
        }
        true
    }

    /// # Safety
    ///
    /// The words end with an `F`, whose function has been taken off.
    unsafe fn run<F: FnOnce()>(&self) {
        let mut words = self.0.borrow_mut();
        let at = words.len() - Words::of::<F>();
        // SAFETY: the caller's contract; from here on it is not in the words any more.
        let f = unsafe {
            words.set_len(at);
            words.as_ptr().add(at).cast::<F>().read()
        };
        drop(words);
        f();
    }
}

/// Work for later, to which any number can be added: Go's `defer` in a loop. It runs when this is
/// dropped, the last added first, by a panic or [`goexit`](crate::goexit) as well.
///
/// ```
/// use std::cell::RefCell;
///
/// let closed = RefCell::new(vec![]);
/// {
///     let defers = gort::panic::Defers::new();
///     for file in ["a", "b", "c"] {
///         let closed = &closed;
///         defers.push(move || closed.borrow_mut().push(file));
///     }
///     assert!(closed.borrow().is_empty());
/// }
/// assert_eq!(*closed.borrow(), ["c", "b", "a"]);
/// ```
///
/// # Panics
///
/// A panic of one does not keep the others from running. As in Go the last panic takes the place of
/// those before, and comes out when all have run; each has printed its message. But if all this happens
/// because a panic (or `goexit`) unwinds the stack already, that one goes on: Rust has no way to replace
/// it, and aborts where a destructor panics. Later ones then end here, with their message.
/// [`deferred`] follows Go in this, too.
pub struct Defers<'a> {
    words: Words,
    /// The closures borrow for `'a`, neither longer nor shorter; and need not be `Send`.
    borrowed: PhantomData<(Cell<&'a ()>, *const ())>,
}

impl<'a> Defers<'a> {
    /// None yet; allocates nothing.
    pub const fn new() -> Defers<'a> {
        let words = Words(RefCell::new(Vec::new()));
        Defers { words, borrowed: PhantomData }
    }

    /// Adds `f`, which runs before those that are there. Allocates now and then, as a `Vec` does.
    #[inline]
    pub fn push<F: FnOnce() + 'a>(&self, f: F) {
        if align_of::<F>() > align_of::<Word>() {
            self.words.push(Box::new(f));
        } else {
            self.words.push(f);
        }
    }

    /// Runs the last one, with its panic as the error; whether there was one.
    pub(super) fn run_last(&self) -> Result<bool, Payload> {
        catch_unwind(AssertUnwindSafe(|| self.words.run_last()))
    }
}

/// What the borrow checker has to refuse for this to be sound.
///
/// What a closure borrows is gone before it runs:
///
/// ```compile_fail,E0597
/// let defers = gort::panic::Defers::new();
/// {
///     let text = String::from("gone");
///     defers.push(|| println!("{text}"));
/// }
/// ```
///
/// It was declared later, and is dropped earlier:
///
/// ```compile_fail,E0597
/// let defers = gort::panic::Defers::new();
/// let text = String::from("gone");
/// defers.push(|| println!("{text}"));
/// ```
///
/// A variable of the body of `deferred`:
///
/// ```compile_fail,E0597
/// gort::panic::deferred(|d| {
///     let text = String::from("gone");
///     d.push(|| println!("{text}"));
/// });
/// ```
///
/// The work itself, which would hold what it is run from:
///
/// ```compile_fail,E0521
/// gort::panic::deferred(|d| d.push(move || d.push(|| ())));
/// ```
///
/// A shorter borrow by way of a shared reference:
///
/// ```compile_fail
/// fn push<'a>(defers: &gort::panic::Defers<'static>, text: &'a str) {
///     let shorter: &gort::panic::Defers<'a> = defers;
///     shorter.push(move || println!("{text}"));
/// }
/// ```
///
/// The closures need not be `Send`:
///
/// ```compile_fail,E0277
/// let defers = gort::panic::Defers::new();
/// let count = std::rc::Rc::new(1);
/// defers.push(move || println!("{count}"));
/// gort::go(move || drop(defers));
/// ```
///
/// ```compile_fail,E0277
/// let defers = gort::panic::Defers::new();
/// gort::scope(|s| _ = s.go(|| defers.push(|| ())));
/// ```
#[cfg(doctest)]
struct DoesNotCompile;

impl Default for Defers<'_> {
    fn default() -> Self {
        Defers::new()
    }
}

impl Drop for Defers<'_> {
    fn drop(&mut self) {
        let unwinding = std::thread::panicking();
        let trace = (unwinding && crashes()).then(set_trace_aside);
        let mut panic = None;
        loop {
            match deferred::with_flight(None, || self.run_last()).0 {
                Ok(true) => {}
                Ok(false) => break,
                Err(payload) => panic.replace(payload).into_iter().for_each(discard),
            }
        }
        if let Some(put_back) = trace {
            put_back();
        }
        match panic {
            Some(payload) if unwinding => discard(payload),
            Some(payload) => resume_unwind(payload),
            None => {}
        }
    }
}

impl fmt::Debug for Defers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Defers").finish_non_exhaustive()
    }
}
