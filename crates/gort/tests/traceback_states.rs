//! Every state that a goroutine can be in, with the known chain of its calls.
//!
//! Shown to fail: without the saved frame pointer (calls), with pcs of interrupted frames looked up as
//! return addresses, without the creator, and with threads that answer too late held.
//!
//! # Safety
//!
//! libgcc tells where a function begins; the functions of C that are called have no conditions.

#![allow(unsafe_code)]

mod support;

use gort::chan;
use gort_rt::WaitReason;
use gort_rt::traceback::{Goroutine, How, Pc, State, each};
use std::ffi::c_void;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
}

/// Looks at all, and returns the one with this name.
fn look(name: &str) -> Seen {
    let mut found = None;
    let missing = each(How::Live, &mut |goroutine, frames| {
        if goroutine.name.as_str() == Some(name) {
            let functions = frames.iter().map(|pc| function(*pc)).collect();
            found = Some(Seen { goroutine: *goroutine, functions });
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
fn running() {
    check(spins, State::Running, |_| ());
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
