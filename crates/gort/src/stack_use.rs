//! How much of their stacks goroutines use, by what they run: `GORT_DEBUG=stackwater=1`.
//!
//! # Safety
//!
//! `atexit` is given a function that may run at the process's end.

#![allow(unsafe_code)]

use crate::runtime::title;
use crate::sync::Mutex;
use gort_rt::StackRange;
use std::any::type_name;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

static ON: AtomicBool = AtomicBool::new(false);

/// Who comes this near to the guard is told so.
const NEAR: usize = 2 * 4096;

struct Book {
    /// Goroutines that are not over, by number: what they run, and on what stack.
    live: BTreeMap<u64, (&'static str, StackRange)>,
    /// Those that are, by what they ran and the size of their stacks.
    over: BTreeMap<(&'static str, usize), StackUse>,
}

static BOOK: Mutex<Book> = Mutex::new(Book { live: BTreeMap::new(), over: BTreeMap::new() });

/// How much stack goroutines have used that ran the same function: see [`stack_profile`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StackUse {
    /// The function or closure that was given to `go`, by its type's name: of a function pointer that
    /// is no more than `fn()`.
    pub entry: &'static str,
    /// The size of their stacks, in bytes, without guard and thread-local storage.
    pub size: usize,
    /// How many they are, or were.
    pub goroutines: usize,
    /// How many bytes of stack the one that used most has used, in whole pages.
    pub high_water: usize,
}

impl fmt::Display for StackUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StackUse { entry, size, goroutines, high_water } = self;
        write!(f, "{} of {} KiB, {goroutines} x {entry}", high_water >> 10, size >> 10)
    }
}

/// How much stack goroutines use, those that are over and those that are not, by what they run and how
/// large their stacks are; the largest use first. So one learns what
/// [`stack_size`](crate::Builder::stack_size) or `GORT_STACK` ought to be.
///
/// It is measured if the environment says `GORT_DEBUG=stackwater=1`; otherwise nothing is here. The
/// figures are those of whole pages that the goroutine has touched (by way of calls of C as well, but
/// not by [`gort::ffi::call`](crate::ffi::call), which is on another stack). A line for each is
/// printed to standard error when the process exits, and one whenever a goroutine has come within two pages of its
/// stack's end. It costs each goroutine some microseconds.
pub fn stack_profile() -> Vec<StackUse> {
    let book = BOOK.lock();
    let mut all = book.over.clone();
    for (entry, stack) in book.live.values() {
        add(&mut all, entry, *stack, stack.used());
    }
    drop(book);
    let mut all: Vec<_> = all.into_values().collect();
    all.sort_by_key(|one| Reverse(one.high_water));
    all
}

fn add(
    to: &mut BTreeMap<(&'static str, usize), StackUse>,
    entry: &'static str,
    stack: StackRange,
    used: usize,
) {
    let size = stack.size();
    let new = StackUse { entry, size, goroutines: 0, high_water: 0 };
    let one = to.entry((entry, size)).or_insert(new);
    one.goroutines += 1;
    one.high_water = one.high_water.max(used);
}

/// Measures from now on, and prints the profile at the end. Once.
pub(crate) fn start() {
    extern "C" fn print() {
        let mut text = String::from("stack use, high water of size, goroutines x entry:\n");
        for one in stack_profile() {
            text += &format!("  {one}\n");
        }
        let _ = io::stderr().write_all(text.as_bytes());
    }
    // SAFETY: see the module. If it is refused the profile can still be asked for.
    let _ = unsafe { libc::atexit(print) };
    gort_rt::measure_stacks();
    ON.store(true, Ordering::Relaxed);
}

/// A goroutine begins, which runs an `F`; whether it is to be told of its [`end`].
#[inline]
pub(crate) fn begin<F>() -> bool {
    let on = ON.load(Ordering::Relaxed);
    if on {
        enter(type_name::<F>());
    }
    on
}

#[cold]
fn enter(entry: &'static str) {
    if let (Some(gp), Some(stack)) = (gort_rt::current(), StackRange::here()) {
        BOOK.lock().live.insert(gp.id(), (entry, stack));
    }
}

/// It ends, and has its name still.
#[cold]
pub(crate) fn end() {
    let Some(gp) = gort_rt::current() else { return };
    let mut book = BOOK.lock();
    let Some((entry, stack)) = book.live.remove(&gp.id()) else { return };
    let used = stack.used();
    add(&mut book.over, entry, stack, used);
    drop(book);
    let size = stack.size();
    if size - used <= NEAR {
        let _ = writeln!(
            io::stderr(),
            "{} used {} of {} KiB of its stack: give it more by Builder::stack_size or GORT_STACK",
            title(),
            used >> 10,
            size >> 10
        );
    }
}
