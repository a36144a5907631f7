//! Stand-in for `src/prim.rs` in the models: loom's atomics, small sizes, a futex that loom sees.
//!
//! A thread that waits at a word and is never woken is a deadlock, which loom reports. The kernel
//! checks the word and queues the waiter under one lock, and wakes under the same: so does this.
//!
//! # Safety
//!
//! As in `src/prim.rs`: a link holds null or what was a `&'static T`.

use gort_sys::Errno;
use gort_sys::types::Timespec;
pub(crate) use loom::cell::Cell;
pub(crate) use loom::hint::spin_loop;
pub(crate) use loom::sync::atomic::{
    AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
use loom::sync::{Condvar, Mutex};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed as NotModelled};

pub(crate) const RING: usize = 4;
pub(crate) const PROCS: usize = 2;
pub(crate) const SPINS: usize = 1;
pub(crate) const DOUBLINGS: u32 = 1;
pub(crate) const ROUNDS: usize = 1;
pub(crate) const SEMTAB: usize = 1;
pub(crate) const SEGMENT: usize = 2;
pub(crate) const BUCKETS: usize = 1;

#[allow(unused_macros, reason = "not all files have one")]
macro_rules! const_fn {
    ($(#[$meta:meta])* $vis:vis const fn $($rest:tt)*) => { $(#[$meta])* $vis fn $($rest)* };
}
pub(crate) use const_fn;

#[allow(unused_macros, reason = "as above")]
macro_rules! global {
    ($(#[$meta:meta])* $vis:vis static $name:ident: $type:ty = $value:expr;) => {
        loom::lazy_static! { pub(crate) static ref $name: $type = $value; }
    };
}
pub(crate) use global;

#[allow(unused_macros, reason = "only some files use it")]
macro_rules! each {
    ($new:expr) => {
        std::array::from_fn(|_| $new)
    };
}
pub(crate) use each;

/// What the clock advances by each time it is looked at. Set before a model runs.
pub(crate) static TICK: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

loom::lazy_static! {
    static ref NOW: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
}

pub(crate) fn nanotime() -> u64 {
    NOW.fetch_add(TICK.load(NotModelled), NotModelled)
}

/// Whether there is a membarrier. Loom knows none, so that both halves are whole fences. Set before a model runs.
pub(crate) static MEMBARRIER: AtomicBool = AtomicBool::new(true);

pub(crate) fn light_fence() {
    if MEMBARRIER.load(NotModelled) {
        fence(Ordering::SeqCst);
    }
}

pub(crate) fn membarrier() -> bool {
    light_fence();
    true
}

/// All parties are on one thread here. None of them is inside the runtime when it is asked.
pub(crate) mod slot {
    pub(crate) fn locks() -> u32 {
        0
    }
}

pub(crate) fn zeros<const N: usize>() -> [AtomicU32; N] {
    std::array::from_fn(|_| AtomicU32::new(0))
}

/// No time passes here.
pub(crate) fn nap(_: u32) {}

/// A time that does not come; all earlier ones have come as soon as anybody waits for them.
pub(crate) const FAR: u64 = 100;

pub(crate) fn nulls<T, const N: usize>() -> [AtomicPtr<T>; N] {
    std::array::from_fn(|_| AtomicPtr::new(std::ptr::null_mut()))
}

/// As the runtime's, except that what it holds is good until the run ends.
#[derive(Debug)]
pub(crate) struct Link<T: 'static>(AtomicPtr<T>);

#[allow(unsafe_code)]
impl<T> Link<T> {
    pub(crate) fn none() -> Link<T> {
        Link(AtomicPtr::new(std::ptr::null_mut()))
    }

    pub(crate) fn get(&self) -> Option<&'static T> {
        // SAFETY: null, or a `&'static T` from `set`.
        unsafe { self.0.load(Ordering::Relaxed).as_ref() }
    }

    pub(crate) fn set(&self, to: Option<&'static T>) {
        let to = to.map_or(std::ptr::null_mut(), |to| std::ptr::from_ref(to).cast_mut());
        self.0.store(to, Ordering::Relaxed);
    }

    pub(crate) fn take(&self) -> Option<&'static T> {
        let was = self.get();
        self.set(None);
        was
    }

    pub(crate) fn is(&self, what: &T) -> bool {
        self.get().is_some_and(|here| std::ptr::eq(here, what))
    }

    pub(crate) fn is_none(&self) -> bool {
        self.get().is_none()
    }
}

pub(crate) fn links<T, const N: usize>() -> [Link<T>; N] {
    std::array::from_fn(|_| Link::none())
}

#[allow(clippy::unnecessary_wraps, reason = "as the runtime's")]
pub(crate) fn empty_links<T>(count: usize) -> Result<&'static [Link<T>], Errno> {
    Ok(Vec::leak((0..count).map(|_| Link::none()).collect()))
}

/// As the runtime's.
#[derive(Debug)]
pub(crate) struct Word(AtomicUsize);

impl Word {
    pub(crate) fn new(value: usize) -> Word {
        Word(AtomicUsize::new(value))
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, value: usize) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn bump(&self) -> usize {
        let value = self.get() + 1;
        self.set(value);
        value
    }
}

struct Waiter {
    word: usize,
    woken: AtomicBool,
    condvar: Condvar,
}

loom::lazy_static! {
    static ref WAITERS: Mutex<Vec<Arc<Waiter>>> = Mutex::new(Vec::new());
}

fn address(word: &AtomicU32) -> usize {
    std::ptr::from_ref(word).addr()
}

/// `false` where the kernel says `EAGAIN`. A wait with a timeout times out at once.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, timeout: Option<&Timespec>) -> bool {
    let mut waiters = WAITERS.lock().unwrap();
    if word.load(Ordering::Relaxed) != expected || timeout.is_some() {
        return false;
    }
    let me = Arc::new(Waiter {
        word: address(word),
        woken: AtomicBool::new(false),
        condvar: Condvar::new(),
    });
    waiters.push(me.clone());
    while !me.woken.load(NotModelled) {
        waiters = me.condvar.wait(waiters).unwrap();
    }
    true
}

/// Nobody counts who sleeps.
pub(crate) fn thread_sleeps() {}

pub(crate) fn thread_told() {}

/// See [`FAR`].
pub(crate) fn futex_wait_until(
    word: &AtomicU32,
    expected: u32,
    deadline: Option<&Timespec>,
) -> Result<(), Errno> {
    if deadline.is_none_or(|at| at.nsec.cast_unsigned() >= FAR) {
        futex_wait(word, expected, None);
        return Ok(());
    }
    let _waiters = WAITERS.lock().unwrap();
    let is_expected = word.load(Ordering::Relaxed) == expected;
    Err(if is_expected { Errno::ETIMEDOUT } else { Errno::EAGAIN })
}

#[allow(clippy::unnecessary_wraps, reason = "as the runtime's")]
pub(crate) fn set_timerslack(_: usize) -> Result<(), Errno> {
    Ok(())
}

/// Wakes up to `count` waiters, the oldest first.
pub(crate) fn futex_wake(word: &AtomicU32, count: i32) -> usize {
    let mut waiters = WAITERS.lock().unwrap();
    let mut woken = 0;
    waiters.retain(|waiter| {
        if woken == count as usize || waiter.word != address(word) {
            return true;
        }
        waiter.woken.store(true, NotModelled);
        waiter.condvar.notify_one();
        woken += 1;
        false
    });
    woken
}

/// Runs `model` in every order of its threads' steps that loom can tell apart, with at most
/// `preemptions` of them at places where a thread could have gone on.
pub(crate) fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 10_000;
    let runs = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = runs.clone();
    builder.check(move || {
        count.fetch_add(1, NotModelled);
        model();
    });
    println!("{} runs", runs.load(NotModelled));
}
