//! System call numbers against the kernel headers of the machine, and against libc's.
//!
//! That a declared call has a number at all is the compiler's business: `sys!` looks it up among
//! the constants of `nr`.

use gort_sys::nr;
use std::collections::{HashMap, HashSet};
use std::process::Command;

/// The headers' numbers by name; `None` without a C compiler or the headers.
fn headers() -> Option<HashMap<String, usize>> {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let output = Command::new(compiler)
        .args(["-E", "-dM", "-include", "asm/unistd.h", "-x", "c", "/dev/null"])
        .output()
        .ok()?;
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let numbers = text.lines().filter_map(|line| {
        let (name, number) = line.strip_prefix("#define __NR_")?.split_once(' ')?;
        Some((name.to_owned(), number.parse().ok()?))
    });
    Some(numbers.collect())
}

#[test]
fn numbers_are_the_headers() {
    let Some(headers) = headers() else {
        println!("no C compiler with kernel headers here; libc's numbers are checked all the same");
        return assert_libcs();
    };
    assert!(headers.len() > 300, "{} numbers in the headers", headers.len());
    for &(name, number) in nr::ALL {
        match headers.get(name) {
            Some(&want) => assert_eq!(number, want, "{name}"),
            // A call that is newer than the headers has a number that they do not know either.
            None => assert!(headers.values().all(|&other| other != number), "{name} = {number}"),
        }
    }
}

#[test]
fn numbers_and_names_occur_once() {
    let names: HashSet<_> = nr::ALL.iter().map(|(name, _)| name).collect();
    let numbers: HashSet<_> = nr::ALL.iter().map(|(_, number)| number).collect();
    assert_eq!((names.len(), numbers.len()), (nr::ALL.len(), nr::ALL.len()));
    assert!(nr::ALL.len() >= 300);
}

#[test]
fn numbers_are_libcs() {
    assert_libcs();
}

/// A choice from all parts of the list.
fn assert_libcs() {
    for (ours, libcs) in [
        (nr::READ, libc::SYS_read),
        (nr::MMAP, libc::SYS_mmap),
        (nr::RT_SIGRETURN, libc::SYS_rt_sigreturn),
        (nr::CLONE, libc::SYS_clone),
        (nr::EXIT_GROUP, libc::SYS_exit_group),
        (nr::FUTEX, libc::SYS_futex),
        (nr::OPENAT, libc::SYS_openat),
        (nr::EPOLL_PWAIT, libc::SYS_epoll_pwait),
        (nr::PRLIMIT64, libc::SYS_prlimit64),
        (nr::IO_URING_SETUP, libc::SYS_io_uring_setup),
        (nr::CLONE3, libc::SYS_clone3),
        (nr::FUTEX_WAITV, libc::SYS_futex_waitv),
    ] {
        assert_eq!(ours as i64, libcs);
    }
}
