//! Handlers of signals with gort-std: what the kernel is told, and what happens in them.
//!
//! # Safety
//!
//! Structures live for as long as the call that fills them. Handlers use atomics, and calls that are good in one.

#![allow(unsafe_code)]

mod support;

use gort_std as _;
use libc::{c_int, c_void, sighandler_t, siginfo_t};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::mem::zeroed;
use std::os::fd::AsRawFd;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::{Child, alone, calls, everywhere, matrix, spin, stderr};

fn errno() -> c_int {
    io::Error::last_os_error().raw_os_error().expect("an error")
}

fn act(signal: c_int, handler: sighandler_t, flags: c_int, mask: &[c_int]) -> libc::sigaction {
    // SAFETY: see the module; all may be 0.
    unsafe {
        let (mut new, mut old): (libc::sigaction, libc::sigaction) = zeroed();
        (new.sa_sigaction, new.sa_flags) = (handler, flags);
        mask.iter().for_each(|signal| _ = libc::sigaddset(&mut new.sa_mask, *signal));
        assert_eq!(libc::sigaction(signal, &new, &mut old), 0);
        old
    }
}

/// What is set for a signal: the handler, the flags without libc's own, and the mask.
fn set_for(signal: c_int) -> (sighandler_t, c_int, Vec<c_int>) {
    const RESTORER: c_int = 0x0400_0000;
    // SAFETY: as above.
    unsafe {
        let mut old: libc::sigaction = zeroed();
        assert_eq!(libc::sigaction(signal, null(), &mut old), 0);
        let mask =
            (1..=64).filter(|signal| libc::sigismember(&old.sa_mask, *signal) == 1).collect();
        (old.sa_sigaction, old.sa_flags & !RESTORER, mask)
    }
}

fn raise(signal: c_int) {
    // SAFETY: a signal with a handler, to this thread.
    assert_eq!(unsafe { libc::raise(signal) }, 0);
}

static CALLED: AtomicUsize = AtomicUsize::new(0);
static SEEN: AtomicI32 = AtomicI32::new(0);

extern "C" fn plain(signal: c_int) {
    SEEN.store(signal, Ordering::Relaxed);
    CALLED.fetch_add(1, Ordering::Relaxed);
}

extern "C" fn other(signal: c_int) {
    SEEN.store(-signal, Ordering::Relaxed);
    CALLED.fetch_add(1, Ordering::Relaxed);
}

extern "C" fn informed(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel's.
    let right = unsafe { (*info).si_signo == signal && (*info).si_pid() == libc::getpid() };
    SEEN.store(if right && !context.is_null() { signal } else { 0 }, Ordering::Relaxed);
    CALLED.fetch_add(1, Ordering::Relaxed);
}

fn at(handler: extern "C" fn(c_int)) -> sighandler_t {
    handler as *const () as sighandler_t
}

/// Whether a signal comes to a handler, once.
fn comes(signal: c_int, seen: c_int) {
    let before = CALLED.load(Ordering::Relaxed);
    raise(signal);
    assert_eq!((CALLED.load(Ordering::Relaxed), SEEN.load(Ordering::Relaxed)), (before + 1, seen));
}

#[test]
fn what_is_set_is_told() {
    everywhere(|| {
        let signal = libc::SIGUSR1;
        let informed = informed as *const () as sighandler_t;
        let all = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART | libc::SA_NODEFER;
        for flags in
            [0, libc::SA_RESTART, libc::SA_NODEFER, libc::SA_RESETHAND | libc::SA_ONSTACK, all]
        {
            for mask in [&[][..], &[libc::SIGUSR2, libc::SIGURG], &[libc::SIGHUP, 64]] {
                let handler = if flags & libc::SA_SIGINFO != 0 { informed } else { at(plain) };
                act(signal, handler, flags, mask);
                let mut sorted = mask.to_vec();
                sorted.sort_unstable();
                assert_eq!(set_for(signal), (handler, flags, sorted));
                comes(signal, signal);
                let after = if flags & libc::SA_RESETHAND != 0 { libc::SIG_DFL } else { handler };
                assert_eq!(act(signal, at(other), 0, &[]).sa_sigaction, after);
                comes(signal, -signal);
            }
        }
        for none in [libc::SIG_IGN, libc::SIG_DFL] {
            act(signal, none, 0, &[]);
            assert_eq!(set_for(signal).0, none);
        }
        act(signal, libc::SIG_IGN, 0, &[]);
        raise(signal);
        // SAFETY: it is refused.
        unsafe {
            for signal in [0, -1, 65, 32, 33, libc::SIGKILL, libc::SIGSTOP] {
                let new: libc::sigaction = zeroed();
                assert_eq!(
                    (libc::sigaction(signal, &new, null_mut()), errno()),
                    (-1, libc::EINVAL)
                );
                assert_eq!(
                    (libc::signal(signal, at(plain)), errno()),
                    (libc::SIG_ERR, libc::EINVAL)
                );
            }
        }
    });
}

unsafe extern "C" {
    fn sysv_signal(signal: c_int, handler: sighandler_t) -> sighandler_t;
    fn siginterrupt(signal: c_int, interrupts: c_int) -> c_int;
}

#[test]
fn signal() {
    everywhere(|| {
        let signal = libc::SIGUSR2;
        // SAFETY: handlers that are good ones.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
            assert_eq!(libc::signal(signal, at(plain)), libc::SIG_DFL);
            assert_eq!(set_for(signal), (at(plain), libc::SA_RESTART, vec![signal]));
            comes(signal, signal);
            assert_eq!(siginterrupt(signal, 1), 0);
            assert_eq!(set_for(signal), (at(plain), 0, vec![signal]));
            assert_eq!(libc::signal(signal, at(other)), at(plain));
            assert_eq!(set_for(signal), (at(other), 0, vec![signal]));
            comes(signal, -signal);
            assert_eq!(siginterrupt(signal, 0), 0);
            assert_eq!(libc::signal(signal, at(other)), at(other));
            assert_eq!(set_for(signal), (at(other), libc::SA_RESTART, vec![signal]));
            assert_eq!(sysv_signal(signal, at(plain)), at(other));
            assert_eq!(set_for(signal).1, libc::SA_RESETHAND | libc::SA_NODEFER);
            comes(signal, signal);
            assert_eq!(libc::signal(signal, libc::SIG_IGN), libc::SIG_DFL);
        }
    });
}

/// More handlers than there are places for one signal.
#[test]
fn many_handlers() {
    static LAST: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn numbered<const N: usize>(_: c_int) {
        LAST.store(N, Ordering::Relaxed);
    }
    let handlers = [
        numbered::<0>,
        numbered::<1>,
        numbered::<2>,
        numbered::<3>,
        numbered::<4>,
        numbered::<5>,
        numbered::<6>,
        numbered::<7>,
        numbered::<8>,
        numbered::<9>,
        numbered::<10>,
        numbered::<11>,
    ]
    .map(|handler: extern "C" fn(c_int)| at(handler));
    everywhere(|| {
        act(libc::SIGALRM, libc::SIG_DFL, 0, &[]);
        let mut before = libc::SIG_DFL;
        for round in 0..100 {
            let number = round * 7 % handlers.len();
            assert_eq!(act(libc::SIGALRM, handlers[number], 0, &[]).sa_sigaction, before);
            before = handlers[number];
            raise(libc::SIGALRM);
            assert_eq!(LAST.load(Ordering::Relaxed), number);
        }
    });
}

/// What handlers do in the next test: from one pipe, into another.
static PIPES: [AtomicI32; 2] = [const { AtomicI32::new(-1) }; 2];

/// Waits, as no handler should: for time, for a byte.
extern "C" fn waits(_: c_int) {
    let [from, to] = PIPES.each_ref().map(|fd| fd.load(Ordering::Relaxed));
    let mut byte = 0u8;
    // SAFETY: a byte, and one more descriptor.
    unsafe {
        let before = *libc::__errno_location();
        let mut one = libc::pollfd { fd: from, events: libc::POLLIN, revents: 0 };
        libc::poll(&mut one, 1, -1);
        libc::usleep(10);
        libc::read(from, (&raw mut byte).cast(), 1);
        libc::write(to, (&raw const byte).cast(), 1);
        *libc::__errno_location() = before;
    }
    CALLED.fetch_add(1, Ordering::Relaxed);
}

fn pipes() -> ((PipeReader, PipeWriter), (PipeReader, PipeWriter)) {
    let (from, to) = (io::pipe().unwrap(), io::pipe().unwrap());
    PIPES[0].store(from.0.as_raw_fd(), Ordering::Relaxed);
    PIPES[1].store(to.1.as_raw_fd(), Ordering::Relaxed);
    (from, to)
}

/// Goroutines that are interrupted, wherever they are, by handlers that wait in the kernel.
#[test]
fn handlers_go_to_the_kernel() {
    matrix(|procs| {
        for flags in [
            libc::SA_RESTART,
            libc::SA_RESTART | libc::SA_NODEFER,
            libc::SA_RESTART | libc::SA_ONSTACK,
        ] {
            const ROUNDS: usize = 100;
            let (from, to) = pipes();
            act(libc::SIGUSR1, at(waits), flags, &[]);
            let before = CALLED.load(Ordering::Relaxed);
            let polls = calls("poll");
            gort::scope(|s| {
                // Busy ones, which are pre-empted, and such as park.
                for kind in 0..procs + 2 {
                    s.go(move || {
                        while CALLED.load(Ordering::Relaxed) < before + ROUNDS {
                            match kind % 3 {
                                0 => spin(10_000),
                                1 => gort::gosched(),
                                _ => std::thread::sleep(Duration::from_micros(50)),
                            }
                        }
                    });
                }
                std::thread::scope(|threads| {
                    threads.spawn(|| {
                        for round in 0..ROUNDS {
                            // SAFETY: it has a handler.
                            assert_eq!(unsafe { libc::kill(libc::getpid(), libc::SIGUSR1) }, 0);
                            (&from.1).write_all(&[round as u8]).unwrap();
                            let mut got = [0];
                            (&to.0).read_exact(&mut got).unwrap();
                            assert_eq!(got, [round as u8]);
                            while CALLED.load(Ordering::Relaxed) <= before + round {
                                std::hint::spin_loop();
                            }
                        }
                    });
                });
            });
            assert_eq!(calls("poll"), polls);
            act(libc::SIGUSR1, libc::SIG_IGN, 0, &[]);
        }
    });
}

/// A handler on the goroutine's own stack that is busy, and could be pre-empted but for its mask.
#[test]
fn handlers_stay_where_they_are() {
    static MOVED: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn busy(_: c_int) {
        let here = || gort_sys::raw::gettid();
        let thread = here();
        for _ in 0..20 {
            spin(200_000);
            MOVED.fetch_add(usize::from(here() != thread), Ordering::Relaxed);
        }
    }
    matrix(|procs| {
        act(libc::SIGUSR2, at(busy), libc::SA_NODEFER, &[]);
        support::all(2 * procs.min(4), |_| {
            for _ in 0..3 {
                raise(libc::SIGUSR2);
                spin(1_000_000);
            }
        });
        act(libc::SIGUSR2, libc::SIG_DFL, 0, &[]);
        assert_eq!(MOVED.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn waiting_for_signals() {
    everywhere(|| {
        let _same = gort::lock_os_thread();
        // SAFETY: sets and what is found; the mask is put back.
        unsafe {
            let (mut set, mut before): (libc::sigset_t, libc::sigset_t) = zeroed();
            libc::sigaddset(&mut set, libc::SIGUSR1);
            assert_eq!(libc::pthread_sigmask(libc::SIG_BLOCK, &set, &mut before), 0);
            let later = |signal: c_int| {
                let tid = gort_sys::raw::gettid().0;
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(3));
                    libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, signal)
                })
            };
            let mut found = 0;
            let sender = later(libc::SIGUSR1);
            assert_eq!(libc::sigwait(&set, &mut found), 0);
            assert_eq!((found, sender.join().unwrap()), (libc::SIGUSR1, 0));
            let mut info: siginfo_t = zeroed();
            let sender = later(libc::SIGUSR1);
            assert_eq!(libc::sigwaitinfo(&set, &mut info), libc::SIGUSR1);
            assert_eq!((info.si_code, info.si_pid()), (libc::SI_USER, libc::getpid()));
            sender.join().unwrap();
            let time = libc::timespec { tv_sec: 0, tv_nsec: 2_000_000 };
            let start = Instant::now();
            assert_eq!((libc::sigtimedwait(&set, &mut info, &time), errno()), (-1, libc::EAGAIN));
            assert!(start.elapsed() >= Duration::from_millis(2));
            act(libc::SIGUSR1, at(plain), 0, &[]);
            let (called, sender) = (CALLED.load(Ordering::Relaxed), later(libc::SIGUSR1));
            assert_eq!((libc::sigsuspend(&before), errno()), (-1, libc::EINTR));
            sender.join().unwrap();
            assert_eq!(CALLED.load(Ordering::Relaxed), called + 1);
            assert_eq!(libc::pthread_sigmask(libc::SIG_SETMASK, &before, null_mut()), 0);
        }
    });
}

/// Signals do not end std's calls.
#[test]
fn std_is_not_interrupted() {
    matrix(|_| {
        act(libc::SIGUSR1, at(plain), 0, &[]);
        let before = CALLED.load(Ordering::Relaxed);
        let (mut reader, mut writer) = io::pipe().unwrap();
        std::thread::scope(|s| {
            s.spawn(move || {
                for _ in 0..20 {
                    std::thread::sleep(Duration::from_micros(300));
                    // SAFETY: it has a handler.
                    unsafe { libc::kill(libc::getpid(), libc::SIGUSR1) };
                }
                writer.write_all(b"abc").unwrap();
            });
            let start = Instant::now();
            std::thread::sleep(Duration::from_millis(3));
            assert!(start.elapsed() >= Duration::from_millis(3));
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            assert_eq!(text, "abc");
        });
        let status = std::process::Command::new("true").status().unwrap();
        assert!(status.success());
        assert!(CALLED.load(Ordering::Relaxed) > before);
        act(libc::SIGUSR1, libc::SIG_IGN, 0, &[]);
    });
}

#[inline(never)]
#[allow(unconditional_recursion, reason = "until there is no stack left")]
fn recurse(depth: usize) -> usize {
    let page = std::hint::black_box([depth as u8; 4096]);
    recurse(depth + 1) + page[depth % 4096] as usize
}

/// The runtime's own handlers come before those that were there, whoever has installed them.
#[test]
fn overflows_are_told() {
    let output = Child::new("goroutine", || {
        gort::run(|| recurse(0));
    })
    .run();
    if !support::is_child() {
        let err = stderr(&output);
        assert!(err.contains("stack overflow: it has"), "{err}");
    }
    let output = Child::new("thread", || {
        gort::run(|| ());
        std::thread::spawn(|| recurse(0)).join().unwrap_or_default();
    })
    .run();
    if !support::is_child() {
        let err = stderr(&output);
        assert!(err.contains("has overflowed its stack"), "{err}");
    }
}

/// A handler of the program's for the runtime's own signal: before the runtime's, instead of it, and put back.
#[test]
fn before_and_after_the_runtime() {
    alone("before", || {
        let signal = libc::SIGURG;
        let informed = informed as *const () as sighandler_t;
        act(signal, informed, libc::SA_SIGINFO | libc::SA_RESTART, &[]);
        gort::runtime::gomaxprocs(Some(1));
        let preempted = || {
            let before = gort::runtime::stats().preemptions;
            gort::run(|| {
                support::all(2, |_| {
                    while gort::runtime::stats().preemptions == before {
                        spin(100_000);
                    }
                });
            });
        };
        preempted();
        // The runtime's own are not passed on, others are.
        assert_eq!(CALLED.load(Ordering::Relaxed), 0);
        gort::run(|| {
            comes(signal, signal);
            // After it everything is taken over again.
            let before = calls("poll");
            // SAFETY: it has no descriptors.
            assert_eq!(unsafe { libc::poll(null_mut(), 0, 0) }, 0);
            assert_eq!(calls("poll"), before + 1);
        });
        let runtimes = act(signal, at(plain), libc::SA_RESTART, &[]);
        assert_ne!(runtimes.sa_sigaction, informed);
        gort::run(|| comes(signal, signal));
        // With a front.
        // SAFETY: what was there.
        assert_eq!(unsafe { libc::sigaction(signal, &runtimes, null_mut()) }, 0);
        assert_eq!(set_for(signal).0, runtimes.sa_sigaction);
        preempted();
        gort::run(|| comes(signal, signal));
    });
}

/// In a child after fork everything is the kernel's again, handlers too.
#[test]
fn after_fork() {
    everywhere(|| {
        act(libc::SIGUSR1, at(plain), 0, &[]);
        // SAFETY: the child makes calls that are good in a handler, and ends.
        unsafe {
            let pid = libc::fork();
            if pid == 0 {
                let before = CALLED.load(Ordering::Relaxed);
                libc::signal(libc::SIGUSR2, at(other));
                libc::raise(libc::SIGUSR1);
                libc::raise(libc::SIGUSR2);
                libc::poll(null_mut(), 0, 1);
                let called = CALLED.load(Ordering::Relaxed) - before;
                libc::_exit(if called == 2 { 7 } else { 8 });
            }
            let mut status = 0;
            assert_eq!(libc::waitpid(pid, &mut status, 0), pid);
            assert_eq!(libc::WEXITSTATUS(status), 7);
        }
        act(libc::SIGUSR1, libc::SIG_IGN, 0, &[]);
    });
}

extern "C" fn one_of<const N: i32>(_: c_int) {
    SEEN.store(N, Ordering::Relaxed);
}

/// What is set and put back again and again is told as what it is, whatever else was set in between.
#[test]
fn what_was_set_is_told() {
    alone("told", || {
        let signal = libc::SIGUSR2;
        let others = [
            one_of::<1>,
            one_of::<2>,
            one_of::<3>,
            one_of::<4>,
            one_of::<5>,
            one_of::<6>,
            one_of::<7>,
            one_of::<8>,
            one_of::<9>,
        ];
        let own = one_of::<0> as *const () as usize;
        act(signal, own, 0, &[]);
        for other in others {
            let other = other as extern "C" fn(c_int) as *const () as usize;
            assert_eq!(act(signal, other, 0, &[]).sa_sigaction, own);
            assert_eq!(act(signal, own, 0, &[]).sa_sigaction, other);
        }
    });
}
