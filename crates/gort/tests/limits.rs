//! What happens when the system refuses memory or threads. Each case is a program of its own.
//!
//! # Safety
//!
//! The calls take plain values and structures that are filled in here.

#![allow(unsafe_code)]

mod support;

use gort_sys::raw;
use gort_sys::types::PipeFlags;
use std::io::{ErrorKind, Read, Write};
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use support::{Child, has_thrown, is_child, stderr, stdout};

/// Lets the address space grow by `more` bytes from now on.
fn limit_address_space(more: u64) {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').next().unwrap().parse().unwrap();
    let limit = libc::rlimit { rlim_cur: pages * 4096 + more, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: see the module.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
}

/// Puts memory aside in malloc, so that only the runtime meets the limit: where malloc itself fails
/// Rust ends the process.
fn fill_malloc() {
    // SAFETY: see the module.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
    drop((0..200_000).map(|i| Box::new([i; 64])).collect::<Vec<_>>());
}

#[test]
fn no_address_space_is_an_error_and_the_rest_goes_on() {
    let output = Child::new("space", || {
        fill_malloc();
        gort::run(|| {
            let (stop, turns) = (AtomicBool::new(false), AtomicUsize::new(0));
            let stop: &'static AtomicBool = Box::leak(Box::new(stop));
            let turns: &'static AtomicUsize = Box::leak(Box::new(turns));
            let run = move || {
                while !stop.load(Ordering::Relaxed) {
                    turns.fetch_add(1, Ordering::Relaxed);
                    gort::gosched();
                }
                1
            };
            let before: Vec<_> = (0..100).map(|_| gort::go(run)).collect();
            gort::gosched();
            limit_address_space(16 << 20);
            let mut more = Vec::with_capacity(100_000);
            let error = loop {
                assert!(more.len() < 100_000, "the limit limits nothing");
                match gort::Builder::new().spawn(run) {
                    Ok(handle) => more.push(handle),
                    Err(error) => break error,
                }
            };
            println!("error {:?} after {}", error.kind(), more.len());
            let refused = catch_unwind(|| gort::go(|| ())).unwrap_err();
            println!("go panics: {}", refused.downcast_ref::<String>().unwrap());
            let large = gort::Builder::new().stack_size(512 << 20).spawn(|| ());
            println!("large: {:?}", large.unwrap_err().kind());
            // All that were started run, in spite of it.
            let seen = turns.load(Ordering::Relaxed);
            while turns.load(Ordering::Relaxed) < seen + 5 * (before.len() + more.len()) {
                gort::gosched();
            }
            stop.store(true, Ordering::Relaxed);
            let count = before.len() + more.len();
            let over: usize = before.into_iter().chain(more).map(|one| one.join().unwrap()).sum();
            assert_eq!(over, count);
            // And their stacks are there for others, but for some that other Ps keep.
            let count = count - 128 * gort::runtime::gomaxprocs(None);
            let again: Vec<_> =
                (0..count).map(|_| gort::Builder::new().spawn(|| 1).unwrap()).collect();
            assert_eq!(again.into_iter().map(|one| one.join().unwrap()).sum::<usize>(), count);
            println!("went on");
        });
    })
    .run();
    if is_child() {
        return;
    }
    let (out, err) = (stdout(&output), stderr(&output));
    assert!(output.status.success(), "{:?} {out} {err}", output.status);
    assert!(out.contains("error OutOfMemory after "), "{out}");
    assert!(out.contains("go panics: gort::go: cannot start a goroutine: "), "{out}");
    assert!(out.contains("large: OutOfMemory"), "{out}");
    assert!(out.contains("went on"), "{out}");
}

#[test]
fn no_address_space_at_the_start_is_an_error() {
    let output = Child::new("start", || {
        fill_malloc();
        limit_address_space(0);
        let error = gort::Builder::new().spawn(|| ()).unwrap_err();
        println!("error {:?}: {error}", error.kind());
    })
    .run();
    if is_child() {
        return;
    }
    let out = stdout(&output);
    assert!(output.status.success(), "{:?} {out} {}", output.status, stderr(&output));
    assert!(out.contains("error Unsupported") || out.contains("error OutOfMemory"), "{out}");
}

#[test]
fn stacks_that_cannot_be_are_errors() {
    let _one = support::serial();
    let _watchdog = support::watchdog();
    for size in [(1 << 30) + 1, 1 << 31, 1 << 40, isize::MAX as usize, usize::MAX - 1, usize::MAX] {
        let held = std::sync::Arc::new(());
        let inside = held.clone();
        let error = gort::Builder::new().stack_size(size).spawn(move || drop(inside)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{size:#x}");
        assert_eq!(std::sync::Arc::strong_count(&held), 1);
    }
    let least = gort::Builder::new().stack_size(0).spawn(|| format!("{}", 1));
    assert_eq!(least.unwrap().join().unwrap(), "1");
    let large = gort::Builder::new().stack_size(512 << 20).spawn(|| 2);
    assert_eq!(large.unwrap().join().unwrap(), 2);
}

/// From here on these calls fail.
fn refuse(calls: [libc::c_long; 2], errno: i32) {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let line = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut lines = [
        // The number of the call is first in what the filter sees.
        line(LOAD, 0, 0, 0),
        line(EQUAL, 2, 0, calls[0] as u32),
        line(EQUAL, 1, 0, calls[1] as u32),
        line(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
        line(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | errno as u32),
    ];
    let program = libc::sock_fprog { len: lines.len() as u16, filter: lines.as_mut_ptr() };
    // SAFETY: see the module.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let done = libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_TSYNC,
            &program,
        );
        assert_eq!(done, 0, "seccomp filters are needed here");
    }
}

/// From here on no thread of this process can start another: what RLIMIT_NPROC does to those who
/// are not root, with the same error.
fn refuse_threads() {
    refuse([libc::SYS_clone3, libc::SYS_clone], libc::EAGAIN);
    let refused = std::thread::Builder::new().spawn(|| ()).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::EAGAIN));
}

#[test]
fn without_more_threads_it_runs_on_with_those_there_are() {
    let output = Child::new("few", || {
        gort::runtime::gomaxprocs(Some(1));
        gort::run(|| ());
        refuse_threads();
        gort::runtime::gomaxprocs(Some(8));
        let mut before = 0;
        for round in 0..50 {
            if round == 10 {
                before = support::resident();
            }
            gort::run(|| {
                let total = AtomicUsize::new(0);
                gort::scope(|s| {
                    for _ in 0..1000 {
                        s.go(|| {
                            gort::gosched();
                            let inner = gort::go(|| 1);
                            total.fetch_add(inner.join().unwrap(), Ordering::Relaxed);
                        });
                    }
                });
                assert_eq!(total.into_inner(), 1000);
            });
        }
        // An attempt counts until it is refused.
        while gort::runtime::stats().threads != 1 {
            std::thread::yield_now();
        }
        // Each attempt to start a thread leaves nothing behind.
        let after = support::resident();
        assert!(after < before + (4 << 20), "resident memory grows from {before} to {after}");
    })
    .env("GOMAXPROCS", 1)
    .run();
    if is_child() {
        return;
    }
    assert!(output.status.success(), "{:?} {}", output.status, stderr(&output));
}

/// Those that there are sleep where they wait for sockets, each for a P of its own.
#[test]
fn without_more_threads_those_that_wait_for_sockets_work() {
    let output = Child::new("sleepers", || {
        gort::runtime::gomaxprocs(Some(1));
        let listener = gort::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let accepted = gort::go(move || listener.accept().unwrap());
        // Until it waits.
        std::thread::sleep(std::time::Duration::from_millis(20));
        refuse_threads();
        gort::runtime::gomaxprocs(Some(8));
        for _ in 0..50 {
            assert_eq!(gort::run(|| gort::go(|| 1).join().unwrap()), 1);
        }
        drop(std::net::TcpStream::connect(addr).unwrap());
        accepted.join().unwrap();
    })
    .env("GOMAXPROCS", 1)
    .run();
    if !is_child() {
        assert!(output.status.success(), "{:?} {}", output.status, stderr(&output));
    }
}

/// Nor is there one to sleep for the P with whose queue a thread opens the first descriptor.
#[test]
fn without_more_threads_what_comes_is_found() {
    let output = Child::new("unwatched", || {
        let (go, gone) = std::sync::mpsc::channel::<std::os::unix::net::UnixStream>();
        let writer = std::thread::spawn(move || {
            let mut there = gone.recv().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(50));
            there.write_all(&[1]).unwrap();
        });
        gort::runtime::gomaxprocs(Some(1));
        gort::run(|| ());
        refuse_threads();
        gort::runtime::gomaxprocs(Some(2));
        // The only one sleeps for the other P from then on.
        let listener = gort::run(|| gort::net::TcpListener::bind("127.0.0.1:0").unwrap());
        // Until nobody is awake.
        std::thread::sleep(std::time::Duration::from_millis(200));
        let (here, there) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut here = gort::net::UnixStream::from_std(here).unwrap();
        go.send(there).unwrap();
        here.read_exact(&mut [0; 1]).unwrap();
        writer.join().unwrap();
        drop(listener);
    })
    .env("GOMAXPROCS", 1)
    .run();
    if !is_child() {
        assert!(output.status.success(), "{:?} {}", output.status, stderr(&output));
    }
}

/// One that has slept for a P that there is no more.
#[test]
fn without_more_threads_those_of_ps_not_in_use_work() {
    let output = Child::new("dead", || {
        gort::runtime::gomaxprocs(Some(2));
        let running = AtomicUsize::new(0);
        let listeners = std::sync::Mutex::new(Vec::new());
        // Two that run at the same time have a P each.
        support::all(2, |_| {
            running.fetch_add(1, Ordering::Relaxed);
            while running.load(Ordering::Relaxed) != 2 {
                std::hint::spin_loop();
            }
            let listener = gort::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listeners.lock().unwrap().push(listener);
        });
        std::thread::sleep(std::time::Duration::from_millis(20));
        refuse_threads();
        gort::runtime::gomaxprocs(Some(1));
        gort::run(|| {
            let pipe = raw::pipe2(PipeFlags::CLOEXEC).unwrap();
            let writer = pipe.writer;
            gort::go(move || raw::write(&writer, &[1]).unwrap());
            // This holds the thread.
            assert_eq!(gort::syscall::read(&pipe.reader, &mut [0; 1]), Ok(1));
        });
    })
    .env("GOMAXPROCS", 2)
    .run();
    if !is_child() {
        assert!(output.status.success(), "{:?} {}", output.status, stderr(&output));
    }
}

/// As on kernels before 5.11.
#[test]
fn sockets_without_epoll_pwait2() {
    let output = Child::new("old", || {
        refuse([libc::SYS_epoll_pwait2; 2], libc::ENOSYS);
        gort::run(|| {
            let (mut here, there) = gort::net::UnixStream::pair().unwrap();
            let echo = gort::go(move || std::io::copy(&mut &there, &mut &there).unwrap());
            for i in 0..20 {
                here.write_all(&[i]).unwrap();
                let mut answer = [0; 1];
                here.read_exact(&mut answer).unwrap();
                assert_eq!(answer, [i]);
                gort::time::sleep(std::time::Duration::from_micros(100));
            }
            drop(here);
            assert_eq!(echo.join().unwrap(), 20);
        });
    })
    .run();
    if !is_child() {
        assert!(output.status.success(), "{:?} {}", output.status, stderr(&output));
    }
}

#[test]
fn without_any_thread_it_says_so_and_ends() {
    let output = Child::new("none", || {
        gort::runtime::gomaxprocs(None);
        refuse_threads();
        gort::run(|| println!("went on"));
    })
    .run();
    if is_child() {
        return;
    }
    has_thrown(&output, "cannot start a thread");
    assert!(!stdout(&output).contains("went on"));
}

#[test]
fn without_threads_at_the_start_it_is_an_error() {
    let output = Child::new("start", || {
        refuse_threads();
        let error = gort::Builder::new().spawn(|| ()).unwrap_err();
        println!("error {:?}: {error}", error.kind());
    })
    .run();
    if is_child() {
        return;
    }
    let out = stdout(&output);
    assert!(output.status.success(), "{:?} {out} {}", output.status, stderr(&output));
    assert!(out.contains("error Unsupported: the thread that gort learns glibc's layout"), "{out}");
}

#[test]
fn a_locked_goroutine_takes_the_only_thread() {
    let output = Child::new("locked", || {
        gort::runtime::gomaxprocs(Some(1));
        gort::run(|| ());
        refuse_threads();
        gort::run(|| {
            // Only another thread can run the other goroutine while this one is locked.
            let _guard = gort::lock_os_thread();
            let other = gort::go(|| 5);
            println!("joined {}", other.join().unwrap());
        });
    })
    .env("GOMAXPROCS", 1)
    .run();
    if is_child() {
        return;
    }
    has_thrown(&output, "cannot start a thread");
}
