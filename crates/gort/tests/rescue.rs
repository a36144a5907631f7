//! What blocks the thread without saying so to the runtime: it takes the P along only until that is
//! noticed. With GOMAXPROCS=1 nearly all of these would hang otherwise.
//!
//! # Safety
//!
//! The page that is waited for is a mapping of the test's own, and the structures for `userfaultfd` are
//! the kernel's.

#![allow(unsafe_code)]

mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Condvar, LazyLock, Mutex, Once, RwLock, mpsc};
use std::thread;
use std::time::Duration;
use support::storm::storm;
use support::{Child, all, is_child, matrix, spin, stderr, stdout};

#[test]
fn a_mutex_that_is_held_across_yields() {
    matrix(|_| {
        let total = Mutex::new(0);
        all(8, |_| {
            for _ in 0..20 {
                let mut held = total.lock().unwrap();
                let before = *held;
                gort::gosched();
                *held = before + 1;
            }
        });
        assert_eq!(total.into_inner().unwrap(), 160);
    });
}

/// Whoever has it is pre-empted in the middle, most of the time.
#[test]
fn a_mutex_that_is_held_across_preemptions() {
    matrix(|_| {
        let _storm = storm(Some(5000));
        let (total, shared) = (Mutex::new(0), RwLock::new([0; 2]));
        all(6, |i| {
            for _ in 0..10 {
                let mut held = total.lock().unwrap();
                let before = *held;
                spin(20_000);
                *held = before + 1;
                drop(held);
                if i < 2 {
                    let mut write = shared.write().unwrap();
                    write[0] += 1;
                    spin(20_000);
                    write[1] += 1;
                } else {
                    let read = shared.read().unwrap();
                    spin(5000);
                    assert_eq!(read[0], read[1]);
                }
            }
        });
        assert_eq!(total.into_inner().unwrap(), 60);
        assert_eq!(shared.into_inner().unwrap(), [20; 2]);
    });
}

#[test]
fn readers_and_writers() {
    matrix(|_| {
        let value = RwLock::new((0u64, 0u64));
        all(8, |i| {
            for _ in 0..15 {
                if i < 3 {
                    let mut write = value.write().unwrap();
                    write.0 += 1;
                    gort::gosched();
                    write.1 += 1;
                } else {
                    let read = value.read().unwrap();
                    gort::gosched();
                    assert_eq!(read.0, read.1);
                }
            }
        });
        assert_eq!(value.into_inner().unwrap(), (45, 45));
    });
}

#[test]
fn condition_variables() {
    matrix(|_| {
        // Each waits for its turn.
        let (turn, changed) = (Mutex::new(0), Condvar::new());
        all(20, |i| {
            for round in 0..5 {
                let mut now = turn.lock().unwrap();
                while *now != 20 * round + i {
                    now = changed.wait(now).unwrap();
                }
                *now += 1;
                changed.notify_all();
            }
        });
        assert_eq!(turn.into_inner().unwrap(), 100);
        let never = Mutex::new(());
        let time = Duration::from_millis(1);
        assert!(changed.wait_timeout(never.lock().unwrap(), time).unwrap().1.timed_out());
    });
}

#[test]
fn channels_of_std() {
    matrix(|procs| {
        // Through all of them, one by one, without room in between.
        let (first, mut receiver) = mpsc::sync_channel::<usize>(0);
        let mut stages = Vec::new();
        for _ in 0..procs + 3 {
            let (sender, next) = mpsc::sync_channel(0);
            let input = std::mem::replace(&mut receiver, next);
            stages.push(gort::go(move || {
                for value in input {
                    sender.send(value + 1).unwrap();
                }
            }));
        }
        let source = gort::go(move || (0..50).for_each(|value| first.send(value).unwrap()));
        let values: Vec<_> = receiver.into_iter().collect();
        assert_eq!(values, (procs + 3..procs + 53).collect::<Vec<_>>());
        source.join().unwrap();
        stages.into_iter().for_each(|stage| stage.join().unwrap());
    });
}

#[test]
fn barriers() {
    matrix(|procs| {
        let barrier = Barrier::new(procs + 10);
        let leaders = AtomicUsize::new(0);
        all(procs + 10, |_| {
            for _ in 0..5 {
                if barrier.wait().is_leader() {
                    leaders.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        assert_eq!(leaders.into_inner(), 5);
    });
}

/// Others need what is being initialised by one that yields and is pre-empted.
#[test]
fn what_is_initialised_once() {
    matrix(|_| {
        let _storm = storm(Some(2000));
        for _ in 0..5 {
            static CALLS: AtomicUsize = AtomicUsize::new(0);
            let calls = CALLS.load(Ordering::Relaxed);
            let slow = || {
                for _ in 0..3 {
                    gort::gosched();
                    spin(10_000);
                }
                CALLS.fetch_add(1, Ordering::Relaxed) + 1
            };
            let (once, lazy) = (Once::new(), LazyLock::new(slow));
            all(10, |i| {
                if i % 2 == 0 {
                    assert_eq!(*lazy, calls + 1);
                } else {
                    once.call_once(gort::gosched);
                }
            });
            assert_eq!(CALLS.load(Ordering::Relaxed), calls + 1);
        }
    });
}

#[test]
fn threads_are_joined_and_parked() {
    matrix(|_| {
        all(10, |i| {
            let me = thread::current();
            let other = thread::spawn(move || {
                thread::sleep(Duration::from_millis(2));
                me.unpark();
                i
            });
            thread::park_timeout(Duration::from_secs(3600));
            assert_eq!(other.join().unwrap(), i);
        });
    });
}

/// They lose their Ps, and all Ps are idle then: they are brought back to one all the same, however
/// seldom they are found awake.
#[test]
fn sleeping_over_and_over() {
    matrix(|procs| {
        let goal = gort::runtime::stats().preemptions + 10;
        all(procs + 2, |_| {
            while gort::runtime::stats().preemptions < goal {
                thread::sleep(Duration::from_micros(50));
                // About as long.
                spin(if cfg!(debug_assertions) { 5000 } else { 50_000 });
            }
        });
    });
}

/// All at the same time, or the watchdog comes.
#[test]
fn sleeping_and_waiting_for_children() {
    matrix(|procs| {
        all(300, |_| thread::sleep(Duration::from_millis(500)));
        all(procs.min(4) + 4, |i| {
            let script = format!("sleep 0.1; exit {i}");
            let status = Command::new("sh").args(["-c", &script]).status().unwrap();
            assert_eq!(status.code(), Some(i as i32));
        });
    });
}

/// Opening a pipe with a name waits for the other end, and reading for what is written.
#[test]
fn pipes_with_names() {
    let dir = std::env::temp_dir().join(format!("gort-pipes-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    matrix(|procs| {
        let path = |i: usize| dir.join(format!("{procs}-{i}"));
        for i in 0..10 {
            assert!(Command::new("mkfifo").arg(path(i)).status().unwrap().success());
        }
        gort::scope(|s| {
            for i in 0..10 {
                s.go(move || {
                    let mut text = String::new();
                    File::open(path(i)).unwrap().read_to_string(&mut text).unwrap();
                    assert_eq!(text, format!("first {i}, second"));
                });
            }
            for i in (0..10).rev() {
                let mut file = File::create(path(i)).unwrap();
                write!(file, "first {i}").unwrap();
                thread::sleep(Duration::from_millis(1));
                write!(file, ", second").unwrap();
            }
        });
    });
    std::fs::remove_dir_all(&dir).unwrap();
}

/// Many print, some hold the lock on standard output while they yield and are pre-empted.
#[test]
fn storms_of_lines() {
    let output = Child::new("lines", || {
        matrix(|procs| {
            let _storm = storm(Some(2000));
            all(8, |me| {
                for i in 0..20 {
                    if me % 4 == 0 {
                        let mut out = std::io::stdout().lock();
                        write!(out, "line {procs} {me}").unwrap();
                        gort::gosched();
                        spin(1000);
                        writeln!(out, " {i} end").unwrap();
                    } else {
                        println!("line {procs} {me} {i} end");
                    }
                }
            });
        });
    })
    .run();
    if is_child() {
        return;
    }
    let text = stdout(&output);
    assert!(output.status.success(), "{:?} {}", output.status, stderr(&output));
    let lines = || text.lines().filter(|line| line.starts_with("line "));
    assert!(lines().all(|line| line.ends_with(" end") && line.len() < 20), "{text}");
    assert_eq!(lines().count(), 4 * 8 * 20, "{text}");
}

/// A page that comes when somebody brings it: what a page fault on slow storage is.
#[test]
fn a_page_fault_that_takes_its_time() {
    const PAGE: usize = 4096;
    /// `UFFDIO_API`, `UFFDIO_REGISTER` and `UFFDIO_COPY` with their structures.
    const API: libc::Ioctl = 0xc018_aa3f;
    const REGISTER: libc::Ioctl = 0xc020_aa00;
    const COPY: libc::Ioctl = 0xc028_aa03;
    // SAFETY: see the module.
    let fd = unsafe { libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC) } as libc::c_int;
    if fd < 0 {
        let error = std::io::Error::last_os_error();
        println!("userfaultfd: {error}");
        assert!(matches!(error.raw_os_error(), Some(libc::EPERM | libc::ENOSYS)), "{error}");
        return;
    }
    let ask = |request: libc::Ioctl, words: &mut [u64]| {
        // SAFETY: see the module.
        let result = unsafe { libc::ioctl(fd, request, words.as_mut_ptr()) };
        assert_eq!(result, 0, "{request:x}: {}", std::io::Error::last_os_error());
    };
    ask(API, &mut [0xaa, 0, 0]);
    matrix(|procs| {
        // SAFETY: see the module.
        let page = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            libc::mmap(std::ptr::null_mut(), PAGE, libc::PROT_READ, flags, -1, 0)
        };
        let address = page.expose_provenance() as u64;
        ask(REGISTER, &mut [address, PAGE as u64, 1, 0]);
        let late = AtomicUsize::new(0);
        gort::scope(|s| {
            for _ in 0..procs + 1 {
                s.go(|| {
                    let first = std::ptr::with_exposed_provenance::<u8>(address as usize);
                    // SAFETY: readable once it is there.
                    assert_eq!(unsafe { first.read_volatile() }, 7);
                    late.fetch_add(1, Ordering::Relaxed);
                });
            }
            thread::sleep(Duration::from_millis(5));
            assert_eq!(late.load(Ordering::Relaxed), 0);
            let contents = Arc::new([7u8; PAGE]);
            let from = contents.as_ptr().expose_provenance() as u64;
            ask(COPY, &mut [address, from, PAGE as u64, 0, 0]);
        });
        // SAFETY: nobody uses it any more.
        unsafe { libc::munmap(page, PAGE) };
    });
    // SAFETY: ours, and last used above.
    unsafe { libc::close(fd) };
}
