//! Signals in channels.
//!
//! # Safety
//!
//! Handlers are asked for, and one that only counts is installed.

#![allow(unsafe_code)]

mod support;

use gort::chan::{Receiver, TryRecvError, select};
use gort::signal::{Signal, ignore, notify, reset};
use gort_sys::raw;
use gort_sys::types::SigAction;
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Child, all, is_child, matrix, on_one_p, panics, serial, spin, stderr, watchdog};

/// To the process, as `kill` does.
fn send(signal: Signal) {
    raw::kill(raw::getpid(), signal).unwrap();
}

fn action(signal: Signal) -> SigAction {
    let mut action = SigAction::DEFAULT;
    // SAFETY: it only asks.
    unsafe { raw::rt_sigaction(signal, None, Some(&mut action)).unwrap() };
    action
}

fn nothing_in(signals: &Receiver<Signal>) {
    assert_eq!(signals.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn they_arrive() {
    matrix(|_| {
        let signals = notify(&[Signal::USR1, Signal::USR2, Signal(40)]);
        for signal in [Signal::USR1, Signal(40), Signal::USR2, Signal::USR1] {
            send(signal);
            assert_eq!(signals.recv(), Ok(signal));
        }
        nothing_in(&signals);
        reset(&[Signal::USR1, Signal::USR2, Signal(40)]);
        assert_eq!(action(Signal::USR1).handler, SigAction::DEFAULT.handler);
        // Nobody sends there any more.
        assert_eq!(signals.try_recv(), Err(TryRecvError::Disconnected));
    });
}

#[test]
fn from_threads_to_threads() {
    let _one = serial();
    let _watchdog = watchdog();
    let signals = notify(&[Signal::USR1]);
    std::thread::scope(|s| {
        s.spawn(|| send(Signal::USR1));
        assert_eq!(signals.recv(), Ok(Signal::USR1));
    });
    reset(&[Signal::USR1]);
}

#[test]
fn each_receiver_gets_what_it_wants() {
    matrix(|_| {
        let one = notify(&[Signal::USR1]);
        let both = notify(&[Signal::USR1, Signal::USR2]);
        let other = both.clone();
        send(Signal::USR2);
        assert_eq!(both.recv(), Ok(Signal::USR2));
        send(Signal::USR1);
        assert_eq!(one.recv(), Ok(Signal::USR1));
        assert_eq!(other.recv(), Ok(Signal::USR1));
        nothing_in(&one);
        nothing_in(&both);
        reset(&[Signal::USR2]);
        send(Signal::USR1);
        assert_eq!((one.recv(), both.recv()), (Ok(Signal::USR1), Ok(Signal::USR1)));
        reset(&[]);
        assert_eq!(one.try_recv(), Err(TryRecvError::Disconnected));
        assert_eq!(both.try_recv(), Err(TryRecvError::Disconnected));
    });
}

/// Nobody waits for who does not receive, and the others get theirs.
#[test]
fn a_full_channel() {
    matrix(|_| {
        let lazy = notify(&[Signal::USR1]);
        let keen = notify(&[Signal::USR1]);
        for _ in 0..100 {
            send(Signal::USR1);
            assert_eq!(keen.recv(), Ok(Signal::USR1));
        }
        reset(&[Signal::USR1]);
        assert_eq!(lazy.iter().count(), 64);
    });
}

/// Signals arrive wherever goroutines are: at work, in the kernel, parked, on one another's threads.
#[test]
fn amid_work() {
    // No other test's, for at the end some may be on their way.
    let both = [Signal::WINCH, Signal::IO];
    matrix(|_| {
        let signals = notify(&both);
        let (done, over) = gort::chan::bounded::<()>(0);
        gort::scope(|s| {
            let receiver = s.go(|| {
                let (mut counts, mut working) = ([0; 2], true);
                // The last of each arrives, whatever became of those before.
                while working || counts.contains(&0) {
                    select! {
                        recv(signals) -> signal => {
                            counts[usize::from(signal == Ok(both[1]))] += 1;
                        }
                        recv(over) -> _ => working = false,
                    }
                }
            });
            all(20, |i| {
                for round in 0..50 {
                    match (i + round) % 4 {
                        0 => drop(gort::fs::metadata("/")),
                        1 => spin(2000),
                        2 => gort::gosched(),
                        _ => drop(format!("{i} {round}")),
                    }
                    send(both[i % 2]);
                }
            });
            done.close();
            receiver.join().unwrap();
        });
        // The kernel may have some that no thread has got yet: they are forgotten.
        ignore(&both);
        reset(&both);
    });
}

#[test]
fn ignoring() {
    matrix(|_| {
        let signals = notify(&[Signal::USR1]);
        ignore(&[Signal::USR1, Signal::USR2]);
        send(Signal::USR1);
        send(Signal::USR2);
        assert_eq!(signals.try_recv(), Err(TryRecvError::Disconnected));
        let again = notify(&[Signal::USR1]);
        send(Signal::USR1);
        assert_eq!(again.recv(), Ok(Signal::USR1));
        reset(&[Signal::USR1, Signal::USR2]);
        for signal in [Signal::USR1, Signal::USR2] {
            assert_eq!(action(signal).handler, SigAction::DEFAULT.handler);
        }
    });
}

/// One that has come, but that no goroutine has sent on yet, is nobody's later.
#[test]
fn forgotten() {
    on_one_p(|| {
        let _tied = gort::lock_os_thread();
        // The handler runs on the way out of the call.
        let to_self = |signal| raw::tgkill(raw::getpid(), raw::gettid(), signal).unwrap();
        for _ in 0..200 {
            let _first = notify(&[Signal::USR1]);
            to_self(Signal::USR1);
            ignore(&[Signal::USR1]);
            let second = notify(&[Signal::USR1, Signal::USR2]);
            to_self(Signal::USR2);
            assert_eq!(second.recv(), Ok(Signal::USR2));
            nothing_in(&second);
            reset(&[]);
        }
    });
}

static CALLS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count(_: libc::c_int) {
    CALLS.fetch_add(1, Ordering::Relaxed);
}

/// What the program had there before comes back.
#[test]
fn a_handler_of_the_programs() {
    matrix(|_| {
        // SAFETY: see the module.
        unsafe { libc::signal(libc::SIGUSR1, count as *const () as libc::sighandler_t) };
        CALLS.store(0, Ordering::Relaxed);
        let signals = notify(&[Signal::USR1]);
        send(Signal::USR1);
        assert_eq!(signals.recv(), Ok(Signal::USR1));
        assert_eq!(CALLS.load(Ordering::Relaxed), 0);
        // With the first that nobody wants.
        drop(signals);
        send(Signal::USR1);
        while CALLS.load(Ordering::Relaxed) == 0 {
            gort::gosched();
        }
        send(Signal::USR1);
        while CALLS.load(Ordering::Relaxed) == 1 {
            gort::gosched();
        }
        // SAFETY: as it was.
        unsafe { libc::signal(libc::SIGUSR1, libc::SIG_DFL) };
    });
}

#[test]
fn not_to_be_had() {
    let _one = serial();
    for signal in [Signal::KILL, Signal::STOP, Signal::SEGV, Signal::URG, Signal(33), Signal(65)] {
        let text = panics(|| notify(&[Signal::USR1, signal]));
        assert!(text.contains("gort::signal::notify") && text.contains("not to be had"), "{text}");
        assert!(panics(|| ignore(&[signal])).contains("ignore"));
        assert!(panics(|| reset(&[signal])).contains("reset"));
    }
    assert_eq!(action(Signal::USR1).handler, SigAction::DEFAULT.handler);
}

/// A program that has dropped its receivers is ended by the next signal.
#[test]
fn dropped_receivers() {
    let output = Child::new("dropped", || {
        gort::run(|| {
            let both = notify(&[Signal::TERM, Signal::USR1]);
            send(Signal::USR1);
            assert_eq!(both.recv(), Ok(Signal::USR1));
            drop(both);
            eprintln!("dropped");
            send(Signal::TERM);
            loop {
                gort::gosched();
            }
        });
    })
    .run();
    if !is_child() {
        assert_eq!(output.status.signal(), Some(Signal::TERM.0), "{}", stderr(&output));
        assert!(stderr(&output).contains("dropped"));
    }
}

/// What else a dropped channel was for is at once as before.
#[test]
fn all_of_a_dropped_channels() {
    matrix(|_| {
        let keen = notify(&[Signal::USR1]);
        drop(notify(&[Signal::USR1, Signal::USR2]));
        send(Signal::USR1);
        assert_eq!(keen.recv(), Ok(Signal::USR1));
        while action(Signal::USR2).handler != SigAction::DEFAULT.handler {
            gort::gosched();
        }
        send(Signal::USR1);
        assert_eq!(keen.recv(), Ok(Signal::USR1));
        reset(&[]);
    });
}

/// Who waits for a signal uses no time: the process sleeps.
#[test]
fn waiting_is_free() {
    let _one = serial();
    let _watchdog = watchdog();
    gort::run(|| {
        let signals = notify(&[Signal::USR1]);
        let before = gort::runtime::stats().switches;
        std::thread::spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(200));
            send(Signal::USR1);
        });
        assert_eq!(signals.recv(), Ok(Signal::USR1));
        let switches = gort::runtime::stats().switches - before;
        assert!(switches < 20, "{switches}");
        reset(&[Signal::USR1]);
    });
}

/// There is one for all of them. (The poller may get some of its own meanwhile.)
#[test]
fn no_descriptor_is_left() {
    let _one = serial();
    let _watchdog = watchdog();
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = descriptors();
    for _ in 0..1000 {
        let signals = notify(&[Signal::USR1, Signal::HUP]);
        send(Signal::HUP);
        assert_eq!(signals.recv(), Ok(Signal::HUP));
        reset(&[]);
    }
    assert!(descriptors() < before + 500);
}

/// What comes to a child before its program runs does to it what it does to the program, although others
/// are notified of it here.
#[test]
fn a_child_that_is_being_started() {
    use gort::process::Command;
    use std::os::unix::process::CommandExt;

    static IN_FORK: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn forked() {
        if IN_FORK.load(Ordering::Relaxed) != 0 {
            send(Signal::TERM);
        }
    }
    let output = Child::new("starting", || {
        // Before the runtime's own.
        // SAFETY: a handler that makes system calls.
        assert_eq!(unsafe { libc::pthread_atfork(None, None, Some(forked)) }, 0);
        gort::run(|| {
            let signals = notify(&[Signal::TERM, Signal::USR1]);
            for in_fork in [0, 1] {
                IN_FORK.store(in_fork, Ordering::Relaxed);
                let mut std = std::process::Command::new("true");
                // SAFETY: system calls.
                unsafe {
                    std.pre_exec(move || {
                        if in_fork == 0 {
                            send(Signal::TERM);
                        }
                        Ok(())
                    });
                }
                let status = Command::from(std).status().unwrap();
                assert_eq!(status.signal(), Some(Signal::TERM.0), "{status} {in_fork}");
            }
            IN_FORK.store(0, Ordering::Relaxed);
            // Its mask is ours, and ours what it was, whether it was forked or not.
            for fork in [false, true] {
                let mut std = std::process::Command::new("grep");
                if fork {
                    // SAFETY: nothing.
                    unsafe { std.pre_exec(|| Ok(())) };
                }
                let mut command = Command::from(std);
                let grep = command.args(["-q", "^SigBlk:\t0000000000000000$", "/proc/self/status"]);
                assert!(grep.status().unwrap().success());
            }
            // Nothing of it was ours, and what is arrives as before.
            nothing_in(&signals);
            send(Signal::USR1);
            assert_eq!(signals.recv(), Ok(Signal::USR1));
            send(Signal::TERM);
            assert_eq!(signals.recv(), Ok(Signal::TERM));
        });
    })
    .run();
    if !is_child() {
        assert!(output.status.success(), "{}", stderr(&output));
    }
}
