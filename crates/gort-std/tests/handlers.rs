//! Signal handlers that wake at futexes, whatever they have interrupted, the runtime too.
//!
//! # Safety
//!
//! The handler makes one system call; words are static.

#![allow(unsafe_code)]

mod support;

use gort_std as _;
use gort_sys::raw::getpid;
use libc::c_int;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use support::{PROCS, serial, watchdog};

static WORD: AtomicU32 = AtomicU32::new(0);

fn futex(operation: c_int, value: u32) {
    // SAFETY: see the module.
    unsafe {
        libc::syscall(libc::SYS_futex, &WORD, operation | libc::FUTEX_PRIVATE_FLAG, value, 0_usize)
    };
}

extern "C" fn change(_: c_int) {
    WORD.fetch_add(1, Ordering::Relaxed);
    futex(libc::FUTEX_WAKE, i32::MAX as u32);
}

/// This process's threads.
fn tids() -> Vec<c_int> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("/proc is mounted");
    let names = tasks.map(|task| task.expect("it can be read").file_name());
    names.map(|name| name.to_string_lossy().parse().expect("a number")).collect()
}

const WAITERS: usize = 8;
const BUSY: usize = 4;

/// One thread after the other is interrupted, and each time all who wait see what the handler has changed.
fn interrupt(procs: usize, rounds: usize) {
    gort::runtime::gomaxprocs(Some(procs));
    let over = AtomicBool::new(false);
    let seen: [AtomicU32; WAITERS] = Default::default();
    let waits = |seen: &AtomicU32| {
        while !over.load(Ordering::Relaxed) {
            let now = WORD.load(Ordering::Relaxed);
            seen.store(now, Ordering::Relaxed);
            futex(libc::FUTEX_WAIT, now);
        }
    };
    // In and out of the runtime.
    let busy = || {
        while !over.load(Ordering::Relaxed) {
            gort::gosched();
        }
    };
    let interrupts = || {
        for round in 0..rounds {
            let tids = tids();
            let before = WORD.load(Ordering::Relaxed);
            // A thread that blocks the signal, or is gone, is left to others.
            for tid in tids.iter().cycle().skip(round % tids.len()) {
                // SAFETY: sends a signal to a thread of this process, or to nobody.
                unsafe { libc::syscall(libc::SYS_tgkill, getpid().0, *tid, libc::SIGUSR1) };
                std::thread::sleep(Duration::from_micros(20));
                if WORD.load(Ordering::Relaxed) != before {
                    break;
                }
            }
            let now = WORD.load(Ordering::Relaxed);
            while seen.iter().any(|seen| seen.load(Ordering::Relaxed) < now) {
                std::thread::sleep(Duration::from_micros(20));
            }
        }
        over.store(true, Ordering::Relaxed);
        change(0);
    };
    std::thread::scope(|s| {
        s.spawn(interrupts);
        gort::run(|| {
            gort::scope(|s| {
                for seen in &seen {
                    s.go(|| waits(seen));
                }
                for _ in 0..BUSY {
                    s.go(busy);
                }
            });
        });
    });
}

#[test]
fn a_handlers_wake_is_not_lost() {
    let _one = serial();
    let _watchdog = watchdog();
    // SAFETY: a handler that may be one.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = change as *const () as usize;
        action.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART;
        libc::sigaction(libc::SIGUSR1, &action, null_mut());
    }
    for procs in PROCS {
        interrupt(procs, 200);
    }
}
