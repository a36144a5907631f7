//! Child processes.
//!
//! # Safety
//!
//! What runs in a child before its program is one system call.

#![allow(unsafe_code)]

mod support;

use gort::fs::File;
use gort::io::{Read, Write, pipe};
use gort::process::{Child, Command, Stdio};
use gort::runtime::stats;
use gort_sys::types::Signal;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicU64, Ordering};
use support::files::{TempDir, leaks_nothing, pattern};
use support::{all, on_one_p, spin};

/// On goroutines under each GOMAXPROCS, then on an ordinary thread; descriptors are counted.
fn everywhere(test: impl Fn() + Sync) {
    support::everywhere(|| leaks_nothing(&test));
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[test]
fn endings() {
    everywhere(|| {
        assert!(Command::new("true").status().unwrap().success());
        assert_eq!(shell("exit 7").status().unwrap().code(), Some(7));
        let killed = shell("kill -TERM $$").status().unwrap();
        assert_eq!(killed.signal(), Some(Signal::TERM.0));
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        assert_eq!(child.try_wait().unwrap(), None);
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::KILL.0));
        // It is kept.
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::KILL.0));
        assert_eq!(child.try_wait().unwrap().unwrap().signal(), Some(Signal::KILL.0));
        assert!(child.kill().is_ok());
    });
}

#[test]
fn what_cannot_be_started() {
    everywhere(|| {
        let kind = |command: &mut Command| command.spawn().unwrap_err().kind();
        assert_eq!(kind(&mut Command::new("/no/such/program")), ErrorKind::NotFound);
        assert_eq!(kind(&mut Command::new("/etc/passwd")), ErrorKind::PermissionDenied);
        assert_eq!(kind(&mut Command::new("nul\0inside")), ErrorKind::InvalidInput);
        assert_eq!(kind(Command::new("true").current_dir("/no/such/place")), ErrorKind::NotFound);
        let mut piped = Command::new("/no/such/program");
        piped.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        assert_eq!(kind(&mut piped), ErrorKind::NotFound);
        assert_eq!(piped.output().unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn what_it_is_told() {
    everywhere(|| {
        let dir = TempDir::new();
        let mut command = shell("printf '%s ' \"$0\" \"$A\" \"$B\" \"$C\" \"$1\"; pwd");
        command.args(["zero", "one"]).env("A", "a").envs([("B", "b"), ("C", "c")]).env_remove("C");
        command.current_dir(dir.path());
        let here = std::fs::canonicalize(dir.path()).unwrap();
        let said = format!("zero a b  one {}\n", here.display());
        assert_eq!(String::from_utf8(command.output().unwrap().stdout).unwrap(), said);
        assert_eq!(command.get_program(), "sh");
        assert_eq!(command.get_args().count(), 4);
        assert_eq!(command.get_envs().count(), 3);
        assert_eq!(command.get_current_dir(), Some(dir.path()));
        let mut bare = Command::new("/usr/bin/env");
        assert_eq!(bare.env_clear().env("X", "y").output().unwrap().stdout, b"X=y\n");
        let mut named = Command::new("sh");
        named.arg0("another").args(["-c", "echo $0"]);
        assert_eq!(named.output().unwrap().stdout, b"another\n");
    });
}

/// After `output`, streams of which nothing was said are inherited, as if it had not been.
#[test]
fn output_leaves_no_trace() {
    everywhere(|| {
        let mut command = shell("cat; echo out; echo err >&2");
        for _ in 0..2 {
            let output = command.output().unwrap();
            assert_eq!((&*output.stdout, &*output.stderr), (&b"out\n"[..], &b"err\n"[..]));
        }
        command.stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::null());
        let mut child = command.spawn().unwrap();
        assert!(child.stdin.is_none() && child.stdout.is_none() && child.stderr.is_none());
        child.wait().unwrap();
        let mut quiet = Command::new("true");
        quiet.output().unwrap();
        let mut child = quiet.spawn().unwrap();
        assert!(child.stdout.is_none() && child.stderr.is_none());
        child.wait().unwrap();
        let said = shell("echo out; echo err >&2").stderr(Stdio::null()).output().unwrap();
        assert_eq!((&*said.stdout, &*said.stderr), (&b"out\n"[..], &b""[..]));
    });
}

/// More than pipes hold, on both at once.
#[test]
fn much_output() {
    everywhere(|| {
        let script = "head -c 1000000 /dev/zero | tr '\\0' e >&2 & head -c 1000000 /dev/zero; wait";
        let output = shell(script).output().unwrap();
        assert!(output.status.success());
        assert!(output.stdout == vec![0; 1_000_000]);
        assert!(output.stderr == vec![b'e'; 1_000_000]);
    });
}

/// Through a child and back.
#[test]
fn to_and_fro() {
    everywhere(|| {
        let mut child =
            Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut to, mut from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let data = pattern(1 << 20);
        let sent = data.clone();
        let writer = gort::go(move || to.write_all(&sent).unwrap());
        let mut got = Vec::new();
        from.read_to_end(&mut got).unwrap();
        assert!(got == data);
        writer.join().unwrap();
        assert!(child.wait().unwrap().success());
        // One that has closed its end.
        let mut child = Command::new("true").stdin(Stdio::piped()).spawn().unwrap();
        let mut to = child.stdin.take().unwrap();
        child.wait().unwrap();
        assert_eq!(to.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
        // One that waits for the end of its input, which waiting for it closes.
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        assert!(child.wait().unwrap().success());
    });
}

/// Files, pipes and another child's output as streams, which are blocking for the child.
#[test]
fn streams_of_all_kinds() {
    everywhere(|| {
        let dir = TempDir::new();
        let path = dir.join("file");
        let mut first = shell("echo one; echo two").stdout(Stdio::piped()).spawn().unwrap();
        let between = first.stdout.take().unwrap();
        let file = File::create(&path).unwrap();
        let mut second = Command::new("cat").stdin(between).stdout(file).spawn().unwrap();
        assert!(first.wait().unwrap().success() && second.wait().unwrap().success());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        let (mut reader, writer) = pipe().unwrap();
        let mut command = shell("cat; echo also >&2");
        command.stdin(File::open(&path).unwrap());
        command.stderr(writer.try_clone().unwrap()).stdout(writer);
        let mut child = command.spawn().unwrap();
        drop(command);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "one\ntwo\nalso\n");
        assert!(child.wait().unwrap().success());
    });
}

/// While all of them are waited for others go on, and few threads are there.
#[test]
fn a_hundred_at_once() {
    everywhere(|| {
        let spun = AtomicU64::new(0);
        all(101, |i| match i {
            100 => (0..1000).for_each(|_| {
                spin(1000);
                spun.fetch_add(1, Ordering::Relaxed);
                gort::gosched();
            }),
            _ => {
                let output = shell(&format!("read line; echo $line {i}; exit {i}"))
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .spawn()
                    .map(|mut child| {
                        child.stdin.take().unwrap().write_all(b"number\n").unwrap();
                        child.wait_with_output()
                    });
                let output = output.unwrap().unwrap();
                assert_eq!(output.status.code(), Some(i as i32));
                assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("number {i}\n"));
            }
        });
        assert_eq!(spun.load(Ordering::Relaxed), 1000);
    });
}

/// Who waits for a child parks.
#[test]
fn waiting_takes_no_thread() {
    on_one_p(|| {
        let mut children: Vec<Child> =
            (0..30).map(|_| Command::new("sleep").arg("1000").spawn().unwrap()).collect();
        let ids: Vec<_> = children.iter().map(Child::id).collect();
        gort::scope(|s| {
            for child in &mut children {
                s.go(|| assert_eq!(child.wait().unwrap().signal(), Some(Signal::TERM.0)));
            }
            for _ in 0..1000 {
                gort::gosched();
            }
            let now = stats();
            assert!(now.threads - now.idle_threads < 10, "{now:?}");
            for id in &ids {
                gort_sys::raw::kill(gort_sys::types::Pid(id.cast_signed()), Signal::TERM).unwrap();
            }
        });
    });
}

/// By fork, from a goroutine's C stack.
#[test]
fn before_the_program() {
    everywhere(|| {
        let mut command = shell("ulimit -n; cut -d' ' -f5 /proc/self/stat");
        // SAFETY: one system call.
        unsafe {
            command.pre_exec(|| {
                let few = libc::rlimit { rlim_cur: 77, rlim_max: 77 };
                match libc::setrlimit(libc::RLIMIT_NOFILE, &few) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            });
        }
        // In a group of its own.
        let child = command.process_group(0).stdout(Stdio::piped()).spawn().unwrap();
        let group = child.id();
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("77\n{group}\n"));
        let mut fails = Command::new("true");
        // SAFETY: nothing.
        unsafe { fails.pre_exec(|| Err(ErrorKind::PermissionDenied.into())) };
        assert!(fails.spawn().is_err());
    });
}

/// Without descriptors to spare, nothing is left behind, and waiting works all the same.
#[test]
fn no_descriptors() {
    let output = support::Child::new("none", || {
        gort::run(|| {
            drop(pipe().unwrap());
            let mut child = Command::new("sleep").arg("0.1").spawn().unwrap();
            let mut taken = Vec::new();
            let limit = libc::rlimit { rlim_cur: 64, rlim_max: 64 };
            // SAFETY: plain values.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
            while let Ok(file) = File::open("/dev/null") {
                taken.push(file);
            }
            assert!(child.wait().unwrap().success());
            assert!(pipe().is_err());
            assert!(Command::new("true").output().is_err());
            let error = Command::new("true").stdin(Stdio::piped()).spawn().unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
            drop(taken);
            assert!(Command::new("true").status().unwrap().success());
        });
    })
    .run();
    if !support::is_child() {
        assert!(output.status.success(), "{}", support::stderr(&output));
    }
}
