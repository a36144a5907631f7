//! The signal that pre-empts, and the program's own signals: who gets which, and where goroutines are left
//! alone.
//!
//! # Safety
//!
//! Handlers use atomics, the thread's number and their own stack. libc's functions get valid structures.

#![allow(unsafe_code)]

mod support;

use gort::runtime::stats;
use gort::syscall::types::{Signal, Timespec};
use gort::syscall::{nanosleep, raw};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use support::hogs::{Hog, all_progress, among, turn, until_taken};
use support::storm::storm;
use support::{Child, all, is_child, matrix, spin, stderr};

const MILLISECOND: Timespec = Timespec { sec: 0, nsec: 1_000_000 };

/// Installs a handler by libc.
fn handle(signal: i32, handler: usize, flags: i32) {
    // SAFETY: see the module.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        (action.sa_sigaction, action.sa_flags) = (handler, flags);
        assert_eq!(libc::sigaction(signal, &action, std::ptr::null_mut()), 0);
    }
}

static SEEN: AtomicUsize = AtomicUsize::new(0);

extern "C" fn plain(signal: i32) {
    assert_eq!(signal, libc::SIGURG);
    SEEN.fetch_add(1, Ordering::Relaxed);
}

extern "C" fn with_information(
    signal: i32,
    info: *const libc::siginfo_t,
    context: *const libc::ucontext_t,
) {
    // SAFETY: the kernel's, as for any handler.
    let (code, sp) =
        unsafe { ((*info).si_code, (*context).uc_mcontext.gregs[libc::REG_RSP as usize]) };
    assert_eq!((signal, sp != 0), (libc::SIGURG, true));
    assert!(code == libc::SI_TKILL || code == libc::SI_USER);
    SEEN.fetch_add(1, Ordering::Relaxed);
}

/// The program's own signals reach its handler, and the runtime's do not.
fn forwarded() {
    gort::run(|| ());
    let send = |send: &dyn Fn()| {
        let before = SEEN.load(Ordering::Relaxed);
        send();
        while SEEN.load(Ordering::Relaxed) == before {
            nanosleep(&MILLISECOND, None).unwrap_or_default();
        }
        assert_eq!(SEEN.load(Ordering::Relaxed), before + 1);
    };
    for procs in [1, 2, 4] {
        gort::runtime::gomaxprocs(Some(procs));
        gort::run(|| {
            send(&|| raw::kill(raw::getpid(), Signal::URG).unwrap());
            send(&|| raw::tgkill(raw::getpid(), raw::gettid(), Signal::URG).unwrap());
        });
        send(&|| raw::kill(raw::getpid(), Signal::URG).unwrap());
        let before = (SEEN.load(Ordering::Relaxed), stats().preemptions);
        gort::run(|| {
            among(&vec![turn as Hog; procs + 1], |_| {
                while stats().preemptions < before.1 + 30 {
                    nanosleep(&MILLISECOND, None).unwrap_or_default();
                }
            });
        });
        assert_eq!(SEEN.load(Ordering::Relaxed), before.0);
    }
}

#[test]
fn others_reach_the_programs_handler() {
    for output in [
        Child::new("plain", || {
            handle(libc::SIGURG, plain as *const () as usize, libc::SA_RESTART);
            forwarded();
        })
        .run(),
        Child::new("information", || {
            let handler = with_information as *const () as usize;
            handle(libc::SIGURG, handler, libc::SA_RESTART | libc::SA_SIGINFO);
            forwarded();
        })
        .run(),
        // Nobody sees them, and nothing happens.
        Child::new("ignored", || {
            handle(libc::SIGURG, libc::SIG_IGN, 0);
            let _storm = storm(Some(1000));
            gort::run(|| all(4, |_| spin(3_000_000)));
        })
        .run(),
    ] {
        if !is_child() {
            assert!(output.status.success(), "{:?} {}", output.status, stderr(&output));
        }
    }
}

/// A handler on the goroutine's stack is not taken off its thread, however long it runs.
#[test]
fn handlers_on_the_goroutines_stack_are_left_alone() {
    static MOVED: AtomicUsize = AtomicUsize::new(0);
    static RUNNING: AtomicUsize = AtomicUsize::new(0);
    static ENDED: AtomicUsize = AtomicUsize::new(0);
    static END: AtomicBool = AtomicBool::new(false);
    extern "C" fn on_stack(_: i32) {
        let (thread, here) = (raw::gettid(), 0);
        RUNNING.fetch_add(1, Ordering::Relaxed);
        while !END.load(Ordering::Relaxed) {
            spin(100);
        }
        black_box(&here);
        MOVED.fetch_add(usize::from(raw::gettid() != thread), Ordering::Relaxed);
        ENDED.fetch_add(1, Ordering::Relaxed);
    }
    handle(libc::SIGUSR1, on_stack as *const () as usize, 0);
    matrix(|procs| {
        let _storm = storm(Some(1000));
        END.store(false, Ordering::Relaxed);
        let (before, ended) = (RUNNING.load(Ordering::Relaxed), ENDED.load(Ordering::Relaxed));
        gort::scope(|s| {
            for _ in 0..procs + 1 {
                s.go(|| {
                    // libc's, in whose text it stays on its thread: it is not to hit another one.
                    // SAFETY: no conditions.
                    assert_eq!(unsafe { libc::raise(libc::SIGUSR1) }, 0);
                    // And can be taken off again afterwards.
                    spin(1_000_000);
                });
            }
            // The others get their Ps, and then mine.
            while RUNNING.load(Ordering::Relaxed) < before + procs + 1 {
                gort::gosched();
            }
            let hits = stats().preemptions;
            among(&[turn as Hog; 2], |rounds| all_progress(rounds, 3));
            while stats().preemptions < hits + 20 {
                gort::gosched();
            }
            END.store(true, Ordering::Relaxed);
        });
        assert_eq!(ENDED.load(Ordering::Relaxed), ended + procs + 1);
        assert_eq!(MOVED.load(Ordering::Relaxed), 0);
    });
}

/// All signals blocked: only the P can be taken.
#[test]
fn goroutines_with_blocked_signals_keep_nobody_out() {
    fn blocked(stop: &AtomicBool, rounds: &AtomicU64) {
        let _guard = gort::lock_os_thread();
        // SAFETY: see the module.
        let before = unsafe {
            let (mut all, mut before) = (std::mem::zeroed(), std::mem::zeroed());
            libc::sigfillset(&mut all);
            assert_eq!(libc::pthread_sigmask(libc::SIG_BLOCK, &all, &mut before), 0);
            before
        };
        turn(stop, rounds);
        // SAFETY: see the module.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut()) };
        // And now it can be hit again.
        spin(1_000_000);
    }
    matrix(|procs| {
        until_taken(|wait| {
            among(&vec![blocked as Hog; procs], |rounds| {
                wait();
                all_progress(rounds, 10);
            });
        });
    });
}

/// Where the goroutine's stack ends, without its guard.
fn stack_end() -> usize {
    // SAFETY: see the module.
    unsafe {
        let mut attributes = std::mem::zeroed();
        assert_eq!(libc::pthread_getattr_np(libc::pthread_self(), &mut attributes), 0);
        let (mut low, mut size) = (std::ptr::null_mut(), 0);
        libc::pthread_attr_getstack(&attributes, &mut low, &mut size);
        libc::pthread_attr_destroy(&mut attributes);
        low.expose_provenance()
    }
}

/// Calls `body` with no more than a frame of `left` bytes of stack.
#[inline(never)]
fn deep(end: usize, left: usize, body: &dyn Fn()) {
    let frame = black_box([0u8; 256]);
    if frame.as_ptr().expose_provenance() - end > left {
        deep(end, left, body);
    } else {
        body();
    }
    assert_eq!(black_box(frame), [0; 256]);
}

/// There is no room to save the registers: only the P can be taken.
#[test]
fn goroutines_at_the_end_of_their_stacks_keep_nobody_out() {
    matrix(|procs| {
        let _storm = storm(Some(1000));
        until_taken(|wait| {
            let (stop, rounds) = (AtomicBool::new(false), AtomicU64::new(0));
            gort::scope(|s| {
                for _ in 0..procs {
                    s.go(|| deep(stack_end(), 2500, &|| turn(&stop, &rounds)));
                }
                wait();
                stop.store(true, Ordering::Relaxed);
            });
            assert!(rounds.into_inner() > 0);
        });
    });
}

/// At each depth, whatever there is room for.
#[test]
fn goroutines_with_ever_less_stack_are_pre_empted_while_they_can_be() {
    matrix(|_| {
        let _storm = storm(None);
        all(3, |_| {
            let end = stack_end();
            for left in (2000..30_000).step_by(500) {
                deep(end, left, &|| spin(3000));
            }
        });
    });
}

/// The thread that runs the goroutine ends, and its number may be another's, while signals are sent.
#[test]
fn signals_for_threads_that_end() {
    matrix(|procs| {
        let _storm = storm(Some(2000));
        among(&vec![turn as Hog; procs], |rounds| {
            for _ in 0..10 {
                all(5, |_| {
                    std::mem::forget(gort::lock_os_thread());
                    spin(10_000);
                });
                all_progress(&rounds[..1], 1);
            }
        });
    });
}
