//! The main thread ends itself while others go on: the process ends with the last of them, well.
//!
//! # Safety
//!
//! It is C's `main`, with C's signature: Rust's own does not let itself be unwound. `pthread_exit` finds nothing on the
//! main thread's stack that it would have to clean up.

#![allow(unsafe_code)]
#![no_main]

gort_std::threads!();

use std::ffi::{c_char, c_int, c_void};
use std::process::Command;
use std::time::Duration;

const CHILD: &str = "GORT_TEST_MAIN_EXITS";

unsafe extern "C-unwind" {
    fn pthread_exit(value: *mut c_void) -> !;
}

#[unsafe(no_mangle)]
extern "C-unwind" fn main(_: c_int, _: *const *const c_char) -> c_int {
    match std::env::var(CHILD) {
        Ok(threads) => start(&threads),
        Err(_) => return parent(),
    }
    // SAFETY: see the module.
    unsafe { pthread_exit(std::ptr::null_mut()) }
}

fn start(threads: &str) {
    gort_sys::raw::alarm(60);
    for i in 0..threads.parse().expect("a number") {
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            if i == 0 {
                // Nobody has waited for this one when the others are over.
                let last = std::thread::spawn(|| {
                    std::thread::sleep(Duration::from_millis(20));
                    println!("the last");
                });
                last.join().expect("it does not panic");
            }
        });
    }
}

fn parent() -> c_int {
    let program = std::env::current_exe().expect("the program has a path");
    for (threads, said) in [("0", ""), ("1", "the last\n"), ("20", "the last\n")] {
        let output = Command::new(&program).env(CHILD, threads).output().expect("it can be run");
        assert_eq!(String::from_utf8_lossy(&output.stdout), said, "{output:?}");
        assert!(output.status.success(), "{output:?}");
    }
    println!("the process ended with its last thread");
    0
}
