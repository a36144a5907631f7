//! There are six registers; a slice takes two.

use gort_sys::{Result, sys};

sys! { unsafe extern "kernel" {
    sysnb seven(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32, g: i32) -> Result<()> = 1000;
    sysnb slices(fd: impl AsFd, a: &[u8], b: &mut [u32], c: impl Path, d: out u32) -> Result<u32> = 1000;
} }

fn main() {
    let _ = seven(1, 2, 3, 4, 5, 6, 7);
    let _ = slices(std::io::stdin(), &[], &mut [], "path");
}
