//! The least that a program does on may: a coroutine, and its end.
//!
//! # Safety
//!
//! may's spawn is unsafe because its coroutines share their thread's thread-locals; println's are as good as none.

#![allow(unsafe_code)]

fn main() {
    // SAFETY: see the module.
    unsafe { may::coroutine::spawn(|| println!("hello")) }.join().unwrap();
}
