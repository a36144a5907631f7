//! Goroutines that `pthread_create` has made, as C knows them.
//!
//! # The problem
//!
//! A thread's `pthread_t` is the address of its control block. A goroutine has none before it first runs, and none
//! any more when it is over; but who has made it wants to know the one at once, and joins it by that at the end.
//!
//! # How
//!
//! It is the address of a record, in memory that is never given back, and not used again before it was joined, or
//! before it was detached and is over; those that have come free are used again in order. The record's address is what `pthread_self` says
//! on the goroutine, too.
//!
//! Functions of libc's that are not taken over find what could be a control block at that address: zeros, and the id
//! of a thread that cannot be. So what they ask the kernel for ends with ESRCH, as it does with a goroutine's own
//! control block.
//!
//! # Safety
//!
//! The memory is a mapping of its own, of which every record is initialised before its address is given out.

#![allow(unsafe_code)]

use gort::JoinHandle;
use gort::sync::Mutex;
use std::cell::Cell;
use std::collections::VecDeque;
use std::ffi::c_char;
use std::ptr::null_mut;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How large control blocks are, at most.
const BLOCK: usize = 2560;

/// Above the kernel's limit, and not one of those that goroutines have.
const NOBODY: u32 = (1 << 30) + 1;

/// See the module.
#[repr(C, align(64))]
pub(super) struct Record {
    block: [u8; BLOCK],
    /// What it has ended itself with.
    pub(super) exit: AtomicUsize,
    pub(super) state: Mutex<State>,
}

/// What is known of a goroutine.
#[derive(Default)]
pub(super) struct State {
    /// `None` while somebody joins it, and when somebody has.
    pub(super) handle: Option<JoinHandle<usize>>,
    pub(super) detached: bool,
    /// Terminated; empty for the program's.
    pub(super) name: [c_char; 16],
}

/// The mapping.
struct Pool {
    base: usize,
    room: usize,
    /// Records from here on have never been used.
    next: AtomicUsize,
    free: Mutex<VecDeque<&'static Record>>,
    /// Detached, and maybe not over.
    detached: Mutex<VecDeque<&'static Record>>,
}

thread_local! {
    /// The goroutine's own.
    static OWN: Cell<Option<&'static Record>> = const { Cell::new(None) };
}

/// That of the goroutine this runs on, also in C.
pub(super) fn own() -> Option<&'static Record> {
    OWN.get()
}

fn pool() -> Option<&'static Pool> {
    static POOL: OnceLock<Option<Pool>> = OnceLock::new();
    POOL.get_or_init(map).as_ref()
}

/// Maps as many as there is address space for.
fn map() -> Option<Pool> {
    // SAFETY: three numbers that libc has for debuggers: the second is its size.
    let size = unsafe {
        let at = libc::dlsym(libc::RTLD_DEFAULT, c"_thread_db_sizeof_pthread".as_ptr());
        at.cast::<u32>().as_ref().map_or(usize::MAX, |size| *size as usize)
    };
    if size > BLOCK {
        return None;
    }
    [20, 16, 12].into_iter().find_map(|order| {
        let bytes = size_of::<Record>() << order;
        let (protection, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
        );
        // SAFETY: a new mapping.
        let at = unsafe { libc::mmap(null_mut(), bytes, protection, flags, -1, 0) };
        (at != libc::MAP_FAILED).then(|| Pool {
            base: at.expose_provenance(),
            room: 1 << order,
            next: AtomicUsize::new(0),
            free: Mutex::new(VecDeque::new()),
            detached: Mutex::new(VecDeque::new()),
        })
    })
}

/// Where the block has the thread's id.
fn id_offset() -> Option<usize> {
    // SAFETY: three numbers that libc has for debuggers: the third is the offset.
    unsafe {
        let at = libc::dlsym(libc::RTLD_DEFAULT, c"_thread_db_pthread_tid".as_ptr());
        let numbers = at.cast::<[u32; 3]>().as_ref()?;
        Some(numbers[2] as usize).filter(|offset| offset + 4 <= BLOCK)
    }
}

/// The record that this `pthread_t` is the address of, if it is one's.
pub(super) fn of(thread: libc::pthread_t) -> Option<&'static Record> {
    let pool = pool()?;
    let offset = (thread as usize).checked_sub(pool.base)?;
    let index = offset / size_of::<Record>();
    // Acquire: pairs with the Release in `take`.
    let known = offset % size_of::<Record>() == 0 && index < pool.next.load(Ordering::Acquire);
    // SAFETY: initialised before `next` was past it.
    known.then(|| unsafe { &*std::ptr::with_exposed_provenance::<Record>(thread as usize) })
}

/// One that nobody uses; `None` if all are in use, or libc's blocks are larger than was thought.
pub(super) fn take() -> Option<&'static Record> {
    let pool = pool()?;
    if let Some(record) = pool.free.lock().pop_front() {
        return Some(record);
    }
    if let Some(record) = take_detached(pool) {
        return Some(record);
    }
    // In its order, and one at a time: `next` says what is initialised.
    let _one = pool.free.lock();
    let index = pool.next.load(Ordering::Relaxed);
    if index == pool.room {
        return None;
    }
    let record =
        std::ptr::with_exposed_provenance_mut::<Record>(pool.base + index * size_of::<Record>());
    let id = id_offset()?;
    // SAFETY: zeros of the mapping that nobody has been given.
    let record = unsafe {
        record.cast::<u32>().byte_add(id).write(NOBODY);
        (&raw mut (*record).state).write(Mutex::new(State::default()));
        &*record
    };
    // Release: pairs with the Acquire in `of`.
    pool.next.store(index + 1, Ordering::Release);
    Some(record)
}

/// One that was detached and is over, among those that have been for longest.
fn take_detached(pool: &'static Pool) -> Option<&'static Record> {
    for _ in 0..4 {
        let record = pool.detached.lock().pop_front()?;
        let mut state = record.state.lock();
        if state.handle.as_ref().is_some_and(|handle| !handle.is_finished()) {
            drop(state);
            pool.detached.lock().push_back(record);
            continue;
        }
        let over = state.handle.take();
        drop(state);
        drop(over);
        return Some(record);
    }
    None
}

impl Record {
    /// Its address, as C has it.
    pub(super) fn thread(&'static self) -> libc::pthread_t {
        std::ptr::from_ref(self).expose_provenance() as libc::pthread_t
    }

    /// The calling goroutine is this.
    pub(super) fn enter(&'static self) {
        OWN.set(Some(self));
    }

    /// Nobody uses it any more.
    pub(super) fn give(&'static self) {
        if let Some(pool) = pool() {
            pool.free.lock().push_back(self);
        }
    }

    /// Nobody will join it.
    pub(super) fn detach(&'static self) {
        if let Some(pool) = pool() {
            pool.detached.lock().push_back(self);
        }
    }
}
