//! What is declared `unsafe` is called in an unsafe block.

use gort_sys::{Result, sys};

sys! { unsafe extern "kernel" {
    unsafe sys munmap(address: *mut u8, len: usize) -> Result<()>;
} }

fn main() {
    let _ = munmap(std::ptr::null_mut(), 4096);
}
