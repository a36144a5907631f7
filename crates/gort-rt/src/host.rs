//! What the runtime needs from the program it lives in.
//!
//! # Safety
//!
//! The functions of the table are the host's promise; each says what it is called with and where.
//!
//! A hosted program (std, glibc) fills the table in the crate above; a freestanding one would fill
//! it with `clone` and its own TLS blocks. The runtime itself names no libc.

#![allow(unsafe_code)]

use gort_sys::Errno;

/// A goroutine's memory, `[lo, hi)`: guard at the bottom, stack, thread-local storage at the top.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Lowest address; the guard begins here.
    pub lo: usize,
    /// The guard's length.
    pub guard: usize,
    /// One past the last address that the stack and the TLS block may use.
    pub hi: usize,
}

/// The host's functions.
#[derive(Debug)]
pub struct Host {
    /// Starts a thread that calls `entry(arg)` and ends when it returns. Called on a system stack
    /// or an ordinary thread, with `locks` raised. Errors leave nothing behind.
    pub start_thread:
        unsafe fn(entry: unsafe extern "C" fn(usize), arg: usize) -> Result<(), Errno>,
    /// The calling thread's own stack, `[lo, hi)`, without its guard. Called on a thread that
    /// `start_thread` has started.
    pub thread_stack: fn() -> (usize, usize),
    /// How many bytes at the top of a room a TLS block takes.
    pub tls_reserve: usize,
    /// Builds a TLS block at the top of the room and returns its thread pointer. Called on g0.
    pub tls_build: unsafe fn(Room) -> Result<usize, Errno>,
    /// Makes a used block as good as new, except that it may keep the memory it has allocated.
    /// Only writes memory: called on any stack.
    pub tls_reset: unsafe fn(thread_pointer: usize, Room),
    /// Gives back what the block has allocated. Called on g0.
    pub tls_destroy: unsafe fn(thread_pointer: usize),
    /// Where the stack may begin below a block: 16-aligned.
    pub stack_top: unsafe fn(thread_pointer: usize) -> usize,
    /// Words of the TLS block, by offset from the thread pointer, that belong to the M and are
    /// carried from block to block (malloc's caches). At most [`MAX_CARRIED`].
    pub carried: &'static [isize],
    /// Changes when blocks built before must not be used for new goroutines.
    pub tls_generation: fn() -> usize,
    /// Where a goroutine may be pre-empted at any instruction, as `(start, end)`: the program's own
    /// text, without whatever keeps state for each kernel thread (libc, the allocator).
    pub text: &'static [(usize, usize)],
    /// Whether the thread pointer can be set without a system call.
    pub fsgsbase: bool,
    /// Where the unwind table of the code at this address is. Called anywhere, in signal handlers and
    /// with any locks held: it neither allocates nor locks.
    pub find_unwind: fn(pc: usize) -> Option<Unwind>,
    /// Says something about the code at this address, in pieces. Called as `find_unwind` is.
    pub symbol: Symbol,
    /// Ends the process: writes this line, and what all goroutines do. Called on a thread that
    /// `start_thread` has started.
    pub fatal: fn(line: &'static str),
}

/// See [`Host::symbol`].
pub type Symbol = fn(pc: usize, ask: Ask, say: &mut dyn FnMut(&str));

/// What [`Host::symbol`] is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The function's name.
    Function,
    /// Where it is: `OBJECT:0 +0xADDRESS`, the address being the object's own.
    Place,
}

/// A loaded object's unwind table.
#[derive(Clone, Copy, Debug)]
pub struct Unwind {
    /// Where its `.eh_frame_hdr` is.
    pub header: usize,
    /// The object's memory, `[start, end)`.
    pub start: usize,
    /// See `start`.
    pub end: usize,
}

/// How many words a host can have carried.
pub const MAX_CARRIED: usize = 3;

static HOST: crate::prim::AtomicPtr<Host> = crate::prim::AtomicPtr::new(core::ptr::null_mut());

/// Sets the table. Once, before anything else.
pub(crate) fn set(host: &'static Host) {
    // Release: pairs with Acquire in `get` on threads that were not started by the runtime.
    HOST.store(core::ptr::from_ref(host).cast_mut(), crate::prim::Ordering::Release);
}

/// The table.
#[inline]
pub(crate) fn get() -> &'static Host {
    // SAFETY: set once from a `&'static Host`; nothing of the runtime runs before.
    unsafe { &*HOST.load(crate::prim::Ordering::Acquire) }
}

/// The table, if it has been set.
pub(crate) fn try_get() -> Option<&'static Host> {
    // SAFETY: as in `get`. Acquire: pairs with the Release in `set`.
    unsafe { HOST.load(crate::prim::Ordering::Acquire).as_ref() }
}

/// Where the unwind table of the code at `pc` is; `None` before the runtime has started, too.
pub(crate) fn find_unwind(pc: usize) -> Option<Unwind> {
    (try_get()?.find_unwind)(pc)
}

/// Copies the carried words from one block to another.
///
/// # Safety
///
/// Both are live blocks of this host; the second is not running and the first is the caller's, or
/// the other way round.
#[inline(always)]
pub(crate) unsafe fn carry(from: usize, to: usize) {
    let copy = |offset: isize| {
        let from = core::ptr::with_exposed_provenance::<usize>(from.wrapping_add_signed(offset));
        let to = core::ptr::with_exposed_provenance_mut::<usize>(to.wrapping_add_signed(offset));
        // SAFETY: words of two live blocks, by the caller's contract.
        unsafe { to.write(from.read()) };
    };
    match *get().carried {
        // As many as there are where malloc is glibc's.
        [first, second] => {
            copy(first);
            copy(second);
        }
        ref others => others.iter().copied().for_each(copy),
    }
}
