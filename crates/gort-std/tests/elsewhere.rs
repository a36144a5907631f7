//! Where nothing is taken over: without a runtime, on request, in children; and calls by their numbers.
//!
//! # Safety
//!
//! What a call is given lives until it returns.

#![allow(unsafe_code)]

mod support;

use gort_std as _;
use gort_sys::nr;
use libc::c_long;
use std::io::{Read, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;
use support::{all, alone, calls, matrix, threads, with_env};

const SOON: Duration = Duration::from_millis(2);

/// Nothing but std, on threads.
fn as_ever() {
    let before = threads();
    let count = Mutex::new(0);
    thread::scope(|s| {
        let (sender, receiver) = channel();
        for _ in 0..8 {
            let (count, sender) = (&count, sender.clone());
            s.spawn(move || {
                thread::sleep(SOON);
                for _ in 0..1_000 {
                    *count.lock().expect("nobody panics") += 1;
                }
                sender.send(thread::current()).expect("somebody receives");
                thread::park();
            });
        }
        drop(sender);
        let mut handles: Vec<thread::Thread> = (0..8).map_while(|_| receiver.recv().ok()).collect();
        assert!(threads() >= before + 8, "each has a thread");
        handles.drain(..).for_each(|handle| handle.unpark());
    });
    assert_eq!(count.into_inner().expect("nobody panics"), 8_000);
}

#[test]
fn a_program_that_never_starts_the_runtime() {
    alone("without", || {
        as_ever();
        assert!(gort_std::taken_over().all(|entry| entry.calls == 0));
        // The two that the program has are left, and none of a runtime's, which would not end.
        while threads() > 2 {
            thread::sleep(SOON);
        }
    });
}

fn everybody_waits() {
    gort::run(|| {
        thread::sleep(SOON);
        let (_sender, receiver) = channel::<()>();
        assert_eq!(receiver.recv_timeout(SOON), Err(RecvTimeoutError::Timeout));
    });
}

fn off() -> Vec<&'static str> {
    gort_std::taken_over().filter(|entry| entry.off).map(|entry| entry.name).collect()
}

#[test]
fn turned_off() {
    with_env("all", &[("GORT_STD", "off")], || {
        everybody_waits();
        assert_eq!(off().len(), gort_std::taken_over().count());
        assert!(gort_std::taken_over().all(|entry| entry.calls == 0));
    });
}

#[test]
fn some_turned_off() {
    with_env("some", &[("GORT_STD", "-nanosleep,-clock_nanosleep,none,-")], || {
        everybody_waits();
        assert_eq!(off(), ["nanosleep", "clock_nanosleep"]);
        assert_eq!((calls("nanosleep"), calls("clock_nanosleep")), (0, 0));
        assert_ne!(calls("syscall"), 0);
    });
}

#[test]
fn none_turned_off() {
    alone("none", || {
        everybody_waits();
        assert_eq!(off(), [""; 0]);
        assert_ne!(calls("syscall"), 0);
        assert_ne!(calls("nanosleep") + calls("clock_nanosleep"), 0);
    });
}

/// The thread sleeps, and others run all the same.
#[test]
fn passed_through() {
    matrix(|_| {
        let before = calls("nanosleep") + calls("clock_nanosleep");
        gort_std::passthrough(|| thread::sleep(SOON));
        assert_eq!(calls("nanosleep") + calls("clock_nanosleep"), before);
        // Who unlocks in there wakes goroutines, too.
        let (mutex, word) = (Mutex::new(()), AtomicU32::new(0));
        gort::scope(|s| {
            let guard = mutex.lock().expect("nobody panics");
            s.go(|| {
                word.store(1, Ordering::Relaxed);
                drop(mutex.lock().expect("nobody panics"));
            });
            while word.load(Ordering::Relaxed) == 0 {
                gort::gosched();
            }
            support::settle();
            gort_std::passthrough(|| drop(guard));
        });
    });
}

/// A panic ends it.
#[test]
fn passed_through_until_a_panic() {
    matrix(|_| {
        let panics = || gort_std::passthrough(|| panic!("{}", support::ON_PURPOSE));
        support::panics(|| -> () { panics() });
        let before = calls("sched_yield");
        thread::yield_now();
        assert_eq!(calls("sched_yield"), before + 1);
    });
}

fn syscall(number: usize, words: [usize; 6]) -> c_long {
    let [a, b, c, d, e, f] = words;
    // SAFETY: the caller's, see the module.
    unsafe { libc::syscall(number as c_long, a, b, c, d, e, f) }
}

/// A child that a goroutine has forked by the number of the call is a forked one: what waits in it is its thread.
#[test]
fn forked_by_number() {
    alone("fork", || {
        gort::run(|| {
            let mutex = Mutex::new(());
            let chld = libc::SIGCHLD as usize;
            for (number, words) in [(nr::FORK, [0; 6]), (nr::CLONE, [chld, 0, 0, 0, 0, 0])] {
                match syscall(number, words) {
                    0 => {
                        thread::sleep(SOON);
                        drop(mutex.lock());
                        thread::yield_now();
                        // SAFETY: the end of it.
                        unsafe { libc::_exit(7) };
                    }
                    child => {
                        let mut status = 0;
                        // SAFETY: see the module.
                        let waited = unsafe { libc::waitpid(child as i32, &mut status, 0) };
                        assert_eq!(waited, child as i32);
                        assert!(libc::WIFEXITED(status), "{status:x}");
                        assert_eq!(libc::WEXITSTATUS(status), 7);
                    }
                }
            }
        });
    });
}

#[test]
fn by_number() {
    support::everywhere(|| {
        assert_eq!(syscall(nr::GETPID, [0; 6]) as u32, std::process::id());
        assert_eq!(syscall(10_000, [0; 6]), -1);
        assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::ENOSYS));
        let (mut reader, mut writer) = std::io::pipe().expect("there are descriptors");
        use std::os::fd::AsRawFd;
        let (from, to) = (reader.as_raw_fd() as usize, writer.as_raw_fd() as usize);
        let mut buf = [0_u8; 8];
        let at = buf.as_mut_ptr().expose_provenance();
        writer.write_all(b"abc").expect("there is room");
        assert_eq!(syscall(nr::READ, [from, at, 8, 0, 0, 0]), 3);
        assert_eq!(syscall(nr::WRITE, [to, at, 3, 0, 0, 0]), 3);
        assert_eq!(reader.read(&mut buf[3..]).expect("there is something"), 3);
        assert_eq!(&buf[..6], b"abcabc");
        let copy = syscall(nr::DUP, [from, 0, 0, 0, 0, 0]);
        assert!(copy >= 0);
        assert_eq!(syscall(nr::CLOSE, [copy as usize, 0, 0, 0, 0, 0]), 0);
        assert_eq!(syscall(nr::CLOSE, [copy as usize, 0, 0, 0, 0, 0]), -1);
        assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::EBADF));
        // All six words arrive.
        let (prot, flags) = (libc::PROT_READ as usize, libc::MAP_PRIVATE as usize);
        let file = std::fs::File::open("/proc/self/exe").expect("/proc is mounted");
        let words = [0, 4096, prot, flags, file.as_raw_fd() as usize, 4096];
        let page = syscall(nr::MMAP, words);
        assert!(page > 0);
        let mut text = [0; 4096];
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut text, 4096).expect("it is longer");
        // SAFETY: just mapped.
        let mapped: &[u8] = unsafe {
            std::slice::from_raw_parts(std::ptr::with_exposed_provenance(page as usize), 4096)
        };
        assert!(mapped == text);
        assert_eq!(syscall(nr::MUNMAP, [page as usize, 4096, 0, 0, 0, 0]), 0);
    });
}

/// What has a function of its own is what that is; the rest waits without a P.
#[test]
fn by_number_on_goroutines() {
    matrix(|_| {
        let sleep = || {
            let time = [0_i64, 2_000_000];
            let at = time.as_ptr().expose_provenance();
            assert_eq!(syscall(nr::NANOSLEEP, [at, 0, 0, 0, 0, 0]), 0);
            let clock = libc::CLOCK_MONOTONIC as usize;
            assert_eq!(syscall(nr::CLOCK_NANOSLEEP, [clock, 0, at, 0, 0, 0]), 0);
            assert_eq!(syscall(nr::CLOCK_NANOSLEEP, [99, 0, at, 0, 0, 0]), -1);
            assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::EINVAL));
        };
        let before = (calls("nanosleep"), calls("clock_nanosleep"));
        all(10, |_| sleep());
        assert_eq!((calls("nanosleep"), calls("clock_nanosleep")), (before.0 + 10, before.1 + 20));
    });
    // It would hold the one P for ever.
    support::on_one_p(|| {
        let (reader, mut writer) = std::io::pipe().expect("there are descriptors");
        use std::os::fd::AsRawFd;
        let fd = reader.as_raw_fd() as usize;
        gort::scope(|s| {
            let poll = s.go(move || {
                let mut polled = [fd as u64 | (libc::POLLIN as u64) << 32];
                let at = polled.as_mut_ptr().expose_provenance();
                syscall(nr::PPOLL, [at, 1, 0, 0, 8, 0])
            });
            support::settle();
            writer.write_all(b"x").expect("there is room");
            assert_eq!(poll.join().expect("it does not panic"), 1);
        });
    });
}
