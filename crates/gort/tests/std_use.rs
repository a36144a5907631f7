//! What std and libc do for a thread, they do for a goroutine that moves.
//!
//! # Safety
//!
//! Forked children, and what runs before an exec, call what is allowed there and end by `_exit`.

#![allow(unsafe_code)]

mod support;

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::ToSocketAddrs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;
use std::thread;
use support::{Child, all, hop, is_child, moving, stderr, stdout};

#[test]
fn hash_maps_and_formatting() {
    moving(|_| {
        all(4, |me| {
            let mut map = HashMap::new();
            for i in 0..300 {
                map.insert(format!("{me}-{i}"), i);
                if i % 100 == 0 {
                    hop();
                }
            }
            let other: HashMap<_, _> = map.iter().map(|(k, v)| (*v, k.clone())).collect();
            assert_eq!((map.len(), other.len()), (300, 300));
            assert_eq!(other[&299], format!("{me}-299"));
        });
    });
}

#[test]
fn printed_lines_stay_whole() {
    let output = Child::new("prints", || {
        moving(|procs| {
            all(8, |me| {
                for i in 0..5 {
                    println!("line {procs} {me} {i} end");
                    eprintln!("error {procs} {me} {i} end");
                    hop();
                }
            });
        });
    })
    .run();
    if is_child() {
        return;
    }
    assert!(output.status.success(), "{}", stderr(&output));
    for (text, word) in [(stdout(&output), "line"), (stderr(&output), "error")] {
        let mut lines: Vec<_> = text.lines().filter(|line| line.starts_with(word)).collect();
        assert!(lines.iter().all(|line| line.ends_with(" end")), "{text}");
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), 4 * 8 * 5, "{text}");
    }
}

#[test]
fn the_environment() {
    moving(|_| {
        all(4, |_| {
            let path = std::env::var_os("PATH");
            let before: HashMap<_, _> = std::env::vars_os().collect();
            hop();
            assert_eq!(std::env::var_os("PATH"), path);
            assert_eq!(std::env::vars_os().collect::<HashMap<_, _>>(), before);
            assert!(std::env::var("GORT_THERE_IS_NONE").is_err());
            assert!(std::env::current_dir().unwrap().is_absolute());
        });
    });
}

#[test]
fn files_and_their_errors() {
    let dir = std::env::temp_dir().join(format!("gort-files-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    moving(|procs| {
        all(4, |me| {
            let path = dir.join(format!("{procs}-{me}"));
            let missing = std::fs::File::open(&path).unwrap_err();
            hop();
            assert_eq!(missing.raw_os_error(), Some(libc::ENOENT));
            assert_eq!(io::Error::from_raw_os_error(libc::ENOENT).to_string(), missing.to_string());
            let mut file = std::fs::File::create_new(&path).unwrap();
            hop();
            file.write_all(b"some text").unwrap();
            drop(file);
            let again = std::fs::File::create_new(&path).unwrap_err();
            assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
            let mut text = String::new();
            let mut file = std::fs::File::open(&path).unwrap();
            hop();
            file.read_to_string(&mut text).unwrap();
            assert_eq!(text, "some text");
            std::fs::remove_file(&path).unwrap();
        });
    });
    std::fs::remove_dir(&dir).unwrap();
}

#[test]
fn threads_from_goroutines() {
    moving(|_| {
        all(4, |me| {
            let goroutine = thread::current().id();
            let values = vec![me; 100];
            let one = thread::spawn(move || {
                assert_eq!(gort::current(), None);
                (thread::current().id(), values.iter().sum::<usize>())
            });
            hop();
            let (id, sum) = one.join().unwrap();
            assert_ne!(id, goroutine);
            assert_eq!(sum, me * 100);
            let mut squares = [0; 4];
            thread::scope(|s| {
                for (n, square) in squares.iter_mut().enumerate() {
                    s.spawn(move || *square = n * n);
                }
                hop();
            });
            assert_eq!(squares, [0, 1, 4, 9]);
            let panicked = thread::Builder::new()
                .spawn(|| std::panic::resume_unwind(Box::new(me_too())))
                .unwrap();
            assert_eq!(panicked.join().unwrap_err().downcast_ref(), Some(&me_too()));
        });
    });
}

fn me_too() -> &'static str {
    "a thread's panic"
}

#[test]
fn goroutines_from_threads_from_goroutines() {
    moving(|_| {
        all(3, |me| {
            let from_thread = thread::spawn(move || {
                let inner = gort::go(move || {
                    hop();
                    me * 2
                });
                inner.join().unwrap()
            });
            // To block here would keep the goroutine from running where there is one P.
            while !from_thread.is_finished() {
                gort::gosched();
            }
            assert_eq!(from_thread.join().unwrap(), me * 2);
        });
    });
}

#[test]
fn commands() {
    moving(|_| {
        all(3, |me| {
            // posix_spawn.
            let output = Command::new("sh")
                .args(["-c", "echo out $0; echo err >&2; exit 3", &me.to_string()])
                .output()
                .unwrap();
            assert_eq!(stdout(&output), format!("out {me}\n"));
            assert_eq!((stderr(&output).as_str(), output.status.code()), ("err\n", Some(3)));
            hop();
            // fork and exec; the closure runs in the child, on a copy of this goroutine.
            let before = thread::current().id();
            let mut command = Command::new("sh");
            command.args(["-c", "kill -9 $$"]);
            // SAFETY: the closure calls nothing that another thread could have locked.
            unsafe {
                command.pre_exec(move || {
                    assert_eq!(thread::current().id(), before);
                    Ok(())
                });
            }
            let mut child = command.spawn().unwrap();
            hop();
            assert_eq!(child.wait().unwrap().signal(), Some(9));
            // A failure after fork comes back as an error here.
            let mut refused = Command::new("true");
            // SAFETY: as above.
            unsafe { refused.pre_exec(|| Err(io::Error::from_raw_os_error(libc::EDOM))) };
            assert_eq!(refused.spawn().unwrap_err().raw_os_error(), Some(libc::EDOM));
            let missing = Command::new("/there/is/none").spawn().unwrap_err();
            assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        });
    });
}

#[test]
fn names_are_resolved() {
    let resolve = || -> Vec<_> {
        let mut all: Vec<_> = "localhost:80".to_socket_addrs().into_iter().flatten().collect();
        all.sort();
        all
    };
    let expected = resolve();
    assert!(expected.iter().all(|address| address.port() == 80 && address.ip().is_loopback()));
    moving(|_| {
        all(3, |_| {
            for _ in 0..3 {
                assert_eq!(resolve(), expected);
                hop();
            }
            assert!("127.0.0.1".to_socket_addrs().is_err());
        });
    });
}

#[test]
fn a_forked_child_goes_on_with_the_goroutine() {
    thread_local! { static NUMBER: std::cell::Cell<usize> = const { std::cell::Cell::new(0) }; }
    moving(|_| {
        all(3, |me| {
            NUMBER.set(me);
            hop();
            // SAFETY: the child only reads this goroutine's variables, allocates (glibc sees to
            // malloc's locks at a fork), and exits.
            let pid = unsafe { libc::fork() };
            assert!(pid >= 0);
            if pid == 0 {
                let text = format!("{}", NUMBER.get() + 40);
                let parent = gort_sys::raw::getpid() != gort_sys::raw::getppid();
                let code = if parent { text.parse().unwrap_or(1) } else { 1 };
                // SAFETY: takes any number.
                unsafe { libc::_exit(code) }
            }
            hop();
            let mut status = 0;
            // SAFETY: `status` is written.
            assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
            assert!(libc::WIFEXITED(status), "status {status:#x}");
            assert_eq!(libc::WEXITSTATUS(status), me as i32 + 40);
        });
    });
}
