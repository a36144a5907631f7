//! Every state that a goroutine can be in, with the known chain of its calls.
//!
//! Shown to fail: without the saved frame pointer (calls), with who runs taken for parked, without the
//! creator, with rows of other addresses, with threads held that answer too late, with the signal passed on,
//! and with the oldest frames in a wrong order.
//!
//! # Safety
//!
//! libgcc tells where a function begins; the functions of C that are called have no conditions.

#![allow(unsafe_code)]

mod support;

use gort::chan;
use gort_rt::WaitReason;
use gort_rt::traceback::{FIRST, Goroutine, How, Pc, State, each};
use gort_sys::raw;
use gort_sys::types::{SigHow, SigSet};
use std::ffi::c_void;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

unsafe extern "C" {
    fn _Unwind_FindEnclosingFunction(pc: *mut c_void) -> *mut c_void;
}

/// Where the function begins that `pc` is in.
fn function(pc: Pc) -> usize {
    let place = if pc.exact { pc.pc } else { pc.pc - 1 };
    // SAFETY: takes any address. libgcc looks one byte before.
    unsafe { _Unwind_FindEnclosingFunction(std::ptr::without_provenance_mut(place + 1)) }.addr()
}

/// What was seen of one goroutine: it, and the functions that it is in, innermost first.
struct Seen {
    goroutine: Goroutine,
    functions: Vec<usize>,
    /// How many of them were interrupted.
    interrupted: usize,
}

/// Looks at all, and returns the one with this name.
fn look(name: &str) -> Seen {
    let mut found = None;
    let missing = each(How::Live, &mut |goroutine, frames| {
        if goroutine.name.as_str() == Some(name) {
            let functions = frames.iter().map(|pc| function(*pc)).collect();
            let interrupted = frames.iter().filter(|pc| pc.exact).count();
            found = Some(Seen { goroutine: *goroutine, functions, interrupted });
        }
    });
    assert_eq!(missing, 0);
    found.unwrap_or_else(|| panic!("there is no {name}"))
}

/// Looks until the goroutine is in that state.
fn wait_for(name: &str, state: State) -> Seen {
    let _watchdog = support::watchdog();
    loop {
        let seen = look(name);
        if seen.goroutine.state == state {
            return seen;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

impl Seen {
    /// Its functions are these, innermost first, with others between them.
    #[track_caller]
    fn is_in(&self, chain: &[usize]) -> &Seen {
        let mut rest = chain.iter().peekable();
        for function in &self.functions {
            if rest.peek() == Some(&function) {
                rest.next();
            }
        }
        assert_eq!(rest.next(), None, "{:x?} of {chain:x?}; {:x?}", self.goroutine, self.functions);
        assert_eq!(self.goroutine.unseen, None);
        self
    }
}

macro_rules! at {
    ($function:expr) => {
        $function as *const () as usize
    };
}

/// Its frame hangs on the frame pointer.
#[repr(align(128))]
struct Aligned([u8; 128]);

#[inline(never)]
fn outer(f: fn(&Shared), shared: &Shared) {
    let mut local = Aligned([1; 128]);
    black_box(&mut local.0);
    middle(f, shared);
    black_box(&local);
}

#[inline(never)]
fn middle(f: fn(&Shared), shared: &Shared) {
    f(shared);
    black_box(());
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    mutex: gort::sync::Mutex<()>,
}

#[inline(never)]
fn receives(shared: &Shared) {
    let (send, receive) = chan::bounded::<()>(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !shared.stop.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
            }
            drop(send);
        });
        let _ = receive.recv();
    });
    black_box(());
}

#[inline(never)]
fn locks(shared: &Shared) {
    drop(shared.mutex.lock());
    black_box(());
}

#[inline(never)]
fn sleeps(shared: &Shared) {
    while !shared.stop.load(Ordering::Relaxed) {
        gort::time::sleep(Duration::from_millis(50));
    }
}

#[inline(never)]
fn spins(shared: &Shared) {
    while !shared.stop.load(Ordering::Relaxed) {
        std::hint::spin_loop();
    }
}

/// Without having said so.
#[inline(never)]
fn blocks(shared: &Shared) {
    while !shared.stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(300));
    }
}

#[inline(never)]
fn calls(shared: &Shared) {
    while !shared.stop.load(Ordering::Relaxed) {
        let time = gort_sys::types::Timespec { sec: 0, nsec: 300_000_000 };
        let _ = gort::syscall::nanosleep(&time, None);
    }
}

#[inline(never)]
fn in_c(shared: &Shared) {
    while !shared.stop.load(Ordering::Relaxed) {
        // SAFETY: takes any number.
        gort::ffi::call_with(|| unsafe { libc::usleep(300_000) });
    }
}

#[inline(never)]
fn called_back(shared: &Shared) {
    gort::ffi::call_with(|| gort::ffi::callback(|| outer(sleeps, shared)));
}

#[inline(never)]
fn yields(shared: &Shared) {
    while !shared.stop.load(Ordering::Relaxed) {
        gort::gosched();
    }
}

#[inline(never)]
fn sleeps_on_its_thread(shared: &Shared) {
    let _guard = gort::lock_os_thread();
    sleeps(shared);
    black_box(());
}

#[inline(never)]
fn start(name: &str, f: fn(&Shared), shared: &Arc<Shared>) -> gort::JoinHandle<()> {
    let shared = Arc::clone(shared);
    gort::Builder::new().name(name.into()).spawn(move || outer(f, &shared)).unwrap()
}

fn check(f: fn(&Shared), state: State, more: fn(&Seen)) {
    let _one = support::serial();
    let shared = Arc::new(Shared::default());
    let held = shared.mutex.lock();
    let handle = start("it", f, &shared);
    let seen = wait_for("it", state);
    for _ in 0..20 {
        // It may be between two calls.
        let seen = wait_for("it", state);
        seen.is_in(&[at!(f), at!(middle), at!(outer)]);
        more(&seen);
        let creator = function(Pc { pc: seen.goroutine.creator, exact: false });
        assert_eq!((creator, seen.goroutine.parent), (at!(start), 0));
    }
    drop(seen);
    shared.stop.store(true, Ordering::Relaxed);
    drop(held);
    handle.join().unwrap();
}

#[test]
fn parked() {
    check(receives, State::Waiting, |seen| {
        assert_eq!(seen.goroutine.reason, Some(WaitReason::ChanReceive));
    });
    check(locks, State::Waiting, |seen| {
        assert_eq!(seen.goroutine.reason, Some(WaitReason::MutexLock));
    });
    check(sleeps, State::Waiting, |seen| {
        assert_eq!(seen.goroutine.reason, Some(WaitReason::Sleep));
        assert!(seen.goroutine.waited.is_some_and(|time| time < 60_000_000_000));
    });
}

#[test]
fn parked_on_its_thread() {
    check(sleeps_on_its_thread, State::Waiting, |seen| assert!(seen.goroutine.locked));
}

#[test]
fn running() {
    // It may have been pre-empted before, and not be back.
    check(spins, State::Running, |seen| assert!(seen.interrupted >= 1));
}

/// Beside another one on the only P.
fn one_of_two(f: fn(&Shared), more: fn(&Seen)) {
    let shared = Arc::new(Shared::default());
    let before = gort::runtime::gomaxprocs(Some(1));
    let other = start("other", f, &shared);
    check(f, State::Runnable, more);
    shared.stop.store(true, Ordering::Relaxed);
    other.join().unwrap();
    gort::runtime::gomaxprocs(Some(before));
}

#[test]
fn runnable() {
    static YIELDED: AtomicUsize = AtomicUsize::new(0);
    one_of_two(yields, |seen| {
        // Where the machine holds its thread up, it is pre-empted all the same.
        assert!(seen.interrupted <= 1);
        YIELDED.fetch_add(1 - seen.interrupted, Ordering::Relaxed);
    });
    assert!(YIELDED.load(Ordering::Relaxed) > 0, "it was pre-empted each time");
}

/// It is where it was pre-empted.
#[test]
fn preempted() {
    one_of_two(spins, |seen| assert_eq!(seen.interrupted, 1));
}

/// Held by the signal all the same.
#[test]
fn running_and_not_to_be_preempted() {
    let output = support::Child::new("off", || {
        let shared = Arc::new(Shared::default());
        start("it", spins, &shared);
        for _ in 0..20 {
            wait_for("it", State::Running).is_in(&[at!(spins), at!(middle), at!(outer)]);
        }
        println!("it was seen");
    })
    .env("GORT_DEBUG", "asyncpreemptoff=1")
    .run();
    if !support::is_child() {
        assert!(support::stdout(&output).contains("it was seen\n"), "{}", support::stderr(&output));
    }
}

#[inline(never)]
fn descends(depth: usize, shared: &Shared) {
    if depth == 0 {
        sleeps(shared)
    } else {
        descends(depth - 1, shared)
    }
    black_box(depth);
}

/// How deep, and the function that all goroutines begin in.
static DEPTH: AtomicUsize = AtomicUsize::new(0);
static BOTTOM: AtomicUsize = AtomicUsize::new(0);

#[inline(never)]
fn is_deep(shared: &Shared) {
    descends(DEPTH.load(Ordering::Relaxed), shared);
    black_box(());
}

/// The newest frames, and the oldest.
#[test]
fn deep() {
    check(sleeps, State::Waiting, |seen| {
        BOTTOM.store(*seen.functions.last().unwrap(), Ordering::Relaxed);
    });
    for depth in [230, 231] {
        DEPTH.store(depth, Ordering::Relaxed);
        check(is_deep, State::Waiting, |seen| {
            seen.is_in(&[at!(sleeps), at!(descends), at!(is_deep), at!(middle), at!(outer)]);
            let (new, old) = seen.functions.split_at(FIRST);
            assert!(seen.goroutine.elided > 100 && old.len() == FIRST);
            assert!(new.ends_with(&[at!(descends); 9]) && old.starts_with(&[at!(descends); 9]));
            assert_eq!(old.last(), Some(&BOTTOM.load(Ordering::Relaxed)));
        });
    }
}

/// The program's own handler of the signal gets none that is not for it.
#[test]
fn the_programs_handler_is_not_called() {
    static CALLED: AtomicBool = AtomicBool::new(false);
    extern "C" fn handler(_: std::ffi::c_int) {
        CALLED.store(true, Ordering::Relaxed);
    }
    let output = support::Child::new("urg", || {
        let handler: extern "C" fn(std::ffi::c_int) = handler;
        // SAFETY: the handler writes an atomic.
        unsafe { libc::signal(gort_rt::SIGNAL.0, handler as *const () as usize) };
        let shared = Arc::new(Shared::default());
        start("it", spins, &shared);
        for _ in 0..20 {
            wait_for("it", State::Running).is_in(&[at!(spins), at!(middle), at!(outer)]);
        }
        let before = CALLED.load(Ordering::Relaxed);
        raw::kill(raw::getpid(), gort_rt::SIGNAL).unwrap();
        while !CALLED.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        println!("{}", if before { "it was called" } else { "it was not called" });
    })
    .env("GORT_DEBUG", "asyncpreemptoff=1")
    .run();
    if !support::is_child() {
        let out = support::stdout(&output);
        assert!(out.contains("it was not called\n"), "{out} {}", support::stderr(&output));
    }
}

/// Who has the signal blocked is not seen, and not held when it comes after all.
#[test]
fn who_answers_too_late_goes_on() {
    static BLOCKED: AtomicBool = AtomicBool::new(false);
    static UNBLOCK: AtomicBool = AtomicBool::new(false);
    let _watchdog = support::watchdog();
    let mask = SigSet::EMPTY.with(gort_rt::SIGNAL);
    let handle = gort::go(move || {
        let _guard = gort::lock_os_thread();
        raw::rt_sigprocmask(SigHow::BLOCK, Some(&mask)).unwrap();
        BLOCKED.store(true, Ordering::Relaxed);
        // It sleeps, so nobody waits for it for long.
        while !UNBLOCK.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
        raw::rt_sigprocmask(SigHow::UNBLOCK, Some(&mask)).unwrap();
    });
    while !BLOCKED.load(Ordering::Relaxed) {
        std::thread::yield_now();
    }
    let mut seen = None;
    each(How::Live, &mut |goroutine, pcs| {
        if goroutine.id == handle.id().as_u64() {
            assert!(pcs.is_empty());
            seen = goroutine.unseen;
        }
    });
    assert_eq!(seen, Some("its thread does not answer"));
    UNBLOCK.store(true, Ordering::Relaxed);
    handle.join().unwrap();
}

/// Looking takes little of its own stack.
#[test]
fn from_a_small_stack() {
    let look = || {
        let mut all = 0;
        each(How::Live, &mut |_, _| all += 1);
        all
    };
    let handle = gort::Builder::new().stack_size(16 << 10).spawn(look).unwrap();
    assert!(handle.join().unwrap() > 0);
}

#[test]
fn blocked_without_a_word() {
    check(blocks, State::Running, |_| ());
}

#[test]
fn in_a_call() {
    check(calls, State::Syscall, |seen| {
        assert_eq!(seen.goroutine.call, Some(libc::SYS_nanosleep as usize));
    });
}

#[test]
fn in_a_call_of_c() {
    check(in_c, State::InC, |_| ());
}

#[test]
fn in_a_callback() {
    check(called_back, State::Waiting, |seen| {
        let chain = [sleeps as fn(&Shared), called_back].map(|f| at!(f));
        seen.is_in(&[chain[0], at!(middle), at!(outer), chain[1], at!(middle), at!(outer)]);
        assert!(seen.goroutine.locked);
    });
}
