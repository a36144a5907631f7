//! Signals: dispositions, masks, and taking them.
//!
//! # Safety
//!
//! Handlers only store to atomics; libc's functions get the arguments of ours.

#![allow(unsafe_code)]

mod support;

use gort_sys::types::*;
use gort_sys::{Errno, raw};
use std::os::unix::thread::JoinHandleExt;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use support::{c, child_holds, watchdog};

/// libc's view of the thread's mask, as the kernel's 64 bits.
fn mask_by_libc() -> SigSet {
    let mut set = 0u64;
    let (number, size) = (libc::SYS_rt_sigprocmask, 8usize);
    c!(libc::syscall(number, 0, null::<u64>(), &mut set, size)).unwrap();
    SigSet(set)
}

#[test]
fn sets() {
    let set = SigSet::EMPTY.with(Signal::HUP).with(Signal::MAX).with(Signal(65)).with(Signal(0));
    assert_eq!(set, SigSet(1 | 1 << 63));
    assert!(set.contains(Signal::HUP) && !set.contains(Signal::INT) && !set.contains(Signal(65)));
    assert_eq!(set.without(Signal::HUP), SigSet(1 << 63));
    assert!(SigSet::FULL.contains(Signal(33)));
    for number in 1..=31 {
        let signal = Signal(number);
        let name = signal.name().unwrap();
        assert_eq!(signal.to_string(), name);
        // SAFETY: libc's string is static.
        let text = unsafe { CStr::from_ptr(libc::strsignal(number)) };
        assert!(!text.is_empty() && name.starts_with("SIG"));
    }
    let named = [Signal::USR1, Signal::CHLD, Signal::SYS, Signal::STKFLT].map(Signal::name);
    assert_eq!(named, ["SIGUSR1", "SIGCHLD", "SIGSYS", "SIGSTKFLT"].map(Some));
    assert_eq!((Signal(34).name(), Signal(34).to_string()), (None, "signal 34".to_string()));
    assert_eq!(
        (Signal::STKFLT.0, Signal::CHLD.0, Signal::SYS.0),
        (16, libc::SIGCHLD, libc::SIGSYS)
    );
}

#[test]
fn masks() {
    let set = SigSet::EMPTY.with(Signal::USR1).with(Signal(40));
    let old = raw::rt_sigprocmask(SigHow::BLOCK, Some(&set)).unwrap();
    assert_eq!(mask_by_libc(), SigSet(old.0 | set.0));
    assert_eq!(raw::rt_sigprocmask(SigHow::UNBLOCK, None), Ok(SigSet(old.0 | set.0)));
    raw::rt_sigprocmask(SigHow::UNBLOCK, Some(&SigSet::EMPTY.with(Signal(40)))).unwrap();
    assert_eq!(mask_by_libc(), SigSet(old.0 | SigSet::EMPTY.with(Signal::USR1).0));
    raw::rt_sigprocmask(SigHow::SETMASK, Some(&SigSet::FULL)).unwrap();
    let full = SigSet::FULL.without(Signal::KILL).without(Signal::STOP);
    assert_eq!(raw::rt_sigprocmask(SigHow::SETMASK, Some(&old)), Ok(full));
    assert_eq!(raw::rt_sigprocmask(SigHow(3), Some(&set)), Err(Errno::EINVAL));
    assert_eq!(mask_by_libc(), old);
}

#[test]
fn blocked_signals_are_pending_and_are_taken() {
    watchdog();
    let (signal, set) = (Signal(41), SigSet::EMPTY.with(Signal(41)).with(Signal::USR2));
    let old = raw::rt_sigprocmask(SigHow::BLOCK, Some(&set)).unwrap();
    let now = Some(Timespec::default());
    assert_eq!(raw::rt_sigtimedwait(&set, None, now.as_ref()), Err(Errno::EAGAIN));
    let (me, thread) = (raw::getpid(), raw::gettid());
    let info = SigInfo::queue(signal, me, raw::getuid(), 77);
    // SAFETY: no handler sees it: it is blocked here and taken below.
    unsafe { raw::rt_tgsigqueueinfo(me, thread, signal, &info) }.unwrap();
    raw::tkill(thread, Signal::USR2).unwrap();
    assert_eq!(raw::rt_sigpending().map(|pending| SigSet(pending.0 & set.0)), Ok(set));
    let mut got = SigInfo::EMPTY;
    assert_eq!(raw::rt_sigtimedwait(&set, Some(&mut got), None), Ok(Signal::USR2));
    assert_eq!((got.code(), got.pid(), got.uid()), (libc::SI_TKILL, me, raw::getuid()));
    assert_eq!(raw::rt_sigtimedwait(&set, Some(&mut got), None), Ok(signal));
    assert_eq!((got.code(), got.value(), got.signal()), (libc::SI_QUEUE, 77, signal));
    let bad = Timespec { sec: 0, nsec: -1 };
    assert_eq!(raw::rt_sigtimedwait(&set, None, Some(&bad)), Err(Errno::EINVAL));
    // SAFETY: no signal: only checks.
    unsafe { raw::rt_sigqueueinfo(me, Signal(0), &info) }.unwrap();
    raw::rt_sigprocmask(SigHow::SETMASK, Some(&old)).unwrap();
}

static HANDLED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn handler(_: i32) {
    HANDLED.fetch_add(1, SeqCst);
}

/// Installs `handler` through libc and returns what the kernel has.
fn install(signal: Signal) -> SigAction {
    // SAFETY: all zero is a value of libc's structure.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as extern "C" fn(i32) as usize;
    c!(libc::sigaction(signal.0, &action, null_mut())).unwrap();
    let mut kernel = SigAction::DEFAULT;
    // SAFETY: only asks.
    unsafe { raw::rt_sigaction(signal, None, Some(&mut kernel)) }.unwrap();
    assert_eq!(kernel.handler, action.sa_sigaction);
    kernel
}

#[test]
fn dispositions() {
    watchdog();
    child_holds(|| {
        let signal = Signal::USR1;
        let kernel = install(signal);
        assert!(kernel.flags.contains(SaFlags::RESTORER) && kernel.restorer != 0);
        raw::kill(raw::getpid(), signal).unwrap();
        assert_eq!(HANDLED.load(SeqCst), 1);

        // SAFETY: to ignore needs no handler; then libc's again, which is one.
        unsafe {
            let mut old = SigAction::IGNORE;
            raw::rt_sigaction(signal, Some(&SigAction::IGNORE), Some(&mut old)).unwrap();
            assert_eq!(old, kernel);
            raw::kill(raw::getpid(), signal).unwrap();
            assert_eq!(HANDLED.load(SeqCst), 1);
            let again = SigAction { flags: kernel.flags | SaFlags::RESETHAND, ..kernel };
            raw::rt_sigaction(signal, Some(&again), None).unwrap();
            raw::tgkill(raw::getpid(), raw::gettid(), signal).unwrap();
            assert_eq!(HANDLED.load(SeqCst), 2);
            raw::rt_sigaction(signal, None, Some(&mut old)).unwrap();
            assert_eq!(old.handler, SigAction::DEFAULT.handler);
            let kill = raw::rt_sigaction(Signal::KILL, Some(&SigAction::IGNORE), None);
            assert_eq!(kill, Err(Errno::EINVAL));
            assert_eq!(raw::rt_sigaction(Signal(65), None, Some(&mut old)), Err(Errno::EINVAL));
        }
    });
}

/// libc's handlers of these trust that a thread of the process sends them for libc's own purposes.
#[test]
fn signals_of_libc_are_not_sent_to_threads() {
    watchdog();
    child_holds(|| {
        // Both handlers are there once libc has used them.
        let idle = std::thread::spawn(|| {
            loop {
                std::thread::park();
            }
        });
        c!(libc::setuid(libc::getuid())).unwrap();
        c!(libc::pthread_cancel(idle.into_pthread_t())).unwrap();
        let (me, thread) = (raw::getpid(), raw::gettid());
        for signal in [Signal(32), Signal(33)] {
            assert_eq!(raw::tgkill(me, thread, signal), Err(Errno::EINVAL));
            assert_eq!(raw::tkill(thread, signal), Err(Errno::EINVAL));
            let fd = raw::pidfd_open(thread, PidfdFlags::THREAD);
            if let Ok(fd) = fd.or_else(|_| raw::pidfd_open(me, PidfdFlags::empty())) {
                assert_eq!(raw::pidfd_send_signal(&fd, signal), Err(Errno::EINVAL));
            }
            // From a process they mean nothing, and are libc's to ignore.
            assert_eq!(raw::kill(me, signal), Ok(()));
        }
        for signal in [Signal(31), Signal(34)] {
            install(signal);
            assert_eq!(raw::tgkill(me, thread, signal), Ok(()));
        }
        assert_eq!(HANDLED.load(SeqCst), 2);
    });
}

#[test]
fn waiting_for_a_handler() {
    watchdog();
    child_holds(|| {
        install(Signal::USR1);
        let set = SigSet::EMPTY.with(Signal::USR1);
        raw::rt_sigprocmask(SigHow::BLOCK, Some(&set)).unwrap();
        raw::kill(raw::getpid(), Signal::USR1).unwrap();
        assert_eq!(HANDLED.load(SeqCst), 0);
        assert_eq!(raw::rt_sigsuspend(&SigSet::EMPTY), Err(Errno::EINTR));
        assert_eq!(HANDLED.load(SeqCst), 1);
        assert!(mask_by_libc().contains(Signal::USR1), "the mask is back");
    });
}

#[test]
fn signal_stacks() {
    std::thread::spawn(|| {
        let mut old = SigStack::NONE;
        // SAFETY: only asks.
        unsafe { raw::sigaltstack(None, Some(&mut old)) }.unwrap();
        let mut memory = vec![0u8; 65536];
        let mine =
            SigStack { base: memory.as_mut_ptr(), flags: SigStackFlags::empty(), len: 65536 };
        let small = SigStack { len: 16, ..mine };
        // SAFETY: the memory is used for nothing else until the old stack is back.
        unsafe {
            raw::sigaltstack(Some(&mine), None).unwrap();
            let mut theirs: libc::stack_t = std::mem::zeroed();
            assert_eq!(libc::sigaltstack(null(), &mut theirs), 0);
            assert_eq!((theirs.ss_sp.cast(), theirs.ss_size), (mine.base, mine.len));
            assert_eq!(raw::sigaltstack(Some(&small), None), Err(Errno::ENOMEM));
            let mut got = SigStack::NONE;
            raw::sigaltstack(Some(&old), Some(&mut got)).unwrap();
            assert_eq!(got, mine);
        }
    })
    .join()
    .unwrap();
}
