//! `std::process` on goroutines.
//!
//! # Safety
//!
//! Structures live for as long as the call that fills them; what runs in a child before its program is one system
//! call.

#![allow(unsafe_code)]

mod support;

use gort_std as _;
use libc::{c_int, pid_t};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::files::{leaks_nothing, pattern};
use support::{all, calls, everywhere, on_few_threads};

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// One that ends when its standard input does.
fn cat() -> Child {
    Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

fn errno() -> c_int {
    io::Error::last_os_error().raw_os_error().expect("an error")
}

#[test]
fn endings() {
    everywhere(|| {
        leaks_nothing(|| {
            assert!(Command::new("true").status().unwrap().success());
            assert_eq!(shell("sleep 0.01; exit 7").status().unwrap().code(), Some(7));
            let killed = shell("kill -TERM $$").status().unwrap();
            assert_eq!(killed.signal(), Some(libc::SIGTERM));
            let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
            assert_eq!(child.try_wait().unwrap(), None);
            child.kill().unwrap();
            assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
            // It is kept.
            assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
            let missing = Command::new("/no/such/program").status().unwrap_err();
            assert_eq!(missing.kind(), ErrorKind::NotFound);
        });
    });
}

#[test]
fn forked_children() {
    everywhere(|| {
        leaks_nothing(|| {
            // With something to do before the program: not by posix_spawn.
            let mut command = shell("echo $PWD; exit 3");
            command.current_dir("/");
            // SAFETY: one system call.
            unsafe {
                command.pre_exec(|| {
                    assert_eq!(libc::poll(null_mut(), 0, 1), 0);
                    Ok(())
                });
            }
            let output = command.output().unwrap();
            assert_eq!((output.status.code(), &*output.stdout), (Some(3), &b"/\n"[..]));
            // SAFETY: as above.
            let refused = unsafe {
                Command::new("true").pre_exec(|| Err(ErrorKind::Unsupported.into())).status()
            };
            assert!(refused.is_err());
        });
    });
}

#[test]
fn all_that_is_written() {
    const SIZE: usize = 300_000;
    everywhere(|| {
        leaks_nothing(|| {
            let output = shell("head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2; exit 4")
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(4));
            assert_eq!((output.stdout.len(), output.stderr.len()), (SIZE, SIZE));
            let output = shell("head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero")
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
                .wait_with_output()
                .unwrap();
            assert_eq!((output.stdout.len(), output.stderr.len()), (SIZE, SIZE));
        });
    });
}

#[test]
fn through_a_child() {
    everywhere(|| {
        let mut child = cat();
        let bytes = pattern(200_000);
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let mut got = Vec::new();
        std::thread::scope(|s| {
            s.spawn(|| {
                stdin.write_all(&bytes).unwrap();
                drop(stdin);
            });
            stdout.read_to_end(&mut got).unwrap();
        });
        assert_eq!(got, bytes);
        assert!(child.wait().unwrap().success());
    });
}

/// 200 goroutines, each of which waits for a child of its own.
#[test]
fn many_children_on_few_threads() {
    on_few_threads("children", || {
        const COUNT: usize = 200;
        let children: Vec<_> = (0..COUNT).map(|_| cat()).collect();
        let (ended, before) = (AtomicUsize::new(0), calls("waitpid"));
        gort::scope(|s| {
            let mut pipes = Vec::new();
            for mut child in children {
                pipes.push(child.stdin.take());
                let ended = &ended;
                s.go(move || {
                    assert!(child.wait().unwrap().success());
                    ended.fetch_add(1, Ordering::Relaxed);
                });
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
            assert_eq!(ended.load(Ordering::Relaxed), 0);
        });
        assert_eq!(ended.into_inner(), COUNT);
        assert!(calls("waitpid") >= before + COUNT as u64);
    });
}

#[test]
fn many_goroutines_run_children() {
    everywhere(|| {
        all(20, |i| {
            let output = shell(&format!("echo {i}; exit {i}")).output().unwrap();
            assert_eq!(output.status.code(), Some(i as i32));
            assert_eq!(output.stdout, format!("{i}\n").as_bytes());
        });
    });
}

/// What the functions of C say, to the last field.
#[test]
fn each_way_to_wait() {
    everywhere(|| {
        let start = |script: &str| shell(script).spawn().unwrap().id() as pid_t;
        let mut status = -1;
        // SAFETY: see the module.
        unsafe {
            let pid = start("sleep 0.01; exit 5");
            assert_eq!(libc::waitpid(pid, &mut status, 0), pid);
            assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 5);
            assert_eq!((libc::waitpid(pid, &mut status, 0), errno()), (-1, libc::ECHILD));
            assert_eq!((libc::waitpid(pid, &mut status, -1), errno()), (-1, libc::EINVAL));

            let pid = start("exec sleep 100");
            assert_eq!(libc::waitpid(pid, &mut status, libc::WNOHANG), 0);
            assert_eq!(libc::kill(pid, libc::SIGSTOP), 0);
            assert_eq!(libc::waitpid(pid, &mut status, libc::WUNTRACED), pid);
            assert!(libc::WIFSTOPPED(status) && libc::WSTOPSIG(status) == libc::SIGSTOP);
            assert_eq!(libc::kill(pid, libc::SIGKILL), 0);
            let mut info: libc::siginfo_t = std::mem::zeroed();
            let left = libc::WEXITED | libc::WNOWAIT;
            assert_eq!(libc::waitid(libc::P_PID, pid as u32, &mut info, left), 0);
            assert_eq!((info.si_pid(), info.si_status()), (pid, libc::SIGKILL));
            assert_eq!((info.si_signo, info.si_code), (libc::SIGCHLD, libc::CLD_KILLED));
            let mut usage: libc::rusage = std::mem::zeroed();
            assert_eq!(libc::wait4(pid, &mut status, 0, &mut usage), pid);
            assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGKILL);
            assert!(usage.ru_maxrss > 0);

            let pid = start("sleep 0.01");
            let number = libc::syscall(libc::SYS_pidfd_open, pid, 0) as c_int;
            let pidfd = OwnedFd::from_raw_fd(number);
            assert_eq!(libc::waitid(libc::P_PIDFD, number as u32, &mut info, libc::WEXITED), 0);
            assert_eq!((info.si_pid(), info.si_code), (pid, libc::CLD_EXITED));
            let again = libc::waitid(libc::P_PIDFD, number as u32, &mut info, libc::WEXITED);
            assert_eq!((again, errno()), (-1, libc::ECHILD));
            drop(pidfd);
            let pid = start("exec sleep 100");
            let number = libc::syscall(libc::SYS_pidfd_open, pid, libc::O_NONBLOCK) as c_int;
            let pidfd = OwnedFd::from_raw_fd(number);
            let id = pidfd.as_raw_fd() as u32;
            let impatient = libc::waitid(libc::P_PIDFD, id, &mut info, libc::WEXITED);
            assert_eq!((impatient, errno()), (-1, libc::EAGAIN));
            assert_eq!(libc::kill(pid, libc::SIGKILL), 0);
            assert_eq!(libc::waitpid(pid, null_mut(), 0), pid);
        }
    });
}

#[test]
fn shells_of_c() {
    everywhere(|| {
        // SAFETY: a command.
        let status = unsafe { libc::system(c"sleep 0.01; exit 6".as_ptr()) };
        assert_eq!(libc::WEXITSTATUS(status), 6);
    });
}
