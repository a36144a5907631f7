//! What happens when there is no memory for another stack: who needs one gets one that others leave,
//! wherever they leave it.
//!
//! # Safety
//!
//! The calls take plain values and structures that are filled in here.

#![allow(unsafe_code)]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Child, has_thrown, is_child, stderr, stdout};

/// From here on no thread of this process can make a guard: no new stacks.
fn refuse_guards() {
    const GUARD_INSTALL: u32 = 102;
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let line = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut lines = [
        // The call's number, then its third argument: `madvise(.., GUARD_INSTALL)`, or, on older
        // kernels, `mprotect(.., PROT_NONE)`.
        line(LOAD, 0, 0, 0),
        line(EQUAL, 0, 2, libc::SYS_madvise as u32),
        line(LOAD, 0, 0, 32),
        line(EQUAL, 3, 4, GUARD_INSTALL),
        line(EQUAL, 0, 3, libc::SYS_mprotect as u32),
        line(LOAD, 0, 0, 32),
        line(EQUAL, 0, 1, libc::PROT_NONE as u32),
        line(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOMEM as u32),
        line(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
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

/// Three stacks for up to eight goroutines at a time, which migrate, so that a stack is often free with
/// one P when another needs it.
fn share_three() {
    let alive = AtomicUsize::new(0);
    gort::scope(|s| {
        for _ in 0..3 {
            s.go(|| {
                alive.fetch_add(1, Ordering::Relaxed);
                while alive.load(Ordering::Relaxed) < 3 {
                    gort::gosched();
                }
            });
        }
    });
    refuse_guards();
    for round in 0..3000 {
        let children: Vec<_> = (0..1 + round % 8)
            .map(|i| {
                gort::go(move || {
                    for _ in 0..(round + i) % 5 {
                        gort::gosched();
                    }
                })
            })
            .collect();
        children.into_iter().for_each(|child| child.join().unwrap());
    }
    println!("all have run");
}

#[test]
fn stacks_go_to_who_needs_them() {
    let two = Child::new("two", || gort::run(share_three)).env("GOMAXPROCS", 2).run();
    let eight = Child::new("eight", || gort::run(share_three)).env("GOMAXPROCS", 8).run();
    if is_child() {
        return;
    }
    for output in [two, eight] {
        let (out, err) = (stdout(&output), stderr(&output));
        assert!(output.status.success(), "{:?} {out} {err}", output.status);
        assert!(out.contains("all have run"), "{out}");
    }
}

#[test]
fn without_any_stack_it_says_so_and_ends() {
    let output = Child::new("none", || {
        gort::runtime::gomaxprocs(None);
        refuse_guards();
        gort::run(|| println!("went on"));
    })
    .run();
    if is_child() {
        return;
    }
    has_thrown(&output, "no memory for a goroutine's stack");
    assert!(!stdout(&output).contains("went on"));
}
