//! Handlers of signals, in which nothing is taken over; and waiting for signals.
//!
//! # The problem
//!
//! A handler that interrupts a goroutine runs with the goroutine's thread pointer, often on its stack. What it calls
//! must not park: the stack under it is the kernel's frame, which belongs to the thread (its signal mask, its
//! signal stack), and what it has interrupted may be anything, malloc too.
//!
//! # How
//!
//! The kernel is given a handler of ours, a *front*, which says for as long as the user's runs that everything goes
//! straight to the kernel. Flags, mask and restorer are the user's and are the kernel's to keep; here is kept only
//! which function to call. So every combination of `SA_SIGINFO`, `SA_ONSTACK`, `SA_RESTART`, `SA_RESETHAND` and
//! `SA_NODEFER` does what it does. (x86-64's kernel passes all three arguments in any case.)
//!
//! A handler is installed from any thread and from handlers, and in a child after `fork`, in which no lock can
//! be waited for. So there is none: each signal has [`FRONTS`] places, each with a front of its own; a function that is
//! not in one of them yet takes the next, before its front is given to the kernel, and what the kernel
//! gives back as the old action says by its front which place that is. A place is used again when as many other
//! functions have been installed for the signal since, by which time no thread is on its way to the older one; but
//! not while that is installed.
//!
//! # Against raising `locks`
//!
//! That alone would have done it: nothing is taken over inside the runtime, and nobody is pre-empted there. But
//! there it also keeps its P: a handler that sleeps or waits, as some do for a debugger, would have stopped
//! whoever stops the world. The P of a handler that only stands aside can be taken.
//!
//! So pre-emption has to be kept from a handler by other means: moved to another thread it would take the mask and the
//! signal stack of the first one there. It does not come to handlers because the signal mask is not the M's own
//! in them (`gort-rt`'s `preempt.rs`), with one exception: `SA_NODEFER` without a mask. To that SIGURG is added,
//! and taken off again when the user asks what the mask is.
//!
//! # With the runtime's handlers
//!
//! The runtime installs its own by itself, and passes on to those that were there before, which are fronts. If the
//! user's comes later it replaces the runtime's, as it does without gort-std; a runtime's handler that the user puts
//! back gets a front, which does it no harm: it neither waits nor parks.
//!
//! # What does not
//!
//! A handler that is left by a jump of which nothing is seen here (`_longjmp`, assembly) leaves its goroutine standing
//! aside: from then on it blocks its thread where others park. A jump within a handler is taken for one out of it.
//! `sigset` of System V installs handlers without a front.
//!
//! # Safety
//!
//! The user's functions are called as the kernel would have called them. A place holds the address of such a
//! function, or nothing.

#![allow(unsafe_code)]

use crate::here;
use crate::poll::SET_SIZE;
use crate::real::real;
use crate::taken::take_over;
use crate::words::{answer, blocking, fail, kernel};
use gort_sys::context::sigframe;
use gort_sys::types::{SaFlags, SigAction, SigSet, Signal};
use gort_sys::{Errno, nr, raw};
use libc::{c_int, c_void, sighandler_t, siginfo_t, sigset_t, timespec};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How many places a signal has.
const FRONTS: usize = 8;

/// A handler with `SA_SIGINFO`, as the kernel calls all. It may unwind, if the user's does.
type Handler = unsafe extern "C-unwind" fn(c_int, *mut siginfo_t, *mut c_void);

/// A signal's places.
struct Places {
    functions: [AtomicUsize; FRONTS],
    /// Which is used next.
    turn: AtomicUsize,
}

static PLACES: [Places; Signal::MAX.0 as usize + 1] = [const {
    Places { functions: [const { AtomicUsize::new(0) }; FRONTS], turn: AtomicUsize::new(0) }
}; Signal::MAX.0 as usize + 1];

/// The signals whose handler's mask was given SIGURG.
static DEFERRED: AtomicU64 = AtomicU64::new(0);

/// The signals that interrupt calls, though their handlers are installed by `signal`: `siginterrupt`'s.
static INTERRUPTING: AtomicU64 = AtomicU64::new(0);

/// Calls the function in this place of the signal's.
unsafe extern "C-unwind" fn front<const PLACE: usize>(
    signal: c_int,
    info: *mut siginfo_t,
    context: *mut c_void,
) {
    // Acquire: with the Release in `place`.
    let function = PLACES[signal as usize].functions[PLACE].load(Ordering::Acquire);
    let before = here::stand_aside();
    // SAFETY: a place is filled before its front is installed, and `errno` and the frame are as they came.
    unsafe { std::mem::transmute::<usize, Handler>(function)(signal, info, context) };
    here::stand_back(before);
}

fn fronts() -> [usize; FRONTS] {
    [front::<0>, front::<1>, front::<2>, front::<3>, front::<4>, front::<5>, front::<6>, front::<7>]
        .map(|front: Handler| front as *const () as usize)
}

/// The front that calls `function`.
fn front_of(signal: c_int, function: usize) -> usize {
    let places = &PLACES[signal as usize];
    // Relaxed: only compared.
    let known = places.functions.iter().position(|place| place.load(Ordering::Relaxed) == function);
    let place = known.unwrap_or_else(|| {
        let next = || places.turn.fetch_add(1, Ordering::Relaxed) % FRONTS;
        // Not that of the one which is installed, though it may have been so for long.
        let place = match next() {
            place if fronts()[place] == installed(signal) => next(),
            place => place,
        };
        // Release: with the Acquire in `front`.
        places.functions[place].store(function, Ordering::Release);
        place
    });
    fronts()[place]
}

/// The handler that the kernel has.
fn installed(signal: c_int) -> usize {
    let mut action = SigAction::DEFAULT;
    // SAFETY: nothing is changed.
    let _ = unsafe { raw::rt_sigaction(Signal(signal), None, Some(&mut action)) };
    action.handler
}

/// What is called by this handler, as the user knows it.
fn function_of(signal: c_int, handler: usize) -> usize {
    match fronts().iter().position(|front| *front == handler) {
        // Acquire: with the Release in `front_of`.
        Some(place) => PLACES[signal as usize].functions[place].load(Ordering::Acquire),
        None => handler,
    }
}

fn bit(signal: c_int) -> u64 {
    1 << (signal - 1)
}

/// The signals that a program can have handlers for: 32 and 33 are libc's own.
fn is_users(signal: c_int) -> bool {
    (1..=Signal::MAX.0).contains(&signal) && !(32..=33).contains(&signal)
}

/// Sets what happens on a signal, and returns what did; with a front if wanted.
fn act(signal: c_int, new: Option<SigAction>, fronted: bool) -> Result<SigAction, Errno> {
    if !is_users(signal) {
        return Err(Errno::EINVAL);
    }
    let deferred = DEFERRED.load(Ordering::Relaxed) & bit(signal) != 0;
    let new = new.map(|mut new| {
        let is_function =
            new.handler != SigAction::DEFAULT.handler && new.handler != SigAction::IGNORE.handler;
        new.flags |= SaFlags::RESTORER;
        new.restorer = sigframe::restorer();
        if fronted && is_function {
            new.handler = front_of(signal, new.handler);
            if new.flags.contains(SaFlags::NODEFER)
                && !new.mask.contains(Signal::URG)
                && signal != Signal::URG.0
            {
                new.mask = new.mask.with(Signal::URG);
                DEFERRED.fetch_or(bit(signal), Ordering::Relaxed);
                return new;
            }
        }
        DEFERRED.fetch_and(!bit(signal), Ordering::Relaxed);
        new
    });
    let mut old = SigAction::DEFAULT;
    // SAFETY: the user's handler, by its front.
    unsafe { raw::rt_sigaction(Signal(signal), new.as_ref(), Some(&mut old))? };
    old.handler = function_of(signal, old.handler);
    if deferred {
        old.mask = old.mask.without(Signal::URG);
    }
    Ok(old)
}

/// libc's `sigaction` over that.
///
/// # Safety
///
/// That of `sigaction`.
unsafe fn sigaction_by(
    signal: c_int,
    new: *const libc::sigaction,
    old: *mut libc::sigaction,
    fronted: bool,
) -> c_int {
    // SAFETY: the caller's contract. A set of libc's begins with the kernel's.
    let new = unsafe { new.as_ref() }.map(|new| SigAction {
        handler: new.sa_sigaction,
        flags: SaFlags::from_bits_retain(u64::from(new.sa_flags.cast_unsigned())),
        restorer: 0,
        // SAFETY: as above.
        mask: SigSet(unsafe { (&raw const new.sa_mask).cast::<u64>().read() }),
    });
    match act(signal, new, fronted) {
        Ok(found) => {
            // SAFETY: the caller's contract; all may be 0.
            if let Some(old) = unsafe { old.as_mut() } {
                // SAFETY: as above.
                unsafe {
                    old.sa_mask = std::mem::zeroed();
                    (&raw mut old.sa_mask).cast::<u64>().write(found.mask.0);
                    old.sa_restorer =
                        std::mem::transmute::<usize, Option<extern "C" fn()>>(found.restorer);
                }
                old.sa_sigaction = found.handler;
                old.sa_flags = found.flags.bits() as c_int;
            }
            0
        }
        Err(errno) => fail(errno),
    }
}

/// libc's `signal` over that: with these flags and this mask, it returns the handler before.
fn signal_by(
    signal: c_int,
    handler: sighandler_t,
    flags: SaFlags,
    mask: SigSet,
    fronted: bool,
) -> sighandler_t {
    let new = SigAction { handler, flags, restorer: 0, mask };
    let old =
        if handler == libc::SIG_ERR { Err(Errno::EINVAL) } else { act(signal, Some(new), fronted) };
    match old {
        Ok(old) => old.handler,
        Err(errno) => {
            let _: c_int = fail(errno);
            libc::SIG_ERR
        }
    }
}

/// BSD's way: the handler stays, the signal is blocked in it, calls go on.
fn bsd_signal_by(signal: c_int, handler: sighandler_t, fronted: bool) -> sighandler_t {
    let interrupts = is_users(signal) && INTERRUPTING.load(Ordering::Relaxed) & bit(signal) != 0;
    let flags = if interrupts { SaFlags::empty() } else { SaFlags::RESTART };
    signal_by(signal, handler, flags, SigSet::EMPTY.with(Signal(signal)), fronted)
}

/// System V's: the handler is gone when it is called, the signal is not blocked in it, calls are interrupted.
fn sysv_signal_by(signal: c_int, handler: sighandler_t, fronted: bool) -> sighandler_t {
    signal_by(signal, handler, SaFlags::RESETHAND | SaFlags::NODEFER, SigSet::EMPTY, fronted)
}

/// Whether `signal` interrupts calls, from now on and for handlers that `signal` installs.
fn interrupt(signal: c_int, interrupts: bool, fronted: bool) -> Result<(), Errno> {
    let mut action = act(signal, None, fronted)?;
    if interrupts {
        INTERRUPTING.fetch_or(bit(signal), Ordering::Relaxed);
        action.flags.remove(SaFlags::RESTART);
    } else {
        INTERRUPTING.fetch_and(!bit(signal), Ordering::Relaxed);
        action.flags.insert(SaFlags::RESTART);
    }
    act(signal, Some(action), fronted).map(|_| ())
}

/// libc's `siginterrupt` over that.
fn siginterrupt_by(signal: c_int, interrupts: bool, fronted: bool) -> c_int {
    match interrupt(signal, interrupts, fronted) {
        Ok(()) => 0,
        Err(errno) => fail(errno),
    }
}

unsafe extern "C-unwind" {
    /// libc's `longjmp`, by a name that is not taken over.
    fn _longjmp(place: *mut c_void, value: c_int) -> !;
}

/// `longjmp`, maybe out of a handler.
///
/// # Safety
///
/// That of `longjmp`.
unsafe fn jump(place: *mut c_void, value: c_int) -> ! {
    here::leave_handlers();
    // SAFETY: the caller's contract; nothing is to be dropped here.
    unsafe { _longjmp(place, value) }
}

/// `rt_sigtimedwait`'s words.
fn words(set: *const sigset_t, info: *mut siginfo_t, time: *const timespec) -> [usize; 4] {
    [set.expose_provenance(), info.expose_provenance(), time.expose_provenance(), SET_SIZE]
}

/// What a `kill` of one thread is in libc: no different.
///
/// # Safety
///
/// There is what the kernel has told, if it has, or null.
unsafe fn told(result: usize, info: *mut siginfo_t) -> c_int {
    // SAFETY: the caller's contract.
    if let (Ok(_), Some(info)) = (Errno::from_ret(result), unsafe { info.as_mut() })
        && info.si_code == libc::SI_TKILL
    {
        info.si_code = libc::SI_USER;
    }
    answer(result)
}

/// `sigwait`, by a `call` that is made again when it was interrupted: 0, or the error.
///
/// # Safety
///
/// That of `sigwait`.
unsafe fn wait(
    set: *const sigset_t,
    signal: *mut c_int,
    call: impl Fn([usize; 4]) -> usize,
) -> c_int {
    loop {
        match Errno::from_ret(call(words(set, null_mut(), null()))) {
            Ok(found) => {
                // SAFETY: the caller's contract.
                unsafe { signal.write(found as c_int) };
                return 0;
            }
            Err(Errno::EINTR) => {}
            Err(errno) => return errno.raw(),
        }
    }
}

macro_rules! set_anywhere {
    (
        $($name:ident($($arg:ident: $type:ty),*) -> $ret:ty = $by:ident($($given:expr),*);)*
        --- $($more:tt)*
    ) => {
        take_over! {
            $(
                /// In the handler everything goes straight to the kernel.
                fn $name($($arg: $type),*) -> $ret else {
                    // SAFETY: the caller's contract.
                    #[allow(unused_unsafe, reason = "some of them only read their arguments")]
                    unsafe { $by($($given,)* !entries::$name.is_off()) }
                } => {
                    // SAFETY: as above.
                    #[allow(unused_unsafe, reason = "as above")]
                    unsafe { $by($($given,)* true) }
                }
            )*
            $($more)*
        }
    };
}

set_anywhere! {
    sigaction(signal: c_int, new: *const libc::sigaction, old: *mut libc::sigaction) -> c_int
        = sigaction_by(signal, new, old);
    signal(signal: c_int, handler: sighandler_t) -> sighandler_t = bsd_signal_by(signal, handler);
    bsd_signal(signal: c_int, handler: sighandler_t) -> sighandler_t = bsd_signal_by(signal, handler);
    ssignal(signal: c_int, handler: sighandler_t) -> sighandler_t = bsd_signal_by(signal, handler);
    sysv_signal(signal: c_int, handler: sighandler_t) -> sighandler_t = sysv_signal_by(signal, handler);
    __sysv_signal(signal: c_int, handler: sighandler_t) -> sighandler_t = sysv_signal_by(signal, handler);
    siginterrupt(signal: c_int, interrupts: c_int) -> c_int = siginterrupt_by(signal, interrupts != 0);
    ---
    /// Out of a handler, things are as before it.
    fn longjmp(place: *mut c_void, value: c_int) -> ! else {
        // SAFETY: the caller's contract.
        unsafe { jump(place, value) }
    } => {
        // SAFETY: as above.
        unsafe { jump(place, value) }
    }

    /// Out of a handler, things are as before it.
    fn siglongjmp(place: *mut c_void, value: c_int) -> ! else {
        // SAFETY: the caller's contract.
        unsafe { jump(place, value) }
    } => {
        // SAFETY: as above.
        unsafe { jump(place, value) }
    }

    /// The same, with a check of the stack.
    fn __longjmp_chk(place: *mut c_void, value: c_int) -> ! else {
        here::leave_handlers();
        // SAFETY: the caller's contract; libc's type.
        unsafe { real!(__longjmp_chk(place, value): fn(*mut c_void, c_int) -> !) }
    } => {
        // SAFETY: as above.
        unsafe { real!(__longjmp_chk(place, value): fn(*mut c_void, c_int) -> !) }
    }

    /// The thread waits for a signal.
    fn sigsuspend(mask: *const sigset_t) -> c_int else {
        // SAFETY: the caller's contract.
        answer(unsafe { kernel(nr::RT_SIGSUSPEND, [mask.expose_provenance(), SET_SIZE]) })
    } => {
        // SAFETY: as above.
        answer(unsafe { blocking(nr::RT_SIGSUSPEND, [mask.expose_provenance(), SET_SIZE]) })
    }

    /// The thread waits for a signal.
    fn sigwait(set: *const sigset_t, signal: *mut c_int) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { wait(set, signal, |words| kernel(nr::RT_SIGTIMEDWAIT, words)) }
    } => {
        // SAFETY: as above.
        unsafe { wait(set, signal, |words| blocking(nr::RT_SIGTIMEDWAIT, words)) }
    }

    /// The thread waits for a signal.
    fn sigwaitinfo(set: *const sigset_t, info: *mut siginfo_t) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { told(kernel(nr::RT_SIGTIMEDWAIT, words(set, info, null())), info) }
    } => {
        // SAFETY: as above.
        unsafe { told(blocking(nr::RT_SIGTIMEDWAIT, words(set, info, null())), info) }
    }

    /// The thread waits for a signal.
    fn sigtimedwait(set: *const sigset_t, info: *mut siginfo_t, time: *const timespec) -> c_int else {
        // SAFETY: the caller's contract.
        unsafe { told(kernel(nr::RT_SIGTIMEDWAIT, words(set, info, time)), info) }
    } => {
        // SAFETY: as above.
        unsafe { told(blocking(nr::RT_SIGTIMEDWAIT, words(set, info, time)), info) }
    }
}
