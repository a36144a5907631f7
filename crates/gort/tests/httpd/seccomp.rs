//! A system call that fails in the server's process, by a seccomp filter.
//!
//! # Safety
//!
//! What runs between fork and exec makes two system calls and nothing else.

#![allow(unsafe_code)]

use libc::{
    BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO,
    c_int, c_long, sock_filter, sock_fprog,
};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Which calls fail.
pub(crate) struct Fault {
    pub(crate) call: c_long,
    /// Those only that have this in the register with this number.
    pub(crate) arg: Option<(u32, u32)>,
    pub(crate) errno: c_int,
}

fn statement(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

/// Goes on with what comes next if equal, else `skip` further.
fn unless_equal(k: u32, skip: u8) -> sock_filter {
    sock_filter { code: (BPF_JMP | BPF_JEQ | BPF_K) as u16, jt: 0, jf: skip, k }
}

/// Lets them fail in the program that the command starts; with an error of starting it, if that is not
/// allowed here.
pub(crate) fn inject(command: &mut Command, fault: Fault) {
    let load = |offset| statement(BPF_LD | BPF_W | BPF_ABS, offset);
    let fails = statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | fault.errno as u32);
    let mut filter = vec![load(0)];
    match fault.arg {
        None => filter.push(unless_equal(fault.call as u32, 1)),
        Some((register, value)) => filter.extend([
            unless_equal(fault.call as u32, 3),
            load(16 + 8 * register),
            unless_equal(value, 1),
        ]),
    }
    filter.extend([fails, statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)]);
    let install = move || {
        let program = sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
        // SAFETY: the program is there while the kernel copies it.
        unsafe {
            if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
                || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program)
                    != 0
            {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: only system calls.
    unsafe { command.pre_exec(install) };
}

/// The program may have at most so many descriptors.
pub(crate) fn limit_descriptors(command: &mut Command, count: u64) {
    let set = move || {
        let limit = libc::rlimit { rlim_cur: count, rlim_max: count };
        // SAFETY: the limit is there while the kernel copies it.
        match unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: only a system call.
    unsafe { command.pre_exec(set) };
}
